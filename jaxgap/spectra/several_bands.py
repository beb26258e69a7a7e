r"""Quasiparticles of three or more cross-paired bands, from the Bogoliubov-de Gennes matrix at every k (`spectra.bogoliubov`).

.. math:: F = \tfrac12 \left[ \tanh(H / 2 k_B T) \right]_{12}, \qquad P_c = \sum_k \mathrm{tr}\, B_c F

with B_i = e_i e_i^T and B_ij = e_i e_j^T + e_j e_i^T: a cross channel counts both orderings. Two bands have closed forms
(`spectra.two_bands`), which these sums agree with to rounding.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Inexact

from jaxgap.model.band import rho
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.hyperbolic import (
    level_entropy,
    log_cosh,
    one_less_product,
    slope_difference,
    tanh_difference,
    third_difference,
)
from jaxgap.spectra.bogoliubov import Bogoliubov, Matrices, dagger, green_functions, levels, tanh_of, traced
from jaxgap.spectra.cluster import LocalFunctions, OwnSums
from jaxgap.spectra.one_band import by_band
from jaxgap.spectra.peaks import singular_energies_of_several
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import NODES_AT_ROOTS
from jaxgap.spectra.shells import Samples, band_pairs, parts_at
from jaxgap.spectra.shells import samples as samples_of
from jaxgap.units import thermal_energy

__all__ = ["SeveralBands", "linear_sums", "several"]

ENERGIES = 64
"""At which local functions are computed together: what a processor's cache holds."""
ON_AXIS = 1e-7
"""Roots kappa with a smaller imaginary part, in units of kappa, are real: beside an extremum two of them are good to that."""
SAME = 1e-9
"""Levels nearer to omega than this [1, meV] are at it, where a root has been found."""

Scalar = Float[Array, ""]
OfK = Float[Array, "*k"]


def several(sc: Superconductor) -> list[Cluster]:
    """The clusters of three or more cross-paired bands."""
    return [cluster for cluster in sc.clusters if len(cluster.bands) > 2]


