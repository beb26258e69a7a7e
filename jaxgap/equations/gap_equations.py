r"""The gap equations and their derivative M, in closed form, of many systems at once or of one, on real unknowns x: the real
amplitudes, or the real and the imaginary parts of complex ones (`jaxgap.equations.pairing.pack`).

.. math:: M = \frac{\partial r}{\partial x} = 1 - \lambda N^{-1} \frac{\partial P}{\partial x}, \qquad
          2 P_x = \sum_k \frac{\partial \Lambda}{\partial x}, \qquad \Lambda = L(E_+) + L(E_-)

The sums over k are those of bands alone, of two that pair together (`jaxgap.equations.pair_sums`), of more
(`jaxgap.equations.group_sums`), and of lattices (`jaxgap.equations.lattice_sums`). They are what automatic differentiation of
`equations.pairing.gap_residual` gives, but no function of k is evaluated once for every unknown: Newton spends its time here.

Batches have their elements last (`jaxgap.equations.nodes`), and M, which costs more than r, is computed only where it is asked
for. One system is a batch of one; under `jax.vmap` it becomes one of many. Derivatives of both are those of the functions in
`equations.pairing`, which are smooth where the branches touch. Barriers are where XLA would compute something once per user, or
leave it to a slower kind of loop (`benchmarks/sweep_kernel.py` has what they are worth together).
"""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact, PyTree

from jaxgap.equations.group_sums import Block, group_densities
from jaxgap.equations.lattice_sums import densities_on_lattices
from jaxgap.equations.nodes import Alone, Lanes, bands_alone, lanes
from jaxgap.equations.pair_sums import pair_densities
from jaxgap.equations.pairing import gap_residual, pack, phase_jacobian, unpack
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.batching import one_of_many
from jaxgap.numerics.node_sums import Later, over_nodes
from jaxgap.numerics.programs import barrier
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.spectra.regions import pick

__all__ = [
    "equations",
    "residual",
    "residual_and_matrix",
    "residual_and_phases",
    "residuals",
    "residuals_and_matrices",
    "residuals_and_phases",
]

PerElement = Float[Array, "element"]
Residuals = Float[Array, "x element"]
Matrices = Float[Array, "x x element"]
Columns = Float[Array, "x column element"]
OfK = Float[Array, "*k"]

# === many systems, elements last


def residuals(x: Float[Array, "x element"], at: Lanes) -> Residuals:
    """What the gap equations leave at the amplitudes x [meV]."""
    x = barrier(x)
    return x - _mixed(at.coupling, _densities(x, at, "none"))[:, 0]


def residuals_and_matrices(x: Float[Array, "x element"], at: Lanes) -> tuple[Residuals, Matrices]:
    """(r [meV], M = dr/dx)."""
    return _with_block(barrier(x), at, "amplitudes")


def residuals_and_phases(x: Float[Array, "channel element"], at: Lanes) -> tuple[Residuals, Matrices]:
    """(r [meV], the phase block of M) at real amplitudes: the sums of r make it, too.

    To first order imaginary parts change none of |Delta_c|^2 and Re(Delta_1^* Delta_2^* Delta_3^2).
    """
    return _with_block(barrier(x), at, "phases")


def _with_block(x: Float[Array, "x element"], at: Lanes, block: Block) -> tuple[Residuals, Matrices]:
    mixed = _mixed(at.coupling, _densities(x, at, block))
    return x - mixed[:, 0], jnp.eye(len(x))[:, :, None] - mixed[:, 1:]


def _mixed(coupling: Float[Array, "channel channel element"], P: Columns) -> Columns:
    """sum over c' of lambda_cc' P_c' / N_c', of real parts and of imaginary ones, for every column of a matrix."""
    columns = P.reshape(-1, len(coupling), *P.shape[1:])
    mixed = jnp.sum(coupling[None, :, :, None] * columns[:, None], axis=2)
    return mixed.reshape(-1, *mixed.shape[2:])


