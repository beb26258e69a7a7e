"""`solve_many` gives what `solve` gives, whatever the batch; what does not go the short way is solved as `solve` does."""

import functools
import os
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import ba122, generator, likely_amplitudes, one_band, problem, random_system, relative_error, stacked, system

from jaxgap import InputError, Label, Rule, Status, critical_temperature, solve
from jaxgap.materials import two_band
from jaxgap.numerics.cutting import CPU
from jaxgap.numerics.singular import smallest_singular_values
from jaxgap.solving.critical import instability
from jaxgap.solving.many import solve_many
from jaxgap.solving.normal_state import setting_in

SAME = 1e-10
"""Relative difference from `solve`: residuals of 1e-12 and nodes placed for slightly different amplitudes."""
T_C = 1e-12
"""Two roots of the same function, of one of which an eigenvalue's rounding decides: 1e-15 / lambda in ln T."""
N = 24
BLOCK = CPU.block
START = np.array([6.5, 4.3, 2.2])


def _batch():
    """N systems: with and without distance, equal and unequal masses, an electron and a hole band; cold, warm, near T_c."""
    systems = [random_system(900 + s, d=0.0 if s % 4 == 0 else None, equal_masses=s % 3 > 0) for s in range(N - 4)]
    lam = [[0.35, 0.05, 0.06], [0.05, 0.3, 0.04], [0.06, 0.04, 0.1]]
    systems += [system(lam, [60.0, -50.0], [1.0, -1.2]), system(lam, [20.0, 25.0], [1.0, 1.1]), ba122(), ba122()]
    T = generator(901).permutation(np.append(np.geomspace(0.01, 20.0, N - 5), np.zeros(5)))
    T[-1] = 0.999 * float(critical_temperature(systems[-1]))
    starts = np.stack([likely_amplitudes(sc) for sc in systems])
    starts[-1] = 0.1 * starts[-1]
    return stacked(systems), jnp.asarray(T), jnp.asarray(starts)


def _many(sc, T, x):
    return solve_many(sc, T, start=x)


@functools.cache
def _solved():
    """The batch solved at once, and by `solve`."""
    batch = _batch()
    return _many(*batch), jax.jit(jax.vmap(lambda sc, T, x: solve(sc, T, start=x)))(*batch)


def _same(got, wanted):
    """Equal in status and label; amplitudes to SAME of the largest, where there is a solution."""
    assert np.asarray(got.status).tolist() == np.asarray(wanted.status).tolist()
    found = np.asarray(wanted.converged)
    assert np.array_equal(np.asarray(got.label)[found], np.asarray(wanted.label)[found])
    size = np.abs(np.asarray(wanted.Delta)).max(axis=1, keepdims=True)
    apart = np.abs(np.asarray(got.Delta) - np.asarray(wanted.Delta)) / np.where(size > 0, size, 1.0)
    # As far as the condition allows, which near T_c is what `solve` promises.
    allowed = np.maximum(SAME, 10 * np.finfo(float).eps / np.asarray(wanted.sigma_min))
    assert np.all(apart.max(axis=1)[found] <= allowed[found])


@pytest.mark.slow
def test_equal_to_solve():
    got, wanted = _solved()
    assert np.sum(np.asarray(wanted.status) == Status.CONVERGED) > 0.8 * N
    _same(got, wanted)


@pytest.mark.slow
def test_diagnostics_are_those_of_solve():
    got, wanted = _solved()
    found = np.asarray(wanted.status) == Status.CONVERGED
    assert relative_error(np.asarray(got.sigma_min)[found], np.asarray(wanted.sigma_min)[found]) < 1e-4
    size = np.linalg.norm(np.asarray(got.Delta), axis=1)
    assert np.all((np.asarray(got.residual) <= 1e-12 * size)[found])
    # Both are estimates, of an error that is mostly rounding.
    assert np.all(np.asarray(got.quadrature_error)[found] <= 10 * np.asarray(wanted.quadrature_error)[found] + 1e-12)
    assert np.array_equal(np.asarray(got.differentiable)[found], np.asarray(wanted.differentiable)[found])


