"""Two electronic states and a phonon: two routes to every number, the limits without breakdown, and weak coupling."""

import matplotlib as mpl

mpl.use("agg")

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from problems import generator, relative_error, scaled_error
from scipy import integrate

from jaxgap.numerics.checks import InputError, NotConvergedError
from jaxgap.origins import (
    adiabatic_energies,
    adiabatic_states,
    born_huang_levels,
    born_oppenheimer_levels,
    breakdown,
    breakdown_map,
    coupling_energy,
    derivative_coupling,
    derivative_coupling_term,
    electronic_hamiltonian,
    exact_levels,
    hellmann_feynman_coupling,
    isotope,
    mixing_coefficients,
    oscillator_length,
    plot_breakdown_map,
    plot_vibronic_levels,
    vibronic_levels,
    vibronic_model,
)
from jaxgap.units import hbar2_over_2m_e, hbar2_over_2u, meV_per_Ry, meV_per_THz

PROMISED = 1e-10
"""What the levels (in units of hbar omega) and the derivative couplings promise."""
ROUNDING = 1e-13
"""A few operations in closed form."""
FINITE_DIFFERENCES = 1e-6
"""Central differences with a step of 1e-4 of the leaf."""
LEVELS = 4


def model(g=0.5, delta=1.0, omega=30.0, M=10.8):
    """A model with coupling energy g and distance delta in units of hbar omega."""
    one = vibronic_model(delta=delta * omega, kappa=1.0, omega=omega, M=M)
    return vibronic_model(delta=delta * omega, kappa=g * omega / coupling_energy(one), omega=omega, M=M)


MODELS = {"weak": (0.1, 3.0), "intermediate": (0.6, 1.0), "strong, double well": (1.5, 1.0), "near degeneracy": (0.5, 0.05)}


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def one(request):
    return model(*request.param)


def test_units():
    """The electron's mass is 5.48579909065e-4 u; 1 Ry = 3289.84196 THz (both CODATA)."""
    assert abs(hbar2_over_2u / (hbar2_over_2m_e * 5.48579909065e-4) - 1) < 1e-9
    assert abs(meV_per_Ry / meV_per_THz - 3289.8419602508) < 1e-6
    one = vibronic_model(delta=1.0, kappa=2.0, omega=10.0, M=4.0)
    assert abs(float(oscillator_length(one)) ** 2 - 2 * 2.09008 / 40.0) < 1e-6
    assert relative_error(coupling_energy(one), 2.0 * float(oscillator_length(one)) / np.sqrt(2)) < ROUNDING


# === adiabatic states


@pytest.mark.parametrize("Q", [-0.4, 0.0, 0.03])
def test_adiabatic_states_diagonalise(one, Q):
    H = np.asarray(electronic_hamiltonian(one, Q))
    phi = np.asarray(adiabatic_states(one, Q))
    values = np.linalg.eigvalsh(H)
    assert scaled_error(phi @ H @ phi.T, np.diag(values)) < ROUNDING
    assert scaled_error(phi @ phi.T, np.eye(2)) < ROUNDING
    elastic = float(one.omega) * (Q / float(oscillator_length(one))) ** 2 / 2
    assert scaled_error(adiabatic_energies(one, jnp.asarray(Q)), values + elastic) < ROUNDING


@pytest.mark.parametrize("delta", [1e-6, 1.0, 50.0, 1e4])
def test_derivative_coupling_by_three_routes(delta):
    """Autodiff of the closed eigenvector, Hellmann-Feynman, and -kappa delta / (delta^2 + 4 kappa^2 Q^2)."""
    one = vibronic_model(delta=delta, kappa=-300.0, omega=30.0, M=10.0)
    for Q in (-0.2, 0.0, 1e-9, 0.05):
        wanted = 300.0 * delta / (delta**2 + 4 * 300.0**2 * Q**2)
        assert relative_error(derivative_coupling(one, Q), wanted) < PROMISED
        # <phi_2|sigma_x|phi_1> is a difference of squares: its error is relative to 1.
        scale = 300.0 / np.hypot(delta, 600.0 * Q)
        assert abs(float(hellmann_feynman_coupling(one, Q)) - wanted) < PROMISED * scale


