r"""Vibronic levels of two electronic states and a phonon: exact, Born-Oppenheimer and Born-Huang.

.. math:: H^{(\Pi)}_{nn} = \hbar\omega (n + \tfrac12) + \tfrac{\delta}{2} \Pi (-1)^n, \qquad
          H^{(\Pi)}_{n, n+1} = g \sqrt{n + 1}, \qquad g = \kappa \sqrt{\frac{\hbar}{2 M \omega}}

.. math:: \left[ -\frac{\hbar^2}{2M} \partial_Q^2 + \tfrac12 M \omega^2 Q^2 \mp \tfrac12 \sqrt{\delta^2 + 4 \kappa^2 Q^2}
          \; \Bigl( + \frac{\hbar^2}{2M} \bigl| \langle \phi_2 | \partial_Q \phi_1 \rangle \bigr|^2 \Bigr) \right] \chi = E \chi

H (`jaxgap.origins.vibronic`) conserves the parity Pi = sigma_z (-1)^n, so that the exact levels are those of two tridiagonal
matrices in oscillator states, the Rabi model's. The approximate ones are levels of the nuclei alone, on one adiabatic surface
(`jaxgap.origins.nuclear`). Every result is compared with that of a basis half as large again.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.numerics.checks import NotConvergedError, check, is_concrete
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real
from jaxgap.origins.nuclear import Grid, nuclear_energies, nuclear_grid
from jaxgap.origins.vibronic import VibronicModel, adiabatic_energies, coupling_energy, derivative_coupling, oscillator_length

__all__ = [
    "Levels",
    "exact_levels",
    "born_oppenheimer_levels",
    "born_huang_levels",
    "Breakdown",
    "breakdown",
]

CONVERGED = 1e-10
"""A level counts as converged when two basis sizes, one half larger, agree to 1e-10 hbar omega."""
SIZE = 42
"""Oscillator functions, or points on the half line, that a basis half as large again is compared with. (OpenBLAS, which XLA
uses, starts threads for matrices above 64, at a hundred times the cost where cores are busy.)"""
LARGEST = 672
"""Size up to which a basis is doubled."""


class Levels(NamedTuple):
    """The lowest vibronic levels, ascending."""

    energy: Float[Array, "level"]
    """[meV], zero-point energy included; zero is half way between the undisplaced electronic states."""
    parity: Int[Array, "level"]
    """Pi = sigma_z (-1)^n, which H conserves: -1 for the ground state."""
    error: Float[Array, "level"]
    """Change of the energy when the basis grows by one half [meV]."""
    omega: Float[Array, ""]
    """The phonon's energy [meV], to which errors are compared."""

    @property
    def converged(self) -> Bool[Array, ""]:
        """Whether every level has converged to 1e-10 hbar omega in the size of the basis."""
        return small(self.error, self.omega)


def small(error: Float[Array, "*n"], scale: Float[Array, ""]) -> Bool[Array, ""]:
    # Not by a maximum, which can drop a NaN.
    return jnp.all(jnp.abs(error) <= CONVERGED * scale)


R = TypeVar("R")


def converged_result(compute: Callable[[int], R], of: Callable[[R], Bool[Array, ""]], what: str, size: int) -> R:
    """The result at the smallest size that converges: sizes are doubled, from `size` to `LARGEST`, where values are known.

    While JAX traces they are not, and the result at `size` has to say itself whether it has converged.
    """
    check(isinstance(size, int) and 4 <= size <= LARGEST, "size", f"be a whole number from 4 to {LARGEST}", size)
    while True:
        result = compute(size)
        if not is_concrete(result) or bool(of(result)):
            return result
        size *= 2
        if size > LARGEST:
            raise NotConvergedError(
                f"{what} did not converge to 1e-10 hbar omega with {3 * LARGEST // 2} basis states: the coupling is too strong "
                "(kappa x_0 much larger than hbar omega), or delta too small beside it, for double precision."
            )


