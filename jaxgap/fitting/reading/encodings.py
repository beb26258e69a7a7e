"""Bytes of a text file as text, whichever program wrote them: UTF-8 and UTF-16 with or without a byte-order mark, Latin-1."""

import codecs
from pathlib import Path

from jaxgap.model.files import read_bytes
from jaxgap.numerics.checks import InputError

__all__ = ["read_any_text"]

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_any_text(path: Path, encoding: str | None = None) -> str:
    """The text of a file, in the encoding that is stated, or in the one that its bytes show.

    Raises:
        InputError: if it cannot be read, or is no text.
    """
    content = read_bytes(path, "data file")
    name = _found(content) if encoding is None else encoding
    try:
        text = content.decode(name).removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    except LookupError:
        raise InputError(f'{path}: `encoding` must be one that Python knows, such as "latin-1", but is `{name}`.') from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{line}: the file must be text in {name}, but {error.reason}.") from None
    if "\0" in text:
        raise InputError(
            f"{path}: the file must be text, but holds bytes that are none; its name must say if it is of another kind."
        )
    return text


def _found(content: bytes) -> str:
    """The encoding that bytes show."""
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return name
    # Numbers in UTF-16 have a zero in every other byte.
    start = content[:1000]
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(start) >= 4 and start[offset::2].count(0) > 0.9 * len(start[offset::2]) and 0 not in start[1 - offset :: 2]:
            return name
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
