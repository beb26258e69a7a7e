"""Limits that must hold: textbook formulas, symmetries, scaling, decoupling, and published numbers."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator, one_band, problem, random_system, relative_error, scaled_error, system
from scipy import integrate, optimize

from jaxgap import Label, Status, critical_temperature, solve
from jaxgap.equations.free_energy import quasiparticle_free_energy
from jaxgap.equations.linear import linear_kernel
from jaxgap.equations.pairing import gap_residual
from jaxgap.spectra.pair import energies
from jaxgap.units import k_B

CLOSED_FORM = 1e-10
"""Relative error of a well conditioned solve: quadrature 1e-12, Newton 1e-13."""
SAME_EQUATION = 1e-11
"""Two solves of equations that are equal up to a symmetry: only rounding, amplified by 1/sigma_min < 100, differs."""
T_C = 1e-9
"""T_c by Newton and by scipy's quadrature and root finder, both good to about 1e-11."""
EXACT = 1e-12
"""Rounding of a residual of some 200 nodes, relative to the amplitudes."""
PUBLISHED_4 = 6e-5
"""Half a unit of the last of four printed decimals, with a margin for the paper's own rounding."""
PUBLISHED_3 = 6e-4
"""Half a unit of the last of three printed decimals."""

RATIO = 2 * np.pi * np.exp(-np.euler_gamma)
"""2 Delta(0) / k_B T_c of weak-coupling BCS theory, 3.52775."""

_residual = jax.jit(gap_residual)
_phi = jax.jit(quasiparticle_free_energy)
_kernel = jax.jit(linear_kernel)


# === one band


@pytest.mark.parametrize("lam", [0.15, 0.2, 0.3, 0.5, 1.0])
def test_gap_at_zero_temperature(lam):
    """Delta(0) = Omega / sinh(1 / lambda)."""
    wanted = 30.0 / np.sinh(1 / lam)
    solution = solve(one_band(lam), 0.0, start=[1.3 * wanted])
    assert relative_error(solution.Delta, [wanted]) < CLOSED_FORM


@functools.cache
def _bcs_T_c(lam: float, Omega: float) -> float:
    """T_c [K] of 1 / lambda = int_0^Omega tanh(x / 2 k_B T) / x dx, by scipy."""

    def excess(log_T: float) -> float:
        kT = k_B * np.exp(log_T)
        integral = integrate.quad(
            lambda t: np.tanh(np.exp(t) / 2), np.log(1e-14), np.log(Omega / kT), epsabs=1e-13, epsrel=1e-13, limit=400
        )[0]
        return integral - 1 / lam

    return float(np.exp(optimize.brentq(excess, np.log(1e-3), np.log(1e3), xtol=1e-13)))


@pytest.mark.parametrize("lam", [0.15, 0.3, 0.5])
def test_critical_temperature_of_one_band(lam):
    assert relative_error(critical_temperature(one_band(lam)), _bcs_T_c(lam, 30.0)) < T_C


@pytest.mark.parametrize(("lam", "higher_orders"), [(0.12, 1e-9), (0.2, 1e-7), (0.3, 1e-5)])
def test_gap_ratio_tends_to_bcs(lam, higher_orders):
    r"""2 Delta(0)/k_B T_c = 2 pi e^-gamma [1 + (Delta/2 Omega)^2 + ...]: asinh against log at the cutoff.

    The next order is (Delta/2 Omega)^4, times a number of order one.
    """
    sc = one_band(lam)
    Delta = 30.0 / np.sinh(1 / lam)
    ratio = 2 * float(solve(sc, 0.0, start=[Delta]).Delta[0].real) / (k_B * float(critical_temperature(sc)))
    assert abs(ratio / RATIO - 1 - (Delta / 60.0) ** 2) < higher_orders
    assert abs(ratio / RATIO - 1) > 10 * higher_orders or lam < 0.2


