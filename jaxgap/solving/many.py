r"""Many systems solved at once, near what the hardware allows, each with a status as trustworthy as that of `solve`.

.. math:: r_n(\Delta_n) = \Delta_n - \lambda_n P(\Delta_n; \theta_n, T_n) / N_n = 0

Most elements of a batch go the short way, in blocks (`jaxgap.numerics.cutting`) of the equations
`jaxgap.equations.gap_equations`:

1. follow, unless a start is given: a named branch from T = 0, the one connected to T_c from where superconductivity sets in
   (`jaxgap.solving.normal_state.setting_in`), with a fifth of the nodes and roughly (`jaxgap.solving.walk`). Elements whose
   branch bends need more steps: those still on their way are gathered into new blocks, again and again;
2. find: the safeguarded Newton of `solve` with a third of the nodes, to a thousandth;
3. finish: nodes are placed once for what was found; one Newton step there, and another one with the same M;
4. judge: the residual after it, one evaluation with a finer rule, as in `solve`, and the stability of a branch.

What does not end in a root of the promised accuracy (or clearly in the normal state) goes the long way: it is left to
`solve_core`, as are complex starts and lattices. Every verdict but `CONVERGED`, `NORMAL` and `TRIVIAL` is therefore `solve`'s
own, and these are given only where its conditions hold.

An element that has arrived waits unchanged for the others of its block, and blocks have one size: results do not depend on an
element's neighbours or its place in the batch, and on the batch's size only by rounding, far below 10 eps / sigma_min (XLA
compiles a single block without the loop, in another order of operations).
"""

import math
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.equations.gap_equations import equations, residuals, residuals_and_matrices, residuals_and_phases
from jaxgap.equations.gauge import implicit_amplitudes, vanishing
from jaxgap.equations.nodes import lanes
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import coefficients
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.gathered import of_those_left
from jaxgap.numerics.meshes import elementwise
from jaxgap.numerics.newton import RESIDUAL_TOLERANCE, alike, newton, norm
from jaxgap.numerics.precision import own_rules, require_float64
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import solved
from jaxgap.solving.blocks import cut_for, each_by_itself, in_blocks
from jaxgap.solving.core import solve_core, unless_nothing
from jaxgap.solving.filling import filled
from jaxgap.solving.finer import refines
from jaxgap.solving.judge import judge, status_of
from jaxgap.solving.labels import has_signs, label_of, sign_pattern
from jaxgap.solving.normal_state import setting_in
from jaxgap.solving.path import Path, from_T_c, from_temperature, picked_up, weak_coupling_gap
from jaxgap.solving.retarded import retarded_many
from jaxgap.solving.solution import Solution, Status
from jaxgap.solving.starts import starting_amplitudes
from jaxgap.solving.walk import ROUGH, SIDE, Walk, arrived, begin, go_on, going
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule

__all__ = ["Ways", "goes_the_long_way", "solve_many"]

FEWER = 0.3
"""Share of the rule's nodes with which roots are looked for: it finds them to 1e-4."""
FOUND = 1e-3
"""|dx| / |x| of the last step of the search, after which nothing is evaluated."""
FEWEST = 0.2
"""The share with which branches are followed: points there only have to be on the right one."""
EVALUATIONS = (6, 6, 8, 12, 16, 32)
"""Of the gap equations on the way of a branch, before those that have arrived are left behind."""
SHORTEST = 1e-7
"""Share of T_c, or of the way, below which a step ends it."""
MAX_STEPS = 16
"""Limit of the search's steps, on which a block waits."""
STARTS = 4
"""Starts for a named branch at T = 0 that are tried."""
SHORT_STEP = 0.02
"""|dx| / |x| between what was found and the root, up to which they are one solution."""
CLEAR = 1e-2
"""sigma_min of the normal state above which a search that ends there does so with any rule (nearer to T_c: the long way)."""


Ways = Literal["both", "short", "long"]


class Approach(NamedTuple):
    """What a search has found."""

    x: Float[Array, "channel"]
    good: Bool[Array, ""]
    steps: Int[Array, ""]