def _densities(x: Float[Array, "x element"], at: Lanes, block: Block) -> Columns:
    """P and, if there is a block, dP/dx beside it, which is symmetric."""
    if at.lattices is not None:
        return _beside(*densities_on_lattices(at.lattices, x, block), block)
    if len(at.groups) == len(at.clusters) == 1 and at.clusters[0].channels == tuple(range(len(at.coupling))):
        return _beside(*group_densities(at.groups[0], x, at.kT, block), block)
    n, zero = len(at.coupling), jnp.zeros_like(at.kT)
    P, dP = [zero] * len(x), [[zero] * len(x) for _ in x]
    parts = range(0, len(x), n)
    if at.alone is not None:
        _add_alone(x, at, at.alone, block, P, dP)
    for c, table in zip(at.tabulated, at.tables, strict=True):
        D = jnp.stack([x[c + p] for p in parts])
        f, slope = _single_sums(tuple(table), jnp.sum(D * D, axis=0), at.kT, block == "amplitudes")
        bent = f * jnp.eye(len(D))[:, :, None] + 2 * slope * D[:, None] * D[None]
        _add([c + p for p in parts], f * D, bent, P, dP)
    for cluster, pair in zip((c for c in at.clusters if len(c.bands) == 2), at.pairs, strict=True):
        unknowns = [c + p for p in parts for c in cluster.channels]
        _add(unknowns, *pair_densities(pair, pick(x, tuple(unknowns)), at.kT, block), P, dP)
    for cluster, group in zip((c for c in at.clusters if len(c.bands) > 2), at.groups, strict=True):
        unknowns = [c + p for p in parts for c in cluster.channels]
        _add(unknowns, *group_densities(group, pick(x, tuple(unknowns)), at.kT, block), P, dP)
    columns = [P] if block == "none" else [P, *dP]
    return jnp.stack([jnp.stack(column) for column in columns], axis=1)


def _beside(P: Float[Array, "x element"], dP: Float[Array, "x x element"], block: Block) -> Columns:
    return P[:, None] if block == "none" else jnp.concatenate([P[:, None], dP], axis=1)


def _add(
    unknowns: list[int],
    P_c: Float[Array, "own element"],
    dP_c: Float[Array, "own own *element"],
    P: list[PerElement],
    dP: list[list[PerElement]],
) -> None:
    """What a cluster makes, to what is known."""
    for a, u in enumerate(unknowns):
        P[u] += P_c[a]
        for b, other in enumerate(unknowns):
            dP[u][other] += dP_c[a][b]


