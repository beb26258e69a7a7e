"""The jump of the heat at T_c of disordered systems: Anderson, Abrikosov and Gor'kov, and the heat below T_c."""

import jax
import numpy as np
import pytest
from disordered import S, one_band, two_bands
from scipy.special import polygamma, zeta

import jaxgap as jg
from jaxgap.numerics.checks import InputError
from jaxgap.observables import normal_specific_heat, specific_heat, specific_heat_jump
from jaxgap.units import k_B

BCS = 12 / (7 * zeta(3))
FAR = {"omega_c": 300.0, "lam": 0.12}
"""A cutoff of 3,700 k_B T_c."""
CUTOFF = 2e-6
"""What it leaves: (pi k_B T_c / omega_c)^2 = 7e-7."""
NEAR = 2e-3
"""Of a parabola through three points up to 0.06 T_c below T_c: its third order, and the 1e-5 by which the sums over frequencies
of the state and of its heat differ, over the distance to T_c; 4e-4 together."""


@pytest.mark.slow
def test_charges_of_one_band_leave_it():
    assert float(specific_heat_jump(one_band(0.5, u=0.3, **FAR))) == pytest.approx(BCS, abs=CUTOFF)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.02, 0.1, 0.13])
def test_spins_of_one_band(share):
    """Skalski, Betbeder-Matibet and Weiss; alpha in units of 2 pi k_B T_c0, of which 0.1404 leave no T_c."""
    J, T_c0 = 0.3, float(jg.critical_temperature(one_band(0.0, u=0.3, **FAR)))
    sc = one_band(share * k_B * T_c0 / J**2, J=J, **FAR)
    rho = share * T_c0 / float(jg.critical_temperature(sc))
    psi = [float(polygamma(k, 0.5 + rho)) for k in range(4)]
    expected = 12 * (1 - rho * psi[1]) ** 2 / (-psi[2] / 2 - rho * psi[3] / 6)
    assert float(specific_heat_jump(sc)) == pytest.approx(expected, abs=CUTOFF)


@pytest.mark.slow
def test_two_bands_by_the_heat_below_T_c():
    """s+- under charges that scatter between the bands."""
    sc = two_bands([[0.14, -0.02], [-0.02, 0.11]], 0.05, 0.3 * S["s1"], interaction=jg.MatsubaraCutoff(300.0))
    T_c, below = float(jg.critical_temperature(sc)), np.array([0.02, 0.04, 0.06])
    states = [jg.solve(sc, T_c * (1 - x)) for x in below]
    heat = [float(specific_heat(s) / normal_specific_heat(sc, s.T)) - 1 for s in states]
    assert float(specific_heat_jump(sc)) == pytest.approx(np.polyfit(below, heat, 2)[-1], abs=NEAR)


@pytest.mark.slow
def test_its_derivative_by_the_density():
    sc, h = one_band(0.01, J=0.3, lam=0.2, omega_c=300.0), 1e-5

    def jump(n):
        return specific_heat_jump(sc.set({"disorder.density": n}))

    difference = float(jump(0.01 + h) - jump(0.01 - h)) / (2 * h)
    assert float(jax.jvp(jump, (0.01,), (1.0,))[1]) == pytest.approx(difference, rel=1e-6)


def test_a_T_c_that_frequencies_do_not_resolve_has_none():
    assert np.isnan(float(specific_heat_jump(one_band(0.1, u=0.3, omega_c=300.0, lam=0.05))))


def test_where_nothing_condenses_there_is_none():
    assert np.isnan(float(specific_heat_jump(one_band(0.5, J=0.3, **FAR))))


@pytest.mark.slow
def test_two_equal_bands_that_nothing_links_have_none():
    assert np.isnan(float(specific_heat_jump(two_bands(0.2 * np.eye(2), 0.1, 0.3 * S["1"]))))


def test_phonons_are_refused():
    with pytest.raises(InputError, match="must have a static interaction"):
        specific_heat_jump(jg.materials.mgb2_eliashberg())