def test_gap_close_to_T_c():
    """Delta = pi sqrt(8 / 7 zeta(3)) k_B T_c sqrt(1 - T/T_c) close to T_c."""
    sc = one_band(0.2)
    T_c = float(critical_temperature(sc))
    slope = np.pi * np.sqrt(8 / (7 * 1.2020569031595942))
    for t in (1e-3, 1e-4):
        Delta = float(solve(sc, T_c * (1 - t)).Delta[0].real)
        assert abs(Delta / (slope * k_B * T_c * np.sqrt(t)) - 1) < t


# === two bands without cross channel


@pytest.mark.parametrize("seed", range(4))
def test_suhl_matthias_walker(seed):
    """At T = 0: Delta_i = sum_j lambda_ij Delta_j asinh(Omega / Delta_j)."""
    rng = generator(seed)
    lam = np.array([[rng.uniform(0.3, 0.5), 0], [0, rng.uniform(0.2, 0.4)]]) + rng.uniform(0.01, 0.1, (2, 2))
    sc = system(lam, [120.0, 200.0], rng.uniform(0.5, 2, 2), Omega=25.0, cross=())
    wanted = optimize.root(lambda D: D - lam @ (D * np.arcsinh(25.0 / np.abs(D))), [6.0, 4.0], tol=1e-14).x
    assert np.all(wanted > 0)
    assert relative_error(solve(sc, 0.0, start=1.2 * wanted).Delta, wanted) < CLOSED_FORM


def test_sign_of_interband_coupling_turns_the_relative_sign_and_nothing_else():
    plus, minus = (system([[0.4, s * 0.05], [s * 0.08, 0.3]], [200.0, 150.0], cross=()) for s in (1, -1))
    a, b = solve(plus, 5.0, start=[5.0, 3.0]), solve(minus, 5.0, start=[5.0, -3.0])
    assert int(a.label) == Label.S_PLUS_PLUS
    assert int(b.label) == Label.S_PLUS_MINUS
    assert relative_error(b.Delta * jnp.array([1, -1]), a.Delta) < SAME_EQUATION
    assert relative_error(critical_temperature(minus), critical_temperature(plus)) < SAME_EQUATION


MGB2 = ((0.44, 0.56), (0.23, 0.08, 0.06))
V3SI = ((0.5, 0.5), (0.700, 0.578, 0.005))


def _kogan(n, nu, stretch):
    """A clean two-band system of Kogan et al., couplings n_k nu_ik, with the cutoff raised by e^stretch at fixed low-energy
    physics: lambda^-1 grows by `stretch`. In the weak-coupling limit this changes nothing, which removes corrections of order
    (Delta/Omega)^2."""
    (n1, n2), (nu11, nu22, nu12) = n, nu
    lam = np.linalg.inv([[n1 * nu11, n2 * nu12], [n1 * nu12, n2 * nu22]])
    lam, Omega = np.linalg.inv(lam + stretch * np.eye(2)), 10 * np.exp(stretch)
    return system(lam, [1.2 * Omega] * 2, cross=(), Omega=Omega)


@pytest.mark.parametrize(
    ("n", "nu", "wanted", "tolerance"),
    [
        (*MGB2, (2.0477, 0.8142), PUBLISHED_4),
        (*V3SI, (1.7868, 1.0073), PUBLISHED_4),
        (*V3SI, (1.787, 1.005), 4 * PUBLISHED_3),
    ],
    ids=["MgB2", "V3Si", "V3Si as printed (its second gap is 2e-3 off)"],
)
def test_gap_ratios_of_kogan(n, nu, wanted, tolerance):
    """Kogan, Martin, Prozorov, Phys. Rev. B 80, 014507 (2009), and arXiv:2109.12446: Delta_i(0) / k_B T_c."""
    sc = _kogan(n, nu, stretch=0.0 if (n, nu) == MGB2 else 3.0)
    T_c = float(critical_temperature(sc))
    Delta = solve(sc, 0.0, start=k_B * T_c * np.array(wanted)).Delta.real / (k_B * T_c)
    assert np.abs(Delta - np.array(wanted)).max() < tolerance


