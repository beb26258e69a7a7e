r"""Which bands pair at which kappa, and nodes of quadrature there.

A channel (i, j) acts where |zeta_i| <= Omega and |zeta_j| <= Omega: two cross-paired bands have an overlap of their shells with
all three amplitudes, and what the partner's shell leaves of each, on either side, where the band pairs alone. Outside all
shells bands are normal.
"""

from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import larger, shell, smaller
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.pair import safe_sqrt
from jaxgap.spectra.quadrature import panels
from jaxgap.units import thermal_energy

__all__ = [
    "Nodes",
    "integrand_peaks",
    "nodes_on",
    "overlap_interval",
    "overlap_nodes",
    "pairs",
    "parameters",
    "pick",
    "single_intervals",
    "single_nodes",
]

Amplitudes = Inexact[Array, "channel"]
Scalar = Float[Array, ""]


class Nodes(NamedTuple):
    """Quadrature nodes in kappa, with weights that include rho(kappa)."""

    kappa: Float[Array, "*interval node"]
    weight: Float[Array, "*interval node"]

    def integral(self, integrand: Inexact[Array, "*interval node"]) -> Inexact[Array, "*interval"]:
        """Sum over the nodes of each interval, as a matrix product: XLA then computes the integrand only once."""
        return jnp.einsum("...n,...n->...", integrand, self.weight.astype(integrand.dtype))


def parameters(sc: Superconductor) -> tuple[Float[Array, "band"], Float[Array, "band"]]:
    """Masses and mus of all bands as arrays."""
    return jnp.stack([band.mass for band in sc.bands]), jnp.stack([band.mu for band in sc.bands])


def pairs(sc: Superconductor) -> list[Cluster]:
    """The clusters of two cross-paired bands."""
    return [cluster for cluster in sc.clusters if len(cluster.bands) == 2]


def pick(values: Inexact[Array, "n *k"], indices: tuple[int, ...]) -> Inexact[Array, "m *k"]:
    """values[indices] for static indices, as slices: much cheaper than XLA's gather in a batch on the CPU."""
    return jnp.stack([values[i] for i in indices])


def overlap_interval(sc: Superconductor, cluster: Cluster) -> tuple[Scalar, Scalar]:
    """The interval of kappa in which all bands of a cluster are inside the shell (empty if its ends are equal)."""
    a, b = zip(*(shell(sc.bands[i], sc.Omega) for i in cluster.bands), strict=True)
    lo = reduce(larger, a)
    return lo, larger(lo, reduce(smaller, b))


def single_intervals(sc: Superconductor) -> tuple[tuple[int, ...], Float[Array, "interval"], Float[Array, "interval"]]:
    """(bands, a, b): where a band is inside its shell and pairs alone.

    That is the whole shell of a band without cross channel; of a cross-paired one it is what its partner's shell leaves,
    on either side. The ends are cut by `larger` and `smaller`: where two shells are equal (d = 0), the
    derivative of an edge is then the mean of both sides.
    """
    ends = []
    for cluster in sc.clusters:
        edges = [shell(sc.bands[i], sc.Omega) for i in cluster.bands]
        if len(edges) == 1:
            ends.append((cluster.bands[0], *edges[0]))
            continue
        for i, (a, b), (a_other, b_other) in zip(cluster.bands, edges, edges[::-1], strict=True):
            ends += [(i, a, smaller(larger(a_other, a), b)), (i, smaller(larger(b_other, a), b), b)]
    bands, lower, upper = zip(*ends, strict=True)
    return bands, jnp.stack(lower), jnp.stack(upper)


def integrand_peaks(
    m: Any, mu: Any, Delta: Any, T: Scalar, normal: bool = False
) -> tuple[Float[Array, "root"], Float[Array, "root"]]:
    """Centres and widths (hypot of the root's imaginary part and pi k_B T |m|) of what must be resolved."""
    m, mu, Delta, kT = jax.lax.stop_gradient((m, mu, Delta, thermal_energy(T)))
    found = [spectrum.peaks(m, mu, Delta)] + normal * [spectrum.peaks(m, mu, 0 * Delta)]
    centre, width = (jnp.concatenate(part) for part in zip(*found, strict=True))
    return centre, jnp.sqrt(width * width + (jnp.pi * kT * jnp.min(jnp.abs(m))) ** 2)


def nodes_on(sc: Superconductor, a: Any, b: Any, centre: Any, width: Any, n: int) -> Nodes:
    """Nodes on [a, b]; in 3D the integral runs over sqrt(kappa), in which a band's edge is smooth.

    Of many intervals at once the nodes come first, the intervals last (as in `spectra.quadrature.panels`).
    """
    if sc.dimension == 2:
        return Nodes(*panels(a, b, centre, width, n))
    root = jnp.sqrt(centre + 1j * width)
    y, weight = panels(safe_sqrt(a), safe_sqrt(b), root.real, root.imag, n)
    return Nodes(y**2, 2 * y**2 * weight)  # dkappa rho = 2 y dy y


def overlap_nodes(sc: Superconductor, cluster: Cluster, Delta: Amplitudes, T: Scalar, n: int, normal: bool = False) -> Nodes:
    """Nodes where both bands of a cluster are inside the shell, placed for the amplitudes `Delta`.

    With `normal`, the nodes also resolve the normal state at T: the kinks of |zeta_i| in the free energy.
    """
    m, mu = (pick(leaf, cluster.bands) for leaf in parameters(sc))
    peaks = integrand_peaks(m, mu, pick(Delta, cluster.channels), T, normal)
    return nodes_on(sc, *overlap_interval(sc, cluster), *peaks, n)


def single_nodes(
    sc: Superconductor, Delta: Amplitudes, T: Scalar, n: int, normal: bool = False
) -> tuple[tuple[int, ...], Nodes]:
    """Bands and nodes of all intervals in which a band pairs alone."""
    bands, a, b = single_intervals(sc)
    m, mu = (pick(leaf, bands) for leaf in parameters(sc))

    def interval(m: Any, mu: Any, Delta: Any, a: Any, b: Any) -> Nodes:
        return nodes_on(sc, a, b, *integrand_peaks(m[None], mu[None], Delta[None], T, normal), n)

    return bands, jax.vmap(interval)(m, mu, pick(Delta, bands), a, b)
