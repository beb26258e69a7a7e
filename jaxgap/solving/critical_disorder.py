r"""The disorder at which T_c vanishes: where the leading eigenvalue of the pair map is 1 at T = 0.

.. math:: \psi(\omega_c / 2\pi k_B T + B) - \psi(\tfrac12 + B) \to \ln(1 + \omega_c A^{-1}), \qquad
          \alpha_c = 2\pi k_B T_{c0} \, e^{\psi(1/2)} = 0.140365 \cdot 2\pi k_B T_{c0}

of one band with spins and a cutoff far above (A. A. Abrikosov and L. P. Gor'kov, Sov. Phys. JETP 12, 1243 (1961)). Pairs that
disorder leaves alone, A Delta = 0, have T_c > 0 whatever its strength.
"""

from functools import partial
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.programs import program
from jaxgap.selfenergy.impurities import normal_scattering
from jaxgap.selfenergy.leading import Leading, leading, leading_eigenvalue
from jaxgap.selfenergy.pair_breaking import pair_map
from jaxgap.solving.entry import takes_any_system
from jaxgap.units import k_B

__all__ = ["critical_disorder"]

NO_TEMPERATURE = 1e-18
"""T = 0, in units of omega_c / k_B: what it changes is (2 pi k_B T / A)^2."""
ROUNDING = 1e-13
"""Of A, in units of Gamma: T = 0 is not below it, or A = 0 of what no impurity breaks might be negative."""
LARGEST_RATE = 1e6
"""Gamma / omega_c: of faster scattering rounding hides what breaks pairs."""
DECADES = np.arange(-12.0, 12.01, 0.25)
"""lg of the values of a leaf among which the first with T_c = 0 is looked for."""
BISECTIONS = 50
"""10^0.25 narrows to rounding."""


@takes_any_system
def critical_disorder(sc: Superconductor, path: str = "disorder.density") -> Float[Array, ""]:
    """The smallest positive value of a leaf of the disorder (its density, an entry of u or J [meV]) at which T_c is 0, the
    others as they are; infinite where there is none (at rates below 10^6 omega_c), NaN where small values have no T_c either.

    Differentiable with respect to every other leaf of `sc`.

    Raises:
        InputError: unless the system has a `MatsubaraCutoff` and disorder, and the path is one of its disorder.
    """
    wanted = "have a `MatsubaraCutoff` and disorder"
    kind = "a static" if not sc.is_retarded else "a retarded" if sc.is_disordered else "a clean"
    check(isinstance(sc, RetardedSuperconductor) and sc.is_dressed, "sc", wanted, f"{kind} system")
    assert isinstance(sc, RetardedSuperconductor)
    path = sc.canonical(path)
    check(path.startswith("disorder"), "path", "be one of the disorder", f"`{path}`")
    return _critical(sc, path)


@program
def _critical(sc: RetardedSuperconductor, path: str) -> Float[Array, ""]:
    frozen = jax.lax.stop_gradient(sc)
    above = jax.vmap(lambda y: _pairs(frozen, path, y))(DECADES * jnp.log(10.0))
    first = jnp.argmin(above)  # The first that is False.
    exists = ~above.all() & above[0]
    low = jnp.log(10.0) * jnp.asarray(DECADES)[jnp.maximum(first - 1, 0)]

    def halved(_: Int[Array, ""], ends: tuple[Array, Array]) -> tuple[Array, Array]:
        a, b = ends
        middle = (a + b) / 2
        up = _pairs(frozen, path, middle)
        return jnp.where(up, middle, a), jnp.where(up, b, middle)

    a, b = jax.lax.fori_loop(0, BISECTIONS, halved, (low, low + 0.25 * jnp.log(10.0)))
    x = (a + b) / 2
    pair = leading(_map_at(frozen, path, x))
    x = at_root(partial(_rho_is_one, path=path), x[None], (sc, pair), exists)[0]
    return jnp.where(exists, jnp.exp(x), jnp.where(above[0], jnp.inf, jnp.nan))


def _map_at(sc: RetardedSuperconductor, path: str, y: Float[Array, ""]) -> Float[Array, "channel channel"]:
    """The pair map at T = 0 with the value e^y at `path`."""
    changed = _changed(sc, path, y)
    least = jnp.maximum(NO_TEMPERATURE * sc.highest, ROUNDING * _rate(changed))
    return pair_map(changed, jax.lax.stop_gradient(least) / k_B)


def _pairs(sc: RetardedSuperconductor, path: str, y: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether there is a T_c; where nobody can tell, there is."""
    return (leading(_map_at(sc, path, y)).value > 1) | (_rate(_changed(sc, path, y)) > LARGEST_RATE * sc.highest)


def _changed(sc: RetardedSuperconductor, path: str, y: Float[Array, ""]) -> RetardedSuperconductor:
    return cast(RetardedSuperconductor, sc.set({path: jnp.exp(y)}))


def _rate(sc: RetardedSuperconductor) -> Float[Array, ""]:
    return jnp.max(jnp.abs(normal_scattering(sc)))


def _rho_is_one(x: Float[Array, "1"], theta: tuple[RetardedSuperconductor, Leading], path: str) -> Float[Array, "1"]:
    sc, pair = theta
    return leading_eigenvalue(_map_at(sc, path, x[0]), pair)[None] - 1
