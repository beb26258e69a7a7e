"""Where a result comes from: versions, device and precision of the run."""

import platform
from importlib.metadata import version

import jax
from typing_extensions import TypedDict  # pydantic, which reads it again, takes no other before Python 3.12

__all__ = ["PACKAGES", "Provenance", "provenance"]

PACKAGES = ("jaxgap", "jax", "jaxlib", "equinox", "optax", "numpy", "scipy")
"""What numbers depend on."""


class Provenance(TypedDict):
    """What a number was computed with."""

    versions: dict[str, str]
    python: str
    device: str
    precision: str


def provenance(*more: str) -> Provenance:
    """Versions of `PACKAGES` (and of `more`) and of Python, the device, the precision."""
    device = jax.devices()[0]
    return {
        "versions": {name: version(name) for name in (*PACKAGES, *more)},
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}",
        "precision": "float64",
    }
