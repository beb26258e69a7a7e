"""The folder in which programs are kept between runs: whose it is, and how large it may become.

What is read from there is run. So it must belong to the user, and nobody else may be able to write there; a folder that is made
is for the user alone. Of what is kept the oldest goes first when there is too much of it.
"""

import os
import pickle
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

__all__ = ["MOST", "objection", "read_own", "restored", "trim"]

MOST = 2 * 2**30
"""Bytes that are kept; when they are exceeded the oldest files go, until three quarters are left."""
HARMLESS = {("copyreg", "_reconstructor"), ("copyreg", "__newobj__"), ("builtins", "object")}
"""What pickle makes objects with, besides their classes."""


def objection(folder: Path) -> str | None:
    """Why programs cannot be kept in `folder`, which is made if it does not exist; None if they can."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if reason := _not_only_mine(folder.stat()):
            return f"the folder `{folder}` {reason}"
        if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return f"the folder `{folder}` cannot be written"
    except OSError as error:
        return f"the folder `{folder}` cannot be made ({error.strerror})"
    return None


def _not_only_mine(status: os.stat_result) -> str | None:
    if os.name != "posix":
        return None
    if status.st_uid != os.getuid():
        return "belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by others (chmod go-w, if nobody has)"
    return None


def read_own(path: Path) -> bytes | None:
    """What is in a file that is the user's own, which counts as used now; None if there is none."""
    try:
        with path.open("rb") as file:
            if _not_only_mine(os.fstat(file.fileno())):
                return None
            os.utime(path)
            return file.read()
    except OSError:
        return None


def restored(content: bytes, module: str) -> object:
    """What pickle has kept of objects whose classes are jaxgap's or of the package of `module`.

    Raises:
        pickle.UnpicklingError: for anything else: a function that is called, say.
    """
    return _Restricted(BytesIO(content), ("jaxgap", module.partition(".")[0])).load()


class _Restricted(pickle.Unpickler):
    def __init__(self, file: BytesIO, packages: tuple[str, ...]):
        super().__init__(file)
        self.packages = packages

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        if (module, name) in HARMLESS:
            return super().find_class(module, name)
        found = super().find_class(module, name) if module.partition(".")[0] in self.packages and "." not in name else None
        if not isinstance(found, type):
            raise pickle.UnpicklingError(f"`{module}.{name}` is no class of {self.packages}")
        return found


def trim(folder: Path, most: int = MOST) -> None:
    """Delete the oldest files below `folder` if all of them take more than `most` bytes."""
    files = sorted(_files(folder))
    left = sum(size for _, size, _ in files)
    if left <= most:
        return
    for _, size, path in files:
        with suppress(OSError):  # Another process may be at the same.
            os.unlink(path)
        left -= size
        if left <= 0.75 * most:
            return


def _files(folder: Path) -> Iterable[tuple[float, int, str]]:
    """(time of change, size, path) of the files below `folder`."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with suppress(OSError):
                status = os.lstat(path)
                yield status.st_mtime, status.st_size, path
