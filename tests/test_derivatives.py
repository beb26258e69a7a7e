"""Derivatives of solutions, T_c and branch ends: forward against reverse mode, and both against finite differences.

All leaves of a system and T are one vector p here: mass and mu of both bands (4), lam (9), Omega, T.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from problems import ba122, generator, likely_amplitudes, one_band, problem, random_system, scaled_error

from jaxgap import EndKind, Status, Superconductor, at_root, branch_end, critical_temperature, solve

GRADIENT = 1e-6
"""Five-point differences with steps of 1e-4: truncation 1e-12 or so, rounding 1e-13 / 1e-4, and a margin for conditioning."""
MODES = 1e-11
"""Forward and reverse mode multiply the same matrices in another order."""
HESSIAN = 1e-4
"""Differences of gradients that are themselves good to about 1e-9."""
ONE_SIDED = 1e-5
"""One-sided five-point differences lose a digit against central ones."""
SINGULAR_POINT = 1e-4
"""At a relative distance of 1e-6 from a fold or T_c: sigma_min is about 1e-3, and steps must stay below the distance."""
DEGREE = 1e-9
"""Euler's theorem: a located fold and its slopes to the accuracy that `branch_end` promises."""
AT_ROOT = 1e-14
"""Derivatives of a square root."""

STEP = 1e-4
"""Relative step of the differences in p."""
CENTRAL = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
FORWARD = {0: -25 / 12, 1: 4.0, 2: -3.0, 3: 4 / 3, 4: -1 / 4}


def _vector(sc, T):
    return np.asarray(ravel_pytree((sc, jnp.asarray(float(T))))[0])


def _outputs(p, start, unravel):
    """Smooth functions of the solution that do not depend on its phases."""
    sc, T = unravel(p)
    D = solve(sc, T, start=start).Delta
    return jnp.stack(
        [
            jnp.abs(D[0]) ** 2,
            jnp.abs(D[1]) ** 2,
            jnp.abs(D[2]) ** 2,
            jnp.real(D[0] * jnp.conj(D[1])),
            jnp.real(D[2] ** 2 * jnp.conj(D[0] * D[1])),
        ]
    )


def _with_jacobian(f):
    """(value, Jacobian in reverse mode) from one compiled program, so that differences cost no second one."""

    def both(p, start):
        value, back = jax.vjp(lambda q: f(q, start), p)
        return value, jax.vmap(back)(jnp.eye(len(value)))[0]

    return jax.jit(both)


UNRAVEL = ravel_pytree((random_system(0), jnp.asarray(1.0)))[1]
_two_bands = functools.partial(_outputs, unravel=UNRAVEL)
_solved = _with_jacobian(_two_bands)
_forward = jax.jit(jax.jacfwd(_two_bands))
_hessian = jax.jit(jax.jacfwd(jax.jacrev(lambda p, x: jnp.sum(_two_bands(p, x)))))


def _differences(function, p, coefficients=CENTRAL, step=STEP, entries=None):
    """Finite differences of a function along entries of p (first axis), all of them by default."""
    entries = range(len(p)) if entries is None else entries
    rows = []
    for i in entries:
        h = max(abs(p[i]), 0.1) * step
        values = np.stack([np.asarray(function(np.asarray(p) + k * h * np.eye(len(p))[i])) for k in coefficients])
        assert np.isfinite(values).all()
        rows.append(np.tensordot(list(coefficients.values()), values, 1) / h)
    return np.stack(rows)


def _column_errors(got, wanted, p):
    """Error of every derivative in units of the largest logarithmic derivative of its output."""
    unit = np.maximum(np.abs(p), 0.1)[:, None]
    return (np.abs(got - wanted) * unit / np.abs(wanted * unit).max(axis=0)).max()


# === at_root itself


def _square(x, theta):
    return x**2 - theta


@pytest.mark.slow
def test_at_root_to_third_order():
    """x = sqrt(theta), by a residual that knows no square root."""

    def root(theta):
        return at_root(_square, jnp.sqrt(jax.lax.stop_gradient(theta))[None], theta)[0]

    f, theta = root, jnp.asarray(2.0)
    for exact in (0.5 / np.sqrt(2), -0.25 * 2**-1.5, 0.375 * 2**-2.5):
        f = jax.grad(f)
        assert abs(float(f(theta)) - exact) < AT_ROOT
    batch = jnp.array([1.0, 4.0])
    np.testing.assert_allclose(jax.vmap(jax.jacfwd(jax.grad(root)))(batch), -0.25 * batch**-1.5, rtol=AT_ROOT)


