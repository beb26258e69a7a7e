"""Where a result comes from: versions, device, precision and date of the run, the commit of the sources, the data."""

import hashlib
import json
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NotRequired

from typing_extensions import TypedDict  # pydantic, which reads it again, takes no other before Python 3.12

__all__ = ["PACKAGES", "VERSION", "Provenance", "provenance"]

VERSION = "0.2.0"
"""Of jaxgap, in its one place: the build (pyproject.toml), `jaxgap.__version__` and the records of results read it here."""

PACKAGES = ("jax", "jaxlib", "equinox", "optax", "numpy", "scipy")
"""What numbers depend on besides jaxgap itself."""


class Provenance(TypedDict):
    """What a number was computed with."""

    versions: dict[str, str]
    """Package -> version."""
    python: str
    """Its version."""
    device: str
    """Kind and name of the device."""
    precision: str
    """Of numbers: float64."""
    date: NotRequired[str]
    """Of the end of the run, in UTC. Results of 0.2 and before lack it, and the commit and the data."""
    commit: NotRequired[str]
    """Of the sources, where they are a checkout with git: with `-dirty` if they were changed. Empty for what is installed."""
    data: NotRequired[str]
    """SHA-256 of the data as they were read."""


def provenance(*more: str, data: object = None) -> Provenance:
    """Versions of jaxgap, `PACKAGES` (and `more`) and of Python, the device, the precision, the date, the commit, and a hash of
    the `data` that can be written as JSON."""
    import jax  # Whoever asks for the version only needs none.

    device = jax.devices()[0]
    found: Provenance = {
        "versions": {"jaxgap": VERSION, **{name: version(name) for name in (*PACKAGES, *more)}},
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}",
        "precision": "float64",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
    }
    if data is not None:
        found["data"] = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    return found


@cache
def _commit() -> str:
    """Of the repository that these sources are in; empty if they are in none, or git cannot say."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
