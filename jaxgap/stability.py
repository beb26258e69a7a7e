r"""Stability of a solution: unstable directions of M, in amplitudes and in phases.

.. math:: M = 1 - \lambda (\partial P / \partial \Delta) / N \quad \text{on real and imaginary parts}

At a real solution M splits into an amplitude block (real parts) and a phase block (imaginary parts), and both count. The
global phase is a zero mode of the phase block and is not an unstable direction. For symmetric g the number of unstable
directions is that of the free energy's Hessian minus that of g. For asymmetric g the amplitude block is exact, but the
stability of phases depends on the relaxation rates one assumes: the count given is that for equal rates, as information.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.pairing import gap_residual
from jaxgap.solution import Solution

__all__ = ["Stability", "unstable_directions"]

MARGINAL = 1e-8
"""An eigenvalue of M counts as negative below -1e-8: the gauge mode's zero is good to about 1e-13."""


class Stability(NamedTuple):
    """Numbers of unstable directions."""

    amplitude: Int[Array, ""]
    """Of the amplitude block; for complex amplitudes, where blocks do not exist, of all of M."""
    phase: Int[Array, ""]
    """Of the phase block (for equal relaxation rates); 0 for complex amplitudes."""
    phase_defined: Bool[Array, ""]
    """Whether g is symmetric, so that the phase count does not depend on relaxation rates."""


@eqx.filter_jit
def unstable_directions(solution: Solution) -> Stability:
    """Count the unstable directions of a solution."""
    sc, n = solution.superconductor, solution.Delta.shape[0]

    def residual(x: Float[Array, "n"]) -> Any:
        r = gap_residual(sc, x[:n] + 1j * x[n:], solution.T)
        return jnp.concatenate([r.real, r.imag])

    M = jax.jacfwd(residual)(jnp.concatenate([solution.Delta.real, solution.Delta.imag]))
    amplitude, phase, everything = (_negative(block) for block in (M[:n, :n], M[n:, n:], M))
    real = solution.is_real
    return Stability(jnp.where(real, amplitude, everything), jnp.where(real, phase, 0), jnp.asarray(sc.has_free_energy))


def _negative(block: Float[Array, "m m"]) -> Int[Array, ""]:
    """Number of eigenvalues with negative real part."""
    return jnp.sum(jnp.linalg.eigvals(block).real < -MARGINAL)
