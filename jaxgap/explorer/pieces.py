"""The pieces of an answer, and how they are told: one event after the other, so that a page shows what is there while the rest
is computed, two pieces at a time in the order in which they are asked for. What a move does not change is not computed again.

A newer move of the same page makes what has not begun stale: it is not computed, and what runs in many parts (all solutions, a
phase map) ends with the part it is at. While one piece takes long, its event says for
how long, and whether it compiles.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, cast

import jax
import numpy as np

from jaxgap.explorer.moment import Answer, Moment, energies, point, remarks, spectra
from jaxgap.explorer.scope import missing
from jaxgap.explorer.setting import described, setting_of
from jaxgap.materials import SYSTEMS
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, NotConvergedError, check
from jaxgap.numerics.programs import compiling
from jaxgap.numerics.wanted import NotWantedError, while_wanted

if TYPE_CHECKING:
    from jaxgap.explorer.refit import Folder

__all__ = ["PIECES", "Desk", "plain"]

EVERY = 0.5
"""Seconds between two words on what takes long."""
FOLLOWED = {"idle": "moves"}
"""A line of questions, and the one whose pauses it uses: its newer moves make the first one's answers stale, too."""
TOGETHER = 2
"""Pieces that are computed at a time."""

Piece = Callable[[Moment, Mapping[str, object]], Answer]


def _around(name: str) -> Piece:
    """A piece of `jaxgap.explorer.around`, whose rooms take as long to enter as all others together: the first picture does
    not wait for them."""

    def piece(moment: Moment, message: Mapping[str, object]) -> Answer:
        found: Answer = getattr(import_module("jaxgap.explorer.around"), name)(moment)
        return found

    return piece


def _map(moment: Moment, message: Mapping[str, object]) -> Answer:
    from jaxgap.explorer.around import map_of

    return map_of(moment.setting, int(cast(int, message["points"])), float(cast(float, message["hottest"])))


PIECES: dict[str, Piece] = {
    "system": lambda moment, message: described(moment.setting.sc, str(message.get("system") or "")),
    "point": lambda moment, message: point(moment),
    "energies": lambda moment, message: energies(moment),
    "remarks": lambda moment, message: remarks(moment),
    "spectra": lambda moment, message: spectra(moment),
    "slopes": _around("slopes"),
    "branches": _around("branches"),
    "states": _around("states"),
    "jumps": _around("jumps"),
    "map": _map,
}

OF_SYSTEM = ("sc",)
OF_TEMPERATURE = (*OF_SYSTEM, "T")
OF_STATE = (*OF_TEMPERATURE, "branch")
DEPENDS: dict[str, tuple[str, ...]] = {
    "remarks": OF_SYSTEM,
    "branches": OF_SYSTEM,
    "jumps": OF_SYSTEM,
    "states": OF_TEMPERATURE,
    "point": OF_STATE,
    "energies": OF_STATE,
    "slopes": OF_STATE,
    "spectra": (*OF_STATE, "Gamma"),
}
"""What of a `Setting` a piece depends on, if not on the rest of a question: its last answer holds until that changes."""