def test_derivative_coupling_from_a_numerical_eigenvector():
    """A fourth: autodiff through a general eigensolver, with the sign of one component fixed."""
    one = vibronic_model(delta=50.0, kappa=300.0, omega=30.0, M=10.0)

    def states(Q):
        vectors = jnp.linalg.eigh(electronic_hamiltonian(one, Q))[1].T
        return vectors * jnp.sign(jnp.stack([vectors[0, 1], vectors[1, 0]]))[:, None]

    for Q in (-0.1, 0.02):
        coupling = states(Q)[1] @ jax.jacfwd(states)(Q)[0]
        assert relative_error(derivative_coupling(one, Q), coupling) < PROMISED


# === levels


def whole_matrix(one, n=120):
    """H without parity: oscillator times spin, by Kronecker products."""
    a = np.diag(np.sqrt(np.arange(1.0, n)), 1)
    sigma_z, sigma_x = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    H = float(one.omega) * np.kron(a.T @ a + np.eye(n) / 2, np.eye(2)) + float(one.delta) / 2 * np.kron(np.eye(n), sigma_z)
    return H + float(coupling_energy(one)) * np.kron(a + a.T, sigma_x)


def test_exact_levels(one):
    levels = exact_levels(one, LEVELS)
    assert bool(levels.converged)
    wanted = np.linalg.eigvalsh(whole_matrix(one))[:LEVELS]
    assert scaled_error(levels.energy, wanted) < PROMISED
    assert int(levels.parity[0]) == -1


@pytest.mark.parametrize("of", [exact_levels, born_oppenheimer_levels, born_huang_levels])
def test_levels_do_not_depend_on_the_basis(of, one):
    """Two sizes apart from those that the library compares itself."""
    small, large = of(one, LEVELS), of(one, LEVELS, size=64)
    assert float(np.abs(small.energy - large.energy).max()) < PROMISED * float(one.omega)
    assert np.all(np.diff(small.energy) >= 0)
    np.testing.assert_array_equal(small.parity, large.parity)


def finite_elements(one, born_huang):
    """The lowest level on the lower surface, by fourth-order differences on a uniform grid of the half line."""
    x_0, omega = float(oscillator_length(one)), float(one.omega)
    h = 0.01
    x = (np.arange(900) + 0.5) * h
    V = np.asarray(adiabatic_energies(one, jnp.asarray(x * x_0))[0]) / omega
    d = x_0 * float(one.kappa * one.delta) / (float(one.delta) ** 2 + 4 * float(one.kappa) ** 2 * (x * x_0) ** 2)
    stencil = np.zeros((len(x), len(x)))
    for step, weight in ((0, 30.0), (1, -16.0), (-1, -16.0), (2, 1.0), (-2, 1.0)):
        for i in range(len(x)):
            j = i + step
            j = -1 - j if j < 0 else j  # even states
            if j < len(x):
                stencil[i, j] += weight / 24
    return omega * np.linalg.eigvalsh(stencil / h**2 + np.diag(V + born_huang * d**2 / 2))[0]


@pytest.mark.parametrize("born_huang", [0, 1])
def test_surfaces_against_finite_differences(born_huang):
    """h^4 / 90 times a sixth derivative: 1e-8 or so."""
    one = model(0.6, 1.0)
    of = born_huang_levels if born_huang else born_oppenheimer_levels
    assert abs(float(of(one, LEVELS).energy[0]) / finite_elements(one, born_huang) - 1) < 1e-7


@pytest.mark.parametrize("of", [exact_levels, born_oppenheimer_levels, born_huang_levels])
def test_no_coupling(of):
    """kappa = 0: two ladders, shifted by delta."""
    one = vibronic_model(delta=50.0, kappa=0.0, omega=30.0, M=10.0)
    wanted = np.sort(np.add.outer([-25.0, 25.0], 30.0 * (np.arange(LEVELS) + 0.5)).ravel())[:LEVELS]
    assert float(np.abs(of(one, LEVELS).energy - wanted).max()) < 30 * PROMISED


def test_degenerate_states():
    """delta -> 0: displaced oscillators, whose tunnelling lowers the ground state by (delta/2) exp(-2 g^2/omega^2)."""
    g, delta = 0.8, 1e-4
    energy = float(exact_levels(model(g, delta), LEVELS).energy[0]) / 30.0
    assert abs(energy - (0.5 - g**2 - delta / 2 * np.exp(-2 * g**2))) < delta**2


