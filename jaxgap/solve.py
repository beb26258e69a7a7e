r"""One solution of the gap equations: all channels at once, by safeguarded Newton, differentiable.

.. math:: r(\Delta) = \Delta - \lambda P(\Delta) / N = 0, \qquad M = \partial r / \partial \Delta

Which solution? A start given by the user; else the branch that a sign pattern names, found at T = 0 and followed up to T;
else the branch connected to T_c, found close below T_c and followed down to T. Following means steps in T, each predicted by
dDelta/dT and corrected by Newton, refused where the correction is not small: a step over the end of a branch does not pass
for a solution.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap._checks import NotConvergedError, check, check_finite, is_concrete
from jaxgap._compilation import program
from jaxgap._precision import require_float64
from jaxgap.critical import instability
from jaxgap.curvature import residual_and_matrix
from jaxgap.implicit import SINGULAR, at_root, smallest_singular_value
from jaxgap.labels import has_signs, label_of, sign_pattern
from jaxgap.newton import CAREFUL, MAX_STEPS, Root, Stride, differentiated, newton, norm
from jaxgap.pairing import gap_residual, thermal_energy
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.solution import Solution, Status, promised_accuracy
from jaxgap.spectrum import abs2
from jaxgap.superconductor import Superconductor

__all__ = ["solve", "follow", "follow_from_zero"]

ESCALATION = (3, 9)
"""Factors by which `solve` multiplies the nodes, in turn, when a solution is inaccurate (nearly gapless, T near 0)."""


def solve(
    sc: Superconductor,
    T: Any,
    *,
    start: Any = None,
    branch: str | None = None,
    rule: Rule = DEFAULT_RULE,
    throw: bool = True,
) -> Solution:
    """Solve the gap equations of `sc` at temperature T [K].

    Without `start` and `branch` it returns the branch connected to T_c: the normal state at and above T_c.

    Args:
        sc: the system.
        T: temperature [K], one number, 0 allowed; for many temperatures use `jax.vmap`.
        start: amplitudes to start from [meV], one per channel, or a `Solution`. A real start keeps every phase real.
        branch: the branch to take: "s++", "s+-", or one sign per band such as "++-".
        rule: quadrature nodes per piece.
        throw: raise `NotConvergedError` with the status's sentence unless the solution is the one asked for. Under
            `jit`, `vmap` and `grad` nothing raises: each element carries its own status.

    Returns:
        A `Solution`, in which the relative error of every amplitude above 1e-4 Omega is at most
        max(1e-9, 10 eps / sigma_min), quadrature included, if its status is `CONVERGED`.

    Raises:
        InputError: for a temperature that is negative, not finite or not one number, or a start that does not fit.
    """
    # === convert and check
    require_float64()
    check(isinstance(sc, Superconductor), "sc", "be a Superconductor", type(sc).__name__)
    T = checked_temperature(T)
    Delta_0 = None if start is None else amplitudes(start, sc)
    pattern = None if branch is None else sign_pattern(branch, len(sc.bands))

    # === solve
    solution = solve_core(sc, T, Delta_0, pattern, rule)
    if not is_concrete(solution):
        return solution
    for factor in ESCALATION:
        if int(solution.status) == Status.INACCURATE:
            solution = solve_core(sc, T, amplitudes(solution, sc), pattern, Rule(*(factor * n for n in rule)))
    if throw and not bool(solution.converged):
        raise NotConvergedError(f"solve at T = {float(T):g} K: {Status(int(solution.status)).sentence}")
    return solution


def checked_temperature(T: Any) -> Float[Array, ""]:
    check_finite("T", T)
    T = jnp.asarray(T, jnp.float64)
    check(
        T.ndim == 0,
        "T",
        "be one number [K] (for many temperatures: jax.vmap(lambda T: solve(sc, T))(T))",
        f"shape {T.shape}",
    )
    if is_concrete(T):
        check(float(T) >= 0, "T", "not be negative [K]", float(T))
    return T


def amplitudes(start: Any, sc: Superconductor) -> Inexact[Array, "channel"]:
    """Amplitudes as a real array where they are real: a real start solves n real unknowns, a complex one 2n."""
    if isinstance(start, Solution):
        start = start.Delta
    check_finite("start", start)
    if is_concrete(start):
        start = np.asarray(start)
        start = start.real if np.iscomplexobj(start) and not np.any(start.imag) else start
    Delta = jnp.asarray(start, jnp.complex128 if jnp.iscomplexobj(start) else jnp.float64)
    n = len(sc.channels)
    check(Delta.shape == (n,), "start", f"have one amplitude per channel ({', '.join(sc.channels)})", f"shape {Delta.shape}")
    return jax.lax.stop_gradient(Delta)


def pack(Delta: Inexact[Array, "channel"]) -> Float[Array, "n"]:
    """Amplitudes as real unknowns: n for real ones, 2n for complex ones."""
    return jnp.concatenate([Delta.real, Delta.imag]) if jnp.iscomplexobj(Delta) else Delta


def unpack(x: Float[Array, "n"], n: int) -> Inexact[Array, "channel"]:
    return x if x.shape[0] == n else x[:n] + 1j * x[n:]


class _Theta(NamedTuple):
    """What the residual depends on besides the unknowns."""

    sc: Superconductor
    T: Float[Array, ""]
    gauge: Float[Array, "direction n"]
    """Unit vectors along i Delta, one per independent U(1): the directions in which complex amplitudes may turn for free
    (as many rows as channels: rows of one group are equal and share its weight); none for real ones."""
    origin: Float[Array, "n"]
    """Amplitudes relative to which they do not turn."""


def _theta(sc: Superconductor, T: Any, x: Float[Array, "n"]) -> _Theta:
    """The residual's parameters, with the gauge fixed at the amplitudes x."""
    return _Theta(sc, T, gauge_directions(sc, x), x)


