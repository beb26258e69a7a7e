"""Anomalous densities and free energy, each by more than one route.

Routes to P_c: the closed form under test; minus the derivative of phi by automatic differentiation; eigenvectors of the BdG
matrix summed over composite Gauss panels by numpy; and for real amplitudes P = Im[A g(A^+ A)] from a singular value
decomposition. Each needs none of the others' formulas.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator, problem, random_system, relative_error, scaled_error, system
from scipy import optimize

from jaxgap import Rule, solve
from jaxgap.equations.free_energy import free_energy_functional, free_energy_functional_of_pairs, quasiparticle_free_energy
from jaxgap.equations.pairing import anomalous_densities, gap_residual
from jaxgap.model.band import larger, smaller
from jaxgap.units import k_B

GRADIENT = 1e-9
"""-d phi / d Delta^* against P relative to the largest P: both integrals are good to about 1e-10 with their own rules."""
BRUTE_FORCE = 1e-9
"""Composite Gauss panels that shrink by halves towards every Fermi point, shell edge and energy minimum: good to 1e-11."""
STATIONARY = 1e-8
"""[meV^2 per meV] Gradient of F at a solution of the gap equations: GRADIENT times a P/N of some 10 meV."""
EXACT = 1e-12
"""Rounding of sums over some hundred nodes."""

FINE = Rule(overlap=96, single=64)

_P = jax.jit(anomalous_densities, static_argnames="rule")
_phi = jax.jit(quasiparticle_free_energy)
_F = jax.jit(free_energy_functional)
_F_of_pairs = jax.jit(free_energy_functional_of_pairs)
_residual = jax.jit(gap_residual)
_slope = jax.jit(jax.grad(quasiparticle_free_energy, argnums=1))
_F_slope = jax.jit(jax.grad(free_energy_functional, argnums=1))
_F_of_pairs_slope = jax.jit(jax.grad(free_energy_functional_of_pairs, argnums=1))

LAM = 0.3 * np.eye(3)

SYSTEMS = {
    "d = 0": system(LAM, [200.0, 200.0]),
    "d = 8": system(LAM, [200.0, 208.0]),
    "unequal masses": system(LAM, [180.0, 150.0], [1.0, 1.15]),
    "shells half disjoint": system(LAM, [200.0, 237.0]),
    "shells disjoint": system(LAM, [100.0, 180.0]),
    "band edge inside the shell": system(LAM, [20.0, 26.0]),
    "two hole bands": system(LAM, [-60.0, -66.0], [-1.0, -1.1]),
    "electron and hole band": system(LAM, [60.0, -55.0], [1.0, -1.05]),
}
SYSTEMS_3D = {
    "3D, unequal masses": system(LAM, [120.0, 112.0], [1.0, 1.1], dimension=3),
    "3D, band edge inside the shell": system(LAM, [20.0, 26.0], dimension=3),
    "3D, hole bands": system(LAM, [-60.0, -66.0], [-1.0, -1.1], dimension=3),
}
ALL = SYSTEMS | SYSTEMS_3D
REAL = np.array([6.0, -3.5, 1.4])
COMPLEX = np.array([6.0, -3.5 + 1.0j, 0.9 - 1.4j])
CROSS = np.array([1.5, 0.8, 7.0])
AMPLITUDES = {"real": REAL, "complex": COMPLEX, "mostly cross": CROSS}
TEMPERATURES = [0.01, 30.0]

systems = pytest.mark.parametrize("sc", ALL.values(), ids=ALL.keys())
amplitudes = pytest.mark.parametrize("Delta", AMPLITUDES.values(), ids=AMPLITUDES.keys())
temperatures = pytest.mark.parametrize("T", TEMPERATURES)


def _from_gradient(slope, Delta):
    """-d phi / d Delta^* from JAX's gradient: d/dx for real amplitudes (half of it), d/dx - i d/dy for complex ones."""
    return -0.5 * (np.conj(slope) if np.iscomplexobj(Delta) else np.asarray(slope))


@systems
@amplitudes
@temperatures
def test_P_is_the_gradient_of_phi(sc, Delta, T):
    slope = _slope(sc, jnp.asarray(Delta), jnp.asarray(T))
    assert scaled_error(_P(sc, jnp.asarray(Delta), jnp.asarray(T)), _from_gradient(slope, Delta)) < GRADIENT


