r"""Stability of a solution: unstable directions of M, in amplitudes and in phases.

.. math:: M = 1 - \lambda (\partial P / \partial \Delta) / N \quad \text{on real and imaginary parts}

At a real solution M splits into an amplitude block (real parts) and a phase block (imaginary parts), and both count. The
global phase is a zero mode of the phase block and is not an unstable direction. For symmetric g the number of unstable
directions is that of the free energy's Hessian minus that of g. For asymmetric g the amplitude block is exact, but the
stability of phases depends on the relaxation rates one assumes: the count given is that for equal rates, as information.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxgap.equations.gap_equations import residual_and_matrix, residual_and_phases
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import MARGINAL, count_negative
from jaxgap.numerics.checks import is_concrete
from jaxgap.numerics.programs import program
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.solution import Solution
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule

__all__ = ["Stability", "unstable_directions"]


class Stability(NamedTuple):
    """Numbers of unstable directions."""

    amplitude: Int[Array, ""]
    """Of the amplitude block; for complex amplitudes, where blocks do not exist, of all of M."""
    phase: Int[Array, ""]
    """Of the phase block (for equal relaxation rates); 0 for complex amplitudes."""
    phase_defined: Bool[Array, ""]
    """Whether g is symmetric, so that the phase count does not depend on relaxation rates."""


@takes_solution
def unstable_directions(solution: Solution) -> Stability:
    """Count the unstable directions of a solution."""
    if is_concrete(solution) and jnp.ndim(solution.T) == 0 and bool(solution.is_real):
        return _of_real(solution.superconductor, solution.Delta.real, solution.T)
    return _of_any(solution)


@program
def _of_real(sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""]) -> Stability:
    amplitude, phase = real_blocks(sc, Delta, T)
    return Stability(count_negative(amplitude), count_negative(phase), jnp.asarray(sc.has_free_energy))


@partial(jax.jit, static_argnames="rule")
def real_blocks(
    sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> tuple[Float[Array, "channel channel"], Float[Array, "channel channel"]]:
    """(amplitude block, phase block) of M at real amplitudes."""
    return residual_and_matrix(sc, Delta, T, rule)[1], phase_block(sc, Delta, T, rule)


@partial(jax.jit, static_argnames="rule")
def phase_block(
    sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> Float[Array, "channel channel"]:
    """B = 1 - lambda (d Im P / d Im Delta) / N at real amplitudes; B Delta = 0 at a solution (the global phase is free)."""
    return residual_and_phases(sc, Delta, T, rule)[1]


@program
def _of_any(solution: Solution) -> Stability:
    """From all of M on real and imaginary parts: for complex amplitudes, and where they may be."""
    sc, n = solution.superconductor, solution.Delta.shape[0]
    M = complex_matrix(sc, solution.Delta, solution.T)
    amplitude, phase, everything = (count_negative(block) for block in (M[:n, :n], M[n:, n:], M))
    real = solution.is_real
    return Stability(jnp.where(real, amplitude, everything), jnp.where(real, phase, 0), jnp.asarray(sc.has_free_energy))


@partial(jax.jit, static_argnames="rule")
def complex_matrix(
    sc: Superconductor, Delta: Complex[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> Float[Array, "n n"]:
    """M on real and imaginary parts."""
    return residual_and_matrix(sc, Delta, T, rule)[1]


def negative_of_each(blocks: Float[Array, "*stack n n"] | Float[np.ndarray, "*stack n n"]) -> np.ndarray:
    """`count_negative` of every matrix of a stack, on the host: XLA solves small unsymmetric eigenproblems one by one."""
    return np.asarray(np.sum(np.linalg.eigvals(np.asarray(blocks)).real < -MARGINAL, axis=-1))
