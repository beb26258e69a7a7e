r"""The gap that photoemission reads: the peak of the symmetrised energy distribution curve (EDC) at k_F.

.. math:: S_i(\omega) = I_i(k_{F,i}, \omega) + I_i(k_{F,i}, -\omega), \qquad \frac{dS_i}{d\omega}(\Delta_i^{\mathrm{EDC}}) = 0

M. R. Norman et al., Nature 392, 157 (1998): for a band alone A is even in omega at k_F, so that no Fermi function is left in
S, f(omega) + f(-omega) = 1, and its peaks lie at the gap, up to broadening and resolution. The spectrum of a cross-paired
band is not even and has two peaks on either side, one per branch. At k_B T well below the gap only the occupied side is seen:
S has them with the weights |v_b|^2, and its highest peak is the branch with the larger |v_b|^2. That need not be the branch
with the larger |u_b|^2 + |v_b|^2, which `fermi_momentum_gaps` takes; where broadening and resolution exceed the distance of
the two, the peak lies between them. Both are energies at k_F, not the smallest ones over all k (`branch_minima`):
`gap_comparison` has all three.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.band import check_fermi_surfaces, check_in_k_space, kappa_F, zeta
from jaxgap.model.superconductor import Cluster
from jaxgap.numerics.bracket import bisected
from jaxgap.numerics.checks import check, check_finite
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals, Scalar
from jaxgap.observables._checks import band_weights, positive
from jaxgap.observables.arpes import (
    REACH,
    Mesh,
    fermi_wave_vector,
    gaussian,
    intensity_before_resolution,
    no_fermi_edge,
    photoemission,
    photoemission_mesh,
    standard_deviations,
)
from jaxgap.observables.edc import WIDTHS, mesh_of_edcs, only_of, same_bands, symmetrised_edcs_of
from jaxgap.observables.gaps import branch_minima
from jaxgap.observables.measurements import COUNTS
from jaxgap.observables.quantity import PICTURE_REACH, Need, Picture, Quantity
from jaxgap.observables.views import ENERGY, Panels, Spectra, View
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.solution import Solution
from jaxgap.solving.state import MeanFieldState, PairedState
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.bogoliubov import Bogoliubov
from jaxgap.spectra.crossing_roots import electron_weights
from jaxgap.spectra.minima import branch_names

__all__ = ["GapComparison", "gap_comparison", "symmetrised_edc", "symmetrised_gap"]

Edc = tuple[Float[Array, "omega"], Float[Array, "omega"], Scalar]
"""Energies, the intensity there before the energy resolution, and that resolution."""

SCAN = 512
"""Energies among which the highest is found before it is refined."""


@takes_solution
def symmetrised_edc(solution: PairedState, band: str, omega: Reals, Gamma: Real, **options: Any) -> Float[Array, "omega"]:
    """I(k_F, omega) + I(k_F, -omega) [1/meV] at the Fermi momentum of `band`; the options are those of `photoemission`.

    By default the matrix elements select the band.

    Args:
        solution: the state.
        band: whose Fermi momentum.
        omega: energies [meV].
        Gamma: half width of the peaks of A [meV], positive.
        options: of `photoemission`, without `fermi`: resolutions, `weights`, `mesh`.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> widths = {"Gamma": 0.5, "energy_resolution": 1.0}
        >>> np.asarray(jg.observables.symmetrised_edc(solution, "a", [-7.5, 0.0, 7.5], **widths)).round(4).tolist()
        [0.1736, 0.0057, 0.1736]
    """
    options.setdefault("weights", only_of(solution, band))
    omega = jnp.atleast_1d(jnp.asarray(omega, jnp.float64))
    k = fermi_wave_vector(solution.superconductor, band)
    both = photoemission(solution, k, jnp.concatenate([omega, -omega]), Gamma, **options)[0]
    return both[: len(omega)] + both[len(omega) :]


@takes_solution
def symmetrised_gap(
    solution: PairedState,
    band: str,
    Gamma: Real,
    energy_resolution: Real,
    momentum_resolution: Real = 0.0,
    *,
    weights: Reals | None = None,
    reach: float | None = None,
    mesh: Mesh | None = None,
) -> Float[Array, ""]:
    """Energy of the highest peak of the symmetrised EDC at k_F of `band` [meV]; 0 where it is at the Fermi level.

    Args:
        solution: the state, at a temperature above 0.
        band: whose k_F, and by default whose intensity alone.
        Gamma: half width of the peaks of A [meV].
        energy_resolution: full width at half maximum [meV], positive.
        momentum_resolution: full width at half maximum [1/angstrom].
        weights: matrix elements of the bands.
        reach: the highest energy at which a peak is looked for [meV]; by default the sum of all amplitudes and 4 Gamma.
        mesh: as in `photoemission`; together with `reach` it must be given where JAX traces the solution.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> round(float(jg.observables.symmetrised_gap(solution, "a", Gamma=0.5, energy_resolution=1.0)), 2)
        7.51
    """
    width = positive("Gamma", Gamma, "meV")
    sigmas = standard_deviations(positive("energy_resolution", energy_resolution, "meV"), momentum_resolution)
    k = fermi_wave_vector(solution.superconductor, band)
    weights = band_weights(only_of(solution, band) if weights is None else weights, len(solution.superconductor.bands))
    if mesh is None:
        if reach is None:
            check(isinstance(solution, MeanFieldState), "reach", "be given for a state without amplitudes", "None")
            reach = highest_peak(solution, Gamma)
        ends = np.array([-reach, reach])
        mesh = photoemission_mesh(solution, k, ends, Gamma, energy_resolution, momentum_resolution)
    check(reach is not None, "reach", "be given together with `mesh`", "None")
    check_finite("reach", reach)
    return _symmetrised_gap(solution, k, width, sigmas, weights, jnp.asarray(reach, jnp.float64), mesh)


@takes_solution
def highest_peak(solution: PairedState, Gamma: Real) -> float:
    """Sum of all amplitudes and 4 Gamma [meV], rounded up to 5 meV."""
    assert isinstance(solution, MeanFieldState)
    return 5.0 * float(np.ceil((np.abs(np.asarray(solution.Delta)).sum() + 4 * float(Gamma)) / 5.0))


@program
def _symmetrised_gap(
    solution: PairedState,
    k: Scalar,
    Gamma: Scalar,
    sigmas: tuple[Scalar, Scalar],
    weights: Float[Array, "band"],
    reach: Float[Array, ""],
    mesh: Mesh,
) -> Float[Array, ""]:
    sigma = sigmas[0]
    top = jax.lax.stop_gradient(reach + REACH * sigma)
    energies = jnp.linspace(-top, top, mesh.omega)
    bare = intensity_before_resolution(solution, k, energies, Gamma, sigmas[1], weights, mesh.k, True)
    theta = (energies, bare + bare[::-1], sigma)  # of one sign only: the mesh is even
    frozen = jax.lax.stop_gradient(theta)
    scan = jnp.linspace(0.0, reach, SCAN)
    place = jnp.argmax(jax.vmap(lambda w: _symmetrised(w, frozen))(scan))
    left, right = scan[jnp.maximum(place - 1, 0)], scan[jnp.minimum(place + 1, SCAN - 1)]
    left, right = bisected(lambda w: _slope(w[None], frozen)[0] > 0, left, right)
    peak = at_root(_slope, ((left + right) / 2)[None], theta)[0]
    return jnp.where(place == 0, 0.0, jnp.where(place == SCAN - 1, jnp.nan, peak))


def _symmetrised(omega: Float[Array, ""], theta: Edc) -> Float[Array, ""]:
    energies, bare, sigma = theta
    return gaussian(omega - energies, sigma) @ bare * (energies[1] - energies[0])


def _slope(x: Float[Array, "1"], theta: Edc) -> Float[Array, "1"]:
    """dS/domega over S at the peak's place: of order 1/meV whatever the units of the intensity."""
    return jax.grad(_symmetrised)(x[0], theta)[None] / jax.lax.stop_gradient(_symmetrised(x[0], theta))