def test_cutoff_can_be_renormalised():
    low, high = (_kogan(*MGB2, s) for s in (0.5, 1.5))
    assert relative_error(critical_temperature(low), critical_temperature(high)) < T_C


# === the cross channel


def _pure_cross(lam_33, convention, d=0.0):
    return system(np.diag([0.0, 0.0, lam_33]), [200.0, 200.0 + d], convention=convention)


@pytest.mark.parametrize("lam_33", [0.15, 0.3])
@pytest.mark.parametrize(("convention", "factor"), [("mean", 2), ("sum", 1)])
def test_pure_cross_pairing(lam_33, convention, factor):
    """d = 0: Delta_3 = Omega / sinh(1 / 2 lambda_33) in the "mean" convention, Omega / sinh(1 / lambda_33) in "sum"."""
    wanted = 30.0 / np.sinh(1 / (factor * lam_33))
    solution = solve(_pure_cross(lam_33, convention), 0.0, start=[0.0, 0.0, 0.8 * wanted])
    assert relative_error(solution.Delta[2], wanted) < CLOSED_FORM
    assert np.abs(solution.Delta[:2]).max() == 0
    assert int(solution.label) == Label.CROSSBAND


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.8])
def test_pure_cross_pairing_at_a_distance(ratio):
    """E = sqrt(xi^2 + Delta_3^2) +- d/2 with both bands in the shell for |xi| < Omega - d/2: below the Clogston limit d = 2
    Delta_3 the distance only takes away from the shell, Delta_3 = (Omega - d/2) / sinh(1 / 2 lambda_33)."""
    d = ratio * 2 * 30.0 / np.sinh(1 / 0.4)
    wanted = (30.0 - d / 2) / np.sinh(1 / 0.4)
    assert d < 2 * wanted  # gapped; the start must lie above it, since below lies another, unstable solution (Sarma)
    solution = solve(_pure_cross(0.2, "mean", d), 0.0, start=[0.0, 0.0, 1.05 * wanted])
    assert relative_error(solution.Delta[2], wanted) < CLOSED_FORM


@pytest.mark.parametrize("T", [0.0, 4.0])
@pytest.mark.parametrize("angle", [0.5, 1.0])
def test_rank_one_couplings_are_gapless(T, angle):
    """g_cc' = g_0 v_c v_c', v = (C_1^2, C_2^2, C_1 C_2): one mixed band pairs, Delta = v delta with the one-band delta, and
    the other stays normal: E_- = 0 on the Fermi line."""
    C = np.array([np.cos(angle), np.sin(angle)])
    v = np.array([*C**2, C[0] * C[1]])
    delta = float(solve(one_band(0.4), T, start=[5.0]).Delta[0].real)
    solution = solve(system(0.4 * np.outer(v, v), [200.0, 200.0]), T, start=4.0 * v)
    assert int(solution.status) == Status.CONVERGED
    assert relative_error(solution.Delta, v * delta) < CLOSED_FORM
    E_plus, E_minus = energies(jnp.zeros(1), jnp.zeros(1), *solution.Delta.real)
    assert relative_error(E_plus, [delta]) < CLOSED_FORM
    assert E_minus[0] < CLOSED_FORM * delta


# === T_c by an independent route


