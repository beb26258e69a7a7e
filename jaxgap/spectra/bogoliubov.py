r"""The Bogoliubov-de Gennes matrix of a cluster of any number of bands, and functions of it with their derivatives.

.. math:: H = \begin{pmatrix} \zeta & \Delta \\ \Delta^\dagger & -\zeta \end{pmatrix}, \qquad X = H / 2 k_B T = W l W^\dagger

There is no closed form, but there are derivatives without those of eigenvectors: with d = W^+ (X - X_0) W, zero in value,

.. math:: W^\dagger \tanh(X) W = t(l_i) \delta_{ij} + t[l_i, l_j]\, d_{ij} + \sum_k t[l_i, l_k, l_j]\, d_{ik} d_{kj} + O(d^3)

about the frozen eigenvectors W, exact to second order in every mode of differentiation, however degenerate, at T = 0 too
(`numerics.hyperbolic` has the divided differences). A third derivative would lack the term of third order: it is NaN.
"""

from collections.abc import Callable
from functools import partial, reduce
from itertools import combinations_with_replacement, product
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact

from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.characteristic import coefficients
from jaxgap.numerics.hyperbolic import second_difference, tanh_difference, third_difference
from jaxgap.numerics.jacobi import eigenvectors
from jaxgap.numerics.orders import ends_after
from jaxgap.numerics.precision import own_rules
from jaxgap.numerics.small import eigenvalues, openly_solved
from jaxgap.spectra.regions import nodes_on, parameters, pick
from jaxgap.spectra.shells import Samples, Shells, band_pairs, gap_matrix, parts_of, shell_edges
from jaxgap.spectra.shells import samples as samples_of
from jaxgap.units import thermal_energy

__all__ = [
    "Bogoliubov",
    "dagger",
    "function_of",
    "green_functions",
    "levels",
    "tanh_and_slope",
    "tanh_and_slopes",
    "tanh_of",
    "traced",
]

TOUCHING = 1e-12
"""Branches nearer than this share of Omega touch: rounding leaves less."""

Scalar = Float[Array, ""]
OfK = Float[Array, "*k"]
Matrices = Inexact[Array, "node n n"]
Directions = Inexact[Array, "axis node n n"]


class Stretches(NamedTuple):
    """Intervals of kappa between the edges of the shells."""

    lower: Float[Array, "part"]
    upper: Float[Array, "part"]
    """Both ends have derivatives."""
    active: Bool[Array, "part band"]
    grid: Float[Array, "part grid"]
    """kappa, rising, with both ends, and dense where the spectrum bends."""


