"""A branch followed once past many temperatures is at each what following it there alone finds: `gap_curve` against `solve`."""

import jax
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.continuation.ends import EndKind
from jaxgap.continuation.whole import whole_branch
from jaxgap.materials import ba122, two_band
from jaxgap.solving import stations
from jaxgap.solving.core import solve_core
from jaxgap.solving.labels import sign_pattern
from jaxgap.solving.stations import at_stations
from jaxgap.solving.ways import way_from_T_c, way_from_zero
from jaxgap.spectra.mesh import coarser
from jaxgap.spectra.quadrature import DEFAULT_RULE

SAME = 1e-9
"""|Delta - Delta'| / |Delta|: the promise of `solve`."""
NEAR = np.array([1e-1, 1e-2, 1e-3, 1e-4])
"""Distances from the end of a branch, as shares of its temperature; nearer than 1e-4 K each temperature decides for itself.
At a degenerate end M is so soft that it is rounding which tells accurate from inaccurate in the nearest one."""

GAPLESS = 0.20303
"""lambda_33 at which the gap of equal bands closes at T = 0 is 0.2030337 (tests/continuation/test_continuation.py)."""


def coupled(x):
    return jg.superconductor(bands={"a": {"mu": 500.0}, "b": {"mu": 500.0}}, lam=[[0.3, x], [x, 0.2]], Omega=30.0)


def four_states():
    """s++ ends in a fold, s+- at a change of sign; the state connected to T_c goes from one sign to the other."""
    lam = {f"lam[{band}, alpha:beta]": 0.0192 for band in ("alpha", "beta")}
    lam |= {f"lam[alpha:beta, {band}]": 0.0096 for band in ("alpha", "beta")}
    return ba122().set({**lam, "Omega": 37.878})


SYSTEMS = {
    "a fold": (ba122, "s+-"),
    "a continuous end of a stable branch": (two_band, "s++"),
    "a continuous end of an unstable branch": (two_band, "s+-"),
    "a change of sign": (four_states, "s+-"),
    "from T_c, through a change of sign": (four_states, None),
    "from T_c, past where a weak band sets in": (lambda: coupled(1e-7), None),
    "from T_c, past a state beside": (lambda: coupled(-1e-4), None),
    "no coupling": (lambda: coupled(0.0), "s+-"),
    "all but gapless": (lambda: two_band().set({"lam[a:b, a:b]": GAPLESS}), None),
    "a branch that does not exist": (lambda: coupled(0.1), "s+-"),
}
"""What happens on the way: (system, branch)."""


def alone(sc, T, branch):
    """`solve` at every temperature, each followed by itself."""
    pattern = None if branch is None else sign_pattern(branch, sc.signed)
    return jax.jit(jax.vmap(lambda t: solve_core(sc, t, None, pattern, DEFAULT_RULE)))(T)


def _temperatures(sc, branch):
    T_c = float(jg.critical_temperature(sc))
    found = None if branch is None else jg.branch_end(sc, branch, throw=False)
    end = T_c if found is None else float(found.T)
    near = NEAR[:-1] if found is not None and int(found.kind) == EndKind.OTHER else NEAR
    spread = np.linspace(0.0, 1.1 * T_c, 28 - 2 * len(near))
    about = np.concatenate([end * (1 - near), end * (1 + near), [0.895 * T_c, 0.905 * T_c]])
    return np.random.default_rng(3).permutation(np.concatenate([spread, about]))


@pytest.mark.slow
@pytest.mark.parametrize("what", SYSTEMS)
def test_a_branch_at_many_temperatures_is_what_it_is_at_each(what):
    make, branch = SYSTEMS[what]
    sc = make()
    T = _temperatures(sc, branch)
    curve, each = jg.gap_curve(sc, T, branch), alone(sc, T, branch)
    many = curve.solutions
    if what == "all but gapless":
        assert np.nanmin(curve.gaps) < 1e-3 * np.nanmax(curve.gaps)
    np.testing.assert_array_equal(many.status, each.status)
    np.testing.assert_array_equal(many.label, each.label)
    exists = np.asarray(each.converged)
    np.testing.assert_array_equal(np.asarray(many.unstable_amplitude)[exists], np.asarray(each.unstable_amplitude)[exists])
    np.testing.assert_array_equal(np.asarray(many.unstable_phase)[exists], np.asarray(each.unstable_phase)[exists])
    Delta, alike = np.asarray(many.Delta)[exists], np.asarray(each.Delta)[exists]
    size = np.linalg.norm(alike, axis=1)
    assert np.all(np.linalg.norm(Delta - alike, axis=1) <= SAME * np.maximum(size, 1e-3 * size.max(initial=0.0)))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["a fold", "a continuous end of an unstable branch", "a change of sign", "no coupling"])