# --- the three answers --------------------------------------------------------------------------------------------------


class GapComparison(NamedTuple):
    """The gaps of one band, as three definitions have them [meV]."""

    band: str
    at_fermi_momentum: tuple[float, ...]
    """Energies of the branches at k_F of the band, lower first."""
    weights: tuple[float, ...]
    """|u|^2 + |v|^2 of the band on these branches."""
    occupied: tuple[float, ...]
    """|v|^2 of the band on these branches: what photoemission sees of them at low temperature."""
    symmetrised: float
    """Peak of the symmetrised EDC."""
    minima: tuple[float, ...]
    """Minima over k of the same branches."""


@takes_solution
def gap_comparison(
    solution: MeanFieldState, Gamma: float, energy_resolution: float, momentum_resolution: float = 0.0
) -> tuple[GapComparison, ...]:
    """What photoemission with these widths reads at k_F of every band, beside the energies that are there (on the host).

    Args:
        solution: the state, at a temperature above 0.
        Gamma: half width of the peaks of A [meV].
        energy_resolution: full width at half maximum [meV], positive.
        momentum_resolution: full width at half maximum [1/angstrom].

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> of_a, of_b = jg.observables.gap_comparison(solution, Gamma=0.5, energy_resolution=1.0)
        >>> round(of_a.symmetrised, 2), np.asarray(of_a.minima).round(2).tolist()
        (7.51, [3.29, 7.51])
    """
    sc = solution.superconductor
    check_in_k_space(sc.bands, "what is seen at a k")
    check_fermi_surfaces(sc.bands, "what is read at its k_F")
    minima = dict(zip(branch_names(sc), np.asarray(branch_minima(solution)), strict=True))
    rows = []
    for cluster in sc.clusters:
        for i in cluster.bands:
            name = sc.bands[i].name
            peak = symmetrised_gap(solution, name, Gamma, energy_resolution, momentum_resolution)
            at_k_F = _at_fermi_momentum(solution, cluster, i)
            lowest = [float(gap) for branch, gap in minima.items() if name in branch.split()[0].split(":")]
            rows.append(GapComparison(name, at_k_F[0], at_k_F[1], at_k_F[2], float(peak), tuple(lowest)))
    return tuple(rows)


