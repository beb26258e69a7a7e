r"""The critical temperature of the linearised gap equations, of one system or of many at once, differentiable.

.. math:: \det(s + 1 - \lambda K(T)) = s^n + c_{n-1} s^{n-1} + \dots + c_0

has the roots s = (eigenvalue of lambda K) - 1 (`jaxgap.equations.linear`). T_c,lin is the largest T at which one of them
vanishes. It is THE critical temperature if the transition is continuous; with cross-band pairing between bands at a distance d
the transition can be of first order, and the eigenvalue is not monotonic in T, so the search scans.

Without detailed balance (g not symmetric) eigenvalues of lambda K can be complex. Where a pair of them crosses 1 with its real
part, the normal state becomes unstable too (for equal relaxation rates), but in an oscillation: the linearised equations have
no static solution there, and no static superconducting state branches off. That is no T_c; it is told beside it.

There is one search, of any number of systems. It goes down in steps of ln T until the number of s with a positive real part
changes, which Routh's signs of the c tell without eigenvalues, and narrows that step. Where the number changes by one, a real
eigenvalue crosses, c_0 changes its sign, and chords find where. Where it changes by more, however short the step, or another
eigenvalue is so close to 1 that c_0 says little, eigenvalues are counted, one halving after the other. The crossing is static
where it is that of a real one to 1e-10 (`jaxgap.numerics.marginal.is_static`), so that a defective eigenvalue, which rounding
makes a complex pair at a distance of some 1e-8, is what it is. Many systems are searched with a third of the nodes first; those
that need eigenvalues are left to blocks of a few.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from jaxgap.equations.linear import highest_temperature, linear_kernel, linear_map, normal_matrices, pair_susceptibility
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.batching import spread
from jaxgap.numerics.characteristic import LARGEST, changes_of_sign, coefficients
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.gathered import of_those_left
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.marginal import MarginalSpace, differentiable, is_static, marginal_space, mean_eigenvalue
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import eigenvalues
from jaxgap.solving.entry import takes_system
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule

__all__ = [
    "critical_temperature",
    "Instability",
    "instability",
    "Onset",
    "onset",
    "Crossing",
    "linear_crossings",
    "linear_temperatures",
    "SettingIn",
    "setting_in",
    "lowest_temperature",
    "linear_kernel",
    "highest_temperature",
    "pair_susceptibility",
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
FEW = Rule(overlap=10, single=9)
"""Nodes with which many systems are searched first."""
CLOSE = 1e-3
"""What they leave in ln T; |ln(T / T_c)| below which it is not said on which side of T_c a temperature lies."""
MOST = 64
"""Steps for that, to e^-9.6 of the highest temperature: a block waits for the slowest."""
GRID = 1200
"""Temperatures at which all crossings are looked for, evenly in ln T: two closer than 2.7 % can be missed, if one of them
undoes the other."""
SAME_ROOT = 1e-7
"""Crossings closer than this share of T are told as one: rounding splits a defective one by some 1e-8."""


class Instability(NamedTuple):
    """Where the normal state gives way to a static superconducting one."""

    T_c: Float[Array, ""]
    """T_c,lin [K]; 0 if no static superconducting state branches off at any temperature."""
    direction: Float[Array, "channel"]
    """Relative amplitudes with which superconductivity sets in (norm 1; the largest is positive). Where several directions
    become critical together, the one in which all channels take part."""


class Onset(NamedTuple):
    """All that is known of where the normal state becomes unstable."""

    T_c: Float[Array, ""]
    """As in `Instability`."""
    direction: Float[Array, "channel"]
    together: Int[Array, ""]
    """How many directions become critical at T_c together: eigenvalues within 1e-9 of 1 with as many eigenvectors."""
    differentiable: Bool[Array, ""]
    """Whether T_c has a derivative; not where there is none, nor where its eigenvalue is defective (double, with one
    eigenvector): there T_c moves with the square root of a coupling, and rounding in lambda leaves it 8 digits."""
    oscillatory: Float[Array, ""]
    """Temperature [K] above T_c at which the normal state becomes unstable in an oscillation (for equal relaxation rates), with
    a complex pair of eigenvalues: possible only without detailed balance. 0 if there is none."""


@takes_system
def critical_temperature(sc: Superconductor) -> Float[Array, ""]:
    """T_c,lin [K]: the largest temperature at which lambda K has the real eigenvalue 1; 0 if there is none.

    Differentiable with respect to every leaf of `sc`. Where several channels become critical together (equal bands without
    coupling) the derivative is that of the mean of their temperatures: exact in every direction in which they stay together,
    such as that of a tied parameter, else the mean of both sides of T_c = max. NaN where the eigenvalue is defective.
    """
    return _temperature(sc)


@takes_system
def instability(sc: Superconductor) -> Instability:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable."""
    return Instability(*onset(sc)[:2])


