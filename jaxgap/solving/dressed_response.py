r"""Entropy, specific heat and superfluid weight of a state with impurities and an instantaneous interaction.

**Entropy.** Impurities at rest take no energy, and the self-consistent self-energy makes the free energy stationary: the
entropy is that of quasiparticles with the averaged density of states,

.. math:: S = k_B \int_{-\infty}^{\infty} dE \, N(E) \, s(E / k_B T), \qquad
          N = -\frac{1}{\pi} \mathrm{Im\,tr\,} G(E + i0), \qquad s(x) = \ln(1 + e^{-x}) + \frac{x}{e^x + 1}

over electrons and holes together. s is analytic as far as i pi, so the integral is taken at E + i pi k_B T / 2, where G has no
edges and equal steps leave e^-24 of the normal state's. C = T dS/dT with the change of the order parameter, from the gap
equations at Matsubara frequencies; of their sum the last, partial cell below omega_c counts with the middle of what is left of
it: its own frequency would make steps in T_c's slope and teeth in C.

**Superfluid weight.** Currents of bands around k = 0 are odd in k, and impurities are points: there are no vertex corrections
(S. B. Nam, Phys. Rev. 156, 470 (1967); A. A. Abrikosov, L. P. Gor'kov and I. E. Dzyaloshinskii, Methods of Quantum Field
Theory in Statistical Physics (1963), section 39). With K and S = sgn Im K as in `jaxgap.selfenergy.local_green`, kappa_0 where
kappa is counted from, 1_i a band's electrons and holes, and A = S K,

.. math:: D_i = k_B T \sum_n \left\{ i \pi \, \mathrm{tr} \, 1_i \tau_3 (2 \kappa_0 Y + X)
                + \frac{2}{m_i} \mathrm{Re} \, g_{ii} \right\}, \qquad
          A X + X A = K \tau_3 + \tau_3 K, \qquad A Y + Y A = \tfrac12 (\tau_3 - S \tau_3 S)

the integral over kappa of kappa tr V_i G V G by residues (bands without edges, 2D), and the change of the bands' numbers of
electrons. Of one band it is 2 pi k_B T sum_{n >= 0} Phi^2 / (W^2 + Phi^2)^(3/2) of n/m: charges alone make of the clean value 1
at T = 0

.. math:: \rho_s = \frac{1}{a} \left( \frac{\pi}{2} - \frac{\arccos a}{\sqrt{1 - a^2}} \right), \qquad a = \Gamma / \Delta < 1

and the local limit of dirty superconductors, pi Delta / 2 Gamma. Derived for jaxgap where there are cross pairs.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxgap.model.retarded import FREQUENCIES, RetardedSuperconductor
from jaxgap.numerics.small import eliminated
from jaxgap.selfenergy.elastic import elastic_self_energy, green_function_of
from jaxgap.selfenergy.local_green import sign_at_any_energy
from jaxgap.selfenergy.matsubara import frequencies, mesh
from jaxgap.selfenergy.undressed import centre_of, inverse_of, masses_of
from jaxgap.units import k_B

__all__ = ["dressed_entropy", "dressed_heat", "dressed_superfluid_weights", "made_and_entropy"]

STEP, REACH = 0.4, 32.0
"""Of energies, in units of k_B T."""
DIRECT = 32
"""Frequencies that are summed one by one; of the rest Euler and Maclaurin's second term is 1e-10 of the sum."""
PANELS, NODES, FURTHEST = 16, 8, 1e8
"""Of the integral over the rest, up to so many times the frequency where it begins."""

Spinors = Complex[Array, "spinor spinor energy"]
Pairing = Float[Array, "channel"]


# --- entropy and specific heat ----------------------------------------------------------------------------------------------


def dressed_entropy(sc: RetardedSuperconductor, pairing: Pairing, T: Float[Array, ""]) -> Float[Array, ""]:
    """[meV^2/K times the unit of N]"""
    z, weights = _thermal(T)
    return _entropy(_green_functions(sc, pairing, z), weights)


def dressed_heat(sc: RetardedSuperconductor, pairing: Pairing, T: Float[Array, ""]) -> Float[Array, ""]:
    """T dS/dT along the branch [meV^2/K times the unit of N]."""
    n = len(pairing)

    def residual_and_entropy(x: Float[Array, "n"]) -> Float[Array, "n"]:
        made, entropy = made_and_entropy(sc, x[:n], x[n])
        return jnp.append(x[:n] - made, entropy)

    slopes = jax.jacfwd(residual_and_entropy)(jnp.append(pairing, T))
    change = -eliminated(slopes[:n, :n], slopes[:n, n])
    return T * (slopes[n, n] + slopes[n, :n] @ change)


def made_and_entropy(sc: RetardedSuperconductor, pairing: Pairing, T: Float[Array, ""]) -> tuple[Pairing, Float[Array, ""]]:
    """(the order parameter [meV] that the anomalous functions of `pairing` make, which is `pairing` itself in a state; the
    entropy), from one search for the self-energy."""
    (z, weights), (at, shares) = _thermal(T), _below_the_cutoff(sc, T)
    G = _green_functions(sc, pairing, jnp.concatenate([z, at]))
    return _made(sc, G[..., len(z) :], shares), _entropy(G[..., : len(z)], weights)


