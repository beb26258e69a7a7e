"""What a root of the gap equations is worth: its accuracy, from the residual with more nodes, its conditioning, its stability,
and the status that sums everything up. For many roots at once, elements last."""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gap_equations import residuals, residuals_and_phases
from jaxgap.equations.nodes import lanes
from jaxgap.equations.pairing import unpack
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.batching import one_of_many
from jaxgap.numerics.characteristic import count_negative
from jaxgap.numerics.implicit import SINGULAR
from jaxgap.numerics.singular import smallest_singular_values
from jaxgap.numerics.small import solved
from jaxgap.solving.solution import Status, promised_accuracy
from jaxgap.spectra.mesh import checked
from jaxgap.spectra.quadrature import Rule

__all__ = ["Verdict", "judge", "judged", "status_of"]

AGAIN = (0.86, 0.92)
"""Shares of the nodes of two more meshes that tell the error on a lattice: it oscillates with their number, and one other mesh
may happen to be wrong by as much."""
CAUTION = 4.0
"""At T = 0, where with nodes of the gap the error falls like N^-2 only, meshes that differ by so little differ by less than it
(`benchmarks/lattice_errors.py`)."""

Judge = Callable[[Superconductor, Float[Array, ""], Float[Array, "x"], Float[Array, "x x"]], "Verdict"]


class Verdict(NamedTuple):
    """What is known of roots, whatever was asked for."""

    valid: Bool[Array, "*element"]
    """Whether system and temperature are."""
    sigma_min: Float[Array, "*element"]
    quadrature_error: Float[Array, "*element"]
    unstable_amplitude: Int[Array, "*element"]
    """Unstable directions; of complex amplitudes all together."""
    unstable_phase: Int[Array, "*element"]
    promised: Float[Array, "*element"]
    """The largest error that counts as accurate."""

    @property
    def accurate(self) -> Bool[Array, "*element"]:
        """Whether the amplitudes are as good as promised."""
        return self.quadrature_error <= self.promised

    def differentiable(self, trusted: Bool[Array, "*element"]) -> Bool[Array, "*element"]:
        """Whether roots that are `trusted` have derivatives to useful precision."""
        return trusted & (self.sigma_min > SINGULAR)


def judge(
    sc: Superconductor,
    T: Float[Array, "element"],
    x: Float[Array, "x element"],
    M: Float[Array, "x x element"],
    phases: Float[Array, "x x some"],
    r: Float[Array, "x element"],
) -> Verdict:
    """The verdict on the roots x [meV], where dr/dx is M (gauge fixed), by what the equations leave there with more nodes, r
    [meV]; `phases` is the block of imaginary parts at real amplitudes, of complex ones empty."""
    real = len(x) == len(sc.channels)
    valid = jnp.stack([jnp.isfinite(leaf).reshape(len(T), -1).all(axis=1) for leaf in jax.tree.leaves(sc)]).all(axis=0)
    unstable = count_negative(jnp.concatenate([M, phases], axis=-1))
    sigma_min = smallest_singular_values(M)
    return Verdict(
        valid=valid & (T >= 0) & jnp.isfinite(T) & (sc.scale > 0),
        sigma_min=sigma_min,
        quadrature_error=_error(sc, x, M, r),
        unstable_amplitude=unstable[: len(T)],
        unstable_phase=unstable[len(T) :] if real else jnp.zeros(T.shape, int),
        promised=promised_accuracy(sigma_min, sc.promised),
    )


def _error(
    sc: Superconductor, x: Float[Array, "x element"], M: Float[Array, "x x element"], r: Float[Array, "x element"]
) -> Float[Array, "element"]:
    """Relative change of the amplitudes that removes r."""
    n = len(sc.channels)
    error = unpack(jax.vmap(solved, in_axes=-1, out_axes=-1)(M, r), n)
    size = jnp.abs(unpack(x, n))
    large = size > sc.small
    share = jnp.where(large, jnp.abs(error) / jnp.where(large, size, 1.0), 0.0)
    return jnp.sqrt(jnp.sum(share * share, axis=0))


@cache
def judged(rule: Rule) -> Judge:
    """`judge` of one root, with nodes placed for it; under `jax.vmap` of all together."""

    def many(
        sc: Superconductor, T: Float[Array, "element"], x: Float[Array, "element x"], M: Float[Array, "element x x"]
    ) -> Verdict:
        Delta = jax.vmap(partial(unpack, n=len(sc.channels)))(x)
        finer, last = lanes(checked(sc, Delta, T, rule), Delta, T, rule.refined()), jnp.moveaxis(M, 0, -1)
        # One evaluation: the sums over k of r make the phase block, too.
        real = x.shape[1] == len(sc.channels)
        r, phases = residuals_and_phases(x.T, finer) if real else (residuals(x.T, finer), last[..., :0])
        verdict = judge(sc, T, x.T, last, phases, r)
        if not isinstance(sc, Lattice):
            return verdict
        others = (lanes(checked(sc, Delta, T, rule, share), Delta, T, rule.refined()) for share in AGAIN)
        errors = [verdict.quadrature_error, *(_error(sc, x.T, last, residuals(x.T, other)) for other in others)]
        told = jnp.sqrt(sum(error**2 for error in errors))
        return verdict._replace(quadrature_error=jnp.where(T > 0, told, CAUTION * told))

    return one_of_many(many)


def status_of(
    verdict: Verdict,
    vanished: Bool[Array, "*element"],
    found: Bool[Array, "*element"],
    on_branch: Bool[Array, "*element"] | bool,
    zero: Status,
) -> Int[Array, "*element"]:
    """The status of what a search has `found`; `zero` is that of the normal state, in which it has `vanished`."""
    status = jnp.where(verdict.accurate, Status.CONVERGED, Status.INACCURATE)
    status = jnp.where(vanished, zero, status)
    status = jnp.where(found, status, Status.NOT_CONVERGED)
    status = jnp.where(on_branch, status, Status.LEFT_BRANCH)
    return jnp.where(verdict.valid, status, Status.INVALID).astype(int)
