"""Numbers and weights that experiments take: checked where they are concrete, and made arrays.

Whether a number is concrete must be asked before: under `jax.jit` every array is traced.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, check, check_finite, is_concrete
from jaxgap.spectra.green import smallest_broadening

__all__ = ["band_weights", "check_pairs", "check_resolved", "finite", "not_negative", "pair_weights", "positive"]


def check_resolved(sc: Superconductor, name: str, width: Any, more: Any = 0.0) -> None:
    """Raise `InputError` where the mesh of a lattice does not resolve a `width` [meV], to which something may be added."""
    if not sc.beyond and is_concrete((sc, width, more)):
        with jax.ensure_compile_time_eval():  # Numbers are numbers also where something else is traced.
            least = float(smallest_broadening(sc)) - float(more)
        needs = f"be at least {least:.3g} meV on this lattice, whose largest mesh resolves no less (`mesh` gives a larger one)"
        check(float(width) >= least, name, needs, width)


def check_pairs(sc: Superconductor, what: str) -> None:
    """Raise `InputError` for three or more cross-paired bands, of which something is not known."""
    for cluster in sc.linked:
        *names, last = (sc.bands[i].name for i in cluster.bands)
        if len(names) > 1 and is_concrete(sc):
            raise InputError(
                f"{what} is defined for single bands and cross-paired pairs only, but {', '.join(names)} and {last} are "
                "cross-paired together."
            )


def positive(name: str, value: Any, unit: str) -> Float[Array, ""]:
    """`value` as one positive number."""
    _check_number(name, value, f" [{unit}]")
    if is_concrete(value):
        check(float(np.asarray(value)) > 0, name, f"be positive [{unit}]", value)
    return jnp.asarray(value, jnp.float64)


def not_negative(name: str, value: Any, unit: str | None = None) -> Float[Array, ""]:
    """`value` as one number that is not negative."""
    suffix = "" if unit is None else f" [{unit}]"
    _check_number(name, value, suffix)
    if is_concrete(value):
        check(float(np.asarray(value)) >= 0, name, f"not be negative{suffix}", value)
    return jnp.asarray(value, jnp.float64)


def finite(name: str, value: Any, unit: str | None = None) -> Float[Array, ""]:
    """`value` as one number of any sign."""
    _check_number(name, value, "" if unit is None else f" [{unit}]")
    return jnp.asarray(value, jnp.float64)


def _check_number(name: str, value: Any, suffix: str) -> None:
    check_finite(name, value)
    check(jnp.shape(value) == (), name, f"be one number{suffix}", f"shape {jnp.shape(value)}")


def band_weights(weights: Any, n: int) -> Float[Array, "band"]:
    """One weight for each of n bands or orbitals, ones by default."""
    weights = jnp.ones(n) if weights is None else jnp.asarray(weights, jnp.float64)
    check(weights.shape == (n,), "weights", f"have {n} numbers, one per band or orbital", f"shape {weights.shape}")
    return _weighing(weights)


def pair_weights(weights: Any, n: int) -> Float[Array, "band band"]:
    """One weight for every two of n bands: a symmetric matrix, or the products of one weight per band."""
    if weights is None or np.ndim(weights) == 1:
        one = band_weights(weights, n)
        return jnp.outer(one, one)
    A = jnp.asarray(weights, jnp.float64)
    check(A.shape == (n, n), "weights", f"have {n} numbers, one per band, or be a {n} x {n} matrix", f"shape {A.shape}")
    if is_concrete(A):
        check(bool(jnp.all(A == A.T)), "weights", "be symmetric if a matrix", A.tolist())
    return _weighing(A)


def _weighing(weights: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    if is_concrete(weights):
        values = np.asarray(weights)
        good = bool(np.all(np.isfinite(values)) and np.all(values >= 0) and np.any(values > 0))
        check(good, "weights", "be finite, not negative, and not all zero", values.tolist())
    return weights