# === breakdown


def test_no_breakdown_without_coupling_and_far_from_degeneracy():
    none = breakdown(vibronic_model(delta=30.0, kappa=0.0, omega=30.0, M=10.0))
    assert abs(float(none.exact_minus_born_oppenheimer)) < 30 * PROMISED
    assert abs(float(none.exact_minus_born_huang)) < 30 * PROMISED
    near, far = (breakdown(model(0.5, delta)) for delta in (20.0, 200.0))
    for deviation, power in (("exact_minus_born_oppenheimer", 2), ("exact_minus_born_huang", 3)):
        ratio = float(getattr(near, deviation)) / float(getattr(far, deviation))
        assert abs(np.log10(ratio) - power) < 0.05  # (delta + omega) stands beside delta


@pytest.mark.parametrize("delta", [0.5, 3.0])
def test_weak_coupling(delta):
    """E_exact - E_BO = g^2 w / [d (d + w)] and E_exact - E_BH = -g^2 w^2 / [d^2 (d + w)], with corrections of order g^2.

    Two couplings separate the leading order from the next: the relative deviation falls by four, and its extrapolation to g = 0
    leaves order g^4 and the rounding of the differences.
    """
    deviations = []
    for g in (0.02, 0.01):
        found = breakdown(model(g * delta, delta))
        g2 = (g * delta) ** 2
        leading = 30 * g2 / (delta * (delta + 1)), -30 * g2 / (delta**2 * (delta + 1))
        got = found.exact_minus_born_oppenheimer, found.exact_minus_born_huang
        deviations.append(np.array(got) / leading - 1)
    assert np.all(np.abs(deviations[0]) < 0.02)
    assert np.abs(deviations[0] / deviations[1] - 4).max() < 0.1
    assert np.abs((4 * deviations[1] - deviations[0]) / 3).max() < 2e-5


def test_born_oppenheimer_below_and_born_huang_above():
    rng = generator(71)
    for _ in range(6):
        found = breakdown(model(rng.uniform(0.1, 1.5), rng.uniform(0.1, 5.0), rng.uniform(5, 90), rng.uniform(1, 200)))
        assert bool(found.converged)
        assert float(found.exact_minus_born_oppenheimer) > 0 > float(found.exact_minus_born_huang)


def test_light_atoms():
    """At fixed force constant and weak coupling E_exact - E_BO is -> kappa^2 hbar^2 / 2 M delta^2 for delta >> omega."""
    one = model(0.1, 30.0)
    light, heavy = (breakdown(isotope(one, M)) for M in (10.0, 40.0))
    assert abs(float(light.exact_minus_born_oppenheimer / heavy.exact_minus_born_oppenheimer) / 4 - 1) < 0.02
    assert abs(float(light.exact_minus_born_huang / heavy.exact_minus_born_huang) / 8 - 1) < 0.02
    wanted = hbar2_over_2u / 40.0 * float(one.kappa / one.delta) ** 2
    assert abs(float(heavy.exact_minus_born_oppenheimer) / wanted - 1) < 0.05


def test_derivatives_of_the_breakdown():
    one = model(0.6, 1.0)
    gradient = jax.jit(jax.jacrev(lambda m: jnp.stack(breakdown(m)[:3])))(one)
    for leaf in ("delta", "kappa", "omega", "M"):
        h = 1e-4 * float(getattr(one, leaf))
        values = {name: float(getattr(one, name)) for name in ("delta", "kappa", "omega", "M")}
        plus, minus = (breakdown(vibronic_model(**(values | {leaf: values[leaf] + s * h}))) for s in (1, -1))
        wanted = (np.array(plus[:3]) - np.array(minus[:3])) / (2 * h)
        assert scaled_error(getattr(gradient, leaf), wanted) < FINITE_DIFFERENCES


# === mixing


def test_mixing_by_the_ground_state_and_by_its_energy(one):
    """C_2^2 = 1/2 + dE/d delta, since E moves with <sigma_z> / 2."""
    C = mixing_coefficients(one)
    slope = jax.grad(lambda m: exact_levels(m, 1, size=64).energy[0])(one).delta
    assert abs(float(C[1]) ** 2 - (0.5 + float(slope))) < PROMISED
    assert abs(float(C @ C) - 1) < ROUNDING