def gauge_directions(sc: Superconductor, x: Float[Array, "n"]) -> Float[Array, "direction n"]:
    """Rows u_c whose sum over c of u_c u_c^T projects on the directions i Delta of all groups of coupled channels.

    Channels turn together if they are coupled, directly or through others, by lambda or by a common spectrum; every group
    of them has a free phase of its own.
    """
    n = len(sc.channels)
    if x.shape[0] == n:
        return jnp.zeros((0, n))
    turned = group_directions(sc, 1j * unpack(x, n))
    return jnp.concatenate([turned.real, turned.imag], axis=1)


def group_directions(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Inexact[Array, "direction channel"]:
    """The amplitudes of every channel's group, of norm 1 / sqrt(channels in the group): the rows' projectors add up to the
    projector on all groups' amplitudes."""
    together = coupled_channels(sc)
    rows = together * Delta[None, :]
    weight = jnp.sum(abs2(rows), axis=1, keepdims=True) * jnp.sum(together, axis=1, keepdims=True)
    return rows / jnp.sqrt(jnp.where(weight > 0, weight, 1.0))


def coupled_channels(sc: Superconductor) -> Float[Array, "channel channel"]:
    """1 for channels that are coupled directly or through others, else 0."""
    linked = np.eye(len(sc.channels), dtype=bool)
    for cluster in sc.clusters:
        linked[np.ix_(cluster.channels, cluster.channels)] = True
    together = jnp.asarray((sc.lam != 0) | (sc.lam.T != 0) | linked, float)
    for _ in range(max(1, (len(linked) - 1).bit_length())):
        together = jnp.asarray(together @ together > 0, float)
    return together


def _residual(x: Float[Array, "n"], theta: _Theta, rule: Rule) -> Float[Array, "n"]:
    """The gap equations in real unknowns, plus u (u . (x - x_0)): without it the Jacobian of complex amplitudes is
    singular along every gauge direction u, and gradients would be silently wrong."""
    n = len(theta.sc.channels)
    r = pack(gap_residual(theta.sc, unpack(x, n), theta.T, rule))
    return r + (theta.gauge @ (x - theta.origin)) @ theta.gauge


def implicit_amplitudes(
    sc: Superconductor,
    T: Float[Array, ""],
    Delta: Inexact[Array, "channel"],
    trusted: Bool[Array, ""],
    jacobian: Float[Array, "n n"],
    rule: Rule = DEFAULT_RULE,
) -> Inexact[Array, "channel"]:
    """The solution `Delta`, and dr/dx there, as a differentiable function of `sc` and `T`; NaN derivatives unless `trusted`."""
    Delta = jax.lax.stop_gradient(Delta)
    theta = jax.lax.stop_gradient(_theta(sc, T, pack(Delta)))._replace(sc=sc, T=T)
    return unpack(at_root(partial(_residual, rule=rule), pack(Delta), theta, trusted, jacobian), len(sc.channels))


def vanishing(sc: Superconductor, T: Any) -> Float[Array, ""]:
    """|Delta| [meV] below which a solution is the normal one: 1e-6 k_B T (1e-13 below T_c), and 1e-18 Omega at T = 0."""
    return jnp.maximum(1e-6 * thermal_energy(T), 1e-18 * sc.Omega)


@partial(jax.jit, static_argnames=("rule", "max_steps", "stride"))
def search_root(
    sc: Superconductor, T: Any, x: Float[Array, "n"], rule: Rule, max_steps: int = MAX_STEPS, stride: Stride = CAREFUL
) -> Root:
    """Safeguarded Newton from the amplitudes x, without derivatives, with the gauge fixed anew at every step.

    Fixed at the start instead, the term u (u . (x - x_0)) could balance r at amplitudes that solve nothing.
    """

    def residual(x: Float[Array, "n"], theta: Any) -> Float[Array, "n"]:
        return _residual(x, jax.lax.stop_gradient(_theta(theta[0], theta[1], x)), rule)

    def real(x: Float[Array, "n"], theta: Any) -> Any:
        return residual_and_matrix(theta[0], x, theta[1], rule)

    equations = real if x.shape[0] == len(sc.channels) else differentiated(residual)
    return newton(equations, x, (sc, T), max_steps, vanishing(sc, T), stride)


def newton_amplitudes(sc: Superconductor, T: Float[Array, ""], Delta: Inexact[Array, "channel"]) -> Root:
    """Safeguarded Newton from the real amplitudes `Delta`, without derivatives: the inner solve of a fit."""
    return search_root(sc, T, Delta, DEFAULT_RULE, max_steps=30)


class Track(NamedTuple):
    """Where following a branch in temperature ended."""

    T: Float[Array, ""]
    """How far the branch was followed [K]."""
    Delta: Float[Array, "channel"]
    """Its amplitudes there [meV]."""
    began: Bool[Array, ""]
    """Whether a start led to the branch at all."""
    arrived: Bool[Array, ""]
    """Whether it reached the goal: False if the branch ended, or could not be followed, before."""
    root: Root
    """The root found at the goal: on the branch if `arrived`, else wherever Newton went from the last point."""


class _Walk(NamedTuple):
    T: Float[Array, ""]
    Delta: Float[Array, "channel"]
    slope: Float[Array, "channel"]
    h: Float[Array, ""]
    tried: Int[Array, ""]
    began: Bool[Array, ""]
    root: Root
    steps: Int[Array, ""]
    done: Bool[Array, ""]


CORRECTION = 0.15
"""Largest correction of a predicted |Delta| that still counts as the same branch."""


def follow(
    sc: Superconductor,
    starts: Float[Array, "start channel"],
    T: Float[Array, ""],
    goal: Float[Array, ""],
    pattern: Float[Array, "band"] | None = None,
    rule: Rule = DEFAULT_RULE,
    resolution: float = 1e-4,
) -> Track:
    """Find a real solution at T from the first of `starts` that leads to one, and follow it to the temperature `goal` [K].

    With `pattern`, the band amplitudes must have and keep those signs. The first step tried is the whole way. A step is
    refused, and tried again at a quarter of its length, if Newton fails, if it corrects the (secant) prediction by more
    than 15 %, or if a sign changes. When steps fall below `resolution` [K] the branch has ended, and Newton jumps to the
    goal, from amplitudes of equal sign, to report what is there.
    """
    n_starts = len(starts)

    def step(s: _Walk) -> _Walk:
        jump = jnp.abs(s.h) <= resolution
        last = jump | (jnp.abs(goal - s.T) <= jnp.abs(s.h))
        T = jnp.where(s.began, jnp.where(last, goal, s.T + s.h), s.T)
        predicted = jnp.where(jump, jnp.abs(starts[0]), s.Delta + s.slope * (T - s.T))
        predicted = jnp.where(s.began, predicted, starts[jnp.minimum(s.tried, n_starts - 1)])
        root = search_root(sc, T, predicted, rule, max_steps=16)
        good = (
            root.converged
            & (norm(root.x) > vanishing(sc, T))
            & (~s.began | (norm(root.x - predicted) <= CORRECTION * norm(s.Delta)))
        )
        if pattern is not None:
            good &= has_signs(root.x, pattern)
        dT = jnp.where(T == s.T, jnp.inf, T - s.T)
        moved = good & ~jump
        tried = s.tried + ~(s.began | good)
        return _Walk(
            T=jnp.where(moved, T, s.T),
            Delta=jnp.where(moved, root.x, s.Delta),
            slope=jnp.where(moved, (root.x - s.Delta) / dT, s.slope),
            h=jnp.where(s.began, jnp.where(moved, 2 * s.h, s.h / 4), s.h),
            tried=tried,
            began=s.began | good,
            root=root,
            steps=s.steps + root.steps,
            done=jump | (moved & (goal == T)) | (tried == n_starts),
        )

    zero, no = jnp.zeros((), int), jnp.array(False)
    nothing = Root(starts[0], jnp.asarray(jnp.inf), jnp.eye(starts.shape[1]), no, zero)
    # Where the way is shorter than the resolution, the step must not look like the last jump.
    h = jnp.where(goal == T, 1.0, jnp.sign(goal - T) * jnp.maximum(jnp.abs(goal - T), 2 * resolution))
    start = _Walk(T, starts[0], 0 * starts[0], h, zero, no, nothing, zero, no)
    end = jax.lax.while_loop(lambda s: ~s.done, step, start)
    arrived = end.began & end.root.converged & (goal == end.T) & (jnp.abs(end.h) > resolution)
    return Track(end.T, end.Delta, end.began, arrived, end.root._replace(steps=end.steps))


def starting_amplitudes(sc: Superconductor, pattern: Float[Array, "band"]) -> Float[Array, "start channel"]:
    """Amplitudes from which to look for a branch at T = 0 [meV]: those of decoupled channels, Omega / sinh(1/lambda_cc), with
    the signs of `pattern`, at three sizes, and with a weaker cross amplitude of either sign."""
    n, n_bands = len(sc.channels), len(sc.bands)
    size = sc.Omega / jnp.sinh(1 / jnp.clip(jnp.diag(sc.lam), 0.1, 2.0))
    signs = jnp.concatenate([pattern, jnp.ones(n - n_bands)])
    scales = [(bands, cross) for cross in (0.2, -0.2) for bands in (1.0, 0.6, 1.5)]
    return jnp.stack([size * signs * jnp.array([b] * n_bands + [c] * (n - n_bands)) for b, c in scales])


def follow_from_zero(
    sc: Superconductor,
    T: Float[Array, ""],
    pattern: Float[Array, "band"],
    rule: Rule = DEFAULT_RULE,
    resolution: float = 1e-4,
) -> Track:
    """The branch whose band amplitudes have the signs of `pattern`: found at T = 0, followed up to T [K]."""
    return follow(sc, starting_amplitudes(sc, pattern), jnp.zeros(()), T, pattern, rule, resolution)


CLOSE = 0.9
"""Share of T_c at which the branch connected to T_c is picked up."""


def _branch_from_T_c(sc: Superconductor, T: Float[Array, ""], rule: Rule) -> Track:
    """The branch connected to T_c, followed down to T: picked up at max(T, 0.9 T_c) along the unstable direction v.

    The amplitude a there solves v . r(a v) = 0, which is negative for small a below T_c and positive for large a.
    """
    T_c, v = instability(sc)
    T_0 = jnp.maximum(T, CLOSE * T_c)

    def bisect(_: Any, bracket: Any) -> Any:
        lo, hi = bracket
        middle = (lo + hi) / 2
        inside = v @ gap_residual(sc, jnp.exp(middle) * v, T_0, rule) < 0
        return jnp.where(inside, middle, lo), jnp.where(inside, hi, middle)

    bounds = jnp.log(vanishing(sc, T_0)), jnp.log(100 * sc.Omega)
    a = jnp.exp(jax.lax.fori_loop(0, 30, bisect, bounds)[0])
    superconducting = T_c > T
    track = follow(sc, (jnp.where(superconducting, a, 0.0) * v)[None], T_0, T, rule=rule)
    return track._replace(arrived=track.arrived | ~superconducting)


@program
def solve_core(
    sc: Superconductor,
    T: Float[Array, ""],
    Delta_0: Inexact[Array, "channel"] | None,
    pattern: Float[Array, "band"] | None,
    rule: Rule,
) -> Solution:
    """`solve` in stages: find (without derivatives), judge, attach the implicit derivative."""
    n = len(sc.channels)
    frozen, T_found = jax.lax.stop_gradient((sc, T))

    # === find
    on_branch = jnp.array(True)
    if Delta_0 is not None:
        root = search_root(frozen, T_found, pack(Delta_0), rule)
    elif pattern is not None:
        track = follow_from_zero(frozen, T_found, pattern, rule)
        root, on_branch = track.root, track.arrived
    else:
        track = _branch_from_T_c(frozen, T_found, rule)
        root, on_branch = track.root, track.arrived

    # === judge
    vanished = norm(root.x) <= vanishing(frozen, T_found)
    x = jnp.where(vanished, 0.0, root.x)
    theta = _theta(frozen, T_found, x)
    error = jnp.linalg.solve(root.jacobian, _residual(x, theta, rule.refined()))
    large = jnp.abs(unpack(x, n)) > 1e-4 * frozen.Omega
    relative = jnp.where(large, jnp.abs(unpack(error, n)) / jnp.where(large, jnp.abs(unpack(x, n)), 1.0), 0.0)
    quadrature_error = norm(relative)
    sigma_min = smallest_singular_value(root.jacobian)
    if pattern is not None:
        on_branch &= has_signs(unpack(x, n), pattern)
    valid = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(frozen)]).all()
    valid &= (T_found >= 0) & jnp.isfinite(T_found) & (frozen.Omega > 0)
    asked_for_normal = Delta_0 is None and pattern is None
    status = jnp.where(quadrature_error <= promised_accuracy(sigma_min), Status.CONVERGED, Status.INACCURATE)
    status = jnp.where(vanished, Status.NORMAL if asked_for_normal else Status.TRIVIAL, status)
    status = jnp.where(root.converged, status, Status.NOT_CONVERGED)
    status = jnp.where(on_branch, status, Status.LEFT_BRANCH)
    status = jnp.where(valid, status, Status.INVALID)

    # === differentiate
    trusted = root.converged & valid
    Delta = implicit_amplitudes(sc, T, unpack(x, n), trusted, root.jacobian, rule)
    return Solution(
        superconductor=sc,
        T=T,
        Delta=Delta.astype(jnp.complex128),
        status=status.astype(int),
        label=label_of(jax.lax.stop_gradient(Delta), len(sc.bands)),
        residual=root.residual,
        steps=root.steps,
        sigma_min=sigma_min,
        quadrature_error=quadrature_error,
        differentiable=trusted & (sigma_min > SINGULAR),
    )
