r"""The edge of a disordered spectrum: the energy below which no band has states, and its derivatives.

Below the edge the self-energy of impurities is real, and so is Q in

.. math:: S = \mathrm{sgn} (\mathrm{Im} K) = i Q, \qquad Q^2 = -1, \qquad [K, Q] = 0, \qquad
          K = M_1^{-1} \left( M(E) - \Sigma[\pi Q M_1^{-1}] \right)

(`jaxgap.selfenergy.elastic`): K and its sign commute, and a part of Sigma that commutes with them, which Anderson's theorem is
about, does nothing. A density of states begins where this curve (Q, E), followed from E = 0, turns back,

.. math:: \frac{dE}{ds} = 0, \qquad \frac{dE}{d\theta} = - \frac{w \cdot \partial_\theta F}{w \cdot \partial_E F}, \qquad
          w \, \frac{\partial F}{\partial Q} = 0, \qquad F = [K, Q] + c \, (Q^2 + 1)

with the envelope theorem's derivative: to first order Q does not move the edge. Where nothing breaks pairs the curve does not
turn, Q goes to infinity as (1 - E^2 / E_g^2)^(-1/2), and E_g follows from its last two points, up to Q^-4. Of one band with
spins E = Delta tanh(psi) - alpha sinh(psi), and the edge is Delta (1 - (alpha / Delta)^(2/3))^(3/2) (A. A. Abrikosov and L. P.
Gor'kov, Sov. Phys. JETP 12, 1243 (1961)).
"""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.model.disorder import Disorder
from jaxgap.numerics.small import eliminated
from jaxgap.numerics.types import PyTree
from jaxgap.selfenergy.elastic import followed_down
from jaxgap.selfenergy.impurities import scattered_at_any_energy
from jaxgap.selfenergy.local_green import sign_at_any_energy

__all__ = ["spectral_edge"]

ABOVE = 1e-7
"""Imaginary part of the zero energy at which the curve is looked for, in units of the largest element of Delta."""
HEIGHTS = 28
"""Steps on the way down to it, by factors below 2: where a gap closes G goes with the cube root."""
GAPLESS = 1e-4
"""Density of states there, in units of the normal one, above which there is no gap: an edge of some 1e-4 Delta counts as 0."""
FAR = 1e3
"""Of Q, where nothing breaks pairs; nor does alpha = 1e-9 Delta, and the edge that it lowers by 1e-6 turns no more."""
STEP, LONGEST, SHORTEST = 0.1, 0.3, 1e-9
"""Of the curve, relative to Q and to E: the first, the longest, and that below which it has turned."""
TRIALS = 400
CORRECTIONS = 5
ARRIVED = 1e-7
"""Of the last of Newton's corrections, relative, whose square is left."""
STRAIGHT = 0.7
"""Cosine of the angle between tangents up to which a step is taken."""

Matrix: TypeAlias = Float[Array, "spinor spinor"]
Given: TypeAlias = tuple[Matrix, Float[Array, "spinor"], tuple[Disorder, ...]]
"""M at E = 0 [meV], the masses, and the disorder: what an edge depends on."""


class _Place(NamedTuple):
    """Where one is on the curve."""

    y: Float[Array, "n"]
    """Q, row by row, and E / c."""
    tangent: Float[Array, "n"]
    last: tuple[Float[Array, "n"], Float[Array, "n"]]
    """The point before it, and the tangent there."""
    step: Float[Array, ""]
    trials: Int[Array, ""]


