"""`solve` behind its edge: one branch found, judged, and given its implicit derivative; traced, batched or alone."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.equations.gauge import implicit_amplitudes
from jaxgap.equations.pairing import pack, unpack
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.newton import Root
from jaxgap.numerics.programs import program
from jaxgap.solving.finer import begun, settled, unseen
from jaxgap.solving.following import follow_from_T_c, follow_from_zero
from jaxgap.solving.judge import status_of
from jaxgap.solving.labels import has_signs, label_of
from jaxgap.solving.solution import HAS_AMPLITUDES, Solution, Status
from jaxgap.spectra.mesh import coarser
from jaxgap.spectra.quadrature import Rule

__all__ = ["concluded", "solve_core", "unless_nothing"]


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
    return concluded(sc, T, root, on_branch, pattern, rule, followed=Delta_0 is None)


def concluded(
    sc: Superconductor,
    T: Float[Array, ""],
    root: Root,
    on_branch: Bool[Array, ""],
    pattern: Float[Array, "band"] | None,
    rule: Rule,
    followed: bool = True,
) -> Solution:
    """The solution that a root at T is, with its verdict and its derivative; `followed` tells a root of a branch that was
    followed there from one of a start."""
    # === judge
    T_found = jax.lax.stop_gradient(T)
    found = settled(sc, T_found, root, rule)
    sc, root, x, verdict = found.superconductor, found.root, found.x, found.verdict
    frozen = jax.lax.stop_gradient(sc)
    on_branch &= found.near if followed else True
    if pattern is not None:
        on_branch &= has_signs(frozen, unpack(root.x, len(sc.channels)), pattern)
    zero = Status.NORMAL if followed and pattern is None else Status.TRIVIAL
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
