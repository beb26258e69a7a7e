r"""Quasiparticles of a band that pairs alone: a cluster of one band, and what is left of a cross-paired one.

.. math:: E = \sqrt{\zeta^2 + |\Delta|^2}, \qquad G(k, z) = \frac{z + \zeta}{z^2 - E^2}, \qquad
          F(k, z) = \frac{\Delta}{z^2 - E^2}, \qquad P = \Delta \sum_k \frac{\tanh(E / 2 k_B T)}{2E}
"""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.parabolic import ParabolicBand
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra.beyond_overlap import lowest_of_band
from jaxgap.spectra.cluster import LocalFunctions, SummedSpectrum
from jaxgap.spectra.pair import abs2, pair_sum, safe_sqrt
from jaxgap.spectra.partial_fractions import cauchy
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import (
    Interval,
    amplitudes_at,
    energies_alone,
    intervals_alone,
    nodes_at_roots,
    nodes_of_intervals,
    parameters,
    pick,
)
from jaxgap.units import thermal_energy

__all__ = [
    "OneBand",
    "by_band",
    "combined",
    "density_alone",
    "local_functions_alone",
    "occupation_alone",
    "sums_alone",
    "filled",
]

Scalar = Float[Array, ""]


class OneBand(SummedSpectrum[Scalar]):
    """A cluster of one band."""

    superconductor: Superconductor
    Delta: Inexact[Array, "channel"]
    cluster: Cluster = eqx.field(static=True)

    def energies(self, kappa: Float[Array, "*k"]) -> Float[Array, "1 *k"]:
        z, D = self._at(kappa)
        return safe_sqrt(z**2 + abs2(D))[None]

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> tuple[Complex[Array, "*k"], ...]:
        x, D = self._at(kappa)
        return ((z + x) / (z**2 - x**2 - abs2(D)),)

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        return local_functions_alone(self.superconductor, self.Delta, intervals_alone(self.superconductor, self.cluster), z)

    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "1"]:
        (interval,) = intervals_alone(self.superconductor, self.cluster)
        return density_alone(self.superconductor, self.Delta, interval, omega)[None]

    def singular_energies(self) -> Float[Array, "2"]:
        """The gap, and the lower edge of the shell, where N has a step."""
        sc, i = self.superconductor, self.cluster.bands[0]
        edge = sc.bands[i].zeta(sc.bands[i].shell(sc.Omega)[0])
        return jnp.stack([lowest_of_band(sc, self.Delta, i)[1], safe_sqrt(edge**2 + abs2(self.Delta[i]))])

    def sums(self, T: Scalar, rule: Rule) -> Scalar:
        return sums_alone(self.superconductor, self.cluster, self.Delta, T, rule)[0]

    def occupation(self, T: Scalar, rule: Rule) -> Float[Array, ""]:
        own = self.superconductor, self.cluster, self.Delta, T
        return jnp.sum(by_band(*own, occupation_alone(*own, rule)))

    def densities(self, sums: Scalar, Delta: Inexact[Array, "channel"]) -> tuple[Inexact[Array, ""], ...]:
        return (sums * Delta[self.cluster.bands[0]],)

    def _at(self, kappa: Float[Array, "*k"]) -> tuple[Float[Array, "*k"], Inexact[Array, "*k"]]:
        """zeta, and the amplitude inside the shell."""
        z = self.superconductor.bands[self.cluster.bands[0]].zeta(kappa)
        return z, amplitudes_at(self.superconductor, self.cluster, self.Delta, [z])[0]


def sums_alone(
    sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "channel"], T: Scalar, rule: Rule
) -> tuple[Scalar, ...]:
    """Sum of f(E) = tanh(E / 2 k_B T) / 2E over the k where each band of a cluster pairs alone."""
    bands, nodes = nodes_of_intervals(sc, intervals_alone(sc, cluster), Delta, T, rule.single)
    z = energies_alone(sc, bands, nodes.kappa)
    f = nodes.integral(pair_sum(safe_sqrt(z**2 + abs2(pick(Delta, bands))[:, None]), thermal_energy(T)))
    return tuple(sum((f[k] for k, i in enumerate(bands) if i == band), jnp.zeros(())) for band in cluster.bands)


def occupation_alone(
    sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "channel"], T: Scalar, rule: Rule
) -> Float[Array, "band"]:
    """Electrons (`ClusterSpectrum.occupation`) where each band of a cluster pairs alone."""
    bands, nodes = nodes_of_intervals(sc, intervals_alone(sc, cluster), Delta, T, rule.single)
    sense, z = jnp.stack([sc.bands[i].sense for i in bands])[:, None], energies_alone(sc, bands, nodes.kappa)
    n = nodes.integral(sense * filled(sense * z, abs2(pick(Delta, bands))[:, None], thermal_energy(T)))
    at = [sum((n[k] for k, i in enumerate(bands) if i == band), jnp.zeros(())) for band in cluster.bands]
    return jnp.stack(at)


