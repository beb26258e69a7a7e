r"""Spectral function A_i(k, omega) of the cross-paired bands: what angle-resolved photoemission (ARPES) sees.

.. math:: A_i(k, \omega) = -\frac{1}{\pi} \, \mathrm{Im} \, G_{ii}(k, \omega + i\Gamma)
          = \sum_{b=\pm} \left[ |u_{ib}|^2 L_\Gamma(\omega - E_b) + |v_{ib}|^2 L_\Gamma(\omega + E_b) \right], \qquad
          G = \left[ z - \zeta - \Delta (z + \zeta)^{-1} \Delta^\dagger \right]^{-1}

with L_Gamma a Lorentzian of half width Gamma: every band has weight on both branches, so its spectrum has four peaks, not two.
A is positive and integrates to one over omega, per band and spin. The measured intensity is

.. math:: I(k, \omega) = \int dk' \, R_k(k - k') \int d\omega' \, R_\omega(\omega - \omega') \, f(\omega')
          \sum_i M_i A_i(k', \omega')

with the Fermi function f, the matrix elements M_i, and Gaussian resolutions R (A. Damascelli, Z. Hussain, Z.-X. Shen, Rev. Mod.
Phys. 75, 473 (2003), section II). Both convolutions are trapezoidal sums, which converge exponentially as long as the steps
stay below Gamma, pi k_B T and the resolutions: `photoemission` chooses them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.band import check_carriers, check_fermi_surfaces, check_in_k_space, crosses, kappa_F, velocity
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals, Scalar
from jaxgap.observables._checks import band_weights, not_negative, positive
from jaxgap.observables.energies import dispersion, wave_vector
from jaxgap.observables.quantity import GAMMA, PICTURE_REACH, Picture, Quantity, Setting
from jaxgap.observables.views import ENERGY, IntensityMap, Settings, View
from jaxgap.solving.entry import takes_solution, takes_system
from jaxgap.solving.solution import Solution
from jaxgap.solving.state import PairedState
from jaxgap.units import hbar2_over_2m_e, k_B, thermal_energy

__all__ = [
    "FWHM",
    "Mesh",
    "fermi_wave_vector",
    "intensity_before_resolution",
    "mesh_for",
    "photoemission",
    "photoemission_mesh",
    "photoemission_of",
    "spectral_function",
]

FWHM = 2 * (2 * np.log(2)) ** 0.5
"""Full width at half maximum of a Gaussian of standard deviation 1; resolutions are quoted as such."""
REACH = 5.6
"""Gaussians are summed up to 5.6 standard deviations: 2e-8 lies beyond."""
STEP = 0.34
"""Step of the trapezoidal sums, as a share of the distance of the nearest pole: exp(-2 pi / STEP) = 1e-8."""


@takes_solution
def spectral_function(solution: PairedState, kappa: Reals, omega: Reals, Gamma: Real) -> Float[Array, "band kappa omega"]:
    """A_i(k, omega) [1/meV] of every band at kappa = hbar^2 k^2 / 2 m_e [meV] and energies omega [meV].

    Of a lattice: of every orbital at k [k, axis], in units of the reciprocal lattice over 2 pi (`path_between`). They add up to
    tr A, which does not depend on the choice of orbitals.

    Gamma is the half width of the peaks [meV], positive. Outside its shell a band is normal, as in `dispersion`.

    Args:
        solution: the state.
        kappa: hbar^2 k^2 / 2 m_e [meV]; of a lattice points k [k, axis].
        omega: energies [meV].
        Gamma: half width of the peaks [meV], positive.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> omega = jnp.linspace(-200.0, 200.0, 4001)
        >>> A = jg.observables.spectral_function(solution, [200.0], omega, Gamma=0.5)
        >>> np.asarray(jnp.trapezoid(A[:, 0], omega)).round(3).tolist()
        [0.998, 0.998]
    """
    check_finite("omega", omega)
    kappa = solution.superconductor.places(kappa)
    Gamma = positive("Gamma", Gamma, "meV")
    omega = jnp.atleast_1d(jnp.asarray(omega, jnp.float64))
    return _spectral_function(solution, kappa, omega, Gamma)


@program
def _spectral_function(
    solution: PairedState, kappa: Float[Array, "kappa *axis"], omega: Float[Array, "omega"], Gamma: Float[Array, ""]
) -> Float[Array, "band kappa omega"]:
    return -solution.green_function_at(kappa, omega + 1j * Gamma).imag / jnp.pi


# --- photoemission ----------------------------------------------------------------------------------------------------


class Mesh(NamedTuple):
    """How many nodes the sums over k' and omega' take (static)."""

    k: int
    omega: int


@takes_solution
def photoemission(
    solution: PairedState,
    k: Reals,
    omega: Reals,
    Gamma: Real,
    *,
    energy_resolution: float = 0.0,
    momentum_resolution: float = 0.0,
    weights: Reals | None = None,
    fermi: bool = True,
    mesh: Mesh | None = None,
) -> Float[Array, "k omega"]:
    """I(k, omega) [1/meV] at wave vectors k [1/angstrom] and energies omega from the Fermi level [meV].

    A row is an energy distribution curve (EDC), a column a momentum distribution curve.

    Args:
        solution: the state; its temperature is that of the Fermi function.
        k: wave vectors [1/angstrom]; of a lattice points [k, axis], in units of the reciprocal lattice over 2 pi.
        omega: energies [meV].
        Gamma: half width of the peaks of A [meV], positive.
        energy_resolution: full width at half maximum of R_omega [meV]; 0: none.
        momentum_resolution: full width at half maximum of R_k [1/angstrom]; 0: none. A lattice takes none.
        weights: matrix elements M_i of the bands, or orbitals; by default all one.
        fermi: whether only occupied states are seen. At T = 0 their edge is a step, which no trapezoidal sum resolves:
            together with an energy resolution it needs a temperature.
        mesh: how many nodes the sums take. Chosen for these widths by default; where JAX traces any of them or the solution,
            take that of a state with numbers, `photoemission_mesh`.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> k_F, widths = 0.2291, {"Gamma": 0.5, "energy_resolution": 1.0}
        >>> np.asarray(jg.observables.photoemission(solution, [k_F], [-7.5, 0.0, 7.5], **widths)).round(3).tolist()
        [[0.231, 0.009, 0.0]]
    """
    check_finite("k", k)
    check_finite("omega", omega)
    width = positive("Gamma", Gamma, "meV")
    sigmas = standard_deviations(energy_resolution, momentum_resolution)
    sc = solution.superconductor
    k, omega = _rows(sc, k, momentum_resolution), jnp.atleast_1d(jnp.asarray(omega, jnp.float64))
    weights = band_weights(weights, len(sc.components))
    if mesh is None:
        mesh = photoemission_mesh(solution, k, omega, Gamma, energy_resolution, momentum_resolution, fermi)
    return _photoemission(solution, k, omega, width, sigmas, weights, mesh, fermi)


def _rows(sc: Superconductor, k: Reals, momentum_resolution: Real) -> Float[Array, "k *axis"]:
    """Where spectra are: one number for bands, a point for a lattice."""
    if sc.beyond:
        return jnp.atleast_1d(jnp.asarray(k, jnp.float64))
    sharp = not is_concrete(momentum_resolution) or float(momentum_resolution) == 0.0
    check(sharp, "momentum_resolution", "be 0 for a lattice, of which no lengths are known", momentum_resolution)
    return sc.places(k)


def standard_deviations(energy_resolution: Real, momentum_resolution: Real) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Of R_omega [meV] and R_k [1/angstrom], from their full widths at half maximum."""
    energy = not_negative("energy_resolution", energy_resolution, "meV")
    return energy / FWHM, not_negative("momentum_resolution", momentum_resolution, "1/angstrom") / FWHM