@takes_system
def onset(sc: Superconductor) -> Onset:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable, and what else is known there."""
    return _onset(sc)


def lowest_temperature(sc: Superconductor) -> Float[Array, ""]:
    """The temperature [K] down to which T_c is searched for."""
    return highest_temperature(sc) * jnp.exp(LOWEST)


# --- T_c as a function of the system ----------------------------------------------------------------------------------------


@program
def _temperature(sc: Superconductor) -> Float[Array, ""]:
    """T_c alone: what else is known of it is not compiled."""
    return _all_known(sc).T_c


@program
def _onset(sc: Superconductor) -> Onset:
    return _all_known(sc)


def _all_known(sc: Superconductor) -> Onset:
    frozen = jax.lax.stop_gradient(sc)
    T_c, oscillatory, A = _found(frozen)
    exists = T_c > 0
    x = jnp.log(jnp.where(exists, T_c, 1.0))
    slope = jax.jvp(lambda t: linear_map(frozen, jnp.exp(t)), (x,), (jnp.ones(()),))[1]
    space = jax.lax.stop_gradient(marginal_space(A))
    good = exists & differentiable(space, slope)
    x = at_root(_mean_crosses_one, x[None], (sc, space), good)[0]
    v = at_root(_marginal_direction, jnp.append(space.direction, 0.0), (sc, space, x), good)[:-1]
    return Onset(
        jnp.where(jnp.isnan(T_c), jnp.nan, jnp.where(exists, jnp.exp(x), 0.0)),
        jnp.where(exists, v, 0.0),
        jnp.where(exists, jnp.sum(space.chosen), 0).astype(int),
        good,
        oscillatory,
    )


def _mean_crosses_one(x: Float[Array, "1"], theta: tuple[Superconductor, MarginalSpace]) -> Float[Array, "1"]:
    """Residual whose root is ln T_c: the mean of the eigenvalues that cross 1 there, less 1."""
    sc, space = theta
    return mean_eigenvalue(space, linear_map(sc, jnp.exp(x[0])))[None]


def _marginal_direction(
    x: Float[Array, "n"], theta: tuple[Superconductor, MarginalSpace, Float[Array, ""]]
) -> Float[Array, "n"]:
    """Residual whose root is (v, 0): lambda K(T_c) v = v with v . v_0 = 1."""
    sc, space, log_T = theta
    v = x[:-1]
    return jnp.append(v - linear_map(sc, jnp.exp(log_T)) @ v + x[-1] * space.left[:, -1], space.direction @ v - 1)


Found = tuple[Float[Array, "*element"], Float[Array, "*element"], Float[Array, "*element channel channel"]]
"""(T_c,lin, the temperature of an oscillatory instability above it) [K], 0 for none, and lambda K(T_c)."""


@jax.custom_batching.custom_vmap
def _found(sc: Superconductor) -> Found:
    T_c, oscillatory, A = _searched(jax.tree.map(lambda leaf: leaf[None], sc))
    return T_c[0], oscillatory[0], A[0]


@_found.def_vmap
def _found_in_batch(size: int, batched: list[Superconductor], sc: Superconductor) -> tuple[Found, tuple[bool, ...]]:
    """With few nodes first, then with all from there; what needs eigenvalues is gathered."""
    (systems,) = spread(size, batched, (sc,))
    top = _top(systems)
    lowest = top + LOWEST
    few = _search(systems, _from(systems, top, seen=True), lowest, FEW, CLOSE)
    # Few nodes do not resolve the coldest temperatures: whether there is no T_c is asked there again.
    upper = jnp.where(few.found, few.at + 2 * CLOSE, lowest)
    found = _search(systems, _from(systems, upper, seen=False), upper - jnp.where(few.found, 4 * CLOSE, 0.0), step=4 * CLOSE)
    T_c = jnp.where(found.found, jnp.exp(found.at), 0.0 * top)
    left = few.lost | found.lost | (found.found != few.found)
    return of_those_left(_searched, cut().long_of(size), systems, (T_c, 0.0 * T_c, _map_at(found)), left), (True, True, True)


def _searched(systems: Superconductor) -> Found:
    """By the whole search, with all nodes."""
    top = _top(systems)
    end = _search(systems, _from(systems, top, seen=True), top + LOWEST, counted=True)
    finite = jnp.isfinite(top)
    T_c = jnp.where(end.found, jnp.exp(end.at), 0.0)
    return jnp.where(finite, T_c, jnp.nan), jnp.where(finite, jnp.exp(end.oscillatory), jnp.nan), _map_at(end)


def _map_at(end: "Search") -> Float[Array, "element channel channel"]:
    """lambda K where a search has looked last."""
    return jnp.eye(len(end.M)) - jnp.moveaxis(end.M, -1, 0)


# --- the search -------------------------------------------------------------------------------------------------------------


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


def _top(systems: Superconductor) -> Float[Array, "element"]:
    """ln T above which nothing superconducts; NaN where a system is not finite."""
    finite = jnp.stack([jnp.isfinite(leaf.reshape(len(leaf), -1)).all(axis=1) for leaf in jax.tree.leaves(systems)])
    return jnp.where(finite.all(axis=0), jnp.log(jax.vmap(highest_temperature)(systems)), jnp.nan)


def _from(systems: Superconductor, upper: Float[Array, "element"], seen: bool) -> Search:
    """A search from `upper`, ln T, down; no eigenvalue is above 1 there, which has to be `seen`."""
    one, no, none = jnp.ones_like(upper), jnp.zeros(upper.shape, bool), jnp.zeros(upper.shape, int)
    valid = jnp.isfinite(upper)
    M = jnp.zeros((*systems.lam.shape[1:], len(upper)))
    return Search(
        upper, one, none, upper, one, none, no, none, none, no, no | seen, upper, M, no, no, no, ~valid, -jnp.inf * one
    )


def _search(
    systems: Superconductor,
    start: Search,
    lowest: Float[Array, "element"],
    rule: Rule = DEFAULT_RULE,
    precision: float = SETTLED,
    step: float = STEP,
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
        M = normal_matrices(systems, jnp.exp(x), rule)
        c = coefficients(M)[0]
        number = changes_of_sign(c)
        static = s.static
        if counted:
            by_eigenvalues = jax.lax.cond(jnp.any(s.hard), _counted, lambda M: (number, static), M)
            number, static = (jnp.where(s.hard, *both) for both in zip(by_eigenvalues, (number, static), strict=True))
        now = _moved(s, x, number, c[-1])
        narrow = s.bracketed & (now.tries >= jnp.where(s.hard, HALVINGS, TRIES))
        near = s.bracketed & ~s.hard & _by_one(s) & (narrow | (jnp.abs(x - s.at) <= precision))
        telling = _telling(M, c) | (precision > WIDE)
        together = now.bracketed & ~_by_one(now) & (now.upper - now.lower <= SHORTEST)
        vague = ~now.hard & ((near & ~telling) | together)
        now = now._replace(M=M, found=near & telling & ~vague, static=near, lost=now.lost | (vague & (not counted)))
        if counted:
            now = _ended(_to_be_counted(now, vague, near), s.hard & narrow, static, many, onwards)
        below = ~now.bracketed & (now.upper <= lowest)
        now = now._replace(done=now.found | now.lost | below)
        return jax.tree.map(lambda old, new: jnp.where(s.done, old, new), s, now)

    start = start._replace(done=start.done | start.lost | (start.seen & ~start.bracketed & (start.upper <= lowest)))
    limit = jnp.inf if most is None else most
    return jax.lax.while_loop(lambda s: (s[0] < limit) & ~s[1].done.all(), lambda s: (s[0] + 1, look(s[1])), (0, start))[1]


def _next(s: Search, step: float) -> Float[Array, "element"]:
    """ln T to look at: a step down, or in the bracket where a chord of c_0 vanishes, else its middle."""
    chord = s.upper - s.c_upper * (s.lower - s.upper) / jnp.where(s.c_lower == s.c_upper, 1.0, s.c_lower - s.c_upper)
    inside = jnp.where(s.hard | ~_by_one(s), (s.upper + s.lower) / 2, jnp.clip(chord, s.lower, s.upper))
    return jnp.where(s.bracketed, inside, jnp.where(s.seen, s.upper - step, s.upper))


def _moved(s: Search, x: Float[Array, "element"], number: Int[Array, "element"], c_0: Float[Array, "element"]) -> Search:
    """With what has been seen at x as one end. The other end's c_0 is halved if it stays twice (the Illinois rule)."""
    same = number == s.above
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