def _thermal(T: Float[Array, ""]) -> tuple[Complex[Array, "energy"], Complex[Array, "energy"]]:
    """(z, k_B s dE) from 0 upwards; the other half is the same."""
    x = np.arange(STEP / 2, REACH, STEP) + 0.5j * np.pi
    decay = np.exp(-x)
    s = np.log(1 + decay) + x * decay / (1 + decay)
    return k_B * T * x, 2 * k_B * (k_B * T * STEP) * jnp.asarray(s)


def _entropy(G: Spinors, weights: Complex[Array, "energy"]) -> Float[Array, ""]:
    return -jnp.imag(jnp.trace(G) @ weights) / jnp.pi


def _green_functions(sc: RetardedSuperconductor, pairing: Pairing, z: Complex[Array, "energy"]) -> Spinors:
    M, mass = inverse_of(sc, pairing, z), masses_of(sc)
    return green_function_of(M, elastic_self_energy(M, mass, sc.disorder), mass)


def _below_the_cutoff(
    sc: RetardedSuperconductor, T: Float[Array, ""]
) -> tuple[Complex[Array, "frequency"], Float[Array, "frequency"]]:
    """(i omega, 2 pi k_B T times its share) of the frequencies whose cells are below omega_c, and of the rest above them."""
    grid, step = mesh(sc.frequencies or FREQUENCIES), 2 * jnp.pi * k_B * T
    omega_c = jnp.asarray(sc.omega_c)
    whole = jax.lax.stop_gradient(jnp.floor(omega_c / step))
    shares = step * ((np.arange(grid.N) < whole).astype(float) @ jnp.asarray(grid.L))
    rest = omega_c - whole * step
    omega = jnp.append(frequencies(grid.n, T), whole * step + rest / 2)
    return 1j * omega, jnp.append(shares, rest)


def _made(sc: RetardedSuperconductor, G: Spinors, shares: Float[Array, "frequency"]) -> Pairing:
    """The order parameter that the anomalous functions at Matsubara frequencies make [meV]."""
    n = len(sc.bands)
    f = -jnp.real(G[:n, n:] @ shares)
    i, j = (np.array([*range(n), *(pair[k] for pair in sc.cross)]) for k in (0, 1))
    of_channels = jnp.where(i == j, f[i, j], f[i, j] + f[j, i])
    return sc.instantaneous @ (of_channels / (jnp.pi * sc.N))


# --- the superfluid weight --------------------------------------------------------------------------------------------------


def dressed_superfluid_weights(sc: RetardedSuperconductor, pairing: Pairing, T: Float[Array, ""]) -> Float[Array, "band"]:
    """D of every band [meV times the unit of N]."""
    omega, weights = _all_frequencies(T)
    M, mass = inverse_of(sc, pairing, 1j * omega), masses_of(sc)
    n = len(mass) // 2
    K = mass[:, None, None] * (M - elastic_self_energy(M, mass, sc.disorder))
    currents = jax.vmap(_currents, in_axes=(-1, -1, None), out_axes=-1)(K, sign_at_any_energy(K), centre_of(sc))
    own = jnp.real(currents[:n] + currents[n:])
    g = jnp.real(jnp.diagonal(green_function_of(mass[:, None, None] ** -1 * K, jnp.zeros_like(K), mass))[:, :n].T)
    return (own + 2 * g / mass[:n, None]) @ weights


def _currents(
    K: Complex[Array, "spinor spinor"], S: Complex[Array, "spinor spinor"], kappa: Float[Array, ""]
) -> Complex[Array, "spinor"]:
    """i pi tau_3 (2 kappa Y + X), its diagonal."""
    size = len(K)
    tau = jnp.where(jnp.arange(size) < size // 2, 1.0, -1.0)
    one, A = jnp.eye(size), S @ K
    system = jnp.kron(A, one) + jnp.kron(one, A.T)
    driven = K * tau + tau[:, None] * K + kappa * (jnp.diag(tau) - S * tau @ S)
    return 1j * jnp.pi * tau * jnp.diagonal(eliminated(system, driven.ravel()).reshape(size, size))


def _all_frequencies(T: Float[Array, ""]) -> tuple[Float[Array, "frequency"], Float[Array, "frequency"]]:
    """(omega, weights) of k_B T times the sum over all frequencies, of both signs, of what falls as omega^-2 at least."""
    first = np.arange(DIRECT + 1)
    weights = np.append(np.ones(DIRECT), 0.0)
    weights[-2:] += np.array([-1.0, 1.0]) / 24  # The slope where the integral begins.
    edges = DIRECT * FURTHEST ** (np.arange(PANELS + 1) / PANELS)
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    half, middle = np.diff(np.log(edges))[:, None] / 2, (np.log(edges)[1:] + np.log(edges)[:-1])[:, None] / 2
    m = np.exp(middle + half * nodes).ravel()
    at = np.concatenate([first + 0.5, m])
    return 2 * jnp.pi * k_B * T * at, 2 * k_B * T * jnp.asarray(np.concatenate([weights, (half * shares).ravel() * m]))