def _add_alone(
    x: Float[Array, "x element"], at: Lanes, alone: Alone, block: Block, P: list[PerElement], dP: list[list[PerElement]]
) -> None:
    """What bands make alone, to what is known."""
    n = len(at.coupling)
    parts = range(0, len(x), n)
    bands = bands_alone(at.clusters)
    # Of real and of imaginary parts, by interval; where one of two bands is alone, all is the share of that one.
    D_i, D_j = (jnp.stack([x[band::n] for band in side]) for side in zip(*bands, strict=True))
    first = alone.first[:, None]
    D = jnp.where(first > 0, D_i, D_j)
    f, slope = (part[:, None] for part in _single_sums(alone.nodes, jnp.sum(D * D, axis=1), at.kT, block == "amplitudes"))
    f_D, bent = f * D, f[:, None] * jnp.eye(len(x) // n)[:, :, None] + 2 * (slope * D)[:, None] * D[:, :, None]
    for side, share in enumerate((first, 1 - first)):
        P_side, dP_side = share * f_D, share[:, None] * bent
        for k, both in enumerate(bands):
            for a, u in enumerate(parts):
                P[both[side] + u] += P_side[k, a]
                for b, other in enumerate(parts):
                    dP[both[side] + u][both[side] + other] += dP_side[k, a, b]


def _single_sums(
    at: tuple[Array, ...] | Later, D2: Float[Array, "*interval element"], kT: PerElement, with_slope: bool
) -> tuple[Float[Array, "*interval element"], Float[Array, "*interval element"]]:
    """Sums over k of f(E) = tanh(E / 2 k_B T) / 2E and df/d(E^2)."""

    def of_k(z: OfK, weight: OfK, D2: Float[Array, "*interval"], kT: Float[Array, "*element"]) -> tuple[OfK, ...]:
        E2, half = z * z + D2, 0.5 / kT
        # A node that falls on E = 0 is left out, as in `spectra.pair.pair_sum`.
        gapped = E2 > 0
        E2, weight = jnp.where(gapped, E2, 1.0), jnp.where(gapped, weight, 0.0)
        per_E = 1 / jnp.sqrt(E2)
        t = jnp.tanh(E2 * per_E * half)
        f = barrier(0.5 * t * per_E * weight)
        if not with_slope:
            return (f,)
        return f, barrier(((1 - t * t) * half * weight - 2 * f) * (0.25 * per_E * per_E))

    f, *slope = over_nodes(of_k, at, (D2, kT))
    return f, slope[0] if with_slope else jnp.zeros_like(D2)


# === one system: a batch of one, and under vmap one of many

At = tuple[Superconductor, Float[Array, ""]]
"""(system, T [K])."""
Residual = Callable[[Float[Array, "x"], At], Float[Array, "x"]]
WithMatrix = Callable[[Float[Array, "x"], At], tuple[Float[Array, "x"], Float[Array, "x x"]]]


@cache
def equations(rule: Rule) -> WithMatrix:
    """(r, M) at (x, (sc, T)), as `numerics.newton` wants them."""
    gap_equations = _alone(rule)

    def alone(x: Float[Array, "x"], at: At) -> tuple[Float[Array, "x"], Float[Array, "x x"]]:
        return gap_equations(x, at), jax.jacfwd(gap_equations)(x, at)

    return one_of_many(partial(_many, residuals_and_matrices, rule), alone)


@cache
def _without_matrix(rule: Rule) -> Residual:
    return one_of_many(partial(_many, residuals, rule), _alone(rule))


@cache
def _with_phases(rule: Rule) -> WithMatrix:
    def alone(x: Float[Array, "x"], at: At) -> tuple[Float[Array, "x"], Float[Array, "x x"]]:
        sc, T = at
        block = jnp.eye(len(x)) - sc.lam @ (phase_jacobian(sc, x, T, rule) / sc.N[:, None])
        return _alone(rule)(x, at), block

    return one_of_many(partial(_many, residuals_and_phases, rule), alone)


def _alone(rule: Rule) -> Residual:
    """The gap equations in real unknowns, as `equations.pairing` has them."""

    def residual(x: Float[Array, "x"], at: At) -> Float[Array, "x"]:
        sc, T = at
        return pack(gap_residual(sc, unpack(x, len(sc.channels)), T, rule))

    return residual


def _many(
    together: Callable[..., PyTree], rule: Rule, x: Float[Array, "element x"], at: tuple[Superconductor, PerElement]
) -> PyTree:
    """`together`, elements last, of a batch with its elements first."""
    sc, T = at
    Delta = jax.vmap(partial(unpack, n=len(sc.channels)))(x)
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), together(x.T, lanes(sc, Delta, T, rule)))


@partial(jax.jit, static_argnames="rule")
def residual(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> Float[Array, "x"]:
    """What the gap equations leave [meV], in real unknowns: of complex amplitudes real parts before imaginary ones."""
    return _without_matrix(rule)(pack(Delta), (sc, T))


@partial(jax.jit, static_argnames="rule")
def residual_and_matrix(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> tuple[Float[Array, "x"], Float[Array, "x x"]]:
    """(r [meV], M = dr/dx) in these unknowns."""
    return equations(rule)(pack(Delta), (sc, T))


@partial(jax.jit, static_argnames="rule")
def residual_and_phases(
    sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> tuple[Float[Array, "channel"], Float[Array, "channel channel"]]:
    """(r [meV], B = 1 - lambda (d Im P / d Im Delta) / N) at real amplitudes; B Delta = 0 at a solution (the global phase is
    free)."""
    return _with_phases(rule)(Delta, (sc, T))
