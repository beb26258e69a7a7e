r"""The resolvents of many Hermitian matrices at many energies, with derivatives of every order.

.. math:: G(z) = (z - H)^{-1} = \sum_n \frac{w_n w_n^\dagger}{z - E_n}, \qquad
          dG = G \, (dH - dz) \, G

The eigenvectors are found once for all z, and have no derivatives of their own: those of G are products of G, however
degenerate H is.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.numerics.implicit import Trees
from jaxgap.numerics.jacobi import eigenvectors
from jaxgap.numerics.precision import own_rules
from jaxgap.spectra.pair import abs2

__all__ = ["ENERGIES", "OfEnergy", "blocks_summed", "derivative", "resolvents"]

ENERGIES = 8
"""Treated at once, so that a processor's cache holds what they need: 32 take 2.5 times as long each."""

Matrices = Inexact[Array, "node m m"]
Sums = Complex[Array, "omega 4 n"]
Arguments: TypeAlias = tuple[Matrices, Float[Array, "node"], Complex[Array, "omega"]]
OfEnergy: TypeAlias = Callable[[Complex[Array, ""]], Complex[Array, "4 n"]]
"""Of one z."""


def _spectrum(H: Matrices) -> tuple[Float[Array, "level node"], Inexact[Array, "m level node"]]:
    """(E, W) of all matrices, elements last."""
    turned = jnp.moveaxis(H, 0, -1)
    E, W = eigenvectors(jnp.stack([turned.real, turned.imag]) if jnp.iscomplexobj(H) else turned[None])
    return E, W[0] + 1j * W[1] if len(W) == 2 else W[0]


@jax.custom_jvp
def resolvents(H: Matrices, z: Complex[Array, ""]) -> Complex[Array, "node m m"]:
    """(z - H)^-1 of all matrices."""
    E, W = _spectrum(H)
    return jnp.einsum("inx,nx,jnx->xij", W, 1 / (z - E), jnp.conj(W))


@resolvents.defjvp
@own_rules
def _resolvents_jvp(
    primals: tuple[Matrices, Complex[Array, ""]], tangents: tuple[Matrices, Complex[Array, ""]]
) -> tuple[Complex[Array, "node m m"], Complex[Array, "node m m"]]:
    G, (dH, dz) = resolvents(*primals), tangents
    return G, G @ (dH - dz * jnp.eye(dH.shape[-1])) @ G


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def blocks_summed(order: int, H: Matrices, weight: Float[Array, "node"], z: Complex[Array, "omega"]) -> Sums:
    """Diagonals of the blocks 11, 22, 12 and 21 of (z - H)^-1, or of its derivative in z of that order, summed over all
    matrices with their weights (which have no derivatives)."""
    E, W = _spectrum(H)
    n = len(W) // 2
    u, v = W[:n], W[n:]
    uv = u * jnp.conj(v)
    parts = [abs2(u), abs2(v), jnp.real(uv), *([jnp.imag(uv)] if jnp.iscomplexobj(H) else [])]
    shares = (jnp.stack(parts) * weight).reshape(len(parts) * n, -1)
    levels = E.reshape(-1)

    def at(z: Complex[Array, ""]) -> tuple[Float[Array, "row"], Float[Array, "row"]]:
        apart = z.real - levels
        per = 1 / (apart * apart + z.imag * z.imag)
        real, imag = apart * per, -z.imag * per
        if order:
            power = (real + 1j * imag) ** (order + 1) * ((-1) ** order * math.factorial(order))
            real, imag = power.real, power.imag
        return shares @ real, shares @ imag

    real, imag = jax.lax.map(at, z, batch_size=ENERGIES)
    S = (real + 1j * imag).reshape(len(z), len(parts), n)
    turned = 1j * S[:, 3] if len(parts) == 4 else 0.0
    return jnp.stack([S[:, 0], S[:, 1], S[:, 2] + turned, S[:, 2] - turned], axis=1)


@partial(blocks_summed.defjvp, symbolic_zeros=True)
@own_rules
def _blocks_summed_jvp(order: int, primals: Arguments, tangents: Trees) -> tuple[Sums, Sums]:
    H, weight, z = primals
    dH, _, dz = tangents
    value = blocks_summed(order, H, weight, z)
    change = jnp.zeros_like(value)
    if not isinstance(dH, SymbolicZero):

        def along_H(z: Complex[Array, ""]) -> Complex[Array, "4 n"]:
            G = resolvents(H, z)
            return _picked(weight, G @ dH @ G)

        change += jax.lax.map(derivative(along_H, order), z)
    if not isinstance(dz, SymbolicZero):
        change += blocks_summed(order + 1, H, weight, z) * dz[:, None, None]
    return value, change


def derivative(f: OfEnergy, order: int) -> OfEnergy:
    """Of an analytic function of z, of that order."""
    if not order:
        return f
    lower = derivative(f, order - 1)
    return lambda z: jax.jvp(lower, (z,), (jnp.ones_like(z),))[1]


def _picked(weight: Float[Array, "node"], G: Complex[Array, "node m m"]) -> Complex[Array, "4 n"]:
    n = G.shape[-1] // 2
    i = jnp.arange(n)
    return jnp.stack([weight @ G[:, a + i, b + i] for a, b in ((0, 0), (n, n), (0, n), (n, 0))])