class Bogoliubov(eqx.Module):
    """H of a cluster at given amplitudes. Bands and channels below are the cluster's, in the order of `cluster`."""

    superconductor: Superconductor
    Delta: Inexact[Array, "channel"]
    cluster: Cluster = eqx.field(static=True)

    def shells(self) -> Shells:
        """What its integrals are cut for."""
        sc = self.superconductor
        m, mu = (pick(leaf, self.cluster.bands) for leaf in parameters(sc))
        a, b = shell_edges(sc, self.cluster)
        return Shells(m, mu, a, b, band_pairs(sc, self.cluster), pick(self.Delta, self.cluster.channels))

    def samples(self, T: Scalar, n: int, normal: bool = False) -> Samples:
        return samples_of(self.superconductor, self.cluster, parts_of(self.shells(), normal), thermal_energy(T), n)

    def inside(self, kappa: Float[Array, "node"]) -> Samples:
        """Which bands are inside their shells at some kappa."""
        a, b = shell_edges(self.superconductor, self.cluster)
        return Samples(kappa, jnp.ones_like(kappa), (kappa >= a[:, None]) & (kappa <= b[:, None]))

    def zeta(self, kappa: Float[Array, "node"]) -> Float[Array, "band node"]:
        return jnp.stack([self.superconductor.bands[i].zeta(kappa) for i in self.cluster.bands])

    def gaps(self, Delta: Inexact[Array, "channel"], active: Bool[Array, "band node"]) -> Inexact[Array, "node band band"]:
        """The matrix of amplitudes where both bands are active."""
        D = gap_matrix(band_pairs(self.superconductor, self.cluster), pick(Delta, self.cluster.channels))
        acting = active.T[:, :, None] & active.T[:, None]
        return jnp.where(acting, D, 0.0)

    def hamiltonians(self, Delta: Inexact[Array, "channel"], at: Samples) -> Matrices:
        D = self.gaps(Delta, at.active)
        Z = self.zeta(at.kappa).T[:, :, None] * jnp.eye(len(self.cluster.bands)) + jnp.zeros_like(D)
        return jnp.concatenate([jnp.concatenate([Z, D], axis=2), jnp.concatenate([dagger(D), -Z], axis=2)], axis=1)

    def energies_among(self, at: Samples) -> Float[Array, "branch node"]:
        """Where the bands that are inside their shells are given."""
        return levels(self.hamiltonians(self.Delta, at))[:, len(self.cluster.bands) :].T

    def at_one(self, kappa: Scalar, band: int) -> tuple[Float[Array, "branch"], Float[Array, "branch"]]:
        r"""(E, |u|^2 + |v|^2 of a band by its place, dE/dx of H + x e_i \otimes 1) of all branches at one kappa.

        Branches that touch there have the weight of all of them: how they share it is chance.
        """
        n = len(self.cluster.bands)
        e = np.tile(np.arange(n) == band, 2).astype(float)
        H = self.hamiltonians(self.Delta, self.inside(kappa[None]))

        def energies(x: Scalar) -> Float[Array, "branch"]:
            return levels(H + x * jnp.diag(e))[0, n:]

        E, W = energies(jnp.zeros(())), jax.jacfwd(energies)(jnp.zeros(()))
        touching = jnp.abs(E[:, None] - E) <= TOUCHING * self.superconductor.Omega
        return E, jnp.sum(jnp.where(touching, W, 0.0), axis=1)

    def stretches(self, n: int) -> Stretches:
        """The intervals between the shells' edges, with n nodes a piece."""
        parts = parts_of(self.shells())
        edges = jnp.sort(jnp.concatenate(shell_edges(self.superconductor, self.cluster)))
        lower, upper = jax.lax.stop_gradient((edges[:-1], edges[1:]))
        of = jax.vmap(partial(nodes_on, self.superconductor, n=n), in_axes=(0, 0, 1, 1))
        grid = jax.lax.stop_gradient(of(lower, upper, parts.centre, parts.width).kappa)
        grid = jnp.sort(jnp.concatenate([lower[:, None], grid, upper[:, None]], axis=1), axis=1)
        return Stretches(edges[:-1], edges[1:], parts.active.T, grid)

    def gapless_excess(self) -> Float[Array, ""]:
        r"""-Omega^2 times the product of -Im kappa / m Omega of all roots of det(zeta + i Delta): zero where E touches zero.

        -det Delta / Omega^(N - 2) of bands on top of each other: negative where the amplitudes of the bands dominate and have
        one sign, as of two bands. Real amplitudes; all bands are taken as active. A root that crosses the real axis outside
        the shells is none of a gapless state, as in `spectra.minima.gapless_excess_of`.
        """
        m, mu, _, _, pairs, Delta = self.shells()
        matrix = m[:, None] * (jnp.diag(mu) - 1j * gap_matrix(pairs, Delta))
        c, _ = coefficients(-matrix)
        powers = [jnp.ones_like(c[0]), *c]
        slopes = [(len(c) - k) * p for k, p in enumerate(powers[:-1])]
        roots = jax.lax.stop_gradient(eigenvalues(matrix))
        # From the roots themselves two steps of Newton change nothing but carry derivatives, up to the third.
        for _ in range(2):
            value, slope = (reduce(lambda total, p: total * roots + p, of) for of in (powers, slopes))
            roots = roots - jnp.where(slope == 0, 0.0, value / jnp.where(slope == 0, 1.0, slope))
        Omega = self.superconductor.Omega
        return -(Omega**2) * jnp.prod(-roots.imag / (m * Omega))