@pytest.mark.parametrize(("theta", "trusted"), [(0.0, True), (2.0, False)])
def test_at_root_says_nan_where_it_knows_nothing(theta, trusted):
    """At a double root, and where the caller found no root."""
    f = lambda t: at_root(_square, jnp.sqrt(jax.lax.stop_gradient(t))[None], t, trusted)[0]  # noqa: E731
    assert np.isnan(jax.grad(f)(theta))
    assert np.isnan(jax.jvp(f, (theta,), (1.0,))[1])


# === solutions


@functools.cache
def _case(seed):
    """A random system, temperature, and its converged solution as a start. The first five systems have d = 0."""
    sc = random_system(seed, d=0.0 if seed < 5 else None)
    T = generator(500 + seed).uniform(0.5, 8.0)
    solution = solve(sc, T, start=likely_amplitudes(sc))
    return _vector(sc, T), jnp.asarray(solution.Delta.real)


def _kinked(p):
    """Entries of p that move the shells against each other."""
    return np.arange(len(p)) < 4


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.slow
def test_gradients_of_random_systems(seed):
    p, start = _case(seed)
    smooth = np.flatnonzero(~_kinked(p) if seed < 5 else np.full(len(p), True))
    reverse = np.asarray(_solved(p, start)[1]).T[smooth]
    wanted = _differences(lambda q: _solved(q, start)[0], p, entries=smooth)
    assert _column_errors(reverse, wanted, p[smooth]) < GRADIENT


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.slow
def test_forward_and_reverse_mode_agree(seed):
    p, start = _case(seed)
    forward, reverse = _forward(p, start), _solved(p, start)[1]
    assert np.isfinite(forward).all()
    assert _column_errors(np.asarray(reverse).T, np.asarray(forward).T, p) < MODES


@pytest.mark.parametrize("seed", range(5))
def test_equal_shells_have_a_kink_and_its_derivative_is_the_mean(seed):
    """d = 0: moving one shell against the other is not smooth; the derivative is the mean of both one-sided ones."""
    p, start = _case(seed)
    moved = range(4)
    backward = {-k: -v for k, v in FORWARD.items()}
    left, right = (_differences(lambda q: _solved(q, start)[0], p, c, entries=moved) for c in (backward, FORWARD))
    reverse = np.asarray(_solved(p, start)[1]).T[moved]
    assert _column_errors(right, left, p[moved]) > 1e2 * ONE_SIDED  # there is a kink
    assert _column_errors(reverse, (left + right) / 2, p[moved]) < ONE_SIDED


@pytest.mark.parametrize("seed", [0, 1, 5, 6, 7])
@pytest.mark.slow
def test_hessians(seed):
    p, start = _case(seed)
    smooth = np.flatnonzero(~_kinked(p) if seed < 5 else np.full(len(p), True))
    hessian = np.asarray(_hessian(p, start))[smooth][:, smooth]
    wanted = _differences(lambda q: _solved(q, start)[1].sum(axis=0), p, entries=smooth)[:, smooth]
    unit = np.outer(p[smooth], p[smooth])
    assert scaled_error(hessian * unit, wanted * unit) < HESSIAN
    assert scaled_error(hessian * unit, hessian.T * unit) < 1e3 * MODES


@pytest.mark.slow
def test_complex_solution():
    """Time reversal broken: amplitudes with free phases, the gauge direction deflated.

    Couplings change in pairs: where g is not symmetric there is no such state."""
    case = problem("complex saddle")
    start = jnp.asarray(solve(case.system, case.T, start=case.Delta).Delta)
    p = _vector(case.system, case.T)
    along = np.eye(len(p))[~_kinked(p)]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = 4 + 3 * i + j, 4 + 3 * j + i
        along = np.concatenate([along[~along[:, both].any(axis=1)], np.eye(len(p))[both, :].sum(axis=0, keepdims=True)])
    at = np.abs(along @ p) / along.sum(axis=1)
    reverse = along @ np.asarray(_solved(p, start)[1]).T
    wanted = _differences(lambda q: _solved(p + q @ along, start)[0], np.zeros(len(along)))
    assert _column_errors(reverse, wanted, at) < GRADIENT


