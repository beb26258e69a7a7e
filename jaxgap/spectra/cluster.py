r"""The protocol of a cluster: bands that cross channels link together, at given amplitudes.

Clusters do not know of each other, so everything about a system's quasiparticles is a sum, or a list, over its clusters
(`spectra.green`). Which bands and channels a cluster has is the model's (`model.superconductor.Cluster`); what they do together
is in a `ClusterSpectrum`: of one band (`spectra.one_band`), of two (`spectra.two_bands`), of more (`spectra.several_bands`).
"""

from abc import abstractmethod
from typing import ClassVar, Generic, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra.quadrature import Rule

__all__ = ["ClusterSpectrum", "LocalFunctions", "OwnSums", "SummedSpectrum"]

S = TypeVar("S")


class LocalFunctions(NamedTuple):
    """Nambu's Green's function (z - H)^-1 of every band at one place, z = omega + i Gamma [unit of N]; of every orbital of a
    lattice [1/meV per cell and spin]."""

    G: Complex[Array, "*omega band"]
    """sum_k G_ii(k, z), the electrons'."""
    below: Complex[Array, "*omega band"]
    """sum_k G_ii(k, -omega + i Gamma): the same at the opposite energy; only its imaginary part is right."""
    M: Complex[Array, "*omega band"]
    r"""-(1/\pi) \sum_k {\rm Im} F_ii(k, z) with the imaginary part of the functions of z that multiply the amplitudes: the
    anomalous spectral function, which turns with the amplitudes' phase."""


class ClusterSpectrum(eqx.Module):
    """Quasiparticles of one cluster at given amplitudes: an abstract class.

    Bands and channels below are the cluster's, in the order of `cluster`; amplitudes are switched off outside the shells.
    """

    superconductor: eqx.AbstractVar[Superconductor]
    Delta: eqx.AbstractVar[Inexact[Array, "channel"]]
    """Amplitudes of all channels of the system [meV]."""
    cluster: eqx.AbstractVar[Cluster]

    @abstractmethod
    def energies(self, kappa: Float[Array, "*k"]) -> Float[Array, "branch *k"]:
        """Of its branches [meV], lowest first."""

    @abstractmethod
    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> tuple[Complex[Array, "*k"], ...]:
        """G_ii(kappa, z) of its bands [1/meV]."""

    @abstractmethod
    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        """Sums over the k inside the shells of its bands, with nodes of their own for z."""

    @property
    def components(self) -> tuple[int, ...]:
        """The places of its bands among the system's: of a lattice those of its orbitals."""
        return self.cluster.bands

    def smallest_broadening(self) -> Float[Array, ""]:
        """The smallest Im z [meV] at which local functions are known: 0, but where sums are over a mesh."""
        return jnp.zeros(())

    def local_functions_at(self, z: Complex[Array, "omega"]) -> LocalFunctions:
        """The same of many energies, which come first."""
        return jax.vmap(self._local_of_complex)(z)

    def green_function_at(self, k: Float[Array, "k *axis"], z: Complex[Array, "omega"]) -> Complex[Array, "own k omega"]:
        """G_ii(k, z) of its bands at all kappa, or k of a lattice, and all energies [1/meV]."""
        shape = len(k), len(z)
        return jnp.stack([jnp.broadcast_to(G, shape) for G in self.green_function(k[:, None], z)])

    def _local_of_complex(self, z: Complex[Array, ""]) -> LocalFunctions:
        return eqx.tree_at(lambda s: s.Delta, self, self.Delta + 0j).local_functions(z)

    @abstractmethod
    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        """Of its bands inside their shells, of sharp quasiparticles [unit of N]."""

    @abstractmethod
    def singular_energies(self) -> Float[Array, "peak"]:
        """Energies [meV] at which its densities of states are sharp: where nodes in omega have to lie."""

    @abstractmethod
    def anomalous_densities(self, T: Float[Array, ""], rule: Rule) -> Inexact[Array, "own"]:
        """P_c of its channels [meV times the unit of N], by quadrature on nodes placed for its amplitudes."""

    @abstractmethod
    def phase_jacobian(self, T: Float[Array, ""], rule: Rule) -> Float[Array, "own own"]:
        """d Im P / d Im Delta of its channels at real amplitudes [unit of N]."""

    @abstractmethod
    def occupation(self, T: Float[Array, ""], rule: Rule) -> Float[Array, ""]:
        r"""Electrons of both spins inside the shells of its bands, \sum_k tr[1 - tanh(H / 2 k_B T)_11]; of a hole band less its
        holes, -1 - tanh [meV times the unit of N; per cell of a lattice]."""

    def cubic_densities(self, T: Float[Array, ""], rule: Rule) -> Inexact[Array, "own"]:
        """d^3 P(epsilon Delta) / d epsilon^3 of its channels in the normal state, epsilon = 0 [meV times the unit of N]."""

        def densities(epsilon: Float[Array, ""]) -> Inexact[Array, "own"]:
            turned = eqx.tree_at(lambda s: s.Delta, self, epsilon * self.Delta)
            return turned.anomalous_densities(T, rule)

        return jax.jacfwd(jax.jacfwd(jax.jacfwd(densities)))(jnp.zeros(()))