@pytest.mark.slow
def test_place_in_the_batch_changes_nothing():
    """Bit for bit: neighbours, and the place in the block."""
    order = generator(902).permutation(N)
    got = _many(*jax.tree.map(lambda leaf: leaf[order], _batch()))
    for name in ("Delta", "status", "residual", "steps", "sigma_min", "quadrature_error"):
        assert np.array_equal(np.asarray(getattr(_solved()[0], name))[order], np.asarray(getattr(got, name)), equal_nan=True)


# === the branch connected to T_c


def _from_T_c(sc, T):
    return solve_many(sc, T)


def _below_and_above():
    """The systems of the batch, from T = 0 to above T_c; the last one is barely below it, where the long way must be taken."""
    systems = _batch()[0]
    T_c = np.asarray(jax.vmap(critical_temperature)(systems))
    return systems, jnp.asarray(T_c * generator(903).permutation(np.append(np.linspace(0.0, 1.6, N - 1), 0.9997)))


@jax.jit
def _solve_each(sc, T):
    return jax.vmap(lambda sc, T: solve(sc, T))(sc, T)


@functools.cache
def _descended():
    batch = _below_and_above()
    return _from_T_c(*batch), _solve_each(*batch)


@pytest.mark.slow
def test_the_branch_from_T_c_is_that_of_solve():
    got, wanted = _descended()
    assert set(np.asarray(wanted.status).tolist()) == {Status.CONVERGED, Status.NORMAL}
    _same(got, wanted)
    normal = np.asarray(wanted.status) == Status.NORMAL
    assert np.all(np.asarray(got.Delta)[normal] == 0)
    assert relative_error(np.asarray(got.sigma_min), np.asarray(wanted.sigma_min)) < 1e-4


@pytest.mark.slow
def test_most_elements_take_the_way_down_from_T_c():
    """The short way alone leaves few, and says of the others what both ways say."""
    _most_go_the_short_way(*_below_and_above(), _descended()[0])


def _most_go_the_short_way(sc, T, both):
    short = solve_many(sc, T, ways="short")
    done = np.asarray(short.status) != Status.NOT_CONVERGED
    assert np.mean(done) > 0.8
    _same(jax.tree.map(lambda leaf: leaf[done], short), jax.tree.map(lambda leaf: leaf[done], both))


def _across_the_change_of_regime(n, seed):
    """two_band at 4.2 K, from intraband to crossband pairing; half of the systems beside the folds, inside and outside of the
    windows in which there are two stable states (lambda_33 = .2265-.2295, .2755-.294 and .340-.404 for d = 5, 10 and 15)."""
    rng = generator(seed)
    lambda_33, d = rng.uniform(0.1, 0.4, n), rng.uniform(0.5, 15.0, n)
    edges = [(0.2265, 5.0), (0.2295, 5.0), (0.2755, 10.0), (0.294, 10.0), (0.34, 15.0), (0.404, 15.0)]
    for k in range(n // 2):
        lambda_33[k], d[k] = edges[k % 6]
        lambda_33[k] += rng.uniform(-2e-3, 2e-3)
    systems = [two_band(float(x)).set({"mu[b]": 200.0 + float(y)}) for x, y in zip(lambda_33, d, strict=True)]
    return stacked(systems), jnp.full(n, 4.2)


@pytest.mark.slow
def test_across_the_change_of_regime():
    """Where maps are made for: the statuses and amplitudes of `solve`, and nothing goes the long way."""
    batch = _across_the_change_of_regime(N, 905)
    got, wanted = solve_many(*batch, ways="short"), _solve_each(*batch)
    assert np.all(np.asarray(wanted.status) == Status.CONVERGED)
    assert np.all(np.asarray(got.unstable_amplitude) == 0)
    _same(got, wanted)


def _two_bands(lam):
    """Bands without a cross channel, with any number of matrices lambda."""
    sc = system([[0.3, 0.1], [0.1, 0.2]], [500.0, 500.0], cross=())
    sc = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(lam), *leaf.shape)), sc)
    return eqx.tree_at(lambda s: s.lam, sc, jnp.asarray(lam))


