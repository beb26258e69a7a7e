r"""A retarded state of cross-paired bands at real energies: its self-energy continued part by part, and spectra of the matrix.

.. math:: M(z) = \begin{pmatrix} z Z(z) - X(z) - \zeta & -\Phi(z) \\ -\Phi^T(z) & z Z(z) + X(z) + \zeta \end{pmatrix}, \qquad
          \Phi_{12}, \Phi_{21} = \Phi_3(z) \pm z \, a(z), \qquad
          \int d\kappa \, M^{-1} = -i \pi \, \mathrm{sgn}(\mathrm{Im} K) \, M_1^{-1}

with K of `jaxgap.selfenergy.local_green`, whose eigenvalues come in no pairs here, and i A = z a. W / omega, X, Phi and A /
omega are even functions, which Pade approximants through the lowest Matsubara frequencies continue one by one. There is no
exact formula beyond them, as for bands without cross channels: they are good below the lowest phonon and at low temperatures
only. `jaxgap.observables.spectrum_onset` says what another number of points changes.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxgap.model.retarded import FREQUENCIES, RetardedSuperconductor
from jaxgap.selfenergy.cross_pairs import Parts, bands_of, cross_step_at, matrices, parts_of
from jaxgap.selfenergy.eliashberg import equations_of, first_frequencies
from jaxgap.selfenergy.finding import SelfEnergy
from jaxgap.selfenergy.local_green import local_matrix
from jaxgap.selfenergy.pade import Pade, continued, pade
from jaxgap.solving.state import PairedState
from jaxgap.spectra.cluster import LocalFunctions

__all__ = ["CrossContinuedState", "across_real_axis", "onset_of_spectrum"]

ABOVE = 1e-10
"""Imaginary part of what is called a real energy, in units of it."""
SIGN_STEPS = 48
"""Of Newton for the sign of a matrix with eigenvalues that close to the axis: each halves their distance in units of 1."""
GRID = 160
"""Energies at which it is looked for where a spectrum begins."""
REACH = 1.5
"""Of that search, in units of the largest amplitude."""
BEGUN = 0.1
"""Density of states, in units of the normal one, above which a spectrum has begun."""
HALVINGS = 40


class Blocks(NamedTuple):
    """Of the local Nambu Green's function of one energy, [band, band]."""

    particles: Complex[Array, "band band"]
    pairs: Complex[Array, "band band"]
    holes: Complex[Array, "band band"]


class CrossContinuedState(PairedState):
    """A retarded state of cross-paired bands at energies of the upper half plane."""

    superconductor: RetardedSuperconductor
    T: Float[Array, ""]
    parts: Pade
    """W / omega, X, Phi of all channels, and A / omega of cross channels."""
    size: Float[Array, ""]
    """The largest singular value of Delta(i omega_0) [meV]."""
    points: int = eqx.field(static=True)

    def matrices(self, z: Complex[Array, ""]) -> tuple[Array, Array, Array]:
        """(-i z Z, X, Phi) of all bands, [band, band]."""
        sc, found = self.superconductor, continued(self.parts, z)[:, None]
        parts = parts_of(found, sc)
        turned = Parts(-1j * z * parts.W, parts.X, parts.Phi, -1j * z * parts.A)
        W, X, Phi = matrices(turned, jnp.zeros(1), sc)
        return W[..., 0], X[..., 0], Phi[..., 0]

    def blocks(self, z: Complex[Array, ""]) -> Blocks:
        """The local Green's function, of every cluster by itself."""
        sc = self.superconductor
        W, X, Phi = self.matrices(z)
        mu, mass = bands_of(sc)
        n = len(sc.bands)
        g, f, h = (jnp.zeros((n, n), complex) for _ in range(3))
        for cluster in sc.clusters:
            at = np.array(cluster.bands)
            block = np.ix_(at, at)
            K = local_matrix(W[block], X[block], Phi[block], mu[at], mass[at])
            G = -1j * jnp.pi * _sign(-1j * K) * jnp.concatenate([mass[at], -mass[at]])
            m = len(at)
            g, f, h = g.at[block].set(G[:m, :m]), f.at[block].set(-G[:m, m:]), h.at[block].set(G[m:, m:])
        return Blocks(g, f, h)

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> Complex[Array, "band *k"]:
        kappa, z = jnp.broadcast_arrays(kappa, z)
        found = jax.lax.map(lambda one: self._at(*one), (kappa.ravel(), z.ravel()), batch_size=64)
        return jnp.moveaxis(found, 0, -1).reshape(-1, *kappa.shape)

    def _at(self, kappa: Float[Array, ""], z: Complex[Array, ""]) -> Complex[Array, "band"]:
        W, X, Phi = self.matrices(z)
        zeta = jnp.diag(jnp.stack([band.zeta(kappa) for band in self.superconductor.bands]))
        M = jnp.block([[1j * W - X - zeta, -Phi], [-Phi.T, 1j * W + X + zeta]])
        return jnp.diagonal(jnp.linalg.inv(M))[: len(zeta)]

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        g, f, h = (jnp.diagonal(part) for part in self.blocks(z))
        return LocalFunctions(G=g, below=-h.conj(), M=f.imag / jnp.pi + 0j)

    def normal_green_function(self, z: Complex[Array, ""]) -> Complex[Array, "band"]:
        return -1j * jnp.pi * self.superconductor.band_densities * jnp.ones_like(z)

    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        z = omega + 1j * ABOVE * jnp.maximum(jnp.abs(omega), 1e-3)
        return jnp.abs(jnp.diagonal(self.blocks(z).particles).imag) / jnp.pi

    def singular_energies(self) -> Float[Array, "peak"]:
        return onset_of_spectrum(self)[None]


