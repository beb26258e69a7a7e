"""Files of a result, written so that a reader finds either all of the old ones or all of the new ones; and text as other
programs write it.

Every file is written beside its place and moved there when all of them are complete: a full disk, a limit on the size of
files, an interruption or a folder that cannot be written leaves what was there as it was.
"""

import codecs
import io
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxgap.numerics.checks import InputError

__all__ = ["picture", "read_bytes", "read_columns", "read_text", "write_files", "write_picture"]


@runtime_checkable
class Drawn(Protocol):
    """A figure of matplotlib, which takes long to import."""

    def savefig(self, fname: io.BytesIO, *, format: str, dpi: int) -> None:
        """Write it."""


def write_files(contents: Mapping[Path, str | bytes]) -> tuple[Path, ...]:
    """Write all files, or none; text as UTF-8. Folders are made where they are missing. Returns the paths.

    Raises:
        InputError: if one of them cannot be written; all are then as they were.
    """
    aside: dict[Path, Path] = {}
    path = Path()
    try:
        for path, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            path.parent.mkdir(parents=True, exist_ok=True)
            target = path.resolve()  # A link stays one.
            if target.exists() and not target.is_file():
                _write(target, data)  # A pipe or a device, which nothing can be moved to; a folder, which is refused.
                continue
            if target.exists() and not os.access(target, os.W_OK):
                raise PermissionError(0, "the file is read-only")
            aside[target] = _beside(target, "new")
            _write(aside[target], data)
            if target.exists():
                aside[target].chmod(stat.S_IMODE(target.stat().st_mode))
        _move(aside)
    except OSError as error:
        raise InputError(f"Cannot write `{path}`: {error.strerror or error}. Nothing that was there is changed.") from None
    finally:
        for new in aside.values():
            with suppress(OSError):
                new.unlink(missing_ok=True)
    return tuple(contents)


def read_text(path: Path, what: str = "file") -> str:
    """The text of a file in UTF-8, or in UTF-16 with the byte-order mark that says so; without the mark.

    Raises:
        InputError: if there is no such file, or it cannot be read; `what` it is is said.
    """
    content = read_bytes(path, what)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        name = "UTF-16" if wide else "UTF-8"
        raise InputError(f"Cannot read the {what} `{path}`: it must be text in {name}, but {error.reason}.") from None
    if "\0" in text:
        raise InputError(f"Cannot read the {what} `{path}`: it must be text (UTF-8, or UTF-16 with a byte-order mark).")
    return text


def read_columns(path: Path, what: str, names: tuple[str, str]) -> tuple[list[float], list[float]]:
    """Two columns of numbers, separated by commas or spaces; lines that begin with # are none, nor is a first line of names.

    Raises:
        InputError: one sentence with the line.
    """
    rows: list[list[float]] = []
    for number, line in enumerate(read_text(path, what).splitlines(), 1):
        cells = line.partition("#")[0].replace(",", " ").split()
        if not cells:
            continue
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            if rows:
                raise InputError(f"{path}, line {number}: expected two numbers, but got {line.strip()!r}.") from None
            continue
        if len(cells) != 2:
            wanted = " and ".join(name.partition(" [")[0] for name in names)
            raise InputError(f"{path}, line {number}: expected two numbers, {wanted}, but got {line!r}.")
    if not rows:
        raise InputError(f"{path}: expected rows of {names[0]} and {names[1]}, but found none.")
    first, second = zip(*rows, strict=True)
    return list(first), list(second)


def read_bytes(path: Path, what: str = "file") -> bytes:
    """The content of a file.

    Raises:
        InputError: if there is no such file, or it cannot be read; `what` it is is said.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"The {what} `{path}` does not exist.") from None
    except OSError as error:
        raise InputError(f"Cannot read the {what} `{path}`: {error.strerror or error}.") from None


def picture(figure: Drawn, format: str = "png", dpi: int = 160) -> bytes:
    """A matplotlib figure as the content of a file."""
    content = io.BytesIO()
    figure.savefig(content, format=format, dpi=dpi)
    return content.getvalue()


def write_picture(figure: Drawn, path: Path) -> None:
    """A matplotlib figure as a file of the kind that its name says.

    Raises:
        InputError: if there is no such kind, or it cannot be written.
    """
    try:
        content = picture(figure, path.suffix.removeprefix(".") or "png")
    except ValueError as error:
        raise InputError(f"Cannot write the picture `{path}`: {error}.") from None
    write_files({path: content})


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            os.fsync(file.fileno())  # Some systems find out here only that the disk is full.


def _move(aside: Mapping[Path, Path]) -> None:
    """Move every file to its place; if that ends halfway, by an error or by Ctrl-C, the old ones come back."""
    old = {target: _beside(target, "old") for target in aside if target.exists()} if len(aside) > 1 else {}
    moved: list[Path] = []
    try:
        for target, kept in old.items():
            shutil.copy2(target, kept)
        for target, new in aside.items():
            moved.append(target)
            os.replace(new, target)
    except BaseException:
        for target in moved:
            if target in old:
                os.replace(old[target], target)
            elif not aside[target].exists():  # It was moved to where there was nothing.
                target.unlink(missing_ok=True)
        raise
    finally:
        for kept in old.values():
            with suppress(OSError):
                kept.unlink(missing_ok=True)
    for folder in {target.parent for target in aside}:
        _settle(folder)


def _beside(path: Path, what: str) -> Path:
    """A name of this process, in the same folder, so that moving is one step."""
    return path.with_name(f".{path.name}.{os.getpid()}.{what}")


def _settle(folder: Path) -> None:
    """Make the moves survive a loss of power, where the system can."""
    if os.name != "posix":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
