r"""A retarded state at real energies: its self-energy continued from the Matsubara frequencies, and what spectra are made of.

.. math:: G_{ii}(k, z) = \frac{z Z_i(z) + \zeta_i}{[z Z_i(z)]^2 - \zeta_i^2 - \Phi_i(z)^2}, \qquad
          \sum_k G_{ii}(k, z) = - \frac{\pi N_i z Z_i(z)}{\sqrt{\Phi_i(z)^2 - [z Z_i(z)]^2}}

with the root whose real part is positive, for z in the upper half plane (bands without edges). The density of states is
N_i Re z / sqrt(z^2 - Delta(z)^2) with Delta = Phi / Z; its steps and dips above the gap are the phonons that a tunnelling
electron sends out (McMillan and Rowell in Superconductivity, ed. Parks (1969), Ch. 11). The self-energy is

.. math:: \Phi(z) = \pi k_B T \sum_m [\lambda(z - i\omega_m) - \mu^* \theta] \frac{\Delta_m}{R_m}
          + i \pi \sum_q \frac{\lambda_q \omega_q}{2} \{ [n(\omega_q) + f(\omega_q - z)] P(z - \omega_q)
          + [n(\omega_q) + f(\omega_q + z)] P(z + \omega_q) \}, \qquad P = \Delta / \sqrt{z^2 - \Delta^2}

and z Z(z) - z alike, with i omega_m / R_m and N = z / sqrt(z^2 - Delta^2) (F. Marsiglio, M. Schossmann and J. P. Carbotte,
Phys. Rev. B 37, 4965 (1988)). It is exact where P and N are. These are Pade approximants (`selfenergy.pade`), which are good
below the lowest phonon and at low temperatures only: put into the formula they are multiplied with the few phonons that there
are, or stand one phonon lower, where they are better. The edge of a gap is where

.. math:: \mathrm{Re} \, \Delta_i(E) = E
"""

import math
from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from jaxgap.model.retarded import FREQUENCIES, RetardedSuperconductor
from jaxgap.numerics.implicit import at_root
from jaxgap.selfenergy.eliashberg import equations_of, first_frequencies, self_energy_at
from jaxgap.selfenergy.pade import Pade, continued, pade
from jaxgap.solving.state import PairedState
from jaxgap.spectra.cluster import LocalFunctions
from jaxgap.units import thermal_energy

__all__ = ["POINTS", "ContinuedState", "edges_of", "on_real_axis", "rounds_of"]

AT_ONCE = 64
"""Energies that are evaluated at once."""
POINTS = 40
"""Of the Pade approximants."""
EVALUATIONS = 4
"""Of a Pade approximant for one energy: few modes can have several rounds."""
ITERATIONS = 60
"""E <- Re Delta(E) of the Pade approximant, which contracts: Delta changes over phonons' energies."""
NEWTON = 4
"""Steps from there to the edge of the exact formula."""
ARRIVED = 1e-9
ABOVE = 1e-9
"""Imaginary part of what is called a real energy, in units of it: says on which side of a branch cut it is."""


class Sources(NamedTuple):
    """What a self-energy is made of, at the nodes of the Matsubara frequencies."""

    omega: Float[Array, "node"]
    """[meV]"""
    total: Float[Array, "node"]
    """The sum over all N frequencies of what is known at the nodes."""
    normal: Float[Array, "band node"]
    """omega / R."""
    anomalous: Float[Array, "band node"]
    """Delta / R."""
    constant: Float[Array, "band"]
    """What is instantaneous in Phi [meV]."""
    end: Float[Array, ""]
    """2 pi k_B T N [meV]: beyond are frequencies at which nothing pairs."""
    omega_q: Float[Array, "mode"]
    """Of all modes [meV]."""
    strength: Float[Array, "spectrum mode"]
    """w_q omega_q [meV]."""
    couplings: Float[Array, "spectrum band band"]


