"""Many points at once are searched as one point is."""

import jax.numpy as jnp
import numpy as np
import pytest
from problems import system

from jaxgap import Label, solutions
from jaxgap.equations.groups import coupled_groups
from jaxgap.model.family import Section, leaf
from jaxgap.states.identity import distances
from jaxgap.states.many import search
from jaxgap.states.search import Places


@pytest.mark.slow
def test_groups_that_nothing_couples_make_states_together_at_zero_temperature():
    """(D1, D2), (D1, 0) and (0, D2), as at one point: no start with an amplitude in a group leads to its normal state."""
    sc = system(np.diag([0.4, 0.3]), [200.0, 200.0], cross=[])
    groups = coupled_groups(sc)
    found = search(Places(Section(sc, jnp.asarray(0.0), (leaf("T"),)), np.array([[0.0], [2.0]]), groups))
    for states, T in zip(found.states.Delta, (0.0, 2.0), strict=True):
        known = np.stack([s.Delta for s in solutions(sc, T) if s.label != Label.NORMAL])
        here = states[np.isfinite(states).all(axis=1)]
        assert len(here) == len(known) == 3
        assert np.all(distances(here, known, groups).min(axis=1) < 1e-7 * np.linalg.norm(here, axis=1))
