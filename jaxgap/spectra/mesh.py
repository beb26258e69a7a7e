r"""The mesh of a lattice: how many nodes, where they are, and sums over them.

.. math:: \sum_k f = \frac{1}{N^d} \sum_j f(k_j), \qquad k_j = \frac{2\pi}{N} (j + \tfrac12) - \pi

is exact but for the Fourier components of f beyond N: of a gap Delta at velocity v = |dh/dk| they are
exp(-N hypot(Delta, pi k_B T) / v), which says how many nodes are needed. Nodes at -k repeat those at k: half of them are
enough. The error that is reported is the difference to a mesh of four fifths as many nodes: the error of that one, hence an
upper bound, by a factor of some 40 at 1e-8. (Half as many would say 1e4 times too much, and the mesh would have to be refined
once more than needed. A shifted mesh of as many nodes is cheaper, and blind: by (1/2, 1/2) it has the same error where the
Fermi surface is a diamond, since the components (N, N) that matter there have the same sign in both.) At T = 0 a gap with nodes
leaves N^-2 to N^-3: such a mesh is refined by the reported error, and where it ends, the status says so.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int, PyTree

from jaxgap.model.lattice import MOST_NODES, Lattice, coarse_mesh
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.mesh_sums import over_blocks
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.units import k_B, thermal_energy

__all__ = [
    "Mesh",
    "at_end",
    "checked",
    "coarser",
    "coldest_on",
    "fewer",
    "finest_width",
    "for_walk",
    "gap_on",
    "mean_over",
    "mesh_for",
    "mesh_for_width",
    "nodes_of",
]

LEAST = 16
"""Nodes per direction."""
SHARE = 0.75
"""Of N = ln(1/tolerance) v / hypot(Delta, pi k_B T) that is tried first: v is the largest velocity anywhere."""
FEWER = 0.8
"""Share of the nodes of the mesh that tells the error."""
STEPS = 4
"""Numbers of nodes from one power of 2 to the next: between them N does not change with the amplitudes."""
FOLLOWING = 0.6
"""Share of the nodes with which T_c is found before a solve, and a named branch is followed: tolerance^0.6."""
WALKING = 0.35
"""Share of them with which the branch connected to T_c is followed, all along on one mesh."""
WEAK = 1.764
"""Delta(0) / k_B T_c in weak coupling: hypot(Delta, pi k_B T) is not less, from T_c down."""
IN_BLOCK = {1: 2048, 2: 256, 3: 128, 4: 64, 5: 64}
"""Nodes that are treated at once, by number of orbitals: their matrices stay in cache."""
PRECISE = 1e-12
"""Tolerance of what has no tolerance of its own: T_c, free energies."""
ROUGHLY = 1e-6
"""What the largest mesh may leave of it at the lowest temperatures."""

Scalar = Float[Array, ""]


class Mesh(NamedTuple):
    """Nodes of one lattice."""

    N: Int[Array, ""]
    """Per direction."""


class Block(NamedTuple):
    """Nodes that are treated together."""

    k: Float[Array, "node axis"]
    weight: Float[Array, "node"]


def mesh_for(
    lattice: Lattice, Delta: Inexact[Array, "channel"], T: Scalar, rule: Rule = DEFAULT_RULE, tolerance: float | None = None
) -> Mesh:
    """The mesh for these amplitudes; a rule with fewer nodes than the default has a coarser one."""
    lattice, Delta, T = jax.lax.stop_gradient((lattice, Delta, T))
    needed = -SHARE * np.log(lattice.tolerance if tolerance is None else tolerance) * _velocity(lattice)
    gap = jnp.sqrt(_gap_squared(lattice, Delta) + (jnp.pi * thermal_energy(T)) ** 2)
    N = _so_many(lattice, needed * lattice.finer, gap)
    share = min(rule.several / DEFAULT_RULE.several, 1.0)
    N = jnp.maximum(N * share, LEAST) if share < 1 else N
    N = jnp.where(jnp.isfinite(N), N, LEAST)
    return Mesh(2 * jnp.round(N / 2).astype(int))


def mesh_for_width(lattice: Lattice, width: Scalar, tolerance: float) -> Mesh:
    """The mesh for what is smooth over an energy `width` [meV], as a broadening, within `tolerance`: N = ln(1/tolerance) v /
    width. (At every energy there is a velocity that counts: of gap equations it is that at the Fermi level, hence `SHARE`.)"""
    lattice, width = jax.lax.stop_gradient((lattice, width))
    N = _so_many(lattice, -np.log(tolerance) * _velocity(lattice), width)
    return Mesh(2 * jnp.round(jnp.where(jnp.isfinite(N), N, LEAST) / 2).astype(int))


def finest_width(lattice: Lattice, tolerance: float) -> Float[Array, ""]:
    """The smallest width [meV] that the largest mesh resolves."""
    lattice = jax.lax.stop_gradient(lattice)
    largest = jnp.where(lattice.mesh > 0, lattice.mesh, MOST_NODES[lattice.dimension])
    return -np.log(tolerance) * _velocity(lattice) / largest


def fewer(mesh: Mesh) -> Mesh:
    """The mesh that tells the error of this one."""
    return Mesh(2 * jnp.round(FEWER * mesh.N / 2).astype(int))


def _so_many(lattice: Lattice, needed: Scalar, width: Scalar) -> Float[Array, ""]:
    """Nodes per direction: needed / width, unless they are given or more than there may be."""
    N = jnp.clip(needed / jnp.where(width > 0, width, 1e-300), LEAST, MOST_NODES[lattice.dimension])
    return jnp.where(lattice.mesh > 0, lattice.mesh, 2.0 ** (jnp.ceil(STEPS * jnp.log2(N)) / STEPS))


def coldest_on(lattice: Lattice) -> Float[Array, ""]:
    """The temperature [K] at which the normal state needs the largest mesh, for `ROUGHLY`."""
    lattice = jax.lax.stop_gradient(lattice)
    largest = jnp.where(lattice.mesh > 0, lattice.mesh, MOST_NODES[lattice.dimension])
    return -SHARE * np.log(ROUGHLY) * _velocity(lattice) / (jnp.pi * k_B * largest)


def _velocity(lattice: Lattice) -> Float[Array, ""]:
    """A bound of the largest velocity along an axis [meV]: the largest sum over a row of |dh/dk|."""

    def of_k(k: Float[Array, "axis"]) -> Float[Array, ""]:
        along = jax.vmap(lambda e: jax.jvp(lattice.matrix, (k,), (e,))[1])(jnp.eye(lattice.dimension))
        return jnp.max(jnp.sum(jnp.abs(along), axis=2))

    return jnp.max(jax.vmap(of_k)(coarse_mesh(lattice.dimension)))


def _gap_squared(lattice: Lattice, Delta: Inexact[Array, "channel"]) -> Float[Array, ""]:
    """Mean of tr D^+ D / orbitals."""
    D = jax.vmap(lambda k: gap_on(lattice, Delta, lattice.forms(k)))(coarse_mesh(lattice.dimension))
    return jnp.mean(jnp.sum(jnp.abs(D) ** 2, axis=(1, 2))) / len(lattice.orbitals)


def gap_on(lattice: Lattice, Delta: Inexact[Array, "channel"], forms: Float[Array, "channel"]) -> Inexact[Array, "n n"]:
    """The symmetric matrix D of the amplitudes at one k [meV]."""
    n = len(lattice.orbitals)
    D = jnp.zeros((n, n), Delta.dtype)
    for c, (a, b) in enumerate(lattice.pairs):
        D = D.at[a, b].add(Delta[c] * forms[c])
        D = D if a == b else D.at[b, a].add(Delta[c] * forms[c])
    return D


def nodes_of(mesh: Mesh, dimension: int, size: int, b: Int[Array, ""]) -> Block:
    """Block number b of so many nodes; nodes beyond the last one have no weight."""
    # Numbers of nodes as floats, exact up to 2^53: division of integers is not vectorised.
    N, total = mesh.N.astype(float), (mesh.N**dimension // 2).astype(float)
    j = (b * size).astype(float) + jnp.arange(float(size))
    axes, rest, per_N = [], j, 1 / N
    for _ in range(dimension):
        above = jnp.floor((rest + 0.5) * per_N)
        axes.append(rest - N * above)
        rest = above
    k = 2 * jnp.pi * (jnp.stack(axes, axis=1) + 0.5) * per_N - jnp.pi
    return Block(k, jnp.where(j < total, 1.0, 0.0) / total)


def blocks_of(mesh: Mesh, lattice: Lattice) -> Int[Array, ""]:
    """How many blocks there are."""
    return -(-(mesh.N**lattice.dimension // 2) // IN_BLOCK[len(lattice.orbitals)])


def mean_over(
    f: Callable[[Lattice, PyTree, Block], Float[Array, "..."]], lattice: Lattice, v: PyTree, mesh: Mesh
) -> Float[Array, "..."]:
    """The mean of f(lattice, v, nodes) over the Brillouin zone, where f sums over nodes with their weights; with derivatives
    of every order that f has with respect to leaves of the lattice and `v`. `f` must not close over traced values."""
    of_block = partial(_of_block, f, IN_BLOCK[len(lattice.orbitals)])
    return over_blocks(of_block, (lattice, v), (blocks_of(mesh, lattice), mesh.N))


def _of_block(
    f: Callable[[Lattice, PyTree, Block], Float[Array, "..."]],
    size: int,
    v: tuple[Lattice, PyTree],
    b: Int[Array, ""],
    N: Int[Array, ""],
) -> Float[Array, "..."]:
    lattice, rest = v
    return f(lattice, rest, nodes_of(Mesh(N), lattice.dimension, size, b))


def coarser(sc: Superconductor) -> Superconductor:
    """The system with which a branch is followed: of a lattice that whose mesh is so much coarser; else the same."""
    return sc.on_share(FOLLOWING)


def checked(
    sc: Superconductor,
    Delta: Inexact[Array, "element channel"],
    T: Float[Array, "element"],
    rule: Rule,
    share: float = FEWER,
) -> Superconductor:
    """The systems whose sums tell the error of these: of lattices those with fewer nodes than at these amplitudes; else the
    same, with a finer rule. (Not just with a smaller `finer`: the largest mesh is what it is for all that need more.)"""
    if not isinstance(sc, Lattice):
        return sc
    N = jax.vmap(lambda lattice, D, t: mesh_for(lattice, D, t, rule).N)(sc, Delta, T)
    return eqx.tree_at(lambda s: s.mesh, sc, 2.0 * jnp.round(share * N / 2))


def for_walk(sc: Superconductor, T_c: Scalar) -> Superconductor:
    """The system with which the branch connected to T_c is followed: of a lattice that on one mesh all along, for the gap of
    weak coupling, so that points of the branch differ by nothing but the temperature."""
    if not isinstance(sc, Lattice):
        return sc
    gap = WEAK * thermal_energy(jnp.where(T_c > 0, T_c, 1.0))
    needed = -SHARE * np.log(sc.tolerance) * _velocity(sc) * WALKING / gap
    N = jnp.clip(2 * jnp.round(needed / 2), LEAST, MOST_NODES[sc.dimension])
    return eqx.tree_at(lambda s: s.mesh, sc, jax.lax.stop_gradient(jnp.where(sc.mesh > 0, jnp.minimum(sc.mesh, N), N)))


def at_end(lattice: Lattice, Delta: Inexact[Array, "channel"], T: Scalar) -> Bool[Array, ""]:
    """Whether there is no finer mesh: it is the largest one, or has been chosen."""
    return (lattice.mesh > 0) | (MOST_NODES[lattice.dimension] <= mesh_for(lattice, Delta, T).N)