class ContinuedState(PairedState):
    """A retarded state at all energies of the upper half plane."""

    superconductor: RetardedSuperconductor
    T: Float[Array, ""]
    Z: Pade
    """Of every band: what the exact formula begins with."""
    Phi: Pade
    sources: Sources
    rounds: int = eqx.field(static=True)
    """How often the exact formula is put into itself: each round is right up to one phonon more."""

    def self_energy(self, z: Complex[Array, "*z"]) -> tuple[Complex[Array, "band *z"], Complex[Array, "band *z"]]:
        """(Z, Phi [meV])."""
        at = jnp.ravel(jnp.asarray(z, jnp.complex128))
        Z, Phi = jax.lax.map(lambda one: _exact(self, one, self.rounds), at, batch_size=AT_ONCE)
        return _last(Z, z), _last(Phi, z)

    def gap(self, z: Complex[Array, "*z"]) -> Complex[Array, "band *z"]:
        """Delta = Phi / Z [meV]."""
        Z, Phi = self.self_energy(z)
        return Phi / Z

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> Complex[Array, "band *k"]:
        Z, Phi = self.self_energy(z)
        zeta = jnp.stack([band.zeta(kappa) for band in self.superconductor.bands])
        zZ = z * Z
        return (zZ + zeta) / (zZ**2 - zeta**2 - Phi**2)

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        return jax.tree.map(lambda part: part[0], self.local_functions_at(z[None]))

    def local_functions_at(self, z: Complex[Array, "omega"]) -> LocalFunctions:
        N, (Z, Phi) = self.superconductor.band_densities, (part.T for part in self.self_energy(z))
        normal, anomalous = local(z[:, None] * Z, Phi)
        # Z(-z*) = Z(z)*, and Phi alike: below the Fermi energy the density of states is the same.
        G = -1j * jnp.pi * N * normal
        return LocalFunctions(G=G, below=-G.conj(), M=(N * anomalous).real)

    def normal_green_function(self, z: Complex[Array, ""]) -> Complex[Array, "band"]:
        return -1j * jnp.pi * self.superconductor.band_densities * jnp.ones_like(z)

    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        # Positive: where nothing damps, rounding says on which side of the cut the root is.
        return jnp.abs(self.local_functions(just_above(omega)).G.imag) / jnp.pi

    def singular_energies(self) -> Float[Array, "peak"]:
        return edges_of(self)


def _last(part: Complex[Array, "flat band"], z: Complex[Array, "*z"]) -> Complex[Array, "band *z"]:
    """Energies in their own shape, behind the bands."""
    return jnp.moveaxis(part, 0, -1).reshape(-1, *jnp.shape(z))


def local(zZ: Complex[Array, "*z"], Phi: Complex[Array, "*z"]) -> tuple[Complex[Array, "*z"], Complex[Array, "*z"]]:
    """(N, P) = (z, Delta) / sqrt(z^2 - Delta^2) in the upper half plane. Of Z and Phi, not of Delta: where phonons damp, the
    cut of the other root is crossed."""
    root = 1j * jnp.sqrt(Phi**2 - zZ**2)
    return zZ / root, Phi / root


def _exact(state: ContinuedState, z: Complex[Array, ""], rounds: int) -> tuple[Complex[Array, "band"], Complex[Array, "band"]]:
    """(Z, Phi) at z: the formula around what it gives at z -+ omega_q, and in the end around Pade approximants."""
    if rounds == 0:
        return continued(state.Z, z), continued(state.Phi, z)
    s, kT = state.sources, thermal_energy(state.T)
    omega_q, strength, q = s.omega_q, s.strength, s.omega_q[:, None]
    # === sums over Matsubara frequencies
    left, right = (omega_q[:, None] / (q**2 - (z - sign * 1j * s.omega) ** 2) for sign in (1, -1))
    even = jnp.einsum("sq,qk,jk->sj", strength, left + right, s.total * s.anomalous)
    odd = jnp.einsum("sq,qk,jk->sj", strength, left - right, s.total * s.normal)
    beyond = sum(jnp.arctanh(omega_q / (z - sign * 1j * s.end)) for sign in (1, -1))
    # === phonons that are sent out and taken in
    below, above = z - omega_q, z + omega_q
    n = 1 / jnp.expm1(omega_q / kT)
    out, taken = n + fermi(omega_q - z, kT), n + fermi(above, kT)
    parts = []
    for energy, share in ((below, out), (above, taken)):
        Z, Phi = jax.vmap(lambda one: _exact(state, one, rounds - 1), out_axes=1)(energy)
        parts.append([jnp.einsum("sq,jq->sj", strength * share, part) for part in local(energy * Z, Phi)])
    N, P = (sum(pair) for pair in zip(*parts, strict=True))
    # === together
    W = 1j * jnp.pi * (kT * odd + N / 2) + (strength @ beyond)[:, None] / 2
    pairs = jnp.pi * (kT * even + 1j * P / 2)
    return 1 + jnp.einsum("sij,sj->i", s.couplings, W) / z, s.constant + jnp.einsum("sij,sj->i", s.couplings, pairs)


