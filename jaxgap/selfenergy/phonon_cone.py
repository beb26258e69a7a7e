r"""Which couplings phonons can make: the cone of two cross-paired bands.

A boson that couples to charge, g_ik c+_i c_k phi, makes ONE tensor V_ij,kl = < g_ik g_jl D > for pairs. With a = g_11, b =
g_22, c = g_12 and c' = g_21 (c at exchanged momenta), the interaction between channels is g_11 = <aa>, g_22 = <bb>, g_12 =
<cc>, g_13 = <ac>, g_23 = <bc> and g_33 = (x + y)/2 with x = <ab> and y = <cc'>: numbers that are mean products of real
amplitudes, so that

.. math:: |y| \leq g_{12}, \qquad \begin{pmatrix} g_{11} & x & \sqrt2 g_{13} \\ x & g_{22} & \sqrt2 g_{23} \\
          \sqrt2 g_{13} & \sqrt2 g_{23} & g_{12} + y \end{pmatrix} \geq 0

.. math:: g_{33} \leq \tfrac12 \left\{ \sqrt{(g_{11} - g_{13}^2 / g_{12}) (g_{22} - g_{23}^2 / g_{12})} + g_{13} g_{23} / g_{12}
          + g_{12} \right\}

at every frequency. Inside the cone the leading state keeps Phi_1 Phi_2 >= Phi_3^2 at every frequency: phonons alone reach
neither a state that cross pairs dominate, nor a gapless one at a distance of the bands. The way out is repulsion, mu* or spin
fluctuations. (Derived for jaxgap. That the positive state is the ground state is proven at d = 0, and measured at d > 0.)
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.model.superconductor import Superconductor, check_one_system
from jaxgap.numerics.checks import check, is_concrete
from jaxgap.numerics.precision import own_rules
from jaxgap.numerics.programs import program

__all__ = ["PhononCone", "phonon_cone"]

SECTIONS = 60
"""Of the golden section: (0.618)^60 = 3e-13."""
GOLDEN = 0.6180339887498949
ROUNDING = 1e-12
"""Eigenvalues that are zero on the cone, relative to the largest coupling."""


class PhononCone(NamedTuple):
    """Where the couplings of two cross-paired bands lie."""

    inside: Bool[Array, ""]
    """Whether phonons can make them."""
    distance: Float[Array, ""]
    """The smallest eigenvalue of the matrix above for the most favourable x and y, of couplings lambda = g N_3: positive
    inside."""
    bound: Float[Array, ""]
    """The largest lambda_33 that phonons make beside the other couplings; NaN if they make these for no lambda_33."""
    lambda_33: Float[Array, ""]
    """The system's."""
    name: str
    """The cross channel."""

    def __str__(self) -> str:
        if not is_concrete(self):
            return "PhononCone (traced)"
        pair, value, bound = f"lam[{self.name}, {self.name}]", float(self.lambda_33), float(self.bound)
        if bool(self.inside):
            return f"Phonons can make these couplings: {pair} = {value:.4g} is at most {bound:.4g}."
        if math.isnan(bound):
            return f"Phonons cannot make these couplings, whatever {pair} is: the others contradict each other."
        return (
            f"Phonons cannot make these couplings: {pair} = {value:.4g} is more than {bound:.4g}, unless a repulsion "
            "(mu*, spin fluctuations) is part of them."
        )


@own_rules
def phonon_cone(sc: object) -> PhononCone:
    """Whether phonons can make the couplings of the two cross-paired bands of `sc`, of either kind of interaction.

    Of a retarded one the couplings are those of its spectra, whose form has to be one for all pairs of these channels for this
    to hold at every frequency. Differentiable.

    Raises:
        InputError: unless there is one cross channel, and g is symmetric.
    """
    check_one_system(sc, "phonon_cone", retarded=True)
    assert isinstance(sc, Superconductor)
    names = sc.channels[sc.signed :]
    check(len(names) == 1, "sc", "have one cross channel", f"{len(names)}")
    if is_concrete(sc):
        check(bool(sc.has_free_energy), "sc", "have a symmetric interaction g", "an asymmetric one")
    cluster = sc.linked[0]
    (one, two), three = cluster.bands, cluster.channels[-1]
    g = (sc.g * sc.N[three])[jnp.array([one, two, three])][:, jnp.array([one, two, three])]
    return PhononCone(*_cone(g), g[2, 2], names[0])


@program
def _cone(g: Float[Array, "3 3"]) -> tuple[Bool[Array, ""], Float[Array, ""], Float[Array, ""]]:
    distance = _largest_smallest_eigenvalue(g)
    return distance >= -ROUNDING * jnp.max(jnp.abs(g)), distance, bound_of(g)


def bound_of(g: Float[Array, "3 3"]) -> Float[Array, ""]:
    """The largest g_33 beside the other couplings."""
    g_12, g_13, g_23 = g[0, 1], g[0, 2], g[1, 2]
    mixes = g_12 > 0
    safe = jnp.where(mixes, g_12, 1.0)
    first = g[0, 0] - jnp.where(mixes, g_13**2 / safe, 0.0)
    second = g[1, 1] - jnp.where(mixes, g_23**2 / safe, 0.0)
    possible = (first >= 0) & (second >= 0) & (mixes | ((g_12 == 0) & (g_13 == 0) & (g_23 == 0)))
    root = jnp.sqrt(jnp.where(possible, first * second, 1.0))
    found = (root + jnp.where(mixes, g_13 * g_23 / safe, 0.0) + g_12) / 2
    return jnp.where(possible, found, jnp.nan)


def _largest_smallest_eigenvalue(g: Float[Array, "3 3"]) -> Float[Array, ""]:
    """Over y in [-g_12, g_12] with x = 2 g_33 - y: concave in y. Less than zero by itself where g_12 is."""
    width = jnp.maximum(g[0, 1], 0.0)

    def smallest(y: Float[Array, ""]) -> Float[Array, ""]:
        x, r = 2 * g[2, 2] - y, jnp.sqrt(2.0)
        rows = [[g[0, 0], x, r * g[0, 2]], [x, g[1, 1], r * g[1, 2]], [r * g[0, 2], r * g[1, 2], g[0, 1] + y]]
        return jnp.linalg.eigvalsh(jnp.stack([jnp.stack(row) for row in rows]))[0]

    def narrowed(_: Int[Array, ""], ends: tuple[Array, Array]) -> tuple[Array, Array]:
        a, b = ends
        left, right = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
        up = smallest(left) < smallest(right)
        return jnp.where(up, left, a), jnp.where(up, b, right)

    a, b = jax.lax.stop_gradient(jax.lax.fori_loop(0, SECTIONS, narrowed, (-width, width)))
    return jnp.minimum(smallest((a + b) / 2), jnp.where(g[0, 1] < 0, g[0, 1], jnp.inf))