class Found(NamedTuple):
    """What is known of an element at the end of either way."""

    Delta: Inexact[Array, "channel"]
    status: Int[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    sigma_min: Float[Array, ""]
    quadrature_error: Float[Array, ""]
    differentiable: Bool[Array, ""]
    finer: Float[Array, ""]
    """How far the mesh of a lattice has been refined."""
    unstable_amplitude: Int[Array, ""]
    unstable_phase: Int[Array, ""]


@own_rules
@elementwise
def solve_many(
    systems: Superconductor,
    T: Any,
    *,
    start: Any = None,
    branch: str | None = None,
    rule: Rule = DEFAULT_RULE,
    ways: Ways = "both",
) -> Solution:
    """Solve the gap equations of many systems of one structure, each at its own temperature.

    It may be called inside `jax.jit` and `jax.shard_map` (with `check_vma=False`: its loops end at different times on different
    devices); its result is differentiable like `solve`'s. Nothing raises for an element: each carries its own status. On a CPU
    with AVX-512, `jax.jit(..., compiler_options={"xla_cpu_prefer_vector_width": 512})` is a tenth to a fifth faster.

    Args:
        systems: a batch of systems: every leaf has a leading axis of elements.
        T: temperatures [K], one per element.
        start: amplitudes to start from [meV], for all elements or one row each. A real start keeps every phase real.
        branch: the branch to take, as in `solve`. Without `start` and `branch` it is the one connected to T_c.
        rule: quadrature nodes per piece.
        ways: "short" leaves what has to go the long way as `NOT_CONVERGED`, "long" goes no other: for who compiles them apart.

    Returns:
        A batch of `Solution`, each with what `solve` promises for its status. `steps` counts evaluations with few nodes, too.

    Raises:
        InputError: for temperatures or starts that do not fit the batch, or an unknown branch.

    Example:
        >>> sc = jg.materials.two_band()
        >>> systems = jax.vmap(lambda x: sc.set({"lambda_33": x}))(jnp.array([0.1, 0.2]))
        >>> found = jg.sweeps.solve_many(systems, [4.2, 4.2], ways="short")
        >>> found.converged.tolist(), np.asarray(found.Delta.real).round(3).tolist()
        ([True, True], [[6.523, 4.274, 1.785], [6.396, 4.207, 3.043]])
    """
    # === convert and check
    require_float64()
    check(isinstance(systems, Superconductor), "systems", "be a batch of Superconductor", type(systems).__name__)
    shape = jnp.shape(systems.lam)[:-2]
    check(len(shape) == 1, "systems", "have one leading axis of elements in every leaf", f"couplings of shape {shape}")
    check(shape[0] > 0, "systems", "hold at least one element", "none")
    T = jnp.asarray(T, jnp.float64)
    check(T.shape == shape, "T", f"have one temperature [K] per element, {shape}", f"shape {T.shape}")
    x = None if start is None else _starts(start, systems, shape[0])
    pattern = None if branch is None else sign_pattern(branch, systems.signed)

    # === solve
    if isinstance(systems, RetardedSuperconductor):
        return retarded_many(systems, T, x, pattern)
    if systems.density is not None:
        systems = jax.vmap(lambda sc, T, x: filled(sc, T, x, pattern))(systems, T, x)
    return many_core(systems, T, x, pattern, rule, ways)


@program
def many_core(
    systems: Superconductor,
    T: Float[Array, "element"],
    x: Inexact[Array, "element channel"] | None,
    pattern: Float[Array, "band"] | None,
    rule: Rule,
    ways: Ways,
) -> Solution:
    """`solve_many` in stages: the short way, the long way for what is left, and the implicit derivative."""
    frozen = jax.lax.stop_gradient((systems, T, x))
    found = _nothing(*frozen)
    if ways != "long" and not goes_the_long_way(systems, x):
        found = _short_way(*frozen, pattern, rule)
    if ways != "short":
        long_way = partial(_long_way, pattern=pattern, rule=rule)
        found = of_those_left(long_way, cut_for(systems).long_of(len(T)), frozen, found, found.status == Status.NOT_CONVERGED)
    return jax.vmap(partial(_solution, rule=rule))(systems, T, found)


def goes_the_long_way(systems: Superconductor, start: Any) -> bool:
    """Whether all elements do: from complex starts; of lattices, whose sums over one mesh fill a device by themselves; of
    retarded interactions, which have one way only."""
    return refines(systems) or systems.is_retarded or (start is not None and jnp.iscomplexobj(start))


def _solution(sc: Superconductor, T: Any, found: Found, rule: Rule) -> Solution:
    """One element, with its implicit derivative."""
    sc = sc.as_fine(found.finer)
    Delta = implicit_amplitudes(sc, T, found.Delta, found.differentiable, None, rule)
    Delta = unless_nothing(Delta, found.status).astype(jnp.complex128)
    rest = {name: value for name, value in found._asdict().items() if name not in ("Delta", "finer")}
    return Solution(superconductor=sc, T=T, Delta=Delta, label=label_of(sc, unless_nothing(found.Delta, found.status)), **rest)


def _starts(start: Any, systems: Superconductor, n: int) -> Inexact[Array, "element channel"]:
    """One start per element; real where all imaginary parts are zero, as in `solve`."""
    check_finite("start", start, real=False)
    if is_concrete(start):
        start = np.asarray(start)
        start = start.real if np.iscomplexobj(start) and not np.any(start.imag) else start
    x = jnp.asarray(start, jnp.complex128 if jnp.iscomplexobj(start) else jnp.float64)
    names = ", ".join(systems.channels)
    wanted = ((len(systems.channels),), (n, len(systems.channels)))
    check(x.shape in wanted, "start", f"have one amplitude per channel ({names}), for all or per element", f"shape {x.shape}")
    return jnp.broadcast_to(x, wanted[1])


def _nothing(sc: Superconductor, T: Any, x: Any) -> Found:
    """Every element as one that still has to be solved."""
    amplitudes = jnp.zeros((len(T), len(sc.channels))) if x is None else jnp.zeros_like(x)
    zero, no = jnp.zeros_like(T), jnp.zeros(T.shape, bool)
    count = zero.astype(int)
    return Found(
        amplitudes, jnp.full(T.shape, Status.NOT_CONVERGED, int), zero, count, zero, zero, no, sc.fineness, count, count
    )


# === the short way


def _short_way(sc: Superconductor, T: Any, x: Any, pattern: Float[Array, "band"] | None, rule: Rule) -> Found:
    """Follow, find, finish and judge; `NOT_CONVERGED` is what has to go the long way."""
    finish = partial(_finish, pattern=pattern, rule=rule)
    if x is not None:

        def from_start(block: Any) -> Found:
            sc, T, x = block
            return finish(sc, T, _near(sc, T, x, rule))

        return in_blocks(from_start, (sc, T, x))

    if pattern is None:
        path, normal, walk = in_blocks(_from_T_c, (sc, T))
    else:
        path, walk = _from_zero(sc, T, pattern)
        normal = jnp.zeros(T.shape, bool)
    walk = _followed(sc, path, walk, pattern, rule)

    def end(block: Any) -> Found:
        sc, T, path, normal, walk = block
        x = jax.vmap(arrived)(path, walk)
        found = _near(sc, T, x, rule)
        close = jax.vmap(partial(alike, share=SIDE))(found.x - x, x) & (
            jax.vmap(norm)(found.x - x) <= SHORT_STEP * jax.vmap(norm)(found.x)
        )
        found = Approach(jnp.where(normal[:, None], 0.0, found.x), found.good & close & walk.there, walk.steps + found.steps)
        return finish(sc, T, found, normal=None if pattern is not None else normal)

    return in_blocks(end, (sc, T, path, normal, walk))


def _from_T_c(block: Any) -> tuple[Path, Any, Walk]:
    """Where the branch connected to T_c begins: (path, whether the normal state is the answer, walk before the first step)."""
    sc, T = block
    where = setting_in(sc, T, fewer(DEFAULT_RULE))
    # Of elements that are not below their T_c nothing is kept.
    T_c, v = jnp.where(where.below, where.T_c, 1.0), jnp.where(where.below, where.direction, 1.0)
    T = jnp.where(where.below, T, 0.0)
    expected = weak_coupling_gap(picked_up(T, T_c), T_c) * jnp.sqrt(jnp.sum(v**2, axis=0) / jnp.sum(v**4, axis=0))
    path = jax.vmap(from_T_c)(T, T_c, (expected * v).T, SHORTEST * T_c)
    return path, where.above, jax.vmap(partial(begin, care=ROUGH))(path, where.below)


def _from_zero(sc: Superconductor, T: Any, pattern: Float[Array, "band"]) -> tuple[Path, Walk]:
    """Where a named branch is looked for, at T = 0."""
    starts = in_blocks(lambda block: jax.vmap(partial(starting_amplitudes, pattern=pattern))(block[0])[:, :STARTS], (sc, T))
    path = jax.vmap(from_temperature)(jnp.zeros_like(T), T, starts, SHORTEST * T)
    return path, jax.vmap(partial(begin, care=ROUGH))(path)


def _followed(sc: Superconductor, path: Path, walk: Walk, pattern: Float[Array, "band"] | None, rule: Rule) -> Walk:
    """All branches as far as they go, in stages after which those still on their way are gathered. One program for all."""
    rough, how, n = equations(_share(rule, FEWEST)), cut_for(sc), len(walk.lost)

    def follow(block: Any, most: Any) -> Walk:
        return jax.vmap(lambda sc, path, walk: go_on(rough, sc, path, walk, pattern, ROUGH, most))(*block)

    def stage(k: Any, walk: Walk, size: int) -> Walk:
        way = partial(follow, most=jnp.asarray(EVALUATIONS)[k])
        return of_those_left(way, size, (sc, path, walk), walk, going(walk))

    def in_stages(batch: Any) -> Walk:
        walk, first = batch[2], how.together(n) > how.of_the_left(n)
        if first:
            walk = stage(0, walk, how.together(n))
        return jax.lax.fori_loop(int(first), len(EVALUATIONS), partial(stage, size=how.of_the_left(n)), walk)

    def followed(block: Any) -> Walk:
        return follow(block, sum(EVALUATIONS))

    return each_by_itself(followed, (sc, path, walk), in_stages)


def _near(sc: Superconductor, T: Any, x: Float[Array, "element channel"], rule: Rule) -> Approach:
    """The roots near `x`, with few nodes."""
    search = equations(fewer(rule))

    def one(sc: Superconductor, T: Any, x: Any) -> Approach:
        root = newton(search, x, (sc, T), MAX_STEPS, vanishing(sc, T), last_step=FOUND)
        return Approach(root.x, root.converged, root.steps)

    return jax.vmap(one)(sc, T, x)


def fewer(rule: Rule) -> Rule:
    """The nodes with which roots are looked for."""
    return _share(rule, FEWER)


def _share(rule: Rule, share: float) -> Rule:
    return Rule(*(max(3, math.ceil(share * n)) for n in rule))


def _finish(
    sc: Superconductor,
    T: Any,
    found: Approach,
    pattern: Float[Array, "band"] | None,
    rule: Rule,
    normal: Bool[Array, "element"] | None = None,
) -> Found:
    """The root with all nodes, and its verdict; the nodes are placed for what was found.

    `normal` are the elements for which the normal state, if it is stable, is the answer.
    """
    at = lanes(sc, found.x, T, rule)
    step = jax.vmap(solved, in_axes=-1, out_axes=-1)
    floor = jax.vmap(vanishing)(sc, T)
    vanished = found.good & (_size(found.x.T) <= floor) if normal is None else normal

    # === finish
    r, M = residuals_and_matrices(found.x.T, at)
    first = step(M, r)
    x = found.x.T - first
    x = x - step(M, residuals(x, at))
    # The sums over k of r make the phase block, too.
    left, phases = residuals_and_phases(x, at)
    size, length = _size(left), _size(x)
    good = found.good & (_size(first) <= SHORT_STEP * length) & (length > floor)
    good &= jnp.isfinite(x).all(axis=0) & (size <= RESIDUAL_TOLERANCE * length)

    # === judge, as `solve` does
    # Nodes are for the same amplitudes as above: XLA then finds their places once.
    verdict = judge(sc, T, x, M, phases, residuals(x, lanes(sc, found.x, T, rule.refined())))
    vanished &= verdict.sigma_min > CLEAR if normal is None else (coefficients(M)[0] > 0).all(axis=0)
    if pattern is not None:
        good &= jax.vmap(has_signs, in_axes=(0, -1, None))(sc, x, pattern)
        vanished = jnp.zeros_like(vanished)
    if pattern is not None or normal is not None:  # a branch is stable, or left to who follows it in small steps
        good &= (verdict.unstable_amplitude == 0) & jax.vmap(partial(alike, share=SIDE), in_axes=-1)(first, x)
    zero = Status.TRIVIAL if normal is None else Status.NORMAL
    vanished &= ~(good & verdict.accurate)
    status = status_of(verdict, vanished, good | vanished, True, zero)
    kept = jnp.isin(status, jnp.array([Status.CONVERGED, zero]))
    vanished &= kept
    return Found(
        Delta=jnp.where(vanished, 0.0, x).T,
        status=jnp.where(kept, status, Status.NOT_CONVERGED),
        residual=jnp.where(vanished, _size(r), size),
        steps=found.steps + 3,
        sigma_min=verdict.sigma_min,
        quadrature_error=jnp.where(vanished, 0.0, verdict.quadrature_error),
        differentiable=verdict.differentiable(kept),
        finer=sc.fineness,
        unstable_amplitude=verdict.unstable_amplitude,
        unstable_phase=verdict.unstable_phase,
    )


def _size(x: Float[Array, "channel element"]) -> Float[Array, "element"]:
    return jnp.sqrt(jnp.sum(x * x, axis=0))


# === the long way


def _long_way(block: Any, pattern: Float[Array, "band"] | None, rule: Rule) -> Found:
    """`solve_core` of every element of a block."""
    sc, T, start = block
    one = jax.vmap(lambda sc, T, x: solve_core(sc, T, x, pattern, rule), in_axes=(0, 0, None if start is None else 0))
    solution = one(sc, T, start)
    Delta = solution.Delta if start is not None and jnp.iscomplexobj(start) else solution.Delta.real
    own = {"Delta": Delta, "finer": solution.superconductor.fineness}
    return Found(**own, **{name: getattr(solution, name) for name in Found._fields if name not in own})
