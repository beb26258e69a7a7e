r"""The superfluid weight D of given amplitudes: the response of a state to a uniform twist, band by band.

Pairs of momentum 2 hbar q make of the Bogoliubov-de Gennes matrix H of two cross-paired bands, with p^2 = hbar^2 q^2 / 2 m_e
and v = diag(1/m_1, 1/m_2) on electrons and holes alike,

.. math:: H + 2p \sqrt\kappa \cos\vartheta \; v + p^2 \, v \tau_z, \qquad F(q) - F(0) = D \, \frac{\hbar^2 q^2}{2 m_e} + O(q^4),
          \qquad \frac{1}{\lambda^2} = \frac{\mu_0 e^2}{m_e} D

To second order in p, with f the Fermi function, n and m the four states of H, and <cos^2> = 1/d in d dimensions,

.. math:: D = \sum_k \Bigl\{ -\sum_i \frac{1}{m_i} \frac{\partial \Lambda}{\partial \zeta_i}
              + \frac{2\kappa}{d} \, \Pi \Bigr\} - \text{the same of the normal state}, \qquad
          \Pi = \sum_{nm} |v_{nm}|^2 f[E_n, E_m], \quad f[E, E'] = \frac{f(E) - f(E')}{E - E'}

a diamagnetic and a paramagnetic part. One band has v_nm = delta_nm / m, and Pi = 2 f'(E) / m^2 is the textbook's (M. Tinkham,
Introduction to Superconductivity, 2nd ed., section 3.10). With v = a + delta X, a and delta half the sum and half the
difference of 1/m_1 and 1/m_2, and X = +1 in band 1 and -1 in band 2,

.. math:: \Pi = 2 a^2 [f'_+ + f'_-] + 4 a \delta \, \frac{w}{u} f'[E_+, E_-]
              + 2 \delta^2 \Bigl\{ \frac{w^2}{u^2} f[E_+, E_+, E_-, E_-] + 2 (1 - t^2) f[E_+, E_-] + 2 t^2 f[E_+, -E_-] \Bigr\}

.. math:: w = \epsilon_1^2 - \epsilon_2^2, \qquad t^2 = |\langle + | X | \overline{-} \rangle|^2
          = \frac{2}{q u^2} \left\{ |\Delta_3|^2 (q + \zeta_1 \zeta_2 + |\Delta_3|^2)
            - \mathrm{Re}\, \Delta_3^2 \Delta_1^* \Delta_2^* \right\}

where u = E_+ + E_-, q = E_+ E_-. The last term breaks pairs across the branches, at T = 0 too: only cross-band pairing
(Delta_3) of bands with different velocities allows it. Written in divided differences, nothing is singular where the
branches touch. These formulas are jaxgap's own derivation, tested against the second derivative of F(q).

Three and more cross-paired bands have no such closed form. With V = diag(1/m_j) on electrons and holes of the bands that are
inside their shells, f = (1 - tanh) / 2 makes both parts derivatives of a function of H: of band i, with 1_i its electrons and
holes,

.. math:: D_i = \frac{1}{m_i} \sum_k \Bigl\{ -\frac{\kappa}{d} \, \mathrm{tr} \, 1_i \frac{\partial}{\partial \epsilon}
                \tanh\frac{H + \epsilon V}{2 k_B T} - \Bigl[ \tanh\frac{H}{2 k_B T} \Bigr]_{ii} \Bigr\} .

Second derivatives of that are third ones of tanh: `spectra.bogoliubov.tanh_and_slope` has them.

- The amplitudes are those of q = 0. They need not relax: a twist by -q is a mirror image of one by q, so P_c and F are even in
  q at all amplitudes, real or not, and the amplitudes (phases included) change by O(q^2), which changes F by O(q^4). There is
  no vertex correction to add. All bands turn together; states in which they would not are no uniform ones.
- The shell is one in the relative momentum of a pair, |zeta_i(k)| <= Omega for electrons k + q and -k + q: then the interaction
  is invariant under a boost, and one band has D = n/m at T = 0 whatever Delta / Omega is. A shell in the electrons' own momenta
  would not be; its sharp edge would add terms of order (Delta / Omega)^2.
- The normal state has no D. Of its two parts the shell has the integral of a derivative, in closed form:
  D_n = -(2 / d m) [kappa rho tanh(zeta / 2 k_B T)] between the shell's edges.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import kappa_F, rho, shell, zeta
from jaxgap.model.parabolic import check_parabolic
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.types import Scalar
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.bogoliubov import Bogoliubov, tanh_and_slope
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import overlap_nodes, pairs, parameters, pick, single_nodes
from jaxgap.spectra.several_bands import several
from jaxgap.units import thermal_energy

__all__ = ["RESPONSE_RULE", "carrier_weight", "superfluid_weights_of"]

OfK = Float[Array, "*k"]

RESPONSE_RULE = Rule(64, 48, 36)
"""More nodes: f'(E) is sharper than the integrands of the gap equations."""


