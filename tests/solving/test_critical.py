"""T_c,lin where eigenvalues of lambda K meet: defective, complex, or equal. Against mpmath, and numpy on a dense grid."""

import functools
import itertools

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from problems import generator, one_band, relative_error, stacked, system

from jaxgap import TransitionKind, critical_temperature, transition
from jaxgap.equations.linear import linear_kernel
from jaxgap.observables import specific_heat_jump
from jaxgap.solving.critical import linear_temperatures, onset
from jaxgap.units import k_B

SIMPLE = 1e-12
"""A simple eigenvalue: rounding, divided by the eigenvalue's slope in ln T."""
DEFECTIVE = 1e-7
"""Rounding in a defective eigenvalue is its square root, 1.5e-8, times some."""
TRIPLE = 1e-4
"""Here its third root, 6e-6, times some."""
OMEGA, DEPTH = 30.0, 12.0
"""The shell, and the bottom of a shallow band inside it [meV]."""


def _one_sided(a, T):
    """Integral of tanh(x / 2 k_B T) / 2x from 0 to a: half of K of a band that fills its shell on one side."""
    kT = mp.mpf(k_B) * T
    return mp.quad(lambda x: mp.tanh(x / (2 * kT)) / (2 * x), [0, min(kT, a / 4), min(5 * kT, a / 2), a])


def _temperature(eigenvalue_less_one, guess):
    """The root in T [K], by mpmath."""
    with mp.workdps(25):
        return float(mp.e ** mp.findroot(lambda t: eigenvalue_less_one(mp.e**t), (mp.log(guess), mp.log(1.1 * guess))))


@functools.cache
def deep(coupling):
    """T_c of one deep band: 2 lambda K_half = 1."""
    return _temperature(lambda T: 2 * mp.mpf(coupling) * _one_sided(OMEGA, T) - 1, 1.134 * OMEGA / k_B * np.exp(-1 / coupling))


def bands(lam, mus=None):
    lam = np.asarray(lam, float)
    return system(lam, [200.0] * len(lam) if mus is None else mus, cross=())


# === defective


@pytest.mark.parametrize("corner", [0.0, -1e-16, -1e-12, 1e-17])
@pytest.mark.slow
def test_a_double_eigenvalue_with_one_eigenvector(corner):
    """Rounding makes it a complex pair, or two real ones; it is one real T_c all the same, and has no derivative."""
    sc = bands([[0.3, 0.1], [corner, 0.3]])
    found = onset(sc)
    assert relative_error(found.T_c, deep(0.3)) < DEFECTIVE
    assert np.abs(np.asarray(found.direction) - [1.0, 0.0]).max() < DEFECTIVE
    assert (int(found.together), bool(found.differentiable), float(found.oscillatory)) == (1, False, 0.0)
    assert np.isnan(jax.grad(critical_temperature)(sc).Omega)
    assert linear_temperatures(sc) == pytest.approx((deep(0.3),), rel=DEFECTIVE)


@pytest.mark.parametrize("corner", [0.0, 1e-16, -1e-16])
@pytest.mark.slow
def test_a_triple_eigenvalue_with_one_eigenvector(corner):
    lam = [[0.3, 0.1, 0.05], [0.0, 0.3, 0.1], [corner, 0.0, 0.3]]
    found = onset(bands(lam))
    assert relative_error(found.T_c, deep(0.3)) < (SIMPLE if corner == 0 else TRIPLE)
    assert not bool(found.differentiable)


@pytest.mark.slow
def test_just_off_the_defective_one_it_is_simple_again():
    """lambda +- sqrt(.1 * 1e-8): T_c and its derivatives exist, those across the square root are large and right."""
    found = onset(bands([[0.3, 0.1], [1e-8, 0.3]]))
    wanted = deep(0.3 + np.sqrt(1e-9))
    assert relative_error(found.T_c, wanted) < DEFECTIVE
    slope = jax.grad(critical_temperature)(bands([[0.3, 0.1], [1e-8, 0.3]])).lam
    by_eigenvalue = jax.grad(lambda x: critical_temperature(one_band(x)))(0.3 + np.sqrt(1e-9))
    assert relative_error(slope[1, 0], by_eigenvalue * np.sqrt(0.1 / 1e-8) / 2) < 1e-5
    assert relative_error(slope[0, 0], by_eigenvalue / 2) < 1e-5


