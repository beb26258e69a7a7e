"""What reading with other libraries has in common: they may be missing, and they raise whatever the bytes lead them to."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from jaxgap.numerics.checks import InputError

__all__ = ["as_a_file_of", "require"]


def require(path: Path, *packages: str) -> None:
    """Say what to install if something is missing that a file needs.

    Raises:
        InputError: if so.
    """
    if missing := [name for name in packages if find_spec(name) is None]:
        raise InputError(f'{path}: reading this needs {" and ".join(missing)}: pip install "jaxgap[files]".')


@contextmanager
def as_a_file_of(path: Path, kind: str) -> Iterator[None]:
    """Whatever a library raises inside says that the file is none of its `kind`, in one sentence with the library's reason."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        text = " ".join(str(error).split("\n")[0].strip("'\". ").split()) or type(error).__name__
        raise InputError(f"{path}: the file must be {kind}, but {text[:1].lower()}{text[1:]}.") from None