def _off_balance(lam, Delta):
    """What Delta_i = sum_j lambda_ij Delta_j arsinh(Omega / |Delta_j|), the gap equations at T = 0, leave of the largest
    amplitude."""
    left = Delta - np.einsum("kij,kj->ki", lam, Delta * np.arcsinh(30.0 / np.abs(Delta)))
    return np.abs(left).max(axis=1) / np.abs(Delta).max(axis=1)


@pytest.mark.slow
def test_weakly_coupled_bands_are_followed_through_their_own_T_c():
    """The branch from T_c bends steeply where the second band would superconduct on its own; straight on is another state."""
    x = np.outer([1.0, -1.0], [1e-6, 1e-5, 1e-4, 3e-4, 1e-2]).ravel()
    pairs = [(0.3, 0.2), (0.5, 0.4), (0.4, 0.15)]
    lam = np.array([[[a, y], [y, b]] for a, b in pairs for y in x])
    got = solve_many(_two_bands(lam), np.zeros(len(lam)), ways="short")
    Delta = np.asarray(got.Delta).real
    assert np.all(np.asarray(got.status) == Status.CONVERGED)
    assert np.all(np.asarray(got.unstable_amplitude) == 0)
    assert np.all(np.sign(Delta[:, 0] * Delta[:, 1]) == np.tile(np.sign(x), 3))
    assert _off_balance(lam, Delta).max() < SAME


@pytest.mark.slow
def test_named_branches_that_couplings_between_bands_make():
    """s+- of bands that hardly pair by themselves: lambda_ii in 0 to .5, lambda_12 in -.4 to -.1."""
    rng = generator(906)
    lam = np.zeros((200, 2, 2))
    lam[:, 0, 0], lam[:, 1, 1] = rng.uniform(0.0, 0.5, (2, 200))
    lam[:, 0, 1] = lam[:, 1, 0] = rng.uniform(-0.4, -0.1, 200)
    got = solve_many(_two_bands(lam), np.zeros(200), branch="s+-", ways="short")
    assert np.all(np.asarray(got.status) == Status.CONVERGED)
    assert np.all(np.asarray(got.label) == Label.S_PLUS_MINUS)
    assert np.all(np.asarray(got.unstable_amplitude) == 0)
    assert _off_balance(lam, np.asarray(got.Delta).real).max() < SAME


@pytest.mark.slow
def test_onset_is_that_of_the_linearised_equations():
    """Also where two bands become critical within one step in T, and where the normal state is stable at every temperature."""
    rule = Rule(10, 9)
    close = [system(np.diag([0.3, 0.3 + gap, 0.05]), [150.0, 150.0], [1.0, 1.0]) for gap in (1e-3, 1e-2)]
    systems = [random_system(920 + s) for s in range(4)] + close + [system(np.diag([-0.3, -0.2, -0.1]), [150.0] * 2, [1.0] * 2)]
    T_c = np.array([float(critical_temperature(sc)) for sc in systems])
    assert T_c[-1] == 0
    below, above = (
        setting_in(stacked(systems), jnp.asarray(np.where(T_c > 0, share * T_c, 1.0)), rule) for share in (0.5, 1.01)
    )
    assert np.asarray(below.below).tolist() == [True] * 6 + [False]
    assert np.asarray(below.above).tolist() == [False] * 6 + [True]
    assert np.all(above.above)
    assert not np.any(above.below)
    assert relative_error(np.asarray(below.T_c)[:6], T_c[:6]) < 1e-3
    for k, sc in enumerate(systems[:6]):
        assert np.abs(np.asarray(below.direction)[:, k] - instability(sc).direction).max() < 1e-2


WEAK = 1e-6
"""Of T_c eight orders below the shell: the derivative of where its nodes lie is rounding divided by that."""


