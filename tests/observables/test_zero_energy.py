"""Strengths at which an impurity binds a state at zero energy, on both sides of the gapless state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from disordered import S

import jaxgap as jg
from jaxgap.observables import bound_states, zero_energy_strengths
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


def test_bad_input_is_one_sentence():
    with pytest.raises(jg.InputError, match="`u` must be given, or `J`: what is scaled"):
        zero_energy_strengths(state(3.0))
