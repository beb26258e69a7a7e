r"""The self-energy of impurities at many energies at once, off the imaginary axis.

.. math:: \Sigma = \Sigma[G], \qquad G = -i \pi S M_1^{-1}, \qquad S = \mathrm{sgn}(\mathrm{Im} K), \qquad
          K = M_1^{-1} (M - \Sigma)

(`jaxgap.selfenergy.impurities`, `jaxgap.selfenergy.local_green`). Iterations of Sigma[G(Sigma)] stay in the upper half plane,
and come nearer to the one solution there with every step; Newton's method ends them, in which all is analytic. What a step
changes in S follows from S K = K S and S^2 = 1, and what it changes in Sigma is U dG U, or T dG T of the T-matrix T:

.. math:: A \, dS + dS \, A = dK - S \, dK \, S, \qquad A = S K, \qquad dK = -M_1^{-1} d\Sigma

one linear system for every energy, solved without a library: programs that call one in several loops stop
(`jaxgap.numerics.programs`). Energies beside an edge of the spectrum need many iterations: they get them alone. The elements of
matrices come first, energies last. An energy at which it has not arrived has NaN.
"""

from typing import NamedTuple, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxgap.model.disorder import BORN, Disorder
from jaxgap.numerics.small import eliminated
from jaxgap.selfenergy.impurities import scattered_at_any_energy, spinor_potential
from jaxgap.selfenergy.local_green import inverse_in_the_open, sign_at_any_energy

__all__ = ["elastic_self_energy", "followed_down", "green_function_of"]

AT_ONCE = 64
"""Energies that are worked on together: their matrices stay in a core's cache."""
PLAIN, NEWTON = np.array([16, 40, 200]), np.array([2, 6, 8])
"""Iterations, and steps of Newton's method, of every energy; of those that have not arrived then, and so on."""
LAST = 2
"""Newton steps through which derivatives go: two give those of the third order."""
ON_THE_WAY = 4
"""Newton steps at every height on the way down to the real axis."""
ARRIVED = 1e-9
"""|Sigma - Sigma[G(Sigma)]| relative to |K|."""
ROUNDING = 1e-6
"""Of a density of states that is zero."""

Spinors: TypeAlias = Complex[Array, "spinor spinor energy"]
Mass: TypeAlias = Float[Array, "spinor"]
"""1 / M_1: the masses, and their negatives of the holes."""


def green_function_of(M: Spinors, Sigma: Spinors, mass: Mass) -> Spinors:
    """G [unit of N]."""
    return _over_masses(sign_at_any_energy(_times_masses(M - Sigma, mass)), mass)


def elastic_self_energy(M: Spinors, mass: Mass, disorder: tuple[Disorder, ...]) -> Spinors:
    """Sigma [meV] where the inverse Green's function without impurities is M - kappa M_1; differentiable."""
    if not disorder:
        return jnp.zeros_like(M)
    Sigma = _found(*jax.lax.stop_gradient((M, mass, disorder)))
    Sigma = jax.lax.fori_loop(0, LAST, lambda _, Sigma: _newton(Sigma, M, mass, disorder), Sigma)
    good = _arrived(*jax.lax.stop_gradient((Sigma, M, mass, disorder)))
    return jnp.where(good, Sigma, np.nan)


def followed_down(
    M: Spinors, height: Float[Array, "step"], mass: Mass, disorder: tuple[Disorder, ...]
) -> Complex[Array, "spinor spinor energy"]:
    """Sigma [meV] at M + i height[-1], from that at M + i height[0] on: also where a gap closes, and iterations crawl. No
    derivatives."""
    M, height, mass, disorder = jax.lax.stop_gradient((M, height, mass, disorder))
    one = jnp.eye(len(M))[:, :, None]

    def lower(k: Int[Array, ""], Sigma: Spinors) -> Spinors:
        at = M + 1j * height[k] * one
        return jax.lax.fori_loop(0, ON_THE_WAY, lambda _, Sigma: _newton(Sigma, at, mass, disorder), Sigma)

    Sigma = jax.lax.fori_loop(1, len(height), lower, elastic_self_energy(M + 1j * height[0] * one, mass, disorder))
    return jnp.where(_arrived(Sigma, M + 1j * height[-1] * one, mass, disorder), Sigma, np.nan)


class _Search(NamedTuple):
    """Where one is, block after block of energies."""

    Sigma: Spinors
    tries: Int[Array, "energy"]
    """How often an energy has been tried; all tries there are, of those that have arrived."""


def _found(M: Spinors, mass: Mass, disorder: tuple[Disorder, ...]) -> Spinors:
    """Of all energies, and then once more, with more steps, of those that have not arrived."""
    n = M.shape[-1]
    size = min(AT_ONCE, n)

    def go_on(now: _Search) -> Bool[Array, ""]:
        return jnp.min(now.tries) < len(PLAIN)

    def next_block(now: _Search) -> _Search:
        k = jnp.min(now.tries)
        at = jnp.nonzero(now.tries == k, size=size, fill_value=jnp.argmin(now.tries))[0]
        Sigma = _iterated(M[..., at], mass, disorder, jnp.asarray(PLAIN)[k], jnp.asarray(NEWTON)[k])
        tries = jnp.where(_arrived(Sigma, M[..., at], mass, disorder), len(PLAIN), k + 1)
        return _Search(now.Sigma.at[..., at].set(Sigma), now.tries.at[at].set(tries))

    return jax.lax.while_loop(go_on, next_block, _Search(jnp.zeros_like(M), jnp.zeros(n, int))).Sigma


