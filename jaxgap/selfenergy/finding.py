r"""One self-energy that solves Eliashberg's equations: found from a start, judged, and differentiable.

Bands without cross channels are solved for Delta_i(n) (`jaxgap.selfenergy.eliashberg`), cross-paired ones for W, X, Phi and A
(`jaxgap.selfenergy.cross_pairs`), and so are bands with impurities, every pair of which is a channel of the self-energy
(`jaxgap.selfenergy.impurities.opened`). Both from above: a few plain iterations come down monotonically, then accelerated ones,
which need no matrix of all unknowns, and Newton's method, with cross channels only where those do not arrive.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.model.couplings import band_matrix
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.numerics.anderson import Accelerated, accelerated
from jaxgap.numerics.implicit import SINGULAR, Residual
from jaxgap.numerics.linearised import Linearised, at_linearised_root, factorised
from jaxgap.numerics.newton import MAX_STEPS, RESIDUAL_TOLERANCE, Root, newton
from jaxgap.numerics.types import PyTree
from jaxgap.selfenergy.cross_jacobian import CrossJacobian
from jaxgap.selfenergy.cross_pairs import (
    Parts,
    cross_free_energy,
    cross_jacobian,
    cross_linearised,
    cross_linearised_map,
    cross_residual,
    cross_step,
    dressed_step,
    impurity_parts,
    normal_parts,
    parts_of,
)
from jaxgap.selfenergy.eliashberg import (
    Equations,
    amplitude_jacobian,
    free_energy,
    gap_residual,
    linearised_map,
    phase_map,
    plain_step,
    self_energy,
)
from jaxgap.selfenergy.leading import leading

__all__ = ["Found", "SelfEnergy", "energy_of", "found", "made_by_pairs", "map_at_onset"]

PLAIN = 8
"""Plain iterations before Newton's method."""
NEAR = 1e-9
"""|change| / |Delta| of an iteration that ends the accelerated ones: one Newton step then gives all digits, and one more says
so."""
FARTHEST = 0.5
"""How far accelerated iterations may lead from where plain ones have been, as a share of every band's lowest amplitude."""
PLAIN_ACROSS = 12
"""With cross channels, before they are accelerated."""
ONE = 1e-7
"""What an eigenvalue must exceed 1 by for a direction to count as unstable."""
NOT_EXAMINED = -1
ITERATIONS = 200
"""Of the power method where a matrix is too large to be squared."""


class SelfEnergy(eqx.Module):
    """The self-energy of a state at Matsubara frequencies: nodes, between which it is smooth."""

    omega: Float[Array, "node"]
    """omega_n [meV]."""
    W: Float[Array, "channel node"]
    """omega Z [meV]; of a cross channel what phonons hybridise the bands by."""
    X: Float[Array, "channel node"]
    """Shifts of the bands, and between them [meV]; 0 without cross channels."""
    Phi: Float[Array, "channel node"]
    """[meV]"""
    A: Float[Array, "cross node"]
    """The part of a cross channel that is odd in frequency and in the exchange of the bands [meV]."""

    @property
    def Z(self) -> Float[Array, "channel node"]:
        """W / omega."""
        return self.W / self.omega


class Found(NamedTuple):
    """A state, with derivatives, and what is known of it, without."""

    Delta: Float[Array, "channel"]
    """At the lowest frequency [meV]."""
    self_energy: SelfEnergy
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]
    vanished: Bool[Array, ""]
    differentiable: Bool[Array, ""]
    sigma_min: Float[Array, ""]
    unstable_amplitude: Int[Array, ""]
    unstable_phase: Int[Array, ""]


def _has_matrices(sc: RetardedSuperconductor) -> bool:
    """Whether self-energies are matrices between the bands, and the unknowns."""
    return bool(sc.cross) or sc.is_disordered


def map_at_onset(sc: RetardedSuperconductor, E: Equations) -> Float[Array, "n n"]:
    """The linearised equations, on Delta, or on Phi and A, of every channel at every node."""
    return cross_linearised_map(sc, E) if _has_matrices(sc) else linearised_map(E)


def found(
    sc: RetardedSuperconductor, E: Equations, start: Float[Array, "channel node"], exists: Bool[Array, ""] | bool
) -> Found:
    """The state near `start` [meV]; the normal one where none `exists`. That is True of a start that was given, and of the
    leading state's whether there is one."""
    return (_found_across if _has_matrices(sc) else _found_alone)(sc, E, start, exists)


def energy_of(state: SelfEnergy, sc: RetardedSuperconductor, E: Equations) -> Float[Array, ""]:
    """The free energy of a solution, relative to the normal state."""
    if not _has_matrices(sc):
        return free_energy(state.Phi / state.Z, E, sc.band_densities)
    return cross_free_energy(_parts(state, sc), sc, E)


