r"""What an observable consumes: a paired state of a system at one temperature, through its Green's function.

.. math:: G_{ii}(k, z) = \left[ (z - H(k) - \Sigma(z))^{-1} \right]_{ii}, \qquad
          A_i(k, \omega) = -\frac{1}{\pi} \, \mathrm{Im} \, G_{ii}(k, \omega + i\Gamma)

`PairedState` is the protocol: spectra, tunnelling, photoemission and relaxation rates need no more, so that a state with
self-energies (strong coupling, disorder) is one more subclass. `MeanFieldState` is one with constant amplitudes Delta inside
the shells: it has energies, and with them entropy, gaps and where g is symmetric a free energy. A `Solution` is a mean-field
state that solves the gap equations; a `GivenState` has the amplitudes that one gives it.
"""

from abc import abstractmethod

import equinox as eqx
import jax
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.equations.entropy import entropy_of, specific_heat_of
from jaxgap.equations.free_energy import FREE_ENERGY_RULE, free_energy_of
from jaxgap.equations.superfluid_weight import superfluid_weights_of
from jaxgap.model.superconductor import Superconductor
from jaxgap.spectra.cluster import LocalFunctions
from jaxgap.spectra.green import (
    clean_density_of_states_of,
    energies_of,
    green_function,
    green_function_at,
    local_functions,
    local_functions_at,
    normal_green_function,
    singular_energies_of,
)
from jaxgap.spectra.quadrature import Rule

__all__ = ["GivenState", "MeanFieldState", "PairedState"]

Scalar = Float[Array, ""]


class PairedState(eqx.Module):
    """A state of one system at one temperature: an abstract class. z is an energy with a positive imaginary part [meV]."""

    superconductor: eqx.AbstractVar[Superconductor]
    T: eqx.AbstractVar[Float[Array, ""]]
    """Temperature [K]."""

    @abstractmethod
    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> Complex[Array, "band *k"]:
        """G_ii(kappa, z) of every band [1/meV], for arrays kappa [meV] and z that broadcast against each other."""

    @abstractmethod
    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        """Normal and anomalous Green's functions of every band, summed over k [unit of N]."""

    def local_functions_at(self, z: Complex[Array, "omega"]) -> LocalFunctions:
        """`local_functions` of many energies, which come first."""
        return jax.vmap(self.local_functions)(z)

    def green_function_at(self, k: Float[Array, "k *axis"], z: Complex[Array, "omega"]) -> Complex[Array, "band k omega"]:
        """G_ii(k, z) of every band at all kappa, of every orbital at all k of a lattice, and all energies [1/meV]."""
        return self.green_function(k[:, None], z)

    @abstractmethod
    def normal_green_function(self, z: Complex[Array, ""]) -> Complex[Array, "band"]:
        """sum_k G_ii(k, z) of every band in the normal state at the same temperature [unit of N]."""

    @abstractmethod
    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        """N_i(omega) of every band without any broadening but the state's own [unit of N]."""

    def density_of_states_at(self, omega: Float[Array, "omega"]) -> Float[Array, "omega band"]:
        """`density_of_states` of many energies, which come first."""
        return jax.vmap(self.density_of_states)(omega)

    @abstractmethod
    def singular_energies(self) -> Float[Array, "peak"]:
        """Energies [meV] about which the densities of states are sharp: integrals over omega have their nodes there."""


class MeanFieldState(PairedState):
    """A state with constant amplitudes inside the shells: an abstract class, too, since what else it knows of them differs."""

    Delta: eqx.AbstractVar[Inexact[Array, "channel"]]
    """Pair amplitude of every channel [meV], in the order of `superconductor.channels`."""

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> Complex[Array, "band *k"]:
        return green_function(self.superconductor, self.Delta, kappa, z)

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        return local_functions(self.superconductor, self.Delta, z)

    def local_functions_at(self, z: Complex[Array, "omega"]) -> LocalFunctions:
        return local_functions_at(self.superconductor, self.Delta, z)

    def green_function_at(self, k: Float[Array, "k *axis"], z: Complex[Array, "omega"]) -> Complex[Array, "band k omega"]:
        return green_function_at(self.superconductor, self.Delta, k, z)

    def normal_green_function(self, z: Complex[Array, ""]) -> Complex[Array, "band"]:
        return normal_green_function(self.superconductor, z)

    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        return clean_density_of_states_of(self.superconductor, self.Delta, omega)

    def singular_energies(self) -> Float[Array, "peak"]:
        return singular_energies_of(self.superconductor, self.Delta)

    def energies(self, kappa: Float[Array, "*k"]) -> Float[Array, "branch *k"]:
        """Quasiparticle energies [meV] in the order of `branch_names`."""
        return energies_of(self.superconductor, self.Delta, kappa)

    def free_energy(self, rule: Rule = FREE_ENERGY_RULE) -> Scalar:
        """Relative to the normal state [meV^2 times the unit of N], of amplitudes that solve the gap equations; NaN if g is not
        symmetric: then there is none."""
        return free_energy_of(self.superconductor, self.Delta, self.T, rule)

    def entropy(self) -> Scalar:
        """[meV^2/K times the unit of N]."""
        return entropy_of(self.superconductor, self.Delta, self.T)

    def specific_heat(self) -> Scalar:
        """T dS/dT along the branch of amplitudes that solve the gap equations [meV^2/K times the unit of N]."""
        return specific_heat_of(self.superconductor, self.Delta, self.T)

    def superfluid_weights(self) -> Float[Array, "band"]:
        """D of every band [meV times the unit of N]: its current in a twist of all bands."""
        return superfluid_weights_of(self.superconductor, self.Delta, self.T)


class GivenState(MeanFieldState):
    """The mean-field state of given amplitudes, whether or not they solve the gap equations."""

    superconductor: Superconductor
    T: Float[Array, ""]
    Delta: Inexact[Array, "channel"]
