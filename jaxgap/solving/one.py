r"""One solution of the gap equations: all channels at once, by safeguarded Newton, differentiable.

.. math:: r(\Delta) = \Delta - \lambda P(\Delta) / N = 0, \qquad M = \partial r / \partial \Delta

Which solution? A start given by the user; else the branch that a sign pattern names, found at T = 0 and followed up to T;
else the branch connected to T_c, found close below T_c and followed down to T (`jaxgap.solving.following`).
"""

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Int

from jaxgap.equations.gauge import implicit_amplitudes
from jaxgap.equations.pairing import pack, unpack
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError, check, check_finite, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Numbers, Real
from jaxgap.solving.entry import takes_any_system
from jaxgap.solving.finer import begun, escalation, settled, unseen
from jaxgap.solving.following import follow_from_T_c, follow_from_zero
from jaxgap.solving.judge import status_of
from jaxgap.solving.labels import has_signs, label_of, sign_pattern
from jaxgap.solving.retarded import solve_retarded
from jaxgap.solving.solution import HAS_AMPLITUDES, Solution, Status
from jaxgap.spectra.mesh import coarser
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule

__all__ = ["solve"]

LARGEST_START = 1e3
"""Largest amplitude of a start, in units of Omega: solutions are of the order of lambda Omega."""


@takes_any_system
def solve(
    sc: Superconductor,
    T: object,
    *,
    start: object = None,
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
        branch: the branch to take: "s++", "s+-", or one sign per band such as "++-". It is the branch whose band amplitudes
            have these signs at T = 0, followed up to T for as long as it lasts and they keep them. Beyond its end
            (`branch_end`) the status is `LEFT_BRANCH`, also where another state has the same signs: without `branch`, the
            one connected to T_c is found.
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
    T = checked_temperature(T)
    check(isinstance(rule, Rule) and min(rule) > 0, "rule", "be a Rule of positive numbers of nodes", repr(rule))
    Delta_0 = None if start is None else amplitudes(start, sc)
    pattern = None if branch is None else sign_pattern(branch, sc.signed)

    # === solve
    if isinstance(sc, RetardedSuperconductor):
        check(rule == DEFAULT_RULE, "rule", "be left out with a retarded interaction (it has `frequencies`)", rule)
        return solve_retarded(sc, T, Delta_0, pattern, throw)
    solution = solve_core(sc, T, Delta_0, pattern, rule)
    if not is_concrete(solution):
        return solution
    for factor in escalation(sc):
        if int(solution.status) == Status.INACCURATE:
            solution = solve_core(sc, T, amplitudes(solution, sc), pattern, Rule(*(factor * n for n in rule)))
    if throw and not bool(solution.converged):
        raise NotConvergedError(f"solve at T = {float(T):g} K: {Status(int(solution.status)).sentence}")
    return solution


def checked_temperature(T: object) -> Float[Array, ""]:
    check_finite("T", T)
    T = jnp.asarray(cast(Real, T), jnp.float64)
    check(
        T.ndim == 0,
        "T",
        "be one number [K] (for many temperatures: jax.vmap(lambda T: solve(sc, T))(T))",
        f"shape {T.shape}",
    )
    if is_concrete(T):
        check(float(T) >= 0, "T", "not be negative [K]", float(T))
    return T


def amplitudes(start: object, sc: Superconductor) -> Inexact[Array, "channel"]:
    """Amplitudes as a real array where they are real: a real start solves n real unknowns, a complex one 2n."""
    if isinstance(start, Solution):
        start = start.Delta
    check_finite("start", start, real=False)
    if is_concrete(start, sc.scale):
        largest = float(np.max(np.abs(np.asarray(start)), initial=0.0))
        most = LARGEST_START * float(np.max(np.asarray(sc.scale)))
        check(largest <= most, "start", f"be amplitudes of at most {LARGEST_START:g} Omega = {most:g} meV", f"{largest:g}")
    if is_concrete(start):
        start = np.asarray(start)
        start = start.real if np.iscomplexobj(start) and not np.any(start.imag) else start
    Delta = jnp.asarray(cast(Numbers, start), jnp.complex128 if jnp.iscomplexobj(start) else jnp.float64)
    n = len(sc.channels)
    check(Delta.shape == (n,), "start", f"have one amplitude per channel ({', '.join(sc.channels)})", f"shape {Delta.shape}")
    return jax.lax.stop_gradient(Delta)


@program
def solve_core(
    sc: Superconductor,
    T: Float[Array, ""],
    Delta_0: Inexact[Array, "channel"] | None,
    pattern: Float[Array, "band"] | None,
    rule: Rule,
) -> Solution:
    """`solve` in stages: find (without derivatives), judge, attach the implicit derivative."""
    frozen, T_found = jax.lax.stop_gradient((sc, T))

    # === find
    if Delta_0 is not None:
        root, on_branch = begun(frozen, T_found, pack(Delta_0), rule), jnp.array(True)
    elif pattern is not None:
        track = follow_from_zero(coarser(frozen), T_found, pattern, rule)
        root, on_branch = track.root, track.arrived
    else:
        track = follow_from_T_c(coarser(frozen), T_found, rule)
        root, on_branch = track.root, track.arrived

    # === judge
    found = settled(sc, T_found, root, rule)
    sc, root, x, verdict = found.superconductor, found.root, found.x, found.verdict
    frozen = jax.lax.stop_gradient(sc)
    on_branch &= found.near if Delta_0 is None else True
    if pattern is not None:
        on_branch &= has_signs(frozen, unpack(root.x, len(sc.channels)), pattern)
    zero = Status.NORMAL if Delta_0 is None and pattern is None else Status.TRIVIAL
    status = status_of(verdict, found.vanished, root.converged, on_branch, zero)
    status = jnp.where((status == Status.NORMAL) & unseen(frozen, T_found), int(Status.INACCURATE), status)
    trusted = root.converged & verdict.valid & on_branch

    # === differentiate
    Delta = implicit_amplitudes(sc, T, unpack(x, len(sc.channels)), trusted, root.jacobian, rule)
    Delta = unless_nothing(Delta, status)
    return Solution(
        superconductor=sc,
        T=T,
        Delta=Delta.astype(jnp.complex128),
        status=status,
        label=label_of(frozen, jax.lax.stop_gradient(Delta)),
        residual=root.residual,
        steps=root.steps,
        sigma_min=verdict.sigma_min,
        quadrature_error=verdict.quadrature_error,
        differentiable=verdict.differentiable(trusted),
        unstable_amplitude=verdict.unstable_amplitude,
        unstable_phase=verdict.unstable_phase,
    )


def unless_nothing(Delta: Inexact[Array, "channel"], status: Int[Array, ""]) -> Inexact[Array, "channel"]:
    """`Delta`; NaN, with its derivatives, where the status says that there is no such state."""
    has = jnp.isin(status, jnp.array(HAS_AMPLITUDES))
    return Delta * jnp.where(has, 1.0, jnp.nan)
