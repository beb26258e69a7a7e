r"""The smallest excitation energy of a lattice at given amplitudes, min_k E(k).

Looked for on a mesh, and from its lowest nodes on by Newton's method on E^2, which is smooth where E touches zero: a gap with
nodes is found to be zero, not the distance of two nodes. The k of the minimum is a root of dE^2/dk = 0, so that the gap has
derivatives to second order. Of an s wave E is lowest on the whole Fermi surface: where no amplitude changes that, one of its
points stands for all, which does not move along it; where one does, the gap has a kink, and its derivatives are NaN.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact

from jaxgap.model.lattice import Lattice
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.small import symmetric_eigenvectors
from jaxgap.spectra.lattice_matrices import energies_at
from jaxgap.spectra.mesh import Mesh, nodes_of
from jaxgap.spectra.pair import safe_sqrt

__all__ = ["lowest_energy"]

LOOKED_AT = {2: 96, 3: 24}
"""Nodes per direction."""
STARTS = 8
"""The lowest of them, from which minima are looked for."""
STEPS = 30
LONGEST = 0.1
"""Of a step in k."""
FLAT = 1e-12
"""Curvatures below, in units of the largest, are none."""

ALONG = 1e-8
"""Curvature of E^2, in units of the largest, below which E is lowest along a whole line or surface."""
TILTED = 1e-6
"""What amplitudes do to E^2 along it, in units of what they do to the curvature."""

At = tuple[Lattice, Inexact[Array, "channel"]]
Pinned = tuple[Lattice, Inexact[Array, "channel"], Float[Array, "axis axis"], Float[Array, "axis"]]
"""The lattice and its amplitudes; what holds k where E^2 is flat, and the k that it holds it to."""


def lowest_energy(lattice: Lattice, Delta: Inexact[Array, "channel"]) -> Float[Array, ""]:
    """min_k E(k) [meV]; NaN if an amplitude is."""
    frozen = jax.lax.stop_gradient((lattice, Delta))
    d = lattice.dimension
    N = LOOKED_AT[d]
    k = nodes_of(Mesh(jnp.asarray(N)), d, N**d // 2, jnp.zeros((), int)).k
    E = energies_at(*frozen, k)[:, 0]
    starts = k[jax.lax.top_k(-E, STARTS)[1]]
    ends = jax.vmap(partial(_descended, at=frozen))(starts)
    values = jax.vmap(lambda q: _squared(q, frozen))(ends)
    best = ends[jnp.argmin(values)]
    pin, smooth = _pinned(best, frozen)
    found = at_root(_pinned_slope, best, (lattice, Delta, pin, best), smooth)
    return safe_sqrt(_squared(found, (lattice, Delta)))


def _squared(k: Float[Array, "axis"], at: At) -> Float[Array, ""]:
    return energies_at(*at, k[None])[0, 0] ** 2


def _slope(k: Float[Array, "axis"], at: At) -> Float[Array, "axis"]:
    return jax.grad(_squared)(k, at)


def _pinned_slope(k: Float[Array, "axis"], at: Pinned) -> Float[Array, "axis"]:
    lattice, Delta, pin, held = at
    return _slope(k, (lattice, Delta)) + pin @ (k - held)


def _pinned(k: Float[Array, "axis"], at: At) -> tuple[Float[Array, "axis axis"], Bool[Array, ""]]:
    """(what is added to d^2 E^2/dk^2 in flat directions, whether no amplitude makes E^2 rise or fall along these)."""
    lattice, Delta = at
    curvature, axes = symmetric_eigenvectors(jax.jacfwd(_slope)(k, at))
    largest = jnp.max(jnp.abs(curvature))
    flat = jnp.abs(curvature) < ALONG * largest

    def slopes(x: Float[Array, "x"]) -> Float[Array, "axis"]:
        return _slope(k, (lattice, x[: len(Delta)] + 1j * x[len(Delta) :] if jnp.iscomplexobj(Delta) else x))

    x = jnp.concatenate([Delta.real, Delta.imag]) if jnp.iscomplexobj(Delta) else Delta
    tilt = jnp.abs(axes.T @ jax.jacfwd(slopes)(x)) * jnp.sqrt(jnp.sum(x * x))
    level = (tilt <= TILTED * largest).all(axis=1)
    return largest * (axes * flat) @ axes.T, (level | ~flat).all()


def _descended(k: Float[Array, "axis"], at: At) -> Float[Array, "axis"]:
    """The minimum of E^2 below k: Newton's steps along curvatures of either sign, taken downhill; halved where they fail."""

    def step(_: object, state: tuple[Array, Array]) -> tuple[Array, Array]:
        k, share = state
        slope, bent = _slope(k, at), jax.jacfwd(_slope)(k, at)
        curvature, axes = symmetric_eigenvectors(bent)
        size = jnp.maximum(jnp.abs(curvature), FLAT * jnp.max(jnp.abs(curvature)) + 1e-300)
        dk = -axes @ ((axes.T @ slope) / size)
        length = jnp.sqrt(jnp.sum(dk * dk))
        trial = k + share * dk * jnp.minimum(1.0, LONGEST / jnp.maximum(length, LONGEST))
        lower = _squared(trial, at) < _squared(k, at)
        return jnp.where(lower, trial, k), jnp.where(lower, 1.0, share / 4)

    return jax.lax.fori_loop(0, STEPS, step, (k, jnp.ones(())))[0]