def made_by_pairs(state: SelfEnergy, sc: RetardedSuperconductor) -> Float[Array, "channel"]:
    """Phi at the lowest frequency, less what impurities add to it [meV]."""
    lowest = jax.tree.map(lambda part: part[..., :1], state)
    own = lowest.Phi - impurity_parts(_parts(lowest, sc), lowest.omega, sc).Phi if sc.is_disordered else lowest.Phi
    return own[:, 0]


def _parts(state: SelfEnergy, sc: RetardedSuperconductor) -> Parts:
    bare = jnp.zeros_like(state.W).at[: len(sc.bands)].set(state.omega)
    return Parts(state.W - bare, state.X, state.Phi, state.A)


# --- without cross channels -------------------------------------------------------------------------------------------------


def _found_alone(
    sc: RetardedSuperconductor, E: Equations, Delta: Float[Array, "band node"], exists: Bool[Array, ""] | bool
) -> Found:
    fixed, floor = jax.lax.stop_gradient((E, sc.small))
    Delta = jax.lax.fori_loop(0, PLAIN, lambda _, D: plain_step(D, fixed), Delta)
    x, steps = Delta.ravel(), jnp.asarray(PLAIN)
    if exists is not True:
        # The leading state attracts iterations; from a start that was given they could leave for it.
        near = _nearer(x, fixed)
        x, steps = near.x, near.steps + PLAIN
    root = newton(_newton_alone, x, fixed, floor=floor)
    vanished = (jnp.sqrt(root.x @ root.x) <= floor) | ~jnp.asarray(exists)
    x, sigma_min, good = _differentiable(_residual_alone, root, E, vanished, factorised(root.jacobian))
    Delta = jnp.where(vanished, 0.0, x).reshape(Delta.shape)
    W, Phi = self_energy(Delta, E)
    state = SelfEnergy(E.K.omega, W, jnp.zeros_like(W), Phi, jnp.zeros((0, W.shape[1])))
    amplitude, phase = _unstable_alone(root, fixed, Delta.shape)
    return Found(
        Delta[:, 0],
        state,
        root.residual,
        root.steps + steps,
        root.converged,
        vanished,
        good,
        sigma_min,
        amplitude,
        phase,
    )


def _nearer(x: Float[Array, "n"], E: Equations) -> Accelerated:
    """Where accelerated iterations lead, each a tenth of a Newton step; the start, where they do not arrive or might have left
    for another state, the normal one among them."""
    near = accelerated(_step_alone, x, E, NEAR)
    before, after = (y.reshape(-1, len(E.K.omega))[:, 0] for y in (x, near.x))
    kept = near.converged & (jnp.abs(after - before) <= FARTHEST * jnp.abs(before)).all()
    return near._replace(x=jnp.where(kept, near.x, x))


def _step_alone(x: Float[Array, "n"], E: Equations) -> Float[Array, "n"]:
    return plain_step(x.reshape(-1, len(E.K.omega)), E).ravel()


def _newton_alone(x: Float[Array, "n"], E: Equations) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
    return _residual_alone(x, E), amplitude_jacobian(x.reshape(-1, len(E.K.omega)), E)


def _residual_alone(x: Float[Array, "n"], E: Equations) -> Float[Array, "n"]:
    return gap_residual(x.reshape(-1, len(E.K.omega)), E).ravel()


def _unstable_alone(root: Root, E: Equations, shape: tuple[int, ...]) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """Whether iterations move away from the solution, in amplitude or, beside the free one, in phase."""
    Delta, J = root.x.reshape(shape), root.jacobian
    Z = (self_energy(Delta, E)[0] / E.K.omega).ravel()
    amplitude, phase = leading(jnp.eye(len(J)) - J / Z[:, None]).value, leading(phase_map(Delta, E)).value
    return (amplitude > 1 + ONE).astype(int), (phase > 1 + ONE).astype(int)


# --- with cross channels ----------------------------------------------------------------------------------------------------