def _at_fermi_momentum(solution: MeanFieldState, cluster: Cluster, i: int) -> tuple[tuple[float, ...], ...]:
    """Energies of the branches at k_F of band i, lowest first, and the band's weights |u|^2 + |v|^2 and |v|^2 on them."""
    sc, kappa = solution.superconductor, kappa_F(solution.superconductor.bands[i])
    if len(cluster.bands) > 2:
        return _of_matrix(Bogoliubov(sc, solution.Delta, cluster), kappa, cluster.bands.index(i))
    z = [zeta(sc.bands[j], kappa) for j in cluster.bands]
    inside = [bool(sc.bands[j].pairs_at(x, sc.Omega)) for j, x in zip(cluster.bands, z, strict=True)]
    if len(z) == 1 or not all(inside):
        return (float(abs(solution.Delta[i])),), (1.0,), (0.5,)
    amplitudes = [solution.Delta[c] for c in cluster.channels]
    upper, lower = spectrum.energies(z[0], z[1], *amplitudes)
    place = cluster.bands.index(i)
    weights, occupied = [], []
    for E, sign in ((lower, -1.0), (upper, 1.0)):
        u2, v2 = (float(electron_weights(z[0], z[1], amplitudes, w, sign)[place]) for w in (E, -E))
        weights.append(u2 + v2)
        occupied.append(v2)
    return (float(lower), float(upper)), tuple(weights), tuple(occupied)