@pytest.mark.slow
def test_three_dimensions_and_unequal_masses():
    case = problem("3D")
    start = jnp.asarray(case.Delta.real)
    p, unravel = ravel_pytree((case.system, jnp.asarray(case.T)))
    solved = _with_jacobian(functools.partial(_outputs, unravel=unravel))
    wanted = _differences(lambda q: solved(q, start)[0], np.asarray(p))
    assert _column_errors(np.asarray(solved(p, start)[1]).T, wanted, np.asarray(p)) < GRADIENT


def test_gradient_is_a_system_of_sensitivities():
    """jax.grad of a function of a Superconductor returns a Superconductor, and says what the textbook says:
    dDelta/dOmega = Delta/Omega and dDelta/dlambda = Delta coth(1/lambda) / lambda^2 at T = 0."""
    sc = one_band(0.3)
    slope = jax.grad(lambda s: solve(s, 0.0, start=[2.0]).Delta[0].real)(sc)
    assert isinstance(slope, Superconductor)
    Delta = 30.0 / np.sinh(1 / 0.3)
    assert abs(slope.Omega - Delta / 30.0) < GRADIENT * Delta / 30.0
    assert abs(slope.lam[0, 0] / (Delta / 0.09 / np.tanh(1 / 0.3)) - 1) < GRADIENT
    assert abs(slope.bands[0].mu) < GRADIENT * Delta
    assert abs(slope.bands[0].mass) < GRADIENT * Delta


def test_derivative_of_what_was_not_found_is_nan():
    """Newton ends without a solution: the amplitudes are something, their derivative is NaN."""
    p, _ = _case(5)
    sc, T = UNRAVEL(p)
    failed = sc.set({"lam[a, a]": 1e9})
    solution = solve(failed, T, start=[1e-3, -1e-3, 1e-3], throw=False)
    assert int(solution.status) == Status.NOT_CONVERGED
    assert not bool(solution.differentiable)
    assert np.isnan(_solved(_vector(failed, T), jnp.array([1e-3, -1e-3, 1e-3]))[1]).all()


# === singular points: never silently wrong


@jax.jit
def _s_plus_minus(sc):
    """(T, slope of T, Delta, kind) of the end of s+-, from one compiled program."""

    def temperature(s):
        end = branch_end(s, "s+-")
        return end.T, (end.Delta, end.kind)

    (T, (Delta, kind)), slope = jax.value_and_grad(temperature, has_aux=True)(sc)
    return T, slope, Delta, kind


@functools.cache
def _fold():
    T, _, Delta, _ = _s_plus_minus(ba122())
    return float(T), np.asarray(Delta)


def _near_the_fold(distance):
    """s+- a relative distance below the fold: Delta - Delta_fold ~ sqrt(T_fold - T), in the direction of the colder branch."""
    T, Delta = _fold()
    cold = problem("s+- branch, T=20.0")
    share = np.sqrt(distance * T / (T - cold.T))
    return solve(ba122(), T * (1 - distance), start=Delta + share * (cold.Delta.real - Delta), throw=False)


def _slope_in_T(solution):
    """d(outputs)/dT at a solution."""
    p = _vector(solution.superconductor, solution.T)
    return np.asarray(_solved(p, solution.Delta.real)[1])[:, -1]


@pytest.mark.slow
def test_derivative_close_to_the_fold_is_large_and_right():
    solution = _near_the_fold(1e-6)
    assert int(solution.status) == Status.CONVERGED
    assert bool(solution.differentiable)
    p = _vector(solution.superconductor, solution.T)
    wanted = _differences(lambda q: _solved(q, solution.Delta.real)[0], p, step=1e-8, entries=[len(p) - 1])[0]
    assert np.abs(wanted).max() > 100.0
    assert scaled_error(_slope_in_T(solution), wanted) < SINGULAR_POINT


@pytest.mark.parametrize("distance", [0.0, 1e-15, 1e-13, 1e-12, 1e-11])
@pytest.mark.slow
def test_derivative_at_the_fold_is_nan_or_right(distance):
    """At the fold and within rounding of it: flagged, and NaN. Where it is not flagged, it must be right: the slope of a
    square root, (Delta - Delta_fold) / 2 (T - T_fold), as far as rounding lets one say at such a distance."""
    solution = _near_the_fold(distance)
    slope = _slope_in_T(solution)
    assert bool(np.isnan(slope).any()) == (not bool(solution.differentiable))
    assert distance > 1e-12 or not bool(solution.differentiable)
    if bool(solution.differentiable):
        D, D_fold = np.asarray(solution.Delta.real), _fold()[1]
        wanted = 2 * D[0] * (D[0] - D_fold[0]) / (2 * (float(solution.T) - _fold()[0]))
        assert abs(slope[0] / wanted - 1) < 0.1


