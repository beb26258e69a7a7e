"""tanh and its divided differences against many digits."""

import itertools

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from jaxgap.numerics.hyperbolic import (
    TOGETHER,
    log_cosh,
    second_difference,
    slope_difference,
    tanh_difference,
    tanh_over,
    third_difference,
)

DIGITS = 500
POINTS = (0.0, 1e-8, 1e-3, 0.2, 0.2 + 1e-9, 0.55, 1.0, 3.0, 3.0001, 20.0, 200.0)
SIGNED = tuple(sorted({s * x for x in POINTS for s in (1, -1)}))
EXACT = 1e-14  # a few roundings
SECOND = 2e-13  # relative to the largest of its terms
THIRD = 5e-15  # absolute: two seconds over a distance of a quarter and more
SLOPES = 1e-10  # of t[w, x, y, z], against differences


def _difference(f, points):
    """f[x, y, ...], with the limit where two are equal."""
    xs = [mp.mpf(float(x)) for x in points]
    # Equal arguments are moved apart by what no digit of the answer sees.
    xs = [x + k * mp.mpf(10) ** (-DIGITS // 4) for k, x in enumerate(xs)]
    if len(xs) == 1:
        return f(xs[0])

    def divided(xs):
        return f(xs[0]) if len(xs) == 1 else (divided(xs[1:]) - divided(xs[:-1])) / (xs[-1] - xs[0])

    return divided(xs)


def _table(f, size):
    rows = (
        list(itertools.product(SIGNED, repeat=size)) if size == 2 else list(itertools.combinations_with_replacement(SIGNED, 3))
    )
    with mp.workdps(DIGITS):
        true = np.array([float(_difference(f, row)) for row in rows])
    return jnp.asarray(rows).T, true


@pytest.mark.slow
def test_second_difference() -> None:
    rows, true = _table(mp.tanh, 3)
    found = np.asarray(second_difference(*rows))
    # |t[x, y, z]| is at most of the order of the decay of its two largest partners; below that absolute rounding is left.
    assert np.all(np.abs(found - true) <= SECOND * np.maximum(np.abs(true), 1e-3 * np.exp(-np.min(np.abs(rows), axis=0))))
    for order in itertools.permutations(range(3)):
        np.testing.assert_allclose(second_difference(*rows[jnp.array(order)]), found, rtol=1e-12, atol=1e-300)


def test_third_difference() -> None:
    """Of four points near one another and far, on both sides of the series' end, with pairs that are equal or opposite."""
    rng, slope = np.random.default_rng(3), jax.jit(jax.vmap(jax.grad(lambda p: third_difference(*p))))
    for centre, width in itertools.product((0.0, 0.5, 3.0), (1e-9, 0.05, TOGETHER / 2, 1.0, 40.0)):
        points = centre + width * rng.normal(size=(20, 4))
        points[:6, 1], points[3:6, 2] = points[:6, 0], points[3:6, 3]
        points[6:9, 1] = -points[6:9, 0]
        with mp.workdps(DIGITS):
            true = [float(_difference(mp.tanh, row)) for row in points]
            h = 1e-5 * np.eye(4)[0]
            up, down = (np.array([float(_difference(mp.tanh, row + s * h)) for row in points]) for s in (1, -1))
        np.testing.assert_allclose(third_difference(*jnp.asarray(points).T), true, rtol=1e-11, atol=THIRD)
        np.testing.assert_allclose(slope(jnp.asarray(points))[:, 0], (up - down) / 2e-5, atol=SLOPES)


def test_first_differences() -> None:
    rows, true = _table(mp.tanh, 2)
    np.testing.assert_allclose(tanh_difference(*rows), true, rtol=EXACT, atol=1e-300)
    rows, true = _table(lambda x: x * mp.sech(x) ** 2, 2)
    size = np.maximum(np.abs(true), np.exp(-2 * np.minimum(*np.abs(rows))))
    assert np.all(np.abs(np.asarray(slope_difference(*rows)) - true) <= 100 * EXACT * size)


def test_single_arguments() -> None:
    x = jnp.asarray(SIGNED)
    true = [float(mp.log(2 * mp.cosh(mp.mpf(float(v))))) for v in SIGNED]
    np.testing.assert_allclose(log_cosh(x), true, rtol=EXACT)
    true = [float(mp.tanh(mp.mpf(float(v))) / mp.mpf(float(v))) if v else 1.0 for v in SIGNED]
    np.testing.assert_allclose(tanh_over(x), true, rtol=EXACT)


def test_at_zero_temperature() -> None:
    """Energies over 2 k_B T are then 1e30 and more: everything is finite, and a step."""
    big = jnp.array([1e30, -1e30, 3e31])
    x, y = jnp.meshgrid(big, big)
    found = np.asarray(tanh_difference(x, y))
    same = np.asarray(jnp.sign(x) == jnp.sign(y))
    assert np.all(found[same] == 0)
    np.testing.assert_allclose(found[~same], 2 / np.abs(np.asarray(x - y)[~same]), rtol=EXACT)
    for z in big:
        assert np.isfinite(np.asarray(second_difference(x, y, z))).all()
        assert np.isfinite(np.asarray(slope_difference(x, y))).all()
