r"""Quasiparticles of orbitals on a lattice at given amplitudes, as sums over its mesh (`spectra.mesh`).

.. math:: P_c = \sum_k \phi_c \, D \, \frac{\tanh(E / 2 k_B T)}{2E}, \qquad E = \sqrt{\xi^2 + |D|^2}, \quad
          D = \sum_c \Delta_c \phi_c(k)

for one orbital; for more, F is found from the Bogoliubov-de Gennes matrix at every k (`spectra.bogoliubov`), with derivatives
to second order. The sums of free energies are right to the tolerance where k_B T is not much below the distance of nodes times
their velocity: at T = 0 the normal state's |xi| has a kink, which leaves N^-2.
"""

from typing import ClassVar, NoReturn

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.lattice import Lattice, coarse_mesh
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.numerics.hyperbolic import level_entropy, log_cosh, one_less_product, slope_difference, tanh_difference
from jaxgap.spectra.bogoliubov import tanh_and_slopes, tanh_of, traced
from jaxgap.spectra.cluster import LocalFunctions, OwnSums
from jaxgap.spectra.lattice_green import greens_at, local_functions_on_lattice, smallest_broadening
from jaxgap.spectra.lattice_matrices import at_nodes, hamiltonians, one_orbital, within_cutoff
from jaxgap.spectra.lattice_minima import lowest_energy
from jaxgap.spectra.mesh import PRECISE, Block, Mesh, finest_width, mean_over, mesh_for, mesh_for_width
from jaxgap.spectra.pair import pair_sum
from jaxgap.spectra.quadrature import Rule
from jaxgap.units import thermal_energy

__all__ = ["OnLattice"]

ENTROPY = 1e-9
"""For which the mesh of the entropy is chosen."""
UNRESOLVED = 1e-3
"""What the largest mesh would leave of a temperature that it does not resolve."""

Scalar = Float[Array, ""]
Unknowns = tuple[Float[Array, "x"], Scalar]
"""Real parts and, of complex amplitudes, imaginary parts; T."""


