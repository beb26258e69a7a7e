r"""T_c of a disordered superconductor in closed form, for an instantaneous interaction with a cutoff in Matsubara frequencies.

Small f obey, at every frequency, with the masses m, the distances of the bands in H = mu - X and Gamma of the normal state,

.. math:: (\omega_n + \Gamma - i H) f m^{-1} + m^{-1} f (\omega_n + \Gamma + i H) = 2\pi (\Delta + V f)

(a Sylvester equation; V is the vertex of the impurities). Gamma, X and V are the same at all frequencies, so that on the N^2
elements of f it reads (omega_n + A) f = 2 pi D^{-1} Delta, D_ij = 1/m_i + 1/m_j, and the sum over frequencies is

.. math:: 2\pi k_B T \sum_{0 \leq n < M} (\omega_n + A)^{-1} = \psi(M + \tfrac12 + B) - \psi(\tfrac12 + B), \qquad
          B = \frac{A}{2\pi k_B T}

of one small matrix: T_c for potentials and spins of any shape, any masses and any distances. For equal masses and Born's
approximation A = (pi n N / 2)(ad_u^2 + anti_J^2) - (i/2) ad_mu with ad_u = [u, .], anti_J = {J, .}: potentials that commute
with Delta do nothing (P. W. Anderson, J. Phys. Chem. Solids 11, 26 (1959)), spins that anticommute with it neither, and of one
band

.. math:: \ln(T_{c0} / T_c) = \psi(\tfrac12 + \alpha / 2\pi k_B T_c) - \psi(\tfrac12), \qquad \alpha = 2\pi n N J^2

(Abrikosov and Gor'kov 1961), or alpha = (2 n / pi N) x^2 / (1 + x^2)^2, x = pi N J, of the T-matrix. Derived for jaxgap.

The last frequency counts by the share of its cell below omega_c. The digammas are made of inverses of x + B alone: matrices A
without a basis of eigenvectors exist (where d = 2 Gamma_12), and a derivative has to pass them.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.selfenergy.impurities import normal_scattering, vertex
from jaxgap.selfenergy.local_green import inverse_in_the_open
from jaxgap.units import k_B

__all__ = ["pair_map", "pair_sum", "relaxation"]

DIRECT = 16
"""Frequencies that are summed one by one; the rest is Euler and Maclaurin's, whose next term is 1e-16."""
EULER = np.array([-1 / 24, 7 / 960, -31 / 8064, 127 / 30720, -511 / 67584])
"""B_2k(1/2) / 2k."""
PANELS, NODES = 32, 16
"""Of the integral over the rest, in panels of equal ratio: 1e-16 up to 10^17 frequencies."""


def relaxation(sc: RetardedSuperconductor) -> tuple[Complex[Array, "pair pair"], Float[Array, "pair"]]:
    """(A [meV], D): (omega + A) f = 2 pi Delta / D on the elements of f, row by row."""
    mass = sc.band_densities
    k_F = mass * sc.mus
    normal = normal_scattering(sc)
    H, Gamma = jnp.diag((k_F - jnp.mean(k_F)) / mass) - jnp.real(normal), -jnp.imag(normal)
    inverse = jnp.diag(1 / mass)
    C = jnp.kron(Gamma - 1j * H, inverse) + jnp.kron(inverse, (Gamma + 1j * H).T) - 2 * jnp.pi * vertex(sc)
    D = (1 / mass[:, None] + 1 / mass).ravel()
    return C / D[:, None], D


def pair_map(sc: RetardedSuperconductor, T: Float[Array, ""]) -> Float[Array, "channel channel"]:
    """What the interaction makes of small amplitudes, whose eigenvalue is 1 at T_c."""
    A, D = relaxation(sc)
    step = 2 * jnp.pi * k_B * T
    members = _members(sc)
    sums = pair_sum(A / step, jnp.asarray(sc.omega_c) / step)
    f = members.T @ (sums @ (2 * jnp.pi / D[:, None] * members))
    return sc.lam / (jnp.pi * sc.N) @ jnp.real(f)


def _members(sc: RetardedSuperconductor) -> Float[np.ndarray, "pair channel"]:
    """Which elements of Delta a channel has."""
    n, found = len(sc.bands), np.zeros((len(sc.bands) ** 2, len(sc.channels)))
    for c, (i, j) in enumerate((*((i, i) for i in range(n)), *sc.cross)):
        found[[i * n + j, j * n + i], c] = 1.0
    return found


def pair_sum(B: Complex[Array, "n n"], x: Float[Array, ""]) -> Complex[Array, "n n"]:
    """sum_m (m + 1/2 + B)^-1 for all m below x, the last one by its share: psi(x + 1/2 + B) - psi(1/2 + B) of a whole x."""
    M = jax.lax.stop_gradient(jnp.floor(jnp.maximum(x, DIRECT)))
    edges = DIRECT * (M / DIRECT) ** (np.arange(PANELS + 1) / PANELS)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half, middle = jnp.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    # All resolvents that there are at once: one by one, then the integral, then the rest of the last frequency.
    first = np.arange(DIRECT)
    at = jnp.concatenate([first + 0.5, (middle + half * nodes).ravel(), (M + 0.5)[None], jnp.stack([M, 0 * M + DIRECT])])
    share = [jnp.clip(x - first, 0.0, 1.0), (half * weights).ravel(), jnp.clip(x - M, 0.0, 1.0)[None], jnp.zeros(2)]
    resolvents = inverse_in_the_open(at * jnp.eye(len(B))[..., None] + B[..., None])
    ends = jnp.moveaxis(resolvents[..., -2:], -1, 0)
    squares = ends @ ends
    corrections = jnp.zeros_like(squares)
    for number in EULER[::-1]:  # Horner's rule.
        corrections = squares @ (corrections - number * jnp.eye(len(B)))
    return resolvents @ jnp.concatenate(share) + corrections[0] - corrections[1]