@pytest.mark.slow
def test_different_bands_in_a_triangular_matrix_are_simple():
    """Three bands, one of them shallow (its K is another function of T): each couples to itself, and the highest T_c counts."""
    lam = [[0.3, 0.1, 0.2], [0.0, 0.36, 0.1], [0.0, 0.0, 0.25]]
    sc = bands(lam, [200.0, DEPTH, 200.0])
    shallow = _temperature(lambda T: mp.mpf(0.36) * (_one_sided(OMEGA, T) + _one_sided(DEPTH, T)) - 1, 15.0)
    assert relative_error(critical_temperature(sc), max(shallow, deep(0.3))) < SIMPLE
    wanted = sorted((shallow, deep(0.3), deep(0.25)), reverse=True)
    assert linear_temperatures(sc) == pytest.approx(wanted, rel=SIMPLE)


# === complex


@pytest.mark.slow
def test_a_complex_pair_is_an_oscillation():
    """.3 +- .2i: the normal state is unstable below the T_c of .3, and no static state branches off."""
    sc = bands([[0.3, 0.2], [-0.2, 0.3]])
    found = onset(sc)
    assert (float(found.T_c), int(found.together), bool(found.differentiable)) == (0.0, 0, False)
    assert relative_error(found.oscillatory, deep(0.3)) < SIMPLE
    assert linear_temperatures(sc) == ()


def test_a_real_eigenvalue_below_a_complex_pair():
    lam = np.zeros((3, 3))
    lam[:2, :2] = [[0.3, 0.2], [-0.2, 0.3]]
    lam[2, 2] = 0.25
    found = onset(bands(lam))
    assert relative_error(found.T_c, deep(0.25)) < SIMPLE
    assert relative_error(found.oscillatory, deep(0.3)) < SIMPLE
    assert bool(found.differentiable)
    # Above a complex pair a real one is the first, and nothing else is told.
    lam[2, 2] = 0.35
    found = onset(bands(lam))
    assert relative_error(found.T_c, deep(0.35)) < SIMPLE
    assert float(found.oscillatory) == 0.0


@pytest.mark.slow
def test_a_transition_that_is_an_oscillation_says_so():
    found = transition(bands([[0.3, 0.2], [-0.2, 0.3]]))
    assert (found.kind, found.T_c, found.linear) == (TransitionKind.OSCILLATORY, 0.0, ())
    assert found.oscillatory == pytest.approx(deep(0.3), rel=SIMPLE)


@pytest.mark.slow
def test_a_defective_transition_is_continuous():
    found = transition(bands([[0.3, 0.1], [0.0, 0.3]]))
    assert found.kind == TransitionKind.CONTINUOUS
    assert found.T_c == pytest.approx(deep(0.3), rel=DEFECTIVE)


def _random():
    """Couplings without any balance, of cross-paired bands at a distance (K_3 is not monotonic in T), one of them shallow."""
    rng = generator(31)
    for _ in range(20):
        lam = np.diag([*rng.uniform(0.15, 0.4, 2), rng.uniform(0.1, 0.3)]) + rng.uniform(-0.4, 0.4, (3, 3)) * (1 - np.eye(3))
        yield system(lam, [rng.uniform(8.0, 40.0), 60.0], [1.0, rng.uniform(0.5, 1.5)])


@pytest.mark.slow
def test_random_couplings_against_all_eigenvalues_on_a_grid():
    """The first crossing from above that is real is T_c, that of a complex pair before it the oscillation."""
    kernel = jax.jit(jax.vmap(linear_kernel, in_axes=(None, 0)))
    kinds = set()
    for sc in _random():
        found = onset(sc)
        top = 1.2 * max(float(found.T_c), float(found.oscillatory), 1.0)
        T = np.geomspace(top, top * 1e-2, 600)
        mu = np.linalg.eigvals(np.asarray(sc.lam) * np.asarray(kernel(sc, jnp.asarray(T)))[:, None, :])
        above = np.sum(mu.real > 1, axis=1)
        wanted = {"T_c": 0.0, "oscillatory": 0.0}
        for k in np.flatnonzero(np.diff(above)):
            near = mu[k][np.argmin(np.abs(mu[k].real - 1))]
            if abs(near.imag) < 1e-6:
                wanted["T_c"] = np.sqrt(T[k] * T[k + 1])
                break
            wanted["oscillatory"] = wanted["oscillatory"] or np.sqrt(T[k] * T[k + 1])
        kinds.add(tuple(value > 0 for value in wanted.values()))
        for name, value in wanted.items():
            got = float(getattr(found, name))
            if value == 0:
                assert got < 1e-2 * top
            else:
                assert got == pytest.approx(value, rel=5e-3)
    assert {(True, False), (False, True)} <= kinds


# === equal