class SeveralBands(Bogoliubov, OwnSums):
    """A cluster of any number of bands."""

    def anomalous_densities(self, T: Scalar, rule: Rule) -> Inexact[Array, "own"]:
        return self._densities(self.Delta, self.samples(T, rule.several), T)

    def phase_jacobian(self, T: Scalar, rule: Rule) -> Float[Array, "own own"]:
        at = self.samples(T, rule.several)

        def imaginary(eta: Float[Array, "own"]) -> Float[Array, "own"]:
            turned = self.Delta + 1j * jnp.zeros_like(self.Delta).at[jnp.array(self.cluster.channels)].set(eta)
            return self._densities(turned, at, T).imag

        return jax.jacfwd(imaginary)(jnp.zeros(len(self.cluster.channels)))

    def occupation(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        n, at = len(self.cluster.bands), self.samples(T, rule.several)
        t = tanh_of(self.hamiltonians(self.Delta, at) / (2 * thermal_energy(T)))[:, :n, :n]
        sense = jnp.stack([self.superconductor.bands[i].sense for i in self.cluster.bands])
        filled = jnp.where(at.active, sense[:, None] - jnp.real(_of_bands(t)), 0.0)
        return jnp.sum(by_band(self.superconductor, self.cluster, self.Delta, T, at.integral(filled)))

    def linear_kernel(self, T: Scalar, rule: Rule) -> Float[Array, "own"]:
        normal = SeveralBands(self.superconductor, jnp.zeros(len(self.superconductor.channels)), self.cluster)
        at = normal.samples(T, rule.several)
        return linear_sums(self.zeta(at.kappa), at, band_pairs(self.superconductor, self.cluster), thermal_energy(T))

    def cubic_densities(self, T: Scalar, rule: Rule) -> Inexact[Array, "own"]:
        """By the third divided difference: derivatives of `tanh_of` end before."""
        kT = thermal_energy(T)
        at = SeveralBands(self.superconductor, 0 * self.Delta, self.cluster).samples(T, rule.several)
        x = self.zeta(at.kappa).T / (2 * kT)
        D = self.gaps(self.Delta, at.active) / (2 * kT)
        electron, other = x[:, :, None, None, None], x[:, None, None, :, None]
        hole, last = -x[:, None, :, None, None], -x[:, None, None, None, :]
        t = third_difference(electron, hole, other, last)
        F = 3 * jnp.einsum("niklj,nik,nkl,nlj->nij", t, D, dagger(D), D)
        return self._by_channel(F, at)

    def quasiparticle_free_energy(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        """With derivatives to second order."""
        kT, at = thermal_energy(T), self.samples(T, rule.several, normal=True)
        paired = traced(self.hamiltonians(self.Delta, at), kT, log_cosh, jnp.tanh, tanh_difference)
        normal = jnp.sum(jnp.where(at.active, 2 * log_cosh(self.zeta(at.kappa) / (2 * kT)), 0.0), axis=0)
        # Bands outside their shells are part of H: with themselves they cancel.
        outside = jnp.sum(jnp.where(at.active, 0.0, 2 * log_cosh(self.zeta(at.kappa) / (2 * kT))), axis=0)
        return -kT * at.integral(paired - outside - normal)

    def entropy(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        r"""\sum_k tr \sigma(X) inside the shells [k_B times the unit of N], \sigma = \ln 2 \cosh x - x \tanh x."""
        kT, at = thermal_energy(T), self.samples(T, rule.several)
        found = traced(
            self.hamiltonians(self.Delta, at), kT, level_entropy, _entropy_slope, lambda x, y: -slope_difference(x, y)
        )
        outside = jnp.sum(jnp.where(at.active, 0.0, 2 * level_entropy(self.zeta(at.kappa) / (2 * kT))), axis=0)
        return at.integral(found - outside)

    def energies(self, kappa: OfK) -> Float[Array, "branch *k"]:
        """Singular values of zeta + i Delta at real amplitudes, eigenvalues of H at complex ones; with derivatives to second
        order where they do not touch."""
        kappa = jnp.asarray(kappa)
        return self.energies_among(self.inside(kappa.reshape(-1))).reshape(-1, *kappa.shape)

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> tuple[Complex[Array, "*k"], ...]:
        kappa, z = jnp.broadcast_arrays(kappa, z)
        at = self.inside(kappa.reshape(-1))
        G = green_functions(self.zeta(at.kappa).T, self.gaps(self.Delta, at.active), z.reshape(-1))
        return tuple(_of_bands(G).reshape(-1, *kappa.shape))

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        parts, _ = parts_at(self.shells(), z)
        at = samples_of(self.superconductor, self.cluster, parts, jnp.zeros(()), NODES_AT_ROOTS)
        zeta, D = self.zeta(at.kappa).T, self.gaps(self.Delta, at.active)
        every = jnp.broadcast_to(z, at.kappa.shape)
        G, below = (green_functions(zeta, D, w) for w in (every, -jnp.conj(every)))
        # F(z) = G Delta (z + zeta)^-1; at the conjugate z the functions of z that multiply the amplitudes are conjugate.
        F, F_conj = (
            green_functions(zeta, D, w) @ D.astype(complex) / (w[:, None] + zeta)[:, None] for w in (every, jnp.conj(every))
        )
        found = (_of_bands(M) for M in (G, below, -(F - F_conj) / (2j * jnp.pi)))
        return LocalFunctions(*(at.integral(jnp.where(at.active, part, 0.0)) for part in found))

    def local_functions_at(self, z: Complex[Array, "omega"]) -> LocalFunctions:
        # Each has a matrix at each of hundreds of nodes: thousands of energies at once would fill gigabytes.
        found: LocalFunctions = jax.lax.map(self._local_of_complex, z, batch_size=ENERGIES)
        return found

    def density_of_states(self, omega: Scalar) -> Float[Array, "band"]:
        r"""\rho |u_i|^2 / |dl/d\kappa| of every level l of H at the kappa where it is omega: real eigenvalues of `parts_at`.

        Levels that touch, or cross without a cross amplitude, share what their roots bring.
        """
        parts, roots = parts_at(self.shells(), omega + 0j)
        kappa, bands = roots.real, len(self.cluster.bands)
        real = (jnp.abs(roots.imag) <= ON_AXIS * (1 + jnp.abs(kappa))) & (kappa >= parts.edges[:-1]) & (kappa < parts.edges[1:])
        kappa = jnp.where(real, kappa, 1.0).reshape(-1)
        active = jnp.broadcast_to(parts.active[:, None], (bands, *roots.shape)).reshape(bands, -1)
        return self._density_at(kappa, active, omega, real.reshape(-1))

    def _density_at(
        self, kappa: Float[Array, "node"], active: Bool[Array, "band node"], omega: Scalar, real: Bool[Array, "node"]
    ) -> Float[Array, "band"]:
        n = len(self.cluster.bands)

        def level(k: Scalar, shift: Float[Array, "band"], on: Bool[Array, "band"]) -> Float[Array, "level"]:
            at = Samples(k[None], jnp.ones(1), on[:, None])
            H = self.hamiltonians(self.Delta, at)[0] + jnp.diag(jnp.concatenate([shift, jnp.zeros(n)]))
            return levels(H[None])[0]

        def weights(k: Scalar, on: Bool[Array, "band"]) -> Float[Array, "level band"]:
            return jax.jacfwd(level, argnums=1)(k, jnp.zeros(n), on)

        def slopes(k: Scalar, on: Bool[Array, "band"]) -> Float[Array, "level"]:
            return jax.jacfwd(level)(k, jnp.zeros(n), on)

        def one(k: Scalar, on: Bool[Array, "band"]) -> Float[Array, "band"]:
            E, slope = level(k, jnp.zeros(n), on), slopes(k, on)
            near = jax.lax.stop_gradient(jnp.abs(E - omega) <= SAME * (1 + jnp.abs(omega)) * (1 + jnp.abs(slope)))
            # The root as a function of everything, to second order: a step of Newton from where it is, and Chebyshev's term.
            safe, bend = jnp.where(slope == 0, 1.0, slope), jax.lax.stop_gradient(jax.jacfwd(slopes)(k, on))
            step = jnp.where(near, (E - omega) / safe, 0.0)
            moved = jax.lax.stop_gradient(k) - step - step**2 * bend / (2 * safe)
            count = jnp.maximum(jnp.sum(near), 1)

            def shared(k: Scalar) -> Float[Array, "band"]:
                # All levels that touch at one k: which vectors each of them has is chance, and another at every k.
                share = jnp.where(near, 1 / jnp.abs(jnp.where(near, slopes(k, on), 1.0)), 0.0)
                return rho(k, self.superconductor.dimension) * (share @ weights(k, on)) / count

            return jnp.sum(jnp.where(near[:, None], jax.vmap(shared)(moved), 0.0), axis=0) / count

        found = jax.vmap(one, in_axes=(0, 1))(kappa, active)
        return jnp.sum(jnp.where(real[:, None] & active.T, found, 0.0), axis=0)

    def singular_energies(self) -> Float[Array, "peak"]:
        return singular_energies_of_several(self)

    def _densities(self, Delta: Inexact[Array, "channel"], at: Samples, T: Scalar) -> Inexact[Array, "own"]:
        n = len(self.cluster.bands)
        F = tanh_of(self.hamiltonians(Delta, at) / (2 * thermal_energy(T)))[:, :n, n:] / 2
        return self._by_channel(F, at)

    def _by_channel(self, F: Matrices, at: Samples) -> Inexact[Array, "own"]:
        """tr B_c F of every channel, summed over k."""
        pairs = band_pairs(self.superconductor, self.cluster)
        f = [F[:, i, i] if i == j else F[:, i, j] + F[:, j, i] for i, j in pairs]
        acting = [at.active[i] & at.active[j] for i, j in pairs]
        return at.integral(jnp.where(jnp.stack(acting), jnp.stack(f), 0.0))


def linear_sums(
    zeta: Float[Array, "band node *on"], at: Samples, pairs: tuple[tuple[int, int], ...], kT: Float[Array, "*on"]
) -> Float[Array, "own *on"]:
    """Sums over k of (tanh(zeta_i / 2 k_B T) + tanh(zeta_j / 2 k_B T)) / (zeta_i + zeta_j), half of it for i = j."""
    x = zeta / (2 * kT)
    # (t_x + t_y) / (x + y) is t[x, -y].
    K = [tanh_difference(x[i], -x[j]) / (2 * kT) * (0.5 if i == j else 1.0) for i, j in pairs]
    acting = jnp.stack([at.active[i] & at.active[j] for i, j in pairs])
    return at.integral(jnp.where(acting, jnp.stack(K), 0.0), axis=1)


def _of_bands(M: Matrices) -> Inexact[Array, "band node"]:
    """Diagonals."""
    return jnp.diagonal(M, axis1=1, axis2=2).T


def _entropy_slope(x: OfK) -> OfK:
    r"""\sigma'(x) = -x (1 - tanh(x)^2)."""
    return -x * one_less_product(x, x)