def test_mixing_with_adiabatic_states():
    """Against projectors at Gauss-Hermite points, which delta = 2 hbar omega still allows."""
    one, n = model(0.5, 2.0), 60
    ground = np.linalg.eigh(whole_matrix(one, n))[1][:, 0].reshape(n, 2)
    x, weight = np.polynomial.hermite.hermgauss(180)
    # Eigenvectors of the position matrix are the quadrature: functions at Gauss points, here by the recurrence.
    functions = [np.full_like(x, np.pi**-0.25), np.sqrt(2) * x * np.pi**-0.25]
    for k in range(1, n - 1):
        functions.append(np.sqrt(2 / (k + 1)) * x * functions[-1] - np.sqrt(k / (k + 1)) * functions[-2])
    psi = np.einsum("ns,np->ps", ground, np.array(functions))
    phi = jax.vmap(lambda Q: adiabatic_states(one, Q))(jnp.asarray(x) * oscillator_length(one))
    wanted = np.einsum("pi,p->i", np.einsum("pis,ps->pi", phi, psi) ** 2, weight)
    assert np.abs(np.asarray(mixing_coefficients(one, "adiabatic")) ** 2 - wanted).max() < 1e-9


def test_mixing_at_weak_coupling():
    g, delta = 0.02, 2.0
    one = model(g, delta)
    assert abs(float(mixing_coefficients(one)[1]) / (g / (delta + 1)) - 1) < g
    assert abs(float(mixing_coefficients(one, "adiabatic")[1]) / (g / (delta * (delta + 1))) - 1) < g


def test_mixing_is_complete_for_degenerate_states():
    """Up to the overlap exp(-2 g^2 / omega^2) of the two displaced oscillators."""
    C = mixing_coefficients(model(2.5, 1e-5))
    assert np.abs(C - np.sqrt(0.5)).max() < 2 * np.exp(-2 * 2.5**2) * np.sqrt(0.5)


def test_derivatives_of_the_mixing():
    """Reverse against forward to rounding, and both against finite differences."""
    one = model(0.6, 1.0)
    reverse, forward = (jax.jit(jac(mixing_coefficients))(one) for jac in (jax.jacrev, jax.jacfwd))
    for leaf in ("delta", "omega"):
        assert scaled_error(getattr(reverse, leaf), getattr(forward, leaf)) < 1e-10
        h = 1e-4 * float(getattr(one, leaf))
        values = {name: float(getattr(one, name)) for name in ("delta", "kappa", "omega", "M")}
        plus, minus = (mixing_coefficients(vibronic_model(**(values | {leaf: values[leaf] + s * h}))) for s in (1, -1))
        assert scaled_error(getattr(reverse, leaf), (plus - minus) / (2 * h)) < FINITE_DIFFERENCES
    at_zero = jax.jit(jax.jacrev(mixing_coefficients))(vibronic_model(delta=30.0, kappa=0.0, omega=30.0, M=10.0))
    assert np.all(np.asarray(at_zero.delta) == 0)  # levels above the ground state cross there


def test_a_basis_that_is_too_small_says_so_while_JAX_traces():
    strong = model(6.0, 1.0)
    assert bool(exact_levels(strong, LEVELS).converged)  # doubled
    assert not bool(jax.jit(lambda m: exact_levels(m, LEVELS).converged)(strong))
    assert np.isnan(jax.jit(mixing_coefficients)(strong)).all()


# === Eq. 2


@pytest.mark.parametrize("displacement", [0.03, -0.2])
def test_derivative_coupling_term(displacement):
    one = vibronic_model(delta=20.0, kappa=300.0, omega=30.0, M=10.0)
    x_0 = float(oscillator_length(one))

    def integrand(Q):
        Omega = np.exp(-((Q - displacement) ** 2) / (2 * x_0**2)) / np.sqrt(np.sqrt(np.pi) * x_0)
        d = -300.0 * 20.0 / (20.0**2 + 4 * 300.0**2 * Q**2)
        return Omega * d * -(Q - displacement) / x_0**2 * Omega

    integral = integrate.quad(integrand, -1.5, 1.5, points=[0, displacement], epsabs=1e-13, limit=400)[0]
    wanted = abs(2 * hbar2_over_2u / 10.0 * 0.8 * 0.6 * integral)
    assert relative_error(derivative_coupling_term(one, jnp.array([0.8, 0.6]), displacement), wanted) < 1e-9
    assert float(derivative_coupling_term(one, jnp.array([0.8, 0.6]), 0.0)) < 1e-12  # by parity