class Desk:
    """Where a page's questions are answered: the system that the explorer was opened with, and who asked last."""

    def __init__(self, sc: Superconductor, name: str = "", folder: "Folder | None" = None) -> None:
        self.sc, self.name, self.folder = sc, name, folder
        self.latest: dict[tuple[str, str], int] = {}
        """(page, line) -> its newest move. A page has two lines: what follows every move, and what waits for a pause."""
        # The room of fits takes time to enter: only who asks for a fit does.
        self.pieces = PIECES | {"fit": self._fit, "files": self._files}
        self.locks = {name: Lock() for name in self.pieces}
        """Two answers of a kind would only take each other's time."""
        self.pool = ThreadPoolExecutor(8, thread_name_prefix="explorer")
        self.last: dict[str, tuple[object, Answer]] = {}
        """piece -> what its last answer depended on, and that answer."""

    def begin(self) -> None:
        """The first picture is made before a page asks for it: a browser takes a while to begin, too."""
        self.pool.submit(self._first)

    def _first(self) -> None:
        # What fails here fails again, and is told, when a page asks for it.
        asked = described(self.sc, self.name)
        given = {name: asked[name] for name in ("T", "Gamma", "along", "symmetric", "convention")}
        for _ in self.events({**given, "pieces": ["energies", "point"]}):
            pass

    def about(self) -> Answer:
        """What a page needs to begin."""
        return plain({"system": described(self.sc, self.name) | self._measured(), "materials": [*SYSTEMS]})

    def _measured(self) -> Answer:
        """The data of a fit folder, and its parameters."""
        if self.folder is None:
            return {"measured": [], "parameters": None}
        from jaxgap.explorer.refit import measured_in

        config, _, data = self.folder
        assumed = config.entries[0].assumed_error_meV if hasattr(config.entries[0], "assumed_error_meV") else 0.1
        branch = config.system.branch if config.system.branch.startswith("s") else ""
        return {"measured": measured_in(data, assumed), "parameters": [*config.parameters], "branch": branch}

    def _fit(self, moment: Moment, message: Mapping[str, object]) -> Answer:
        from jaxgap.explorer.refit import refitted

        return refitted(self._folder_of(message), moment.setting, message)

    def _files(self, moment: Moment, message: Mapping[str, object]) -> Answer:
        from jaxgap.explorer.refit import files

        return files(self._folder_of(message), moment.setting, message)

    def _folder_of(self, message: Mapping[str, object]) -> "Folder | None":
        """The fit folder, unless the page has gone to another system."""
        return None if message.get("system") else self.folder

    def events(self, message: Mapping[str, object]) -> Iterator[Answer]:
        """The answers to a page's message, one event each: {piece, answer} or {piece, error}, and before those that take long
        {piece, seconds, compiling}."""
        line, move = (str(message.get("page")), str(message.get("line"))), int(cast(int, message.get("move", 0)))
        self.latest[line] = max(self.latest.get(line, 0), move)
        pieces = message.get("pieces", ())
        known = isinstance(pieces, list) and all(piece in self.pieces for piece in pieces)
        check(known, "pieces", f"be a list of {', '.join(self.pieces)}", repr(pieces))
        try:
            moment = Moment(setting_of(self.sc, message))
        except InputError as error:
            yield {"piece": "setting", "error": str(error)}
            return
        began, waiting, running = time.monotonic(), list(cast(list[str], pieces)), dict[Future[Answer], str]()
        while waiting or running:
            if self._stale(line, move):
                return
            while waiting and len(running) < TOGETHER:
                piece = waiting.pop(0)
                running[self.pool.submit(self._answer, piece, moment, message, line, move)] = piece
            done = wait(running, EVERY, return_when=FIRST_COMPLETED).done
            for future in done:
                del running[future]
                yield future.result()
            for piece in () if done else running.values():
                yield {"piece": piece, "seconds": round(time.monotonic() - began, 1), "compiling": compiling()}

    def _stale(self, line: tuple[str, str], move: int) -> bool:
        """Whether there is a newer move of the line, or of the one that it waits for."""
        page, name = line
        return any(self.latest.get((page, one), 0) > move for one in {name, FOLLOWED.get(name, name)})

    def _answer(self, piece: str, moment: Moment, message: Mapping[str, object], line: tuple[str, str], move: int) -> Answer:
        with self.locks[piece]:
            if self._stale(line, move):
                return {"piece": piece, "stale": True}
            why_not = missing(moment.setting.sc, piece)
            if why_not is not None:
                return {"piece": piece, "error": why_not}
            began = time.perf_counter()
            try:
                with while_wanted(lambda: not self._stale(line, move)):
                    answer = self._found(piece, moment, message)
            except NotWantedError:
                return {"piece": piece, "stale": True}
            except (InputError, NotConvergedError) as error:
                return {"piece": piece, "error": str(error)}
            return {"piece": piece, "answer": answer, "ms": round(1e3 * (time.perf_counter() - began), 1)}

    def _found(self, piece: str, moment: Moment, message: Mapping[str, object]) -> Answer:
        """The answer, or the last one if nothing that it depends on has changed."""
        if piece not in DEPENDS:
            return plain(self.pieces[piece](moment, message))
        key = tuple(_exactly(getattr(moment.setting, name)) for name in DEPENDS[piece])
        before, answer = self.last.get(piece, (None, {}))
        if before != key:
            answer = plain(self.pieces[piece](moment, message))
            self.last[piece] = key, answer
        return answer


def _exactly(value: object) -> object:
    """What is equal for equal numbers in equal structures only."""
    leaves, kind = jax.tree.flatten(value)
    return kind, tuple(np.asarray(leaf).tobytes() if isinstance(leaf, np.ndarray | jax.Array) else leaf for leaf in leaves)


def plain(value: object) -> Answer:
    """A dictionary of arrays and numbers as JSON can hold it; numbers that do not exist are null."""
    return cast(Answer, _plain(value))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.ndarray | jax.Array | np.generic):
        array = np.asarray(value)
        known = array.dtype.kind != "f" or bool(np.isfinite(array).all())
        return array.tolist() if known else _plain(array.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value
