r"""A sweep as NetCDF, which many programs read and which has no complex numbers: Delta becomes Delta_re and Delta_im,

.. math:: \Delta_c = \Delta_c^{\rm re} + i \Delta_c^{\rm im}

each with the unit of Delta. Coordinates, units and the meanings of codes are attributes as the CF conventions have them
(cfconventions.org, version 1.11).
"""

from pathlib import Path
from typing import Any

import numpy as np

from jaxgap.sweeps.extras import require

__all__ = ["real_parts", "to_netcdf"]


def real_parts(data: Any) -> Any:
    """The data set with every complex variable as two real ones, `<name>_re` and `<name>_im`."""
    for name in [name for name, one in data.data_vars.items() if one.dtype.kind == "c"]:
        one, said = data[name], data[name].attrs.get("long_name", name)
        parts = {"re": ("real", one.real), "im": ("imaginary", one.imag)}
        new = {
            f"{name}_{end}": part.assign_attrs(one.attrs | {"long_name": f"{word} part of {said}"})
            for end, (word, part) in parts.items()
        }
        data = data.drop_vars(name).assign(new)
    return data


def to_netcdf(data: Any, path: str | Path) -> Path:
    """Write the data set of a sweep as a NetCDF file, and return its path.

    Args:
        data: from `sweep` or `open_sweep`.
        path: of the file, which is written anew.
    """
    require("h5netcdf")
    data = real_parts(data).copy()
    for one in data.variables.values():
        if "flag_values" in one.attrs:  # Of the type of what they stand for.
            one.attrs["flag_values"] = np.array(one.attrs["flag_values"], one.dtype)
    data.to_netcdf(path, engine="h5netcdf")
    return Path(path)