@functools.cache
def _one_band_slope():
    return jax.jit(jax.jacfwd(lambda T, start: solve(one_band(0.3), T, start=start).Delta.real))


@pytest.mark.parametrize("distance", [1e-4, 1e-5, 1e-6, 1e-7])
def test_derivative_below_T_c_is_flagged_or_right(distance):
    """Delta ~ sqrt(T_c - T) [1 + O(1 - T/T_c)]. A pitchfork: sigma_min is of the order of the distance itself."""
    T_c = float(critical_temperature(one_band(0.3)))
    below = solve(one_band(0.3), T_c * (1 - distance))
    slope = _one_band_slope()(float(below.T), below.Delta.real)
    assert bool(np.isnan(slope).all()) == (not bool(below.differentiable))
    assert distance < 1e-5 or bool(below.differentiable)
    if bool(below.differentiable):
        wanted = -below.Delta.real / (2 * distance * T_c)
        assert scaled_error(slope, wanted) < SINGULAR_POINT + 2 * distance


def test_derivative_at_and_above_T_c():
    """At T_c the normal state's Jacobian is singular; above, the amplitudes are zero and so are their derivatives."""
    T_c = float(critical_temperature(one_band(0.3)))
    at, above = (solve(one_band(0.3), T) for T in (T_c, 1.1 * T_c))
    assert int(at.status) == int(above.status) == Status.NORMAL
    assert not bool(at.differentiable)
    assert np.isnan(_one_band_slope()(T_c, jnp.zeros(1))).all()
    assert bool(above.differentiable)
    assert float(_one_band_slope()(1.1 * T_c, jnp.zeros(1))[0]) == 0.0


# === T_c and branch ends


def _critical(p):
    return critical_temperature(UNRAVEL(p)[0])


_T_c = jax.jit(jax.value_and_grad(_critical))
_T_c_hessian = jax.jit(jax.jacfwd(jax.grad(_critical)))


@pytest.mark.parametrize("seed", range(5, 11))
@pytest.mark.slow
def test_derivative_of_T_c(seed):
    p = _case(seed)[0]
    wanted = _differences(lambda q: _T_c(q)[0], p)
    assert scaled_error(_T_c(p)[1] * p, wanted * p) < GRADIENT


@pytest.mark.slow
@pytest.mark.parametrize("seed", [5, 6])
def test_second_derivative_of_T_c(seed):
    p = _case(seed)[0]
    wanted = _differences(lambda q: _T_c(q)[1], p)
    assert scaled_error(_T_c_hessian(p) * np.outer(p, p), wanted * np.outer(p, p)) < HESSIAN


@pytest.mark.slow
def test_T_c_is_not_differentiable_where_there_is_none():
    """No T_c: the value is 0 at every nearby system as well, but no root was found, and the derivative says so."""
    p = _case(5)[0].copy()
    p[4:13] = (-0.3 * np.eye(3)).ravel()
    T_c, slope = _T_c(p)
    assert float(T_c) == 0.0
    assert np.all((slope == 0) | np.isnan(slope))


@pytest.mark.slow
def test_derivative_of_the_end_of_s_plus_minus():
    """The fold's temperature as a function of the system; in 2D it is of the first degree in Omega and the mus together."""
    sc = ba122()
    T, slope, _, kind = _s_plus_minus(sc)
    energies = ("Omega", "mu[a]", "mu[b]")
    assert sum(float(sc.get(path) * slope.get(path)) for path in energies) == pytest.approx(float(T), rel=DEGREE)
    assert int(kind) == EndKind.FOLD
    for path in ("lam[a, a:b]", "lam[b, b]", "Omega", "mu[b]"):
        x = float(sc.get(path))
        h = 1e-4 * abs(x)
        wanted = sum(c * float(_s_plus_minus(sc.set({path: x + k * h}))[0]) for k, c in CENTRAL.items()) / h
        assert abs(float(slope.get(path)) / wanted - 1) < GRADIENT, path
