r"""Where the Born-Oppenheimer approximation breaks down: maps over two of delta, kappa, omega and M, and pictures.

.. math:: E_{exact} - E_{BO}, \qquad E_{exact} - E_{BH}, \qquad C_2; \qquad
          \omega(M') = \omega \sqrt{M / M'} \text{ at fixed force constant}

Two rules come out, which W18 (arXiv:1810.04305) states in words: the breakdown is large where the two bands are near in energy
(delta of the order of hbar omega or less), and for light atoms (at fixed force constant and delta >> hbar omega,
E_exact - E_BO grows as 1/M and E_BH - E_exact as M^(-3/2)).
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patheffects import AbstractPathEffect, withStroke

from jaxgap.drawing import COLOURS, axes_or_new, figure_of
from jaxgap.numerics.checks import check
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Reals
from jaxgap.origins.vibronic import VibronicModel, adiabatic_energies, isotope, oscillator_length, vibronic_model
from jaxgap.origins.vibronic_levels import CONVERGED, SIZE, born_oppenheimer_levels, breakdown_of_size, exact_levels
from jaxgap.origins.vibronic_mixing import mixing_of_size

__all__ = ["BreakdownMap", "breakdown_map", "plot_breakdown_map", "plot_vibronic_levels"]

SIZES = (SIZE, 2 * SIZE, 4 * SIZE)
"""Sizes of the basis that a map tries in turn."""
LEAVES = ("delta", "kappa", "omega", "M")
LABELS = {
    "delta": r"distance of the bands $\delta$ (meV)",
    "kappa": r"coupling $\kappa$ (meV Å$^{-1}$)",
    "omega": r"phonon energy $\hbar\omega$ (meV)",
    "M": "mass $M$ (u)",
}
QUANTITIES = {
    "exact_minus_born_oppenheimer": r"$E_\mathrm{exact} - E_\mathrm{BO}$ (meV)",
    "exact_minus_born_huang": r"$|E_\mathrm{exact} - E_\mathrm{BH}|$ (meV)",
    "mixing": r"mixing $C_2$ of the bands",
}


class BreakdownMap(NamedTuple):
    """The vibronic ground state over two parameters, [y, x]; NaN where 252 basis states are not enough."""

    x_name: str
    y_name: str
    x: np.ndarray
    y: np.ndarray
    exact_minus_born_oppenheimer: np.ndarray
    """E_exact - E_BO [meV]."""
    exact_minus_born_huang: np.ndarray
    """E_exact - E_BH [meV]."""
    mixing: np.ndarray
    """C_2 of the states of the undisplaced lattice (`mixing_coefficients`, "diabatic")."""


def breakdown_map(model: VibronicModel, x_name: str, x: Reals, y_name: str, y: Reals) -> BreakdownMap:
    """The breakdown over two of `delta`, `kappa`, `omega` and `M`, the others as in `model`.

    M is varied at fixed force constant (`isotope`), since that is what electrons set; omega then follows, unless it is the
    other parameter.

    Args:
        model: the numbers that stay.
        x_name, y_name: two different ones of `delta`, `kappa`, `omega` and `M`.
        x, y: their values, in the units of the model.

    Example:
        >>> model = jg.origins.vibronic_model(delta=50.0, kappa=200.0, omega=60.0, M=10.8)
        >>> found = jg.origins.breakdown_map(model, "delta", [50.0, 500.0], "M", [10.8])
        >>> np.asarray(found.exact_minus_born_oppenheimer).round(3).tolist()
        [[1.193, 0.028]]
    """
    for argument, name in (("x_name", x_name), ("y_name", y_name)):
        check(name in LEAVES, argument, f"be one of {', '.join(LEAVES)}", repr(name))
    check(x_name != y_name, "y_name", "differ from `x_name`", repr(y_name))
    x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    models = [_changed(model, {x_name: a, y_name: b}) for b in y for a in x]
    rows = np.array([[float(getattr(m, leaf)) for leaf in LEAVES] for m in models])
    values = np.full((len(rows), 3), np.nan)
    for size in SIZES:  # One point at a time: a batch would make the linear algebra wait for its own threads.
        left = np.flatnonzero(np.isnan(values[:, 0]))
        values[left] = np.array([_ground_state(row, size) for row in rows[left]]).reshape(-1, 3)
    return BreakdownMap(x_name, y_name, x, y, *values.T.reshape(3, len(y), len(x)))


def _changed(model: VibronicModel, values: dict[str, float]) -> VibronicModel:
    leaves = {leaf: getattr(model, leaf) for leaf in LEAVES} | {leaf: v for leaf, v in values.items() if leaf != "M"}
    changed = vibronic_model(**leaves)
    if "M" not in values:
        return changed
    return vibronic_model(**(leaves | values)) if "omega" in values else isotope(changed, values["M"])


@program
def _ground_state(row: Float[Array, "4"], size: int) -> Float[Array, "3"]:
    model = VibronicModel(*row)
    found = breakdown_of_size(model, size)
    C, error = mixing_of_size(model, "diabatic", size)
    good = found.converged & jnp.all(jnp.abs(error) < CONVERGED)
    return jnp.where(good, jnp.stack([found.exact_minus_born_oppenheimer, found.exact_minus_born_huang, C[1]]), jnp.nan)


def plot_breakdown_map(found: BreakdownMap, quantity: str = "exact_minus_born_oppenheimer", ax: Axes | None = None) -> Axes:
    """One quantity of a map as colour (logarithmic), with the mixing C_2 as contours; both axes logarithmic. Grey is what has
    not converged, or what rounding hides.

    Args:
        found: a map, from `breakdown_map`.
        quantity: `exact_minus_born_oppenheimer` or `exact_minus_born_huang`.
        ax: axes to draw on; None: new ones.

    Example:
        >>> model = jg.origins.vibronic_model(delta=50.0, kappa=200.0, omega=60.0, M=10.8)
        >>> found = jg.origins.breakdown_map(model, "delta", [50.0, 100.0], "M", [10.8, 21.6])
        >>> ax = jg.origins.plot_breakdown_map(found)
        >>> ax.get_xscale(), ax.get_yscale()
        ('log', 'log')
    """
    check(quantity in QUANTITIES, "quantity", f"be one of {', '.join(QUANTITIES)}", repr(quantity))
    check(min(found.mixing.shape) >= 2, "found", "have at least two points along either axis", f"shape {found.mixing.shape}")
    ax = axes_or_new(ax)
    size = np.ma.masked_invalid(np.abs(getattr(found, quantity)))
    # Below 1e-9 meV a difference of energies is rounding.
    size = np.ma.masked_less(size, 1e-9)
    colours = colormaps["cividis"].with_extremes(bad="0.8")
    corners = [_cell_ends(axis) for axis in (found.x, found.y)]
    image = ax.pcolormesh(*corners, size, norm=LogNorm(), cmap=colours, rasterized=True)
    figure_of(ax).colorbar(image, ax=ax, label=QUANTITIES[quantity])
    lines = ax.contour(found.x, found.y, found.mixing, levels=[0.01, 0.03, 0.1, 0.3, 0.5, 0.6], colors="black", linewidths=0.9)
    outline: list[AbstractPathEffect] = [withStroke(linewidth=2.5, foreground="white")]
    lines.set_path_effects(outline)
    for text in ax.clabel(lines, fmt="%g", fontsize=8):
        text.set_path_effects(outline)
    ax.set(xscale="log", yscale="log", xlabel=LABELS[found.x_name], ylabel=LABELS[found.y_name])
    names = {found.x_name, found.y_name}
    fixed = "; fixed force constant" if "M" in names and "omega" not in names else ""
    ax.set_title(f"lines: mixing $C_2${fixed}", fontsize=9)
    return ax


def _cell_ends(points: np.ndarray) -> np.ndarray:
    """Ends of the cells around points on a logarithmic axis."""
    inner = np.sqrt(points[1:] * points[:-1])
    return np.concatenate([points[:1] ** 2 / inner[:1], inner, points[-1:] ** 2 / inner[-1:]])


def plot_vibronic_levels(model: VibronicModel, levels: int = 6, ax: Axes | None = None) -> Axes:
    """The adiabatic surfaces, the exact levels (left) and the Born-Oppenheimer levels (right, dashed) of a model.

    Args:
        model: the two states and the mode.
        levels: how many of each kind.
        ax: axes to draw on; None: new ones.

    Example:
        >>> model = jg.origins.vibronic_model(delta=50.0, kappa=200.0, omega=60.0, M=10.8)
        >>> ax = jg.origins.plot_vibronic_levels(model, levels=2)
        >>> ax.get_ylabel()
        'energy (meV)'
    """
    ax = axes_or_new(ax)
    exact, approximate = (np.asarray(of(model, levels).energy) for of in (exact_levels, born_oppenheimer_levels))
    half = 5.0 * float(oscillator_length(model))
    Q = np.linspace(-half, half, 401)
    for surface, colour, name in zip(adiabatic_energies(model, jnp.asarray(Q)), COLOURS, ("lower", "upper"), strict=False):
        ax.plot(Q, surface, color=colour, label=f"{name} adiabatic surface")
    ax.hlines(exact, -half, 0, color="black", lw=1.4, label="exact levels")
    ax.hlines(approximate, 0, half, color=COLOURS[2], lw=1.4, ls=(0, (4, 2)), label="Born-Oppenheimer levels")
    bottom = float(np.min(adiabatic_energies(model, jnp.asarray(Q))))
    top = max(exact[-1], approximate[-1]) + float(model.omega)
    ax.set(
        xlabel="displacement $Q$ (Å)",
        ylabel="energy (meV)",
        xlim=(-half, half),
        ylim=(bottom - 0.1 * (top - bottom), top + 0.2 * (top - bottom)),
    )
    ax.set_title(rf"$\delta$ = {float(model.delta):g}, $\hbar\omega$ = {float(model.omega):g} meV", fontsize=10)
    ax.legend(fontsize=8, loc="upper center", ncols=2, framealpha=1.0, edgecolor="none")
    return ax