class OnLattice(OwnSums):
    """All channels of a lattice."""

    superconductor: Superconductor
    Delta: Inexact[Array, "channel"]
    cluster: Cluster = eqx.field(static=True)

    mixes: ClassVar[bool] = True

    @property
    def lattice(self) -> Lattice:
        assert isinstance(self.superconductor, Lattice)
        return self.superconductor

    @property
    def x(self) -> Float[Array, "x"]:
        """Amplitudes as real numbers."""
        D = self.Delta
        return jnp.concatenate([D.real, D.imag]) if jnp.iscomplexobj(D) else D

    def mesh(self, T: Scalar, rule: Rule, tolerance: float | None = None) -> Mesh:
        return mesh_for(self.lattice, self.Delta, T, rule, tolerance)

    def anomalous_densities(self, T: Scalar, rule: Rule) -> Inexact[Array, "own"]:
        return _amplitudes(mean_over(_densities, self.lattice, (self.x, T), self.mesh(T, rule)), len(self.Delta))

    def phase_jacobian(self, T: Scalar, rule: Rule) -> Float[Array, "own own"]:
        n, mesh = len(self.Delta), self.mesh(T, rule)

        def imaginary(eta: Float[Array, "own"]) -> Float[Array, "own"]:
            return mean_over(_densities, self.lattice, (jnp.concatenate([self.Delta, eta]), T), mesh)[n:]

        return jax.jacfwd(imaginary)(jnp.zeros(n))

    def linear_kernel(self, T: Scalar, rule: Rule) -> Float[Array, "own"]:
        """The diagonal of `linear_matrix`: other channels take part as well."""
        return jnp.diagonal(self.linear_matrix(T, rule))

    def linear_matrix(self, T: Scalar, rule: Rule) -> Float[Array, "own own"]:
        """dP/dDelta in the normal state, with first and second derivatives."""
        none = jnp.zeros(len(self.Delta))
        mesh = mesh_for(self.lattice, none, T, rule, PRECISE)
        if len(self.lattice.orbitals) > 1:
            return mean_over(_linear, self.lattice, T, mesh)
        return jax.jacfwd(lambda x: mean_over(_densities, self.lattice, (x, T), mesh))(none)

    def largest_kernel(self) -> Float[Array, "own own"]:
        r"""\sum_k tr B_c B_c' / 4, since tanh(x) / x <= 1."""
        phi = jax.vmap(self.lattice.forms)(coarse_mesh(self.lattice.dimension))
        pairs = self.lattice.pairs
        same = np.array([[0.0 if p != q else 1.0 if p[0] == p[1] else 2.0 for p in pairs] for q in pairs])
        return jnp.asarray(same) * (phi.T @ phi) / (4 * len(phi))

    def quasiparticle_free_energy(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        r"""-\sum_k \sum_b [L(E_b) - L(|\xi_b|)] [meV]: both on the mesh that the normal state needs."""
        mesh = mesh_for(self.lattice, 0 * self.Delta, T, rule, PRECISE)
        return mean_over(_free_energy, self.lattice, (self.x, T), mesh)

    def entropy(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        """Its levels fill where E is about k_B T, so that the smallest E counts, not a mean gap: with nodes of a gap and k_B T
        far below it many more nodes are needed than by the gap equations; NaN where there is no such mesh."""
        width = jnp.hypot(jax.lax.stop_gradient(lowest_energy(self.lattice, self.Delta)), jnp.pi * thermal_energy(T))
        width = jax.lax.stop_gradient(width)
        S = mean_over(_entropy, self.lattice, (self.x, T), mesh_for_width(self.lattice, width, ENTROPY))
        return S * jnp.where((width >= finest_width(self.lattice, UNRESOLVED)) | (T == 0), 1.0, jnp.nan)

    def occupation(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        """Electrons per cell, of both spins."""
        return mean_over(_occupation, self.lattice, (self.x, T), self.mesh(T, rule))

    # === Green's functions of its orbitals [1/meV]

    @property
    def components(self) -> tuple[int, ...]:
        return tuple(range(len(self.lattice.orbitals)))

    def smallest_broadening(self) -> Float[Array, ""]:
        return smallest_broadening(self.lattice)

    def green_function_at(self, k: Float[Array, "k axis"], z: Complex[Array, "omega"]) -> Complex[Array, "own k omega"]:
        return greens_at(self.lattice, self.Delta, k, z)

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        return jax.tree.map(lambda f: f[0], self.local_functions_at(z[None]))

    def local_functions_at(self, z: Complex[Array, "omega"]) -> LocalFunctions:
        return local_functions_on_lattice(self.lattice, self.Delta, z)

    # === what there is only where k has one component

    def energies(self, kappa: Float[Array, "*k"]) -> Float[Array, "branch *k"]:
        _no("energies at a kappa")

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> tuple[Complex[Array, "*k"], ...]:
        _no("Green's functions at a kappa")

    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        raise InputError(
            "A Lattice has no density of states without broadening, which its mesh could not resolve: Argument `Gamma` must be "
            "positive [meV]."
        )

    def singular_energies(self) -> Float[Array, "peak"]:
        _no("singular energies of densities of states")


def _no(what: str) -> NoReturn:
    raise InputError(f"A Lattice has no {what}: what it offers is in docs/lattices.md.")


def _amplitudes(x: Float[Array, "x"], n: int) -> Inexact[Array, "own"]:
    return x if len(x) == n else x[:n] + 1j * x[n:]


def _densities(lattice: Lattice, at: Unknowns, nodes: Block) -> Float[Array, "x"]:
    x, T = at
    n, kT = len(lattice.pairing), thermal_energy(T)
    Delta = _amplitudes(x, n)
    if len(lattice.orbitals) == 1:
        _, D, E, phi = one_orbital(lattice, Delta, nodes.k)
        P = (nodes.weight * pair_sum(E, kT) * D) @ phi
    else:
        F = tanh_of(hamiltonians(lattice, Delta, nodes.k) / (2 * kT))
        P = _of_channels(lattice, F, nodes)
        P = P if jnp.iscomplexobj(x) or len(x) > n else jnp.real(P)
    return jnp.concatenate([P.real, P.imag]) if len(x) > n else P


def _of_channels(lattice: Lattice, t: Inexact[Array, "node m m"], nodes: Block) -> Inexact[Array, "own"]:
    """sum_k tr B_c F of all channels, where 2F is the upper right part of t."""
    m, (h, phi) = len(lattice.orbitals), at_nodes(lattice, nodes.k)
    F = within_cutoff(lattice, h, t[:, :m, m:] / 2)
    terms = [F[:, a, b] if a == b else F[:, a, b] + F[:, b, a] for a, b in lattice.pairs]
    return jnp.stack([nodes.weight @ (phi[:, c] * term) for c, term in enumerate(terms)])


def _linear(lattice: Lattice, T: Scalar, nodes: Block) -> Float[Array, "own own"]:
    """dP/dDelta of several orbitals at no amplitudes by slopes of tanh, which have one derivative more than `tanh_of`."""
    kT, none = thermal_energy(T), jnp.zeros(len(lattice.pairing))
    X = hamiltonians(lattice, none, nodes.k) / (2 * kT)
    one_each = [hamiltonians(lattice, none.at[c].set(1.0), nodes.k) / (2 * kT) - X for c in range(len(none))]
    _, slopes = tanh_and_slopes(X, jnp.stack(one_each))
    return jnp.real(jnp.stack([_of_channels(lattice, slope, nodes) for slope in slopes], axis=1))


def _free_energy(lattice: Lattice, at: Unknowns, nodes: Block) -> Float[Array, ""]:
    x, T = at
    Delta, kT = _amplitudes(x, len(lattice.pairing)), thermal_energy(T)
    if len(lattice.orbitals) == 1:
        xi, _, E, _ = one_orbital(lattice, Delta, nodes.k)
        gained = 2 * (log_cosh(E / (2 * kT)) - log_cosh(xi / (2 * kT)))
    else:
        paired, normal = (hamiltonians(lattice, D, nodes.k) for D in (Delta, 0 * Delta))
        gained = traced(paired, kT, log_cosh, jnp.tanh, tanh_difference) - traced(
            normal, kT, log_cosh, jnp.tanh, tanh_difference
        )
    return -kT * (nodes.weight @ gained)


def _occupation(lattice: Lattice, at: Unknowns, nodes: Block) -> Float[Array, ""]:
    r"""\sum_k tr [1 - tanh(H / 2 k_B T)]_11."""
    x, T = at
    Delta, kT, m = _amplitudes(x, len(lattice.pairing)), thermal_energy(T), len(lattice.orbitals)
    if m == 1:
        xi, _, E, _ = one_orbital(lattice, Delta, nodes.k)
        return nodes.weight @ (1 - 2 * xi * pair_sum(E, kT))
    t = tanh_of(hamiltonians(lattice, Delta, nodes.k) / (2 * kT))[:, :m, :m]
    return nodes.weight @ (m - jnp.real(jnp.trace(t, axis1=1, axis2=2)))


def _entropy(lattice: Lattice, at: Unknowns, nodes: Block) -> Float[Array, ""]:
    x, T = at
    Delta, kT = _amplitudes(x, len(lattice.pairing)), thermal_energy(T)
    if len(lattice.orbitals) == 1:
        _, _, E, _ = one_orbital(lattice, Delta, nodes.k)
        return nodes.weight @ (2 * level_entropy(E / (2 * kT)))
    H = hamiltonians(lattice, Delta, nodes.k)
    return nodes.weight @ traced(H, kT, level_entropy, _entropy_slope, lambda x, y: -slope_difference(x, y))


def _entropy_slope(x: Float[Array, "*k"]) -> Float[Array, "*k"]:
    r"""\sigma'(x) = -x (1 - tanh(x)^2)."""
    return -x * one_less_product(x, x)