# === brute force


def _panels(points, n=24, depth=40):
    """Nodes and weights of Gauss panels between consecutive points, halved `depth` times towards every point."""
    u, w = np.polynomial.legendre.leggauss(n)
    shrink = np.concatenate([[0.0], 0.5 ** np.arange(depth, 0, -1)])  # 0 ... 1/2 of the interval
    x, weight = [], []
    for a, b in itertools.pairwise(points):
        for p, q in itertools.pairwise(shrink):
            for lo, hi in ((a + p * (b - a), a + q * (b - a)), (b - q * (b - a), b - p * (b - a))):
                x.append(lo + (hi - lo) * (u + 1) / 2)
                weight.append((hi - lo) / 2 * w)
    return np.concatenate(x), np.concatenate(weight)


def _gap_matrix(Delta, inside):
    """Delta_ij at every node: zero where a band is outside its shell."""
    Delta = np.array([[Delta[0], Delta[2]], [Delta[2], Delta[1]]])
    return Delta[None] * inside[:, :, None] * inside[:, None, :]


def _bdg(sc, Delta, kappa):
    """(H, zeta, mask of bands inside their shells) at every kappa."""
    m, mu = (np.array([float(getattr(b, leaf)) for b in sc.bands]) for leaf in ("mass", "mu"))
    zeta = kappa[:, None] / m - mu
    inside = np.abs(zeta) < float(sc.Omega)
    D = _gap_matrix(np.asarray(Delta, complex), inside)
    H = np.zeros((len(kappa), 4, 4), complex)
    for i in range(2):
        H[:, i, i], H[:, 2 + i, 2 + i] = zeta[:, i], -zeta[:, i]
    H[:, :2, 2:], H[:, 2:, :2] = D, np.conj(np.swapaxes(D, 1, 2))
    return H, zeta, inside


def _sharp_points(sc, Delta, lo, hi):
    """Local minima of the lowest energy between lo and hi: a grid, then scipy's bounded minimiser."""

    def lowest(kappa):
        return np.abs(np.linalg.eigvalsh(_bdg(sc, Delta, np.atleast_1d(kappa))[0])).min(axis=1)

    grid = np.linspace(lo, hi, 2001)
    E = lowest(grid)
    at = 1 + np.flatnonzero((E[1:-1] < E[:-2]) & (E[1:-1] < E[2:]))
    options = {"xatol": 1e-10}
    return [
        optimize.minimize_scalar(lambda k: lowest(k)[0], bounds=(grid[i - 1], grid[i + 1]), method="bounded", options=options).x
        for i in at
    ]


def _regions(sc, Delta):
    """((H, zeta, mask of bands inside their shells), weight with rho) at nodes over all kappa."""
    m, mu = (np.array([float(getattr(b, leaf)) for b in sc.bands]) for leaf in ("mass", "mu"))
    ends = [np.maximum(np.abs(m) * (np.abs(mu) + s * float(sc.Omega)), 0) for s in (-1, 1)]
    sharp = _sharp_points(sc, Delta, np.min(ends), np.max(ends))
    kappa, weight = _panels(np.unique(np.concatenate([*ends, m * mu, sharp])))
    return _bdg(sc, Delta, kappa), weight * (np.sqrt(kappa) if sc.dimension == 3 else 1.0)


def _channels(F):
    """Channels from a matrix of anomalous densities; the cross channel counts both orderings."""
    return np.array([F[0, 0], F[1, 1], F[0, 1] + F[1, 0]])


def brute_force(sc, Delta, T):
    """P_c from the eigenvectors of the 4 x 4 BdG matrices: F = 1/2 <block (electron, hole) of tanh(H / 2 k_B T)>."""
    (H, _, inside), weight = _regions(sc, Delta)
    E, U = np.linalg.eigh(H)
    occupied = np.tanh(E / (2 * k_B * T))
    F = 0.5 * np.einsum("kia,ka,kja->kij", U[:, :2], occupied, U[:, 2:].conj())
    F = F * inside[:, :, None] * inside[:, None, :]
    return _channels(np.einsum("kij,k->ij", F, weight))