# === maps


def test_map_shows_near_degeneracy_and_light_atoms():
    one = vibronic_model(delta=100.0, kappa=300.0, omega=30.0, M=10.0)
    found = breakdown_map(one, "delta", [30.0, 100.0, 300.0], "M", [4.0, 10.0])
    wanted = breakdown(one)
    assert relative_error(found.exact_minus_born_oppenheimer[1, 1], wanted.exact_minus_born_oppenheimer) < 1e-8
    assert relative_error(found.mixing[1, 1], mixing_coefficients(one)[1]) < PROMISED
    for deviation in (found.exact_minus_born_oppenheimer, -found.exact_minus_born_huang):
        assert np.all(np.diff(deviation, axis=1) < 0)
        assert np.all(np.diff(deviation, axis=0) < 0)
    both = breakdown_map(one, "omega", [20.0, 60.0], "M", [4.0, 10.0])  # both as they are
    wanted = breakdown(vibronic_model(delta=100.0, kappa=300.0, omega=60.0, M=4.0))
    assert relative_error(both.exact_minus_born_huang[0, 1], wanted.exact_minus_born_huang) < 1e-8
    with pytest.raises(InputError, match="at least two points"):
        plot_breakdown_map(breakdown_map(one, "omega", [20.0], "M", [4.0, 10.0]))
    axes = plt.subplots()[1]
    assert plot_breakdown_map(found, ax=axes) is axes
    assert "(meV)" in axes.get_xlabel()
    axes = plt.subplots()[1]
    assert plot_vibronic_levels(model(0.6, 1.0), LEVELS, ax=axes) is axes
    plt.close("all")


def test_batches():
    """A batch is its members, each with its own word on convergence."""
    deltas = jnp.array([0.3, 30.0])
    found = jax.vmap(lambda delta: breakdown(vibronic_model(delta=delta, kappa=300.0, omega=30.0, M=10.0)))(deltas)
    for k, delta in enumerate(deltas):
        one = breakdown(vibronic_model(delta=delta, kappa=300.0, omega=30.0, M=10.0))
        assert abs(float(found.exact[k] - one.exact)) < 30 * PROMISED
        assert abs(float(found.born_huang[k] - one.born_huang)) < 30 * PROMISED


# === bad input


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"delta": 0.0}, "`delta` must be positive"),
        ({"M": -1.0}, "`M` must be positive"),
        ({"omega": np.nan}, "`omega` must be finite"),
        ({"kappa": [1.0, 2.0]}, "`kappa` must be one number"),
    ],
)
def test_bad_models(values, words):
    with pytest.raises(InputError, match=words):
        vibronic_model(**({"delta": 1.0, "kappa": 1.0, "omega": 1.0, "M": 1.0} | values))


def test_bad_arguments():
    one = model()
    with pytest.raises(InputError, match="`levels` must be a whole number from 1 to 21"):
        exact_levels(one, 22)
    with pytest.raises(InputError, match="`size` must"):
        breakdown(one, size=0)
    with pytest.raises(InputError, match="`M` must be positive"):
        isotope(one, 0.0)
    with pytest.raises(InputError, match='`states` must be "diabatic" or "adiabatic"'):
        mixing_coefficients(one, "electronic")
    with pytest.raises(InputError, match="`x_name` must be one of delta, kappa, omega, M"):
        breakdown_map(one, "Q", [1.0], "M", [1.0])
    with pytest.raises(InputError, match="`y_name` must differ"):
        breakdown_map(one, "M", [1.0], "M", [1.0])
    with pytest.raises(InputError, match="`C` must be two coefficients"):
        derivative_coupling_term(one, jnp.ones(3), 0.1)


def test_what_cannot_converge_raises(monkeypatch):
    monkeypatch.setattr(vibronic_levels, "LARGEST", 60)
    with pytest.raises(NotConvergedError, match="did not converge to 1e-10 hbar omega with 90 basis states"):
        exact_levels(model(6.0, 1.0), LEVELS)