def _found_across(
    sc: RetardedSuperconductor, E: Equations, start: Float[Array, "channel node"], exists: Bool[Array, ""] | bool
) -> Found:
    fixed, system, floor = jax.lax.stop_gradient((E, sc, sc.small))
    normal = normal_parts(sc, E)
    x = jax.lax.stop_gradient(normal)._replace(Phi=start).flat
    x = jax.lax.fori_loop(0, PLAIN_ACROSS, lambda _, y: dressed_step(y, system, fixed), x)
    root = _root_across(x.ravel(), (system, fixed))
    linearised = cross_linearised(root.x, (system, fixed))
    Phi = parts_of(root.x.reshape(x.shape), sc).Phi
    vanished = (jnp.sqrt(jnp.sum(Phi * Phi)) <= floor) | ~jnp.asarray(exists)
    known = factorised(root.jacobian) if sc.is_disordered else linearised
    y, sigma_min, good = _differentiable(cross_residual, root, (sc, E), vanished, known)
    parts = parts_of(jnp.where(vanished, normal.flat, y.reshape(x.shape)), sc)
    bare = jnp.zeros_like(parts.W).at[: len(sc.bands)].set(E.K.omega)
    state = SelfEnergy(E.K.omega, parts.W + bare, parts.X, parts.Phi, parts.A)
    amplitude = (_growth(linearised) > 1 + ONE).astype(int)
    return Found(
        amplitudes_across(state, sc),
        state,
        root.residual,
        root.steps + PLAIN_ACROSS,
        root.converged,
        vanished,
        good,
        sigma_min,
        amplitude,
        jnp.asarray(NOT_EXAMINED),
    )


def _root_across(x: Float[Array, "n"], theta: tuple[RetardedSuperconductor, Equations]) -> Root:
    """Accelerated iterations; where they do not converge, Newton's method, whose matrices are large. With impurities Newton's
    method alone: iterations of strong scattering crawl."""
    if theta[0].is_disordered:
        return newton(_newton_across, x, theta)
    fast = accelerated(_step_across, x, theta, RESIDUAL_TOLERANCE)
    found = newton(_newton_across, x, theta, jnp.where(fast.converged, 0, MAX_STEPS))
    x = jnp.where(fast.converged, fast.x, found.x)
    residual = jnp.where(fast.converged, fast.residual, found.residual)
    steps = fast.steps + jnp.where(fast.converged, 0, found.steps)
    # Whose Jacobian, that of Newton's last step, is of no use: `cross_linearised` costs less.
    return found._replace(x=x, residual=residual, converged=fast.converged | found.converged, steps=steps)


def _step_across(x: Float[Array, "n"], theta: tuple[RetardedSuperconductor, Equations]) -> Float[Array, "n"]:
    sc, E = theta
    return cross_step(x.reshape(-1, len(E.K.omega)), sc, E).ravel()


def _newton_across(
    x: Float[Array, "n"], theta: tuple[RetardedSuperconductor, Equations]
) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
    return cross_residual(x, theta), cross_jacobian(x, theta)


def _growth(J: CrossJacobian) -> Float[Array, ""]:
    """The leading eigenvalue of 1 - J, by as many steps as tell whether it is above 1."""

    def product(v: Float[Array, "n"]) -> Float[Array, "n"]:
        """By 2 - J: the eigenvalues of 1 - J lie in (-1, 1) of a stable state, those of this in (0, 2)."""
        return 2 * v - J.product(v)

    n = J.by_odd.shape[2] * len(J.instant)
    v = jnp.full(n, n**-0.5)
    v = jax.lax.fori_loop(0, ITERATIONS, lambda _, v: (w := product(v)) / jnp.sqrt(w @ w), v)
    return v @ product(v) - 1


def amplitudes_across(state: SelfEnergy, sc: RetardedSuperconductor) -> Float[Array, "channel"]:
    """Delta at the lowest frequency [meV], of matrices Z and Phi: Z Delta + Delta Z = 2 Phi."""
    n = len(sc.bands)
    Z, Phi = (band_matrix(values[:, 0], n, sc.cross) for values in (state.Z, state.Phi))
    one = jnp.eye(n)
    both = jnp.kron(Z, one) + jnp.kron(one, Z)
    Delta = jnp.linalg.solve(both, 2 * Phi.ravel()).reshape(n, n)
    i, j = (np.array([*range(n), *(pair[k] for pair in sc.cross)]) for k in (0, 1))
    return Delta[i, j]


# --- derivatives and conditioning -------------------------------------------------------------------------------------------


def _differentiable(
    residual: Residual, root: Root, theta: PyTree, vanished: Bool[Array, ""], linearised: Linearised
) -> tuple[Float[Array, "n"], Float[Array, ""], Bool[Array, ""]]:
    """(x with its derivatives, sigma_min, whether they exist)."""
    sigma_min = linearised.smallest_singular_value()
    good = root.converged & ~vanished & (sigma_min > SINGULAR)
    # The normal state has derivatives, too, where its own equations do.
    trusted = (root.converged | vanished) & (sigma_min > SINGULAR)
    return at_linearised_root(residual, root.x, theta, trusted, linearised), sigma_min, good
