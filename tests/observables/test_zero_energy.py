"""Strengths at which an impurity binds a state at zero energy, on both sides of the gapless state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from disordered import S

import jaxgap as jg
from jaxgap.observables import bound_states, impurity_density_of_states, zero_energy_map, zero_energy_strengths
from jaxgap.solving.state import GivenState

BANDS = {"a": {"mu": 500.0}, "b": {"mu": 510.0}}
SC = jg.superconductor(bands=BANDS, lam=0.1 * np.eye(3), cross=["a:b"], Omega=100.0)
GAPLESS = np.sqrt(48.0)
"""Delta_ab at d = 10 meV with amplitudes of 6 and 4 meV."""
SPIN = np.diag([1 / np.pi, 0.0])
"""pi N J = 1 on the first band."""


def state(cross):
    return GivenState(SC, jnp.asarray(1.0), jnp.stack([6.0, 4.0, jnp.asarray(cross)]) + 0j)


def test_a_spin_on_one_band_at_winding_0():
    """x = 1 wherever the gap is open, however small; none in the gapless state."""
    for cross in (0.0, 3.0, GAPLESS - 0.1):
        np.testing.assert_allclose(zero_energy_strengths(state(cross), J=SPIN).found, [-1, 1], rtol=1e-9)
    gapless = zero_energy_strengths(state(GAPLESS), J=SPIN)
    assert float(gapless.edge) == 0.0
    assert len(gapless.found) == 0


@pytest.mark.slow
def test_beyond_the_gapless_state_it_depends_on_the_amplitudes():
    """nu = 1: the bound state of that strength is at zero energy."""
    strengths = [zero_energy_strengths(state(cross), J=SPIN).found for cross in (7.0, 7.5)]
    np.testing.assert_allclose(strengths, [[-1.0176, 1.0176], [-1.1396, 1.1396]], atol=1e-4)
    for cross, (_, s) in zip((7.0, 7.5), strengths, strict=True):
        assert np.min(np.abs(bound_states(state(cross), J=s * SPIN).found)) < 1e-9


@pytest.mark.slow
def test_charges():
    """At nu = 0 none of any shape binds a state at zero energy; beside a spin they move the strength that does."""
    for u in (np.eye(2), S["s3"], S["s1"], np.diag([1.0, 0.0])):
        assert len(zero_energy_strengths(state(3.0), u=u).found) == 0
    beside = zero_energy_strengths(state(3.0), J=SPIN, fixed_u=np.diag([0.1, 0.0]))
    for s in beside.found:
        found = bound_states(state(3.0), u=np.diag([0.1, 0.0]), J=s * SPIN).found
        assert np.min(np.abs(found)) < 1e-9
    assert np.max(beside.found) == pytest.approx(np.sqrt(1 + (0.1 * np.pi) ** 2), rel=0.1)


@pytest.mark.slow
def test_a_map_is_a_batch():
    cross = jnp.linspace(6.5, 7.5, 5)
    many = jax.vmap(lambda x: zero_energy_strengths(state(x), J=SPIN))(cross)
    for k, x in enumerate(cross):
        one = zero_energy_strengths(state(float(x)), J=SPIN)
        np.testing.assert_allclose(np.sort(many.s[k]), np.sort(one.s), rtol=1e-9)
        assert float(many.edge[k]) == pytest.approx(float(one.edge), rel=1e-6)


@pytest.mark.slow
def test_a_map_has_both_signatures_beside_each_other():
    """A bound state's peak grows as 1 / Gamma where its line is; N / c does not, and is found on either side."""
    cross, s = np.array([3.0, 6.5, GAPLESS, 7.5]), np.array([0.5, 1.0, 1.1396])
    wide, narrow = (zero_energy_map([state(x) for x in cross], s, Gamma, J=SPIN) for Gamma in (2e-3, 5e-4))
    np.testing.assert_allclose(wide.crossings[:2], [[-1, 1]] * 2, rtol=1e-9)
    assert np.isnan(wide.crossings[2]).all()
    np.testing.assert_allclose(wide.crossings[3], zero_energy_strengths(state(7.5), J=SPIN).found, rtol=1e-12)
    growth = narrow.N / wide.N
    on_the_line = [growth[0, 1], growth[1, 1], growth[3, 2]]
    assert on_the_line == pytest.approx([4.0] * 3, rel=0.01)
    assert growth[[0, 1, 3], 0] == pytest.approx([0.25] * 3, rel=0.02)  # Away from it Gamma alone fills the gap.
    assert growth[2] == pytest.approx([1.0] * 3, rel=0.01)
    assert 2 * narrow.clean[2] == pytest.approx(1.386750, abs=1e-4)
    alone = impurity_density_of_states(state(7.5), 0.0, 2e-3, J=0.5 * SPIN)
    assert wide.N[3, 0] == pytest.approx(float(jnp.sum(alone)) / 2, rel=1e-12)


@pytest.mark.slow
def test_a_map_says_where_the_row_is_gapless():
    """Between its states, at one of them, with unequal masses, and nowhere."""
    cross = np.linspace(6.9, 6.96, 4)
    found = zero_energy_map([state(x) for x in cross], 1.0, 0.1, J=SPIN)
    assert found.gapless(cross) == pytest.approx([GAPLESS], abs=1e-5)
    at = zero_energy_map([state(x) for x in (6.9, GAPLESS)], 1.0, 0.1, J=SPIN)
    assert at.gapless([1.0, 2.0]).tolist() == [2.0]
    assert len(zero_energy_map([state(3.0), state(6.0)], 1.0, 0.1, J=SPIN).gapless([3.0, 6.0])) == 0
    bands = {"a": {"mu": 500.0}, "b": {"mu": 510.0 / 0.7, "mass": 0.7}}
    sc = jg.superconductor(bands=bands, lam=0.1 * np.eye(3), cross=["a:b"], Omega=100.0)

    def unequal(x):
        return GivenState(sc, jnp.asarray(1.0), jnp.array([6.0, 4.0, x], complex))

    cross = np.linspace(4.0, 9.0, 26)
    (place,) = zero_energy_map([unequal(x) for x in cross], 1.0, 0.1, J=SPIN).gapless(cross)
    edges = [float(zero_energy_strengths(unequal(x), J=SPIN).edge) for x in (place - 0.1, place, place + 0.1)]
    assert edges[1] < 0.02 * min(edges[0], edges[2])


def test_bad_input_is_one_sentence():
    with pytest.raises(jg.InputError, match="`states` must be at least one, but got 0"):
        zero_energy_map([], 1.0, 0.1, J=SPIN)
    with pytest.raises(jg.InputError, match="`s` must be one row of factors"):
        zero_energy_map([state(3.0)], [[1.0]], 0.1, J=SPIN)
    with pytest.raises(jg.InputError, match="`u` must be given, or `J`: what is scaled"):
        zero_energy_strengths(state(3.0))
