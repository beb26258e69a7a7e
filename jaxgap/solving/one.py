r"""One solution of the gap equations: all channels at once, by safeguarded Newton, differentiable.

.. math:: r(\Delta) = \Delta - \lambda P(\Delta) / N = 0, \qquad M = \partial r / \partial \Delta

Which solution? A start given by the user; else the branch that a sign pattern names, found at T = 0 and followed up to T;
else the branch connected to T_c, found close below T_c and followed down to T (`jaxgap.solving.following`).
"""

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact

from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError, check, check_finite, is_concrete
from jaxgap.numerics.types import Numbers
from jaxgap.solving.core import solve_core
from jaxgap.solving.entry import checked_temperature, takes_any_system
from jaxgap.solving.filling import check_found, filled
from jaxgap.solving.finer import escalation
from jaxgap.solving.labels import sign_pattern
from jaxgap.solving.retarded import solve_retarded
from jaxgap.solving.solution import Solution, Status
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

    Without `start` and `branch` it returns the branch connected to T_c: the normal state at and above T_c. Of a system with a
    density the chemical potential is found with the amplitudes (`jaxgap.at_density`), and the solution's system has it.

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

    Example:
        >>> solution = jg.solve(jg.materials.two_band(lambda_33=0.1), 4.2)
        >>> jg.observables.excitation_gaps(solution).round(3).tolist()
        [3.289, 7.508]
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
    given, factors, sc = sc.density, escalation(sc), filled(sc, T, Delta_0, pattern)
    solution = solve_core(sc, T, Delta_0, pattern, rule)
    if not is_concrete(solution):
        return solution
    for factor in factors:
        if int(solution.status) == Status.INACCURATE:
            solution = solve_core(sc, T, amplitudes(solution, sc), pattern, Rule(*(factor * n for n in rule)))
    if throw and given is not None:
        check_found(sc, given, T)
    if throw and not bool(solution.converged):
        raise NotConvergedError(f"solve at T = {float(T):g} K: {Status(int(solution.status)).sentence}")
    return solution


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
