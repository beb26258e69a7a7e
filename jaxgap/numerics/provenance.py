"""Where a result comes from: versions, device and precision of the run."""

import platform
from importlib.metadata import version

import jax

__all__ = ["PACKAGES", "provenance"]

PACKAGES = ("jaxgap", "jax", "jaxlib", "equinox", "optax", "numpy", "scipy")
"""What numbers depend on."""


def provenance(*more: str) -> dict[str, str | dict[str, str]]:
    """Versions of `PACKAGES` (and of `more`) and of Python, the device, the precision."""
    device = jax.devices()[0]
    return {
        "versions": {name: version(name) for name in (*PACKAGES, *more)},
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}",
        "precision": "float64",
    }
