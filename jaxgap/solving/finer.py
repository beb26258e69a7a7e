"""The root of a lattice's gap equations on a mesh that is refined until the reported error is below the tolerance."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgap.equations.gauge import search_root, vanishing
from jaxgap.equations.pairing import unpack
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.newton import Root, norm
from jaxgap.solving.judge import Verdict, judged
from jaxgap.spectra.mesh import at_end
from jaxgap.spectra.quadrature import Rule

__all__ = ["OnFinerMesh", "on_finer_meshes", "root_at"]

NEAR = 0.1
"""Share of the amplitudes by which the coarser mesh on which a branch is followed may be wrong."""
LEAST, MOST = 1.25, 2.5
"""Factors of the nodes of the next mesh."""
MARGIN = 1.1
"""In the exponent of the error."""
MESHES = 12
"""That are tried: more than lead to the largest one."""


class OnFinerMesh(NamedTuple):
    """Where the refinement ended."""

    lattice: Lattice
    """With the mesh of the root."""
    root: Root
    verdict: Verdict
    done: Bool[Array, ""]
    near: Bool[Array, ""]
    """Whether it is beside the root that was given."""
    meshes: Float[Array, ""]


def root_at(sc: Superconductor, T: Float[Array, ""], x: Float[Array, "n"], rule: Rule) -> Root:
    """Amplitudes from which a root is looked for as a root that has not been found yet."""
    n, nothing = len(x), jnp.zeros(())
    return Root(x, nothing, jnp.eye(n), jnp.zeros((), bool), jnp.zeros((), int))


def on_finer_meshes(lattice: Lattice, T: Float[Array, ""], rough: Root, rule: Rule) -> OnFinerMesh:
    """The root beside `rough`: the error falls like exp(-N / N_0), which says how much finer the next mesh has to be."""
    n, judge = len(lattice.channels), judged(rule)

    def step(s: OnFinerMesh) -> OnFinerMesh:
        # In a batch others wait for the slowest one: what is done is done again with next to no nodes.
        here = _with(s.lattice, jnp.where(s.done, 0.0, s.lattice.finer))
        root = search_root(here, T, s.root.x, rule)
        vanished = norm(root.x) <= vanishing(here, T)
        x = jnp.where(vanished, 0.0, root.x)
        verdict = judge(here, T, x, root.jacobian)
        enough = verdict.accurate | ~root.converged | vanished | at_end(here, unpack(x, n), T)
        error = jnp.clip(verdict.quadrature_error, 1e-15, 0.5)
        factor = jnp.clip(MARGIN * jnp.log(lattice.tolerance) / jnp.log(error), LEAST, MOST)
        finer = jnp.where(enough, s.lattice.finer, factor * s.lattice.finer)
        near = norm(root.x - rough.x) <= NEAR * norm(rough.x) + vanishing(here, T)
        root = root._replace(steps=root.steps + s.root.steps)
        now = OnFinerMesh(_with(s.lattice, finer), root, verdict, enough, near, s.meshes + 1)
        return jax.tree.map(lambda old, new: jnp.where(s.done, old, new), s, now)

    none = judge(_with(lattice, jnp.zeros(())), T, jnp.zeros_like(rough.x), rough.jacobian)
    start = OnFinerMesh(lattice, rough, none, jnp.zeros((), bool), jnp.zeros((), bool), jnp.zeros(()))
    return jax.lax.while_loop(lambda s: ~s.done & (s.meshes < MESHES), step, start)


def _with(lattice: Lattice, finer: Float[Array, ""]) -> Lattice:
    return eqx.tree_at(lambda s: s.finer, lattice, finer)