@takes_solution
def photoemission_mesh(
    solution: PairedState,
    k: Reals,
    omega: Reals,
    Gamma: Real,
    energy_resolution: Real = 0.0,
    momentum_resolution: Real = 0.0,
    fermi: bool = True,
) -> Mesh:
    """The numbers of nodes that these widths need, rounded up so that similar spectra share a program.

    Args:
        solution, k, omega, Gamma, energy_resolution, momentum_resolution, fermi: as for `photoemission`.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> jg.observables.photoemission_mesh(solution, [0.2291], [-7.5, 7.5], Gamma=0.5, energy_resolution=1.0)
        Mesh(k=0, omega=128)
    """
    concrete = is_concrete((k, omega, Gamma, energy_resolution, momentum_resolution, solution))
    check(concrete, "mesh", "be given (by `photoemission_mesh`) where the state or a width is traced", "None")
    widths = float(Gamma), float(energy_resolution), float(momentum_resolution)
    return mesh_for(solution.superconductor, float(solution.T), k, omega, *widths, fermi)


def mesh_for(
    sc: Superconductor,
    T: float,
    k: Reals,
    omega: Reals,
    Gamma: float,
    energy_resolution: float,
    momentum_resolution: float,
    fermi: bool = True,
) -> Mesh:
    """`photoemission_mesh` of any state of a system at T [K]."""
    sigma, sigma_k = energy_resolution / FWHM, momentum_resolution / FWHM
    n_omega = n_k = 0
    if sigma > 0:
        edge = np.pi * k_B * T if fermi else np.inf
        check(edge > 0, "T", "be positive [K] for photoemission with an energy resolution and the Fermi function", 0.0)
        step = min(STEP * Gamma, STEP * edge, sigma)
        n_omega = _rounded((np.ptp(np.asarray(omega)) + 2 * REACH * sigma) / step)
    if sigma_k > 0:
        top = jnp.asarray(np.max(np.abs(np.asarray(k))) + REACH * sigma_k)
        fastest = max(abs(float(velocity(band, top))) for band in sc.bands)
        n_k = _rounded(2 * REACH * sigma_k / min(STEP * Gamma / fastest, sigma_k))
    return Mesh(n_k, n_omega)


