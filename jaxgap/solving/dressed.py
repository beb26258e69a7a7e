r"""A disordered state at real energies: its self-energy solved for at every energy, not continued.

.. math:: \Sigma(z) = \Sigma[G(z)], \qquad G(z) = -i \pi \, \mathrm{sgn}(\mathrm{Im} K) \, M_1^{-1}, \qquad
          K = M_1^{-1} \left[ \begin{pmatrix} z + \mu & -\Delta \\ -\Delta^T & z - \mu \end{pmatrix} - \Sigma(z) \right]

with the self-energy of impurities (`jaxgap.selfenergy.impurities`) and the order parameter Delta of an instantaneous
interaction, which is the same at all energies far below omega_c. Of one band with spins it is Abrikosov and Gor'kov's: the gap
of the spectrum is Delta (1 - (alpha / Delta)^(2/3))^(3/2), and none from alpha = Delta on (Sov. Phys. JETP 12, 1243 (1961);
S. Skalski, O. Betbeder-Matibet and P. R. Weiss, Phys. Rev. 136, A1500 (1964)).

How Sigma(z) is found: `jaxgap.selfenergy.elastic`. An energy at which it has not arrived has NaN.
"""

from dataclasses import replace
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import check_clean
from jaxgap.selfenergy.elastic import elastic_self_energy, green_function_of
from jaxgap.selfenergy.elastic_edge import spectral_edge
from jaxgap.selfenergy.local_green import inverse_in_the_open
from jaxgap.selfenergy.undressed import centre_of, inverse_of, masses_of
from jaxgap.solving.dressed_response import dressed_entropy, dressed_heat, dressed_superfluid_weights
from jaxgap.solving.state import PairedState
from jaxgap.spectra.cluster import LocalFunctions

__all__ = ["DressedState"]

ABOVE = 1e-7
"""Imaginary part of what is called a real energy, in units of the order parameter."""

Spinors = Complex[Array, "spinor spinor"]


class DressedState(PairedState):
    """A disordered state at all energies of the upper half plane."""

    superconductor: RetardedSuperconductor
    T: Float[Array, ""]
    pairing: Float[Array, "channel"]
    """The order parameter [meV]."""

    @property
    def Delta(self) -> Float[Array, "channel"]:
        """The order parameter, which is what such a state has for amplitudes [meV]."""
        return self.pairing

    def self_energy(self, z: Complex[Array, ""]) -> Spinors:
        """Sigma(z) of particles and holes [meV], by impurities alone; NaN where it was not found."""
        return self.self_energy_at(z[None])[..., 0]

    def self_energy_at(self, z: Complex[Array, "energy"]) -> Complex[Array, "spinor spinor energy"]:
        """The same of many energies, which come last."""
        return elastic_self_energy(self._inverse(z), masses_of(self.superconductor), self.superconductor.disorder)

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> Complex[Array, "band *k"]:
        shape = jnp.broadcast_shapes(jnp.shape(kappa), jnp.shape(z))
        at = jnp.broadcast_to(kappa, shape).ravel()
        energies = jnp.ravel(z)
        own = np.broadcast_to(np.arange(energies.size).reshape(jnp.shape(z)), shape).ravel()  # Sigma does not depend on k.
        M = (self._inverse(energies) - self.self_energy_at(energies))[..., own]
        M = M - (at - centre_of(self.superconductor)) * jnp.diag(1 / masses_of(self.superconductor))[..., None]
        G: Array = jnp.diagonal(inverse_in_the_open(M))[:, : len(self.superconductor.bands)].T
        return G.reshape(-1, *shape)

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        return jax.tree.map(lambda part: part[0], self.local_functions_at(z[None]))

    def local_functions_at(self, z: Complex[Array, "omega"]) -> LocalFunctions:
        n, M = len(self.superconductor.bands), self._inverse(z)
        Sigma = elastic_self_energy(M, masses_of(self.superconductor), self.superconductor.disorder)
        G = green_function_of(M, Sigma, masses_of(self.superconductor))
        both, pairs = jnp.diagonal(G), jnp.diagonal(G[:n, n:])
        return LocalFunctions(G=both[:, :n], below=-both[:, n:].conj(), M=-jnp.imag(pairs) / jnp.pi + 0j)

    def normal_green_function(self, z: Complex[Array, ""]) -> Complex[Array, "band"]:
        return -1j * jnp.pi * self.superconductor.band_densities * jnp.ones_like(z)

    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        return self.density_of_states_at(omega[None])[0]

    def density_of_states_at(self, omega: Float[Array, "omega"]) -> Float[Array, "omega band"]:
        small = ABOVE * jnp.sum(jnp.abs(self.pairing))
        return -jnp.imag(self.local_functions_at(omega + 1j * small).G) / jnp.pi

    def singular_energies(self) -> Float[Array, "peak"]:
        check_clean(self.superconductor, "solution")
        raise AssertionError("a dressed state has disorder")

    def edges(self) -> Float[Array, "band"]:
        """The energy [meV] below which a band has no states, with first derivatives: 0 of a gapless one, NaN where it was not
        found. Bands share it that impurities or pairs link, however weakly."""
        n = len(self.superconductor.bands)
        mass, M = masses_of(self.superconductor), jnp.real(self._inverse(jnp.zeros(1, complex))[..., 0])
        far = 2 * jax.lax.stop_gradient(jnp.max(jnp.abs(M[:n, n:])))

        def of_band(linked: Bool[Array, "band"]) -> Float[Array, ""]:
            """With the gaps of all others out of the way."""
            own = linked[:, None] & linked
            alone = jnp.where(own, M[:n, n:], 0.0) - far * jnp.diag(~linked)
            links = [replace(one, u=jnp.where(own, one.potential, 0.0), J=jnp.where(own, one.spin, 0.0)) for one in disorder]
            return spectral_edge(M.at[:n, n:].set(alone).at[n:, :n].set(alone.T), mass, tuple(links))

        disorder = self.superconductor.disorder
        return jax.vmap(of_band)(self._linked(M[:n, n:]))

    def _linked(self, Delta: Float[Array, "band band"]) -> Bool[Array, "band band"]:
        """Whether the states of two bands mix."""
        linked: Array = (Delta != 0) | jnp.eye(len(Delta), dtype=bool)
        for one in self.superconductor.disorder:
            linked = linked | (cast(Array, one.density) * (jnp.abs(one.potential) + jnp.abs(one.spin)) > 0)
        for _ in range(len(Delta).bit_length()):
            linked = (linked[:, :, None] & linked[None]).any(axis=1)
        return linked

    def entropy(self) -> Float[Array, ""]:
        """[meV^2/K times the unit of N]"""
        return dressed_entropy(self.superconductor, self.pairing, self.T)

    def specific_heat(self) -> Float[Array, ""]:
        """T dS/dT along the branch of an order parameter that solves the gap equations [meV^2/K times the unit of N]."""
        return dressed_heat(self.superconductor, self.pairing, self.T)

    def superfluid_weights(self) -> Float[Array, "band"]:
        """D of every band [meV times the unit of N]."""
        return dressed_superfluid_weights(self.superconductor, self.pairing, self.T)

    def _inverse(self, z: Complex[Array, "energy"]) -> Complex[Array, "spinor spinor energy"]:
        return inverse_of(self.superconductor, self.pairing, z)