def _scipy_kernel(sc, T):
    """K_c(T) of two 2D bands by scipy's adaptive quadrature, from the formula in PHYSICS.md as it stands."""
    kT, Omega = k_B * T, float(sc.Omega)
    m, mu = (np.array([float(getattr(b, leaf)) for b in sc.bands]) for leaf in ("mass", "mu"))

    def integral(f, a, b, points):
        cuts = sorted({a, b, *(p for p in points if a < p < b)})
        return sum(integrate.quad(f, p, q, epsabs=1e-13, epsrel=1e-13, limit=400)[0] for p, q in itertools.pairwise(cuts))

    def own(zeta):
        return np.tanh(zeta / (2 * kT)) / (2 * zeta) if abs(zeta) > 1e-7 * kT else 1 / (4 * kT)

    def cross(kappa):
        z1, z2 = kappa / m - mu
        s = z1 + z2
        if abs(s) < 1e-7:
            return 1 / (2 * kT) / np.cosh(z1 / (2 * kT)) ** 2
        return (np.tanh(z1 / (2 * kT)) + np.tanh(z2 / (2 * kT))) / s

    K = [abs(m[i]) * integral(own, -Omega, Omega, [-5 * kT, 0, 5 * kT]) / float(sc.N[i]) for i in range(2)]
    lo, hi = max(m * (mu - Omega)), min(m * (mu + Omega))
    middle = mu.sum() / (1 / m).sum()
    points = [middle, *(m * mu), *(m * mu - 5 * kT), *(m * mu + 5 * kT)]
    return np.array([*K, integral(cross, lo, hi, points) / float(sc.N[2])])


@pytest.mark.parametrize("seed", range(3))
def test_linear_kernel_and_T_c_by_scipy(seed):
    sc = random_system(seed, equal_masses=False)
    T_c = float(critical_temperature(sc))

    def leading(T):
        return np.linalg.eigvals(np.asarray(sc.lam) * _scipy_kernel(sc, T)[None, :]).real.max()

    for T in (0.3 * T_c, T_c):
        assert relative_error(_kernel(sc, jnp.asarray(T)), _scipy_kernel(sc, T)) < T_C
    assert abs(leading(T_c) - 1) < T_C
    assert all(leading(T) < 1 for T in T_c * np.geomspace(1.001, 30, 12))


def test_no_T_c_without_attraction():
    assert float(critical_temperature(system(-0.3 * np.eye(3), [200.0, 205.0]))) == 0.0


# === symmetries


@pytest.mark.parametrize("s", [0.1, 3.0])
@pytest.mark.parametrize("T", [0.0, 12.0])
def test_scaling(s, T):
    """2D bands with mu > Omega have only Omega, d and T as scales, at any mu."""
    lam = random_system(7).lam
    sc, scaled = system(lam, [200.0, 206.0]), system(lam, [5000.0, 5000.0 + 6.0 * s], Omega=30.0 * s)
    Delta = solve(sc, T).Delta
    assert relative_error(solve(scaled, T * s).Delta, s * Delta) < SAME_EQUATION
    assert relative_error(critical_temperature(scaled), s * critical_temperature(sc)) < SAME_EQUATION


@pytest.mark.parametrize("T", [0.0, 9.0])
def test_masses_scale_out_in_two_dimensions(T):
    """kappa -> s kappa turns m into s m at equal mu, N included."""
    lam = random_system(8).lam
    a, b = (system(lam, [200.0, 206.0], [s, 1.02 * s]) for s in (1.0, 2.5))
    assert relative_error(solve(b, T).Delta, solve(a, T).Delta) < SAME_EQUATION


@pytest.mark.parametrize("T", [0.0, 9.0])
def test_hole_bands_are_electron_bands_turned_over(T):
    """kappa counted from the other end of the shell: two 2D hole bands at distance d pair as two electron bands do."""
    lam = random_system(9).lam
    electrons, holes = (system(lam, [s * 200.0, s * 206.0], [s, s]) for s in (1, -1))
    assert relative_error(solve(holes, T).Delta, solve(electrons, T).Delta) < SAME_EQUATION


