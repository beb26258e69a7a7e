r"""One nuclear coordinate on an even potential: levels and integrals on a grid that resolves an avoided crossing at Q = 0.

.. math:: \left[ -\tfrac12 \partial_x^2 + V(x) \right] \psi = E \psi, \qquad x = w \sinh t, \qquad
          \psi = \chi / \sqrt{J}, \quad J = dx/dt = w \cosh t

in units of the oscillator: lengths x_0 = sqrt(hbar / M omega), energies hbar omega. Adiabatic surfaces have branch points at
x = +-i w, w = delta / 2 kappa x_0, and the diagonal correction has its poles there; sinh moves them to t = +-i pi/2 however
near the crossing is, so that a uniform grid in t converges exponentially, where Gauss-Hermite nodes need about (1/w)^2 of them.
In t the kinetic energy is

.. math:: J^{-1} \left[ -\partial_t^2 + \tfrac14 p^2 - \tfrac12 p' \right] J^{-1} / 2, \qquad p = J'/J = \tanh t

with the sinc functions' exact matrix of the second derivative (Colbert and Miller, J. Chem. Phys. 96, 1982 (1992)). Even and
odd states are separate problems on the half line. Energies carry rounding errors of about 1e-14 / w^2 on a surface without
diagonal correction: below w = 0.005 their tenth digit is lost, which the comparison of two sizes shows.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["Grid", "nuclear_grid", "nuclear_energies"]


class Grid(NamedTuple):
    """Points x > 0 of a grid that is symmetric about x = 0, in oscillator lengths."""

    x: Float[Array, "point"]
    weight: Float[Array, "point"]
    """dx: an even function's integral over the whole line is 2 sum(f(x) weight)."""
    kinetic_even: Float[Array, "point point"]
    """-(1/2) d^2/dx^2 between even states."""
    kinetic_odd: Float[Array, "point point"]


def nuclear_grid(w: Float[Array, ""], reach: Float[Array, ""], size: int) -> Grid:
    """`size` points on 0 < x < reach. Where they lie is a choice, which carries no derivative."""
    w, reach = jax.lax.stop_gradient((w, reach))
    h = jnp.arcsinh(reach / w) / size
    t = (jnp.arange(size) + 0.5) * h
    J = w * jnp.cosh(t)
    potential = jnp.diag(0.25 - 0.75 / jnp.cosh(t) ** 2)  # p^2/4 - p'/2 of p = tanh t
    row, column = np.indices((size, size))
    near, mirrored = _minus_second_derivative(row - column), _minus_second_derivative(row + column + 1)

    def kinetic(matrix: np.ndarray) -> Float[Array, "point point"]:
        return (jnp.asarray(matrix) / h**2 + potential) / (2 * J[:, None] * J[None, :])

    return Grid(w * jnp.sinh(t), h * J, kinetic(near + mirrored), kinetic(near - mirrored))


def _minus_second_derivative(m: np.ndarray) -> np.ndarray:
    """h^2 times -d^2/dt^2 between sinc functions m steps apart: pi^2/3, and 2 (-1)^m / m^2."""
    apart = np.where(m == 0, 1, m)
    return np.asarray(np.where(m == 0, np.pi**2 / 3, 2 * (-1.0) ** apart / apart**2))


def nuclear_energies(grid: Grid, V: Float[Array, "point"], parity: int, levels: int) -> Float[Array, "level"]:
    """The lowest levels of one parity (+1 even, -1 odd) in the potential V(x) = V(-x), in units of hbar omega."""
    kinetic = grid.kinetic_even if parity > 0 else grid.kinetic_odd
    return jnp.linalg.eigvalsh(kinetic + jnp.diag(V))[:levels]
