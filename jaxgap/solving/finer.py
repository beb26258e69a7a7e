"""A root of the gap equations with its verdict: of bands by their quadrature; of a lattice on a mesh that is refined until the
reported error is below the tolerance."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgap.equations.gauge import search_root, vanishing
from jaxgap.equations.linear import attracts, coldest_temperature
from jaxgap.equations.pairing import unpack
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.newton import Root, norm
from jaxgap.solving.judge import Verdict, judged
from jaxgap.spectra.mesh import at_end
from jaxgap.spectra.quadrature import Rule

__all__ = ["Settled", "begun", "escalation", "refines", "settled", "unseen"]

NEAR = 0.1
"""Share of the amplitudes by which the coarser mesh on which a branch is followed may be wrong."""
LEAST, MOST = 1.25, 2.5
"""Factors of the nodes of the next mesh."""
MARGIN = 1.1
"""In the exponent of the error."""
MESHES = 12
"""That are tried: more than lead to the largest one."""


class _OnFinerMesh(NamedTuple):
    """Where the refinement ended."""

    lattice: Lattice
    """With the mesh of the root."""
    root: Root
    verdict: Verdict
    done: Bool[Array, ""]
    near: Bool[Array, ""]
    """Whether it is beside the root that was given."""
    meshes: Float[Array, ""]


class Settled(NamedTuple):
    """A root and what is known of it."""

    superconductor: Superconductor
    """A lattice's has the mesh of the root."""
    root: Root
    x: Float[Array, "n"]
    """Its amplitudes; zeros where they are next to nothing."""
    vanished: Bool[Array, ""]
    verdict: Verdict
    near: Bool[Array, ""]
    """Whether it is the root that was found, or one beside it."""


def refines(sc: Superconductor) -> bool:
    """Whether `settled` makes a sum finer by itself until it is accurate."""
    return sc.meshed


def escalation(sc: Superconductor) -> tuple[int, ...]:
    """Factors by which nodes are multiplied, in turn, when a solution is inaccurate (nearly gapless, T near 0). Of a lattice
    none: its mesh has been refined already; of a retarded interaction none: it has frequencies, not nodes; at a fixed density
    none: its mu is that of the default rule."""
    return () if refines(sc) or sc.is_retarded or sc.density is not None else (3, 9)


def begun(sc: Superconductor, T: Float[Array, ""], x: Float[Array, "n"], rule: Rule) -> Root:
    """The root to which amplitudes lead; of a lattice these themselves, from which `settled` will look for one."""
    if not refines(sc):
        return search_root(sc, T, x, rule)
    n, nothing = len(x), jnp.zeros(())
    return Root(x, nothing, jnp.eye(n), jnp.zeros((), bool), jnp.zeros((), int))


def settled(sc: Superconductor, T: Float[Array, ""], root: Root, rule: Rule) -> Settled:
    """The root with its verdict. Derivatives with respect to `sc` go through; nothing else has any."""
    frozen = jax.lax.stop_gradient(sc)
    if isinstance(frozen, Lattice):
        end = _on_finer_meshes(frozen, T, root, rule)
        vanished, x = _or_nothing(end.lattice, T, end.root)
        return Settled(sc.as_fine(end.lattice.finer), end.root, x, vanished, end.verdict, end.near)
    vanished, x = _or_nothing(frozen, T, root)
    return Settled(sc, root, x, vanished, judged(rule)(frozen, T, x, root.jacobian), jnp.array(True))


def unseen(sc: Superconductor, T: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether there may be a T_c above T that has not been seen: it is colder than any mesh resolves."""
    return (coldest_temperature(sc) > T) & attracts(sc) if isinstance(sc, Lattice) else jnp.array(False)


def _or_nothing(sc: Superconductor, T: Float[Array, ""], root: Root) -> tuple[Bool[Array, ""], Float[Array, "n"]]:
    """Whether amplitudes are next to nothing, and they, or nothing then."""
    vanished = norm(root.x) <= vanishing(sc, T)
    return vanished, jnp.where(vanished, 0.0, root.x)


def _on_finer_meshes(lattice: Lattice, T: Float[Array, ""], rough: Root, rule: Rule) -> _OnFinerMesh:
    """The root beside `rough`: the error falls like exp(-N / N_0), which says how much finer the next mesh has to be."""
    n, judge = len(lattice.channels), judged(rule)

    def step(s: _OnFinerMesh) -> _OnFinerMesh:
        # In a batch others wait for the slowest one: what is done is done again with next to no nodes.
        here = _with(s.lattice, jnp.where(s.done, 0.0, s.lattice.finer))
        root = search_root(here, T, s.root.x, rule)
        vanished, x = _or_nothing(here, T, root)
        verdict = judge(here, T, x, root.jacobian)
        enough = verdict.accurate | ~root.converged | vanished | at_end(here, unpack(x, n), T)
        error = jnp.clip(verdict.quadrature_error, 1e-15, 0.5)
        factor = jnp.clip(MARGIN * jnp.log(lattice.tolerance) / jnp.log(error), LEAST, MOST)
        finer = jnp.where(enough, s.lattice.finer, factor * s.lattice.finer)
        near = norm(root.x - rough.x) <= NEAR * norm(rough.x) + vanishing(here, T)
        root = root._replace(steps=root.steps + s.root.steps)
        now = _OnFinerMesh(_with(s.lattice, finer), root, verdict, enough, near, s.meshes + 1)
        return jax.tree.map(lambda old, new: jnp.where(s.done, old, new), s, now)

    none = judge(_with(lattice, jnp.zeros(())), T, jnp.zeros_like(rough.x), rough.jacobian)
    start = _OnFinerMesh(lattice, rough, none, jnp.zeros((), bool), jnp.zeros((), bool), jnp.zeros(()))
    return jax.lax.while_loop(lambda s: ~s.done & (s.meshes < MESHES), step, start)


def _with(lattice: Lattice, finer: Float[Array, ""]) -> Lattice:
    return eqx.tree_at(lambda s: s.finer, lattice, finer)
