"""Packages of the extras `sweeps` and `cluster`, imported when they are needed, with one sentence where they are missing."""

from importlib import import_module
from typing import Any

from jaxgap.numerics.checks import InputError

__all__ = ["require"]

EXTRAS = {"h5netcdf": "sweeps", "xarray": "sweeps", "zarr": "sweeps", "distributed": "cluster"}


def require(name: str) -> Any:
    """The package `name`.

    Raises:
        InputError: if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        extra = EXTRAS[name]
        raise InputError(f'This needs {name}, which cannot be imported ({error}): pip install "jaxgap[{extra}]".') from None
