r"""How much the vibronic ground state mixes two bands (W18's Eq. 1), and what W18's Eq. 2 is.

.. math:: \Psi = C_1 \Omega_1(Q) \phi_1 + C_2 \Omega_2(Q) \phi_2, \qquad C_1^2 + C_2^2 = 1

The model is that of `jaxgap.origins.vibronic`.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import PyTree, Real, Reals, Scalar
from jaxgap.origins.vibronic import VibronicModel, adiabatic_states, derivative_coupling, oscillator_length
from jaxgap.origins.vibronic_levels import SIZE, converged_result, exact_matrix, small, surface_grid
from jaxgap.spectra.pair import safe_sqrt

__all__ = ["mixing_coefficients", "derivative_coupling_term"]

STATES = ("diabatic", "adiabatic")


def mixing_coefficients(model: VibronicModel, states: str = "diabatic", size: int = SIZE) -> Float[Array, "2"]:
    r"""C_1 and C_2 of the vibronic ground state, C_1^2 + C_2^2 = 1, both not negative.

    .. math:: \Psi = C_1 \Omega_1(Q) \phi_1 + C_2 \Omega_2(Q) \phi_2, \qquad \langle \Omega_i | \Omega_i \rangle = 1

    C_i^2 is the weight of electronic state i, whatever the nuclei do: with "diabatic" of the states of the undisplaced lattice,
    which are the bands that gap equations know; with "adiabatic" of those that follow Q, so that C_2 is then what derivative
    coupling alone mixes in. To leading order in g, C_2 is g/(delta + hbar omega) and g hbar omega / [delta (delta + hbar
    omega)].

    This definition is jaxgap's. W18's Eq. 1 has one Omega for both states: exactly it has two, which the parity of H makes
    orthogonal, so the phase between the states is not defined by the ground state, and the coefficients have no sign.

    Differentiable; at kappa = 0, where C_2 = |g| / (delta + hbar omega) has a kink, by the mean of both sides. Where the basis
    is too small while JAX traces, NaN (see `exact_levels`).

    Args:
        model: the two states and the mode.
        states: "diabatic" or "adiabatic", as above.
        size: oscillator states of each parity to begin with.

    Example:
        >>> model = jg.origins.vibronic_model(delta=50.0, kappa=200.0, omega=60.0, M=10.8)
        >>> np.asarray(jg.origins.mixing_coefficients(model)).round(4).tolist()
        [0.9946, 0.1036]
    """
    require_float64()
    check(states in STATES, "states", 'be "diabatic" or "adiabatic"', repr(states))

    def compute(n: int) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
        return _mixing_coefficients(model, states, n)

    C, error = converged_result(compute, lambda found: small(found[1], jnp.ones(())), "The mixing coefficients", size)
    return C if is_concrete(C) else C * jnp.where(small(error, jnp.ones(())), 1.0, jnp.nan)


@program
def _mixing_coefficients(model: VibronicModel, states: str, size: int) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
    return mixing_of_size(model, states, size)


def mixing_of_size(model: VibronicModel, states: str, size: int) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
    """`mixing_coefficients` with half as many states again as `size`, and what these changed."""
    C, coarse = (_coefficients(model, states, n) for n in (3 * size // 2, size))
    return C, jax.lax.stop_gradient(C - coarse)


def _coefficients(model: VibronicModel, states: str, size: int) -> Float[Array, "2"]:
    c = _ground_state(model, size)
    if states == "diabatic":  # Even n belong to the lower state, odd n to the upper one.
        return safe_sqrt(jnp.stack([jnp.sum(c[::2] ** 2), jnp.sum(c[1::2] ** 2)]))
    grid = surface_grid(model, 1, size)
    functions = _oscillator_functions(grid.x, size)
    chi = jnp.stack([c[1::2] @ functions[1::2], c[::2] @ functions[::2]])  # in the upper and the lower state
    phi = jax.vmap(partial(adiabatic_states, model))(oscillator_length(model) * grid.x)
    return safe_sqrt(2 * jnp.einsum("pi,p->i", jnp.einsum("pis,sp->pi", phi, chi) ** 2, grid.weight))


def _ground_state(model: VibronicModel, size: int) -> Float[Array, "n"]:
    """Coefficients of the ground state in the oscillator states of Pi = -1, differentiable wherever it is unique: at kappa = 0,
    too, where levels above it may cross and the derivative of all eigenvectors together does not exist."""
    E, vectors = jnp.linalg.eigh(exact_matrix(jax.lax.stop_gradient(model), -1, size))
    x = jnp.append(vectors[:, 0] * jnp.sign(vectors[0, 0]), E[0])
    return at_root(_eigenpair, x, (model, jax.lax.stop_gradient(x[:-1])))[:-1]


def _eigenpair(x: Float[Array, "m"], theta: PyTree) -> Float[Array, "m"]:
    """Residual whose root is (ground state c, E): H c = E c with c . c_0 = 1."""
    model, c_0 = theta
    c, E = x[:-1], x[-1]
    return jnp.append(exact_matrix(model, -1, len(c)) @ c - E * c, c_0 @ c - 1)


Neighbours = tuple[Float[Array, "point"], Float[Array, "point"]]


def _oscillator_functions(x: Float[Array, "point"], size: int) -> Float[Array, "n point"]:
    """The first `size` oscillator functions at x (in oscillator lengths), by their recurrence, which is stable upwards."""

    def step(pair: Neighbours, n: Scalar) -> tuple[Neighbours, Float[Array, "point"]]:
        before, here = pair
        after = jnp.sqrt(2 / (n + 1)) * x * here - jnp.sqrt(n / (n + 1)) * before
        return (here, after), here

    first = jnp.exp(-(x**2) / 2) / jnp.pi**0.25
    return jax.lax.scan(step, (jnp.zeros_like(x), first), jnp.arange(size, dtype=float))[1]


# --- W18's Eq. 2 ------------------------------------------------------------------------------------------------------


def derivative_coupling_term(model: VibronicModel, C: Reals, displacement: Real) -> Float[Array, ""]:
    r"""Modulus of the derivative-coupling term of W18's Eq. 2 [meV], with hbar^2, for a displaced nuclear state.

    .. math:: \left| \frac{\hbar^2}{M} C_1 C_2 \int \Omega(Q) \langle \phi_2 | \partial_Q \phi_1 \rangle \Omega'(Q) \, dQ
              \right|

    Omega is the oscillator's ground state, displaced by `displacement` [angstrom]. What it is: the element of the nuclear
    kinetic energy between Omega phi_1 and Omega phi_2 that BO leaves out, times C_1 C_2; a size of the coupling that mixes
    them.

    What it is not: an energy shift. It is one ordering of two; in the expectation value of W18's Eq. 1 with one real Omega the
    other is its negative, <phi_1|d phi_2/dQ> = -<phi_2|d phi_1/dQ>, and they cancel. Its sign is that of the gauge, hence the
    modulus. By parity it vanishes without displacement. What the coupling really does to the energy is in `breakdown`.
    The explicit form and the choice of Omega are jaxgap's reading.

    Args:
        model: the two states and the mode.
        C: coefficients (C_1, C_2), as those of `mixing_coefficients`.
        displacement: of the oscillator's ground state [angstrom].

    Example:
        >>> model = jg.origins.vibronic_model(delta=50.0, kappa=200.0, omega=60.0, M=10.8)
        >>> C = jg.origins.mixing_coefficients(model)
        >>> round(float(jg.origins.derivative_coupling_term(model, C, displacement=0.1)), 4)
        0.2939
    """
    check_finite("displacement", displacement)
    check_finite("C", C)
    C = jnp.asarray(C, jnp.float64)
    check(C.shape == (2,), "C", "be two coefficients (C_1, C_2)", f"shape {C.shape}")
    x_0 = oscillator_length(model)
    centre = jnp.asarray(displacement, jnp.float64) / x_0
    grid = surface_grid(model, 1, 4 * SIZE, centre)
    x = jnp.concatenate([-grid.x[::-1], grid.x])
    weight = jnp.concatenate([grid.weight[::-1], grid.weight])
    d = x_0 * jax.vmap(partial(derivative_coupling, model))(x_0 * x)
    Omega_dOmega = -(x - centre) * jnp.exp(-((x - centre) ** 2)) / jnp.sqrt(jnp.pi)
    return model.omega * jnp.abs(C[0] * C[1] * jnp.sum(weight * d * Omega_dOmega))
