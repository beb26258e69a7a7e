r"""Green's functions of a lattice: at a k, and as means over the Brillouin zone, orbital by orbital.

.. math:: G(k, z) = [z - H(k)]^{-1}, \qquad N_a(\omega) = -\frac{1}{\pi} \, \mathrm{Im} \sum_k G_{aa}(k, \omega + i\Gamma)
          \quad [1/\mathrm{meV}\text{ per cell and spin}]

of one orbital in closed form, G_11 = (z + xi) / (z^2 - E^2), G_12 = D / (z^2 - E^2), of more by eigenvectors, once for all
energies (`spectra.resolvents`). The poles of G are Gamma / v away from real k, so that a uniform mesh of N nodes per direction
leaves exp(-N Gamma / v), v the largest velocity: N follows from `TOLERANCE`. Whether that was enough is seen from a second
mesh, of four fifths as many nodes: where the two differ by more than `CHECKED` / depth, the depth being the largest |h - mu|,
the result is NaN. Nodes at -k repeat those at k, but of complex amplitudes and complex hoppings both are summed.
"""

from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.lattice import Lattice
from jaxgap.numerics.implicit import Trees, along
from jaxgap.numerics.precision import own_rules
from jaxgap.spectra.cluster import LocalFunctions
from jaxgap.spectra.lattice_matrices import at_nodes, hamiltonians, one_orbital
from jaxgap.spectra.mesh import Block, Mesh, fewer, finest_width, mean_over, mesh_for_width
from jaxgap.spectra.resolvents import ENERGIES, blocks_summed, derivative, resolvents

__all__ = ["greens_at", "local_functions_on_lattice", "smallest_broadening"]

TOLERANCE = 1e-6
"""For which the mesh is chosen."""
CHECKED = 1e-4
"""What two meshes may differ by, in units of 1 / depth; the finer one is then better, by a factor of ten and more."""
LOOKED_AT = 32
"""Energies, evenly among those asked for, at which two meshes are compared."""

Parts: TypeAlias = tuple[Float[Array, "x"], Float[Array, "omega"], Float[Array, "omega"]]
"""Amplitudes as real numbers; real and imaginary parts of z."""
Sums = Complex[Array, "omega 4 n"]


def smallest_broadening(lattice: Lattice) -> Float[Array, ""]:
    """The smallest Im z [meV] for which there is a mesh."""
    return finest_width(lattice, TOLERANCE)


def local_functions_on_lattice(
    lattice: Lattice, Delta: Inexact[Array, "channel"], z: Complex[Array, "omega"]
) -> LocalFunctions:
    """Means over the Brillouin zone of the Green's functions of every orbital [1/meV], energies first; NaN where no mesh
    resolves Im z."""
    x = jnp.concatenate([Delta.real, Delta.imag]) if jnp.iscomplexobj(Delta) else Delta
    mesh = mesh_for_width(lattice, jnp.min(z.imag), TOLERANCE)
    S, some = _sums(0, lattice, x, z, mesh), np.unique(np.linspace(0, len(z) - 1, LOOKED_AT).astype(int))
    coarse = _sums(0, *jax.lax.stop_gradient((lattice, x, z[some])), fewer(mesh))
    apart = jnp.abs(jax.lax.stop_gradient(S[some]) - coarse) * lattice.depth
    S = S * jnp.where((apart <= CHECKED).all(), 1.0, jnp.nan)
    electron, hole, pair, turned = jnp.moveaxis(S, 1, 0)
    return LocalFunctions(electron, -jnp.conj(hole), -(pair - jnp.conj(turned)) / (2j * jnp.pi))


def greens_at(
    lattice: Lattice, Delta: Inexact[Array, "channel"], k: Float[Array, "k axis"], z: Complex[Array, "omega"]
) -> Complex[Array, "orbital k omega"]:
    """G_aa(k, z) [1/meV]."""
    if len(lattice.orbitals) == 1:
        xi, _, E, _ = one_orbital(lattice, Delta, k)
        return ((z + xi[:, None]) / (z**2 - E[:, None] ** 2))[None]
    H, n = hamiltonians(lattice, Delta, k), len(lattice.orbitals)
    G = jax.lax.map(lambda w: jnp.diagonal(resolvents(H, w), axis1=1, axis2=2)[:, :n].T, z)
    return jnp.moveaxis(G, 0, -1)


