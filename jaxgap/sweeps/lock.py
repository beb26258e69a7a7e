"""One writer at a time: a lock beside a sweep's store, which says who holds it.

It is the system's own (`flock`), which ends with the process that holds it, however it ends: nobody finds one that is stale.
File systems that several machines share keep it as well (NFS since version 4, Lustre, GPFS). Where there is no such lock, the
file itself is one: that of a process that is gone is taken over on the machine where it ran; elsewhere the sentence says
what to delete.
"""

import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jaxgap.numerics.checks import InputError

try:
    import fcntl
except ImportError:  # There is none on Windows.
    fcntl = None  # type: ignore[assignment]

__all__ = ["locked"]


@contextmanager
def locked(store: str | Path) -> Iterator[None]:
    """Nobody else writes the sweep at `store` inside the block.

    Raises:
        InputError: if somebody does, or the place cannot be written.
    """
    store = Path(store)
    place = store.resolve()  # By whatever name it is called.
    path = place.with_name(place.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _taken(path) if _system_locks(path.parent) else _made(path)
    except OSError as error:
        raise InputError(f"Cannot write the sweep `{store}`: {error}.") from None
    if file is None:
        raise InputError(
            f"The sweep `{store}` is being computed by {_holder(path) or 'another process'}: wait for it, or give this one "
            f"another store (if nobody does, delete `{path}`)."
        )
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)  # While it is held: who has opened this file sees that it is no longer the lock.
        os.close(file)


def _system_locks(folder: Path) -> bool:
    """Whether the system keeps locks in this folder."""
    if fcntl is None:
        return False
    with tempfile.TemporaryFile(dir=folder) as probe:
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _taken(path: Path) -> int | None:
    """The open lock file, which is now ours; None if it is somebody else's."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), path.stat()):
                os.ftruncate(file, 0)
                os.write(file, _myself())
                return file
        os.close(file)  # Its holder has removed it in between: the lock is another file now.


def _made(path: Path) -> int | None:
    """The same where a file that exists is the lock."""
    file, own = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.write(file, _myself())
        for _ in range(2):
            try:
                os.link(own, path)  # With its content, or not at all.
                return file
            except FileExistsError:
                if not _is_left(_holder(path)):
                    break
                _set_aside(path)
        os.close(file)
        return None
    finally:
        os.unlink(own)


def _set_aside(path: Path) -> None:
    """Remove the lock of a process that is gone; not one that has just been made in its place."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.left")
    with suppress(FileNotFoundError):
        os.replace(path, aside)
        if not _is_left(_holder(aside)):
            with suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink()


def _is_left(holder: str) -> bool:
    """Whether the holder is a process of this machine that is gone."""
    words = holder.replace(",", "").split()
    if os.name != "posix" or len(words) < 4 or words[3] != socket.gethostname():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _myself() -> bytes:
    return f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}".encode()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
