r"""Green's functions and densities of states at given amplitudes: of all clusters, and of normal bands outside the shells.

.. math:: N_i(\omega) = -\frac{1}{\pi} \,\mathrm{Im} \sum_k G_{ii}(k, \omega + i\Gamma), \qquad
          \sum_k = \sum_{\text{inside the shells}} + \int_{|\zeta_i| > \Omega} d\kappa \, \frac{\rho}{z - \zeta_i}

Without broadening N is that of sharp quasiparticles: infinite at an extremum of a branch, and as |omega - E|^(-1/2) on one side
of it: to integrate it, cut there and substitute omega = E +- t^2. Within some 1e-9 meV of it digits are lost, as omega - E
itself has lost them.
"""

from collections.abc import Callable
from functools import partial, reduce

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.band import Band, check_in_k_space
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.spectra.cluster import ClusterSpectrum, LocalFunctions, OwnSums
from jaxgap.spectra.on_lattice import OnLattice
from jaxgap.spectra.one_band import OneBand
from jaxgap.spectra.one_table import OneTable
from jaxgap.spectra.regions import tables
from jaxgap.spectra.several_bands import SeveralBands
from jaxgap.spectra.two_bands import TwoBands

__all__ = [
    "clean_density_of_states_of",
    "clusters_of",
    "energies_of",
    "green_function",
    "green_function_at",
    "local_functions",
    "local_functions_at",
    "local_green_function",
    "normal_green_function",
    "singular_energies_of",
    "smallest_broadening",
    "with_own_sums",
]

Amplitudes = Inexact[Array, "channel"]

ZERO = 1e-6
"""Energies closer to zero than 1e-6 Omega are read as that: there the two roots beside a gapless line are still told apart."""


def clusters_of(sc: Superconductor, Delta: Amplitudes) -> list[ClusterSpectrum]:
    """The clusters of a system at given amplitudes. Here it is decided what a cluster of how many bands is."""
    if isinstance(sc, Lattice):
        return [OnLattice(sc, Delta, cluster) for cluster in sc.clusters]
    kinds: dict[int, Callable[..., ClusterSpectrum]] = {1: OneBand, 2: TwoBands}
    known = tables(sc)
    return [
        (OneTable if cluster in known else kinds.get(len(cluster.bands), SeveralBands))(sc, Delta, cluster)
        for cluster in sc.clusters
    ]


def with_own_sums(sc: Superconductor, Delta: Amplitudes) -> list[OwnSums]:
    """Those of them that bring all of their sums over k."""
    return [spectrum for spectrum in clusters_of(sc, Delta) if isinstance(spectrum, OwnSums)]


def energies_of(sc: Superconductor, Delta: Amplitudes, kappa: Float[Array, "*k"]) -> Float[Array, "branch *k"]:
    """Quasiparticle energies [meV] of all branches, in the order of `branch_names`."""
    check_in_k_space(sc.bands, "what is seen at a k")
    return jnp.concatenate([cluster.energies(kappa) for cluster in clusters_of(sc, Delta)])


def green_function(
    sc: Superconductor, Delta: Amplitudes, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]
) -> Complex[Array, "band *k"]:
    """G_ii(kappa, z) of every band [1/meV], for arrays kappa and z that broadcast against each other."""
    check_in_k_space(sc.bands, "what is seen at a k")
    found: dict[int, Complex[Array, "*k"]] = {}
    for spectrum in clusters_of(sc, Delta):
        found |= zip(spectrum.cluster.bands, spectrum.green_function(kappa, z), strict=True)
    shape = jnp.broadcast_shapes(jnp.shape(kappa), jnp.shape(z))
    return jnp.stack([jnp.broadcast_to(found[i], shape) for i in range(len(sc.bands))])


def local_functions(sc: Superconductor, Delta: Amplitudes, z: Complex[Array, ""]) -> LocalFunctions:
    """Normal and anomalous Green's functions of every band, summed over all k."""
    return jax.tree.map(lambda f: f[0], local_functions_at(sc, Delta, z[None]))


