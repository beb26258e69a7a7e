r"""Where, on the way down in temperature, the normal state becomes unstable: a search in many systems at once.

.. math:: \det(s + 1 - \lambda K(T)) = s^n + c_{n-1} s^{n-1} + \dots + c_0

has the roots s = (eigenvalue of lambda K) - 1 (`jaxgap.equations.linear`). The search goes down in steps of ln T until the
number of s with a positive real part changes, which Routh's signs of the c tell without eigenvalues, and narrows that step.
Where the number changes by one, a real eigenvalue crosses, c_0 changes its sign, and chords find where. Where it changes by
more, however short the step, or another eigenvalue is so close to 1 that c_0 says little, eigenvalues are counted, one
halving after the other. The crossing is static where it is that of a real one to 1e-10
(`jaxgap.numerics.marginal.is_static`), so that a defective eigenvalue, which rounding makes a complex pair at a distance of
some 1e-8, is what it is.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.linear import highest_temperature, normal_matrices, normal_places
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import LARGEST, changes_of_sign, coefficients
from jaxgap.numerics.marginal import is_static
from jaxgap.numerics.programs import barrier, told
from jaxgap.numerics.small import eigenvalues
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule

__all__ = [
    "CLOSE",
    "FEW",
    "LOWEST",
    "STEP",
    "Search",
    "SettingIn",
    "by_one",
    "counted_in",
    "search_down",
    "search_from",
    "setting_in",
    "top_of",
]

LOWEST = -32.0
"""T is searched down to e^-32 = 1e-14 of the highest temperature: couplings down to about 0.03."""
STEP = 0.15
"""Step of the search in ln T: an unstable interval narrower than this can be missed."""
SHORTEST = STEP / 32
"""Where several eigenvalues cross in a step, it is halved until it holds but one of them; not below this."""
SETTLED = 1e-12
"""Change of ln T by the last chord, which leaves far less."""
HALVINGS = 48
"""0.15 / 2^48 = 5e-16 in ln T."""
TRIES = 60
"""Chords; where c_0 is all rounding they do not settle."""
TELLING = 1e-3
"""|c_1| in units of its size below which another eigenvalue is close to 1: rounding in c_0, 1e-16, then moves T_c by 1e-13."""
WIDE = 1e-4
"""What chords find in ln T where c_0 says little is right to this, three eigenvalues together to the third root of rounding."""
FEW = Rule(overlap=10, single=9, several=9)
"""Nodes with which many systems are searched first."""
CLOSE = 1e-3
"""What they leave in ln T; |ln(T / T_c)| below which it is not said on which side of T_c a temperature lies."""
MOST = 64
"""Steps for that, to e^-9.6 of the highest temperature: a block waits for the slowest."""


class Search(NamedTuple):
    """Where the search is, in every system."""

    upper: Float[Array, "element"]
    """ln T down to which as many eigenvalues as `above` have a real part above 1."""
    c_upper: Float[Array, "element"]
    """c_0 there; halved where chords have left that end where it is."""
    above: Int[Array, "element"]
    lower: Float[Array, "element"]
    """ln T below it at which it is another number, `under` (once bracketed)."""
    c_lower: Float[Array, "element"]
    under: Int[Array, "element"]
    bracketed: Bool[Array, "element"]
    side: Int[Array, "element"]
    """The end of the bracket that has moved last: 1 the upper one, -1 the lower one, 0 none."""
    tries: Int[Array, "element"]
    """Looks into the bracket."""
    hard: Bool[Array, "element"]
    """Whether eigenvalues have to be counted."""
    seen: Bool[Array, "element"]
    """Whether the upper end has been looked at."""
    at: Float[Array, "element"]
    """ln T that was looked at last: of the crossing, if it is `found`."""
    M: Float[Array, "channel channel element"]
    """1 - lambda K there."""
    found: Bool[Array, "element"]
    static: Bool[Array, "element"]
    """Whether the crossing is that of a real eigenvalue."""
    lost: Bool[Array, "element"]
    """Whether this search cannot say: eigenvalues have to be counted, or something has crossed above its beginning."""
    done: Bool[Array, "element"]
    oscillatory: Float[Array, "element"]
    """ln T of the first crossing that was not static; -inf if there was none."""


def top_of(systems: Superconductor) -> Float[Array, "element"]:
    """ln T above which nothing superconducts; NaN where a system is not finite."""
    finite = jnp.stack([jnp.isfinite(leaf.reshape(len(leaf), -1)).all(axis=1) for leaf in jax.tree.leaves(systems)])
    return jnp.where(finite.all(axis=0), jnp.log(jax.vmap(highest_temperature)(systems)), jnp.nan)


def search_from(systems: Superconductor, upper: Float[Array, "element"], seen: Bool[Array, "element"] | bool) -> Search:
    """A search from `upper`, ln T, down; no eigenvalue is above 1 there, which has to be `seen`."""
    one, no, none = jnp.ones_like(upper), jnp.zeros(upper.shape, bool), jnp.zeros(upper.shape, int)
    valid = jnp.isfinite(upper)
    M = jnp.zeros((*systems.lam.shape[1:], len(upper)))
    return Search(
        upper, one, none, upper, one, none, no, none, none, no, no | seen, upper, M, no, no, no, ~valid, -jnp.inf * one
    )


def search_down(
    systems: Superconductor,
    start: Search,
    lowest: Float[Array, "element"],
    rule: Rule = DEFAULT_RULE,
    precision: float = SETTLED,
    step: Float[Array, "element"] | float = STEP,
    counted: bool = False,
    onwards: bool = True,
    most: int | None = None,
) -> Search:
    """From `start` down to the first static crossing, or to `lowest` (ln T).

    Args:
        precision: of ln T.
        counted: eigenvalues are counted where that is needed; else the search is lost there.
        onwards: go on below a crossing that is not static; else end there.
        most: limit of steps.
    """
    many = systems.lam.shape[-1] > LARGEST
    if many:  # Cancellation leaves nothing of the c.
        start = start._replace(hard=~start.done, lost=start.lost | (not counted))

    def look(s: Search) -> Search:
        x = _next(s, step)
        M = barrier(normal_matrices(systems, on, jnp.exp(x), rule))
        c = barrier(coefficients(M)[0])
        number = changes_of_sign(c)
        static = s.static
        if counted:
            by_eigenvalues = jax.lax.cond(jnp.any(s.hard), counted_in, lambda M: (number, static), M)
            number, static = (jnp.where(s.hard, *both) for both in zip(by_eigenvalues, (number, static), strict=True))
        (same,) = told(number == s.above)
        now = _moved(s, x, number, c[-1], same)
        narrow = s.bracketed & (now.tries >= jnp.where(s.hard, HALVINGS, TRIES))
        near = s.bracketed & ~s.hard & by_one(s) & (narrow | (jnp.abs(x - s.at) <= precision))
        telling = _telling(M, c) | (precision > WIDE)
        together = now.bracketed & ~by_one(now) & (now.upper - now.lower <= SHORTEST)
        near, telling, vague = told(near, telling, ~now.hard & ((near & ~telling) | together))
        now = now._replace(M=M, found=near & telling & ~vague, static=near, lost=now.lost | (vague & (not counted)))
        if counted:
            now = _ended(_to_be_counted(now, vague, near), s.hard & narrow, static, many, onwards)
        below = ~now.bracketed & (now.upper <= lowest)
        now = now._replace(done=now.found | now.lost | below)
        return jax.tree.map(lambda old, new: jnp.where(s.done, old, new), s, now)

    start = start._replace(done=start.done | start.lost | (start.seen & ~start.bracketed & (start.upper <= lowest)))
    on, limit = normal_places(systems), jnp.inf if most is None else most
    return jax.lax.while_loop(lambda s: (s[0] < limit) & ~s[1].done.all(), lambda s: (s[0] + 1, look(s[1])), (0, start))[1]


def _next(s: Search, step: Float[Array, "element"] | float) -> Float[Array, "element"]:
    """ln T to look at: a step down, or in the bracket where a chord of c_0 vanishes, else its middle."""
    chord = s.upper - s.c_upper * (s.lower - s.upper) / jnp.where(s.c_lower == s.c_upper, 1.0, s.c_lower - s.c_upper)
    inside = jnp.where(s.hard | ~by_one(s), (s.upper + s.lower) / 2, jnp.clip(chord, s.lower, s.upper))
    return jnp.where(s.bracketed, inside, jnp.where(s.seen, s.upper - step, s.upper))


def _moved(
    s: Search,
    x: Float[Array, "element"],
    number: Int[Array, "element"],
    c_0: Float[Array, "element"],
    same: Bool[Array, "element"],
) -> Search:
    """With what has been seen at x as the upper end (if the `number` there is the `same`) or the lower one. The other end's c_0
    is halved if it stays twice (the Illinois rule)."""
    side = jnp.where(s.bracketed, jnp.where(same, 1, -1), 0)
    stays = jnp.where(s.bracketed & (side == s.side), 0.5, 1.0)
    return s._replace(
        upper=jnp.where(same, x, s.upper),
        c_upper=jnp.where(same, c_0, s.c_upper * stays),
        lower=jnp.where(same, s.lower, x),
        c_lower=jnp.where(same, s.c_lower * stays, c_0),
        under=jnp.where(same, s.under, number),
        bracketed=s.bracketed | (s.seen & ~same),
        side=side,
        tries=jnp.where(s.bracketed, s.tries + 1, 0),
        seen=s.seen | True,
        lost=s.lost | (~s.seen & ~same),
        at=x,
    )


def by_one(s: Search) -> Bool[Array, "element"]:
    """Whether one real eigenvalue crosses inside the bracket, so that chords find it."""
    return (jnp.abs(s.under - s.above) == 1) & (s.c_upper * s.c_lower <= 0)


def _telling(M: Float[Array, "n n element"], c: Float[Array, "n element"]) -> Bool[Array, "element"]:
    """Whether c_0 says where an eigenvalue is 1: it is c_1 times (1 - that eigenvalue), in units of a typical c."""
    n = len(c)
    size = jnp.maximum(1.0, jnp.sum(M * M, axis=(0, 1)) / n) ** ((n - 1) / 2)
    return jnp.abs(c[-2]) > TELLING * size if n > 1 else jnp.ones_like(c[0], bool)


def counted_in(M: Float[Array, "n n element"]) -> tuple[Int[Array, "element"], Bool[Array, "element"]]:
    """(how many eigenvalues of 1 - M have a real part above 1, whether a real one is 1)."""
    A = jnp.eye(len(M)) - jnp.moveaxis(M, -1, 0)
    return jnp.sum(jax.vmap(eigenvalues)(A).real >= 1.0, axis=-1), jax.vmap(is_static)(A)


def _to_be_counted(s: Search, vague: Bool[Array, "element"], near: Bool[Array, "element"]) -> Search:
    """From now on by eigenvalues, where c_0 is vague: in the whole step, or around what chords have found."""
    return s._replace(
        upper=jnp.where(vague & near, s.at + WIDE, s.upper),
        lower=jnp.where(vague & near, s.at - WIDE, s.lower),
        tries=jnp.where(vague, 0, s.tries),
        hard=s.hard | vague,
    )


def _ended(s: Search, narrow: Bool[Array, "element"], static: Bool[Array, "element"], many: bool, onwards: bool) -> Search:
    """What halving has found: a static crossing, or one to pass."""
    past = narrow & ~static & onwards
    return s._replace(
        upper=jnp.where(past, s.lower, s.upper),
        c_upper=jnp.where(past, s.c_lower, s.c_upper),
        above=jnp.where(past, s.under, s.above),
        bracketed=s.bracketed & ~past,
        hard=s.hard & (~past | many),
        found=s.found | (narrow & ~past),
        static=jnp.where(narrow, static, s.static),
        oscillatory=jnp.where(past, jnp.maximum(s.oscillatory, s.at), s.oscillatory),
    )


# --- for the solver of many systems -----------------------------------------------------------------------------------------


class SettingIn(NamedTuple):
    """What sets in below T_c in every system of a batch, and whether its T is there."""

    T_c: Float[Array, "element"]
    """T_c,lin [K] to 1e-3, where `below`."""
    direction: Float[Array, "channel element"]
    """Relative amplitudes with which superconductivity sets in there, as in `instability`."""
    below: Bool[Array, "element"]
    """Whether T is below T_c."""
    above: Bool[Array, "element"]
    """Whether the normal state is stable at all temperatures that were looked at, and T is above T_c. If neither: not known."""


def setting_in(systems: Superconductor, T: Float[Array, "element"], rule: Rule = FEW) -> SettingIn:
    """Whether each system's T [K] is below its T_c, and what sets in there, with few nodes, looked for no further than T."""
    goal = jnp.log(T)
    end = search_down(systems, search_from(systems, top_of(systems), seen=True), goal, rule, CLOSE, most=MOST)
    columns = coefficients(end.M)[1]
    never = end.done & ~end.lost & ~end.found & (end.above == 0)
    return SettingIn(
        T_c=jnp.exp(end.at),
        direction=_normalised(columns),
        below=end.found & ((goal < end.at - CLOSE) | (T == 0)),
        above=never | (end.found & (goal > end.at + CLOSE)),
    )


def _normalised(columns: Float[Array, "n n element"]) -> Float[Array, "n element"]:
    """The longest column, its norm 1 and its largest component positive."""
    n = len(columns)
    best, longest = columns[:, 0], jnp.sum(columns[:, 0] ** 2, axis=0)
    for k in range(1, n):
        length = jnp.sum(columns[:, k] ** 2, axis=0)
        best, longest = jnp.where(length > longest, columns[:, k], best), jnp.where(length > longest, length, longest)
    largest = best[0]
    for part in best[1:]:
        largest = jnp.where(jnp.abs(part) > jnp.abs(largest), part, largest)
    return best * jnp.sign(largest) / jnp.sqrt(longest)