@pytest.mark.slow
def test_critical_temperatures_of_a_batch():
    """Those of `critical_temperature`, with their derivatives, whichever way they were found: weakly coupled systems, two bands
    that become critical together or nearly so, no superconductivity, and a system that is none."""
    close = [system(np.diag([0.3, 0.3 + gap, 0.05]), [150.0, 150.0], [1.0, 1.0]) for gap in (0.0, 1e-9, 1e-3)]
    weak = [system(np.diag([lam, 0.01, 0.01]), [150.0] * 2, [1.0] * 2) for lam in (0.033, 0.05)]
    none = [
        system(np.diag([-0.3, -0.2, -0.1]), [150.0] * 2, [1.0] * 2),
        eqx.tree_at(lambda s: s.Omega, random_system(940), jnp.asarray(jnp.nan)),
    ]
    sc = stacked([random_system(940 + s, equal_masses=s % 2 > 0) for s in range(9)] + close + weak + none)

    both = jax.value_and_grad(lambda sc: critical_temperature(sc))
    got, slopes = jax.jit(jax.vmap(both))(sc)
    alone = [jax.jit(both)(jax.tree.map(lambda leaf, k=k: leaf[k], sc)) for k in range(len(got))]
    wanted, wanted_slopes = jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone)
    assert np.all(np.asarray(wanted)[:-2] > 0)
    assert wanted[-2] == 0
    np.testing.assert_allclose(got, wanted, rtol=T_C, atol=0)
    np.testing.assert_allclose(slopes.Omega[:12], wanted_slopes.Omega[:12], rtol=SAME)
    np.testing.assert_allclose(slopes.Omega[12:], wanted_slopes.Omega[12:], rtol=WEAK)
    np.testing.assert_allclose(slopes.lam[:9], wanted_slopes.lam[:9], rtol=SAME, atol=SAME * np.nanmax(wanted))


# === one band: textbook answers, and many elements


def _bands(lam, Omega=30.0):
    sc = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(lam), *leaf.shape)), one_band(Omega=Omega))
    return eqx.tree_at(lambda s: s.lam, sc, jnp.asarray(lam)[:, None, None])


def _many_bands(sc, T, x):
    return solve_many(sc, T, start=x)


