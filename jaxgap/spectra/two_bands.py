r"""Quasiparticles of two cross-paired bands: Green's functions, densities of states and anomalous densities in closed form.

.. math:: G = \left[ z - \zeta - \Delta (z + \zeta)^{-1} \Delta^\dagger \right]^{-1}, \qquad
          F_{11} = \frac{\Delta_1 (z^2 - \epsilon_2^2) + \Delta_3^2 \Delta_2^*}{(z^2 - E_+^2)(z^2 - E_-^2)}

with the spectrum of `spectra.pair`, where both bands are inside their shells; where only one is, it pairs alone
(`spectra.one_band`).
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.parabolic import ParabolicBand
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.cluster import LocalFunctions, SummedSpectrum
from jaxgap.spectra.crossing_roots import density_of_pair
from jaxgap.spectra.one_band import by_band, density_alone, local_functions_alone, occupation_alone, sums_alone
from jaxgap.spectra.pair import abs2
from jaxgap.spectra.partial_fractions import Linear, Quadratic, RationalFunctions, integrals
from jaxgap.spectra.peaks import singular_energies_of_pair
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import (
    Interval,
    Nodes,
    amplitudes_at,
    intervals_alone,
    nodes_at_roots,
    overlap_interval,
    overlap_nodes,
    parameters,
    pick,
)
from jaxgap.spectra.roots import pair_roots
from jaxgap.units import thermal_energy

__all__ = ["PairSums", "TwoBands"]

Scalar = Float[Array, ""]
OfK = Float[Array, "*k"]
ComplexOfK = Complex[Array, "*k"]
Amplitude = Inexact[Array, "*#k"]


class PairSums(NamedTuple):
    """Sums over k that the anomalous densities of two cross-paired bands are made of."""

    alone: tuple[Scalar, ...]
    """Of each band, sum of f(E) = tanh(E / 2 k_B T) / 2E over the k where it pairs alone."""
    S: Scalar
    R: Scalar
    R_zz: Scalar
    """Where both are inside the shell, of R (zeta_1^2 - zeta_2^2)."""
    R_dd: Scalar
    """And of R (zeta_1 - zeta_2)^2."""


class TwoBands(SummedSpectrum[PairSums]):
    """A cluster of two cross-paired bands."""

    superconductor: Superconductor
    Delta: Inexact[Array, "channel"]
    cluster: Cluster = eqx.field(static=True)

    def energies(self, kappa: OfK) -> Float[Array, "2 *k"]:
        z, D = self._at(kappa)
        E_plus, E_minus = spectrum.energies(*z, *D)
        return jnp.stack([E_minus, E_plus])

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> tuple[ComplexOfK, ...]:
        r"""G_11 and G_22 as cofactors over (z^2 - E_+^2)(z^2 - E_-^2).

        One complex division: half the work of inverting G^-1 as `local_functions` does, whose nodes come so near to the poles
        that this product would cancel.
        """
        (x1, x2), D = self._at(kappa)
        s1, s2, s3 = (abs2(part) for part in D)
        A = x1**2 + x2**2 + s1 + s2 + 2 * s3
        z2 = z**2
        inverse = 1 / ((z2 - A) * z2 + spectrum.determinant(x1, x2, *D))
        first = (z + x1) * (z2 - x2**2 - s2) - s3 * (z + x2)
        second = (z + x2) * (z2 - x1**2 - s1) - s3 * (z + x1)
        return first * inverse, second * inverse

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        sc, bands, intervals = self.superconductor, self.cluster.bands, intervals_alone(self.superconductor, self.cluster)
        alone = local_functions_alone(sc, self.Delta, intervals, z)
        own = [np.array([interval.band == i for interval in intervals]) for i in bands]
        together = self._together(z)
        return LocalFunctions(
            *(part + jnp.stack([jnp.sum(rest[at]) for at in own]) for part, rest in zip(together, alone, strict=True))
        )

    def density_of_states(self, omega: Scalar) -> Float[Array, "2"]:
        sc, ends = self.superconductor, overlap_interval(self.superconductor, self.cluster)
        amplitudes = pick(self.Delta, self.cluster.channels)
        apart = jnp.stack([density_alone(sc, self.Delta, Interval(i, *ends), omega) for i in self.cluster.bands])
        # Without a cross amplitude branches cross: each has a kink there, the bands have none.
        none = abs2(amplitudes[2]) == 0
        paired = jnp.where(none, jnp.ones_like(amplitudes), amplitudes)
        N = jnp.where(none, apart, density_of_pair(sc, self.cluster, paired, omega, ends))
        for interval in intervals_alone(sc, self.cluster):
            N = N.at[self.cluster.bands.index(interval.band)].add(density_alone(sc, self.Delta, interval, omega))
        return N

    def singular_energies(self) -> Float[Array, "peak"]:
        return singular_energies_of_pair(self.superconductor, self.Delta, self.cluster)

    def sums(self, T: Scalar, rule: Rule) -> PairSums:
        sc, cluster = self.superconductor, self.cluster
        alone = sums_alone(sc, cluster, self.Delta, T, rule)
        nodes = overlap_nodes(sc, cluster, self.Delta, T, rule.overlap)
        z1, z2 = (sc.bands[i].zeta(nodes.kappa) for i in cluster.bands)
        x = spectrum.branches(z1, z2, *pick(self.Delta, cluster.channels))
        S, R = spectrum.pair_sums(x, thermal_energy(T))
        return PairSums(alone, *(nodes.integral(f) for f in (S, R, R * (z1 - z2) * (z1 + z2), R * (z1 - z2) ** 2)))

    def occupation(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        r"""With H^3 = \zeta^3 + \zeta \Delta \Delta^\dagger + \Delta \Delta^\dagger \zeta - \Delta \zeta \Delta^\dagger in its
        electrons' block,

        .. math:: \tanh(H / 2 k_B T)_{11} = \zeta_1 S + R \left[ \zeta_1 (\epsilon_1^2 - \epsilon_2^2 + 2 |\Delta_3|^2)
                  - 2 \zeta_2 |\Delta_3|^2 \right] \quad (22: 1 \leftrightarrow 2) .
        """
        sc, cluster = self.superconductor, self.cluster
        nodes = overlap_nodes(sc, cluster, self.Delta, T, rule.overlap)
        z1, z2 = (sc.bands[i].zeta(nodes.kappa) for i in cluster.bands)
        D = pick(self.Delta, cluster.channels)
        s1, s2, s3 = (abs2(part) for part in D)
        S, R = spectrum.pair_sums(spectrum.branches(z1, z2, *D), thermal_energy(T))
        apart = (z1 - z2) * (z1 + z2) + s1 - s2
        t1 = z1 * S + R * (z1 * (2 * s3 + apart) - 2 * z2 * s3)
        t2 = z2 * S + R * (z2 * (2 * s3 - apart) - 2 * z1 * s3)
        together = [nodes.integral(sc.bands[i].sense - t) for i, t in zip(cluster.bands, (t1, t2), strict=True)]
        alone = occupation_alone(sc, cluster, self.Delta, T, rule)
        return jnp.sum(by_band(sc, cluster, self.Delta, T, alone + jnp.stack(together)))

    def densities(self, sums: PairSums, Delta: Inexact[Array, "channel"]) -> tuple[Inexact[Array, ""], ...]:
        r"""P_1, P_2 and P_3, with what the bands make alone.

        .. math:: P_1 = \sum_k \tfrac12 \{ \Delta_1 S + R [ \Delta_1 (\epsilon_1^2 - \epsilon_2^2 + 2|\Delta_3|^2)
                                                    + 2 \Delta_3^2 \Delta_2^* ] \}
                  \quad (P_2: 1 \leftrightarrow 2)

        .. math:: P_3 = \sum_k \Delta_3 S + R [ \Delta_3 ((\zeta_1 - \zeta_2)^2 + |\Delta_1|^2 + |\Delta_2|^2)
                                        + 2 \Delta_1 \Delta_2 \Delta_3^* ]

        The amplitudes do not depend on k, so four sums over k make all three.
        """
        (f1, f2), S, R, R_zz, R_dd = sums
        Delta1, Delta2, Delta3 = pick(Delta, self.cluster.channels)
        s1, s2, s3 = abs2(Delta1), abs2(Delta2), abs2(Delta3)
        R_12 = R_zz + R * (s1 - s2)  # sum of R (eps_1^2 - eps_2^2)
        P1 = 0.5 * (Delta1 * (S + 2 * s3 * R + R_12) + 2 * Delta3**2 * jnp.conj(Delta2) * R)
        P2 = 0.5 * (Delta2 * (S + 2 * s3 * R - R_12) + 2 * Delta3**2 * jnp.conj(Delta1) * R)
        P3 = Delta3 * (S + R_dd + R * (s1 + s2)) + 2 * Delta1 * Delta2 * jnp.conj(Delta3) * R
        return f1 * Delta1 + P1, f2 * Delta2 + P2, P3

    def _at(self, kappa: OfK) -> tuple[list[OfK], list[Amplitude]]:
        """zeta of both bands, and the amplitudes inside the shells."""
        z = [self.superconductor.bands[i].zeta(kappa) for i in self.cluster.bands]
        return z, amplitudes_at(self.superconductor, self.cluster, self.Delta, z)

    def _together(self, z: Complex[Array, ""]) -> LocalFunctions:
        """From where both bands are inside the shell."""
        sc = self.superconductor
        bands = [sc.bands[i] for i in self.cluster.bands]
        roots = pair_roots(*bands[0].tangent, *bands[1].tangent, pick(self.Delta, self.cluster.channels), z)
        a, b = overlap_interval(sc, self.cluster)
        closed = all(isinstance(band, ParabolicBand) for band in bands)
        return (self._in_closed_form if closed else self._on_nodes)(z, roots, a, b)

    def _on_nodes(self, z: Complex[Array, ""], roots: Complex[Array, "4"], a: Scalar, b: Scalar) -> LocalFunctions:
        """By quadrature, of bands of any kind."""
        sc, D = self.superconductor, pick(self.Delta, self.cluster.channels)
        nodes = nodes_at_roots(sc, a, b, roots)
        x1, x2 = (sc.bands[i].zeta(nodes.kappa) for i in self.cluster.bands)
        G = [nodes.integral(g) for g in _green_functions(x1, x2, D, z)]
        # G(-z^*) = -[G(z) with the bands turned over]^*.
        below = [nodes.integral(g) for g in _green_functions(-x1, -x2, D, z)]
        return LocalFunctions(*map(jnp.stack, (G, below, _anomalous(x1, x2, D, z, nodes))))

    def _in_closed_form(self, z: Complex[Array, ""], roots: Complex[Array, "4"], a: Scalar, b: Scalar) -> LocalFunctions:
        """By partial fractions, of parabolic bands."""
        sc, D = self.superconductor, pick(self.Delta, self.cluster.channels)
        m, mu = (pick(leaf, self.cluster.bands) for leaf in parameters(sc))
        s3 = abs2(D[2])
        functions = PairFunctions(z, m, mu, abs2(D), jnp.real(D[2] ** 2 * jnp.conj(D[0] * D[1])))
        e1, e2, odd1, odd2, one = integrals(a, b, functions, roots, sc.dimension)
        direct, odd, own = jnp.stack([e2, e1]), jnp.stack([odd1, odd2]), pick(D, (0, 1))
        even = z * (direct - s3 * one)
        M = -(own * direct.imag + D[2] ** 2 * jnp.conj(own[::-1]) * one.imag) / jnp.pi
        return LocalFunctions(even + odd, even - odd, M + 0j)


class PairFunctions(RationalFunctions):
    r"""What G and F of two parabolic cross-paired bands are made of, with e_i = z^2 - eps_i^2 and s_i = |Delta_i|^2:

    .. math:: Q = e_1 e_2 + 2 s_3 (\zeta_1 \zeta_2 - z^2) + s_3^2 - 2 \mathrm{Re}\, \Delta_3^2 (\Delta_1 \Delta_2)^*
              = (z^2 - E_+^2)(z^2 - E_-^2)

    and N = e_1, e_2, zeta_1 e_2 - s_3 zeta_2, zeta_2 e_1 - s_3 zeta_1, 1; all times (m_1 m_2)^2, which makes Q monic.
    """

    z: Complex[Array, ""]
    m: Float[Array, "2"]
    mu: Float[Array, "2"]
    s: Float[Array, "3"]
    overlap: Scalar
    """Re Delta_3^2 (Delta_1 Delta_2)^*."""

    def quartic(self, U: Quadratic) -> Linear:
        (x1, x2), (e1, e2) = self._terms(U)
        rest = self.s[2] ** 2 - 2 * self.overlap - 2 * self.s[2] * self.z**2
        return self._monic(U.product(e1, e2).plus(U.product(x1, x2), 2 * self.s[2]).shifted(rest))

    def numerators(self, U: Quadratic) -> list[Linear]:
        (x1, x2), (e1, e2) = self._terms(U)
        odd = U.product(x1, e2).plus(x2, -self.s[2]), U.product(x2, e1).plus(x1, -self.s[2])
        return [self._monic(one) for one in (e1, e2, *odd, Linear(jnp.zeros(()), jnp.ones(())))]

    def _terms(self, U: Quadratic) -> tuple[list[Linear], list[Linear]]:
        """zeta_i and e_i, modulo U."""
        x = [Linear(1 / self.m[i], U.c / self.m[i] - self.mu[i]) for i in (0, 1)]
        return x, [U.product(x[i], x[i]).times(-1.0).shifted(self.z**2 - self.s[i]) for i in (0, 1)]

    def _monic(self, one: Linear) -> Linear:
        return one.times((self.m[0] * self.m[1]) ** 2)


def _green_functions(x1: OfK, x2: OfK, Delta: Inexact[Array, "3"], z: Complex[Array, ""]) -> tuple[ComplexOfK, ComplexOfK]:
    """G_11 and G_22: the diagonal of the inverse of z - zeta - Delta (z + zeta)^-1 Delta^+."""
    D1, D2, D3 = Delta
    h1, h2 = 1 / (z + x1), 1 / (z + x2)
    M11 = z - x1 - abs2(D1) * h1 - abs2(D3) * h2
    M22 = z - x2 - abs2(D2) * h2 - abs2(D3) * h1
    M12 = -(D1 * jnp.conj(D3) * h1 + D3 * jnp.conj(D2) * h2)
    M21 = -(D3 * jnp.conj(D1) * h1 + D2 * jnp.conj(D3) * h2)
    det = M11 * M22 - M12 * M21
    return M22 / det, M11 / det


def _anomalous(
    x1: OfK, x2: OfK, Delta: Inexact[Array, "3"], z: Complex[Array, ""], nodes: Nodes
) -> tuple[Complex[Array, ""], ...]:
    """The anomalous spectral functions of both bands (`LocalFunctions.M`)."""
    D1, D2, D3 = Delta
    s1, s2, s3 = abs2(Delta)
    A = x1**2 + x2**2 + s1 + s2 + 2 * s3
    inverse = 1 / (z**4 - A * z**2 + spectrum.determinant(x1, x2, *Delta))
    direct = [nodes.integral((z**2 - x**2 - s) * inverse).imag for x, s in ((x2, s2), (x1, s1))]
    crossed = nodes.integral(inverse).imag
    return tuple(
        -(D * part + D3**2 * jnp.conj(other) * crossed) / jnp.pi + 0j
        for D, other, part in zip((D1, D2), (D2, D1), direct, strict=True)
    )
