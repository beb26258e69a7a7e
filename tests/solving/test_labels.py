"""Names of states: free phases are taken out once per group of coupled channels, in every part of jaxgap alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator, system

from jaxgap import Label, solutions, solve
from jaxgap.equations.groups import as_real, coupled_channels, coupled_groups
from jaxgap.observables import phase_difference, relative_signs
from jaxgap.solving.labels import breaks_time_reversal, has_signs, label_of, signs_of, winding_of

APART = system(np.diag([0.4, 0.3]), [200.0, 200.0], cross=())
COUPLED = system([[0.4, 0.01], [0.01, 0.3]], [200.0, 200.0], cross=())
TWO_AND_ONE = system([[0.4, 0.01, 0.0], [0.01, 0.3, 0.0], [0.0, 0.0, 0.3]], [200.0] * 3, cross=())
"""Bands a and b are coupled, c is alone."""
CROSS = system(np.diag([0.4, 0.3, 0.1]), [200.0, 200.0])
"""Bands a and b have a common spectrum, which couples all three channels."""

CASES = [
    (APART, [6.0, 4.0], Label.S_PLUS_PLUS),
    (APART, [6.0, -4.0], Label.S_PLUS_PLUS),
    (APART, [6.0, 4.0j], Label.S_PLUS_PLUS),
    (APART, [-6.0j, 0.0], Label.S_PLUS_PLUS),
    (APART, [0.0, 0.0], Label.NORMAL),
    (COUPLED, [6.0, -4.0], Label.S_PLUS_MINUS),
    (COUPLED, [6.0j, 4.0j], Label.S_PLUS_PLUS),
    (COUPLED, [6.0, 4.0j], Label.BROKEN),
    (TWO_AND_ONE, [6.0, 4.0, 2.0j], Label.S_PLUS_PLUS),
    (TWO_AND_ONE, [6.0j, 4.0j, -2.0], Label.S_PLUS_PLUS),
    (TWO_AND_ONE, [6.0, -4.0, 2.0j], Label.S_PLUS_MINUS),
    (TWO_AND_ONE, [6.0, 4.0j, 2.0], Label.BROKEN),
    (TWO_AND_ONE, [0.0, 0.0, 2.0], Label.S_PLUS_PLUS),
    (CROSS, [0.0, 0.0, 3.0j], Label.CROSSBAND),
    (CROSS, [6.0, 4.0, 3.0j], Label.BROKEN),
    (CROSS, [-6.0, -4.0, 3.0], Label.S_PLUS_PLUS),
]


@pytest.mark.parametrize(("sc", "Delta", "wanted"), CASES)
def test_labels(sc, Delta, wanted):
    """The label, whether time reversal is broken, and what a search calls real are one thing, in any gauge of any group."""
    groups, rng = coupled_groups(sc), generator(50)
    for angle in (0.0, np.pi / 2, np.pi, rng.uniform(-np.pi, np.pi)):
        turned = np.array(Delta, complex)
        for k, group in enumerate(groups):
            turned[group] *= np.exp(1j * angle * (1 + 0.7 * k))
        assert int(label_of(sc, jnp.asarray(turned))) == wanted
        assert bool(breaks_time_reversal(sc, jnp.asarray(turned))) == (wanted == Label.BROKEN)
        assert bool(as_real(turned[None], groups)[1][0]) == (wanted != Label.BROKEN)


def test_labels_of_a_batch():
    batch = jnp.asarray([[6.0, 4.0, 2.0j], [6.0, -4.0, 2.0j], [6.0, 4.0j, 2.0]])
    found = jax.jit(jax.vmap(label_of, in_axes=(None, 0)))(TWO_AND_ONE, batch)
    assert found.tolist() == [Label.S_PLUS_PLUS, Label.S_PLUS_MINUS, Label.BROKEN]


def test_signs_hold_up_to_a_sign_of_every_group():
    plus, minus = jnp.array([1.0, 1.0, 1.0]), jnp.array([1.0, -1.0, 1.0])
    for Delta in ([6.0, 4.0, 2.0], [6.0, 4.0, -2.0], [-6.0, -4.0, 2.0], [6.0j, 4.0j, 2.0]):
        assert bool(has_signs(TWO_AND_ONE, jnp.asarray(Delta), plus))
        assert not bool(has_signs(TWO_AND_ONE, jnp.asarray(Delta), minus))
    # A band that stays normal has no sign, and is on no named branch.
    assert not bool(has_signs(TWO_AND_ONE, jnp.array([6.0, 4.0, 0.0]), plus))
    assert bool(has_signs(TWO_AND_ONE, jnp.array([-6.0, 4.0, 2.0]), minus))


@pytest.mark.slow
def test_one_state_has_one_name():
    """Two bands that are not coupled, from a start whose phases differ: the state that a search lists as s++."""
    state = solve(APART, 2.0, start=[6.0, 4.0j])
    ground = solutions(APART, 2.0).ground_state
    assert Label(int(state.label)) == ground.label == Label.S_PLUS_PLUS
    np.testing.assert_allclose(np.abs(state.Delta), np.abs(ground.Delta), rtol=1e-9)
    np.testing.assert_array_equal(relative_signs(state), [1.0, 1.0])
    np.testing.assert_array_equal(phase_difference(state), [0.0, 0.0])


def test_groups():
    np.testing.assert_array_equal(coupled_channels(APART), np.eye(2))
    np.testing.assert_array_equal(coupled_channels(CROSS), np.ones((3, 3)))
    np.testing.assert_array_equal(coupled_channels(TWO_AND_ONE), [[1, 1, 0], [1, 1, 0], [0, 0, 1]])


GROUPS = [np.array([0, 1, 2, 5]), np.array([3, 4])]
"""Channels of five bands and a cross channel: three bands with it, and two."""


def test_signs_of_every_band():
    phases = np.exp(1j * np.array([0.3, 0.3, 0.3, 2.0, 2.0, 0.3]))
    assert signs_of(np.array([-1.0, 2.0, 1e-9, 3.0, -1.0, 0.4]) * phases, GROUPS, 5) == "+-0+-"
    assert signs_of(np.array([1.0, 2.0, 0.5, -3.0, -1.0, 0.4]), GROUPS, 5) == "+++++"


@pytest.mark.parametrize(("angles", "winding"), [((0, 120, 240), 1), ((0, 240, 120), 1), ((0, 100, -30), 0), ((0, 60, 120), 0)])
def test_winding(angles, winding):
    """Three phases wind if no half of the circle holds them all; the others are any."""
    bands = np.exp(1j * np.deg2rad(np.array([*angles, 10.0, 200.0])))
    Delta = np.append(bands, 0.2) * np.exp(0.7j)
    assert winding_of(Delta, GROUPS, 5) == winding
    assert signs_of(Delta, GROUPS, 5) == ""
