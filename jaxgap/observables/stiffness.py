r"""Superfluid stiffness of a lattice: what a uniform twist of the pairs costs.

.. math:: F(q) - F(0) = \tfrac12 \sum_{ij} D_{ij} \, q_i q_j, \qquad
          D_{ij} = \frac{\partial^2 \varphi}{\partial q_i \partial q_j}
          + \sum_x \frac{\partial^2 \varphi}{\partial q_i \partial x} \frac{dx}{dq_j}, \qquad
          \frac{1}{\lambda^2} = \frac{\mu_0 e^2}{\hbar^2} \frac{a_i a_j D_{ij}}{\text{volume of a cell}}

for pairs of momentum 2q, q in units of the reciprocal lattice over 2 pi: a diamagnetic part, sum_k of the inverse masses times
the electrons of both spins; a paramagnetic one, of the currents within bands and between them (`spectra.lattice_twist`); and
what the amplitudes x (their phases) gain by following the twist, dx/dq = -M^-1 dr/dq by the gap equations r = 0. Of one
orbital, and wherever h(-k) = h(k), they do not follow. With several orbitals D depends without it on where in the cell the
orbitals are said to be, which h does not tell: with it D does not (K.-E. Huhtinen et al., Phys. Rev. B 106, 014518 (2022)). One
orbital has the textbook's formula (D. J. Scalapino, S. R. White, S. Zhang, Phys. Rev. B 47, 7995 (1993)).

A cutoff of one orbital is a form factor like any other: a function of the relative momentum k of the two electrons at k + q and
-k + q, which does not move with q, so that the interaction stays invariant under a Galilean boost. Of several orbitals such a
cutoff does not commute with their places in the cell, and D would depend on these: it is refused.

The stiffness of the phase theta of the pairs is D / 4, so that layers lose their superfluidity where k_B T = pi D(T) / 8 (J. M.
Kosterlitz, D. R. Nelson).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact

from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import gauge_directions
from jaxgap.model.lattice import Lattice
from jaxgap.numerics.checks import check
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import solved
from jaxgap.numerics.types import Real, Scalar
from jaxgap.observables.absolute import cells_per_volume, lattice_vectors
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.lattice_minima import lowest_energy
from jaxgap.spectra.lattice_twist import Twist, twist_on
from jaxgap.spectra.mesh import Mesh, fewer, finest_width, mesh_for_width
from jaxgap.units import hbar2_over_2m_e, k_B, london_density, thermal_energy

__all__ = ["SuperfluidStiffness", "depths_of_lattice", "stiffness_of", "superfluid_stiffness"]

TOLERANCE = 1e-8
"""Of the mesh."""
ENOUGH = 1e-3
"""Meshes that would leave more than that resolve nothing."""
FEWEST = 16
"""Nodes per direction where there is nothing to be found: the normal state."""
LARGEST_ERROR = 0.1
"""In units of D: what is less sure is NaN."""


class SuperfluidStiffness(NamedTuple):
    """D and its parts [meV per cell]."""

    total: Float[Array, "axis axis"]
    diamagnetic: Float[Array, "axis axis"]
    paramagnetic: Float[Array, "axis axis"]
    relaxation: Float[Array, "axis axis"]
    """What the amplitudes gain by following the twist."""
    error: Float[Array, ""]
    """The largest difference to D on four fifths as many nodes per direction: more than the true error. Where no mesh resolves
    the temperature and the smallest excitation energy, that to D at the lowest temperature that one does resolve."""


@takes_solution
def superfluid_stiffness(solution: MeanFieldState) -> SuperfluidStiffness:
    """D_ij [meV per cell] of a solved state of a lattice, i and j its axes; zero in the normal state.

    Clean, and local: no scattering, lambda much longer than the coherence length. NaN where the `error` is more than a tenth of
    D: at T = 0 that is a state some of whose Fermi surface is left without a gap. With derivatives to first order, of one
    orbital to second.

    Raises:
        InputError: if the state is not one of a lattice (bands have `superfluid_density`).
    """
    return _stiffness(lattice_of(solution), solution.Delta, solution.T)


def lattice_of(solution: MeanFieldState) -> Lattice:
    sc = solution.superconductor
    check(isinstance(sc, Lattice), "solution", "be of a Lattice (bands have `superfluid_density`)", type(sc).__name__)
    assert isinstance(sc, Lattice)
    none = sc.cutoff is None or len(sc.orbitals) == 1
    check(none, "solution", "have no cutoff where orbitals are several: it would be twisted, too", "a cutoff")
    return sc


def stiffness_of(lattice: Lattice, Delta: Inexact[Array, "channel"], T: Scalar) -> SuperfluidStiffness:
    """`superfluid_stiffness` of amplitudes that solve the gap equations."""
    paired = jnp.any(Delta != 0)
    mesh, other, T_other = _meshes(*jax.lax.stop_gradient((lattice, Delta, T)), paired)
    # Where nothing pairs neither D nor its derivatives are asked for.
    amplitudes = jnp.where(paired, Delta, jax.lax.stop_gradient(1e-3 * lattice.scale))
    found = _on(lattice, amplitudes, T, mesh)
    control = jax.lax.stop_gradient(_on(*jax.lax.stop_gradient((lattice, amplitudes)), T_other, other))
    error = jnp.max(jnp.abs(jax.lax.stop_gradient(found[0]) - control[0]))
    good = error <= LARGEST_ERROR * jnp.max(jnp.abs(jax.lax.stop_gradient(found[0])))
    parts = [jnp.where(paired, jnp.where(good, part, jnp.nan), 0.0) for part in found]
    return SuperfluidStiffness(parts[0], parts[1], parts[2], parts[3], jnp.where(paired, error, 0.0))


_stiffness = program(stiffness_of)


def _meshes(
    lattice: Lattice, Delta: Inexact[Array, "channel"], T: Scalar, paired: Bool[Array, ""]
) -> tuple[Mesh, Mesh, Float[Array, ""]]:
    """The mesh, and the mesh and the temperature that tell the error."""
    width = jnp.hypot(lowest_energy(lattice, Delta), jnp.pi * thermal_energy(T))
    mesh, finest = mesh_for_width(lattice, width, TOLERANCE), finest_width(lattice, ENOUGH)
    mesh, resolved = Mesh(jnp.where(paired, mesh.N, FEWEST)), width >= finest
    other = Mesh(jnp.where(resolved, fewer(mesh).N, mesh.N))
    return mesh, other, jnp.where(resolved, T, finest / (jnp.pi * k_B))


def _on(lattice: Lattice, Delta: Inexact[Array, "channel"], T: Scalar, mesh: Mesh) -> tuple[Float[Array, "axis axis"], ...]:
    """D, and its three parts."""
    twist = twist_on(lattice, Delta + 0j, T, mesh)
    gained = _relaxation(lattice, Delta + 0j, T, twist)
    parts = twist.diamagnetic, twist.paramagnetic, gained
    return (twist.diamagnetic + twist.paramagnetic + gained, *parts)


def _relaxation(lattice: Lattice, Delta: Inexact[Array, "channel"], T: Scalar, twist: Twist) -> Float[Array, "axis axis"]:
    """sum_x (d^2 phi / dq_i dx) dx/dq_j."""
    if len(lattice.orbitals) == 1:
        return jnp.zeros_like(twist.diamagnetic)
    x, n = jnp.concatenate([Delta.real, Delta.imag]), len(lattice.pairing)
    M = residual_and_matrix(lattice, Delta, T)[1]
    gauge = gauge_directions(lattice, x)
    # r = Delta - g P, and d^2 phi / dq dx = -2 dP / dq.
    r_q = twist.mixed.reshape(-1, 2, n) @ lattice.lam.T / 2
    dx = jax.vmap(lambda r: -solved(M + gauge.T @ gauge, r))(r_q.reshape(-1, 2 * n))
    return twist.mixed @ dx.T


# === lengths


def depths_of_lattice(solution: MeanFieldState, layer_spacing: Real | None, cell: object) -> Float[Array, "direction"]:
    """Penetration depths lambda [nm] for currents along x, y (and z)."""
    lattice = lattice_of(solution)
    a, cells = lattice_vectors(cell, lattice.dimension), cells_per_volume(lattice, cell, layer_spacing)
    # n / m with m in electron masses: a D a / (hbar^2 / m_e) per volume.
    density = jnp.diagonal(a.T @ superfluid_stiffness(solution).total @ a) / (2 * hbar2_over_2m_e) * cells
    return jnp.sqrt(london_density / density)
