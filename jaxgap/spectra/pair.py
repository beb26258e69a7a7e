r"""Quasiparticle spectrum of one band and of two cross-paired bands, in closed form.

.. math:: E_\pm^2 = \tfrac12 (A \pm b), \quad A = \epsilon_1^2 + \epsilon_2^2 + 2|\Delta_3|^2, \quad
          \epsilon_i^2 = \zeta_i^2 + |\Delta_i|^2, \quad E_+^2 E_-^2 = \det

Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), Eq. 3-4. The functions take energies zeta_1, zeta_2 [meV] and
amplitudes Delta_1, Delta_2, Delta_3 [meV]: real amplitudes (of any signs) or complex ones (of any phases).

The sums over branches that thermodynamics needs are symmetric in E_+ and E_-, so they are smooth where b = 0, although
E_+ and E_- are not. They are written in u = E_+ + E_- and q = E_+ E_- (`Branches`), in which no difference of nearly equal
numbers and no 0/0 is left: neither where the branches touch (b = 0) nor, at T = 0, anywhere.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact

from jaxgap.numerics.programs import barrier

__all__ = [
    "Branches",
    "branches",
    "pair_sum",
    "pair_sums",
    "Curvatures",
    "curvatures",
    "ThermalDerivatives",
    "thermal_derivatives",
    "single_curvature",
    "log_sum",
    "entropy_sum",
    "energies",
    "band_weights",
    "determinant",
    "splitting",
    "bdg_matrix",
]

Amplitude = Inexact[Array, "*#k"]
Energy = Float[Array, "*k"]


class Branches(NamedTuple):
    """E_+ and E_- through their symmetric functions [meV, meV^2]."""

    u: Float[Array, "*k"]
    """u = E_+ + E_-."""
    q: Float[Array, "*k"]
    """q = E_+ E_- = sqrt(det)."""
    v2: Float[Array, "*k"]
    """v^2 = (E_+ - E_-)^2 = b^2 / u^2."""


def abs2(z: Inexact[Array, "*s"]) -> Float[Array, "*s"]:
    """|z|^2, smooth at z = 0."""
    return jnp.real(z * jnp.conj(z))


def determinant(zeta1: Energy, zeta2: Energy, Delta1: Amplitude, Delta2: Amplitude, Delta3: Amplitude) -> Energy:
    r"""E_+^2 E_-^2 [meV^4] as a sum of squares, since E_- from a difference loses all digits near the gapless state.

    .. math:: (\zeta_1\zeta_2 - p + |\Delta_3|^2)^2 + (\zeta_1|\Delta_2| + \zeta_2|\Delta_1|)^2 + 4p|\Delta_3|^2\sin^2(\theta/2)

    with p = |Delta_1 Delta_2| and theta = 2 phi_3 - phi_1 - phi_2. Real amplitudes need no moduli: the first two squares
    with the signed amplitudes are the whole.
    """
    if not jnp.iscomplexobj(Delta1):
        return (zeta1 * zeta2 - Delta1 * Delta2 + Delta3**2) ** 2 + (zeta1 * Delta2 + zeta2 * Delta1) ** 2
    s1, s2, s3 = abs2(Delta1), abs2(Delta2), abs2(Delta3)
    a1, a2 = safe_sqrt(s1), safe_sqrt(s2)
    overlap = Delta3**2 * jnp.conj(Delta1 * Delta2)
    frustration = _modulus_minus_real(a1 * a2 * s3, overlap)
    squares = (zeta1 * zeta2 - a1 * a2 + s3) ** 2 + (zeta1 * a2 + zeta2 * a1) ** 2 + 2 * frustration
    # At a zero amplitude its modulus has no second derivative; the expanded form has, and cancels nothing there.
    expanded = (zeta1 * zeta2 + s3) ** 2 + s1 * s2 + zeta1**2 * s2 + zeta2**2 * s1 - 2 * jnp.real(overlap)
    return jnp.where((s1 == 0) | (s2 == 0), expanded, squares)


def splitting(zeta1: Energy, zeta2: Energy, Delta1: Amplitude, Delta2: Amplitude, Delta3: Amplitude) -> Energy:
    r"""b^2 = (E_+^2 - E_-^2)^2 [meV^4] as a sum of squares.

    .. math:: b^2 = (\epsilon_1^2 - \epsilon_2^2)^2 + 4|\Delta_3|^2 (\zeta_1 - \zeta_2)^2
                    + 4 |\Delta_3^* \Delta_1 + \Delta_3 \Delta_2^*|^2
    """
    difference = (zeta1 - zeta2) * (zeta1 + zeta2) + abs2(Delta1) - abs2(Delta2)
    phase = abs2(jnp.conj(Delta3) * Delta1 + Delta3 * jnp.conj(Delta2))
    return difference**2 + 4 * abs2(Delta3) * (zeta1 - zeta2) ** 2 + 4 * phase


def branches(zeta1: Energy, zeta2: Energy, Delta1: Amplitude, Delta2: Amplitude, Delta3: Amplitude) -> Branches:
    """u, q and v^2 of the two quasiparticle branches at the given band energies."""
    A = zeta1**2 + zeta2**2 + abs2(Delta1) + abs2(Delta2) + 2 * abs2(Delta3)
    q = safe_sqrt(determinant(zeta1, zeta2, Delta1, Delta2, Delta3))
    u2 = A + 2 * q
    return Branches(safe_sqrt(u2), q, splitting(zeta1, zeta2, Delta1, Delta2, Delta3) / jnp.where(u2 > 0, u2, 1.0))


def energies(zeta1: Energy, zeta2: Energy, Delta1: Amplitude, Delta2: Amplitude, Delta3: Amplitude) -> tuple[Energy, Energy]:
    """(E_+, E_-) [meV]. E_- = q / E_+ keeps its relative precision down to the gapless state."""
    u, q, v2 = branches(zeta1, zeta2, Delta1, Delta2, Delta3)
    E_plus = (u + safe_sqrt(v2)) / 2
    return E_plus, q / jnp.where(E_plus > 0, E_plus, 1.0)


def band_weights(zeta1: Energy, zeta2: Energy, Delta1: Amplitude, Delta2: Amplitude, Delta3: Amplitude) -> Energy:
    r"""Weight |u_1|^2 + |v_1|^2 of band 1 on the branch E_+ (band 2 has it on E_-).

    .. math:: W = \tfrac12 \left[ 1 + (\epsilon_1^2 - \epsilon_2^2) / b \right]

    from the projector (H^2 - E_-^2)/(E_+^2 - E_-^2) on the branch; 1/2 where the branches touch.
    """
    difference = (zeta1 - zeta2) * (zeta1 + zeta2) + abs2(Delta1) - abs2(Delta2)
    b = safe_sqrt(splitting(zeta1, zeta2, Delta1, Delta2, Delta3))
    return 0.5 * (1 + difference / jnp.where(b > 0, b, 1.0))


def pair_sums(x: Branches, kT: Float[Array, ""]) -> tuple[Energy, Energy]:
    r"""S = f(E_+) + f(E_-) [1/meV] and R = [f(E_+) - f(E_-)] / b [1/meV^3], with f(E) = tanh(E / 2 k_B T) / 2E.

    By the addition theorems of tanh, with v = E_+ - E_- and x_\pm = exp(-E_\pm / k_B T),

    .. math:: S = \frac{u (1 - x_+ x_-) - v^2 H}{2 q D}, \quad R = \frac{H - (1 - x_+ x_-)/u}{2 q D}, \quad
              H = \frac{x_- - x_+}{v}, \quad D = (1 + x_+)(1 + x_-)

    which are even in v, hence smooth at b = 0, and become u/2q and -1/2qu at T = 0.
    """
    # A node can fall on E_- = 0 to the last bit. S and R are integrable there, so such a node is left out.
    gapped = x.q > 0
    x = barrier(Branches(*(jnp.where(gapped, part, 1.0) for part in x)))
    cosh, H = barrier(_thermal(_exponentials(x, kT), kT))
    blocked = -jnp.expm1(-x.u / kT)  # 1 - x_+ x_-
    norm = 2 * x.q * (2 - blocked + cosh)  # 2 q D
    S, R = (x.u * blocked - x.v2 * H) / norm, (H - blocked / x.u) / norm
    return barrier((jnp.where(gapped, S, 0.0), jnp.where(gapped, R, 0.0)))


class ThermalDerivatives(NamedTuple):
    """First and second derivatives of Lambda = L(E_+) + L(E_-) with respect to u = E_+ + E_- and v^2 = (E_+ - E_-)^2."""

    u: Energy
    v: Energy
    uu: Energy
    uv: Energy
    vv: Energy


def thermal_derivatives(x: Branches, kT: Float[Array, ""]) -> ThermalDerivatives:
    r"""Derivatives of Lambda = u + 2 k_B T ln D, in the notation of `pair_sums`, even in v, hence smooth at b = 0.

    .. math:: \Lambda_u = (1 - x_+ x_-)/D, \quad \Lambda_{v^2} = H / 2D, \quad
              \Lambda_{uu} = \frac{x_+ x_- + \Lambda_u (x_+ x_- + (x_+ + x_-)/2)}{k_B T D}, \quad
              \Lambda_{uv^2} = -\frac{\Lambda_u \Lambda_{v^2}}{2 k_B T}, \quad
              \Lambda_{v^2v^2} = \frac{\partial H / \partial v^2}{2D} - \frac{\Lambda_{v^2}^2}{2 k_B T}

    Since L' = 1 - 2f with the Fermi function f, they are its divided differences at E_+, E_- and -E_-:

    .. math:: f[E_+, -E_-] = -\Lambda_u / u, \quad f[E_+, E_-] = -2 \Lambda_{v^2}, \quad
              f'(E_+) + f'(E_-) = -2 \Lambda_{uu}, \quad f'[E_+, E_-] = -4 \Lambda_{uv^2}, \quad
              f[E_+, E_+, E_-, E_-] = -8 \Lambda_{v^2v^2} .
    """
    e = _exponentials(x, kT)
    cosh, H, H_v, both = barrier((*_thermal(e, kT), _thermal_slope(e, kT), e.scale**2))  # both: x_+ x_-
    D = 1 + both + cosh
    L_u, L_v = -jnp.expm1(-x.u / kT) / D, H / (2 * D)
    L_uu = (both / kT + L_u * (both + cosh / 2) / kT) / D
    return ThermalDerivatives(L_u, L_v, L_uu, -L_u * L_v / (2 * kT), H_v / (2 * D) - L_v**2 / (2 * kT))


class Curvatures(NamedTuple):
    """First and second derivatives of Lambda = L(E_+) + L(E_-) with respect to A = E_+^2 + E_-^2 and q = E_+ E_-."""

    A: Energy
    q: Energy
    AA: Energy
    Aq: Energy
    qq: Energy
    """Lambda_qq - Lambda_q / q."""


def curvatures(x: Branches, kT: Float[Array, ""]) -> Curvatures:
    r"""Derivatives of Lambda with respect to A and q, from those with respect to u and v^2 (`thermal_derivatives`).

    Since u^2 = A + 2q and v^2 = A - 2q,

    .. math:: \Lambda_A = \Lambda_u / 2u + \Lambda_{v^2}, \quad \Lambda_q = \Lambda_u / u - 2 \Lambda_{v^2}

    and so on. Only the last term of the last of the five is divided by q.
    """
    gapped = x.q > 0
    x = barrier(Branches(*(jnp.where(gapped, part, 1.0) for part in x)))
    L_u, L_v, L_uu, L_uv, L_vv = thermal_derivatives(x, kT)
    u2 = x.u**2
    curvature = Curvatures(
        A=L_u / (2 * x.u) + L_v,
        q=L_u / x.u - 2 * L_v,
        AA=(L_uu - L_u / x.u) / (4 * u2) + L_uv / x.u + L_vv,
        Aq=(L_uu - L_u / x.u) / (2 * u2) - 2 * L_vv,
        qq=(L_uu - L_u / x.u) / u2 - 4 * L_uv / x.u + 4 * L_vv - (L_u / x.u - 2 * L_v) / x.q,
    )
    return Curvatures(*(jnp.where(gapped, part, 0.0) for part in curvature))


def single_curvature(E: Energy, kT: Float[Array, ""]) -> tuple[Energy, Energy]:
    """(f, df/d(E^2)) of f(E) = tanh(E / 2 k_B T) / 2E, as in `pair_sum`."""
    gapped = E > 0
    E = jnp.where(gapped, E, 1.0)
    decay = jnp.exp(-E / kT)
    f = -jnp.expm1(-E / kT) / (1 + decay) / (2 * E)
    slope = (decay / (1 + decay) ** 2 / kT - f) / (2 * E**2)
    return jnp.where(gapped, f, 0.0), jnp.where(gapped, slope, 0.0)


def pair_sum(E: Energy, kT: Float[Array, ""]) -> Energy:
    """f(E) = tanh(E / 2 k_B T) / 2E [1/meV] of a single branch; a node that falls on E = 0 is left out."""
    gapped = E > 0
    E = jnp.where(gapped, E, 1.0)
    return jnp.where(gapped, jnp.tanh(E / (2 * kT)) / (2 * E), 0.0)


def log_sum(x: Branches, kT: Float[Array, ""]) -> Energy:
    r"""L(E_+) + L(E_-) [meV] with L(E) = E + 2 k_B T ln(1 + exp(-E / k_B T)): u + 2 k_B T ln D."""
    cosh, _ = _thermal(_exponentials(x, kT), kT)
    return x.u + 2 * kT * jnp.log1p(jnp.exp(-x.u / kT) + cosh)


def entropy_sum(x: Branches, kT: Float[Array, ""]) -> Energy:
    r"""s(E_+) + s(E_-) [k_B] of both spins, the derivative of `log_sum` with respect to k_B T.

    .. math:: s(E) = -2 [f \ln f + (1 - f) \ln(1 - f)] = 2 \ln(1 + e^{-E/k_BT}) + \frac{2E}{k_BT} f(E)

    .. math:: s(E_+) + s(E_-) = 2 \ln D + \frac{2u x_+x_- + u (x_- + x_+) - v^2 H}{k_BT D}
    """
    e = _exponentials(x, kT)
    cosh, H = _thermal(e, kT)
    both = e.scale**2
    excited = both + cosh
    return 2 * jnp.log1p(excited) + (2 * x.u * both + x.u * cosh - x.v2 * H) / (kT * (1 + excited))


def bdg_matrix(zeta: Float[Array, "band"], Delta: Inexact[Array, "band band"]) -> Inexact[Array, "2*band 2*band"]:
    """The Bogoliubov-de Gennes matrix [[zeta, Delta], [Delta^+, -zeta]], whose positive spectrum the closed forms are."""
    Z = jnp.diag(zeta).astype(Delta.dtype)
    return jnp.block([[Z, Delta], [Delta.conj().T, -Z]])


_SMALL = 1.0
"""delta^2 below which cosh(delta) and sinh(delta)/delta are summed: ten terms leave 1/20! = 4e-19."""


class _Exponentials(NamedTuple):
    """What the functions of temperature are made of, with sigma = u / 2 k_B T and delta = v / 2 k_B T."""

    small: Bool[Array, "*k"]
    """Whether delta^2 is small: then the series in `delta2` are used, else the exponentials and `delta`."""
    delta2: Energy
    delta: Energy
    x_minus: Energy
    x_plus: Energy
    scale: Energy
    """exp(-sigma)."""


def _exponentials(x: Branches, kT: Float[Array, ""]) -> _Exponentials:
    """All are entire in delta^2: the series keep them so at delta = 0, where a square root would have no derivative, and the
    exponentials take over where cosh alone would overflow."""
    sigma, delta2 = x.u / (2 * kT), x.v2 / (4 * kT**2)
    small = delta2 < _SMALL
    delta = jnp.sqrt(jnp.where(small, _SMALL, delta2))
    # E_- = q / E_+: as the difference sigma - delta it would be rounding where the state is nearly gapless and T is near 0.
    E_plus = x.u / 2 + kT * delta
    x_minus, x_plus, scale = barrier((jnp.exp(-x.q / (E_plus * kT)), jnp.exp(-E_plus / kT), jnp.exp(-sigma)))
    return _Exponentials(small, jnp.where(small, delta2, 0.0), delta, x_minus, x_plus, scale)


def _thermal(e: _Exponentials, kT: Float[Array, ""]) -> tuple[Energy, Energy]:
    r"""x_- + x_+ = 2 e^{-sigma} cosh(delta) and H = (x_- - x_+)/v = e^{-sigma} sinh(delta) / (delta k_B T)."""
    cosh = jnp.where(e.small, 2 * e.scale * _even_series(e.delta2, 0), e.x_minus + e.x_plus)
    H = jnp.where(e.small, e.scale * _even_series(e.delta2, 1), (e.x_minus - e.x_plus) / (2 * e.delta)) / kT
    return cosh, H


def _thermal_slope(e: _Exponentials, kT: Float[Array, ""]) -> Energy:
    """dH/d(v^2) = e^{-sigma} (cosh(delta) - sinh(delta)/delta) / (8 delta^2 (k_B T)^3)."""
    series = jnp.zeros_like(e.delta2)
    for k in range(10, 0, -1):
        series = k / math.factorial(2 * k + 1) + e.delta2 * series
    away = (e.x_minus + e.x_plus - (e.x_minus - e.x_plus) / e.delta) / (4 * e.delta**2)
    return jnp.where(e.small, e.scale * series, away) / (4 * kT**3)


def _even_series(z: Energy, odd: int) -> Energy:
    """cosh(sqrt z) (odd = 0) or sinh(sqrt z)/sqrt z (odd = 1) for z < 1, by Horner's rule."""
    total = jnp.ones_like(z)
    for k in range(9, 0, -1):
        total = 1 + z / ((2 * k) * (2 * k - 1 + 2 * odd)) * total
    return total


