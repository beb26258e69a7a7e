r"""A disordered state at real energies: its self-energy solved for at every energy, not continued.

.. math:: \Sigma(z) = \Sigma[G(z)], \qquad G(z) = -i \pi \, \mathrm{sgn}(\mathrm{Im} K) \, M_1^{-1}, \qquad
          K = M_1^{-1} \left[ \begin{pmatrix} z + \mu & -\Delta \\ -\Delta^T & z - \mu \end{pmatrix} - \Sigma(z) \right]

with the self-energy of impurities (`jaxgap.selfenergy.impurities`) and the order parameter Delta of an instantaneous
interaction, which is the same at all energies far below omega_c. Of one band with spins it is Abrikosov and Gor'kov's: the gap
of the spectrum is Delta (1 - (alpha / Delta)^(2/3))^(3/2), and none from alpha = Delta on (Sov. Phys. JETP 12, 1243 (1961);
S. Skalski, O. Betbeder-Matibet and P. R. Weiss, Phys. Rev. 136, A1500 (1964)).

Iterations of Sigma(G(Sigma)) stay in the upper half plane, and come nearer to the one solution there with every step; Newton's
method ends them, in which all is analytic. An energy at which that has not arrived has NaN.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from jaxgap.model.couplings import band_matrix
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import check_clean
from jaxgap.selfenergy.impurities import scattered_at_any_energy
from jaxgap.selfenergy.local_green import sign_at_any_energy
from jaxgap.solving.state import PairedState
from jaxgap.spectra.cluster import LocalFunctions

__all__ = ["DressedState"]

PLAIN = 120
NEWTON = 8
ARRIVED = 1e-9
"""|Sigma - Sigma(G(Sigma))| relative to |K|."""
ROUNDING = 1e-6
"""Of a density of states that is zero."""
ABOVE = 1e-7
"""Imaginary part of what is called a real energy, in units of the order parameter."""

Spinors = Complex[Array, "spinor spinor"]


class DressedState(PairedState):
    """A disordered state at all energies of the upper half plane."""

    superconductor: RetardedSuperconductor
    T: Float[Array, ""]
    pairing: Float[Array, "channel"]
    """The order parameter [meV]."""

    def self_energy(self, z: Complex[Array, ""]) -> Spinors:
        """Sigma(z) of particles and holes [meV], by impurities alone; NaN where it was not found."""
        return _self_energy(self, z)

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> Complex[Array, "band *k"]:
        shape = jnp.broadcast_shapes(jnp.shape(kappa), jnp.shape(z))
        at, energies = (jnp.broadcast_to(part, shape).ravel() for part in (kappa, z))

        def one(k: Float[Array, ""], w: Complex[Array, ""]) -> Complex[Array, "band"]:
            zeta = jnp.stack([band.zeta(k) for band in self.superconductor.bands])
            M = _bare(self, w) + jnp.diag(jnp.concatenate([-zeta - _mus(self), zeta + _mus(self)])) - self.self_energy(w)
            return jnp.diagonal(jnp.linalg.inv(M))[: len(zeta)]

        return jax.vmap(one, out_axes=1)(at, energies).reshape(-1, *shape)

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        n = len(self.superconductor.bands)
        G = _local(self, z, self.self_energy(z))
        particles, holes = jnp.diagonal(G)[:n], jnp.diagonal(G)[n:]
        return LocalFunctions(G=particles, below=-holes.conj(), M=-jnp.imag(jnp.diagonal(G[:n, n:])) / jnp.pi + 0j)

    def normal_green_function(self, z: Complex[Array, ""]) -> Complex[Array, "band"]:
        return -1j * jnp.pi * self.superconductor.band_densities * jnp.ones_like(z)

    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        small = ABOVE * jnp.sum(jnp.abs(self.pairing))
        return -jnp.imag(self.local_functions(omega + 1j * small).G) / jnp.pi

    def singular_energies(self) -> Float[Array, "peak"]:
        check_clean(self.superconductor, "solution")
        raise AssertionError("a dressed state has disorder")


def _mus(state: DressedState) -> Float[Array, "band"]:
    return state.superconductor.mus


def _masses(state: DressedState) -> Float[Array, "spinor"]:
    mass = jnp.stack([band.tangent[0] for band in state.superconductor.bands])
    return jnp.concatenate([mass, -mass])


def _bare(state: DressedState, z: Complex[Array, ""]) -> Spinors:
    """[[z + mu, -Delta], [-Delta, z - mu]]"""
    sc, n = state.superconductor, len(state.superconductor.bands)
    Delta = band_matrix(state.pairing, n, sc.cross)
    mu = jnp.diag(_mus(state))
    return z * jnp.eye(2 * n) + jnp.block([[mu, -Delta], [-Delta, -mu]])


def _matrix(state: DressedState, z: Complex[Array, ""], Sigma: Spinors) -> Spinors:
    """K, with kappa counted from the mean kappa_F."""
    mass = _masses(state)
    n = len(mass) // 2
    shift = jnp.mean(mass[:n] * _mus(state))
    return mass[:, None] * (_bare(state, z) - Sigma) - shift * jnp.eye(2 * n)


def _local(state: DressedState, z: Complex[Array, ""], Sigma: Spinors) -> Spinors:
    return -1j * jnp.pi * sign_at_any_energy(_matrix(state, z, Sigma)) * _masses(state)


def _self_energy(state: DressedState, z: Complex[Array, ""]) -> Spinors:
    disorder = state.superconductor.disorder

    def step(Sigma: Spinors) -> Spinors:
        return scattered_at_any_energy(_local(state, z, Sigma), disorder)

    def residual(x: Complex[Array, "n"]) -> Complex[Array, "n"]:
        Sigma = x.reshape(shape)
        return x - step(Sigma).ravel()

    def newton(_: Int[Array, ""], x: Complex[Array, "n"]) -> Complex[Array, "n"]:
        return x - jnp.linalg.solve(jax.jacfwd(residual, holomorphic=True)(x), residual(x))

    start = jnp.zeros_like(_bare(state, z))
    shape = start.shape
    Sigma = jax.lax.fori_loop(0, PLAIN, lambda _, S: step(S), start)
    x = jax.lax.fori_loop(0, NEWTON, newton, Sigma.ravel())
    off = jnp.max(jnp.abs(residual(x)))
    arrived = off <= ARRIVED * jnp.max(jnp.abs(_matrix(state, z, Sigma)))
    # A solution of another sheet has a negative density of states somewhere.
    N = -jnp.imag(jnp.diagonal(_local(state, z, x.reshape(shape))))
    retarded = (jnp.sum(jnp.abs(N)) * -ROUNDING <= N).all()
    return jnp.where(arrived & retarded, x.reshape(shape), np.nan)
