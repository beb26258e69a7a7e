r"""Energy distribution curves (EDCs) of photoemission at the Fermi momentum of a band, raw and symmetrised.

.. math:: I_i(\omega) = \int dk \, R_k(k - k_{F,i}) \int d\omega' \, R_\omega(\omega - \omega') f(\omega') A_i(k, \omega'),
          \qquad S_i(\omega) = I_i(\omega) + I_i(-\omega)

with the Fermi function and both resolutions inside (`arpes`); counts are a scale times that, and a background (`COUNTS`). A raw
EDC says more than a symmetrised one: of a cross-paired band A is not even in omega (`symmetrised`).
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.types import Real, Reals
from jaxgap.observables.arpes import (
    ENERGY_RESOLUTION,
    FWHM,
    MOMENTUM_RESOLUTION,
    Mesh,
    fermi_wave_vector,
    mesh_for,
    no_fermi_edge,
    photoemission_mesh,
    photoemission_of,
)
from jaxgap.observables.measurements import COUNTS
from jaxgap.observables.quantity import GAMMA, PICTURE_REACH, Need, Numbers, Picture, Quantity, Ranges
from jaxgap.observables.views import ENERGY, Panels, Spectra, View
from jaxgap.solving.state import PairedState

__all__ = ["EDC", "WIDTHS", "edcs_of", "mesh_of_edcs", "only_of", "same_bands", "symmetrised_edcs_of"]

WIDTHS = (GAMMA._replace(default=1.0, positive=True), ENERGY_RESOLUTION._replace(positive=True), MOMENTUM_RESOLUTION)


def edcs_of(
    s: PairedState,
    omega: Reals,
    Gamma: Real,
    energy_resolution: Real,
    momentum_resolution: Real = 0.0,
    mesh: Mesh | None = None,
) -> Float[Array, "band omega"]:
    """I(k_F, omega) [1/meV] of every band alone at its Fermi momentum."""
    names = s.superconductor.band_names
    k = [fermi_wave_vector(s.superconductor, band) for band in names]
    if mesh is None:
        mesh = photoemission_mesh(s, jnp.stack(k), omega, Gamma, energy_resolution, momentum_resolution)
    omega = jnp.atleast_1d(jnp.asarray(omega, jnp.float64))
    width, energy, momentum = (jnp.asarray(x, jnp.float64) for x in (Gamma, energy_resolution, momentum_resolution))
    sigmas = energy / FWHM, momentum / FWHM
    rows = (
        photoemission_of(s, one[None], omega, width, sigmas, only_of(s, band), mesh, True)
        for one, band in zip(k, names, strict=True)
    )
    return jnp.concatenate([*rows])


def symmetrised_edcs_of(s: PairedState, omega: Reals, **given: Any) -> Float[Array, "band omega"]:
    """I(k_F, omega) + I(k_F, -omega) of every band alone at its Fermi momentum."""
    omega = jnp.atleast_1d(jnp.asarray(omega, jnp.float64))
    both = edcs_of(s, jnp.concatenate([omega, -omega]), **given)
    return both[:, : len(omega)] + both[:, len(omega) :]


def mesh_of_edcs(
    sc: Superconductor, T: Float[np.ndarray, "condition"], points: Mapping[str, np.ndarray], ranges: Ranges
) -> Numbers:
    """The mesh that EDCs at all temperatures [K] need, whatever their widths are in their ranges."""
    check(bool(np.all(T > 0)), "T", "be positive [K] for photoemission (the Fermi function)", np.min(T))
    Gamma, energies, momenta = (one.range_in(ranges) for one in WIDTHS)
    for one, (least, _) in zip(WIDTHS[:2], (Gamma, energies), strict=True):
        check(least > 0, one.name, "stay positive [meV] in a fit", least)
    # Of one sign or both.
    omega = np.concatenate([np.ravel(points["omega"]), -np.ravel(points["omega"])])
    k_F = np.array([float(fermi_wave_vector(sc, band)) for band in sc.band_names])
    found = [
        mesh_for(sc, float(np.min(T)), k_F, omega, Gamma[0], energy, momentum) for energy in energies for momentum in momenta
    ]
    return {"mesh": Mesh(*(max(counts) for counts in zip(*found, strict=True)))}


def only_of(solution: PairedState, band: str) -> Float[Array, "band"]:
    """Matrix elements that select one band."""
    names = solution.superconductor.band_names
    fermi_wave_vector(solution.superconductor, band)  # checks the name
    return jnp.asarray(np.array(names) == band, jnp.float64)


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------


def same_bands(view: View) -> tuple[str, ...]:
    """The bands of all states in a picture, one panel each."""
    bands = {s.superconductor.band_names for s in view.states.values()}
    check(len(bands) == 1, "SYSTEM", "have the same bands in one photoemission picture", [*view.states])
    return bands.pop()


def _seen(view: View) -> Panels:
    """A panel for every band, with a curve for every state."""
    bands = same_bands(view)
    widths = {one.name: view.settings[one.name] for one in WIDTHS}
    omega = np.linspace(-view.reach, view.reach / 2, ENERGY.points)
    found = {label: np.asarray(edcs_of(s, omega, **widths)) for label, s in view.states.items()}
    panels = {
        band: Spectra(
            omega,
            {label: rows[i] for label, rows in found.items()},
            ENERGY.label,
            r"$I(k_F, \omega)$ (1/meV)",
            ENERGY.column,
            f"at $k_F$ of {band}",
        )
        for i, band in enumerate(bands)
    }
    title = rf"$\Gamma$ = {widths['Gamma']:g} meV, resolution {widths['energy_resolution']:g} meV"
    return Panels(panels, title, {}, ())


EDC = Quantity(
    "edc",
    lambda sc, T, s, omega, **given: edcs_of(s, omega, **given),
    ("band", "omega"),
    "1/meV",
    "EDC at the Fermi momentum of every band, with the Fermi function",
    Need.STATE,
    axes=("omega",),
    settings=WIDTHS,
    datum="edc",
    measurement=COUNTS,
    plan=mesh_of_edcs,
    refused=no_fermi_edge,
    axis_units={"omega": "meV"},
    picture=Picture(
        ENERGY, "EDCs at the Fermi momentum of every band, with the Fermi function", seen=_seen, settings=(PICTURE_REACH,)
    ),
)
