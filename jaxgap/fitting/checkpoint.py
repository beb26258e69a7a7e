"""What a long run has done so far, on disk: what it goes on from, never half-written, and never another run's.

The file is an ordinary npz archive. It is written beside its place and moved there, so that at every moment there is a
complete one. It holds a digest of its content, and the settings of the run that it belongs to.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxgap.model.files import write_files
from jaxgap.numerics.checks import InputError

__all__ = ["NAME", "digest_of", "drawn_so_far", "load_checkpoint", "save_checkpoint"]

NAME = "posterior.npz"
"""The file's name, beside the data."""
_REMEDY = "use another folder, or start anew with --fresh"


def save_checkpoint(path: Path, settings: Mapping[str, object], arrays: dict[str, np.ndarray]) -> None:
    """Replace the checkpoint `path` by one with these settings and arrays, at once.

    Raises:
        InputError: if it cannot be written.
    """
    named = {**arrays, "settings": np.array(json.dumps(settings, sort_keys=True))}
    content = io.BytesIO()
    np.savez(content, digest=np.array(_digest(named)), allow_pickle=False, **named)
    write_files({path: content.getvalue()})


def load_checkpoint(path: Path, settings: Mapping[str, object]) -> dict[str, np.ndarray] | None:
    """The arrays of the checkpoint `path`; None if there is none.

    Raises:
        InputError: if it is damaged, or belongs to a run with other settings.
    """
    if not path.exists():
        return None
    try:
        arrays = _read(path)
        digest, kept = str(arrays.pop("digest")), json.loads(str(arrays["settings"]))
        sound = digest == _digest(arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        sound, kept = False, {}
    if not sound:
        raise InputError(f"The checkpoint `{path}` is damaged and not used: {_REMEDY}.")
    for name in settings:
        if kept.get(name) != settings[name]:
            values = f" ({kept.get(name)}, not {settings[name]})" if name in ("seed", "warmup", "chains") else ""
            raise InputError(f"The checkpoint `{path}` belongs to a run with other {name}{values}: {_REMEDY}.")
    del arrays["settings"]
    return arrays


def digest_of(content: object) -> str:
    """A name for what can be written as JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def drawn_so_far(path: Path) -> int:
    """Draws of every chain in the checkpoint `path`; 0 if there is none that can be read."""
    try:
        return len(_read(path)["theta"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return 0


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