def spectral_edge(M: Matrix, mass: Float[Array, "spinor"], disorder: tuple[Disorder, ...]) -> Float[Array, ""]:
    """The edge [meV], where the inverse Green's function without impurities is M + E - kappa M_1: 0 of a gapless state, NaN
    where it was not found.

    Derivatives are of first order; those of second order are NaN.

    Args:
        M: at E = 0 [meV], of particles and holes; real and symmetric.
        mass: 1 / M_1, the masses, and their negatives of the holes.
        disorder: all kinds of impurities.

    Example:
        >>> import jaxgap.selfenergy.elastic_edge as of
        >>> spins = jg.superconductor({"a": {"mu": 500.0}}, 0.3, interaction=jg.MatsubaraCutoff(30.0),
        ...                           disorder=jg.Disorder(density=0.5, J=1 / np.sqrt(2 * np.pi))).disorder
        >>> M = jnp.array([[0.0, -1.0], [-1.0, 0.0]])  # Delta = 1 and alpha = 0.5 meV
        >>> edge = of.spectral_edge(M, jnp.array([1.0, -1.0]), spins)
        >>> bool(abs(edge - (1 - 0.5 ** (2 / 3)) ** 1.5) < 1e-12)
        True
    """
    return _edge((M, mass, disorder))


@jax.custom_jvp
def _edge(given: Given) -> Float[Array, ""]:
    return _followed(given)[0]