# === sums, with derivatives in z by those of an analytic function


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _sums(order: int, lattice: Lattice, x: Float[Array, "x"], z: Complex[Array, "omega"], mesh: Mesh) -> Sums:
    """Means of the diagonals of the blocks 11, 22, 12 and 21 of (z - H)^-1, or of its derivative in z of that order."""
    parts = mean_over(partial(_of_block, order), lattice, (x, z.real, z.imag), mesh)
    return parts[0] + 1j * parts[1]


@partial(_sums.defjvp, symbolic_zeros=True)
@own_rules
def _sums_jvp(order: int, primals: Trees, tangents: Trees) -> tuple[Sums, Sums]:
    lattice, x, z, mesh = primals
    value = _sums(order, lattice, x, z, mesh)
    fixed = jax.lax.stop_gradient(z)
    dz = tangents[2]

    def moved(of: tuple[Lattice, Float[Array, "x"]]) -> Sums:
        parts = mean_over(partial(_of_block, order), of[0], (of[1], fixed.real, fixed.imag), mesh)
        return parts[0] + 1j * parts[1]

    still = all(isinstance(t, SymbolicZero) for t in jax.tree.leaves(tangents[:2], is_leaf=_is_zero))
    change = jnp.zeros_like(value) if still else along(moved, (lattice, x), (tangents[0], tangents[1]))
    if not isinstance(dz, SymbolicZero):
        change = change + _sums(order + 1, lattice, x, z, mesh) * dz[:, None, None]
    return value, change


def _is_zero(x: object) -> bool:
    return isinstance(x, SymbolicZero)


def _of_block(order: int, lattice: Lattice, at: Parts, nodes: Block) -> Float[Array, "part omega 4 n"]:
    x, z, n = at[0], at[1] + 1j * at[2], len(lattice.pairing)
    Delta = x if len(x) == n else x[:n] + 1j * x[n:]
    S = (_one if len(lattice.orbitals) == 1 else _several)(order, lattice, Delta, nodes, z)
    return jnp.stack([S.real, S.imag])


def _one(order: int, lattice: Lattice, Delta: Inexact[Array, "channel"], nodes: Block, z: Complex[Array, "omega"]) -> Sums:
    xi, D, E, _ = one_orbital(lattice, Delta, nodes.k)
    amplitudes = [D.real, D.imag] if jnp.iscomplexobj(D) else [D]
    shares = nodes.weight * jnp.stack([jnp.ones_like(xi), xi, *amplitudes])

    def at(z: Complex[Array, ""]) -> Complex[Array, "4 1"]:
        # 1 / (z^2 - E^2) in real numbers: its imaginary part is the same at all nodes.
        square = z * z
        apart, beside = square.real - E * E, square.imag
        per = 1 / (apart * apart + beside * beside)
        r = shares @ (apart * per) - 1j * beside * (shares @ per)
        turned = 1j * r[3] if len(shares) == 4 else 0.0
        return jnp.stack([z * r[0] + r[1], z * r[0] - r[1], r[2] + turned, r[2] - turned])[:, None]

    return jax.lax.map(derivative(at, order), z, batch_size=ENERGIES)


def _several(order: int, lattice: Lattice, Delta: Inexact[Array, "channel"], nodes: Block, z: Complex[Array, "omega"]) -> Sums:
    (k, weight), (h, _) = nodes, at_nodes(lattice, nodes.k)
    if jnp.iscomplexobj(Delta) and jnp.iscomplexobj(h):
        k, weight = jnp.concatenate([k, -k]), jnp.concatenate([weight, weight]) / 2
    S = blocks_summed(order, hamiltonians(lattice, Delta, k), weight, z)
    if jnp.iscomplexobj(Delta):
        return S
    # At -k the two are exchanged.
    pair = (S[:, 2] + S[:, 3]) / 2
    return jnp.stack([S[:, 0], S[:, 1], pair, pair], axis=1)
