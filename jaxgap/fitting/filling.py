r"""Fits at a fixed density: the chemical potential of every sample at every temperature of the data.

.. math:: \mu_i(\theta), \qquad n(\Delta(\mu_i), \mu_i; \theta, T_i) = n(\theta)

by `jaxgap.at_density`, once for a theta, with its derivatives: to everything else of a fit it is a number that moves with the
parameters,

.. math:: \mu_i(\theta_0) + \frac{d\mu_i}{d\theta} (\theta - \theta_0)

The electrons are those of the state connected to T_c. A state that the fit takes must have as many.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.occupation import occupation
from jaxgap.fitting.data import Datum
from jaxgap.fitting.problem import Filling, Parameters, Problem, at_conditions, systems_at
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import AnyArray
from jaxgap.observables.quantities import MEASURED
from jaxgap.observables.quantity import Need
from jaxgap.solving.filling import filled

__all__ = ["check_fillable", "filled_at", "right_density"]

SAME = 1e-7
"""Of the density: what a state may have otherwise."""


def filled_at(p: Problem, theta: Float[AnyArray, "parameter"]) -> Problem:
    """The fit with the chemical potentials of its densities at theta; the fit itself, if its systems have their own mu."""
    return p if p.systems[0].density is None else replace(p, filling=_filling(p, theta))


@program
def _filling(p: Problem, theta: Float[AnyArray, "parameter"]) -> Filling:
    theta, sample = jnp.asarray(theta), jnp.asarray(np.array(p.sample, int))

    def shifts(t: Parameters) -> tuple[Float[Array, "condition"], Float[Array, "condition"]]:
        systems = systems_at(p, t)

        def at(T: Float[Array, ""], i: Int[Array, ""]) -> Float[Array, ""]:
            sc = jax.tree.map(lambda *leaves: jnp.stack(leaves)[i], *systems)
            return filled(sc, T).mus[0] - sc.mus[0]

        found = jax.vmap(at)(p.T, sample)
        return found, found

    slope, value = jax.jacfwd(shifts, has_aux=True)(theta)
    return Filling(theta, value, slope)


def right_density(p: Problem, theta: Parameters, Delta: Float[Array, "condition channel"]) -> Bool[Array, "condition"]:
    """Whether states have the density of their systems; yes, where these have a mu of their own."""
    if p.filling is None:
        return jnp.ones(len(p.T), bool)
    wanted = jnp.stack([jnp.asarray(sc.density) for sc in systems_at(p, theta)])[np.array(p.sample, int)]
    count: Callable[..., Any] = lambda sc, T, D: occupation(sc, D, T)  # noqa: E731
    return jnp.abs(at_conditions(p, theta, count, Delta) - wanted) <= SAME * jnp.abs(wanted)


def check_fillable(sc: Superconductor, data: Iterable[Datum]) -> None:
    """Raise `InputError` for data to be fitted that are not known at a fixed density."""
    for datum in (one for one in data if sc.density is not None and one.use == "fit"):
        located = datum.kind in MEASURED and MEASURED[datum.kind].needs == Need.BRANCH
        check(not located, "density", f"be left out of a fit of `{datum.kind}`, which is known at a fixed mu only", "a density")