@_edge.defjvp
def _edge_jvp(primals: tuple[Given], tangents: tuple[Given]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    (given,) = primals
    edge, points = _once(_followed(given), given)

    def along(y: Float[Array, "n"]) -> Float[Array, "m"]:
        return jax.jvp(lambda parameters: _equation(y, parameters, _size(given)), primals, tangents)[1]

    return edge, sum(slope @ along(y) for y, slope in points)


@jax.custom_jvp
def _once(found: PyTree, given: Given) -> PyTree:
    """What was found of `given`, as it is; its derivatives are NaN."""
    del given
    return found


@_once.defjvp
def _once_jvp(primals: tuple[PyTree, Given], tangents: tuple[PyTree, Given]) -> tuple[PyTree, PyTree]:
    moved = sum(jnp.sum(dot) for dot in jax.tree.leaves(tangents[1]))
    return primals[0], jax.tree.map(lambda part: jnp.full_like(part, jnp.nan) * moved, primals[0])


# --- the curve --------------------------------------------------------------------------------------------------------------


def _followed(given: Given) -> tuple[Float[Array, ""], list[tuple[Float[Array, "n"], Float[Array, "m"]]]]:
    """(the edge, points of the curve with what a change of F there changes the edge by)."""
    given = jax.lax.stop_gradient(given)
    c = _size(given)
    Q, gapless = _at_zero(given, c)
    up = jnp.zeros(Q.size + 1).at[-1].set(1.0)
    y, found = _corrected(jnp.append(Q.ravel(), 0.0), up, given, c)
    first = _tangent(y, up, given, c)

    def going(now: _Place) -> Bool[Array, ""]:
        return (now.step > SHORTEST) & (now.trials < TRIALS) & (_norm(now.y) < FAR)

    def tried(now: _Place) -> _Place:
        weights = _weights(now.y)
        y, good = _corrected(now.y + now.step * now.tangent, now.tangent * weights, given, c)
        tangent = _tangent(y, now.tangent * weights, given, c)
        good &= (tangent[-1] > 0) & (tangent @ (weights**2 * now.tangent) > STRAIGHT)
        here, there = (y, tangent), (now.y, now.tangent)
        (y, tangent), last = jax.tree.map(lambda a, b: jnp.where(good, a, b), (here, there), (there, now.last))
        step = jnp.where(good, jnp.minimum(1.5 * now.step, LONGEST), now.step / 2)
        return _Place(y, tangent, last, step, now.trials + 1)

    start = _Place(y, first, (y, first), jnp.asarray(STEP), jnp.zeros((), int))
    end = jax.lax.while_loop(going, tried, start)
    far = _norm(end.y) >= FAR
    known = gapless | (found & (far | (end.step <= SHORTEST)))
    # Of E_g + a / Q^2, where the curve does not turn.
    ratio = jnp.where(far, (_norm(end.last[0]) / _norm(end.y)) ** 2, 0.0)
    shares = [jnp.where(gapless, 0.0, jnp.where(known, share / (1 - ratio), jnp.nan)) for share in (1.0, -ratio)]
    points, edge = [], jnp.zeros(())
    for share, (y, tangent) in zip(shares, ((end.y, end.tangent), end.last), strict=True):
        edge += jnp.where(gapless, 0.0, share * c * y[-1])
        points.append((jnp.where(gapless, 0.0, y), jnp.where(gapless, 0.0, share * _slope(y, tangent, given, c))))
    return edge, points


def _slope(y: Float[Array, "n"], tangent: Float[Array, "n"], given: Given, c: Float[Array, ""]) -> Float[Array, "m"]:
    """-w, with w dF/dE = 1 and w dF/dQ = 0 (where the curve does not turn: across its tangent)."""
    J = jax.jacfwd(_equation)(y, given, c)
    border = jnp.append(tangent[:-1], 0.0)
    return -c * eliminated(jnp.concatenate([J, border[None]]).T, jnp.zeros(len(y)).at[-1].set(1.0))[:-1]


def _at_zero(given: Given, c: Float[Array, ""]) -> tuple[Matrix, Bool[Array, ""]]:
    """(Q at E = 0, nearly; whether there are states)."""
    M, mass, disorder = given
    z = 1j * ABOVE * c * jnp.eye(len(M))
    heights = c * jnp.asarray(np.geomspace(1.0, ABOVE, HEIGHTS))
    K = mass[:, None, None] * ((M + z)[..., None] - followed_down(M[..., None] + 0j, heights, mass, disorder))
    S = sign_at_any_energy(K)[..., 0]
    return jnp.imag(S), jnp.max(jnp.abs(jnp.real(jnp.diagonal(S)))) > GAPLESS


def _equation(y: Float[Array, "n"], given: Given, c: Float[Array, ""]) -> Float[Array, "m"]:
    M, mass, disorder = given
    n = len(M)
    Q, E = y[:-1].reshape(n, n), c * y[-1]
    one = jnp.eye(n)
    K = mass[:, None] * (M + E * one - scattered_at_any_energy(jnp.pi * Q * mass, disorder))
    return (K @ Q - Q @ K + c * (Q @ Q + one)).ravel()


def _corrected(
    y: Float[Array, "n"], border: Float[Array, "n"], given: Given, c: Float[Array, ""]
) -> tuple[Float[Array, "n"], Bool[Array, ""]]:
    """(the point of the curve in the plane through y, whether it is one), by Newton's method."""

    def nearer(_: Int[Array, ""], now: tuple[Array, Array]) -> tuple[Array, Array]:
        y, _ = now
        F, J = _equation(y, given, c), jax.jacfwd(_equation)(y, given, c)
        change = eliminated(jnp.concatenate([J, border[None]]), jnp.append(F, 0.0))
        return y - change, jnp.max(jnp.abs(change * _weights(y)))

    y, last = jax.lax.fori_loop(0, CORRECTIONS, nearer, (y, jnp.zeros(())))
    return y, last < ARRIVED


def _tangent(y: Float[Array, "n"], border: Float[Array, "n"], given: Given, c: Float[Array, ""]) -> Float[Array, "n"]:
    J = jax.jacfwd(_equation)(y, given, c)
    t = eliminated(jnp.concatenate([J, border[None]]), jnp.zeros(len(y)).at[-1].set(1.0))
    scaled = t * _weights(y)
    return t / jnp.sqrt(scaled @ scaled)


def _weights(y: Float[Array, "n"]) -> Float[Array, "n"]:
    """Lengths are in units of Q, and of c."""
    return jnp.append(jnp.full(len(y) - 1, 1 / _norm(y)), 1.0)


def _norm(y: Float[Array, "n"]) -> Float[Array, ""]:
    """Of Q."""
    return jnp.sqrt(y[:-1] @ y[:-1])


def _size(given: Given) -> Float[Array, ""]:
    """c: the largest element of Delta [meV]."""
    n = len(given[0]) // 2
    c = jax.lax.stop_gradient(jnp.max(jnp.abs(given[0][:n, n:])))
    return jnp.where(c > 0, c, 1.0)