def carrier_weight(sc: Superconductor) -> Float[Array, "band"]:
    """n_i / |m_i| of every band [meV times the unit of N]: 4 N_i kappa_F,i / d m_i^2."""
    m, _ = parameters(sc)
    kappa = jnp.stack([kappa_F(band) for band in sc.bands])
    return 4 * sc.band_densities * kappa / (sc.dimension * m**2)


def superfluid_weights_of(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = RESPONSE_RULE
) -> Float[Array, "band"]:
    """D of given amplitudes, band by band [meV times the unit of N]."""
    check_parabolic(sc.bands, "the superfluid density")
    kT, d = thermal_energy(T), sc.dimension
    m, mu = parameters(sc)
    D = [_minus_normal(sc, i, kT) for i in range(len(sc.bands))]
    bands, nodes = single_nodes(sc, Delta, T, rule.single)
    mass = pick(m, bands)[:, None]
    z = nodes.kappa / mass - pick(mu, bands)[:, None]
    E = safe_sqrt(z**2 + abs2(pick(Delta, bands))[:, None])
    diamagnetic = -2 * z * spectrum.pair_sum(E, kT) / mass
    alone = nodes.integral(diamagnetic + 4 * nodes.kappa / d * _fermi_slope(E, kT) / mass**2)
    for i, D_i in zip(bands, alone, strict=True):
        D[i] += D_i
    for cluster in pairs(sc):
        for i, D_i in zip(cluster.bands, _of_pair(sc, cluster, Delta, T, rule), strict=True):
            D[i] += D_i
    for cluster in several(sc):
        for i, D_i in zip(cluster.bands, _of_several(Bogoliubov(sc, Delta, cluster), T, rule), strict=True):
            D[i] += D_i
    return jnp.stack(D)


def _minus_normal(sc: Superconductor, i: int, kT: Float[Array, ""]) -> Float[Array, ""]:
    """(2 / d m) [kappa rho tanh(zeta / 2 k_B T)] between the edges of the shell: the normal state's part, subtracted."""
    band = sc.bands[i]
    kappa = jnp.stack(shell(band, sc.Omega))
    edges = kappa * rho(kappa, sc.dimension) * jnp.tanh(zeta(band, kappa) / (2 * kT))
    return 2 / (sc.dimension * band.tangent[0]) * (edges[1] - edges[0])


def _fermi_slope(E: Float[Array, "*k"], kT: Float[Array, ""]) -> Float[Array, "*k"]:
    """f'(E), for E >= 0."""
    decay = jnp.exp(-E / kT)
    return -decay / (1 + decay) ** 2 / kT


