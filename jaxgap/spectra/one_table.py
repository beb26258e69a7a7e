r"""Quasiparticles of a band that is known by its density of states (`model.tabulated`): it pairs alone.

.. math:: P = \Delta \int_{|\zeta| \le \Omega} d\epsilon \, N(\epsilon) \, \frac{\tanh(E / 2 k_B T)}{2E}, \qquad
          E = \sqrt{\zeta^2 + |\Delta|^2}, \quad \zeta = \epsilon - \mu

Between two knots of the table N is linear, and sums are as good as those of any other band: all of their error is the table's.
"""

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.band import Band
from jaxgap.numerics.hyperbolic import level_entropy, log_cosh, tanh_over
from jaxgap.spectra.cluster import LocalFunctions, OwnSums
from jaxgap.spectra.one_band import OneBand, by_band, combined, density_alone, filled
from jaxgap.spectra.pair import abs2, pair_sum, safe_sqrt
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import NODES_AT_ROOTS, Interval, Nodes, integrand_peaks, nodes_of_band
from jaxgap.units import thermal_energy

__all__ = ["OneTable"]

Scalar = Float[Array, ""]


class OneTable(OneBand, OwnSums):
    """A cluster of one such band."""

    @property
    def band(self) -> Band:
        return self.superconductor.bands[self.cluster.bands[0]]

    @property
    def gap(self) -> Inexact[Array, ""]:
        return self.Delta[self.cluster.channels[0]]

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        root = jnp.sqrt(z**2 - abs2(self.gap))
        poles = self.band.kappa_at(jnp.stack([root, -root]))
        nodes = self._nodes(poles.real, jnp.abs(poles.imag), NODES_AT_ROOTS)
        zeta = self.band.zeta(nodes.kappa)
        inverse = 1 / (root**2 - zeta**2)
        return combined(z, self.gap[None], nodes.integral(inverse)[None], nodes.integral(zeta * inverse)[None])

    def density_of_states(self, omega: Scalar) -> Float[Array, "1"]:
        interval = Interval(self.cluster.bands[0], *self.band.shell(self.superconductor.Omega))
        return density_alone(self.superconductor, self.Delta, interval, omega)[None]

    def sums(self, T: Scalar, rule: Rule) -> Scalar:
        _, nodes, E = self._at_temperature(self.gap, T, rule)
        return nodes.integral(pair_sum(E, thermal_energy(T)))

    def occupation(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        zeta, nodes, _ = self._at_temperature(self.gap, T, rule)
        paired = nodes.integral(filled(zeta, abs2(self.gap), thermal_energy(T)))
        return jnp.sum(by_band(self.superconductor, self.cluster, self.Delta, T, paired[None]))

    def linear_kernel(self, T: Scalar, rule: Rule) -> Float[Array, "1"]:
        zeta, nodes, _ = self._at_temperature(0 * self.gap, T, rule)
        kT = thermal_energy(T)
        return nodes.integral(tanh_over(zeta / (2 * kT)) / (4 * kT))[None]

    def quasiparticle_free_energy(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        zeta, nodes, E = self._at_temperature(self.gap, T, rule, normal=True)
        kT = thermal_energy(T)
        return -2 * kT * nodes.integral(log_cosh(E / (2 * kT)) - log_cosh(zeta / (2 * kT)))

    def entropy(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        _, nodes, E = self._at_temperature(self.gap, T, rule)
        return 2 * nodes.integral(level_entropy(E / (2 * thermal_energy(T))))

    def _at_temperature(
        self, gap: Inexact[Array, ""], T: Scalar, rule: Rule, normal: bool = False
    ) -> tuple[Float[Array, "node"], Nodes, Float[Array, "node"]]:
        """(zeta, nodes, E)."""
        m, mu = self.band.tangent
        nodes = self._nodes(*integrand_peaks(m[None], mu[None], gap[None], T, normal), rule.single)
        zeta = self.band.zeta(nodes.kappa)
        return zeta, nodes, safe_sqrt(zeta**2 + abs2(gap))

    def _nodes(self, centre: Float[Array, "root"], width: Float[Array, "root"], n: int) -> Nodes:
        sc = self.superconductor
        return nodes_of_band(sc, self.band, *self.band.shell(sc.Omega), centre, width, n)