def singular_values(sc, Delta, T):
    """P = Im[A g(A^+ A)] with A = zeta + i Delta and g(x) = tanh(sqrt(x) / 2 k_B T) / (2 sqrt(x)), real amplitudes."""
    (_, zeta, inside), weight = _regions(sc, Delta)
    A = 1j * _gap_matrix(np.asarray(Delta), inside)
    A[:, [0, 1], [0, 1]] += zeta
    U, s, Vh = np.linalg.svd(A)
    F = np.einsum("kia,ka,kaj->kij", U, np.tanh(s / (2 * k_B * T)) / 2, Vh).imag
    F = F * inside[:, :, None] * inside[:, None, :]
    return _channels(np.einsum("kij,k->ij", F, weight))


@systems
@amplitudes
@temperatures
def test_P_is_that_of_the_eigenvectors(sc, Delta, T):
    P = _P(sc, jnp.asarray(Delta), jnp.asarray(T), rule=FINE)
    assert scaled_error(P, brute_force(sc, Delta, T)) < BRUTE_FORCE


@systems
@pytest.mark.parametrize("Delta", [REAL, CROSS], ids=["real", "mostly cross"])
@temperatures
def test_P_is_that_of_the_singular_values(sc, Delta, T):
    P = _P(sc, jnp.asarray(Delta), jnp.asarray(T), rule=FINE)
    assert scaled_error(P, singular_values(sc, Delta, T)) < BRUTE_FORCE


@pytest.mark.parametrize("seed", range(6))
def test_P_at_random_amplitudes(seed):
    """Amplitudes of any size and phase, with the default rule."""
    rng = generator(100 + seed)
    sc = random_system(seed, equal_masses=False)
    Delta = 10 ** rng.uniform(-2, 1.2, 3) * np.exp(2j * np.pi * rng.uniform(size=3))
    T = 10 ** rng.uniform(-2, 2)
    assert scaled_error(_P(sc, jnp.asarray(Delta), jnp.asarray(T)), brute_force(sc, Delta, T)) < 10 * BRUTE_FORCE


def test_routes_can_disagree():
    """The two independent routes notice a wrong sign of one amplitude and a cross channel that counts one ordering only."""
    sc = SYSTEMS["d = 8"]
    right, wrong = (brute_force(sc, D, 5.0) for D in (REAL, REAL * np.array([1, -1, 1])))
    assert scaled_error(wrong, right) > 0.01
    assert scaled_error(right * np.array([1, 1, 0.5]), singular_values(sc, REAL, 5.0)) > 0.01


def test_no_amplitudes_no_anomalous_density():
    for sc in (SYSTEMS["d = 0"], SYSTEMS_3D["3D, unequal masses"]):
        assert np.abs(_P(sc, jnp.zeros(3), jnp.asarray(5.0))).max() == 0
        assert abs(float(_phi(sc, jnp.zeros(3), jnp.asarray(5.0)))) < EXACT


# === the free energy functional


@pytest.mark.parametrize("sc", [random_system(s, symmetric=True, equal_masses=False) for s in range(3)])
@amplitudes
@temperatures
def test_gradient_of_F_is_the_gap_equation(sc, Delta, T):
    """d F / d Delta^* = g^-1 (Delta - lambda P / N)."""
    Delta, T = jnp.asarray(Delta), jnp.asarray(T)
    gradient = -_from_gradient(_F_slope(sc, Delta, T), Delta)
    wanted = np.linalg.solve(np.asarray(sc.g), np.asarray(_residual(sc, Delta, T)))
    assert scaled_error(gradient, wanted) < GRADIENT


def test_gradient_of_F_is_not_the_gap_equation_without_detailed_balance():
    """Why no free energy is offered for asymmetric g."""
    sc, T = problem("s+- branch, T=1.0").system, jnp.asarray(1.0)
    assert not bool(sc.has_free_energy)
    gradient = 0.5 * np.asarray(_F_slope(sc, jnp.asarray(REAL), T))
    wanted = np.linalg.solve(np.asarray(sc.g), np.asarray(_residual(sc, jnp.asarray(REAL), T)))
    assert scaled_error(gradient, wanted) > 1e-3


@pytest.mark.parametrize("words", ["lambda33=0.15", "lambda33=0.25", "offset 10 meV", "complex saddle"])
def test_solutions_are_stationary(words):
    case = problem(words)
    Delta = solve(case.system, case.T, start=case.Delta).Delta
    slope = np.asarray(_F_slope(case.system, Delta, jnp.asarray(case.T)))
    assert np.abs(slope).max() / float(case.system.N[0]) < STATIONARY
    moved = np.asarray(_F_slope(case.system, 1.01 * Delta, jnp.asarray(case.T)))
    assert np.abs(moved).max() / float(case.system.N[0]) > 1e6 * STATIONARY


