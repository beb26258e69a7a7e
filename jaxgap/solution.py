"""What a solve returns: amplitudes with their status, accuracy and conditioning, in one immutable object."""

from enum import IntEnum
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxgap._checks import check, is_concrete
from jaxgap.labels import Label
from jaxgap.superconductor import Superconductor

__all__ = ["Solution", "Status", "check_single", "promised_accuracy"]


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
    Status.LEFT_BRANCH: "The asked-for branch does not reach this temperature, or could not be followed to it; the "
    "amplitudes are not on it (see `branch_end` for where it ends).",
    Status.NOT_CONVERGED: "No solution was found; start nearer to one, or follow the branch from low temperature.",
    Status.INACCURATE: "Converged, but the quadrature error exceeds the promised accuracy (a nearly gapless state close to "
    "T = 0): it takes more quadrature nodes (in Python a `rule` such as Rule(overlap=96, single=48)).",
    Status.INVALID: "The system or the temperature is not valid: a NaN, a negative temperature or Omega <= 0.",
}


def promised_accuracy(sigma_min: Float[Array, ""]) -> Float[Array, ""]:
    """max(1e-9, 10 eps / sigma_min): the relative error of every amplitude above 1e-4 Omega that `solve` promises."""
    return jnp.maximum(1e-9, 10 * jnp.finfo(float).eps / sigma_min)


class Solution(eqx.Module):
    """A solution of the gap equations of one system at one temperature.

    Anything smooth computed from it differentiates with respect to every leaf of the system and T: the amplitudes carry
    the implicit derivative. Diagnostics carry none.
    """

    superconductor: Superconductor
    T: Float[Array, ""]
    """Temperature [K]."""
    Delta: Complex[Array, "channel"]
    """Pair amplitude of every channel [meV], in the order of `superconductor.channels`; phases of a real start stay real."""
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

    @property
    def converged(self) -> Bool[Array, "*batch"]:
        """Whether this is the solution that was asked for (the normal state counts where it is the answer)."""
        return (self.status == Status.CONVERGED) | (self.status == Status.NORMAL)

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


def check_single(solution: Solution, function: str) -> None:
    """Observables are of one state; of a batch they would mix states up."""
    shape = jnp.shape(solution.T)
    check(shape == (), "solution", f"be one state (for a batch: jax.vmap({function})(solution))", f"a batch of shape {shape}")


def _lines(s: Solution) -> list[str]:
    names = s.superconductor.channels
    width = max(len(name) for name in names)
    lines = [f"Solution at T = {float(s.T):g} K: {Label(int(s.label)).text} ({Status(int(s.status)).text})"]
    lines += [f"  Delta[{name}]{'':<{width - len(name)}} = {_number(D)} meV" for name, D in zip(names, s.Delta, strict=True)]
    lines += [
        f"  residual {float(s.residual):.1e} meV after {int(s.steps)} steps, sigma_min {float(s.sigma_min):.2e}, "
        f"quadrature error {float(s.quadrature_error):.1e}"
    ]
    if int(s.status) > Status.NORMAL:
        lines += [f"  {Status(int(s.status)).sentence}"]
    return lines


def _number(z: Any) -> str:
    """A complex number; without its imaginary part where that is exactly zero."""
    z = complex(z)
    return f"{z.real:+.9f}" if z.imag == 0 else f"{z.real:+.9f} {z.imag:+.9f}i"