def test_a_branch_followed_whole_is_its_end_and_its_curve(what):
    make, branch = SYSTEMS[what]
    sc, shares = make(), np.array([0.0, 0.3, 0.9, 0.99, 0.999])
    whole, end = whole_branch(sc, branch, jg.solve(sc, 0.0, branch=branch), shares), jg.branch_end(sc, branch)
    assert int(whole.end.kind) == int(end.kind)
    degenerate = int(end.kind) == EndKind.OTHER  # located no better than steps end
    np.testing.assert_allclose(whole.end.T, end.T, rtol=1e-4 if degenerate else 1e-12)
    np.testing.assert_allclose(whole.end.Delta, end.Delta, rtol=1e-9, atol=1e-9 * sc.Omega)
    curve = jg.gap_curve(sc, whole.end.T * shares, branch)
    np.testing.assert_array_equal(whole.curve.solutions.status, curve.solutions.status)
    np.testing.assert_array_equal(whole.curve.stable, curve.stable)
    np.testing.assert_allclose(whole.curve.T, curve.T, rtol=1e-15)
    np.testing.assert_allclose(whole.curve.gaps, curve.gaps, rtol=SAME)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["a fold", "from T_c, past where a weak band sets in"])
def test_where_few_points_of_the_way_are_kept_the_rest_is_walked_again(what, monkeypatch):
    make, branch = SYSTEMS[what]
    sc = coarser(make())
    pattern = None if branch is None else sign_pattern(branch, sc.signed)
    way = way_from_T_c(sc, DEFAULT_RULE) if branch is None else way_from_zero(sc, pattern, DEFAULT_RULE)
    T = jax.numpy.asarray(_temperatures(sc, branch))
    many = jax.jit(lambda T: at_stations(way, T, branch is not None, pattern))(T)
    monkeypatch.setattr(stations, "KEPT", 2)
    few = jax.jit(lambda T: at_stations(way, T, branch is not None, pattern))(T)
    assert np.any(np.asarray(few.root.steps) != many.root.steps)
    np.testing.assert_array_equal(few.arrived, many.arrived)
    np.testing.assert_array_equal(few.beyond, many.beyond)
    there = np.asarray(many.arrived)
    np.testing.assert_allclose(few.root.x[there], many.root.x[there], rtol=SAME, atol=1e-10)


@pytest.mark.slow
def test_most_of_the_way_is_common():
    """Of the evaluations that lead to each of many temperatures, those before it are counted, but were made once."""
    sc = two_band()
    T = np.linspace(0.0, float(jg.branch_end(sc, "s+-").T), 48)[:-1]
    steps = np.asarray(jg.gap_curve(sc, T, "s+-").solutions.steps)
    assert np.all(steps[1:] - steps[0] >= 0)
    assert np.median(np.diff(steps)) < 8


@pytest.mark.slow
def test_derivatives_along_a_curve_are_those_of_each_solution():
    sc = two_band()

    def gaps(x, many):
        moved = sc.set({"lam[a, a]": x})
        if many:
            return jg.gap_curve(moved, [0.0, 5.0, 20.0], "s++").solutions.Delta.real
        return jax.numpy.stack([jg.solve(moved, T, branch="s++", throw=False).Delta.real for T in (0.0, 5.0, 20.0)])

    x = float(sc.get("lam[a, a]"))
    one, other = (jax.jacfwd(gaps)(x, many) for many in (True, False))
    np.testing.assert_allclose(one, other, rtol=1e-7)
    assert np.all(np.abs(other) > 0.1)