def across_real_axis(
    sc: RetardedSuperconductor, T: Float[Array, ""], state: SelfEnergy, Delta: Float[Array, "channel"], points: int
) -> CrossContinuedState:
    """The state of a self-energy, from Pade approximants through so many of the lowest frequencies."""
    E, n = equations_of(sc, T), len(sc.bands)
    bare = jnp.zeros_like(state.W).at[:n].set(E.K.omega)
    x = Parts(state.W - bare, state.X, state.Phi, state.A).flat
    lowest = first_frequencies(sc, T, min(points, sc.frequencies or FREQUENCIES))
    made = parts_of(cross_step_at(x, sc, E, lowest), sc)
    W = made.W.at[:n].add(lowest.omega)
    even = made._replace(W=W / lowest.omega, A=made.A / lowest.omega)
    size = jnp.sqrt(jnp.sum(Delta[:n] ** 2) + 2 * jnp.sum(Delta[n:] ** 2))
    return CrossContinuedState(sc, T, pade(1j * lowest.omega, even.flat), size, points)


def onset_of_spectrum(state: CrossContinuedState) -> Float[Array, ""]:
    """The energy [meV] at which the density of states begins: 0 of a gapless state, NaN where there is none below
    `REACH` times the amplitudes. No derivatives."""
    state = jax.lax.stop_gradient(state)
    normal = jnp.sum(state.superconductor.band_densities)

    def begun(E: Float[Array, ""]) -> Array:
        return jnp.sum(state.density_of_states(E)) > BEGUN * normal

    grid = REACH * state.size * (jnp.arange(GRID) + 0.5) / GRID
    there = jax.lax.map(begun, grid)
    first = jnp.argmax(there)

    def halved(_: object, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        on = begun(middle)
        return jnp.where(on, low, middle), jnp.where(on, middle, high)

    low = jnp.where(first == 0, 0.0, grid[jnp.maximum(first - 1, 0)])
    found = jax.lax.fori_loop(0, HALVINGS, halved, (low, grid[first]))[1]
    return jnp.where(there.any(), jnp.where(first == 0, jnp.where(begun(grid[0] / 100), 0.0, found), found), jnp.nan)


def _sign(A: Complex[Array, "n n"]) -> Complex[Array, "n n"]:
    """sgn A by Newton's iteration, scaled by determinants while that helps (Higham, Functions of Matrices (2008), Ch. 5)."""
    n = len(A)

    def step(_: object, S: Complex[Array, "n n"]) -> Complex[Array, "n n"]:
        inverse = jnp.linalg.inv(S)
        scale = jnp.sqrt(jnp.sqrt(jnp.sum(jnp.abs(inverse) ** 2) / jnp.sum(jnp.abs(S) ** 2)))
        scale = jnp.where(jnp.abs(scale - 1) < 0.01, 1.0, scale)
        return (scale * S + inverse / scale) / 2

    size = jnp.sqrt(jnp.sum(jnp.abs(A) ** 2) / n)
    return jax.lax.fori_loop(0, SIGN_STEPS, step, A / size)
