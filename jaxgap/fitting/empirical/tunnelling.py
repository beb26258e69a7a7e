r"""Tunnelling into free gaps: Dynes's density of states, and the conductance, which has it smeared with temperature.

.. math:: N(\omega) = \sum_i w_i \, \mathrm{Re} \, G_i(\omega + i \Gamma), \qquad
          \frac{dI}{dV} = \int d\omega \, [-f'(\omega - eV)] \, N(\omega), \qquad
          G_i(z) = \frac{z}{\sqrt{z^2 - \Delta_i^2}}

R. C. Dynes, V. Narayanamurti, J. P. Garno, Phys. Rev. Lett. 41, 1509 (1978). G is analytic above the real axis, and -f' up to
i pi k_B T: the path of integration runs half way between (as in `jaxgap.observables.conductance`), where the trapezoidal rule
converges exponentially however small Gamma is.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxgap.observables.conductance import thermal_kernel
from jaxgap.units import thermal_energy

__all__ = ["density_of_states", "green_functions", "tunnelling_conductance"]

STEP, REACH = 0.35, 26.0
"""Of the nodes, in k_B T: the rule leaves 200 exp(-pi^2 / STEP) = 1e-10, the ends exp(-REACH) = 5e-12."""


def green_functions(z: Complex[Array, "*z"], Delta: Float[Array, ""]) -> tuple[Complex[Array, "*z"], Complex[Array, "*z"]]:
    """(z, Delta) / sqrt(z^2 - Delta^2) above the real axis, where the root of each factor has its branch by itself."""
    root = jnp.sqrt(z - Delta) * jnp.sqrt(z + Delta)
    return z / root, Delta / root


def density_of_states(
    omega: Float[Array, "omega"], Delta: Float[Array, "gap"], Gamma: Float[Array, ""], weights: Float[Array, "gap"]
) -> Float[Array, "omega"]:
    """N at energies [meV], relative to the normal state's, of gaps [meV] with weights that add up to one; Gamma [meV] is
    positive."""
    return jnp.stack([jnp.real(green_functions(omega + 1j * Gamma, D)[0]) for D in Delta], axis=1) @ weights


def tunnelling_conductance(
    V: Float[Array, "voltage"],
    T: Float[Array, ""],
    Delta: Float[Array, "gap"],
    Gamma: Float[Array, ""],
    weights: Float[Array, "gap"],
) -> Float[Array, "voltage"]:
    """dI/dV at voltages [mV] and a temperature [K], relative to the normal state's, of gaps [meV] with weights that add up to
    one; at T = 0 Gamma [meV] must be positive."""
    kT = thermal_energy(T)
    s = jnp.asarray(np.arange(-REACH, REACH + STEP / 2, STEP))
    z = V[:, None] + kT * (s + 0.5j * jnp.pi) + 1j * Gamma
    real, imag = thermal_kernel(s)
    thermal = real + 1j * imag
    smeared = jnp.stack([jnp.real(green_functions(z, D)[0] @ thermal) for D in Delta], axis=1)
    return STEP * smeared @ weights