def _levels(compute: Callable[..., Levels], model: VibronicModel, levels: int, size: int, what: str) -> Levels:
    require_float64()
    check(isinstance(levels, int) and 1 <= levels <= size // 2, "levels", f"be a whole number from 1 to {size // 2}", levels)
    return converged_result(lambda n: compute(model, levels, n), lambda found: found.converged, what, size)


def exact_levels(model: VibronicModel, levels: int = 6, size: int = SIZE) -> Levels:
    """The lowest exact levels [meV], from each parity's tridiagonal matrix in oscillator states.

    `size` oscillator states of each parity are compared with half as many again, and doubled until these change nothing at
    1e-10 hbar omega. While JAX traces they are not doubled, and `Levels.converged` tells. Differentiable; levels of one parity
    never meet unless kappa = 0.

    Args:
        model: the two states and the mode.
        levels: how many.
        size: oscillator states of each parity to begin with.

    Raises:
        NotConvergedError: if 1008 oscillator states are not enough (g of some 20 hbar omega).

    Example:
        >>> model = jg.origins.vibronic_model(delta=50.0, kappa=200.0, omega=60.0, M=10.8)
        >>> np.asarray(jg.origins.exact_levels(model, levels=2).energy).round(3).tolist()
        [3.817, 46.937]
    """
    return _levels(_exact_levels, model, levels, size, "The exact levels")


def born_oppenheimer_levels(model: VibronicModel, levels: int = 6, size: int = SIZE) -> Levels:
    """The lowest levels of the nuclei on the two adiabatic surfaces, no derivative coupling [meV]; as `exact_levels`.

    Args:
        model: the two states and the mode.
        levels: how many.
        size: oscillator states of each parity to begin with.

    Example:
        >>> model = jg.origins.vibronic_model(delta=50.0, kappa=200.0, omega=60.0, M=10.8)
        >>> np.asarray(jg.origins.born_oppenheimer_levels(model, levels=2).energy).round(3).tolist()
        [2.624, 57.23]
    """
    return _levels(_born_oppenheimer_levels, model, levels, size, "The Born-Oppenheimer levels")


def born_huang_levels(model: VibronicModel, levels: int = 6, size: int = SIZE) -> Levels:
    """As `born_oppenheimer_levels`, with the diagonal correction (hbar^2/2M) |<phi_2|d phi_1/dQ>|^2 on both surfaces.

    Args:
        model: the two states and the mode.
        levels: how many.
        size: oscillator states of each parity to begin with.

    Example:
        >>> model = jg.origins.vibronic_model(delta=50.0, kappa=200.0, omega=60.0, M=10.8)
        >>> np.asarray(jg.origins.born_huang_levels(model, levels=2).energy).round(3).tolist()
        [4.952, 59.624]
    """
    return _levels(_born_huang_levels, model, levels, size, "The Born-Huang levels")


Block = Callable[[VibronicModel, int, int, int], Float[Array, "level"]]
"""(model, Pi, levels, size) -> the lowest levels with that parity, in units of hbar omega."""


def _both_sizes(
    block: Block, model: VibronicModel, parity: int, levels: int, size: int
) -> tuple[Float[Array, "level"], Float[Array, "level"]]:
    """Levels of one parity with the larger basis, and what it changed, in units of hbar omega."""
    energy = block(model, parity, levels, 3 * size // 2)
    return energy, energy - block(model, parity, levels, size)


def _both_parities(block: Block, model: VibronicModel, levels: int, size: int) -> Levels:
    energy, error = jnp.stack([jnp.stack(_both_sizes(block, model, p, levels, size)) for p in (-1, 1)], axis=1)
    parity = jnp.repeat(jnp.array([-1, 1]), levels)
    lowest = jnp.argsort(energy.ravel())[:levels]
    omega = model.omega
    return Levels(omega * energy.ravel()[lowest], parity[lowest], omega * error.ravel()[lowest], omega)


@program
def _exact_levels(model: VibronicModel, levels: int, size: int) -> Levels:
    return _both_parities(_exact_block, model, levels, size)


@program
def _born_oppenheimer_levels(model: VibronicModel, levels: int, size: int) -> Levels:
    return _both_parities(_born_oppenheimer_block, model, levels, size)


@program
def _born_huang_levels(model: VibronicModel, levels: int, size: int) -> Levels:
    return _both_parities(_born_huang_block, model, levels, size)


def exact_matrix(model: VibronicModel, parity: int, size: int) -> Float[Array, "n n"]:
    """H / hbar omega between the states |n> with sigma_z = Pi (-1)^n, n < size: tridiagonal."""
    n = jnp.arange(size)
    # kappa Q = g (a + a^+) turns sigma_z as it changes n by one.
    ladder = coupling_energy(model) / model.omega * jnp.sqrt(n[1:].astype(float))
    diagonal = n + 0.5 + parity * (-1.0) ** n * model.delta / (2 * model.omega)
    return jnp.diag(diagonal) + jnp.diag(ladder, 1) + jnp.diag(ladder, -1)


def _exact_block(model: VibronicModel, parity: int, levels: int, size: int) -> Float[Array, "level"]:
    return jnp.linalg.eigvalsh(exact_matrix(model, parity, size))[:levels]


REACH = 7.0
"""Grids end 7 oscillator lengths beyond the classical turning point: exp(-49/2) of an amplitude, exp(-49) of an energy, is
left."""


def surface_grid(model: VibronicModel, levels: int, size: int, displacement: Real = 0.0) -> Grid:
    """A grid for the lowest levels of either surface, or for a state displaced by so many oscillator lengths."""
    slope = jnp.sqrt(2.0) * jnp.abs(coupling_energy(model))  # kappa x_0
    # delta / 2 kappa x_0, but not more than one oscillator length.
    w = model.delta / jnp.hypot(model.delta, 2 * slope)
    minimum = slope / model.omega
    reach = jnp.maximum(minimum, jnp.abs(displacement)) + jnp.sqrt(2.0 * levels + 1) + REACH
    return nuclear_grid(w, reach, size)


def _surface_block(
    model: VibronicModel, parity: int, levels: int, size: int, diagonal_correction: bool
) -> Float[Array, "level"]:
    """Levels with total parity Pi of both surfaces: on the lower one the nuclei's parity is -Pi, on the upper one +Pi."""
    grid = surface_grid(model, levels, size)
    x_0 = oscillator_length(model)
    V = adiabatic_energies(model, x_0 * grid.x) / model.omega
    if diagonal_correction:
        d = x_0 * jax.vmap(partial(derivative_coupling, model))(x_0 * grid.x)
        V += d**2 / 2  # (hbar^2/2M) d^2 / hbar omega, d per oscillator length
    lower = nuclear_energies(grid, V[0], -parity, levels)
    if levels == 1 and parity == -1:  # The upper surface has nothing below the lower one's even ground state.
        return lower
    return jnp.sort(jnp.concatenate([lower, nuclear_energies(grid, V[1], parity, levels)]))[:levels]


_born_oppenheimer_block = partial(_surface_block, diagonal_correction=False)
_born_huang_block = partial(_surface_block, diagonal_correction=True)


# --- breakdown --------------------------------------------------------------------------------------------------------


class Breakdown(NamedTuple):
    """What the Born-Oppenheimer and the Born-Huang approximation miss in the vibronic ground state [meV]."""

    exact: Float[Array, ""]
    """Exact ground state energy."""
    born_oppenheimer: Float[Array, ""]
    born_huang: Float[Array, ""]
    error: Float[Array, "3"]
    """Changes of these three when the basis grows by one half."""
    omega: Float[Array, ""]
    """The phonon's energy."""

    @property
    def exact_minus_born_oppenheimer(self) -> Float[Array, ""]:
        """E_exact - E_BO [meV], not negative."""
        return self.exact - self.born_oppenheimer

    @property
    def exact_minus_born_huang(self) -> Float[Array, ""]:
        """E_exact - E_BH [meV], not positive."""
        return self.exact - self.born_huang

    @property
    def converged(self) -> Bool[Array, ""]:
        """Whether all three have converged to 1e-10 hbar omega in the size of the basis."""
        return small(self.error, self.omega)


def breakdown(model: VibronicModel, size: int = SIZE) -> Breakdown:
    """The exact, Born-Oppenheimer and Born-Huang energies of the vibronic ground state [meV], differentiable.

    The ground state has Pi = -1, exactly and in either approximation. Sizes and errors as in `exact_levels`. Differences carry
    the rounding errors of the energies, about 1e-12 of hbar omega, and 1e-14 of delta where that is much larger.
    """
    require_float64()
    return converged_result(lambda n: _breakdown(model, n), lambda found: found.converged, "The breakdown", size)


@program
def _breakdown(model: VibronicModel, size: int) -> Breakdown:
    return breakdown_of_size(model, size)


def breakdown_of_size(model: VibronicModel, size: int) -> Breakdown:
    """`breakdown` with `size` basis states, compared with half as many again."""
    blocks: tuple[Block, ...] = (_exact_block, _born_oppenheimer_block, _born_huang_block)
    energies, errors = zip(*(_both_sizes(block, model, -1, 1, size) for block in blocks), strict=True)
    exact, born_oppenheimer, born_huang = (model.omega * energy[0] for energy in energies)
    return Breakdown(exact, born_oppenheimer, born_huang, model.omega * jnp.concatenate(errors), model.omega)