def _of_pair(
    sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "channel"], T: Scalar, rule: Rule
) -> Float[Array, "2"]:
    """D of two cross-paired bands where both are inside the shell: the current of each, in the twist of both."""
    kT = thermal_energy(T)
    nodes = overlap_nodes(sc, cluster, Delta, T, rule.overlap)
    z1, z2 = (zeta(sc.bands[i], nodes.kappa) for i in cluster.bands)
    v1, v2 = (1 / sc.bands[i].tangent[0] for i in cluster.bands)
    amplitudes = pick(Delta, cluster.channels)
    slope1, slope2 = _slopes(z1, z2, amplitudes, kT)
    uniform, mixed, opposite = _responses(z1, z2, amplitudes, kT)
    a, delta = (v1 + v2) / 2, (v1 - v2) / 2
    # Of v_1 = (1 + X) / 2 m_1 and v_2 = (1 - X) / 2 m_2 in the field v = a + delta X.
    even, odd = a * uniform + delta * mixed, a * mixed + delta * opposite
    weight = 2 * nodes.kappa / sc.dimension
    D1 = v1 * (weight * (even + odd) / 2 - slope1)
    D2 = v2 * (weight * (even - odd) / 2 - slope2)
    return jnp.stack([nodes.integral(D1), nodes.integral(D2)])


def _slopes(z1: OfK, z2: OfK, Delta: Inexact[Array, "3"], kT: Scalar) -> tuple[OfK, OfK]:
    r"""Holes less electrons of either band, from the derivatives of Lambda (1 <-> 2 for the other band)

    .. math:: \partial\Lambda / \partial\zeta_1 = \zeta_1 S + R [ \zeta_1 (\epsilon_1^2 - \epsilon_2^2)
              + 2|\Delta_3|^2 (\zeta_1 - \zeta_2) ] .
    """
    s1, s2, s3 = abs2(Delta)
    S, R = spectrum.pair_sums(spectrum.branches(z1, z2, *Delta), kT)
    w = (z1 - z2) * (z1 + z2) + s1 - s2
    exchange = 2 * s3 * (z1 - z2)
    return z1 * S + R * (z1 * w + exchange), z2 * S - R * (z2 * w + exchange)


def _responses(z1: OfK, z2: OfK, Delta: Inexact[Array, "3"], kT: Scalar) -> tuple[OfK, OfK, OfK]:
    """sum_nm A_nm B_mn f[E_n, E_m] for (A, B) = (1, 1), (1, X) and (X, X)."""
    x = spectrum.branches(z1, z2, *Delta)
    s1, s2, s3 = abs2(Delta)
    gapped = x.q > 0
    q, u = jnp.where(gapped, x.q, 1.0), jnp.where(x.u > 0, x.u, 1.0)
    L = spectrum.thermal_derivatives(x, kT)
    ratio = ((z1 - z2) * (z1 + z2) + s1 - s2) / u
    overlap = s3 * (q + z1 * z2 + s3) - jnp.real(Delta[2] ** 2 * jnp.conj(Delta[0] * Delta[1]))
    t2 = jnp.where(gapped, 2 * overlap / (q * u**2), 0.0)
    opposite = ratio**2 * 8 * L.vv + (1 - t2) * 4 * L.v + t2 * 2 * L.u / u
    return -4 * L.uu, -8 * ratio * L.uv, -2 * opposite


def _of_several(matrix: Bogoliubov, T: Scalar, rule: Rule) -> Float[Array, "own"]:
    """D of a larger cluster inside its shells: the current of every band, in the twist of all."""
    sc, kT, n = matrix.superconductor, thermal_energy(T), len(matrix.cluster.bands)
    at = matrix.samples(T, rule.several)
    v = 1 / pick(parameters(sc)[0], matrix.cluster.bands)
    X, V = matrix.hamiltonians(matrix.Delta, at) / (2 * kT), jnp.diag(jnp.tile(v, 2)) / (2 * kT)
    # A band outside its shell has no amplitude with the others: its own v does not reach them.
    found = tanh_and_slope(X, jnp.broadcast_to(V, X.shape).astype(X.dtype))
    t, slope = (jnp.real(jnp.diagonal(part, axis1=1, axis2=2)).T for part in found)
    D = v[:, None] * (-at.kappa / sc.dimension * (slope[:n] + slope[n:]) - t[:n])
    return at.integral(jnp.where(at.active, D, 0.0))