def _by_one(s: Search) -> Bool[Array, "element"]:
    """Whether one real eigenvalue crosses inside the bracket, so that chords find it."""
    return (jnp.abs(s.under - s.above) == 1) & (s.c_upper * s.c_lower <= 0)


def _telling(M: Float[Array, "n n element"], c: Float[Array, "n element"]) -> Bool[Array, "element"]:
    """Whether c_0 says where an eigenvalue is 1: it is c_1 times (1 - that eigenvalue), in units of a typical c."""
    n = len(c)
    size = jnp.maximum(1.0, jnp.sum(M * M, axis=(0, 1)) / n) ** ((n - 1) / 2)
    return jnp.abs(c[-2]) > TELLING * size if n > 1 else jnp.ones_like(c[0], bool)


def _counted(M: Float[Array, "n n element"]) -> tuple[Int[Array, "element"], Bool[Array, "element"]]:
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
    end = _search(systems, _from(systems, _top(systems), seen=True), goal, rule, CLOSE, most=MOST)
    columns = coefficients(end.M)[1]
    never = end.done & ~end.lost & ~end.found & (end.above == 0)
    return SettingIn(
        T_c=jnp.exp(end.at),
        direction=normalised(columns),
        below=end.found & ((goal < end.at - CLOSE) | (T == 0)),
        above=never | (end.found & (goal > end.at + CLOSE)),
    )


