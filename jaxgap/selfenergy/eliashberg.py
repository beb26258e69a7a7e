r"""Eliashberg's equations on the imaginary axis, for any number of bands without cross-band pairing.

.. math:: W_i(n) = \omega_n + \pi k_B T \sum_{jm} \lambda_{ij}(n-m) \frac{\omega_m}{R_j(m)}, \qquad
          \Phi_i(n) = \pi k_B T \sum_{jm}
          [\lambda_{ij}(n-m) - \mu^*_{ij} \theta(\omega_c - |\omega_m|)] \frac{\Delta_j(m)}{R_j(m)}

with R = sqrt(omega^2 + Delta^2), W = omega Z, Phi = Z Delta (Allen and Mitrovic, Solid State Phys. 37, 1 (1982); Carbotte, Rev.
Mod. Phys. 62, 1027 (1990)).
lambda_ij is made in band i by band j and contains N_j. The unknown is Delta_i at the nodes of the compressed grid
(`jaxgap.selfenergy.matsubara`), the residual Delta Z - Phi [meV]. A distance of the bands plays no role.

At T_c Delta is small, and

.. math:: \rho \Delta_i(n) = \frac{\omega_n}{W_i(n)} \pi k_B T \sum_{jm}
          [\lambda_{ij}(n-m) - \mu^*_{ij} \theta] \frac{\Delta_j(m)}{|\omega_m|}, \qquad \rho(T_c) = 1

with the eigenvalue rho of the largest real part. The free energy is Bardeen and Stephen's (Phys. Rev. 136, A1485 (1964)),

.. math:: F = -\pi k_B T \sum_{in} N_i (R - |\omega_n|) (Z^S - Z^N |\omega_n| / R)
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.retarded import FREQUENCIES, RetardedSuperconductor
from jaxgap.selfenergy.matsubara import Kernels, kernels, mesh
from jaxgap.units import k_B

__all__ = [
    "Equations",
    "amplitude_jacobian",
    "equations_of",
    "first_frequencies",
    "free_energy",
    "gap_residual",
    "linearised_map",
    "plain_step",
    "self_energy",
    "self_energy_at",
]

Gap = Float[Array, "band node"]


class Equations(NamedTuple):
    """What Eliashberg's equations of one system at one temperature are made of."""

    K: Kernels
    lam: Float[Array, "spectrum channel channel"]
    instant: Float[Array, "channel channel"]
    """-mu*, or an instantaneous coupling."""
    total: Float[Array, "node"]
    """The sum of what is known at the nodes over all frequencies that the free energy has: without phonons those below omega_c,
    by their shares."""


def first_frequencies(sc: RetardedSuperconductor, T: Float[Array, ""], count: int) -> Kernels:
    """Sums at the lowest frequencies, of which some are no nodes."""
    omega_c = jnp.zeros(()) if sc.omega_c is None else sc.omega_c
    return kernels(mesh(sc.frequencies or FREQUENCIES), *sc.forms, omega_c, T, np.arange(count))


def equations_of(sc: RetardedSuperconductor, T: Float[Array, ""]) -> Equations:
    """Of a system whose `frequencies` are settled."""
    grid = mesh(sc.frequencies or FREQUENCIES)
    omega_c = jnp.zeros(()) if sc.omega_c is None else sc.omega_c
    K = kernels(grid, *sc.forms, omega_c, T)
    # Of what is instantaneous alone the frequencies above the cutoff do not take part: F would not be stationary.
    total = jnp.asarray(grid.L.sum(axis=0)) if sc.spectra else K.instant / (2 * jnp.pi * k_B * T)
    return Equations(K, sc.retarded_couplings, sc.instantaneous, total)


def self_energy(Delta: Gap, E: Equations) -> tuple[Gap, Gap]:
    """(W, Phi) that a gap function makes at the nodes [meV]."""
    return self_energy_at(Delta, E, E.K)


