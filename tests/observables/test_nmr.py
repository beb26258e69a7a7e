"""1/T_1 with coherence factors."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import one_band, relative_error, system

from jaxgap import InputError, critical_temperature, materials, solve
from jaxgap.observables import relaxation_rate
from jaxgap.observables.nmr import relaxation_rate_of
from jaxgap.solving.state import GivenState
from jaxgap.spectra.green import local_functions, local_green_function
from jaxgap.units import k_B

RATE = 1e-5
"""What the nodes leave for Gamma >= 0.01 meV."""
ENDS = 3e-5
"""Of a band and a shell that end, against ones without ends: Gamma / pi mu = 8e-6, and as much from the shell."""
DIFFERENCES = 1e-6
"""Central differences, with the nodes' own dependence on the state (which is none) left out."""
EXACT = 1e-12
"""Two formulas for one number."""


@pytest.fixture(scope="module")
def state():
    """One band at 0.8 T_c, so deep that its end does not matter."""
    sc = one_band(0.3, mu=2e4)
    return solve(sc, 0.8 * float(critical_temperature(sc)))


@pytest.fixture(scope="module")
def pair():
    return solve(materials.ba122(), 20.0, branch="s+-")


@pytest.mark.parametrize("Gamma", [0.5, pytest.param(0.02, marks=pytest.mark.slow)])
def test_one_band_is_the_textbooks_integral(state, Gamma):
    """int dw (-f') [N^2 + M^2] with N = Re z/sqrt(z^2 - Delta^2) and M = Re Delta/sqrt(z^2 - Delta^2)."""
    kT, Delta = k_B * float(state.T), float(np.abs(state.Delta[0]))
    w = np.linspace(-40 * kT, 40 * kT, 800_001)
    root = np.sqrt((w + 1j * Gamma) ** 2 - Delta**2)
    root = np.where(root.imag < 0, -root, root)
    N, M = ((x / root).real for x in (w + 1j * Gamma, Delta))
    wanted = np.trapezoid((N**2 + M**2) / (4 * kT * np.cosh(w / (2 * kT)) ** 2), w)
    found = float(relaxation_rate(state, Gamma))
    assert found == pytest.approx(wanted, rel=ENDS)
    if Gamma < 0.1:
        assert found > 2  # Hebel and Slichter's peak


def test_the_normal_state_obeys_korringa(state):
    """At any broadening, although the band ends."""
    normal = eqx.tree_at(lambda s: s.Delta, state, 0 * state.Delta)
    assert float(relaxation_rate(normal, 0.5)) == pytest.approx(1.0, abs=RATE)


@pytest.mark.slow
def test_a_clean_gap_diverges_logarithmically(state):
    rates = [float(relaxation_rate(state, Gamma)) for Gamma in (0.04, 0.02, 0.01, 0.005)]
    steps = np.diff(rates)
    assert np.all(steps > 0.1)
    np.testing.assert_allclose(steps, steps[0], rtol=0.1)


@pytest.mark.slow
def test_cold_rates_are_activated():
    """1/T_1 falls as exp(-Delta / k_B T), up to a factor that changes slowly."""
    sc = one_band(0.3)
    T = float(critical_temperature(sc)) * np.array([0.12, 0.13])
    states = [solve(sc, t) for t in T]
    rates = [float(relaxation_rate(s, 1e-5)) * t for s, t in zip(states, T, strict=True)]
    slope = np.log(rates[0] / rates[1]) / (1 / T[0] - 1 / T[1])
    assert -slope * k_B == pytest.approx(float(np.abs(states[0].Delta[0])), rel=0.03)


@pytest.mark.slow
def test_relaxation_between_bands_of_opposite_sign_has_no_peak(pair):
    """Below 1 where s++ has its peak: M_1 M_2 < 0. The same amplitudes without signs relax faster."""
    between = [[0.0, 1.0], [1.0, 0.0]]
    same = eqx.tree_at(lambda s: s.Delta, pair, jnp.abs(pair.Delta) + 0j)
    rates = [float(relaxation_rate(s, 0.1, weights=between)) for s in (pair, same)]
    assert rates[0] < 0.5 * rates[1]


