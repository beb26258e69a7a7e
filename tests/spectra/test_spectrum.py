"""The closed forms of the spectrum against eigenvalues of the BdG matrix in 50 digits, above all where branches touch."""

import functools

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from problems import generator, one_band, scaled_error, system

from jaxgap.equations.linear import linear_kernel
from jaxgap.equations.pairing import gap_residual
from jaxgap.spectra import pair as spectrum

VALUE = 1e-12
"""Some ten operations in double precision, amplified by at most 1e3 where E_- << E_+."""
NEARLY_GAPLESS = 1e-9
"""det = (Delta_3^2 - Delta_1 Delta_2)^2 + ... with a difference of 1e-6 relative: 1e-16 / 1e-6, squared root and all."""
FIRST = 1e-10
"""First derivatives, relative to the largest of value and derivative in the natural unit."""
SECOND = 1e-9
"""Second derivatives: two more divisions by small numbers."""
WEIGHT = 1e-10
"""Eigenvectors of a 4 x 4 matrix whose levels are at least 1e-3 apart relative to their size."""

DIGITS = 50
COLD = 1e-30
"""k_B T [meV] that stands for T = 0 in jaxgap.equations.pairing."""


# === reference in 50 digits


def _mp_energies(x):
    """(E_+, E_-) from the eigenvalues of the 4 x 4 BdG matrix at x = (zeta_1, zeta_2, Delta_1, Delta_2, Delta_3)."""
    z1, z2, D1, D2, D3 = x
    H = mp.matrix([[z1, 0, D1, D3], [0, z2, D3, D2], [mp.conj(D1), mp.conj(D3), -z1, 0], [mp.conj(D3), mp.conj(D2), 0, -z2]])
    E = sorted(abs(e) for e in mp.eighe(H, eigvals_only=True))
    return (E[2] + E[3]) / 2, (E[0] + E[1]) / 2


def _mp_f(E2, kT):
    """f = tanh(E / 2 k_B T) / 2E as a function of E^2."""
    E = mp.sqrt(E2)
    return (mp.tanh(E / (2 * kT)) if kT > COLD else 1) / (2 * E)


def _mp_S(x, kT):
    return sum(_mp_f(E**2, kT) for E in _mp_energies(x))


