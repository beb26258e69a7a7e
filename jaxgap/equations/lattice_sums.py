r"""P and its derivatives of lattices, where Newton spends its time: sums over the mesh (`spectra.mesh`), block by block.

One orbital, with f(E) = tanh(E / 2 k_B T) / 2E and D = D_1 + i D_2:

.. math:: P_c = \sum_k \phi_c f D, \qquad
          \frac{\partial P_{c i}}{\partial \Delta_{c' j}} = \sum_k \phi_c \phi_{c'}
          \Bigl[ f \delta_{ij} + 2 \frac{df}{dE^2} D_i D_j \Bigr]

More orbitals: `equations.group_sums.matrix_densities`. Derivatives of both are those of `spectra.on_lattice`.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jaxgap.equations.group_sums import Block, matrix_densities
from jaxgap.equations.nodes import Meshed
from jaxgap.model.lattice import Lattice
from jaxgap.numerics.programs import barrier
from jaxgap.numerics.small import symmetric_eigenvectors
from jaxgap.spectra.lattice_cutoff import root_without_derivatives
from jaxgap.spectra.lattice_matrices import at_nodes
from jaxgap.spectra.mesh import Block as Nodes
from jaxgap.spectra.mesh import Mesh, mean_over
from jaxgap.units import thermal_energy

__all__ = ["densities_on_lattices", "kernels_on_lattices", "lattice_densities", "sizes_of_many", "sizes_on_lattice"]

ROUGH = {2: 64, 3: 16}
"""Nodes per direction where only sizes matter."""
SIZES = 60
"""Amplitudes that are looked at: 1.2 times one another."""

Found = tuple[Float[Array, "x"], Float[Array, "x x"]]


def lattice_densities(lattice: Lattice, x: Float[Array, "x"], T: Float[Array, ""], mesh: Mesh, block: Block) -> Found:
    """(P, dP/dx) of all channels, real parts before imaginary ones; without a block the latter are of no use. "phases" is the
    block of imaginary parts at real amplitudes."""
    of_block = partial(_one_orbital if len(lattice.orbitals) == 1 else _several, block)
    found = mean_over(of_block, lattice, (x, T), mesh)
    return found[0], found[1:]


def densities_on_lattices(
    at: Meshed, x: Float[Array, "x element"], block: Block
) -> tuple[Float[Array, "x element"], Float[Array, "x x element"]]:
    """`lattice_densities` of every element of a batch, one after the other: each has a loop of its own length."""

    def of_one(element: tuple[Lattice, Array, Array, Array]) -> Found:
        lattice, x, T, N = element
        return lattice_densities(lattice, x, T, Mesh(N), block)

    P, dP = jax.lax.map(of_one, (at.systems, x.T, at.T, at.N))
    return P.T, jnp.moveaxis(dP, 0, -1)


def kernels_on_lattices(at: Meshed) -> Float[Array, "channel channel element"]:
    """dP/dDelta of the normal state of every element: the same for imaginary parts, of which less is summed."""

    def of_one(element: tuple[Lattice, Array, Array]) -> Float[Array, "channel channel"]:
        lattice, T, N = element
        none = jnp.zeros(len(lattice.pairing))
        return lattice_densities(lattice, none, T, Mesh(N), "phases")[1]

    return jnp.moveaxis(jax.lax.map(of_one, (at.systems, at.T, at.N_normal)), 0, -1)


@jax.jit
def sizes_on_lattice(lattice: Lattice) -> tuple[Float[Array, ""], Float[Array, "channel"]]:
    r"""(amplitude that the couplings suggest together, amplitude of every channel by itself) at T = 0 [meV], roughly: where the
    largest eigenvalue of |g| R(a) is 1, with R_c = P_c / \Delta_c of a channel alone that has the amplitude a; or g_cc R_c."""
    C, mesh = len(lattice.pairing), Mesh(jnp.asarray(ROUGH[lattice.dimension]))
    a = lattice.scale * jnp.logspace(-4, 1, SIZES)

    def shares(a: Float[Array, ""]) -> Float[Array, "channel"]:
        """R of all channels."""
        x = a * jnp.eye(C)
        P = jax.lax.map(lambda one: lattice_densities(lattice, one, jnp.zeros(()), mesh, "none")[0], x)
        return jnp.maximum(jnp.diagonal(P), 0.0) / a

    def together(R: Float[Array, "channel"]) -> Float[Array, ""]:
        root = jnp.sqrt(R)
        g = jnp.abs(lattice.lam + lattice.lam.T) / 2
        return symmetric_eigenvectors(root[:, None] * g * root)[0][-1]

    R = jax.lax.map(shares, a)
    alone = jnp.diagonal(lattice.lam) * R
    return _last(a, jax.vmap(together)(R)[:, None])[0], _last(a, alone)


def _last(a: Float[Array, "size"], value: Float[Array, "size column"]) -> Float[Array, "column"]:
    """The largest a with a value of 1 or more; the smallest if there is none."""
    return jnp.max(jnp.where(value >= 1, a[:, None], a[0]), axis=0)


@jax.jit
def sizes_of_many(systems: Lattice) -> tuple[Float[Array, "system"], Float[Array, "system channel"]]:
    """`sizes_on_lattice` of a batch."""
    return jax.vmap(sizes_on_lattice)(systems)


def _one_orbital(block: Block, lattice: Lattice, at: PyTree, nodes: Nodes) -> Float[Array, "row x"]:
    x, T = at
    (h, phi), C, kT = at_nodes(lattice, nodes.k), len(lattice.pairing), thermal_energy(T)
    xi, phi = barrier((jnp.real(h[:, 0, 0]), phi))
    D = [phi @ half for half in (x[:C], x[C:]) if len(half)]
    E2 = xi * xi + sum((part * part for part in D), jnp.zeros(()))
    # A node that falls on E = 0 is left out, as in `spectra.pair.pair_sum`.
    gapped = E2 > 0
    per_E = 1 / jnp.sqrt(jnp.where(gapped, E2, 1.0))
    y = 1 / (2 * kT * per_E)
    weight = jnp.where(gapped, nodes.weight, 0.0)
    f = barrier(jnp.tanh(y) * per_E * weight / 2)
    P = jnp.concatenate([(f * part) @ phi for part in D])
    if block == "none":
        return jnp.concatenate([P[None], jnp.zeros((len(x), len(x)))])
    direct = phi.T @ (f[:, None] * phi)
    if block == "phases":
        return jnp.concatenate([P[None], direct])
    # 2 df/dE^2 = [(1 - t^2) / 2kT - t / E] / 2E^2
    decay = jnp.exp(-2 * y)
    slope = barrier((decay / (1 + decay) ** 2 * weight / kT - f) * per_E * per_E)
    bent = [[phi.T @ ((slope * a * b)[:, None] * phi) for b in D] for a in D]
    dP = jnp.block([[part + direct if i == j else part for j, part in enumerate(row)] for i, row in enumerate(bent)])
    return jnp.concatenate([P[None], dP])


def _several(block: Block, lattice: Lattice, at: PyTree, nodes: Nodes) -> Float[Array, "row x"]:
    x, T = at
    h, phi = at_nodes(lattice, nodes.k)
    parts = jnp.stack([jnp.moveaxis(jnp.real(h), 0, -1), jnp.moveaxis(jnp.imag(h), 0, -1)])
    root = None if lattice.cutoff is None else root_without_derivatives(lattice.cutoff, parts)
    P, dP = matrix_densities(lattice.pairs, block, parts, phi.T, nodes.weight, x, thermal_energy(T), root)
    return jnp.concatenate([P[None], dP])