@pytest.mark.parametrize("n", [BLOCK - 1, 10_000])
@pytest.mark.slow
def test_one_bad_element(n):
    """XLA's max and min drop NaN in large batches on the CPU: one NaN system must be flagged, and nothing else. In both sizes
    every element is Delta = Omega / sinh(1 / lambda), and the first ones are equal bit for bit."""
    bad = n // 2
    lam = np.append(np.linspace(0.25, 0.35, BLOCK - 1), np.full(n - BLOCK + 1, 0.3))
    wanted = 30.0 / np.sinh(1 / lam)
    lam[bad] = np.nan
    got = _many_bands(_bands(lam), jnp.zeros(n), jnp.asarray(1.1 * wanted)[:, None])
    good = np.arange(n) != bad
    assert int(got.status[bad]) == Status.INVALID
    assert np.all(np.asarray(got.status)[good] == Status.CONVERGED)
    assert relative_error(np.asarray(got.Delta)[good, 0], wanted[good]) < SAME
    _FIRST.append(np.asarray(got.Delta)[: BLOCK // 4])
    assert np.array_equal(_FIRST[0], _FIRST[-1])


_FIRST: list[np.ndarray] = []


def test_above_T_c_and_negative_temperatures():
    """From a start the normal state is not what was asked for; below T_c it is never taken for an answer."""
    n = BLOCK - 1
    lam = np.full(n, 0.3)
    T_c = float(critical_temperature(one_band(0.3)))
    T = np.linspace(0.9, 1.1, n) * T_c
    T[:2] = [-1.0, np.nan]
    got = _many_bands(_bands(lam), jnp.asarray(T), jnp.full((n, 1), 2.0))
    status = np.asarray(got.status)
    assert status[:2].tolist() == [Status.INVALID] * 2
    assert np.all(status[2:][T[2:] < T_c] == Status.CONVERGED)
    assert np.all(status[2:][T[2:] > T_c] == Status.TRIVIAL)
    assert np.all(np.asarray(got.Delta)[2:][T[2:] > T_c] == 0)


@pytest.mark.slow
def test_derivatives_are_those_of_solve():
    """d Delta / d lambda = Delta / (lambda^2 tanh(1/lambda)) at T = 0."""
    lam = np.full(BLOCK - 1, 0.3)
    x = 33.0 / np.sinh(1 / lam)
    slope = jax.grad(lambda lam: solve_many(_bands(lam), jnp.zeros(len(lam)), start=x[:, None]).Delta.real.sum())(
        jnp.asarray(lam)
    )
    assert relative_error(slope, 30.0 / np.sinh(1 / lam) / (lam**2 * np.tanh(1 / lam))) < 1e-9


@pytest.mark.slow
def test_shard_map():
    mesh = jax.make_mesh((1,), ("device",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("device")
    n = BLOCK - 1
    lam, x = np.linspace(0.25, 0.35, n), np.full((n, 1), 2.0)
    run = jax.shard_map(_many_bands, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    got = jax.jit(run)(_bands(lam), jnp.zeros(n), jnp.asarray(x))
    assert relative_error(got.Delta[:, 0], 30.0 / np.sinh(1 / lam)) < SAME


def test_smallest_singular_values():
    """Of random matrices, nearly singular ones and multiples of the identity."""
    rng = generator(912)
    M = rng.normal(size=(40, 4, 4))
    M[:10, :, 3] = M[:10, :, :3] @ rng.normal(size=3) + 1e-7 * M[:10, :, 3]
    M[10] = 3 * np.eye(4)
    got = smallest_singular_values(jnp.asarray(np.moveaxis(M, 0, -1)))
    wanted = np.linalg.svd(M, compute_uv=False)
    assert np.all(np.abs(got - wanted[:, -1]) <= 1e-14 * wanted[:, 0])
    assert np.isnan(smallest_singular_values(jnp.full((2, 2, 1), jnp.nan))[0])


# === arguments


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"T": 4.2}, "Argument `T` must have one temperature"),
        ({"start": [1.0, 2.0]}, "Argument `start` must have one amplitude per channel"),
        ({"start": [np.nan]}, "Argument `start` must be finite"),
        ({"branch": "d"}, "Argument `branch`"),
        ({"systems": one_band()}, "one leading axis"),
    ],
)
def test_arguments_are_checked(change, words):
    arguments = {"systems": _bands([0.3, 0.3]), "T": [1.0, 2.0]} | change
    with pytest.raises(InputError, match=words):
        solve_many(arguments.pop("systems"), arguments.pop("T"), **arguments)


# === longer checks


@pytest.mark.slow
@pytest.mark.parametrize("branch", ["s++", "s+-", None])
def test_branches_are_those_of_solve(branch):
    """Also past the end of s+- (35.35 K), where there is none, and above T_c."""
    T = jnp.array([0.0, 1.0, 20.0, 30.0, 35.0, 35.5, 50.0, 70.0, 90.0])
    sc = stacked([ba122()] * len(T))
    got = solve_many(sc, T, branch=branch)
    wanted = jax.jit(jax.vmap(lambda sc, T: solve(sc, T, branch=branch)))(sc, T)
    _same(got, wanted)
    if branch == "s+-":
        assert np.asarray(got.status).tolist() == [Status.CONVERGED] * 5 + [Status.LEFT_BRANCH] * 4
        assert np.all(np.asarray(got.label)[:5] == Label.S_PLUS_MINUS)


@pytest.mark.slow
def test_the_branch_from_T_c_of_many_systems():
    """Random ones, with cross channels strong enough for transitions of first order and for branches that turn sharply."""
    n, rng = 1536, generator(914)
    systems = [random_system(2000 + s, equal_masses=s % 3 > 0, d=float(rng.uniform(0, 25))) for s in range(n)]
    strong = rng.uniform(0.0, 0.5, n)
    systems = [
        sc.set({"lam[a:b, a:b]": float(x)}) if k % 2 else sc for k, (sc, x) in enumerate(zip(systems, strong, strict=True))
    ]
    sc, T = stacked(systems), jnp.asarray(rng.uniform(0.0, 80.0, n))
    got = _from_T_c(sc, T)
    wanted = jax.jit(jax.vmap(lambda sc, T: solve(sc, T)))(sc, T)
    _same(got, wanted)
    _most_go_the_short_way(sc, T, got)


@pytest.mark.slow
def test_many_systems_across_the_change_of_regime():
    """At least 98 % go the short way, and in the end all are what `solve` says."""
    n = 1024
    batch = _across_the_change_of_regime(n, 907)
    got = _from_T_c(*batch)
    _same(got, _solve_each(*batch))
    left = np.asarray(solve_many(*batch, ways="short").status) == Status.NOT_CONVERGED
    assert np.mean(left) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"cross": ((0, 1),)}, {"cross": ((0, 2),), "dimension": 3}, {"cross": ()}])
