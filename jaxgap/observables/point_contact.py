r"""Conductance of a point contact (BTK): smeared with temperature, of a normal metal that may be spin-polarised.

.. math:: \frac{dI}{dV}(V) \propto \int d\omega \, [-f'(\omega - eV)] \sum_i w_i N_i \, \sigma_i(\omega)

with the conductance sigma_i of an electron that comes in band i (`andreev`), relative to the normal state's.

A metal of spin polarisation P sends a share P of its current in electrons that find no partner of the other spin: they are
reflected as electrons, or go in where the superconductor has states,

.. math:: \sigma = (1 - P) \, \sigma_{BTK} + P \, \sigma_H, \qquad
          \frac{\sigma_H}{\sigma_N} = \frac{1 - |\tilde\gamma \gamma|^2}{|1 + r \tilde\gamma \gamma|^2}, \quad
          r = \frac{-i Z}{1 + i Z}

I. I. Mazin, A. A. Golubov, B. Nadgorny, J. Appl. Phys. 89, 7576 (2001), whose ballistic half-metallic channel this is: for
Gamma = 0 it is zero below the gap and 4 beta (1 + Z^2) / [(1 + beta)^2 + 4 Z^2] above, beta = E / sqrt(E^2 - Delta^2). With a
broadening it depends on the sign of Z (barrier or well); the mean of both is taken, which is even in the bias. It is known for
bands that pair alone: of cross-paired ones P is refused.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.checks import InputError, check, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals, Scalar
from jaxgap.observables._checks import band_weights, not_negative
from jaxgap.observables.andreev import alone, check_masses, checked_contact, reflection_of
from jaxgap.observables.measurements import BACKGROUND
from jaxgap.observables.quantity import GAMMA, PICTURE_REACH, WEIGHTS, Need, Numbers, Picture, Quantity, Ranges, Setting
from jaxgap.observables.views import VOLTAGE, Settings
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.peaks import strongest_peaks_of
from jaxgap.spectra.quadrature import panels
from jaxgap.units import k_B, thermal_energy

__all__ = ["ANDREEV", "andreev_conductance", "andreev_conductance_of", "common_centres"]

REACH = 22.0
"""-f' is exp(-REACH) = 3e-10 where the voltages' common integral ends, in k_B T from the outermost."""
SPACING = 8.0
"""Distance of the centres of the nodes, in k_B T or Gamma: pieces half as long, over which ten Gauss nodes follow both."""
NODES = 10
OWN = 44
"""Centres around a voltage that has nodes of its own."""


@takes_solution
def andreev_conductance(
    solution: MeanFieldState, V: Reals, Gamma: Real, Z: Real, *, weights: Reals | None = None, polarisation: Real = 0.0
) -> Float[Array, "voltage"]:
    r"""dI/dV of a point contact at voltages V [mV], relative to the normal state's, smeared with the state's temperature.

    .. math:: \frac{dI}{dV} \propto \int d\omega \, [-f'(\omega - eV)] \sum_i w_i N_i \sigma_i(\omega)

    The arguments are those of `andreev_reflection`; the bands count as in `tunnelling_conductance`. `polarisation` is P of the
    normal metal's current, 0 to 1.

    Args:
        solution: the state; its temperature is that of the contact.
        V: voltages [mV].
        Gamma: broadening [meV], positive.
        Z: strength of the barrier, not negative: 0 is a clear contact, some 5 a tunnel junction.
        weights: w_i of every band (any common factor drops out); by default all are equal.
        polarisation: P of the normal metal's current, 0 to 1.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> np.asarray(jg.observables.andreev_conductance(solution, [0.0, 20.0], Gamma=0.1, Z=0.3)).round(3).tolist()
        [1.558, 1.024]
    """
    V, Gamma, Z = checked_contact(solution, V, "V", Gamma, Z)
    sc = solution.superconductor
    weights = band_weights(weights, len(sc.bands))
    P: Scalar | None = not_negative("polarisation", polarisation)
    if is_concrete(polarisation):
        check_polarisation(sc, float(polarisation))
        P = P if float(polarisation) > 0 else None
    if is_concrete(solution.T) and float(solution.T) == 0.0:
        return _total(sc, weights, _conductances(sc, solution.Delta, V, Gamma, Z, P))
    centres = common_centres(V, solution.T, Gamma) if is_concrete((V, solution.T, Gamma)) else None
    return _conductance(sc, solution.Delta, solution.T, V, Gamma, Z, weights, centres, P)


def check_polarisation(sc: Superconductor, P: float) -> None:
    """Raise `InputError` for a polarisation above 1, or of a contact to cross-paired bands."""
    check(P <= 1, "polarisation", "be at most 1", P)
    if P > 0 and sc.linked:
        *names, last = (sc.bands[i].name for i in sc.linked[0].bands)
        raise InputError(
            f"A spin-polarised contact is defined for bands that pair alone: {', '.join(names)} and {last} are cross-paired, "
            "so that `polarisation` must be 0."
        )


# --- one energy ---------------------------------------------------------------------------------------------------------


def half_metal_of(
    sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "channel"], z: Complex[Array, ""], Z: Scalar
) -> Scalar:
    """sigma_H / sigma_N of a band that pairs alone: electrons that find no partner of the other spin."""
    gamma, gamma_tilde = (x[0, 0] for x in alone(sc, cluster, Delta, z))
    both, r = gamma_tilde * gamma, -1j * Z / (1 + 1j * Z)

    def square(x: Complex[Array, ""]) -> Scalar:
        return x.real**2 + x.imag**2

    lost = 1 - square(both)
    return lost * (1 / square(1 + r * both) + 1 / square(1 + jnp.conj(r) * both)) / 2


def conductance_at(
    sc: Superconductor, Delta: Inexact[Array, "channel"], z: Complex[Array, ""], Z: Scalar, P: Scalar | None
) -> Float[Array, "band"]:
    """Of every band at one z, relative to the normal state, in a contact of polarisation P (None: 0; of cross-paired bands it
    was refused)."""
    found = reflection_of(sc, Delta, z, Z).conductance
    if P is None:
        return found
    for cluster in sc.clusters:
        if len(cluster.bands) == 1:
            i = cluster.bands[0]
            found = found.at[i].set((1 - P) * found[i] + P * half_metal_of(sc, cluster, Delta, z, Z))
    return found


@program
def _conductances(
    sc: Superconductor,
    Delta: Inexact[Array, "channel"],
    omega: Float[Array, "omega"],
    Gamma: Scalar,
    Z: Scalar,
    P: Scalar | None,
) -> Float[Array, "band omega"]:
    return jax.vmap(lambda w: conductance_at(sc, Delta, w + 1j * Gamma, Z, P), out_axes=1)(omega)


# --- smeared ------------------------------------------------------------------------------------------------------------


def common_centres(V: Reals, T: Real, Gamma: Real) -> int:
    """How many centres of nodes all voltages need together; rounded, so that spectra share programs."""
    kT = k_B * float(T)
    count = (np.ptp(np.asarray(V)) + 2 * REACH * kT) / (SPACING * min(kT, max(float(Gamma), kT / 4)))
    return 16 * int(np.ceil(count / 16))


def centres_for(
    sc: Superconductor, T: Float[np.ndarray, "condition"], points: Mapping[str, np.ndarray], ranges: Ranges
) -> Numbers:
    """`common_centres` for the voltages of every temperature [K] of a data set, at the smallest Gamma."""
    check(bool(np.all(T > 0)), "T", "be positive [K] for the conductance of a point contact in a fit", np.min(T))
    least = GAMMA.range_in(ranges)[0]
    check(least > 0, "Gamma", "stay positive [meV] in a fit of a point contact", least)
    return {"centres": max(common_centres(V, t, least) for V, t in zip(points["V"], T, strict=True))}


def andreev_conductance_of(
    sc: Superconductor,
    Delta: Inexact[Array, "channel"],
    T: Scalar,
    V: Float[Array, "voltage"],
    Gamma: Scalar,
    Z: Scalar,
    weights: Float[Array, "band"],
    centres: int | None = None,
    P: Scalar | None = None,
) -> Float[Array, "voltage"]:
    """`andreev_conductance` of given amplitudes, with `centres` from `common_centres` (None: every voltage has its own)."""
    kT = thermal_energy(T)
    peaks = jnp.nan_to_num(jax.lax.stop_gradient(strongest_peaks_of(sc, Delta)))

    def integral(voltages: Float[Array, "some"], centres: int) -> Float[Array, "some"]:
        a, b = (jax.lax.stop_gradient(end) for end in (jnp.min(voltages) - REACH * kT, jnp.max(voltages) + REACH * kT))
        spacing = (b - a) / centres
        lattice = a + spacing * (jnp.arange(centres) + 0.5)
        centre = jnp.concatenate([lattice, peaks, -peaks])
        width = jnp.concatenate([jnp.full(centres, spacing / 2), jnp.full(2 * len(peaks), jax.lax.stop_gradient(Gamma))])
        omega, weight = panels(a, b, centre, width, NODES)
        bands = jax.vmap(lambda w: conductance_at(sc, Delta, w + 1j * Gamma, Z, P), out_axes=1)(omega)
        e = jnp.exp(-jnp.abs(omega - voltages[:, None]) / kT)
        return (e / (1 + e) ** 2 / kT) @ (_total(sc, weights, bands) * weight)

    if centres is not None:
        return integral(V, centres)
    return jax.lax.map(lambda one: integral(one[None], OWN)[0], V)


_conductance = program(andreev_conductance_of)


def _total(sc: Superconductor, weights: Float[Array, "band"], bands: Float[Array, "band omega"]) -> Float[Array, "omega"]:
    shares = weights * sc.band_densities
    return shares @ bands / jnp.sum(shares)


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------


def _observed(
    sc: Superconductor,
    T: object,
    s: MeanFieldState,
    V: Reals,
    Gamma: Real,
    Z: Real,
    weights: Reals | None,
    polarisation: Real,
    **plan: int,
) -> Float[Array, "voltage"]:
    """On planned nodes, or as it is called by hand."""
    if not plan:
        return andreev_conductance(s, V, Gamma, Z, weights=weights, polarisation=polarisation)
    V, Gamma, Z, P = (jnp.asarray(x, jnp.float64) for x in (V, Gamma, Z, polarisation))
    return andreev_conductance_of(sc, s.Delta, s.T, V, Gamma, Z, band_weights(weights, len(sc.bands)), P=P, **plan)


def _refused(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    check_masses(sc)
    check_polarisation(sc, settings["polarisation"])


ANDREEV = Quantity(
    "andreev",
    _observed,
    ("V",),
    long_name="dI/dV of a point contact relative to the normal state",
    needs=Need.STATE,
    axes=("V",),
    settings=(
        GAMMA._replace(positive=True),
        Setting("Z", 0.5, None, "Barrier of a point contact. Default: .5.", bounds=(0.0, 5.0)),
        WEIGHTS,
        Setting("polarisation", 0.0, None, "Spin polarisation of a point contact's normal metal, 0 to 1.", bounds=(0.0, 1.0)),
    ),
    datum="andreev",
    measurement=BACKGROUND,
    plan=centres_for,
    refused=_refused,
    axis_units={"V": "mV"},
    picture=Picture(
        VOLTAGE,
        "dI/dV of a point contact with a barrier --Z, smeared with temperature",
        "$dI/dV$ over normal state",
        r"point contact, $Z$ = {Z:g}, $\Gamma$ = {Gamma:g} meV",
        settings=(PICTURE_REACH,),
    ),
)
