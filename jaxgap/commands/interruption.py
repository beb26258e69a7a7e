"""Ctrl-C in the command line: one line, exit code 130, whatever is going on; a library that is imported does nothing of it.

Python hands a Ctrl-C to whatever its main thread does next. While packages are imported that ends in a traceback, inside XLA
it waits for the compiler, and where Python cannot raise (in a destructor, in a callback from C) it is lost. So it is taken
as soon as this module is imported, which the package does first, and remembered; and a thread of its own ends the process if
the rest does not do so soon.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["EXIT", "heeded", "say_interrupted"]

EXIT = 130
"""Exit code of an interrupted command: 128 and the number of the signal."""
GRACE = 5.0
"""Seconds to clean up in (an unfinished file is removed, a checkpoint kept) before the process ends all the same."""

_state = {"seen": False, "said": False, "cleaning": False}
_saying = threading.Lock()
"""Held while the line is said: the thread that ends the process waits until it is out."""
_bell: list[socket.socket] = []
"""Both ends of what wakes the thread; kept open."""


def _take_interruptions() -> None:
    """Take Ctrl-C from now on, if this process is the command `jaxgap` (or `python -m jaxgap`)."""
    if not _is_command() or threading.current_thread() is not threading.main_thread() or _bell:
        return
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return  # In the background, or somebody else's: left alone.
    _bell.extend(socket.socketpair())
    for end in _bell:
        end.setblocking(False)
    _bell[1].setblocking(True)
    signal.signal(signal.SIGINT, _raise)
    sys.unraisablehook = _unraisable
    # From the signal itself, not from Python's main thread, which may be inside the compiler.
    signal.set_wakeup_fd(_bell[0].fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, daemon=True).start()


@contextmanager
def heeded() -> Iterator[None]:
    """Inside, a Ctrl-C is a KeyboardInterrupt first, so that there is time to clean up; then it ends the process with its line
    and its code, also if nothing came of it."""
    _state.update(cleaning=True, said=False)
    try:
        yield
    except KeyboardInterrupt:
        _state["seen"] = True
    except SystemExit as end:
        if end.code != EXIT and not _state["seen"]:
            raise
        _state["seen"] = True
    finally:
        _state["cleaning"] = False
    if _state["seen"]:
        _state["seen"] = False
        say_interrupted()
        sys.exit(EXIT)


def say_interrupted(what: str = "Interrupted.") -> None:
    """The one line that is said of a Ctrl-C."""
    if not _saying.acquire(timeout=GRACE):
        return  # Nobody reads, and the other thread waits for that.
    try:
        if not _state["said"]:
            _state["said"] = True
            print(f"jaxgap: {what}", file=sys.stderr, flush=True)
    finally:
        _saying.release()


def _raise(*_: object) -> None:
    _state["seen"] = True
    if _state["cleaning"]:
        raise KeyboardInterrupt  # Else the thread ends the process.


def _unraisable(found: Any) -> None:
    """What Python says of an exception that it cannot raise; of Ctrl-C nothing, which is remembered."""
    if found.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(found)


def _watch() -> None:
    while True:
        if signal.SIGINT in _bell[1].recv(64):
            _state["seen"] = True
            if not _state["cleaning"]:
                _leave()
            threading.Timer(GRACE, _leave).start()


def _leave() -> None:
    try:
        if sys.stderr.isatty():
            # The line of what is waited for, which nobody takes away any more, and the cursor that it hides.
            sys.stderr.write("\r\x1b[2K\x1b[?25h")
        say_interrupted()
    finally:
        os._exit(EXIT)


def _is_command() -> bool:
    program = sys.argv[0] if sys.argv else ""
    # While `python -m jaxgap` imports the package, its first argument is still the option.
    return Path(program).stem in ("jaxgap", "jaxgap-script") or (program == "-m" and "jaxgap" in sys.orig_argv)


_take_interruptions()