def _mp_R(x, kT):
    plus, minus = (E**2 for E in _mp_energies(x))
    if plus - minus < mp.mpf(10) ** (-DIGITS // 3) * plus:
        return mp.diff(lambda E2: _mp_f(E2, kT), (plus + minus) / 2)
    return (_mp_f(plus, kT) - _mp_f(minus, kT)) / (plus - minus)


def _mp_log_sum(x, kT):
    return sum(E + (2 * kT * mp.log(1 + mp.exp(-E / kT)) if kT > COLD else 0) for E in _mp_energies(x))


MP = {"S": _mp_S, "R": _mp_R, "log_sum": _mp_log_sum}


# === what is tested, as functions of (zeta_1, zeta_2, Delta_1, Delta_2, Delta_3) as five numbers


def _arguments(x):
    return (x[0].real, x[1].real, x[2], x[3], x[4]) if jnp.iscomplexobj(x) else tuple(x)


def _sums(x, kT):
    branches = spectrum.branches(*_arguments(x))
    S, R = spectrum.pair_sums(branches, kT)
    return {"S": S, "R": R, "log_sum": spectrum.log_sum(branches, kT)}


def _along(t, x, direction, kT, name):
    return _sums(x + t * direction, kT)[name]


_value = jax.jit(_sums)
_first = jax.jit(jax.jacfwd(_along), static_argnames="name")
_second = jax.jit(jax.jacfwd(jax.jacrev(_along)), static_argnames="name")
_energies = jax.jit(lambda x: jnp.stack(spectrum.energies(*_arguments(x))))

GENERIC = {
    "real": np.array([2.0, -1.0, 6.0, 4.0, 1.5]),
    "opposite signs": np.array([2.0, 2.5, 6.0, -4.0, 1.5]),
    "complex": np.array([2.0, -1.0, 6.0, 4.0 + 1j, 1.5 - 2j]),
    "no cross amplitude": np.array([2.0, -1.0, 6.0, 4.0, 0.0]),
    "only cross amplitude": np.array([2.0, -1.0, 0.0, 0.0, 3.0]),
    "tiny amplitudes": np.array([2.0, 12.0, 1e-6, 2e-6, 1e-6]),
    "nearly touching": np.array([2.0, 2.0 + 1e-7, 5.0, -5.0, 1.0]),
}
TOUCHING = {
    "Delta_3 = 0, equal bands": np.array([1.5, 1.5, 4.0, 4.0, 0.0]),
    "Delta_3 = 0, eps_1 = eps_2": np.array([3.0, 4.0, 4.0, 3.0, 0.0]),
    "Delta_1 = -Delta_2": np.array([1.5, 1.5, 4.0, -4.0, 2.0]),
    "pure Delta_3": np.array([1.5, 1.5, 0.0, 0.0, 2.0]),
    "complex": np.array([1.5, 1.5, 4.0, 4.0, 2.0j]),
    "normal": np.array([1.5, 1.5, 0.0, 0.0, 0.0]),
}
DIRECTION = np.array([0.3, -0.5, 0.7, 0.4, -0.6])
COMPLEX_DIRECTION = np.array([0.3, -0.5, 0.7 + 0.2j, 0.4 - 0.5j, -0.6 + 0.3j])
THERMAL = [COLD, 0.05, 0.5, 3.0, 100.0]

points = pytest.mark.parametrize("x", [*GENERIC.values(), *TOUCHING.values()], ids=[*GENERIC, *TOUCHING])
touching = pytest.mark.parametrize("x", TOUCHING.values(), ids=TOUCHING.keys())
thermal = pytest.mark.parametrize("kT", THERMAL)


def _mp_point(x):
    """The same doubles, exactly."""
    return [mp.mpc(complex(v)) if np.iscomplexobj(x) else mp.mpf(float(v)) for v in x]


@functools.cache
def _mp_derivatives(name, x, direction, kT):
    """Value, first and second derivative along the direction, from three points 1e-12 apart in 50 digits."""
    with mp.workdps(DIGITS):
        h = mp.mpf(10) ** -12
        low, middle, high = (
            MP[name]([a + s * h * b for a, b in zip(_mp_point(np.array(x)), _mp_point(np.array(direction)), strict=True)], kT)
            for s in (-1, 0, 1)
        )
        return tuple(float(v) for v in (middle, (high - low) / (2 * h), (high - 2 * middle + low) / h**2))


@points
def test_energies(x):
    with mp.workdps(DIGITS):
        wanted = [float(E) for E in _mp_energies(_mp_point(x))]
    np.testing.assert_allclose(_energies(x), wanted, rtol=VALUE)


def _assert_values(x, kT, tolerance):
    """S, R and the sum of logarithms against 50 digits. R enters as Delta S + R (energies squared): what counts is its error
    relative to R or to S / E_+^2, whichever is larger. (For k_B T >> E_+ it is a small difference of larger numbers.)"""
    with mp.workdps(DIGITS):
        wanted = {name: float(formula(_mp_point(x), mp.mpf(kT))) for name, formula in MP.items()}
        E_plus = float(_mp_energies(_mp_point(x))[0])
    scale = {name: abs(value) for name, value in wanted.items()}
    scale["R"] = max(scale["R"], scale["S"] / E_plus**2)
    for name, value in _value(x, kT).items():
        assert abs(float(value) - wanted[name]) < tolerance * scale[name], name


@points
@thermal
def test_values(x, kT):
    _assert_values(x, kT, VALUE)


@touching
@thermal
@pytest.mark.parametrize("offset", [0.0, 1e-9, 1e-4])
@pytest.mark.parametrize("name", MP)
def test_derivatives_where_branches_touch(x, kT, offset, name):
    """At b = 0 and near it S, R and the sum of logarithms are smooth, although neither branch is."""
    direction = COMPLEX_DIRECTION if np.iscomplexobj(x) else DIRECTION
    x = x + offset * direction * np.array([1, -1, 1, 1, -1])
    value, first, second = _mp_derivatives(name, tuple(x), tuple(direction), kT)
    arguments = (0.0, x, direction, kT)
    scale = max(abs(value), abs(first), abs(second))
    assert abs(float(_first(*arguments, name=name)) - first) < FIRST * scale
    assert abs(float(_second(*arguments, name=name)) - second) < SECOND * scale


def test_derivatives_can_be_wrong():
    """The reference derivative of E_+ + E_- with a kink is not what comes out of the smooth S: the check has teeth."""
    x = TOUCHING["Delta_1 = -Delta_2"]
    _, first, second = _mp_derivatives("S", tuple(x), tuple(DIRECTION), 0.5)
    _, first_there, second_there = _mp_derivatives("S", tuple(x + 1e-3), tuple(DIRECTION), 0.5)
    assert abs(first - first_there) > 1e3 * FIRST * abs(first)
    assert abs(second - second_there) > 1e3 * SECOND * abs(second)


@pytest.mark.parametrize("zeta", [0.0, 1e-9, 1e-4])
@thermal
def test_nearly_gapless(zeta, kT):
    """Delta_3^2 = Delta_1 Delta_2 (1 + 1e-6), at and near the Fermi line: E_- is some 1e-6 of E_+."""
    x = np.array([zeta, zeta, 6.0, 1.5, 3.0 * np.sqrt(1 + 1e-6)])
    with mp.workdps(DIGITS):
        E = [float(e) for e in _mp_energies(_mp_point(x))]
    assert E[1] < 2e-4 * E[0]
    np.testing.assert_allclose(_energies(x), E, rtol=NEARLY_GAPLESS)
    _assert_values(x, kT, NEARLY_GAPLESS)


def test_exactly_gapless_at_zero_temperature_is_finite():
    """Where E_- is of the order of rounding, E_-/k_B T must not be the difference of two numbers of order E_+/k_B T."""
    D1, D2 = np.cos(0.5) ** 2, np.sin(0.5) ** 2
    for k in range(40):
        D = (4.9 + k * 1e-3) * np.array([D1, D2, np.sqrt(D1 * D2)])
        for name, value in _value(np.array([0.0, 0.0, *D]), COLD).items():
            assert np.isfinite(value), (name, k)


@pytest.mark.parametrize("seed", range(20))
def test_random_spectra(seed):
    """Determinant, splitting, energies and weights at random energies and complex amplitudes against numpy."""
    rng = generator(200 + seed)
    zeta = rng.normal(size=2) * 5
    D = 10 ** rng.uniform(-1, 1, 3) * np.exp(2j * np.pi * rng.uniform(size=3))
    matrix = np.array([[D[0], D[2]], [D[2], D[1]]])
    E, U = np.linalg.eigh(np.asarray(spectrum.bdg_matrix(jnp.asarray(zeta), jnp.asarray(matrix))))
    minus, plus = E[2:]
    x = (*jnp.asarray(zeta), *jnp.asarray(D))
    np.testing.assert_allclose(spectrum.energies(*x), [plus, minus], rtol=1e3 * VALUE)
    np.testing.assert_allclose(spectrum.determinant(*x), (plus * minus) ** 2, rtol=1e3 * VALUE)
    np.testing.assert_allclose(spectrum.splitting(*x), (plus**2 - minus**2) ** 2, rtol=1e3 * VALUE)
    weight = abs(U[0, 3]) ** 2 + abs(U[2, 3]) ** 2
    np.testing.assert_allclose(spectrum.band_weights(*x), weight, rtol=0, atol=WEIGHT)


def test_bdg_spectrum_is_symmetric_and_of_the_stated_form():
    H = np.asarray(spectrum.bdg_matrix(jnp.array([2.0, -1.0]), jnp.array([[1.0, 2j], [2j, 3.0]])))
    np.testing.assert_array_equal(H, H.conj().T)
    E = np.linalg.eigvalsh(H)
    np.testing.assert_allclose(E, -E[::-1], rtol=VALUE)


@pytest.mark.parametrize("Delta", [np.array([3.0, 2.0, 1.0]), np.array([0.3, -0.2, 5.0]), np.array([0.0, 0.0, 2.0])])
@pytest.mark.parametrize(
    ("m", "mu"), [((1.0, 1.0), (200.0, 200.0)), ((1.0, 1.2), (200.0, 190.0)), ((1.0, -1.0), (60.0, -55.0))]
)
def test_peaks_are_roots_of_the_determinant(Delta, m, mu):
    centre, width = spectrum.peaks(jnp.array(m), jnp.array(mu), jnp.asarray(Delta))
    for kappa in (np.asarray(centre) + 1j * np.asarray(width)).tolist():
        either = []
        for root in (kappa, np.conj(kappa)):
            z1, z2 = root / m[0] - mu[0], root / m[1] - mu[1]
            det = (z1 * z2 - Delta[0] * Delta[1] + Delta[2] ** 2) ** 2 + (z1 * Delta[1] + z2 * Delta[0]) ** 2
            either.append(abs(det))
        assert min(either) < 1e-9 * np.sum(Delta**2) ** 2


# === the normal state


@pytest.mark.parametrize("mu", [(200.0, 200.0), (200.0, 190.0)])
def test_peaks_of_vanishing_complex_amplitudes_are_the_fermi_momenta(mu):
    centre, width = spectrum.peaks(jnp.ones(2), jnp.array(mu), jnp.zeros(3, complex))
    np.testing.assert_array_equal(np.sort(centre), np.sort(mu))
    np.testing.assert_array_equal(width, 0.0)


_jacobian = jax.jit(jax.jacfwd(gap_residual, argnums=1))
_curvature = jax.jit(jax.jacfwd(jax.jacfwd(gap_residual, argnums=1), argnums=1))
_kernel = jax.jit(linear_kernel)


@pytest.mark.parametrize("T", [0.0, 5.0])
@pytest.mark.parametrize("d", [0.0, 7.0])
def test_normal_state_has_a_finite_jacobian(T, d):
    """Delta = 0, where b = 0 everywhere if d = 0: T_c and the stability of the normal state live there.

    At T = 0 the Cooper logarithm diverges and only the narrowest panel keeps it finite: no value is tested there.
    """
    sc, zero = system(0.3 * np.eye(3) + 0.02, [200.0, 200.0 + d]), jnp.zeros(3)
    M = np.asarray(_jacobian(sc, zero, jnp.asarray(T)))
    assert np.isfinite(M).all()
    assert np.isfinite(_curvature(sc, zero, jnp.asarray(T))).all()
    if T > 0:
        K = np.asarray(_kernel(sc, jnp.asarray(T)))
        assert scaled_error(M, np.eye(3) - np.asarray(sc.lam) * K[None, :]) < FIRST


def test_normal_state_of_one_band_has_a_finite_jacobian():
    M = _jacobian(one_band(), jnp.zeros(1), jnp.asarray(5.0))
    assert scaled_error(M[0], 1 - 0.3 * np.asarray(_kernel(one_band(), jnp.asarray(5.0)))) < FIRST
