"""Where a result comes from: versions, device and precision of the run."""

import platform
from importlib.metadata import version

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


def provenance(*more: str) -> Provenance:
    """Versions of jaxgap, `PACKAGES` (and `more`) and of Python, the device, the precision."""
    import jax  # Whoever asks for the version only needs none.

    device = jax.devices()[0]
    return {
        "versions": {"jaxgap": VERSION, **{name: version(name) for name in (*PACKAGES, *more)}},
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}",
        "precision": "float64",
    }
