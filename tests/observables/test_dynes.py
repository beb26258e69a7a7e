"""Dynes' broadening of disordered states: a second route for spins, none where no pairs are broken."""

import jax.numpy as jnp
import numpy as np
import pytest
from disordered import one_band
from scipy.optimize import least_squares

import jaxgap as jg
from jaxgap.numerics.checks import InputError, NotConvergedError
from jaxgap.observables import dynes, dynes_parameter
from jaxgap.solving.dressed import DressedState

DELTA, R = 1.5, 0.05


def state(sc):
    return DressedState(sc, jnp.asarray(1.0), jnp.array([DELTA]))


@pytest.mark.slow
def test_spins_of_one_band_by_another_route():
    """Abrikosov and Gor'kov's spectrum from the roots of its polynomial, fitted with Dynes' closed form."""
    alpha, omega = 0.3, np.linspace(0.0, 4.0, 81)

    def of_spins(omega):
        """w = u (1 - a / sqrt(1 - u^2)) in units of Delta, N = Re u / sqrt(u^2 - 1)."""
        w, a = (omega + 1j * R) / DELTA, alpha / DELTA
        # (1 - u^2) (u - w)^2 = a^2 u^2
        u = np.roots([-1, 2 * w, 1 - w * w - a * a, -2 * w, w * w])
        off = np.abs(u * (1 - a / np.sqrt(1 - u * u)) - w)
        (u,) = u[(off < 1e-8) & (u.imag > 0)]
        return abs(np.real(u / np.sqrt(u * u - 1)))

    def of_dynes(x):
        z = omega + 1j * (R + x[0])
        return np.abs(np.real(z / np.sqrt(z * z - (x[1] * DELTA) ** 2)))

    seen = np.array([of_spins(w) for w in omega])
    expected = least_squares(lambda x: of_dynes(x) - seen, [0.1, 1.0], xtol=1e-12, ftol=1e-12, gtol=1e-12)
    sc = one_band(alpha / (2 * np.pi * 0.2**2), J=0.2)
    found = dynes_parameter(state(sc), omega, R)
    assert found.Gamma == pytest.approx(expected.x[0], rel=1e-5)
    assert found.scale == pytest.approx(expected.x[1], rel=1e-5)
    assert found.difference == pytest.approx(np.abs(expected.fun).max(), rel=1e-4)
    assert found.omega == omega[np.argmax(np.abs(expected.fun))]


@pytest.mark.slow
def test_charges_of_one_band_have_none():
    found = dynes_parameter(state(one_band(2.0, u=0.5)), np.linspace(0.0, 4.0, 41), R)
    assert found.Gamma < 1e-4
    assert found.scale == pytest.approx(1.0, abs=1e-4)
    assert found.difference < 1e-3


def test_what_has_no_impurities_is_refused():
    clean = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=0.3, interaction=jg.MatsubaraCutoff(30.0))
    with pytest.raises(InputError, match="`solution` must have impurities"):
        dynes_parameter(DressedState(clean, jnp.asarray(1.0), jnp.array([DELTA])))
    with pytest.raises(InputError, match="`resolution` must be positive"):
        dynes_parameter(state(one_band(2.0, u=0.5)), resolution=0.0)
    for omega in ([1.0], [0.0, np.nan], [[0.0, 1.0]]):
        with pytest.raises(InputError, match="`omega`"):
            dynes_parameter(state(one_band(2.0, u=0.5)), omega)


@pytest.mark.slow
def test_the_end_of_what_is_tried_is_no_answer(monkeypatch):
    monkeypatch.setattr(dynes, "SCALES", (0.95, 2.0))
    with pytest.raises(NotConvergedError, match="No Dynes spectrum is nearest"):
        dynes_parameter(state(one_band(0.3 / (2 * np.pi * 0.2**2), J=0.2)), np.linspace(0.0, 4.0, 41), R)