def local_functions_at(sc: Superconductor, Delta: Amplitudes, z: Complex[Array, "omega"]) -> LocalFunctions:
    """`local_functions` of many energies, which come first."""
    G, below = (jax.vmap(partial(_beyond_shells, sc))(w) for w in (z, -jnp.conj(z)))
    M = jnp.zeros_like(G)
    for spectrum in clusters_of(sc, Delta):
        own, at = spectrum.local_functions_at(z), jnp.array(spectrum.components)
        G, below, M = (total.at[:, at].add(part) for total, part in zip((G, below, M), own, strict=True))
    return LocalFunctions(G, below, M)


def smallest_broadening(sc: Superconductor) -> Float[Array, ""]:
    """The smallest Im z [meV] at which local functions are known."""
    none = jnp.zeros(len(sc.channels))
    return reduce(jnp.maximum, [spectrum.smallest_broadening() for spectrum in clusters_of(sc, none)])


def green_function_at(
    sc: Superconductor, Delta: Amplitudes, k: Float[Array, "k *axis"], z: Complex[Array, "omega"]
) -> Complex[Array, "band k omega"]:
    """G_ii(k, z) of every band, or orbital, at all of the k and all energies [1/meV]."""
    found: dict[int, Complex[Array, "k omega"]] = {}
    for spectrum in clusters_of(sc, Delta):
        found |= zip(spectrum.components, spectrum.green_function_at(k, z), strict=True)
    return jnp.stack([found[i] for i in range(len(found))])


def local_green_function(sc: Superconductor, Delta: Amplitudes, z: Complex[Array, ""]) -> Complex[Array, "band"]:
    """sum_k G_ii(k, z) of every band [unit of N]; only the imaginary part converges without the bands' upper ends."""
    return local_functions(sc, Delta, z).G


def normal_green_function(sc: Superconductor, z: Complex[Array, ""]) -> Complex[Array, "band"]:
    """`local_green_function` of the normal state, in closed form: all of a band lies outside a shell of no width."""
    if not sc.beyond:
        return local_green_function(sc, jnp.zeros(len(sc.channels)), z)
    empty = eqx.tree_at(lambda s: s.Omega, sc, jnp.zeros(()))
    return jnp.stack([_beyond_shell(band, empty, z) for band in sc.bands])


def _beyond_shells(sc: Superconductor, z: Complex[Array, ""]) -> Complex[Array, "band"]:
    found = [_beyond_shell(band, sc, z) for band in sc.beyond]
    return jnp.stack(found) if found else jnp.zeros(len(sc.components), complex)


def _beyond_shell(band: Band, sc: Superconductor, z: Complex[Array, ""]) -> Complex[Array, ""]:
    return band.beyond_shell(z, sc.Omega, sc.dimension)


def clean_density_of_states_of(sc: Superconductor, Delta: Amplitudes, omega: Float[Array, ""]) -> Float[Array, "band"]:
    """N_i(omega) of every band [unit of N] at one energy omega [meV], of sharp quasiparticles."""
    smallest = ZERO * sc.Omega
    omega = jnp.where(jnp.abs(omega) < smallest, jnp.where(omega < 0, -smallest, smallest), omega)
    N = jnp.stack([_normal_density(band, sc, omega) for band in sc.bands])
    for spectrum in clusters_of(sc, Delta):
        N = N.at[jnp.array(spectrum.cluster.bands)].add(spectrum.density_of_states(omega))
    # No root is found where an amplitude is NaN: that is no gap.
    return jnp.where(jnp.isfinite(Delta).all(), N, jnp.nan)


def _normal_density(band: Band, sc: Superconductor, omega: Float[Array, ""]) -> Float[Array, ""]:
    """Of the states outside the shell."""
    kappa = band.kappa_at(omega)
    normal = ~band.pairs_at(omega, sc.Omega) & (kappa > 0)
    kappa = jnp.where(normal, kappa, 1.0)
    return jnp.where(normal, band.states(kappa, sc.dimension) / jnp.abs(band.slope(kappa)), 0.0)


def singular_energies_of(sc: Superconductor, Delta: Amplitudes) -> Float[Array, "peak"]:
    """Energies [meV] at which the densities of states are sharp."""
    return jnp.concatenate([spectrum.singular_energies() for spectrum in clusters_of(sc, Delta)])