def fermi(x: Complex[Array, "*x"], kT: Float[Array, ""]) -> Complex[Array, "*x"]:
    """1 / (e^(x / k_B T) + 1), where nothing overflows."""
    e = jnp.exp(-jnp.where(x.real > 0, x, -x) / kT)
    return jnp.where(x.real > 0, e, 1.0) / (1 + e)


def just_above(omega: Float[Array, "*z"]) -> Complex[Array, "*z"]:
    """omega + i 0."""
    return omega + 1j * ABOVE * jnp.maximum(jnp.abs(omega), 1e-3)


def rounds_of(sc: RetardedSuperconductor) -> int:
    """As many as leave `EVALUATIONS` at most."""
    modes = max(1, sc.forms[0].shape[-1])
    return max(1, int(math.log(EVALUATIONS) / math.log(2 * modes)))


def on_real_axis(
    sc: RetardedSuperconductor, T: Float[Array, ""], Delta: Float[Array, "band node"], points: int, rounds: int
) -> ContinuedState:
    """The state of a gap function, from Pade approximants through so many of the lowest frequencies."""
    E = equations_of(sc, T)
    R = jnp.sqrt(E.K.omega**2 + Delta**2)
    end = 2 * jnp.pi * thermal_energy(T) * (sc.frequencies or FREQUENCIES)
    omega_q, weight = sc.forms
    constant = E.instant @ ((Delta / R) @ E.K.instant)
    modes = omega_q, weight * omega_q, sc.retarded_couplings
    sources = Sources(E.K.omega, E.total, E.K.omega / R, Delta / R, constant, end, *modes)
    lowest = first_frequencies(sc, T, min(points, sc.frequencies or FREQUENCIES))
    W, Phi = self_energy_at(Delta, E, lowest)
    return ContinuedState(sc, T, pade(1j * lowest.omega, W / lowest.omega), pade(1j * lowest.omega, Phi), sources, rounds)


# --- edges of gaps --------------------------------------------------------------------------------------------------------


def edges_of(state: ContinuedState) -> Float[Array, "band"]:
    """E with |Re Delta_i(E)| = E of every band [meV], differentiable; 0 where nothing pairs, NaN where there is none, as of a
    state that was not found."""
    frozen = jax.lax.stop_gradient(state)
    s = frozen.sources
    size = jnp.abs(s.anomalous[:, 0] / s.normal[:, 0]) * s.omega[0]
    exists = ~(size <= frozen.superconductor.small)  # A state that was not found has NaN, and no edge.
    rough = replace(frozen, rounds=0)
    E = jax.lax.fori_loop(0, ITERATIONS, lambda _, E: _own_gaps(rough, E), jnp.where(exists, size, 1.0))

    def step(_: object, E: Float[Array, "band"]) -> Float[Array, "band"]:
        value, slope = jax.jvp(lambda x: _edge_equation(x, frozen), (E,), (jnp.ones_like(E),))
        return E - value / slope

    E = jax.lax.fori_loop(0, NEWTON, step, E)
    good = ~exists | (jnp.abs(_edge_equation(E, frozen)) <= ARRIVED * E)
    E = at_root(_edge_equation, jnp.where(exists & good, E, 1.0), state, good.all())
    return jnp.where(exists, jnp.where(good, E, jnp.nan), 0.0)


def _own_gaps(state: ContinuedState, E: Float[Array, "band"]) -> Float[Array, "band"]:
    """|Re Delta_i(E_i)|, every band at an energy of its own."""
    return jnp.abs(jnp.diagonal(state.gap(just_above(E))).real)


def _edge_equation(E: Float[Array, "band"], state: ContinuedState) -> Float[Array, "band"]:
    return _own_gaps(state, E) - E
