"""The responses of charge density waves and of pairs: closed forms, the two logarithms, and which instability comes first."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma

from jaxgap import InputError, critical_temperature, parabolic_band, superconductor
from jaxgap.origins import (
    cooper,
    gas_cooper,
    gas_lindhard,
    instabilities,
    lindhard,
    lindhard_function,
    lowest_temperature,
    square_lattice,
    tight_binding,
)
from jaxgap.units import hbar2_over_2m_e, k_B

LINDHARD_1D = 1e-8
"""Asked of the 1D response away from 2 k_F; 1e-10 is reached at k_B T = 1e-6 mu, of which thermal smearing is the rest."""
STERN = 1e-6
"""Asked of the 2D response of a circle; 1e-10 is reached."""
ROUNDING = 1e-12
DIFFERENCES = 1e-6
"""Central differences."""
LOGARITHM = np.log(2 * np.exp(np.euler_gamma) / np.pi)
"""ln 1.134."""
GAS = parabolic_band("gas", 1000.0)
K_F = float(np.sqrt(1000.0 / hbar2_over_2m_e))
COLD = 1e-6 * 1000.0 / k_B
HOP, A = 1000.0, 4.0


def chain(mu=0.0):
    return tight_binding([HOP], [[A]], mu, cell=[[A]])


# === electron gases


@pytest.mark.parametrize(("dimension", "tolerance"), [(1, LINDHARD_1D), (2, STERN), (3, STERN)])
def test_lindhard_and_stern(dimension, tolerance):
    x = np.array([0.02, 0.3, 0.7, 0.95, 1.05, 1.5, 4.0])
    found = [float(gas_lindhard(GAS, 2 * K_F * v, COLD, dimension)) for v in x]
    np.testing.assert_allclose(found, lindhard_function(x, dimension), rtol=tolerance)


def test_the_peak_at_two_k_F_grows_with_half_the_logarithm():
    """chi(2 k_F) / N = 1/2 ln(4 * 1.134 mu / k_B T): one Fermi point meets the other."""
    for tau in (1e-3, 1e-5):
        found = float(gas_lindhard(GAS, 2 * K_F, tau * 1000.0 / k_B))
        assert found == pytest.approx((LOGARITHM + np.log(4 / tau)) / 2, abs=tau**2 + 1e-9)


def test_warm_gases():
    """chi(0) is the compressibility int N(e) (-f'): with the T^2 of Sommerfeld when cold, below n / k_B T when hot."""
    near = 1e-3 * K_F
    tau = np.array([0.01, 0.02])
    rise = [float(gas_lindhard(GAS, near, t * 1000.0 / k_B)) - 1 for t in tau]
    # int (1 + z/mu)^(-1/2) (-f') = 1 + (pi^2 / 6) (3/4) tau^2, and (q / 2 k_F)^2 / 3.
    np.testing.assert_allclose(rise, np.pi**2 / 8 * tau**2 + 1e-6 / 12, rtol=0.02)
    # At k_B T = 50 mu, with e = s^2: n / N mu = 2 int f ds, and chi(0) / N = 2 int (-f') ds.
    s = np.linspace(0, 70, 20001)
    n = 2 * np.trapezoid(1 / (1 + np.exp((s**2 - 1) / 50)), s)
    compressibility = 2 * np.trapezoid(1 / (200 * np.cosh((s**2 - 1) / 100) ** 2), s)
    assert float(gas_lindhard(GAS, near, 50 * 1000.0 / k_B)) == pytest.approx(compressibility, rel=1e-7)
    assert 0.5 * n / 50 < compressibility < n / 50  # degeneracy lowers it from the classical value


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_cooper_logarithm(dimension):
    """C / N = ln(1.134 Omega / k_B T) up to (Omega / mu)^2; exactly the library's own kernel in 2D."""
    Omega, T = 1.0, 0.3
    found = float(gas_cooper(GAS, T, Omega, dimension))
    correction = {1: 3 / 16, 2: 0.0, 3: -1 / 16}[dimension] * (Omega / 1000.0) ** 2
    assert found == pytest.approx(LOGARITHM + np.log(Omega / (k_B * T)) + correction, abs=1e-9)  # (k_B T / mu)^2


def test_T_c_from_the_logarithm():
    """1.134 Omega exp(-1 / lambda) solves lambda C = 1, and is what the gap equations give in weak coupling."""
    Omega, lam = 20.0, 0.2
    T_c = np.exp(LOGARITHM - 1 / lam) * Omega / k_B
    assert lam * float(gas_cooper(GAS, T_c, Omega, 2)) == pytest.approx(1.0, abs=1e-10)
    sc = superconductor(bands={"a": {"mu": 1000.0}}, lam=[[lam]], Omega=Omega)
    assert float(critical_temperature(sc)) == pytest.approx(T_c, rel=1e-10)


def test_derivatives_of_gases():
    for function, at, steps in (
        (lambda v: gas_lindhard(parabolic_band("gas", v[0]), v[1], v[2]), (1000.0, 0.8 * K_F, 300.0), (0.1, 1e-4, 0.1)),
        (lambda v: gas_cooper(parabolic_band("gas", v[0]), v[1], v[2]), (1000.0, 5.0, 30.0), (0.1, 1e-3, 1e-3)),
    ):
        run = jax.jit(function)
        slopes = jax.jit(jax.grad(function))(jnp.array(at))
        for i, h in enumerate(steps):
            step = h * jnp.eye(3)[i]
            difference = (run(jnp.array(at) + step) - run(jnp.array(at) - step)) / (2 * h)
            assert float(slopes[i]) == pytest.approx(float(difference), rel=DIFFERENCES, abs=1e-9)


# === lattices


def test_a_chain_of_few_electrons_is_a_gas():
    """mu just above the band's edge: hbar^2 / 2m = t a^2, k_B T = mu / 20, deviations of order mu / t."""
    mu = 4.0
    q = 0.7 * np.sqrt(mu / HOP) / A
    gas = parabolic_band("gas", mu, hbar2_over_2m_e / (HOP * A**2))
    T = 0.2 / k_B
    N = 1 / (2 * np.pi * np.sqrt(mu * HOP))  # a / 2 pi |v| of two points, per spin
    found = float(lindhard(chain(mu - 2 * HOP), q, T, 1 << 16)) / N
    assert found == pytest.approx(float(gas_lindhard(gas, q, T)), rel=2 * mu / HOP)


def test_uniform_and_high_temperature_limits():
    """q -> 0: the compressibility -df/dzeta; T -> infinity: every state is 1 / 4 k_B T, at every q, for both."""
    lattice = square_lattice(250.0, 30.0, mu=-120.0)
    T = 400.0
    k = 2 * np.pi * np.arange(256) / 256
    zeta = -500 * (np.cos(k)[:, None] + np.cos(k)) - 120 * np.cos(k)[:, None] * np.cos(k) + 120
    compressibility = np.mean(1 / (4 * k_B * T * np.cosh(zeta / (2 * k_B * T)) ** 2))
    assert float(lindhard(lattice, [1e-9, 0.0], T)) == pytest.approx(compressibility, rel=1e-9)
    hot = 1e8
    for q in ([0.3, 1.0], [np.pi, np.pi]):
        for response in (lindhard(lattice, q, hot), cooper(lattice, hot, q)):
            assert float(response) * 4 * k_B * hot == pytest.approx(1.0, rel=1e-6)


def test_the_sum_over_all_wave_vectors():
    """sum_q chi(q) on a small zone is the double sum over k and k', term by term by hand."""
    n, T = 8, 2 * float(lowest_temperature(chain(-300.0), 8))
    q = 2 * np.pi * np.arange(n) / (n * A)
    total = sum(float(lindhard(chain(-300.0), v, T, n)) for v in q)
    by_hand = 0.0
    for v in q:  # the grid lies at k +- q/2
        k = 2 * np.pi * np.arange(n) / (n * A)
        up, down = (-2 * HOP * np.cos((k + s * v / 2) * A) + 300.0 for s in (1, -1))
        f_up, f_down = (1 / (np.exp(e / (k_B * T)) + 1) for e in (up, down))
        same = np.abs(up - down) < 1e-6
        slope = 1 / (4 * k_B * T * np.cosh(up / (2 * k_B * T)) ** 2)
        by_hand += np.mean(np.where(same, slope, (f_down - f_up) / np.where(same, 1.0, up - down)))
    assert total == pytest.approx(by_hand, rel=1e-9)


def test_perfect_nesting_makes_both_responses_one_number():
    T = 300.0
    assert float(lindhard(chain(), np.pi / A, T)) == pytest.approx(float(cooper(chain(), T)), rel=ROUNDING)
    # Any filling: chi(q) of k_F < pi/2a equals C at the pair momentum pi/a - q with the bands turned over, not C(0).
    doped = chain(-600.0)
    assert float(lindhard(doped, np.pi / A, T)) < 0.9 * float(cooper(doped, T))


def test_pairs_with_momentum_and_waves_off_nesting_respond_less():
    T = 100.0
    half = chain(-2 * HOP * np.cos(0.4 * np.pi))
    q = np.pi / A * np.linspace(0.0, 1.0, 41)
    chi = [float(lindhard(half, v, T)) for v in q]
    assert int(np.argmax(chi)) == 32  # 2 k_F = .8 pi/a
    pairs = [float(cooper(half, T, v)) for v in q]
    assert np.all(np.diff(pairs[:30]) < 0)


def test_imperfect_nesting_in_closed_form():
    """C - chi = N [Re psi(1/2 + i delta / 2 pi k_B T) - psi(1/2)] for zeta_{k+Q} = -zeta_k - 2 delta, weak coupling."""
    T, N = 100.0, 1 / (2 * np.pi * HOP)
    for delta in (2.0, 10.0):
        found = float(cooper(chain(-delta), T) - lindhard(chain(-delta), np.pi / A, T))
        wanted = N * (np.real(digamma(0.5 + 1j * delta / (2 * np.pi * k_B * T))) - digamma(0.5))
        assert found == pytest.approx(wanted, rel=1e-3)  # N is constant to (k_B T / t)^2 and (delta / t)^2


def test_points_of_the_zone_suffice_down_to_the_stated_temperature():
    lattice = chain(-500.0)
    T = float(lowest_temperature(lattice, 1024))
    for q in (0.0, 0.35, np.pi / A):
        coarse, fine = (float(lindhard(lattice, q, T, n)) for n in (1024, 4096))
        assert coarse == pytest.approx(fine, rel=1e-7)


# === which comes first


def test_perfect_nesting_makes_both_instabilities_one():
    for lattice, g, Q in ((chain(), 1500.0, np.pi / A), (square_lattice(HOP), 2000.0, [np.pi, np.pi])):
        found = instabilities(lattice, g, Q)
        assert float(found.T_CDW) == pytest.approx(float(found.T_c), rel=1e-11)
        assert g * float(cooper(lattice, found.T_c)) == pytest.approx(1.0, abs=1e-11)
        assert found.first == "both at once"


def test_imperfect_nesting_lets_pairs_win_by_the_law_of_pairs_in_a_field():
    g = 1300.0
    T_0 = float(instabilities(chain(), g, np.pi / A).T_c)
    delta = 0.6 * k_B * T_0
    found = instabilities(chain(-delta), g, np.pi / A)
    t = float(found.T_CDW / found.T_c)
    law = digamma(0.5) - np.real(digamma(0.5 + 1j * delta / (2 * np.pi * k_B * float(found.T_CDW))))
    assert np.log(t) == pytest.approx(law, rel=5e-3)  # weak coupling: k_B T / t = .05
    assert found.first == "superconductivity"
    gone = instabilities(chain(-2 * k_B * T_0), g, np.pi / A)
    assert float(gone.T_CDW) == 0.0
    assert float(gone.T_c) == pytest.approx(T_0, rel=0.02)


def test_without_attraction_enough_there_is_neither():
    found = instabilities(chain(), 200.0, np.pi / A)
    assert float(found.T_CDW) == float(found.T_c) == 0.0
    assert found.first == "neither"


def test_derivatives_of_the_instabilities():
    def both(v):
        found = instabilities(tight_binding(v[:1], [[A]], v[1], cell=[[A]]), v[2], v[3:])
        return jnp.stack([found.T_CDW, found.T_c])

    at = jnp.array([HOP, -30.0, 1500.0, np.pi / A - 0.005])
    run, slopes = jax.jit(both), jax.jit(jax.jacrev(both))(at)
    for i, h in enumerate((0.01, 0.01, 0.01, 1e-6)):
        step = h * jnp.eye(4)[i]
        difference = (run(at + step) - run(at - step)) / (2 * h)
        np.testing.assert_allclose(slopes[:, i], difference, rtol=10 * DIFFERENCES, atol=1e-6)
    # Scaling t, mu and g together scales both temperatures.
    np.testing.assert_allclose(slopes[:, :3] @ at[:3], run(at), rtol=1e-9)


# === bad input


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: gas_lindhard(GAS, 0.0, 10.0), "`q` must be positive"),
        (lambda: gas_lindhard(GAS, 0.1, 0.0), "`T` must be positive"),
        (lambda: gas_lindhard(GAS, 0.1, 10.0, 4), "`dimension` must be 1, 2 or 3"),
        (lambda: gas_lindhard(parabolic_band("h", -5.0, -1.0), 0.1, 10.0), "`band` must be an electron band"),
        (lambda: gas_cooper(GAS, 10.0, 2000.0), "`Omega` must be positive and smaller than mu"),
        (lambda: lindhard(chain(), 0.1, 1.0), "`T` must be at least"),
        (lambda: lindhard(chain(), [0.1, 0.2], 100.0), "`q` must have one component"),
        (lambda: cooper(chain(), [100.0, 200.0]), "`T` must be one temperature"),
        (lambda: instabilities(chain(), -1.0, 0.1), "`g` must be positive"),
        (lambda: instabilities(chain(), 100.0, [0.1, 0.2]), "`Q` must have one component"),
    ],
)
def test_bad_input_is_one_sentence(call, complaint):
    with pytest.raises(InputError, match=f"Argument {complaint}"):
        call()