@pytest.mark.parametrize("T", [0.0, 9.0])
def test_exchange_of_the_bands(T):
    sc = random_system(10)
    order = [1, 0, 2]
    swapped = system(np.asarray(sc.lam)[np.ix_(order, order)], [float(b.mu) for b in sc.bands][::-1], Omega=float(sc.Omega))
    assert relative_error(solve(swapped, T).Delta, solve(sc, T).Delta[jnp.array(order)]) < SAME_EQUATION


@pytest.mark.parametrize("T", [0.0, 9.0])
def test_sign_of_the_cross_channel_is_free(T):
    """Turning the sign of every coupling between the bands and the cross channel turns the sign of Delta_3: theta keeps its
    value, since 2 phi_3 changes by 2 pi."""
    sc = random_system(11)
    sign = np.array([1, 1, -1])
    turned = sc.set({f"lam[{c}, a:b]": -sc.get(f"lam[{c}, a:b]") for c in "ab"})
    turned = turned.set({f"lam[a:b, {c}]": -sc.get(f"lam[a:b, {c}]") for c in "ab"})
    solution = solve(sc, T)
    assert relative_error(solve(turned, T, start=solution.Delta * sign).Delta, solution.Delta * sign) < SAME_EQUATION


PHASES = [0.4, np.pi / 2, 2.5]


@pytest.mark.parametrize("phase", PHASES)
def test_gap_equations_are_covariant(phase):
    """r(e^ia Delta) = e^ia r(Delta), and phi(e^ia Delta) = phi(Delta), at any amplitudes."""
    case, T = problem("complex saddle"), jnp.asarray(2.0)
    Delta = jnp.asarray(case.Delta * np.array([1.1, 0.8, 1.3j]))
    turned = Delta * np.exp(1j * phase)
    assert scaled_error(_residual(case.system, turned, T) * np.exp(-1j * phase), _residual(case.system, Delta, T)) < EXACT
    assert relative_error(_phi(case.system, turned, T), _phi(case.system, Delta, T)) < EXACT
    one_turned = Delta * np.array([1.0, 1.0, np.exp(1j * phase)])
    assert relative_error(_phi(case.system, one_turned, T), _phi(case.system, Delta, T)) > 1e-3


def test_theta_and_minus_theta_are_degenerate():
    case, T = problem("complex saddle"), jnp.asarray(2.0)
    Delta = jnp.asarray(case.Delta * np.array([1.1, 0.8, 1.3j]))
    assert scaled_error(_residual(case.system, Delta.conj(), T), _residual(case.system, Delta, T).conj()) < EXACT
    assert relative_error(_phi(case.system, Delta.conj(), T), _phi(case.system, Delta, T)) < EXACT
    a, b = (solve(case.system, case.T, start=D) for D in (case.Delta, case.Delta.conj()))
    assert relative_error(b.Delta, a.Delta.conj()) < SAME_EQUATION
    assert relative_error(b.sigma_min, a.sigma_min) < CLOSED_FORM
    assert int(a.label) == int(b.label) == Label.BROKEN


