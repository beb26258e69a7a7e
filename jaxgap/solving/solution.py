"""What a solve returns: amplitudes with their status, accuracy and conditioning, in one immutable object."""

from enum import IntEnum

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxgap.model.superconductor import PROMISED, Superconductor
from jaxgap.numerics.checks import check, is_concrete
from jaxgap.numerics.types import Number
from jaxgap.solving.labels import Label
from jaxgap.solving.state import MeanFieldState, PairedState
from jaxgap.solving.winding import winding_number

__all__ = ["HAS_AMPLITUDES", "Solution", "Status", "check_single", "promised_accuracy", "stability_in_words"]


class Status(IntEnum):
    """How a solve ended. Integer codes live under vmap and on disk; `Status(code).sentence` says it in words."""

    CONVERGED = 0
    NORMAL = 1
    TRIVIAL = 2
    LEFT_BRANCH = 3
    NOT_CONVERGED = 4
    INACCURATE = 5
    INVALID = 6

    @property
    def text(self) -> str:
        """The status as one word."""
        return self.name.lower()

    @property
    def sentence(self) -> str:
        """What happened, and what to do about it."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.CONVERGED: "Converged to a superconducting solution.",
    Status.NORMAL: "The temperature is at or above T_c: the branch connected to T_c is the normal state here.",
    Status.TRIVIAL: "The search ended in the normal state although a superconducting solution was asked for; start "
    "from larger amplitudes, or check that the branch exists at this temperature.",
    Status.LEFT_BRANCH: "The asked-for branch does not reach this temperature, or could not be followed to it as a stable "
    "state (see `branch_end` for where it ends).",
    Status.NOT_CONVERGED: "No solution was found; start nearer to one (`start=`), or follow the branch from low temperature.",
    Status.INACCURATE: "Converged, but the quadrature error exceeds the promised accuracy (a nearly gapless state close to "
    "T = 0); pass a finer `rule`, for example Rule(overlap=96, single=48), or on a lattice, whose largest mesh does not "
    "resolve the gap or the temperature, a larger `tolerance`; of a retarded interaction, whose Matsubara frequencies end too "
    "low, more `frequencies`.",
    Status.INVALID: "The system or the temperature is not valid: a NaN, a negative temperature or Omega <= 0.",
}

HAS_AMPLITUDES = (Status.CONVERGED, Status.NORMAL, Status.TRIVIAL, Status.INACCURATE)
"""The statuses of solutions whose amplitudes are those of a state; of all others they are NaN."""


def promised_accuracy(sigma_min: Float[Array, "*element"], tolerance: float = PROMISED) -> Float[Array, "*element"]:
    """max(1e-9, 10 eps / sigma_min): the relative error of every amplitude above 1e-4 Omega that `solve` promises. (A lattice
    has a tolerance of its own.)"""
    return jnp.maximum(tolerance, 10 * jnp.finfo(float).eps / sigma_min)


class Solution(MeanFieldState):
    """A solution of the gap equations of one system at one temperature.

    Anything smooth computed from it differentiates with respect to every leaf of the system and T: the amplitudes carry
    the implicit derivative. Diagnostics carry none.
    """

    superconductor: Superconductor
    T: Float[Array, ""]
    """Temperature [K]."""
    Delta: Complex[Array, "channel"]
    """Pair amplitude of every channel [meV], in the order of `superconductor.channels`; phases of a real start stay real. NaN,
    with their derivatives, unless the status is `CONVERGED`, `NORMAL`, `TRIVIAL` or `INACCURATE`."""
    status: Int[Array, ""]
    """A `Status` code."""
    label: Int[Array, ""]
    """A `Label` code: normal, s++, s+-, ..."""
    residual: Float[Array, ""]
    """|Delta - lambda P/N| (2-norm over channels) [meV]."""
    steps: Int[Array, ""]
    """Evaluations of the gap equations and their Jacobian."""
    sigma_min: Float[Array, ""]
    """Smallest singular value of M = 1 - lambda (dP/dDelta)/N, gauge direction removed; 0 at T_c and at folds."""
    quadrature_error: Float[Array, ""]
    """Estimated relative error of the amplitudes above 1e-4 Omega, from one evaluation with a finer rule."""
    differentiable: Bool[Array, ""]
    """Whether derivatives exist to useful precision; where not (at T_c, at a fold, where nothing was found) they are NaN."""
    unstable_amplitude: Int[Array, ""]
    """Unstable directions in the amplitudes (`jaxgap.solving.stability`); for complex amplitudes, of all of M."""
    unstable_phase: Int[Array, ""]
    """Unstable directions in the phases, for equal relaxation rates; 0 for complex amplitudes."""

    @property
    def converged(self) -> Bool[Array, "*batch"]:
        """Whether this is the solution that was asked for (the normal state counts where it is the answer)."""
        return (self.status == Status.CONVERGED) | (self.status == Status.NORMAL)

    @property
    def stable(self) -> Bool[Array, "*batch"]:
        """Whether this is a solution without unstable directions (phases: for equal relaxation rates)."""
        return (self.status <= Status.TRIVIAL) & (self.unstable_amplitude == 0) & (self.unstable_phase == 0)

    @property
    def winding(self) -> Int[Array, ""]:
        """The winding number nu: 0 of s++, 1 of s+- and of what cross pairs dominate, -1 where there is none
        (`jaxgap.solving.winding`). It cannot change without a gapless line."""
        return winding_number(self.superconductor, self.Delta)

    @property
    def is_real(self) -> Bool[Array, ""]:
        """Whether the amplitudes are real as they stand."""
        return jnp.all(jnp.imag(self.Delta) == 0)

    def __str__(self) -> str:
        if not is_concrete(self):
            return "Solution (traced)"
        if jnp.ndim(self.T) > 0:
            return f"Solution (batch of {np.shape(self.T)}, {int(np.sum(np.asarray(self.converged)))} as asked for)"
        return "\n".join(_lines(self))

    def __repr__(self) -> str:
        return str(self)


def check_single(solution: PairedState, function: str) -> None:
    """Observables are of one state; of a batch they would mix states up."""
    shape = jnp.shape(solution.T)
    check(shape == (), "solution", f"be one state (for a batch: jax.vmap({function})(solution))", f"a batch of shape {shape}")


def _lines(s: Solution) -> list[str]:
    sc, label, status = s.superconductor, Label(int(s.label)), Status(int(s.status))
    if status not in HAS_AMPLITUDES:
        return [f"No solution at T = {float(s.T):g} K ({status.text})", f"  {status.sentence}"]
    phase_defined = label == Label.NORMAL or bool(sc.has_free_energy)
    stability = stability_in_words(int(s.unstable_amplitude), int(s.unstable_phase), phase_defined)
    width = max(len(name) for name in sc.channels)
    lines = [f"Solution at T = {float(s.T):g} K: {label.named(sc)} ({status.text}), {stability}"]
    lines += [
        f"  Delta[{name}]{'':<{width - len(name)}} = {_number(D)} meV" for name, D in zip(sc.channels, s.Delta, strict=True)
    ]
    lines += [
        f"  residual {float(s.residual):.1e} meV after {int(s.steps)} steps, sigma_min {float(s.sigma_min):.2e}, "
        f"quadrature error {float(s.quadrature_error):.1e}"
    ]
    if status > Status.NORMAL:
        lines += [f"  {status.sentence}"]
    return lines


def stability_in_words(amplitude: int, phase: int, phase_defined: bool) -> str:
    """Stability of a state with so many unstable directions, whose phases' stability may be undefined (asymmetric g)."""
    if amplitude == 0 and not phase_defined:
        return (
            f"amplitudes stable; phases undefined (asymmetric g; at equal rates: {f'{phase} unstable' if phase else 'stable'})"
        )
    if amplitude == 0 and phase < 0:
        return "amplitudes stable; phases not examined"
    count = [f"{n} in {what}" for n, what in ((amplitude, "amplitude"), (phase, "phase")) if n > 0]
    return "unstable: " + ", ".join(count) if count else "stable"


def _number(z: Number) -> str:
    """A complex number; without its imaginary part where that is exactly zero."""
    z = complex(z)
    return f"{z.real:+.9f}" if z.imag == 0 else f"{z.real:+.9f} {z.imag:+.9f}i"