@jax.custom_jvp
def safe_sqrt(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """sqrt(x), 0 for negative x, with derivative 0, not infinity, at x = 0; NaN stays NaN."""
    return jnp.sqrt(jnp.where(x < 0, 0.0, x))


@safe_sqrt.defjvp
def _safe_sqrt_jvp(
    primals: tuple[Float[Array, "*s"]], tangents: tuple[Float[Array, "*s"]]
) -> tuple[Float[Array, "*s"], Float[Array, "*s"]]:
    root = safe_sqrt(*primals)
    positive = root > 0
    return root, tangents[0] * jnp.where(positive, 0.5 / jnp.where(positive, root, 1.0), 0.0)


def _modulus_minus_real(modulus: Float[Array, "*s"], z: Inexact[Array, "*s"]) -> Float[Array, "*s"]:
    """|z| - Re z without cancellation where z is close to the positive real axis: (Im z)^2 / (|z| + Re z)."""
    aligned = jnp.real(z) > 0
    total = jnp.where(aligned, modulus + jnp.real(z), 1.0)
    return jnp.where(aligned, jnp.imag(z) ** 2 / total, modulus - jnp.real(z))


Peaks = tuple[Float[Array, "band *on"], Float[Array, "band *on"]]


def peaks(m: Float[Array, "band *on"], mu: Float[Array, "band *on"], Delta: Inexact[Array, "channel *on"]) -> Peaks:
    """Real and imaginary parts of the roots of det(kappa) = 0 of a cluster [meV]; where the integrands are sharp. Of many at
    once, elements last.

    (kappa - m_1 (mu_1 - i Delta_1)) (kappa - m_2 (mu_2 - i Delta_2)) + m_1 m_2 Delta_3^2 = 0 for real amplitudes. For complex
    ones det is a quartic that does not factorise.
    """
    Delta = jax.lax.stop_gradient(Delta)
    if jnp.iscomplexobj(Delta):
        return _peaks_of_complex(m, mu, Delta)
    real, imag = _roots_of_real(m, mu, Delta)
    return real, jnp.abs(imag)


def _roots_of_real(m: Float[Array, "band *on"], mu: Float[Array, "band *on"], Delta: Float[Array, "channel *on"]) -> Peaks:
    """Real and imaginary parts, in real arithmetic: XLA's complex square root is slow, and not vectorised in a batch."""
    real, imag = m * mu, -m * Delta[: len(m)]
    if len(m) == 1:
        return real, imag
    # half = sqrt(((alpha_1 - alpha_2) / 2)^2 - m_1 m_2 Delta_3^2), alpha = m (mu - i Delta)
    a, b = (real[0] - real[1]) / 2, (imag[0] - imag[1]) / 2
    square, twice = a * a - b * b - m[0] * m[1] * Delta[2] ** 2, 2 * a * b
    large = jnp.sqrt((jnp.sqrt(square * square + twice * twice) + jnp.abs(square)) / 2)
    small = twice / (2 * jnp.where(large > 0, large, 1.0))
    half_real, half_imag = jnp.where(square >= 0, large, small), jnp.where(square >= 0, small, large)
    middle_real, middle_imag = (real[0] + real[1]) / 2, (imag[0] + imag[1]) / 2
    ends = [(middle + half, middle - half) for middle, half in ((middle_real, half_real), (middle_imag, half_imag))]
    return jnp.stack(ends[0]), jnp.stack(ends[1])


_DURAND_KERNER_STEPS = 16
"""Simple roots take about 8 steps; a nearly double one, which takes more, lies as well for its purpose after 16."""


def _peaks_of_complex(m: Float[Array, "band *on"], mu: Float[Array, "band *on"], Delta: Complex[Array, "channel *on"]) -> Peaks:
    """The two roots of the quartic in the upper half plane, by simultaneous (Durand-Kerner) iteration from those of real
    amplitudes of the same moduli; the other two are their conjugates."""
    moduli = jnp.abs(Delta)
    real, imag = _roots_of_real(m, mu, moduli)
    if len(m) == 1:
        return real, jnp.abs(imag)
    size = jnp.mean(jnp.abs(m), axis=0) * jnp.sqrt(jnp.sum(moduli**2, axis=0))
    offset = jnp.where(size > 0, size, 1.0)
    right, up = (np.array(shift).reshape(2, *[1] * offset.ndim) for shift in ((0.1, -0.07), (0.3, 0.2)))
    above = real + offset * right + 1j * (jnp.abs(imag) + offset * up)
    overlap = 2 * jnp.real(Delta[2] ** 2 * jnp.conj(Delta[0] * Delta[1]))
    s1, s2, s3 = moduli**2

    def improve(_: object, z: Complex[Array, "2 *on"]) -> Complex[Array, "2 *on"]:
        zeta1, zeta2 = z / m[0] - mu[0], z / m[1] - mu[1]
        det = (zeta1 * zeta2 + s3) ** 2 + s1 * s2 + zeta1**2 * s2 + zeta2**2 * s1 - overlap
        others = (z - z[::-1]) * (z - jnp.conj(z)) * (z - jnp.conj(z[::-1]))
        step = det * (m[0] * m[1]) ** 2 / jnp.where(others == 0, 1.0, others)
        return z - jnp.where(jnp.isfinite(step), step, 0.0)

    z = jax.lax.fori_loop(0, _DURAND_KERNER_STEPS, improve, above, unroll=4)
    # Of the normal state they are double and real; the iteration needs them apart.
    return jnp.where(size > 0, z.real, real), jnp.where(size > 0, jnp.abs(z.imag), 0.0)