@pytest.mark.parametrize("words", ["complex saddle", "s+- branch, T=20.0"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_turned_start_gives_the_turned_solution(words, phase):
    case = problem(words)
    slightly = case.Delta.astype(complex) * np.exp(1e-3j)  # complex, so that both solve for 2n unknowns
    a, b = solve(case.system, case.T, start=slightly), solve(case.system, case.T, start=slightly * np.exp(1j * phase))
    assert int(b.status) == Status.CONVERGED
    assert relative_error(b.Delta, a.Delta * np.exp(1j * phase)) < SAME_EQUATION
    assert relative_error(b.sigma_min, a.sigma_min) < CLOSED_FORM
    assert int(a.label) == int(b.label)
    zeta = jnp.linspace(-20.0, 20.0, 41)
    for E, E_turned in zip(energies(zeta, zeta - 3.0, *a.Delta), energies(zeta, zeta - 3.0, *b.Delta), strict=True):
        assert relative_error(E_turned, E) < CLOSED_FORM


# === decoupling


@pytest.mark.parametrize("T", [0.0, 8.0])
def test_two_identical_bands_without_coupling_are_one_band(T):
    lam = np.diag([0.3, 0.3])
    one, two = one_band(0.3), system(lam, [200.0, 200.0], cross=())
    Delta = solve(one, T, start=[2.0]).Delta[0]
    assert relative_error(solve(two, T, start=[2.0, 2.0]).Delta, jnp.stack([Delta, Delta])) < SAME_EQUATION
    phi_one = _phi(one, Delta.real[None], jnp.asarray(T))
    assert relative_error(_phi(two, jnp.stack([Delta, Delta]).real, jnp.asarray(T)), 2 * phi_one) < EXACT


def test_T_c_of_two_identical_bands_is_that_of_one():
    """Two channels become critical together: T_c is that of one band; T_c = max has no derivative with respect to one coupling,
    the mean of both sides is given (`test_critical`)."""
    two = system(np.diag([0.3, 0.3]), [200.0, 200.0], cross=())
    assert relative_error(critical_temperature(two), critical_temperature(one_band(0.3))) < SAME_EQUATION


CLUSTER = [[0.4, 0.05, 0.07], [0.03, 0.33, 0.04], [0.05, 0.02, 0.15]]


def _with_third_band():
    """The cluster a, b and an uncoupled band c; channels a, b, c, a:b."""
    lam = np.zeros((4, 4))
    lam[np.ix_([0, 1, 3], [0, 1, 3])] = CLUSTER
    lam[2, 2] = 0.25
    return system(lam, [150.0, 157.0, 80.0], [1.0, 1.0, 2.0], cross=((0, 1),))


@pytest.mark.parametrize("T", [0.0, 3.0])
def test_decoupled_clusters_solve_independently(T):
    pair, single, both = system(CLUSTER, [150.0, 157.0]), one_band(0.25, mu=80.0, mass=2.0), _with_third_band()
    start = np.array([6.0, 4.5, 1.0, 1.5])
    D_pair, D_single = solve(pair, T, start=start[[0, 1, 3]]).Delta, solve(single, T, start=start[2:3]).Delta
    D_both = solve(both, T, start=start).Delta
    assert relative_error(D_both[jnp.array([0, 1, 3])], D_pair) < SAME_EQUATION
    assert relative_error(D_both[2:3], D_single) < SAME_EQUATION
    parts = _phi(pair, D_pair.real, jnp.asarray(T)) + _phi(single, D_single.real, jnp.asarray(T))
    assert relative_error(_phi(both, D_both.real, jnp.asarray(T)), parts) < CLOSED_FORM


def test_T_c_of_decoupled_clusters_is_the_higher_one():
    parts = [critical_temperature(system(CLUSTER, [150.0, 157.0])), critical_temperature(one_band(0.25, mu=80.0, mass=2.0))]
    assert relative_error(critical_temperature(_with_third_band()), max(parts)) < SAME_EQUATION


@pytest.mark.slow
def test_decoupled_clusters_have_a_free_phase_each():
    """Two clusters have two free phases; both are fixed, so that a complex solution has the derivatives of the real one."""
    sc, real = _with_third_band(), np.array([6.0, 4.5, 1.0, 1.5])
    turned = real * np.exp(1j * np.array([0.3, 0.3, -1.1, 0.3]))

    def total(Omega, start):
        return jnp.sum(jnp.abs(solve(sc.set({"Omega": Omega}), 3.0, start=start, throw=False).Delta))

    solution = solve(sc, 3.0, start=turned, throw=False)
    assert bool(solution.differentiable)
    values, slopes = zip(*(jax.value_and_grad(total)(float(sc.Omega), start) for start in (real, turned)), strict=True)
    assert float(values[1]) == pytest.approx(float(values[0]), rel=1e-11)
    assert float(slopes[1]) == pytest.approx(float(slopes[0]), rel=1e-9)