def self_energy_at(Delta: Gap, E: Equations, at: Kernels) -> tuple[Float[Array, "band row"], Float[Array, "band row"]]:
    """(W, Phi) that a gap function makes at other frequencies [meV]: those whose sums `at` are."""
    R = jnp.sqrt(E.K.omega**2 + Delta**2)
    f = Delta / R
    # Products of a matrix with columns, which a batch of systems multiplies six times faster than with rows.
    W = at.omega + jnp.einsum("sij,snj->in", E.lam, at.odd @ (E.K.omega / R).T + at.tail[:, :, None])
    Phi = jnp.einsum("sij,snj->in", E.lam, at.even @ f.T)
    return W, Phi + (E.instant @ (f @ at.instant))[:, None]


def gap_residual(Delta: Gap, E: Equations) -> Gap:
    """Delta Z - Phi [meV]."""
    W, Phi = self_energy(Delta, E)
    return Delta * W / E.K.omega - Phi


def plain_step(Delta: Gap, E: Equations) -> Gap:
    """Phi / Z: one iteration. From above it comes down monotonically."""
    W, Phi = self_energy(Delta, E)
    return Phi * E.K.omega / W


def amplitude_jacobian(Delta: Gap, E: Equations) -> Float[Array, "n n"]:
    """d residual / d Delta, in the order of Delta.ravel()."""
    K, (b, s) = E.K, Delta.shape
    R = jnp.sqrt(K.omega**2 + Delta**2)
    W = self_energy(Delta, E)[0]
    by_W = jnp.einsum("sij,snk->injk", E.lam, K.odd) * (-K.omega * Delta / R**3)
    by_Phi = (jnp.einsum("sij,snk->injk", E.lam, K.even) + E.instant[:, None, :, None] * K.instant) * (K.omega**2 / R**3)
    J = (Delta / K.omega)[:, :, None, None] * by_W - by_Phi
    return J.reshape(b * s, b * s) + jnp.diag((W / K.omega).ravel())


def normal_W(E: Equations) -> Gap:
    """W of the normal state [meV]."""
    return E.K.omega + jnp.einsum("sij,sn->in", E.lam, E.K.normal)


def linearised_map(E: Equations) -> Float[Array, "n n"]:
    """The matrix whose eigenvalue rho is 1 at T_c, on Delta.ravel()."""
    K, b = E.K, E.lam.shape[1]
    s = len(K.omega)
    sums = jnp.einsum("sij,snk->injk", E.lam, K.even) + E.instant[:, None, :, None] * K.instant
    return ((K.omega / normal_W(E))[:, :, None, None] * sums / K.omega).reshape(b * s, b * s)


def phase_map(Delta: Gap, E: Equations) -> Float[Array, "n n"]:
    """What one iteration makes of a small imaginary part of Delta: eigenvalue 1 belongs to the free phase."""
    K, (b, s) = E.K, Delta.shape
    R = jnp.sqrt(K.omega**2 + Delta**2)
    W = self_energy(Delta, E)[0]
    sums = jnp.einsum("sij,snk->injk", E.lam, K.even) + E.instant[:, None, :, None] * K.instant
    return ((K.omega / W)[:, :, None, None] * sums / R).reshape(b * s, b * s)


def free_energy(Delta: Gap, E: Equations, N: Float[Array, "band"]) -> Float[Array, ""]:
    """Of a solution, relative to the normal state [meV^2 times the unit of N]. It needs N_i lambda_ij = N_j lambda_ji."""
    omega, W = E.K.omega, self_energy(Delta, E)[0]
    R = jnp.sqrt(omega**2 + Delta**2)
    # R - omega without a difference, of small gaps and high frequencies.
    summand = Delta**2 / (R + omega) * (W / omega - normal_W(E) / R)
    pi_kT = E.K.omega[0]
    return -2 * pi_kT * jnp.sum(N[:, None] * summand * E.total)