@pytest.mark.slow
def test_equal_bands_have_the_derivative_of_their_mean():
    """Along one tied coupling it is that of one band; to a single coupling the mean of both sides; to what couples them none,
    since the two split symmetrically."""
    slope = jax.grad(critical_temperature)(bands([[0.3, 0.0], [0.0, 0.3]]))
    one = jax.grad(critical_temperature)(one_band(0.3))
    np.testing.assert_allclose(slope.lam, float(one.lam[0, 0]) / 2 * np.eye(2), rtol=SIMPLE, atol=SIMPLE)
    assert relative_error(slope.Omega, one.Omega) < SIMPLE


@pytest.mark.slow
def test_a_tied_coupling_of_equal_bands_is_that_of_one_to_second_order():
    tied = lambda x: critical_temperature(bands([[0.3, 0.0], [0.0, 0.3]]).set({"lam[a, a]": x, "lam[b, b]": x}))  # noqa: E731
    alone = lambda x: critical_temperature(one_band(x))  # noqa: E731
    assert relative_error(jax.grad(tied)(0.3), jax.grad(alone)(0.3)) < SIMPLE
    assert relative_error(jax.jacfwd(tied)(0.3), jax.grad(alone)(0.3)) < SIMPLE
    assert relative_error(jax.grad(jax.grad(tied))(0.3), jax.grad(jax.grad(alone))(0.3)) < 1e-10


@pytest.mark.slow
def test_equal_bands_in_any_basis():
    """Three channels, two of them critical together in a plane that is none of the axes, without detailed balance."""
    S = np.array([[1.0, 0.3, -0.2], [0.1, 1.0, 0.4], [0.3, -0.1, 1.0]])
    lam = S @ np.diag([0.3, 0.3, 0.2]) @ np.linalg.inv(S)
    found, slope = onset(bands(lam)), jax.grad(critical_temperature)(bands(lam))
    assert relative_error(found.T_c, deep(0.3)) < SIMPLE
    assert (int(found.together), bool(found.differentiable)) == (2, True)
    P = S @ np.diag([1.0, 1.0, 0.0]) @ np.linalg.inv(S)
    one = float(jax.grad(critical_temperature)(one_band(0.3)).lam[0, 0])
    np.testing.assert_allclose(slope.lam, one / 2 * P.T, rtol=1e-10, atol=1e-10)


@pytest.mark.slow
def test_three_bands_in_a_batch():
    """The batched T_c has the same value and derivative, whether systems become critical together, nearly so, or alone, and
    where an eigenvalue is defective or complex."""
    lam = [0.3 * np.eye(3) + np.diag([0.0, 0.0, gap]) for gap in (0.0, 1e-12, 1e-7, 1e-3)]
    lam += [np.array([[0.3, x, 0.0], [y, 0.3, 0.0], [0.0, 0.0, 0.05]]) for x, y in ((0.1, 0.0), (0.1, -1e-16), (0.2, -0.2))]
    systems = stacked([bands(part) for part in lam])
    one = jax.grad(critical_temperature)(one_band(0.3))
    for T_c in (critical_temperature,):
        values, slopes = jax.jit(jax.vmap(jax.value_and_grad(lambda sc, T_c=T_c: T_c(sc))))(systems)
        assert relative_error(values[:2], np.full(2, deep(0.3))) < 1e-10
        np.testing.assert_allclose(slopes.lam[0], float(one.lam[0, 0]) / 3 * np.eye(3), rtol=SIMPLE, atol=SIMPLE)
        np.testing.assert_allclose(slopes.Omega[:3], float(one.Omega), rtol=1e-5)
        assert relative_error(values[4:6], np.full(2, deep(0.3))) < DEFECTIVE
        assert values[6] == pytest.approx(deep(0.05), rel=1e-5)  # So far below the shell the quadrature of K leaves 7e-7.
        assert np.isnan(np.asarray(slopes.Omega[4:6])).all()
        for k in (2, 3):
            np.testing.assert_allclose(slopes.lam[k, :2, :2], 0.0, atol=SIMPLE)


@pytest.mark.slow
def test_specific_heat_of_equal_bands_is_that_of_one():
    jump = float(specific_heat_jump(one_band(0.3)))
    assert float(specific_heat_jump(bands(0.3 * np.eye(2)))) == pytest.approx(jump, rel=1e-9)
    assert np.isnan(float(specific_heat_jump(bands([[0.3, 0.1], [0.0, 0.3]]))))


@pytest.mark.slow
def test_roots_of_bands_one_by_one():
    """Three crossings, two of them within one step of the scan."""
    couplings = (0.4, 0.3, 0.3003)
    wanted = sorted(map(deep, couplings), reverse=True)
    found = linear_temperatures(bands(np.diag(couplings)))
    assert found == pytest.approx(wanted, rel=SIMPLE)
    assert all(above > below for above, below in itertools.pairwise(found))