def by_band(
    sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "channel"], T: Scalar, paired: Float[Array, "band"]
) -> Float[Array, "band"]:
    """The electrons of the bands of a cluster inside their shells: `paired`, or those of the normal state of a band without
    amplitude, which at T = 0 fills in steps that no node has."""
    kT, n = thermal_energy(T), len(sc.bands)
    found = []
    for i, number in zip(cluster.bands, paired, strict=True):
        own = [c for c in cluster.channels if c == i or (c >= n and i in sc.cross[c - n])]
        acts = (jnp.stack([abs2(Delta[c]) for c in own]) > 0).any()
        found.append(jnp.where(acts, number, sc.bands[i].electrons_inside(sc.Omega, kT, sc.dimension)))
    return jnp.stack(found)


def filled(z: Float[Array, "*k"], gap2: Float[Array, "*#k"], kT: Scalar) -> Float[Array, "*k"]:
    """1 - (zeta / E) tanh(E / 2 k_B T) = 2 f(E) + tanh(E / 2 k_B T) (E - zeta) / E, without a difference far above mu."""
    E = safe_sqrt(z**2 + gap2)
    gapped = E > 0
    E = jnp.where(gapped, E, 1.0)
    above = jnp.where(z > 0, gap2 / (E + jnp.where(z > 0, z, 0.0)), E - z)
    decay = jnp.exp(-E / kT)
    return jnp.where(gapped, (2 * decay + (1 - decay) * above / E) / (1 + decay), 1.0)


def local_functions_alone(
    sc: Superconductor, Delta: Inexact[Array, "channel"], intervals: Sequence[Interval], z: Complex[Array, ""]
) -> LocalFunctions:
    """Of every interval of kappa, those of its band, which pairs alone there."""
    bands = tuple(interval.band for interval in intervals)
    a, b, D = jnp.stack([one.a for one in intervals]), jnp.stack([one.b for one in intervals]), pick(Delta, bands)
    root = jnp.sqrt(z**2 - abs2(D))
    closed = all(isinstance(sc.bands[i], ParabolicBand) for i in bands)
    return combined(z, D, *(_in_closed_form if closed else _on_nodes)(sc, bands, a, b, root))


def combined(
    z: Complex[Array, ""], D: Inexact[Array, "*band"], direct: Complex[Array, "*band"], odd: Complex[Array, "*band"]
) -> LocalFunctions:
    """From the sums over k of 1 / (z^2 - E^2) and of zeta / (z^2 - E^2)."""
    return LocalFunctions(z * direct + odd, z * direct - odd, -D / jnp.pi * direct.imag + 0j)


Sums = tuple[Complex[Array, "interval"], Complex[Array, "interval"]]
"""Of 1 / (z^2 - E^2) and of zeta / (z^2 - E^2), on every interval."""


def _in_closed_form(
    sc: Superconductor,
    bands: tuple[int, ...],
    a: Float[Array, "interval"],
    b: Float[Array, "interval"],
    root: Complex[Array, "interval"],
) -> Sums:
    """Of parabolic bands, from the residues at zeta = +-root: +-m / (2 root) and m / 2 with the opposite sign."""
    m, mu = (pick(leaf, bands) for leaf in parameters(sc))
    above, below = (cauchy(a, b, m * (mu + x), sc.dimension) for x in (root, -root))
    return -m * (above - below) / (2 * root), -m * (above + below) / 2


def _on_nodes(
    sc: Superconductor,
    bands: tuple[int, ...],
    a: Float[Array, "interval"],
    b: Float[Array, "interval"],
    root: Complex[Array, "interval"],
) -> Sums:
    """Of bands of any kind, by quadrature."""

    def of(i: int, a: Scalar, b: Scalar, root: Complex[Array, ""]) -> tuple[Complex[Array, ""], Complex[Array, ""]]:
        nodes = nodes_at_roots(sc, a, b, sc.bands[i].kappa_at(jnp.stack([root, -root])))
        x = sc.bands[i].zeta(nodes.kappa)
        inverse = 1 / (root**2 - x**2)
        return nodes.integral(inverse), nodes.integral(x * inverse)

    direct, odd = zip(*(of(i, *rest) for i, *rest in zip(bands, a, b, root, strict=True)), strict=True)
    return jnp.stack(direct), jnp.stack(odd)


def density_alone(
    sc: Superconductor, Delta: Inexact[Array, "channel"], interval: Interval, omega: Float[Array, ""]
) -> Float[Array, ""]:
    """BCS: |u|^2 = (1 + zeta / omega) / 2 at zeta = +-sqrt(omega^2 - |Delta|^2), |omega| / |zeta| states per d zeta."""
    band, gap, size = sc.bands[interval.band], safe_sqrt(abs2(Delta[interval.band])), jnp.abs(omega)
    open_ = size >= gap
    z = jnp.array([1.0, -1.0]) * jnp.sqrt(jnp.where(open_, (size - gap) * (size + gap), 1.0))
    kappa = band.kappa_at(z)
    inside = open_ & (kappa >= interval.a) & (kappa <= interval.b)
    kappa = jnp.where(inside, kappa, 1.0)
    density = band.states(kappa, sc.dimension) / jnp.abs(band.slope(kappa))
    return jnp.sum(jnp.where(inside, density * (1 + z / omega) / 2 * size / jnp.abs(z), 0.0))