def _of_matrix(matrix: Bogoliubov, kappa: Scalar, place: int) -> tuple[tuple[float, ...], ...]:
    """The same of a cluster of several bands: of those that are inside their shells at this kappa."""
    at = matrix.inside(kappa[None])
    inside = np.flatnonzero(np.tile(np.asarray(at.active)[:, 0], 2))
    E, W = np.linalg.eigh(np.asarray(matrix.hamiltonians(matrix.Delta, at))[0][np.ix_(inside, inside)])
    n = len(E) // 2
    own = int(np.flatnonzero(inside == place)[0])
    u2, v2 = (np.abs(W[row, n:]) ** 2 for row in (own, n + own))
    return tuple(E[n:].tolist()), tuple((u2 + v2).tolist()), tuple(v2.tolist())


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------


def edc_spectra(
    states: Mapping[str, Solution],
    band: str,
    omega: Reals,
    Gamma: Real,
    energy_resolution: Real,
    momentum_resolution: Real = 0.0,
) -> Spectra:
    """Symmetrised EDCs at k_F of a band of several states, and the gaps read from them as marks."""
    omega, curves, marks = np.asarray(omega), {}, {}
    for label, s in states.items():
        widths = {"energy_resolution": energy_resolution, "momentum_resolution": momentum_resolution}
        curves[label] = np.asarray(symmetrised_edc(s, band, omega, Gamma, **widths))
        marks[label] = float(symmetrised_gap(s, band, Gamma, energy_resolution, momentum_resolution))
    y_label = r"$I(k_F, \omega) + I(k_F, -\omega)$ (1/meV)"
    title = f"{band}: {_widths(Gamma, energy_resolution, momentum_resolution)}"
    return Spectra(omega, curves, ENERGY.label, y_label, ENERGY.column, title, marks)


def _widths(Gamma: Real, energy_resolution: Real, momentum_resolution: Real) -> str:
    k = rf", {momentum_resolution:g} $\mathrm{{\AA}}^{{-1}}$" if momentum_resolution else ""
    return rf"$\Gamma$ = {Gamma:g} meV, resolution {energy_resolution:g} meV{k}"


def _seen(view: View) -> Panels:
    """Of every band, and the gaps that they show."""
    widths = tuple(view.settings[name] for name in ("Gamma", "energy_resolution", "momentum_resolution"))
    omega = np.linspace(-view.reach, view.reach, ENERGY.points)
    panels = {band: edc_spectra(view.states, band, omega, *widths) for band in same_bands(view)}
    panels = {band: spectra._replace(title=f"at $k_F$ of {band}") for band, spectra in panels.items()}
    gaps = {label: gap_comparison(s, *widths) for label, s in view.states.items()}
    said = tuple(_sentence(label, row) for label, rows in gaps.items() for row in rows)
    return Panels(
        panels, _widths(*widths), {"gaps_meV": {label: [row._asdict() for row in rows] for label, rows in gaps.items()}}, said
    )


def _sentence(label: str, row: GapComparison) -> str:
    at_k_F = ", ".join(f"{E:.2f} ({w:.2f})" for E, w in zip(row.at_fermi_momentum, row.weights, strict=True))
    minima = ", ".join(f"{E:.2f}" for E in row.minima)
    prefix = f"{label}, {row.band}" if label else row.band
    return f"{prefix}: reads {row.symmetrised:.2f} meV; at k_F (weight) {at_k_F}; branch minima {minima}"


SYMMETRISED = Quantity(
    "arpes",
    lambda sc, T, s, omega, **given: symmetrised_edcs_of(s, omega, **given),
    ("band", "omega"),
    "1/meV",
    "symmetrised EDC at the Fermi momentum of every band",
    Need.STATE,
    axes=("omega",),
    settings=WIDTHS,
    datum="symmetrised_edc",
    measurement=COUNTS,
    plan=mesh_of_edcs,
    refused=no_fermi_edge,
    axis_units={"omega": "meV"},
    picture=Picture(
        ENERGY,
        "Symmetrised EDCs at the Fermi momentum of every band, and the gaps that they show",
        seen=_seen,
        settings=(PICTURE_REACH,),
    ),
)
