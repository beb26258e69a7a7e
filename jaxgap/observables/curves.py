"""A quantity over temperature, energy or voltage, one curve per state: what its picture and its table have.

What does not exist, as beyond a branch's end, is NaN and left out of the line.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.observables.quantity import Numbers, Quantity
from jaxgap.observables.views import TEMPERATURE, Sight, Spectra, View
from jaxgap.solving.solution import Solution

__all__ = ["along_temperatures", "look", "over_temperature", "spectra", "system_of"]

Found = TypeVar("Found", bound=PyTree)


def look(quantity: Quantity, view: View) -> Sight:
    """What the picture of a quantity shows."""
    shown = quantity.picture
    assert shown is not None
    if shown.seen is not None:
        return shown.seen(view)
    own = {one.name: view.settings[one.name] for one in quantity.settings}
    x = None if shown.axis is TEMPERATURE else np.linspace(-view.reach, view.reach, shown.axis.points)
    return spectra(quantity, view.states, x, **own)


def spectra(
    quantity: Quantity, states: Mapping[str, Solution], x: Float[np.ndarray, "point"] | None = None, **settings: object
) -> Spectra:
    """A quantity of several states: at the points `x` of the axis of its picture, or, if that is temperature, at those of the
    states, which are then batches (`solve_temperatures`).

    Example: `spectra(TUNNELLING, {"s+-": state}, V, Gamma=0.2)`.
    """
    shown = quantity.picture
    check(shown is not None and shown.seen is None, "quantity", "be one that is drawn over one axis", f"`{quantity.name}`")
    assert shown is not None
    used = {one.name: one.default for one in quantity.settings} | settings
    for one in quantity.settings:
        for s in states.values():
            one.check(used[one.name], s.superconductor)
    title = shown.title.format(**used)
    if shown.axis is TEMPERATURE:
        # Arrays, not a closure: one program for all values of the settings.
        arrays = {name: jnp.asarray(value, float) for name, value in used.items() if value is not None}
        curves = {
            label: np.asarray(
                along_temperatures(eqx.Partial(_of_solution, quantity, **arrays, **_planned(quantity, s, used)), s)
            )
            for label, s in states.items()
        }
        return over_temperature(states, curves, shown.label, title)
    x = np.asarray(x)
    at = used | {shown.axis.name: x}
    curves = {label: np.asarray(quantity(s.superconductor, s.T, s, **at)) for label, s in states.items()}
    return Spectra(x, curves, shown.axis.label, shown.label, shown.axis.column, title)


def _planned(quantity: Quantity, solutions: Solution, settings: Mapping[str, object]) -> Numbers:
    """Static numbers for all temperatures, where singular energies are not known and nodes depend on the temperature."""
    sc = solutions.superconductor
    if sc.beyond and not sc.is_disordered:
        return {}
    ranges = {name: (float(value),) * 2 for name, value in settings.items() if isinstance(value, int | float)}
    return quantity.planned(system_of(solutions), np.asarray(solutions.T), {}, ranges)


def _of_solution(quantity: Quantity, solution: Solution, **settings: object) -> Array:
    return quantity(solution.superconductor, solution.T, solution, **settings)


def along_temperatures(observable: Callable[[Solution], Found], solutions: Solution) -> Found:
    """`observable(solution)` at each of the temperatures of `solutions`, which come first; NaN where the branch does not exist.

    Example: `along_temperatures(superfluid_density, solve_temperatures(sc, T, branch="s+-"))`. An observable is compiled once:
    keep it, if it is a lambda.
    """
    check(jnp.ndim(solutions.T) == 1, "solutions", "be those of `solve_temperatures`", f"shape {jnp.shape(solutions.T)}")
    return _evaluated(solutions, observable)


@eqx.filter_jit
def _evaluated(solutions: Solution, observable: Callable[[Solution], Found]) -> Found:
    def at(solution: Solution) -> Found:
        return jax.tree.map(lambda x: jnp.where(solution.converged, x, jnp.nan), observable(solution))

    # One temperature after the other: a spectrum's nodes fill the cache, and all of them at once take four times as long.
    return jax.lax.map(at, solutions)


def over_temperature(
    branches: Mapping[str, Solution],
    curves: dict[str, Float[np.ndarray, "temperature"]],
    y_label: str,
    title: str,
    normal: Mapping[str, Float[np.ndarray, "temperature"]] | None = None,
) -> Spectra:
    """Curves over the temperatures that all branches have."""
    axes = [np.asarray(solutions.T) for solutions in branches.values()]
    check(all(np.array_equal(T, axes[0]) for T in axes), "branches", "have the same temperatures", [len(T) for T in axes])
    return Spectra(axes[0], curves, TEMPERATURE.label, y_label, TEMPERATURE.column, title, normal=normal or {})


def system_of(solutions: Solution) -> Superconductor:
    """The system of a batch of solutions."""
    return jax.tree.map(lambda leaf: leaf[0], solutions.superconductor)
