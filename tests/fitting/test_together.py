"""Many fits in batched programs end where they end one by one."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap.fitting import bootstrap, fit, load_fit, load_result
from jaxgap.fitting.density import Density
from jaxgap.fitting.minimise import minimised
from jaxgap.fitting.problem import problem
from jaxgap.fitting.sampler import _evaluated
from jaxgap.fitting.search import _joint_of_each
from jaxgap.fitting.states import _each_followed_to
from jaxgap.fitting.together import _nested, at_once, minimised_together
from jaxgap.numerics.cutting import CPU, for_gpu, forced

FITS = Path(__file__).parents[2] / "fits"
TOGETHER = CPU._replace(fits=8)
N = 60
TIMES = np.linspace(0.0, 3.0, 12)
BOUNDS = np.array([0.1, 0.05, -1.0]), np.array([5.0, 4.0, 1.0])
SCALE = BOUNDS[1] - BOUNDS[0]
WITHIN = 1e-7
"""Standard deviations from the minimum at which least squares ends."""


def _decays(rng):
    """(readings, starts) of a exp(-b t) + c, some with c beyond its bound."""
    truth = np.stack([rng.uniform(1, 4, N), rng.uniform(0.3, 2, N), rng.uniform(-0.5, 1.6, N)], axis=-1)
    y = truth[:, :1] * np.exp(-truth[:, 1:2] * TIMES) + truth[:, 2:] + 0.02 * rng.normal(size=(N, len(TIMES)))
    return y, rng.uniform(*BOUNDS, size=(N, 3))


def _residuals(x, y):
    falling = np.exp(-x[..., 1:2] * TIMES)
    J = np.stack([falling, -x[..., :1] * TIMES * falling, np.ones_like(falling)], axis=-1)
    return (x[..., :1] * falling + x[..., 2:] - y) / 0.02, J / 0.02


def test_least_squares_of_rows_ends_where_that_of_each_does():
    y, x = _decays(np.random.default_rng(4))
    end = minimised_together(lambda rows, at: _residuals(at, y[rows]), x, BOUNDS, SCALE, WITHIN, 200)
    alone = [minimised(lambda at, i=i: _residuals(at, y[i]), x[i], BOUNDS, SCALE, WITHIN, 200) for i in range(N)]
    assert np.all(end.evaluations < 60)
    assert np.all((BOUNDS[0] <= end.x) & (end.x <= BOUNDS[1]))
    best = 2 * np.array([one.cost for one in alone])
    same = np.isclose(end.chi2, best, rtol=1e-6)
    # The trust regions are two: where there are several minima, either may end in the better one.
    assert np.mean(same | (end.chi2 < best)) > 0.9
    np.testing.assert_allclose(end.x[same], np.stack([one.x for one in alone])[same], atol=2e-6)
    assert np.any(end.x[:, 2] == BOUNDS[1][2])


def test_rows_do_not_know_of_each_other():
    y, x = _decays(np.random.default_rng(5))
    end = minimised_together(lambda rows, at: _residuals(at, y[rows]), x, BOUNDS, SCALE, WITHIN, 200)
    some = np.array([3, 17, 40])
    alone = minimised_together(lambda rows, at: _residuals(at, y[some][rows]), x[some], BOUNDS, SCALE, WITHIN, 200)
    np.testing.assert_array_equal(alone.evaluations, end.evaluations[some])
    np.testing.assert_allclose(alone.x, end.x[some], rtol=1e-12)


def test_a_row_without_a_model_ends_at_its_start_and_a_step_to_nowhere_is_shortened():
    y, x = _decays(np.random.default_rng(6))

    def evaluate(rows, at):
        r, J = _residuals(at, y[rows])
        nowhere = (at[:, :1] < 0.4) | (rows[:, None] == 5)
        return np.where(nowhere, np.nan, r), J

    x[:, 0] = np.maximum(x[:, 0], 0.5)
    end = minimised_together(evaluate, x, BOUNDS, SCALE, WITHIN, 200)
    assert (end.chi2[5], end.evaluations[5]) == (np.inf, 1)
    np.testing.assert_array_equal(end.x[5], x[5])
    assert np.isfinite(np.delete(end.chi2, 5)).all()
    assert (end.x[:, 0] >= 0.4).all()


def test_curves_and_few_fits_do_not_go_together():
    def of(name):
        config, _, data = load_fit(FITS / name)
        return problem(config, config.systems(load_fit(FITS / name)[1]), data)

    numbers, curves = of("ba0.6k0.4fe2as2"), of("synthetic_heat_and_musr")
    assert not at_once(numbers, 16)
    with forced(for_gpu(2**30)):
        assert at_once(numbers, 16)
        assert not at_once(curves, 4096)


@pytest.mark.slow
def test_no_library_is_called_in_a_batched_fit():
    config, sc, data = load_fit(FITS / "mgb2")
    p = problem(config, config.systems(sc), data)
    k, T, n, rows = len(p.names), len(p.T), len(sc.channels), len(p.rows)

    def calls(program, *shapes):
        given = [jax.ShapeDtypeStruct((32, *shape), jnp.float64) for shape in shapes]
        with forced(for_gpu(2**30)):
            text = jax.jit(program).trace(*given).lower(lowering_platforms=("cuda",)).as_text()
        return set(re.findall(r"custom_call @([\w$.]+)", text))

    d = Density(p, jnp.zeros(k), jnp.zeros((T, n)), jnp.zeros((T, n, k)))
    allowed = {"__gpu$xla.gpu.triton"}
    assert calls(lambda *given: _nested(p, *given), (k,), (T, n), (rows,), (k,)) <= allowed
    assert calls(lambda *given: _joint_of_each(p, *given), (k,), (T, n)) <= allowed
    assert calls(lambda *given: _each_followed_to(p, *given), (k,), (T, n), (T,)) <= allowed
    assert calls(lambda u: _evaluated(d, u), (k,)) <= allowed


@pytest.mark.slow
def test_a_bootstrap():
    """The same sets to the fit's tolerance."""
    result = load_result(FITS / "ba0.6k0.4fe2as2")
    one_by_one = bootstrap(result, sets=12, seed=2)
    with forced(TOGETHER):
        together = bootstrap(result, sets=12, seed=2)
    assert together.lost == one_by_one.lost == 0
    np.testing.assert_allclose(together.values, one_by_one.values, rtol=1e-6)


@pytest.mark.parametrize("name", ["ba0.6k0.4fe2as2", "synthetic_two_samples"])
def test_a_fit(name):
    """The same optimum as one by one, from as many starts."""
    config, sc, data = load_fit(FITS / name)
    alone = load_result(FITS / name)
    with forced(TOGETHER):
        found = fit(config, sc, data)
    assert found.chi2 == pytest.approx(alone.chi2, abs=1e-6)
    np.testing.assert_allclose(found.value, alone.value, atol=1e-5 * np.max(alone.uncertainty))
    np.testing.assert_allclose(found.uncertainty, alone.uncertainty, rtol=1e-4)
    # Searches by other steps may end in other valleys, but not many.
    assert found.start_converged.sum() >= alone.start_converged.sum() - 2
