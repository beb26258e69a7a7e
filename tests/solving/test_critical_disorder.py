"""The disorder at which T_c vanishes."""

import jax
import numpy as np
import pytest
from disordered import EFREMOV, S, one_band, two_bands
from scipy.special import digamma

import jaxgap as jg
from jaxgap.units import k_B


def test_of_abrikosov_and_gorkov():
    sc = one_band(1.0, J=0.4, lam=0.04)
    T_c0 = float(jg.critical_temperature(one_band(0.0, J=0.4, lam=0.04)))
    found = 2 * np.pi * float(jg.critical_disorder(sc)) * 0.4**2 / (2 * np.pi * k_B * T_c0)
    assert found == pytest.approx(np.exp(digamma(0.5)), rel=1e-9)
    assert found == pytest.approx(0.140365, abs=1e-6)


@pytest.mark.slow
def test_a_finite_cutoff_has_it_in_closed_form():
    """lambda ln(1 + omega_c / alpha) = 1."""
    sc = one_band(1.0, J=0.4)
    alpha = 30.0 / np.expm1(1 / 0.3)
    assert float(jg.critical_disorder(sc)) == pytest.approx(alpha / (2 * np.pi * 0.4**2), rel=1e-10)
    J = float(jg.critical_disorder(sc, "disorder.J[a, a]"))
    assert 2 * np.pi * J**2 == pytest.approx(alpha, rel=1e-10)
    slope = jax.grad(jg.critical_disorder)(sc)
    assert float(slope.get("omega_c")) == pytest.approx(alpha / 30.0 / (2 * np.pi * 0.4**2), rel=1e-8)
    assert float(slope.get("disorder.J[a, a]")) == pytest.approx(-2 * alpha / (2 * np.pi * 0.4**3), rel=1e-8)


@pytest.mark.slow
def test_where_pairs_survive_there_is_none():
    assert np.isinf(jg.critical_disorder(one_band(1.0, u=0.4)))
    assert np.isinf(jg.critical_disorder(two_bands(EFREMOV, 1.0, S["s1"])))
    assert np.isnan(jg.critical_disorder(two_bands([[-0.5, 0.05], [0.05, -0.1]], 1.0, S["s1"])))


def test_bad_input_is_one_sentence():
    clean = jg.superconductor(bands={"a": {"mu": 9.0}}, lam=0.3, interaction=jg.MatsubaraCutoff(30.0))
    for sc, what in ((clean, "a clean system"), (jg.materials.mgb2_eliashberg(), "a clean system")):
        with pytest.raises(jg.InputError, match=f"`sc` must have a `MatsubaraCutoff` and disorder, but got {what}"):
            jg.critical_disorder(sc)
    with pytest.raises(jg.InputError, match="`path` must be one of the disorder, but got `omega_c`"):
        jg.critical_disorder(one_band(1.0, u=0.4), "omega_c")
