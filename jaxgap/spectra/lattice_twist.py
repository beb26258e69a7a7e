r"""What a uniform twist does to a lattice at given amplitudes, to second order.

Pairs of momentum 2q make of the Bogoliubov-de Gennes matrix

.. math:: H_q(k) = \begin{pmatrix} h(k + q) - \mu & D(k) \\ D(k)^\dagger & -[h(k - q) - \mu] \end{pmatrix}, \qquad
          \varphi_q = -k_B T \sum_k \mathrm{tr} \ln 2 \cosh \frac{H_q}{2 k_B T}

and with V_i = d_i h on electrons and holes alike, W_ij = d_i d_j h on electrons and its negative on holes,

.. math:: \frac{\partial^2 \varphi}{\partial q_i \partial q_j} = -\tfrac12 \sum_k \mathrm{tr} \, W_{ij} \tanh \frac{H}{2 k_B T}
          - \tfrac12 \sum_k \mathrm{tr} \, V_i \frac{\partial}{\partial \epsilon} \tanh \frac{H + \epsilon V_j}{2 k_B T}

a diamagnetic and a paramagnetic part; the second one holds the currents between bands, too. One orbital has

.. math:: -\sum_k \frac{\xi}{E} \tanh \frac{E}{2 k_B T} \, \partial_i \partial_j \xi
          + 2 \sum_k f'(E) \, \partial_i \xi \, \partial_j \xi .

The amplitudes' response to the twist, d^2 phi / dq_i dx = -2 dP / dq_i, is found with it: of one orbital it is zero.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.lattice import Lattice
from jaxgap.numerics.hyperbolic import one_less_product
from jaxgap.spectra.bogoliubov import tanh_and_slopes
from jaxgap.spectra.lattice_matrices import hamiltonians, one_orbital
from jaxgap.spectra.mesh import Block, Mesh, mean_over
from jaxgap.spectra.pair import pair_sum
from jaxgap.units import thermal_energy

__all__ = ["Twist", "twist_on"]

Scalar = Float[Array, ""]


class Twist(NamedTuple):
    """Second derivatives with respect to q, at fixed amplitudes."""

    diamagnetic: Float[Array, "axis axis"]
    """[meV per cell]."""
    paramagnetic: Float[Array, "axis axis"]
    """[meV per cell]."""
    mixed: Float[Array, "axis x"]
    """d^2 phi / dq_i dx, with real parts of the amplitudes before imaginary ones [1 per cell]."""


def twist_on(lattice: Lattice, Delta: Complex[Array, "channel"], T: Scalar, mesh: Mesh) -> Twist:
    """Sums over a mesh."""
    d, n = lattice.dimension, len(lattice.pairing)
    found = mean_over(_of_block, lattice, (jnp.concatenate([Delta.real, Delta.imag]), T), mesh)
    return Twist(found[:, :d], found[:, d : 2 * d], found[:, 2 * d : 2 * d + 2 * n])


def _of_block(lattice: Lattice, at: tuple[Float[Array, "x"], Scalar], nodes: Block) -> Float[Array, "axis column"]:
    """Diamagnetic, paramagnetic and mixed parts, side by side."""
    x, T = at
    n = len(lattice.pairing)
    slopes = jax.vmap(jax.jacfwd(lattice.matrix))(nodes.k)
    bends = jax.vmap(jax.jacfwd(jax.jacfwd(lattice.matrix)))(nodes.k)
    sums = _one if len(lattice.orbitals) == 1 else _several
    return sums(lattice, x[:n] + 1j * x[n:], thermal_energy(T), nodes, slopes, bends)


def _one(
    lattice: Lattice,
    Delta: Complex[Array, "channel"],
    kT: Scalar,
    nodes: Block,
    slopes: Inexact[Array, "node 1 1 axis"],
    bends: Inexact[Array, "node 1 1 axis axis"],
) -> Float[Array, "axis column"]:
    xi, _, E, _ = one_orbital(lattice, Delta, nodes.k)
    v, w = jnp.real(slopes[:, 0, 0]), jnp.real(bends[:, 0, 0])
    diamagnetic = jnp.tensordot(-2 * nodes.weight * xi * pair_sum(E, kT), w, 1)
    y = E / (2 * kT)
    paramagnetic = -(v.T * (nodes.weight * one_less_product(y, y) / (2 * kT))) @ v
    return jnp.concatenate([diamagnetic, paramagnetic, jnp.zeros((v.shape[1], 2 * len(Delta)))], axis=1)


def _several(
    lattice: Lattice,
    Delta: Complex[Array, "channel"],
    kT: Scalar,
    nodes: Block,
    slopes: Inexact[Array, "node n n axis"],
    bends: Inexact[Array, "node n n axis axis"],
) -> Float[Array, "axis column"]:
    n, X = len(lattice.orbitals), hamiltonians(lattice, Delta, nodes.k) / (2 * kT)
    v = jnp.moveaxis(slopes, -1, 0)
    nothing = jnp.zeros_like(v)
    V = jnp.concatenate([jnp.concatenate([v, nothing], axis=3), jnp.concatenate([nothing, v], axis=3)], axis=2)
    t, turned = tanh_and_slopes(X, (V / (2 * kT)).astype(X.dtype))
    holes = t[:, :n, :n] - t[:, n:, n:]
    diamagnetic = -jnp.real(jnp.einsum("x,xab,xbaij->ij", nodes.weight, holes, bends)) / 2
    paramagnetic = -jnp.real(jnp.einsum("x,ixab,jxba->ij", nodes.weight, turned, V)) / 2
    pair, other = turned[..., :n, n:], turned[..., n:, :n]
    phi = jax.vmap(lattice.forms)(nodes.k) * nodes.weight[:, None]
    mixed = []
    for c, (a, b) in enumerate(lattice.pairs):
        up, down = (M[..., a, b] if a == b else M[..., a, b] + M[..., b, a] for M in (pair, other))
        mixed.append([-jnp.real(up + down) @ phi[:, c] / 2, -jnp.real(1j * (down - up)) @ phi[:, c] / 2])
    return jnp.concatenate([diamagnetic, paramagnetic, *(jnp.stack(part, axis=1) for part in zip(*mixed, strict=True))], axis=1)