def test_several_clusters(options):
    """Three bands, two of them cross-paired, or none."""
    rng = generator(913)
    n = 3 + len(options["cross"])
    scs = []
    for _ in range(12):
        lam = np.diag(rng.uniform(0.3, 0.4, n)) + rng.uniform(0.0, 0.05, (n, n))
        scs.append(system(lam, rng.uniform(60, 80, 3), rng.uniform(0.9, 1.1, 3), **options))
    T, x = jnp.linspace(0.0, 15.0, 12), jnp.asarray(np.stack([likely_amplitudes(sc) for sc in scs]))
    _same(_many(stacked(scs), T, x), jax.jit(jax.vmap(lambda sc, T, x: solve(sc, T, start=x)))(stacked(scs), T, x))


@pytest.mark.slow
def test_complex_starts():
    case = problem("complex saddle")
    x = np.stack([case.Delta * np.exp(0.1j), case.Delta])
    got = solve_many(stacked([case.system] * 2), jnp.full(2, case.T), start=x)
    wanted = [solve(case.system, case.T, start=row) for row in x]
    assert np.asarray(got.status).tolist() == [int(one.status) for one in wanted]
    assert np.abs(np.asarray(got.Delta) - np.stack([one.Delta for one in wanted])).max() < SAME


@pytest.mark.slow
def test_eight_devices():
    """As one device, within max(1e-12, 10 eps / sigma_min): the single block that each device has is compiled without a loop,
    in another order of operations."""
    program = """
        import jax, jax.numpy as jnp, numpy as np
        from jaxgap.materials import two_band
        from jaxgap.solving.many import solve_many
        n = 8 * 256
        x, d, T = (np.random.default_rng(1).uniform(0, top, n) for top in (0.15, 10, 20))
        sc = jax.vmap(lambda x, y: two_band().set({"lam[a:b, a:b]": x, "mu[b]": 200.0 + y}))(jnp.asarray(x), jnp.asarray(d))
        run = lambda sc, T: solve_many(sc, T, start=jnp.array([6.5, 4.2, 1.8]))
        spec = jax.sharding.PartitionSpec("device")
        mesh = jax.make_mesh((8,), ("device",), axis_types=(jax.sharding.AxisType.Auto,))
        eight = jax.jit(jax.shard_map(run, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False))(sc, jnp.asarray(T))
        one = jax.jit(run)(sc, jnp.asarray(T))
        assert np.all(np.asarray(one.status) == 0)
        allowed = np.maximum(1e-12, 10 * np.finfo(float).eps / np.asarray(one.sigma_min))
        apart = np.linalg.norm(np.asarray(eight.Delta - one.Delta), axis=1) / np.linalg.norm(np.asarray(one.Delta), axis=1)
        assert np.all(apart <= allowed), apart.max()
        assert len(eight.Delta.sharding.device_set) == 8
    """
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], env=os.environ | {"XLA_FLAGS": flags}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
