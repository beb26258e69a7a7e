r"""Differential conductance of a tunnel junction between a normal tip and the superconductor.

.. math:: \frac{dI}{dV}(V) \propto \int d\omega \; N(\omega) \left[ -f'(\omega - eV) \right], \qquad
          -f'(x) = \frac{1}{4 k_B T \cosh^2(x / 2 k_B T)}, \qquad
          N(\omega) = \sum_i w_i N_i(\omega)

with N_i the density of states with Dynes broadening (`density_of_states`) and w_i the tunnelling weight of band i. 1 far from
the gaps. The density of states is the imaginary part of a function G(omega + i Gamma) that is analytic above the real axis,
and the poles of f' are pi k_B T away from it, so that the path of integration may run in between:

.. math:: \frac{dI}{dV} \propto -\frac{1}{\pi} \, \mathrm{Im} \int dx \; \left[ -f'(x + i \eta) \right]
          G(eV + x + i \eta + i \Gamma), \qquad \eta = \frac{\pi k_B T}{2}

On it everything is smooth over pi k_B T / 2 however small Gamma is: the trapezoidal rule converges exponentially, no peak of N
can fall between its nodes, and one set of nodes serves all voltages.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.band import check_carriers
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check_finite, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals
from jaxgap.observables._checks import band_weights, check_resolved, not_negative
from jaxgap.observables.density_of_states import tunnelling_density_of_states
from jaxgap.observables.measurements import BACKGROUND
from jaxgap.observables.quantity import GAMMA, PICTURE_REACH, WEIGHTS, Need, Numbers, Picture, Quantity, Ranges
from jaxgap.observables.views import VOLTAGE
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.state import PairedState
from jaxgap.units import k_B, thermal_energy

__all__ = ["common_nodes", "conductance_of", "thermal_kernel", "tunnelling_conductance"]

STEP, REACH = 0.4, 22.0
"""Of the nodes, in k_B T: the rule is right to some 200 exp(-pi^2 / STEP) = 4e-9; -f' is exp(-REACH) = 3e-10 where it ends."""
FEWEST = 128
"""Nodes of the smallest program."""