def _iterated(M: Spinors, mass: Mass, disorder: tuple[Disorder, ...], plain: Int[Array, ""], newton: Int[Array, ""]) -> Spinors:
    def step(_: Int[Array, ""], Sigma: Spinors) -> Spinors:
        return scattered_at_any_energy(green_function_of(M, Sigma, mass), disorder)

    def nearer(_: Int[Array, ""], Sigma: Spinors) -> Spinors:
        return _newton(Sigma, M, mass, disorder)

    return jax.lax.fori_loop(0, newton, nearer, jax.lax.fori_loop(0, plain, step, jnp.zeros_like(M)))


def _arrived(Sigma: Spinors, M: Spinors, mass: Mass, disorder: tuple[Disorder, ...]) -> Bool[Array, "energy"]:
    G = green_function_of(M, Sigma, mass)
    off = jnp.max(jnp.abs(Sigma - scattered_at_any_energy(G, disorder)), axis=(0, 1))
    small = off <= ARRIVED * jnp.max(jnp.abs(_times_masses(M - Sigma, mass)), axis=(0, 1))
    # A solution of another sheet has a negative density of states somewhere.
    N = -jnp.imag(jnp.diagonal(G)).T
    return small & (jnp.sum(jnp.abs(N), axis=0) * -ROUNDING <= N).all(axis=0)


# --- Newton's method --------------------------------------------------------------------------------------------------------


def _newton(Sigma: Spinors, M: Spinors, mass: Mass, disorder: tuple[Disorder, ...]) -> Spinors:
    K = _times_masses(M - Sigma, mass)
    S = sign_at_any_energy(K)
    G = _over_masses(S, mass)
    off = Sigma - scattered_at_any_energy(G, disorder)
    one, A = jnp.broadcast_to(jnp.eye(len(K), dtype=complex)[:, :, None], K.shape), _product(S, K)
    system = _sandwich(A, one) + _sandwich(one, A)
    vertices = _vertices(G, disorder)
    for weight, U in vertices:  # dSigma = weight U dG U with dG = -i pi dS / M_1.
        left, right = _times_masses(weight * U, mass), -1j * jnp.pi * _times_masses(U, mass)
        system = system + _sandwich(left, right) - _sandwich(_product(S, left), _product(right, S))
    driven = _times_masses(off, mass)
    driven = driven - _product(_product(S, driven), S)
    dG = _over_masses(_symmetric_solution(system, driven, mass), mass)
    return Sigma - off + sum(weight * _product(_product(U, dG), U) for weight, U in vertices)


def _symmetric_solution(system: Complex[Array, "pair pair energy"], driven: Spinors, mass: Mass) -> Spinors:
    """X with system X = driven, where X / M_1 is symmetric, as every Green's function is: of the upper half alone."""
    n = len(driven)
    i, j = np.triu_indices(n)
    upper, lower = n * i + j, n * j + i
    one, other = mass[i][:, None], np.where(i == j, 0.0, 1.0)[:, None] * mass[j][:, None]
    halved = system[upper][:, upper] * one + system[upper][:, lower] * other
    y = jax.vmap(eliminated, in_axes=(-1, -1), out_axes=-1)(halved, driven[i, j])
    X = jnp.zeros_like(driven).at[j, i].set(y * mass[j][:, None])
    return X.at[i, j].set(y * mass[i][:, None])


def _vertices(G: Spinors, disorder: tuple[Disorder, ...]) -> list[tuple[Float[Array, ""], Spinors]]:
    """Of every kind of impurities and either spin: (n / 2, U, or T = (1 - U G)^-1 U)."""
    found, one = [], jnp.eye(len(G), dtype=complex)[:, :, None]
    for kind in disorder:
        for sign in (1, -1):
            U = jnp.broadcast_to(spinor_potential(kind.potential, sign * kind.spin)[:, :, None] + 0j, G.shape)
            T = U if kind.kind == BORN else _product(inverse_in_the_open(one - _product(U, G)), U)
            found.append((cast(Array, kind.density) / 2, T))
    return found


def _sandwich(A: Spinors, B: Spinors) -> Complex[Array, "pair pair energy"]:
    """X -> A X B as a matrix on the elements of X, row by row."""
    n = len(A)
    return (A[:, None, :, None] * jnp.swapaxes(B, 0, 1)[None, :, None, :]).reshape(n * n, n * n, -1)


def _times_masses(A: Spinors, mass: Mass) -> Spinors:
    return mass[:, None, None] * A


def _over_masses(S: Spinors, mass: Mass) -> Spinors:
    """-i pi S / M_1"""
    return -1j * jnp.pi * S * mass[:, None]


def _product(A: Spinors, B: Spinors) -> Spinors:
    return jnp.sum(A[:, :, None] * B[None], axis=1)
