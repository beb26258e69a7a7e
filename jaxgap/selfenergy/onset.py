r"""T_c of a retarded interaction: where the eigenvalue rho(T) of the linearised equations with the largest real part is 1.

Of an instantaneous interaction with impurities these are the small ones of `jaxgap.selfenergy.pair_breaking`.

Chords in ln T of ln rho, which falls and is concave in ln T, so that they come down from above: from the law of strong
coupling, k_B T_c <= 0.1827 omega sqrt(lambda) (Allen and Dynes 1975), which no spectrum exceeds.
"""

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
from jaxgap.selfenergy.pair_breaking import pair_map
from jaxgap.units import k_B

__all__ = ["Onset", "linearised", "onset_of"]

LARGEST_STEP = 1.0
"""Of ln T."""
LAST_STEP = 1e-7
"""Of ln T: what a tangent leaves is its square, and a chord hardly more."""
LEFT = 1e-10
"""Of ln T, that is left as it is; of closed forms, whose matrices are small, nothing."""
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
    return pair_map(sc, T) if sc.is_dressed else linearised(sc, T)


def onset_of(sc: RetardedSuperconductor) -> Onset:
    """T_c of a system whose `frequencies` are settled, differentiable to every order."""
    sc = sc if sc.is_dressed else opened(sc)
    frozen = jax.lax.stop_gradient(sc)
    x, steps, pair = _searched(frozen)
    found = (steps < STEPS) & (x > _lowest(frozen)) & (jnp.abs(pair.value - 1) < 1e-6)
    x = at_root(_rho_is_one, x[None], (sc, pair), found)[0]
    return Onset(jnp.where(found, jnp.exp(x), jnp.nan), found, pair)


def _rho_is_one(x: Float[Array, "1"], theta: tuple[RetardedSuperconductor, Leading]) -> Float[Array, "1"]:
    sc, pair = theta
    return leading_eigenvalue(_map(sc, jnp.exp(x[0])), pair)[None] - 1


def _searched(sc: RetardedSuperconductor) -> tuple[Float[Array, ""], Int[Array, ""], Leading]:
    """(ln T_c, steps, the leading vectors there): a tangent and then chords, with vectors that follow from step to step; and
    tangents again, with the leading ones, where these have been others."""
    x, steps, fall = _by_chords(sc, _from_above(sc))
    return _by_tangents(sc, x, steps, fall)


def _there(sc: RetardedSuperconductor, x: Float[Array, ""]) -> Leading:
    return leading(_map(sc, jnp.exp(x)))


def _slope(sc: RetardedSuperconductor, x: Float[Array, ""], pair: Leading) -> Float[Array, ""]:
    """d ln rho / d ln T of known vectors; NaN where nothing pairs, or where rho does not fall."""
    change = jax.jvp(lambda y: _map(sc, jnp.exp(y)), (x,), (jnp.ones(()),))[1]
    fall = pair.left @ change @ pair.right / jnp.where(pair.value > NO_PAIRING, pair.value, jnp.nan)
    return jnp.where(fall < 0, fall, jnp.nan)


def _step(sc: RetardedSuperconductor, x: Float[Array, ""], rho: Float[Array, ""], fall: Float[Array, ""]) -> Float[Array, ""]:
    """Of ln T to where rho is 1; down by `LARGEST_STEP` where its fall is not known."""
    step = jnp.where(rho > NO_PAIRING, -jnp.log(jnp.maximum(rho, NO_PAIRING)) / fall, jnp.nan)
    step = jnp.where(jnp.isfinite(step), jnp.clip(step, -LARGEST_STEP, LARGEST_STEP), -LARGEST_STEP)
    return jnp.maximum(x + step, _lowest(sc)) - x


Chords = tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""], Float[Array, ""], Int[Array, ""], Leading]


def _by_chords(sc: RetardedSuperconductor, x: Float[Array, ""]) -> tuple[Float[Array, ""], Int[Array, ""], Float[Array, ""]]:
    """(ln T_c, steps, d ln rho / d ln T). Chords of a concave function end above its root, as tangents do, and need no
    derivative."""

    def going(state: Chords) -> Array:
        _, step, _, _, steps, _ = state
        return (jnp.abs(step) > LAST_STEP) & (steps < STEPS)

    def advanced(state: Chords) -> Chords:
        x, step, before, fall, steps, pair = state
        pair = refined(_map(sc, jnp.exp(x)), pair)
        chord = jnp.log(pair.value / before) / jnp.where(step == 0, jnp.nan, step)
        # Where nothing has paired yet a chord is of nothing.
        fall = jnp.where((chord < 0) & (before > NO_PAIRING), chord, fall)
        step = _step(sc, x, pair.value, fall)
        return x + step, step, pair.value, fall, steps + 1, pair

    pair = _there(sc, x)
    fall = _slope(sc, x, pair)
    step = _step(sc, x, pair.value, fall)
    start = x + step, step, pair.value, fall, jnp.asarray(1), pair
    x, _, _, fall, steps, _ = jax.lax.while_loop(going, advanced, start)
    return x, steps, fall


Tangents = tuple[Float[Array, ""], Float[Array, ""], Int[Array, ""], Leading]


def _by_tangents(
    sc: RetardedSuperconductor, x: Float[Array, ""], steps: Int[Array, ""], fall: Float[Array, ""]
) -> tuple[Float[Array, ""], Int[Array, ""], Leading]:
    """Newton in ln T with the leading vectors, until it is known to `LEFT`: which may be at once."""

    def going(state: Tangents) -> Array:
        _, step, steps, pair = state
        known = jnp.abs(jnp.log(pair.value)) <= (0.0 if sc.is_dressed else LEFT) * jnp.abs(fall)
        return (jnp.abs(step) > LAST_STEP) & ~known & (steps < STEPS)

    def advanced(state: Tangents) -> Tangents:
        x, _, steps, pair = state
        step = _step(sc, x, pair.value, _slope(sc, x, pair))
        return x + step, step, steps + 1, _there(sc, x + step)

    x, _, steps, pair = jax.lax.while_loop(going, advanced, (x, jnp.ones(()), steps, _there(sc, x)))
    return x, steps, pair


def _from_above(sc: RetardedSuperconductor) -> Float[Array, ""]:
    """ln of a temperature above T_c."""
    lam = jnp.max(jnp.sum(jnp.abs(sc.lam), axis=1))
    bound = 0.1827 * sc.highest * jnp.sqrt(lam) if sc.spectra else sc.highest * lam
    return jnp.maximum(jnp.log(bound / k_B), _lowest(sc))


def _lowest(sc: RetardedSuperconductor) -> Float[Array, ""]:
    """ln of the temperature down to which T_c is looked for."""
    return jnp.log(LOWEST * sc.highest / k_B if sc.is_dressed else coldest(sc))