@pytest.mark.slow
def test_the_peak_of_s_plus_minus_is_taken_away():
    """Two equal bands with a repulsion between them, near T_c: within the bands there is a peak, between them there is none."""
    sc = system([[0.3, -0.1], [-0.1, 0.3]], [200.0, 200.0], cross=())
    near = solve(sc, 0.9 * float(critical_temperature(sc)))
    assert float(relaxation_rate(near, 0.1, weights=np.eye(2))) > 1.5
    assert float(relaxation_rate(near, 0.1, weights=[[0, 1], [1, 0]])) < 1.0


@pytest.mark.slow
def test_local_functions_are_those_of_the_4_x_4_matrix(pair):
    """The diagonal of (z - H)^-1 summed over k by brute force, for complex amplitudes; and the function at -omega."""
    sc, z = pair.superconductor, jnp.asarray(9.0 + 0.8j)
    Delta = pair.Delta * jnp.array([1.0, jnp.exp(0.4j), jnp.exp(-0.3j)])
    found = jax.jit(local_functions)(sc, Delta, z)
    mu, Omega = np.array([50.0, 60.0]), float(sc.Omega)
    x, w = np.polynomial.legendre.leggauss(60)
    edges = [np.linspace(a, b, 25) for a, b in ((9, 19), (19, 91), (91, 101))]
    M = np.zeros(2, complex)
    for cuts in edges:
        kappa = (cuts[:-1, None] + np.diff(cuts)[:, None] * (x + 1) / 2).ravel()
        weight = (np.diff(cuts)[:, None] * w / 2).ravel()
        inside = np.abs(kappa[:, None] - mu) <= Omega
        D = np.zeros((len(kappa), 2, 2), complex)
        D[:, 0, 0], D[:, 1, 1] = Delta[0] * inside[:, 0], Delta[1] * inside[:, 1]
        D[:, 0, 1] = D[:, 1, 0] = Delta[2] * inside[:, 0] * inside[:, 1]
        Z = np.eye(2) * (kappa[:, None] - mu)[:, None, :]
        H = np.block([[Z, D], [np.conj(np.swapaxes(D, 1, 2)), -Z]])
        retarded, advanced = (np.linalg.inv(y * np.eye(4) - H) for y in (complex(z), complex(np.conj(z))))
        M += np.einsum("k,kii->i", weight, (advanced - retarded)[:, :2, 2:]) / (2j * np.pi)
    np.testing.assert_allclose(found.M, M, rtol=1e-9)
    below = jax.jit(local_green_function)(sc, Delta, -jnp.conj(z))
    np.testing.assert_allclose(found.below.imag, below.imag, rtol=EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("T", [20.0, 34.0])
def test_nodes_suffice(T):
    state = solve(materials.ba122(), T, branch="s+-")
    for Gamma in (0.3, 0.01):
        finer = relaxation_rate_of(state, jnp.asarray(Gamma), jnp.ones((2, 2)), nodes=80)
        assert relative_error(relaxation_rate(state, Gamma), finer) < RATE


@pytest.mark.slow
def test_extrema_that_have_just_merged_have_nodes():
    """E_- has no extremum at 5.8 meV here, but is nearly flat: without nodes there the rate is off by 4e-3."""
    sc, Gamma, A = system(np.diag([0.4, 0.3, 0.1]), [200.0, 208.0]), jnp.asarray(0.02), jnp.ones((2, 2))
    state = GivenState(sc, jnp.asarray(10.0), jnp.array([6.0, -4.0, 2.0]))
    assert relative_error(relaxation_rate_of(state, Gamma, A), relaxation_rate_of(state, Gamma, A, nodes=80)) < RATE


@pytest.mark.slow
def test_it_differentiates_through_the_solution():
    def rate(x):
        sc = materials.ba122().set({"lambda_13": x})
        return relaxation_rate(solve(sc, 20.0, branch="s+-"), 0.3)

    x, h = 0.0313, 1e-4
    assert relative_error(jax.grad(rate)(x), (float(rate(x + h)) - float(rate(x - h))) / (2 * h)) < DIFFERENCES


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"Gamma": 0.0}, "Gamma"),
        ({"weights": [1.0]}, "weights"),
        ({"weights": [[1.0, 0.2], [0.1, 1.0]]}, "weights"),
        ({"weights": [0.0, 0.0]}, "weights"),
    ],
)
def test_wrong_input_is_named(pair, arguments, complaint):
    given = {"Gamma": 0.1, **arguments}
    with pytest.raises(InputError, match=f"Argument `{complaint}` must"):
        relaxation_rate(pair, given.pop("Gamma"), **given)