def _rounded(count: float) -> int:
    return 32 * int(np.ceil((count + 1) / 32))


@takes_solution
def photoemission_of(
    solution: PairedState,
    k: Float[Array, "k *axis"],
    omega: Float[Array, "omega"],
    Gamma: Scalar,
    sigmas: tuple[Scalar, Scalar],
    weights: Float[Array, "band"],
    mesh: Mesh,
    fermi: bool,
) -> Float[Array, "k omega"]:
    """`photoemission` in plain arrays, on a given mesh."""
    sigma = sigmas[0]
    energies = omega
    if mesh.omega:
        energies = jnp.linspace(jnp.min(omega) - REACH * sigma, jnp.max(omega) + REACH * sigma, mesh.omega)
    rows = jax.lax.map(
        lambda one: intensity_before_resolution(solution, one, energies, Gamma, sigmas[1], weights, mesh.k, fermi), k
    )
    if not mesh.omega:
        return rows
    return rows @ gaussian(omega[:, None] - energies, sigma).T * (energies[1] - energies[0])


_photoemission = program(photoemission_of)


@takes_solution
def intensity_before_resolution(
    solution: PairedState,
    k: Float[Array, "*axis"],
    energies: Float[Array, "omega"],
    Gamma: Scalar,
    sigma_k: Scalar,
    weights: Float[Array, "band"],
    n_k: int,
    fermi: bool,
) -> Float[Array, "omega"]:
    """f(omega) sum_i M_i A_i at one k, averaged over the momentum resolution but not over the energy resolution."""
    t = jnp.linspace(-REACH, REACH, n_k) if n_k else jnp.zeros(1)
    share = jnp.exp(-(t**2) / 2) / jnp.sum(jnp.exp(-(t**2) / 2))
    kappa = hbar2_over_2m_e * (k + sigma_k * t) ** 2 if jnp.ndim(k) == 0 else k[None]
    G = solution.green_function_at(kappa, energies + 1j * Gamma)
    A = -jnp.einsum("i,k,ikw->w", weights, share, G.imag) / jnp.pi
    return A * jax.nn.sigmoid(-energies / thermal_energy(solution.T)) if fermi else A


