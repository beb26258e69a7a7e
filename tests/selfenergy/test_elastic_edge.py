"""Where spectra of disordered states begin: Abrikosov and Gor'kov's edge, the density of states, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from disordered import EFREMOV, S, one_band, two_bands

from jaxgap.solving.dressed import DressedState

DELTA = 1.5
MIXED = {"u": [[0.3, 0.7], [0.7, 0.1]], "J": [[0.1, 0.2], [0.2, 0.4]]}
LAM = 0.1 * np.eye(3)
CLOSED = 1e-4
"""Of Delta: up to there an edge counts as nothing (`elastic_edge.GAPLESS`)."""


@jax.jit
def edges(sc, pairing):
    return DressedState(sc, jnp.asarray(1.0), pairing).edges()


def spins(a):
    """alpha = a Delta."""
    return one_band(a * DELTA / (2 * np.pi * 0.2**2), J=0.2)


@pytest.mark.parametrize("a", [1e-6, 0.1, 0.5, 0.9, 0.99])
def test_abrikosov_and_gorkov(a):
    expected = DELTA * (1 - a ** (2 / 3)) ** 1.5
    assert float(edges(spins(a), jnp.array([DELTA]))[0]) == pytest.approx(expected, abs=1e-12 * DELTA)


def test_a_gapless_state_has_none():
    assert float(edges(spins(1.2), jnp.array([DELTA]))[0]) == 0


@pytest.mark.parametrize("ratio", [1 - 1e-5, 1.0, 1 + 1e-5])
def test_where_the_gap_closes_it_is_nothing(ratio):
    """Iterations crawl there, and the self-energy is followed down from above."""
    assert float(edges(spins(ratio), jnp.array([DELTA]))[0]) < CLOSED * DELTA


@pytest.mark.slow
def test_a_gap_closes_and_opens_again_with_the_order_parameter():
    """Of s+- on its way to s++ under scattering between the bands, at a point that was not found once."""
    sc, there = two_bands(EFREMOV, 0.16, S["s1"]), np.array([3.85958842, -0.4466089])
    below, at, above = (float(edges(sc, jnp.asarray(share * there))[0]) for share in (0.95, 1.0, 1.35))
    assert at == 0
    assert 1e-3 < below < above < 0.05


@pytest.mark.parametrize("density", [0.0, 1.0, 100.0])
def test_charges_leave_the_gap_of_one_band(density):
    assert float(edges(one_band(density, u=0.2), jnp.array([DELTA]))[0]) == pytest.approx(DELTA, rel=1e-11)


def test_the_normal_state_has_none():
    assert float(edges(one_band(1.0, u=0.2), jnp.array([0.0]))[0]) == 0


@pytest.mark.slow
def test_bands_that_nothing_links_have_their_own():
    lam = 0.1 * np.eye(2)
    for density, u, expected in ((1.0, S["s3"], (6.0, 4.0)), (0.0, S["s1"], (6.0, 4.0))):
        np.testing.assert_allclose(edges(two_bands(lam, density, u), jnp.array([6.0, -4.0])), expected, rtol=1e-11)
    both = edges(two_bands(lam, 0.1, S["s1"]), jnp.array([6.0, -4.0]))
    assert float(both[0]) == pytest.approx(float(both[1]), rel=1e-12)
    assert float(both[1]) < 4


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "masses"), [("Born", (1.0, 1.0)), ("T-matrix", (1.0, 2.0))])
def test_the_density_of_states_begins_there_and_derivatives(kind, masses):
    """Against the density of states on either side, and central differences, of two cross-paired bands."""
    pairing = jnp.array([6.0, 4.0, 3.0])
    sc = two_bands(LAM, 0.3, **MIXED, d=10.0, kind=kind, masses=masses)
    edge = float(edges(sc, pairing)[0])
    state = DressedState(sc, jnp.asarray(1.0), pairing)
    below, above = np.sum(jax.jit(DressedState.density_of_states_at)(state, edge * jnp.array([0.999, 1.001])), axis=1)
    assert below < 1e-3 < 1e-2 < above

    paths = ("disorder.density", "disorder.u[a, b]", "disorder.u[a, a]", "disorder.J[b, b]")

    def of(values, D):
        return edges(sc.set(dict(zip(paths, values, strict=True))), D)[1]

    values = jnp.stack([sc.get(path) for path in paths])
    slopes = jax.grad(of, (0, 1))(values, pairing)
    h = 1e-4
    for k, (found, x) in enumerate(zip(slopes, (values, pairing), strict=True)):
        for j in range(len(x)):
            moved = [(*(values, pairing)[:k], x.at[j].add(sign * h), *(values, pairing)[k + 1 :]) for sign in (1, -1)]
            up, down = (float(of(*arguments)) for arguments in moved)
            assert float(found[j]) == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6)


@pytest.mark.slow
def test_second_derivatives_are_not_silently_wrong():
    assert np.isnan(jax.hessian(lambda D: edges(spins(0.5), D)[0])(jnp.array([DELTA]))).all()
