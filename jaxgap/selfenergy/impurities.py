r"""The self-energy that impurities make of the local Green's function, at one frequency or at many: scattering is elastic.

.. math:: G = \begin{pmatrix} g & -f \\ -f^* & -g^* \end{pmatrix}, \qquad
          \Sigma = \begin{pmatrix} X - i (W - \omega) & \Phi \\ \cdot & \cdot \end{pmatrix}

.. math:: \Sigma = n [u \tau_3 G u \tau_3 + J G J] \quad \text{(Born)}, \qquad
          \Sigma = n \langle (1 - U G)^{-1} U - U \rangle_\pm, \quad U = u \tau_3 \pm J \tau_0 \quad \text{(T-matrix)}

with g and f as in `jaxgap.selfenergy.local_green`: so charges add n u f u to Phi, and spins take n J f J from it. What Born's
disorder makes is what an elastic boson with V_ij,kl = n u_ik u_jl would make: interband potentials hybridise the bands and link
their pairs, also where no cross channel does. Hence `opened`: of a disordered system every pair of bands is a channel of the
self-energy. (A. A. Abrikosov and L. P. Gor'kov, Sov. Phys. JETP 12, 1243 (1961); the average potential is the bands',
`jaxgap.model.disorder`.)
"""

from dataclasses import replace
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.disorder import BORN, Disorder
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.selfenergy.local_green import Local, inverse_in_the_open

__all__ = [
    "Scattered",
    "beyond_born",
    "generating",
    "normal_scattering",
    "opened",
    "scattered",
    "scattered_at_any_energy",
    "spinor_potential",
    "vertex",
]

Blocks = Complex[Array, "row column *element"]


class Scattered(NamedTuple):
    """What impurities make."""

    normal: Blocks
    """X - i (W - omega) [meV]."""
    Phi: Blocks
    """[meV]"""


def scattered(G: Local, disorder: tuple[Disorder, ...]) -> Scattered:
    """The self-energy of all kinds of impurities, without their average potential."""
    normal, Phi = jnp.zeros_like(G.g), jnp.zeros_like(G.f)
    for one in disorder:
        own = (_born if one.kind == BORN else _t_matrix)(G, one)
        normal, Phi = normal + own.normal, Phi + own.Phi
    return Scattered(normal, Phi)


def _born(G: Local, one: Disorder) -> Scattered:
    u, J, n = one.potential, one.spin, cast(Array, one.density)
    return Scattered(n * (_around(u, G.g) + _around(J, G.g)), n * (_around(u, G.f) - _around(J, G.f)))


def _around(u: Array, g: Blocks) -> Blocks:
    """u g u"""
    return jnp.einsum("ik,kl...,lj->ij...", u, g, u)


def _t_matrix(G: Local, one: Disorder) -> Scattered:
    total, size = scattered_at_any_energy(_whole(G), (one,)), len(G.g)
    return Scattered(total[:size, :size], total[:size, size:])


def _whole(G: Local) -> Blocks:
    """Of particles and holes, on the imaginary axis."""
    upper = jnp.concatenate([G.g, -G.f], axis=1)
    return jnp.concatenate([upper, jnp.concatenate([-G.f.conj(), -G.g.conj()], axis=1)])


def scattered_at_any_energy(
    G: Inexact[Array, "row column *element"], disorder: tuple[Disorder, ...]
) -> Inexact[Array, "row column *element"]:
    """The same of particles and holes together, where G is no function of g and f: off the imaginary axis. Analytic in G."""
    total = jnp.zeros_like(G)
    for one in disorder:
        for sign in (1, -1):
            U = spinor_potential(one.potential, sign * one.spin)
            U_G = jnp.einsum("ij,jk...->ik...", U, G)
            if one.kind == BORN:
                made = jnp.einsum("ij...,jk->ik...", U_G, U)
            else:
                unit = jnp.eye(len(G)).reshape(*U.shape, *[1] * (G.ndim - 2))
                T = jnp.einsum("ij...,jk->ik...", inverse_in_the_open(unit - U_G), U)
                made = T - U.reshape(unit.shape)
            total = total + cast(Array, one.density) / 2 * made
    return total


# --- the functional ---------------------------------------------------------------------------------------------------------