def test_phi_of_one_band_at_zero_temperature():
    """phi = -N [Omega sqrt(Omega^2 + Delta^2) - Omega^2 + Delta^2 asinh(Omega / Delta)], twice for two decoupled bands."""
    sc, Delta, Omega = SYSTEMS["d = 0"], 4.0, 30.0
    wanted = Omega * np.hypot(Omega, Delta) - Omega**2 + Delta**2 * np.arcsinh(Omega / Delta)
    got = _phi(sc, jnp.array([Delta, Delta, 0.0]), jnp.asarray(0.0))
    assert relative_error(got, -2 * wanted) < GRADIENT


RANK_ONE = np.array([0.6, 0.5, -0.3])


def _rank_one():
    """A singular g = v v^T on bands of different densities of states."""
    sc = random_system(5, equal_masses=False)
    lam = np.outer(RANK_ONE, RANK_ONE) * np.asarray(sc.N)
    return system(lam, [float(b.mu) for b in sc.bands], [float(b.mass) for b in sc.bands])


@temperatures
def test_functional_of_pairs_is_stationary_with_singular_g(T):
    """dF/dX^* = g (X - P(gX)): it vanishes where the gap equations hold, although g has no inverse."""
    sc, T = _rank_one(), jnp.asarray(T)
    assert np.linalg.matrix_rank(np.asarray(sc.g), tol=1e-10) == 1
    X = jnp.array([7.0, 3.0, 1.0])
    Delta = sc.g @ X
    wanted = np.asarray(sc.g) @ (np.asarray(X) - np.asarray(_P(sc, Delta, T)))
    assert scaled_error(0.5 * np.asarray(_F_of_pairs_slope(sc, X, T)), wanted) < GRADIENT


@pytest.mark.slow
def test_functional_of_pairs_at_a_solution_with_singular_g():
    sc, T = _rank_one(), jnp.asarray(2.0)
    solution = solve(sc, 2.0)
    P = _P(sc, solution.Delta.real, T)
    assert np.linalg.norm(solution.Delta) > 1.0
    assert scaled_error(solution.Delta.real, RANK_ONE * float(RANK_ONE @ P)) < GRADIENT
    assert np.abs(_F_of_pairs_slope(sc, P, T)).max() / float(sc.N[0]) < STATIONARY
    assert float(_F_of_pairs(sc, P, T)) < 0


def test_both_functionals_agree_at_a_solution_where_g_has_an_inverse():
    """X = P there, so that X^+ g X = Delta^+ g^-1 Delta."""
    case = problem("lambda33=0.25")
    sc, T = case.system, jnp.asarray(case.T)
    Delta = solve(sc, case.T, start=case.Delta).Delta.real
    assert relative_error(_F_of_pairs(sc, _P(sc, Delta, T), T), _F(sc, Delta, T)) < GRADIENT


def test_larger_and_smaller():
    """Their derivatives: of either, of both where they are equal, and never lost."""
    x, y = jnp.array([1.0, 2.0, 3.0, jnp.nan]), jnp.full(4, 2.0)
    for chosen, reference, slopes in ((larger, np.maximum, [0.0, 0.5, 1.0]), (smaller, np.minimum, [1.0, 0.5, 0.0])):
        np.testing.assert_array_equal(chosen(x, y), reference(x, y))
        for k, slope in enumerate(slopes):
            assert jax.grad(chosen, argnums=(0, 1))(x[k], y[k]) == (slope, 1 - slope)


def test_convention_changes_nothing_but_the_meaning_of_lambda():
    """ "mean" and "sum" with the same g are the same system."""
    mean = random_system(2)
    double = mean.set({f"lam[{c}, a:b]": 2 * mean.get(f"lam[{c}, a:b]") for c in mean.channels})
    total = system(double.lam, [float(b.mu) for b in mean.bands], Omega=float(mean.Omega), convention="sum")
    np.testing.assert_allclose(total.g, mean.g, rtol=EXACT)
    assert scaled_error(_residual(total, jnp.asarray(REAL), 5.0), _residual(mean, jnp.asarray(REAL), 5.0)) < EXACT
