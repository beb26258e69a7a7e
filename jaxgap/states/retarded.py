r"""All real solutions of a retarded interaction at one temperature: Newton from every pattern of signs.

.. math:: \Delta_i = \pm s, \qquad \Delta_{ij} = \pm r s, \quad r \in \{0.1, 1\}; \qquad
          \Delta_i = \pm 0.1 s, \quad \Delta_{ij} = \pm s

with s of the order omega sqrt(lambda) / 2, above all amplitudes: s++, s+- and so on, with weak and strong cross channels of
either sign, and states that these dominate. Iterations come down from there before Newton's method takes over, so that a state
is found from the side on which they converge to it; one that is unstable against them is found only where Newton happens to end
there. The normal state is among them. States are real: none that breaks time reversal is looked for, and of cross-paired bands
phases are not examined.
"""

import itertools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.equations.groups import coupled_groups
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.selfenergy.frequencies import settled
from jaxgap.solving.retarded import RetardedSolution, solve_retarded
from jaxgap.solving.solution import Status
from jaxgap.states.identity import distinct

__all__ = ["patterns", "retarded_states"]

WEAK = 0.1
"""Of a channel beside those that dominate, in units of the largest."""
FOUND = (Status.CONVERGED, Status.INACCURATE, Status.TRIVIAL)


def patterns(bands: int, pairs: int) -> Float[np.ndarray, "start channel"]:
    """Amplitudes to start from in units of the scale; the first band's is positive."""
    signs = [np.array([1.0, *rest]) for rest in itertools.product((1.0, -1.0), repeat=bands - 1)]
    crossed = [np.array(one) for one in itertools.product((1.0, -1.0), repeat=pairs)] if pairs else [np.zeros(0)]
    sizes = ((1.0, WEAK), (1.0, 1.0), (WEAK, 1.0)) if pairs else ((1.0, 0.0),)
    return np.array([np.concatenate([b * own, r * x]) for own in signs for x in crossed for b, r in sizes])


def retarded_states(
    sc: RetardedSuperconductor, T: Float[Array, ""], more: Float[np.ndarray, "start channel"]
) -> list[RetardedSolution]:
    """The different solutions to which the starts lead, and `more` of them [meV], the normal state first."""
    sc = settled(sc, T)
    own = float(sc.scale) * patterns(len(sc.bands), len(sc.cross))
    starts = np.concatenate([np.zeros((1, len(sc.channels))), own, more])
    found = [solve_retarded(sc, T, jnp.asarray(start), None, throw=False) for start in starts]
    found = [one for one in found if int(one.status) in FOUND]
    rows = np.stack([np.asarray(one.Delta).real for one in found])
    return [found[i] for i in distinct(rows, coupled_groups(sc))]
