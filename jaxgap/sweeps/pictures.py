r"""Pictures of sweeps: a line over one axis, a map over two, with units.

.. math:: O(x), \qquad O(x, y)"""

from typing import Any

import numpy as np

from jaxgap.drawing import COLOURS, axes_or_new, axis_label
from jaxgap.numerics.checks import check

__all__ = ["plot_sweep"]

LACKING = "0.8"
"""Grey: points that have no value."""
FEW = 100
"""Points of a curve up to which they are shown as such: a line between two of them may hide a jump."""


def plot_sweep(data: Any, variable: str, ax: Any = None, **at: Any) -> Any:
    """A variable of a sweep: a curve over one axis (one for every value of a named dimension), or a map over two.

    Args:
        data: what `sweep` or `open_sweep` returned.
        variable: its name.
        ax: axes of matplotlib to draw on; None: new ones.
        at: dimension -> value (of an axis, the nearest point is taken) or, without coordinates, index, for what is held fixed:
            `plot_sweep(data, "branch_minimum", branch="a:b lower", T=4.2)`, or `**{"mu[a]": 50.0}`.

    Example:
        >>> data = jg.sweeps.sweep(jg.materials.two_band(), {"lambda_33": [0.1, 0.2]}, ["branch_minimum"], T=4.2)
        >>> jg.sweeps.plot_sweep(data, "branch_minimum").get_ylabel()
        'excitation gap (branch minimum) (meV)'
    """
    check(variable in data, "variable", f"be one of {', '.join(map(str, data))}", repr(variable))
    values, said = _chosen(_over_first_column(data[variable]), at)
    axes = [dim for dim in values.dims if dim in values.coords and values.coords[dim].dtype.kind == "f"]
    curves = [dim for dim in values.dims if dim not in axes]
    good = len(axes) in (1, 2) and (len(axes) == 1 or not curves) and len(curves) <= 1
    left = ", ".join(map(str, values.dims))
    check(good, "at", "leave one axis (and at most one other dimension) or two axes", f"the dimensions {left or 'none'}")
    check(values.dtype.kind != "c", "variable", "be real (plot the .real of a complex one)", f"complex `{variable}`")
    ax = axes_or_new(ax)
    if len(axes) == 1:
        _draw_curves(values, str(axes[0]), curves, ax)
    else:
        _draw_map(values, [str(axis) for axis in axes], ax)
    ax.set_title(", ".join([*said, *([data.attrs["title"]] if data.attrs.get("title") else [])]), fontsize=10)
    return ax


def _over_first_column(values: Any) -> Any:
    """Samples as a function of their first column."""
    columns = [name for name, column in values.coords.items() if column.dims == ("sample",)]
    return values.swap_dims({"sample": columns[0]}).sortby(columns[0]) if columns else values


def _chosen(values: Any, at: dict[str, Any]) -> tuple[Any, list[str]]:
    """The values at what is held fixed, and what that is in words."""
    said = []
    for dim, value in at.items():
        check(dim in values.dims, "at", f"name dimensions of the variable ({', '.join(map(str, values.dims))})", f"`{dim}`")
        if dim not in values.coords:
            values, text = values.isel({dim: value}), f"{dim} {value}"
        elif values.coords[dim].dtype.kind == "f":
            values = values.sel({dim: value}, method="nearest")
            unit = values.coords[dim].attrs.get("units", "1")
            text = f"{dim} = {float(values.coords[dim]):g}" + (f" {unit}" if unit != "1" else "")
        else:
            names = [str(name) for name in values.coords[dim].values]
            check(value in names, "at", f"name one of the values of `{dim}` ({', '.join(names)})", repr(value))
            values, text = values.isel({dim: names.index(value)}), str(value)
        said.append(text)
    return values, said


def _draw_curves(values: Any, axis: str, curves: list[Any], ax: Any) -> None:
    x = values.coords[axis].values
    marks = {"marker": ".", "markersize": 4, "linewidth": 1.0} if len(x) <= FEW else {}
    if not curves:
        ax.plot(x, values.values, color=COLOURS[0], **marks)
    for i, colour in zip(range(values.sizes[curves[0]]) if curves else (), COLOURS * 4, strict=False):
        one = values.isel({curves[0]: i})
        name = str(one.coords[curves[0]].values) if curves[0] in values.coords else f"{curves[0]} {i}"
        ax.plot(x, one.values, color=colour, label=name, **marks)
    if curves:
        ax.legend(frameon=False)
    ax.set(xlabel=_coordinate_label(values, axis), ylabel=_value_label(values), xlim=(x.min(), x.max()))


def _draw_map(values: Any, axes: list[str], ax: Any) -> None:
    """Colours over two axes, the first one upwards; grey where there is no value."""
    import matplotlib.pyplot as plt

    y, x = axes
    flags = values.attrs.get("flag_values")
    shown = np.ma.masked_invalid(np.asarray(values.transpose(y, x).values, dtype=float))
    where = values.coords[x].values, values.coords[y].values
    if flags is not None:
        _draw_codes(values, shown, where, ax)
    else:
        # What changes its sign has white at zero.
        largest = np.abs(shown).max() if shown.count() and shown.min() < 0 < shown.max() else None
        colours = plt.get_cmap("cividis" if largest is None else "PuOr").with_extremes(bad=LACKING)
        ends = {} if largest is None else {"vmin": -largest, "vmax": largest}
        image = ax.pcolormesh(*where, shown, cmap=colours, shading="nearest", rasterized=True, **ends)
        ax.figure.colorbar(image, ax=ax, label=_value_label(values))
    ax.set(xlabel=_coordinate_label(values, x), ylabel=_coordinate_label(values, y))


def _draw_codes(values: Any, shown: Any, where: Any, ax: Any) -> None:
    """A colour for every code that occurs, with its meaning in a legend."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    meanings = dict(zip(map(int, values.attrs["flag_values"]), values.attrs["flag_meanings"].split(), strict=True))
    codes = sorted({int(code) for code in shown.compressed()})
    colours = [LACKING if code < 0 else COLOURS[code % len(COLOURS)] for code in codes]
    place = np.searchsorted(codes, shown.filled(codes[0]))
    ax.pcolormesh(
        *where, place, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(codes) - 0.5, shading="nearest", rasterized=True
    )
    handles = [
        Patch(facecolor=colour, label=meanings[code].replace("_", " ")) for code, colour in zip(codes, colours, strict=True)
    ]
    ax.legend(handles=handles, fontsize=8, loc="upper right")


def _value_label(values: Any) -> str:
    unit = values.attrs.get("units", "1")
    return values.attrs.get("long_name", str(values.name)) + (f" ({unit})" if unit != "1" else "")


def _coordinate_label(values: Any, name: str) -> str:
    label, unit = axis_label(name), values.coords[name].attrs.get("units", "1")
    return label if unit == "1" or unit in label or "(K)" in label else f"{label} ({unit})"