def generating(G: Local, one: Disorder) -> Float[Array, "*element"]:
    r"""-n Re <ln det(1 - U G) + tr U G>, whose derivative by G is the self-energy of the T-matrix.

    (J. M. Luttinger and J. C. Ward, Phys. Rev. 118, 1417 (1960).)
    """
    whole, total = _whole(G), jnp.zeros(())
    first = jnp.moveaxis(whole, (0, 1), (-2, -1))
    for sign in (1, -1):
        U = spinor_potential(one.potential, sign * one.spin)
        rest = jnp.eye(len(U)) - U @ first
        total = total - jnp.log(jnp.abs(jnp.linalg.det(rest))) - jnp.real(jnp.einsum("ij,ji...->...", U, whole))
    return cast(Array, one.density) / 2 * total


def beyond_born(G: Local, normal: Local, disorder: tuple[Disorder, ...]) -> Float[Array, "*element"]:
    """tr Sigma G less the functional, less half of tr (Sigma - Sigma_N)(G + G_N), of both states: what the free energy has of
    T-matrices beside that of self-energies that are linear in G."""
    total = jnp.zeros(())
    for one in disorder:
        if one.kind == BORN:
            continue
        own, other = _t_matrix(G, one), _t_matrix(normal, one)
        pairs = jnp.real(jnp.sum(own.Phi * G.f, axis=(0, 1)))
        twice = _trace(own.normal, G.g) - _trace(other.normal, normal.g) - pairs
        half = _trace(own.normal - other.normal, G.g + normal.g) - pairs
        total = total + 2 * twice - half - generating(G, one) + generating(normal, one)
    return total


def _trace(A: Blocks, B: Blocks) -> Float[Array, "*element"]:
    """Re tr A B, half of that of particles and holes."""
    return jnp.real(jnp.sum(A * jnp.swapaxes(B, 0, 1), axis=(0, 1)))


def spinor_potential(u: Float[Array, "band band"], J: Float[Array, "band band"]) -> Float[Array, "spinor spinor"]:
    """u tau_3 + J tau_0"""
    nothing = jnp.zeros_like(u)
    return jnp.block([[u + J, nothing], [nothing, J - u]])


# --- the normal state -------------------------------------------------------------------------------------------------------


def _normal_state(sc: RetardedSuperconductor) -> Local:
    """g = -i pi N_i, whatever the self-energy."""
    g = -1j * jnp.pi * jnp.diag(sc.band_densities)
    return Local(g, jnp.zeros_like(g))


def normal_scattering(sc: RetardedSuperconductor) -> Blocks:
    """X - i Gamma of the normal state, at all frequencies [meV]."""
    return scattered(_normal_state(sc), sc.disorder).normal


def vertex(sc: RetardedSuperconductor) -> Complex[Array, "pair pair"]:
    """What small f add to Phi, as a matrix on the band^2 elements of both, at all frequencies."""
    normal, n = _normal_state(sc), len(sc.bands)

    def along(f: Complex[Array, "pair"]) -> Complex[Array, "pair"]:
        def Phi(small: Blocks) -> Blocks:
            return scattered(Local(normal.g, small), sc.disorder).Phi

        return jax.jvp(Phi, (normal.f,), (f.reshape(n, n),))[1].ravel()

    return jax.vmap(along, out_axes=1)(jnp.eye(n * n, dtype=complex))


# --- channels ---------------------------------------------------------------------------------------------------------------


def opened(sc: RetardedSuperconductor) -> RetardedSuperconductor:
    """A disordered system with every pair of bands as a channel, behind those it has, which nothing couples to but impurities;
    a clean one as it is."""
    if not sc.is_disordered:
        return sc
    n, there = len(sc.bands), {frozenset(pair) for pair in sc.cross}
    more = tuple((i, j) for i in range(n) for j in range(i + 1, n) if frozenset((i, j)) not in there)
    k = len(more)

    def wider(M: Array | None) -> Array | None:
        return None if M is None else jnp.pad(M, ((0, k), (0, k)))

    which = tuple((*row, *(0,) * k) for row in sc.which) + ((0,) * (len(sc.channels) + k),) * k
    lam = jnp.pad(sc.lam, ((0, k), (0, k)))
    return replace(sc, cross=(*sc.cross, *more), lam=lam, mu_star=wider(sc.mu_star), which=which if sc.spectra else sc.which)