def normalised(columns: Float[Array, "n n element"]) -> Float[Array, "n element"]:
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


# --- all crossings ----------------------------------------------------------------------------------------------------------


class Crossing(NamedTuple):
    """Where an eigenvalue's real part crosses 1."""

    T: float
    """[K]"""
    static: bool
    """Whether a real eigenvalue does it."""


@takes_system
def linear_temperatures(sc: Superconductor) -> tuple[float, ...]:
    """All temperatures [K] at which lambda K(T) has the eigenvalue 1, highest first."""
    return tuple(crossing.T for crossing in linear_crossings(sc) if crossing.static)


def linear_crossings(sc: Superconductor) -> list[Crossing]:
    """Wherever an eigenvalue's real part crosses 1, highest first: normal states may be stable again below."""
    log_T = np.asarray(jnp.log(highest_temperature(sc))) + np.linspace(0.0, LOWEST, GRID)
    number = np.asarray(_numbers(sc, jnp.asarray(log_T)))
    found: list[Crossing] = []
    for i in np.flatnonzero(np.diff(number)):
        upper, above = log_T[i], number[i]
        # One after the other, where several eigenvalues cross between two temperatures of the grid.
        for _ in range(len(sc.channels)):
            end = _between(sc, upper, log_T[i + 1], above, number[i + 1])
            new = Crossing(float(np.exp(end.at[0])), bool(end.static[0]))
            if not found or found[-1].static != new.static or abs(new.T / found[-1].T - 1) > SAME_ROOT:
                found.append(new)
            upper, above = np.asarray(end.lower[0]), np.asarray(end.under[0])
            if above == number[i + 1]:
                break
    return found


@program
def _numbers(sc: Superconductor, log_T: Float[Array, "temperature"]) -> Int[Array, "temperature"]:
    """Numbers of eigenvalues whose real part is above 1."""
    systems = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(log_T), *leaf.shape)), sc)
    M = normal_matrices(systems, jnp.exp(log_T))
    return changes_of_sign(coefficients(M)[0]) if len(M) <= LARGEST else _counted(M)[0]


@program
def _between(sc: Superconductor, upper: ArrayLike, lower: ArrayLike, above: ArrayLike, under: ArrayLike) -> Search:
    """The first crossing below `upper`, ln T, in a bracket with so many eigenvalues above 1 at its ends."""
    systems = jax.tree.map(lambda leaf: leaf[None], sc)
    ends = [jnp.atleast_1d(end) for end in (upper, lower)]
    c_upper, c_lower = (coefficients(normal_matrices(systems, jnp.exp(end)))[0][-1] for end in ends)
    start = _from(systems, ends[0], seen=True)
    start = start._replace(
        c_upper=c_upper,
        above=jnp.atleast_1d(above),
        lower=ends[1],
        c_lower=c_lower,
        under=jnp.atleast_1d(under),
        bracketed=start.seen,
    )
    hard = ~_by_one(start)
    return _search(systems, start._replace(hard=hard), ends[1], counted=True, onwards=False)
