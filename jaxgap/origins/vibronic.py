r"""Two electronic states and one phonon: where the Born-Oppenheimer approximation breaks down.

.. math:: H = \frac{P^2}{2M} + \tfrac12 M \omega^2 Q^2 + \tfrac{\delta}{2} \sigma_z + \kappa Q \sigma_x

Whangbo, Deng, Koehler, Simon, ChemPhysChem 19, 3191 (2018), arXiv:1810.04305 (W18), argue that bands mix during electron-phonon
interaction because the Born-Oppenheimer approximation fails. The paper has no Hamiltonian: this one, the smallest in which its
Eqs. 1 and 2 have a value, is jaxgap's reading. delta is the distance of two bands at one k, Q a mode that couples them (one
that does not mix them shifts energies only).

The adiabatic states phi_1 (lower) and phi_2 (upper) diagonalise the electronic part at fixed Q, with energies
-+ sqrt(delta^2 + 4 kappa^2 Q^2)/2, and are coupled by the derivative <phi_2|d phi_1/dQ>, of modulus
kappa delta / (delta^2 + 4 kappa^2 Q^2). Born-Oppenheimer levels leave it out. Born-Huang levels keep its diagonal part,
+ (hbar^2/2M) |<phi_2|d phi_1/dQ>|^2 on both surfaces. For the ground state these bracket the exact one,

.. math:: E_{exact} - E_{BO} = + \frac{g^2 \hbar\omega}{\delta (\delta + \hbar\omega)}, \qquad
          E_{exact} - E_{BH} = - \frac{g^2 (\hbar\omega)^2}{\delta^2 (\delta + \hbar\omega)}, \qquad
          g^2 = \frac{\kappa^2 \hbar}{2 M \omega}

to leading order in g: Born-Oppenheimer is a lower bound, Born-Huang, a variational state's energy, an upper one.

Units: delta and omega (that is, hbar omega) in meV, kappa in meV/angstrom, M in atomic mass units, Q in angstrom.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.types import Real, Reals
from jaxgap.units import hbar2_over_2u

__all__ = [
    "VibronicModel",
    "vibronic_model",
    "isotope",
    "oscillator_length",
    "coupling_energy",
    "electronic_hamiltonian",
    "adiabatic_states",
    "adiabatic_energies",
    "derivative_coupling",
    "hellmann_feynman_coupling",
]


class VibronicModel(eqx.Module):
    """Two electronic states that one phonon couples. Made by `vibronic_model`, which converts and checks.

    Attributes:
        delta: distance of the two states at Q = 0 [meV].
        kappa: their coupling per displacement [meV/angstrom], of any sign.
        omega: phonon energy hbar omega [meV].
        M: mass of the mode [atomic mass units].
    """

    delta: Float[Array, ""]
    kappa: Float[Array, ""]
    omega: Float[Array, ""]
    M: Float[Array, ""]


def vibronic_model(*, delta: Reals, kappa: Reals, omega: Reals, M: Reals) -> VibronicModel:
    """A `VibronicModel` from numbers, in the units of its attributes.

    Args:
        delta: distance of the two electronic states [meV].
        kappa: coupling of the mode to them [meV/angstrom].
        omega: hbar omega of the mode [meV].
        M: its mass [atomic mass units].

    Raises:
        InputError: unless every value is one finite number, and delta, omega and M are positive. (At delta = 0 the adiabatic
            states jump at Q = 0 and their derivative coupling is infinite there.)

    Example:
        >>> model = jg.origins.vibronic_model(delta=50.0, kappa=200.0, omega=60.0, M=10.8)
        >>> round(float(jg.origins.coupling_energy(model)), 2)
        11.36
    """
    require_float64()
    values = {"delta": delta, "kappa": kappa, "omega": omega, "M": M}
    for name, value in values.items():
        check_finite(name, value)
    arrays = {name: jnp.asarray(value, jnp.float64) for name, value in values.items()}
    for name, array in arrays.items():
        check(array.shape == (), name, "be one number", f"shape {array.shape}")
        check(not is_concrete(array) or name == "kappa" or float(array) > 0, name, "be positive", values[name])
    return VibronicModel(**arrays)


def isotope(model: VibronicModel, M: Real) -> VibronicModel:
    """The same electrons with nuclei of mass M: delta, kappa and the force constant M omega^2 stay, omega follows M^(-1/2)."""
    check_finite("M", M)
    check(not is_concrete(M) or bool(np.all(np.asarray(M) > 0)), "M", "be positive", M)
    return vibronic_model(delta=model.delta, kappa=model.kappa, omega=model.omega * jnp.sqrt(model.M / M), M=M)


def oscillator_length(model: VibronicModel) -> Float[Array, ""]:
    """x_0 = sqrt(hbar / M omega) [angstrom]; <Q^2> in the vibrational ground state is x_0^2 / 2."""
    return jnp.sqrt(2 * hbar2_over_2u / (model.M * model.omega))


def coupling_energy(model: VibronicModel) -> Float[Array, ""]:
    """g = kappa sqrt(hbar / 2 M omega) [meV], the coupling at the root mean square displacement of the ground state."""
    return model.kappa * oscillator_length(model) / jnp.sqrt(2.0)


# --- adiabatic states -------------------------------------------------------------------------------------------------


def electronic_hamiltonian(model: VibronicModel, Q: Real) -> Float[Array, "2 2"]:
    """(delta/2) sigma_z + kappa Q sigma_x [meV], in the states of the undisplaced lattice, the upper one first."""
    diagonal, off = model.delta / 2, model.kappa * Q
    return jnp.stack([jnp.stack([diagonal, off]), jnp.stack([off, -diagonal])])


def adiabatic_states(model: VibronicModel, Q: Real) -> Float[Array, "state 2"]:
    """phi_1 (lower) and phi_2 (upper) at Q, in closed form: no eigenvector's sign jumps, and none is lost where levels meet.

    With tan(theta) = 2 kappa Q / delta they are (-sin(theta/2), cos(theta/2)) and (cos(theta/2), sin(theta/2)). The gauge:
    real, and phi_1 = (0, 1), phi_2 = (1, 0) at Q = 0.
    """
    half = jnp.arctan2(2 * model.kappa * Q, model.delta) / 2
    cos, sin = jnp.cos(half), jnp.sin(half)
    return jnp.stack([jnp.stack([-sin, cos]), jnp.stack([cos, sin])])


def _distance(model: VibronicModel, Q: Float[Array, "*Q"]) -> Float[Array, "*Q"]:
    """sqrt(delta^2 + 4 kappa^2 Q^2) [meV], between the surfaces."""
    return jnp.sqrt(model.delta**2 + (2 * model.kappa * Q) ** 2)


def adiabatic_energies(model: VibronicModel, Q: Reals) -> Float[Array, "2 *Q"]:
    """The two adiabatic surfaces at Q [meV], the lower first: (1/2) M omega^2 Q^2 -+ sqrt(delta^2 + 4 kappa^2 Q^2)/2."""
    Q = jnp.asarray(Q, jnp.float64)
    elastic = model.omega * (Q / oscillator_length(model)) ** 2 / 2
    half = _distance(model, Q) / 2
    return jnp.stack([elastic - half, elastic + half])


def derivative_coupling(model: VibronicModel, Q: Real) -> Float[Array, ""]:
    """<phi_2|d phi_1/dQ> [1/angstrom], by differentiating the eigenvector in the gauge of `adiabatic_states`.

    Its sign is that gauge's: it turns with the sign of either state. <phi_1|d phi_2/dQ> is its negative.
    """
    Q = jnp.asarray(Q, jnp.float64)
    phi, dphi = jax.jvp(partial(adiabatic_states, model), (Q,), (jnp.ones_like(Q),))
    return phi[1] @ dphi[0]


def hellmann_feynman_coupling(model: VibronicModel, Q: Real) -> Float[Array, ""]:
    """<phi_2|d phi_1/dQ> = <phi_2|dH/dQ|phi_1> / (E_1 - E_2) [1/angstrom], the same without a derivative of states."""
    Q = jnp.asarray(Q, jnp.float64)
    phi = adiabatic_states(model, Q)
    _, dH = jax.jvp(partial(electronic_hamiltonian, model), (Q,), (jnp.ones_like(Q),))
    return -(phi[1] @ dH @ phi[0]) / _distance(model, Q)