def gaussian(x: Float[Array, "*s"], sigma: Scalar) -> Float[Array, "*s"]:
    """The normalised Gaussian of standard deviation sigma."""
    return jnp.exp(-((x / sigma) ** 2) / 2) / (sigma * (2 * jnp.pi) ** 0.5)


@takes_system
def fermi_wave_vector(sc: Superconductor, band: str) -> Float[Array, ""]:
    """k_F of the band [1/angstrom]."""
    names = sc.band_names
    check(band in names, "band", f"be one of {', '.join(names)}", repr(band))
    one = sc.bands[names.index(band)]
    check_in_k_space((one,), "what is seen at its Fermi momentum")
    check_fermi_surfaces((one,), "what is seen at its Fermi momentum")
    return wave_vector(kappa_F(one))


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------

ENERGY_RESOLUTION = Setting(
    "energy_resolution",
    2.0,
    "meV",
    "Energy resolution of photoemission, full width [meV]. Default: 2.",
    option="--resolution",
    bounds=(0.2, 30.0),
)
MOMENTUM_RESOLUTION = Setting(
    "momentum_resolution",
    0.0,
    "1/angstrom",
    "Its momentum resolution, full width [1/angstrom]. Default: 0.",
    bounds=(0.001, 0.05),
)


def photoemission_map(
    s: Solution,
    omega: Float[np.ndarray, "omega"],
    Gamma: float,
    energy_resolution: float,
    momentum_resolution: float = 0.0,
    title: str = "",
) -> IntensityMap:
    """I(k, omega) around the Fermi momenta, all bands alike."""
    bands = s.superconductor.bands
    crossing = [band for band in bands if crosses(band)]
    check_carriers(bands, "a map around Fermi momenta")
    k_F = [float(wave_vector(kappa_F(band))) for band in crossing]
    slowest = min(abs(float(velocity(band, jnp.asarray(k)))) for k, band in zip(k_F, crossing, strict=True))
    margin = 1.2 * float(np.max(np.abs(omega))) / slowest
    k = np.linspace(max(min(k_F) - margin, 0.0), max(k_F) + margin, 161)
    intensity = photoemission(s, k, omega, Gamma, energy_resolution=energy_resolution, momentum_resolution=momentum_resolution)
    return IntensityMap(k, np.asarray(omega), np.asarray(intensity), np.asarray(dispersion(s, hbar2_over_2m_e * k**2)), title)


def _seen(view: View) -> IntensityMap:
    check(len(view.states) == 1, "--T", "leave one state for a map", f"{len(view.states)} states")
    state, given = next(iter(view.states.values())), view.settings
    omega = np.linspace(-view.reach, view.reach / 2, 201)
    return photoemission_map(state, omega, given["Gamma"], given["energy_resolution"], given["momentum_resolution"])


def no_fermi_edge(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    """Refuse T = 0."""
    check(bool(np.all(T > 0)), "T", "be positive [K] for photoemission (the Fermi function)", T.tolist())


INTENSITY = Quantity(
    "map",
    lambda sc, T, s, k, omega, Gamma, **widths: photoemission(s, k, omega, Gamma, **widths),
    ("k", "omega"),
    "1/meV",
    "photoemission intensity",
    axes=("k", "omega"),
    settings=(GAMMA._replace(default=1.0, positive=True), ENERGY_RESOLUTION, MOMENTUM_RESOLUTION),
    refused=no_fermi_edge,
    axis_units={"k": "1/angstrom", "omega": "meV"},
    picture=Picture(
        ENERGY,
        "The photoemission intensity I(k, omega) around the Fermi momenta, of one state",
        seen=_seen,
        settings=(PICTURE_REACH,),
    ),
)