# === functions of Hermitian matrices, by Taylor series about frozen eigenvectors


def dagger(M: Matrices) -> Matrices:
    return jnp.conj(jnp.swapaxes(M, 1, 2))


def _frozen(X: Matrices) -> tuple[Float[Array, "node n"], Matrices, Matrices]:
    """(E, W, d): d = W^+ X W - E is zero in value (of rounding nothing is left: at T = 0 it would be 1e14)."""
    fixed = jax.lax.stop_gradient(jnp.moveaxis(X, 0, -1))
    parts = jnp.stack([fixed.real, fixed.imag]) if jnp.iscomplexobj(X) else fixed[None]
    E, W = eigenvectors(parts)
    E, W = jax.lax.stop_gradient((E.T, jnp.moveaxis(W[0] + 1j * W[1] if len(W) == 2 else W[0], -1, 0)))
    d = dagger(W) @ X @ W
    return E, W, d - jax.lax.stop_gradient(d)


def _nothing_beyond(order: int, d: Matrices) -> Float[Array, "node"]:
    """Zero; a derivative of a higher order is NaN, not one that lacks a term."""
    return ends_after(order, jnp.sum(jnp.real(d), axis=(1, 2)))


def tanh_of(X: Matrices) -> Matrices:
    """tanh(X), with first and second derivatives; NaN for a third."""
    return function_of(X, jnp.tanh, tanh_difference, second_difference)


def function_of(
    X: Matrices, f: Callable[[OfK], OfK], first: Callable[[OfK, OfK], OfK], second: Callable[[OfK, OfK, OfK], OfK]
) -> Matrices:
    """f(X) from f and its first and second divided differences, with as many derivatives; NaN for a third."""
    E, W, d = _frozen(X)
    return W @ _about(E, d, f, first, second) @ dagger(W)


def tanh_and_slope(X: Matrices, V: Matrices) -> tuple[Matrices, Matrices]:
    r"""tanh(X) and d tanh(X + \epsilon V) / d\epsilon, both with first and second derivatives; NaN for a third."""
    E, W, d = _frozen(X)
    v = dagger(W) @ V @ W
    x, y, z = E[:, :, None, None], E[:, None, :, None], E[:, None, None, :]
    once = jnp.einsum("nikj,nik,nkj->nij", second_difference(x, y, z), v, d)
    turned = jnp.einsum("nikj,nik,nkj->nij", second_difference(x, y, z), d, v)
    slope = tanh_difference(E[:, :, None], E[:, None, :]) * v + once + turned + jnp.expand_dims(_nothing_beyond(2, d), (1, 2))
    t = _third_differences(E)
    for factors in ((v, d, d), (d, v, d), (d, d, v)):
        slope = slope + jnp.einsum("niklj,nik,nkl,nlj->nij", t, *factors)
    return W @ _about(E, d, jnp.tanh, tanh_difference, second_difference) @ dagger(W), W @ slope @ dagger(W)


@jax.custom_jvp
def tanh_and_slopes(X: Matrices, V: Directions) -> tuple[Matrices, Directions]:
    """`tanh_and_slope` in several directions; what only derivatives need is found only with them."""
    E, W, _ = _frozen(X)
    slopes = tanh_difference(E[:, :, None], E[:, None, :]) * (dagger(W) @ V @ W)
    return (W * jnp.tanh(E)[:, None]) @ dagger(W), W @ slopes @ dagger(W)


@tanh_and_slopes.defjvp
@own_rules
def _tanh_and_slopes_jvp(
    primals: tuple[Matrices, Directions], tangents: tuple[Matrices, Directions]
) -> tuple[tuple[Matrices, Directions], tuple[Matrices, Directions]]:
    def with_derivatives(X: Matrices, V: Directions) -> tuple[Matrices, Directions]:
        t, slopes = jax.vmap(tanh_and_slope, in_axes=(None, 0))(X, V)
        return t[0], slopes

    found: tuple[tuple[Matrices, Directions], tuple[Matrices, Directions]] = jax.jvp(with_derivatives, primals, tangents)
    return found