@takes_solution
def tunnelling_conductance(
    solution: PairedState, V: Reals, Gamma: Real, *, weights: Reals | None = None
) -> Float[Array, "voltage"]:
    """dI/dV of a solved state at voltages V [mV], relative to the normal state's, smeared with the state's temperature.

    Of a lattice it is that of the density of states itself [1/meV per cell and spin], summed with the orbitals' weights; its
    mesh resolves no less than some Gamma + pi k_B T / 2, which an `InputError` tells (NaN where JAX traces).

    Args:
        solution: the state; its temperature is that of the junction.
        V: voltages [mV].
        Gamma: Dynes broadening [meV], not negative: 0 is exact at every temperature.
        weights: tunnelling weight of every band (any common factor drops out) or orbital (there it does not); by default all
            tunnel equally.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> np.asarray(jg.observables.tunnelling_conductance(solution, [0.0, 20.0], Gamma=0.1)).round(3).tolist()
        [0.023, 1.047]
    """
    sc = solution.superconductor
    check_finite("V", V)
    check_carriers(sc.beyond, "tunnelling")
    broadening = not_negative("Gamma", Gamma, "meV")
    weights = band_weights(weights, len(sc.components))
    if is_concrete((Gamma, solution.T)) and float(Gamma) == 0.0 == float(solution.T):
        return tunnelling_density_of_states(solution, V, 0.0, weights=weights).total
    if is_concrete(solution.T):
        check_resolved(sc, "Gamma", Gamma, np.pi * k_B * float(solution.T) / 2)
    V = jnp.atleast_1d(jnp.asarray(V, jnp.float64))
    nodes = common_nodes(V, solution.T) if is_concrete((V, solution.T)) else None
    if nodes is not None:
        # A program for every doubling serves all temperatures and voltages: nodes beyond the reach of -f' add zeros.
        nodes = FEWEST << max(0, (nodes - 1) // FEWEST).bit_length()
    return _conductance(solution, V, broadening, weights, nodes)


def common_nodes(V: Reals, T: Real) -> int | None:
    """How many nodes over all voltages a shared grid needs; None where every voltage had better have its own (T near 0)."""
    kT = max(k_B * float(T), 1e-30)
    count = (np.ptp(np.asarray(V)) / kT + 2 * REACH) / STEP + 2
    own = np.asarray(V).size * (2 * REACH / STEP + 1)
    return int(np.ceil(count)) if count < own else None


def nodes_for(
    sc: Superconductor, T: Float[np.ndarray, "condition"], points: Mapping[str, np.ndarray], ranges: Ranges
) -> Numbers:
    """`common_nodes` for the voltages of every temperature [K] of a data set."""
    found = [common_nodes(V, t) for V, t in zip(points["V"], T, strict=True)]
    needed = [count for count in found if count is not None]
    return {"nodes": max(needed) if len(needed) == len(found) else None}


def conductance_of(
    state: PairedState,
    V: Float[Array, "voltage"],
    Gamma: Float[Array, ""],
    weights: Float[Array, "band"],
    nodes: int | None = None,
) -> Float[Array, "voltage"]:
    """`tunnelling_conductance` in plain arrays, with `nodes` from `common_nodes`."""
    sc, kT, eta = state.superconductor, thermal_energy(state.T), 0.5j * jnp.pi
    s = jnp.asarray(np.arange(-REACH, REACH + STEP / 2, STEP)) if nodes is None else STEP * jnp.arange(nodes) - REACH
    # x / k_B T at the nodes: around every voltage, or from the lowest voltage upwards.
    first = V if nodes is None else jnp.broadcast_to(V[jnp.argmin(V)], V.shape)
    x = s + (first - V)[:, None] / kT
    z = (V[:, None] if nodes is None else V[jnp.argmin(V)]) + kT * s + 1j * Gamma + eta * kT
    G = state.local_functions_at(z.ravel()).G.reshape(*z.shape, -1)
    real, imag = (STEP * part for part in thermal_kernel(x))
    if nodes is None:
        smeared = jnp.einsum("vs,vsi->vi", real, G.imag) + jnp.einsum("vs,vsi->vi", imag, G.real)
    else:
        smeared = real @ G.imag + imag @ G.real
    return -(smeared @ weights) / (jnp.pi * sc.normal_density(weights))


def thermal_kernel(x: Float[Array, "*x"]) -> tuple[Float[Array, "*x"], Float[Array, "*x"]]:
    r"""Real and imaginary part of -k_B T f'(k_B T (x + i \pi/2)), with e = e^{-|x|}, where nothing overflows.

    .. math:: \frac{-f'}{1 / k_B T} = \frac{2 e^2 - i \, \mathrm{sgn}(x) \, e (1 - e^2)}{(1 + e^2)^2}
    """
    sign = jnp.where(x < 0, -1.0, 1.0)
    e = jnp.exp(-sign * x)
    norm = (1 + e**2) ** 2
    return 2 * e**2 / norm, -sign * e * (1 - e**2) / norm


_conductance = program(conductance_of)


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------


def _observed(
    sc: Superconductor, T: object, s: PairedState, V: Reals, Gamma: Real, weights: Reals | None, **plan: int | None
) -> Float[Array, "voltage"]:
    """On planned nodes, or as it is called by hand."""
    if not plan:
        return tunnelling_conductance(s, V, Gamma, weights=weights)
    broadening = jnp.asarray(Gamma, jnp.float64)
    return conductance_of(s, jnp.asarray(V, jnp.float64), broadening, band_weights(weights, len(sc.components)), **plan)


TUNNELLING = Quantity(
    "tunnelling",
    _observed,
    ("V",),
    long_name="dI/dV of a tunnel junction relative to the normal state",
    needs=Need.STATE,
    axes=("V",),
    settings=(GAMMA, WEIGHTS),
    datum="dIdV",
    measurement=BACKGROUND,
    plan=nodes_for,
    axis_units={"V": "mV"},
    picture=Picture(
        VOLTAGE,
        "dI/dV of a tunnel junction, smeared with temperature",
        "$dI/dV$ over normal state",
        r"tunnel junction, $\Gamma$ = {Gamma:g} meV",
        settings=(PICTURE_REACH,),
    ),
)