class OwnSums(ClusterSpectrum):
    """A cluster that brings all of its sums over k: an abstract class. (Those of one and two bands in k space share nodes and
    closed forms: `equations`.)"""

    mixes: ClassVar[bool] = False
    """Whether small amplitudes of one channel make pairs in others of the same cluster."""

    @abstractmethod
    def linear_kernel(self, T: Float[Array, ""], rule: Rule) -> Float[Array, "own"]:
        """P_c / Delta_c for small amplitudes [unit of N]."""

    def linear_matrix(self, T: Float[Array, ""], rule: Rule) -> Float[Array, "own own"]:
        """dP/dDelta in the normal state [unit of N]."""
        return jnp.diag(self.linear_kernel(T, rule))

    def largest_kernel(self) -> Float[Array, "own own"]:
        """A bound of k_B T times that, of clusters that mix [meV times the unit of N]."""
        raise NotImplementedError

    @abstractmethod
    def quasiparticle_free_energy(self, T: Float[Array, ""], rule: Rule) -> Float[Array, ""]:
        r"""-\sum_k \sum_b [L(E_b) - L(|\zeta_b|)] over the bands inside their shells [meV^2 times the unit of N]."""

    @abstractmethod
    def entropy(self, T: Float[Array, ""], rule: Rule) -> Float[Array, ""]:
        """Of the quasiparticles inside the shells [k_B times the unit of N]."""


class SummedSpectrum(ClusterSpectrum, Generic[S]):
    """A cluster whose anomalous densities are polynomials of its amplitudes times a few sums S over k: an abstract class."""

    @abstractmethod
    def sums(self, T: Float[Array, ""], rule: Rule) -> S:
        """The sums over k, on nodes placed for its amplitudes."""

    @abstractmethod
    def densities(self, sums: S, Delta: Inexact[Array, "channel"]) -> tuple[Inexact[Array, ""], ...]:
        """P_c of its channels from the sums that belong to it: of its own amplitudes, or of such that have the same sums."""

    def anomalous_densities(self, T: Float[Array, ""], rule: Rule) -> Inexact[Array, "own"]:
        return jnp.stack(self.densities(self.sums(T, rule), self.Delta))

    def phase_jacobian(self, T: Float[Array, ""], rule: Rule) -> Float[Array, "own own"]:
        """To first order imaginary parts change none of |Delta_c|^2 and Re(Delta_1^* Delta_2^* Delta_3^2), on which the sums
        over k depend: the sums of the real amplitudes serve."""
        sums, own = self.sums(T, rule), jnp.array(self.cluster.channels)

        def imaginary(eta: Float[Array, "own"]) -> Float[Array, "own"]:
            turned = self.Delta + 1j * jnp.zeros_like(self.Delta).at[own].set(eta)
            return jnp.stack(self.densities(sums, turned)).imag

        return jax.jacfwd(imaginary)(jnp.zeros(len(self.cluster.channels)))
