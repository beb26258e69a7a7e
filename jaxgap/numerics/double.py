"""Double precision, switched on in this one place, which the package imports; `jaxgap.numerics.precision` checks that nobody
switched it off again.

Gaps go like exp(-1/lambda), residuals are solved to 1e-13 and fold positions follow from differences of nearly equal
numbers, so jaxgap computes in float64 only.

JAX takes most of a second to import, and is not, only for that: when it is imported, it reads the setting from the
environment, which is as it was again as soon as jaxgap computes.
"""

import os
import sys

__all__ = ["restore_environment"]

_SETTING = "JAX_ENABLE_X64"
_before: list[str | None] = []
"""What the environment said, while it says something else."""


def _switch_on() -> None:
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", True)
    else:
        _before.append(os.environ.get(_SETTING))
        os.environ[_SETTING] = "1"


def restore_environment() -> None:
    """Leave the environment, which other processes inherit, as it was: JAX has read it."""
    while _before:
        if (value := _before.pop()) is None:
            os.environ.pop(_SETTING, None)
        else:
            os.environ[_SETTING] = value


_switch_on()
