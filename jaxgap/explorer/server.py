"""The explorer's page on this machine alone.

It listens on 127.0.0.1 and answers whoever knows the token in the address. A page of another site that a browser shows cannot:
it does not know the token, and its requests name another host or another origin, which is refused. The page itself may load
nothing from anywhere else (Content-Security-Policy).
"""

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import urlsplit

from jaxgap.explorer.assets import frame, module, style
from jaxgap.explorer.pieces import Desk
from jaxgap.numerics.checks import InputError

__all__ = ["ADDRESS", "Server"]

ADDRESS = "127.0.0.1"
MOST_BYTES = 1_000_000
"""Of a question."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: load its own module and style sheet, ask this server, and draw pictures that it made itself."""
FILES = {
    "": ("text/html; charset=utf-8", frame),
    "explorer.js": ("text/javascript; charset=utf-8", module),
    "explorer.css": ("text/css; charset=utf-8", style),
}


class Server(ThreadingHTTPServer):
    """Serves one explorer until it is shut down."""

    daemon_threads = True

    def __init__(self, desk: Desk, port: int = 0) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.desk, self.token = desk, secrets.token_urlsafe(24)

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://{ADDRESS}:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """What a browser is to open."""
        return f"{self.origin}/{self.token}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a request may call it; a name that another site has pointed here is none of them."""
        port = self.server_address[1]
        return f"{ADDRESS}:{port}", f"localhost:{port}"


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "jaxgap", ""

    @property
    def served(self) -> Server:
        return cast(Server, self.server)

    def do_GET(self) -> None:
        name = self._asked_for()
        if name is None:
            return
        if name == "about":
            self._send(HTTPStatus.OK, "application/json", json.dumps(self.served.desk.about()))
        elif name in FILES:
            kind, content = FILES[name]
            self._send(HTTPStatus.OK, kind, content())
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such page.")

    def do_POST(self) -> None:
        name = self._asked_for()
        if name is None:
            return
        if name != "answers" or self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.NOT_FOUND, "Questions are JSON, sent to `answers`.")
            return
        message = self._message()
        if message is not None:
            self._answer(message)

    def _asked_for(self) -> str | None:
        """What of the page is asked for, behind the token; None if the request was refused."""
        if self.headers.get("Host", "") not in self.served.hosts:
            self._refuse(HTTPStatus.FORBIDDEN, "This explorer is open on its own machine only.")
            return None
        origin = self.headers.get("Origin")
        if origin is not None and origin not in [f"http://{host}" for host in self.served.hosts]:
            self._refuse(HTTPStatus.FORBIDDEN, "This explorer answers its own page only.")
            return None
        token, _, name = urlsplit(self.path).path.removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.served.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "Open the address that `jaxgap explore` has printed, with the token in it.")
            return None
        return name

    def _message(self) -> Mapping[str, object] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self._refuse(HTTPStatus.BAD_REQUEST, f"A question has a length, of at most {MOST_BYTES:,} bytes.")
            return None
        try:
            message = json.loads(self.rfile.read(int(length)))
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._refuse(HTTPStatus.BAD_REQUEST, "A question is an object of JSON.")
            return None
        return message

    def _answer(self, message: Mapping[str, object]) -> None:
        """The events, a line each, as they come; a page that has gone on to its next question hears no more."""
        self._head(HTTPStatus.OK, "application/x-ndjson", None)
        try:
            for event in self.served.desk.events(message):
                self.wfile.write(json.dumps(event, allow_nan=False).encode() + b"\n")
                self.wfile.flush()
        except InputError as error:
            self.wfile.write(json.dumps({"piece": "setting", "error": str(error)}).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._send(status, "text/plain; charset=utf-8", sentence + "\n")

    def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
        content = text.encode()
        self._head(status, kind, len(content))
        self.wfile.write(content)

    def _head(self, status: HTTPStatus, kind: str, length: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal says where the page is."""
