r"""T_c of a retarded interaction: where the eigenvalue rho(T) of the linearised equations with the largest real part is 1.

Of an instantaneous interaction with impurities these are the small ones of `jaxgap.selfenergy.pair_breaking`.

Newton in ln T on ln rho, which falls and is concave in ln T, so that it comes down from above: from the law of strong coupling,
k_B T_c <= 0.1827 omega sqrt(lambda) (Allen and Dynes 1975), which no spectrum exceeds.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.numerics.implicit import at_root
from jaxgap.selfenergy.eliashberg import equations_of
from jaxgap.selfenergy.finding import map_at_onset
from jaxgap.selfenergy.frequencies import coldest
from jaxgap.selfenergy.impurities import opened
from jaxgap.selfenergy.leading import Leading, leading, leading_eigenvalue, refined
from jaxgap.selfenergy.pair_breaking import has_closed_form, pair_map
from jaxgap.units import k_B

__all__ = ["Onset", "linearised", "onset_of"]

LARGEST_STEP = 1.0
"""Of ln T."""
LAST_STEP = 1e-7
"""Of ln T: what it leaves is its square."""
STEPS = 40
LOWEST = 1e-13
"""Of closed forms, in units of omega_c / k_B: of others the frequencies say it."""
NO_PAIRING = 0.05
"""An eigenvalue below is not divided by: T is lowered instead."""


class Onset(NamedTuple):
    """Where superconductivity sets in."""

    T_c: Float[Array, ""]
    """[K]; NaN where nothing is found down to the temperature that the frequencies resolve."""
    found: Bool[Array, ""]
    pair: Leading
    """Of the linearised map there."""


def linearised(sc: RetardedSuperconductor, T: Float[Array, ""]) -> Float[Array, "n n"]:
    """The map whose eigenvalue is 1 at T_c, on what is known at the frequencies."""
    return map_at_onset(sc, equations_of(sc, T))


def _map(sc: RetardedSuperconductor, T: Float[Array, ""]) -> Float[Array, "n n"]:
    """The same, or the small one that has its eigenvalue."""
    return pair_map(sc, T) if has_closed_form(sc) else linearised(sc, T)


def onset_of(sc: RetardedSuperconductor) -> Onset:
    """T_c of a system whose `frequencies` are settled, differentiable to every order."""
    sc = sc if has_closed_form(sc) else opened(sc)
    frozen = jax.lax.stop_gradient(sc)
    x, steps = _searched(frozen)
    M = _map(frozen, jnp.exp(x))
    pair = leading(M)
    found = (steps < STEPS) & (x > _lowest(frozen)) & (jnp.abs(pair.value - 1) < 1e-6)
    x = at_root(_rho_is_one, x[None], (sc, pair), found)[0]
    return Onset(jnp.where(found, jnp.exp(x), jnp.nan), found, pair)


def _rho_is_one(x: Float[Array, "1"], theta: tuple[RetardedSuperconductor, Leading]) -> Float[Array, "1"]:
    sc, pair = theta
    return leading_eigenvalue(_map(sc, jnp.exp(x[0])), pair)[None] - 1


def _searched(sc: RetardedSuperconductor) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """(ln T_c, steps): first with vectors that follow from step to step, then with those of a search for the leading ones."""
    x = _from_above(sc)
    near = _newton(sc, x, leading(_map(sc, jnp.exp(x))), refined)
    return _newton(sc, near[0], near[2], lambda M, _: leading(M), near[1])[:2]


Newton = tuple[Float[Array, ""], Int[Array, ""], Leading]


def _newton(
    sc: RetardedSuperconductor,
    x: Float[Array, ""],
    pair: Leading,
    vectors: Callable[[Float[Array, "n n"], Leading], Leading],
    steps: Int[Array, ""] | int = 0,
) -> Newton:
    """Newton in ln T until a step is the last."""
    lowest = _lowest(sc)

    def going(state: tuple[Array, Array, Array, Leading]) -> Array:
        _, step, steps, _ = state
        return (jnp.abs(step) > LAST_STEP) & (steps < STEPS)

    def advanced(state: tuple[Array, Array, Array, Leading]) -> tuple[Array, Array, Array, Leading]:
        x, _, steps, pair = state
        M, slope = jax.jvp(lambda y: _map(sc, jnp.exp(y)), (x,), (jnp.ones(()),))
        pair = vectors(M, pair)
        pairs = pair.value > NO_PAIRING
        rho = jnp.where(pairs, pair.value, 1.0)
        fall = pair.left @ slope @ pair.right / rho
        step = jnp.where(pairs & (fall < 0), -jnp.log(rho) / jnp.where(fall < 0, fall, -1.0), -LARGEST_STEP)
        new = jnp.maximum(x + jnp.clip(step, -LARGEST_STEP, LARGEST_STEP), lowest)
        return new, new - x, steps + 1, pair

    x, _, steps, pair = jax.lax.while_loop(going, advanced, (x, jnp.ones(()), jnp.asarray(steps), pair))
    return x, steps, pair


def _from_above(sc: RetardedSuperconductor) -> Float[Array, ""]:
    """ln of a temperature above T_c."""
    lam = jnp.max(jnp.sum(jnp.abs(sc.lam), axis=1))
    bound = 0.1827 * sc.highest * jnp.sqrt(lam) if sc.spectra else sc.highest * lam
    return jnp.maximum(jnp.log(bound / k_B), _lowest(sc))


def _lowest(sc: RetardedSuperconductor) -> Float[Array, ""]:
    """ln of the temperature down to which T_c is looked for."""
    return jnp.log(LOWEST * sc.highest / k_B if has_closed_form(sc) else coldest(sc))