def _about(
    E: Float[Array, "node n"],
    d: Matrices,
    f: Callable[[OfK], OfK],
    first: Callable[[OfK, OfK], OfK],
    second: Callable[[OfK, OfK, OfK], OfK],
) -> Matrices:
    """W^+ f(X) W."""
    x, y, z = E[:, :, None, None], E[:, None, :, None], E[:, None, None, :]
    found = f(E)[:, :, None] * jnp.eye(E.shape[1]) + first(E[:, :, None], E[:, None, :]) * d
    return found + jnp.einsum("nikj,nik,nkj->nij", second(x, y, z), d, d) + jnp.expand_dims(_nothing_beyond(2, d), (1, 2))


def _third_differences(E: Float[Array, "node n"]) -> Float[Array, "node n n n n"]:
    """t[E_i, E_k, E_l, E_j], each set of four once."""
    n = E.shape[1]
    sets = list(combinations_with_replacement(range(n), 4))
    place: dict[tuple[int, ...], int] = {one: k for k, one in enumerate(sets)}
    where = np.array([place[tuple(sorted(four))] for four in product(range(n), repeat=4)]).reshape(n, n, n, n)
    # One set after the other: else XLA finds each anew for every place that it has.
    found = jax.lax.map(lambda four: third_difference(*E.T[four]), jnp.array(sets))
    return jnp.moveaxis(found[where], -1, 0)


def traced(
    H: Matrices, kT: Scalar, f: Callable[[OfK], OfK], slope: Callable[[OfK], OfK], slopes: Callable[[OfK, OfK], OfK]
) -> Float[Array, "node"]:
    """tr f(X), X = H / 2 k_B T, from f' and its divided differences; with first and second derivatives, NaN for a third."""
    E, _, d = _frozen(H / (2 * kT))
    first = slope(E) * jnp.real(jnp.diagonal(d, axis1=1, axis2=2))
    second = slopes(E[:, :, None], E[:, None, :]) * jnp.real(d * jnp.swapaxes(d, 1, 2))
    return jnp.sum(f(E) + first, axis=1) + 0.5 * jnp.sum(second, axis=(1, 2)) + _nothing_beyond(2, d)


def levels(H: Matrices) -> Float[Array, "node level"]:
    r"""Eigenvalues, rising; with derivatives to third order where they do not touch, NaN beyond,

    .. math:: E_i + d_{ii} + \sum_{k \neq i} |a_{ik}|^2 (E_i - E_k)
              + \sum_{k, l \neq i} a_{ik} d_{kl} a_{il}^* - d_{ii} \sum_{k \neq i} |a_{ik}|^2,
              \qquad a_{ik} = \frac{d_{ik}}{E_i - E_k} .
    """
    E, _, d = _frozen(H)
    order = jnp.argsort(E, axis=1)
    apart = E[:, :, None] - E[:, None, :]
    touching = apart == 0
    a = jnp.where(touching, 0.0, d / jnp.where(touching, 1.0, apart))
    own, weight = jnp.real(jnp.diagonal(d, axis1=1, axis2=2)), jnp.real(a * jnp.conj(a))
    third = jnp.sum(jnp.real((a @ d) * jnp.conj(a)), axis=2) - own * jnp.sum(weight, axis=2)
    E = E + own + jnp.sum(weight * apart, axis=2) + third + jnp.expand_dims(_nothing_beyond(3, d), 1)
    return jnp.take_along_axis(E, order, axis=1)


def green_functions(
    zeta: Float[Array, "node band"], Delta: Inexact[Array, "node band band"], z: Complex[Array, "node"]
) -> Complex[Array, "node band band"]:
    """[z - zeta - Delta (z + zeta)^-1 Delta^+]^-1."""
    eye = jnp.eye(zeta.shape[1])
    hole = 1 / (z[:, None] + zeta)
    inverse = (z[:, None] - zeta)[:, :, None] * eye - (Delta * hole[:, None]) @ dagger(Delta)
    return jax.vmap(lambda M: openly_solved(M, eye.astype(M.dtype)))(inverse)
