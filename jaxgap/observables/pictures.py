"""Pictures of what experiments see, in the units of their papers; several states in one, to be compared.

The functions take states by the label that the legend shows and compute the spectra (`Spectra`); `draw` draws them on `ax` (a
new one if None) and returns it. `Spectra.table` is what is written beside a picture.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from jaxgap.drawing import COLOURS
from jaxgap.model.band import kappa_F, velocity
from jaxgap.observables.andreev import andreev_conductance
from jaxgap.observables.arpes import photoemission
from jaxgap.observables.conductance import tunnelling_conductance
from jaxgap.observables.density_of_states import tunnelling_density_of_states
from jaxgap.observables.energies import dispersion, wave_vector
from jaxgap.observables.gaps import branch_minima
from jaxgap.observables.symmetrised import symmetrised_edc, symmetrised_gap
from jaxgap.solving.solution import Solution
from jaxgap.units import hbar2_over_2m_e

__all__ = [
    "IntensityMap",
    "Spectra",
    "andreev_spectra",
    "density_spectra",
    "draw",
    "draw_map",
    "edc_spectra",
    "photoemission_map",
    "reach_of",
    "tunnelling_spectra",
]

States = Mapping[str, Solution]

LINES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)), (0, (3, 1)), (0, (1, 2)))
"""Of the curves of a picture: with `COLOURS`, two ways to tell each from the others."""
TALLEST = 6.0
"""A picture of a density of states without broadening ends here: its peaks are infinite."""


class Spectra(NamedTuple):
    """Curves over one axis; NaN where there is nothing."""

    x: np.ndarray
    curves: dict[str, np.ndarray]
    """By label."""
    x_label: str
    y_label: str
    x_column: str
    """As in a table, with its unit."""
    title: str = ""
    marks: Mapping[str, float] = MappingProxyType({})
    """Places on the axis to be marked, by label of the curve."""
    top: float | None = None
    """Where the picture ends."""
    normal: Mapping[str, np.ndarray] = MappingProxyType({})
    """What the normal state has, by label of the curve."""

    @property
    def table(self) -> tuple[tuple[str, ...], list[tuple[float, ...]]]:
        """Columns and rows."""
        names = [", ".join(part for part in (label, "normal state") if part) for label in self.normal]
        columns = [self.x, *self.curves.values(), *self.normal.values()]
        return (self.x_column, *self.curves, *names), [tuple(map(float, row)) for row in zip(*columns, strict=True)]


def reach_of(states: States) -> float:
    """2.5 times the largest branch minimum of all states (at most Omega), or half the shell where all are normal [meV]."""
    largest = max(min(float(np.max(branch_minima(s))), float(s.superconductor.Omega)) for s in states.values())
    # An eighth of a meV: energies that hardly differ are no news.
    return np.ceil(20 * largest) / 8 if largest > 0 else max(float(s.superconductor.Omega) / 2 for s in states.values())


def density_spectra(states: States, omega: Any, Gamma: float = 0.0, weights: Any = None) -> Spectra:
    """N(omega) / N(0)."""
    omega = np.asarray(omega)
    curves = {
        label: np.asarray(tunnelling_density_of_states(s, omega, Gamma, weights=weights).total) for label, s in states.items()
    }
    top = TALLEST if Gamma == 0 and max(curve.max() for curve in curves.values()) > TALLEST else None
    broadening = "no broadening (peaks are infinite)" if Gamma == 0 else rf"$\Gamma$ = {Gamma:g} meV"
    return Spectra(
        omega,
        curves,
        r"energy $\omega$ (meV)",
        r"$N(\omega)\,/\,N(0)$",
        "omega_meV",
        f"density of states, {broadening}",
        top=top,
    )


def tunnelling_spectra(states: States, V: Any, Gamma: float, weights: Any = None) -> Spectra:
    """dI/dV of a tunnel junction."""
    V = np.asarray(V)
    curves = {label: np.asarray(tunnelling_conductance(s, V, Gamma, weights=weights)) for label, s in states.items()}
    title = rf"tunnel junction, $\Gamma$ = {Gamma:g} meV"
    return Spectra(V, curves, "voltage $V$ (mV)", "$dI/dV$ over normal state", "V_mV", title)


def andreev_spectra(states: States, V: Any, Gamma: float, Z: float, weights: Any = None) -> Spectra:
    """dI/dV of a point contact."""
    V = np.asarray(V)
    curves = {label: np.asarray(andreev_conductance(s, V, Gamma, Z, weights=weights)) for label, s in states.items()}
    title = rf"point contact, $Z$ = {Z:g}, $\Gamma$ = {Gamma:g} meV"
    return Spectra(V, curves, "voltage $V$ (mV)", "$dI/dV$ over normal state", "V_mV", title)


def edc_spectra(
    states: States, band: str, omega: Any, Gamma: float, energy_resolution: float, momentum_resolution: float = 0.0
) -> Spectra:
    """Symmetrised EDCs at k_F of a band, and the gaps read from them as marks."""
    omega, curves, marks = np.asarray(omega), {}, {}
    for label, s in states.items():
        widths = {"energy_resolution": energy_resolution, "momentum_resolution": momentum_resolution}
        curves[label] = np.asarray(symmetrised_edc(s, band, omega, Gamma, **widths))
        marks[label] = float(symmetrised_gap(s, band, Gamma, energy_resolution, momentum_resolution))
    y_label = r"$I(k_F, \omega) + I(k_F, -\omega)$ (1/meV)"
    title = rf"{band}: $\Gamma$ = {Gamma:g} meV, resolution {energy_resolution:g} meV"
    title += rf", {momentum_resolution:g} $\mathrm{{\AA}}^{{-1}}$" if momentum_resolution else ""
    return Spectra(omega, curves, r"energy $\omega$ (meV)", y_label, "omega_meV", title, marks)


def draw(spectra: Spectra, ax: Any = None) -> Any:
    """The curves with their legend, the normal state dotted; marks as triangles on them, with the numbers in the legend."""
    ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")[1] if ax is None else ax
    for i, (label, curve) in enumerate(spectra.curves.items()):
        colour, mark = COLOURS[i % len(COLOURS)], spectra.marks.get(label)
        text = label if mark is None else f"{label}{': ' * bool(label)}gap {mark:.2f} meV"
        ax.plot(spectra.x, curve, color=colour, ls=LINES[i % len(LINES)], lw=1.6, label=text)
        if label in spectra.normal:
            ax.plot(spectra.x, spectra.normal[label], color=colour, ls=(0, (1, 1)), lw=0.9)
        if mark is not None and mark > 0:
            at = np.array([-mark, mark])
            ax.plot(at, np.interp(at, spectra.x, curve), "v", color=colour, ms=6, mec="black", mew=0.5, zorder=5)
    ax.set(xlabel=spectra.x_label, ylabel=spectra.y_label, xlim=(spectra.x[0], spectra.x[-1]))
    drawn = np.concatenate([*spectra.curves.values(), *spectra.normal.values()])
    low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
    # From zero, unless all that matters lies far above it, or something below.
    if spectra.top is not None or low < high / 2 or high - low < 0.1 * high:
        low = low if low < -0.01 * high else 0.0
    # Room above for the legend where it would lie on peaks.
    high = spectra.top or high + (0.3 if spectra.marks else 0.05) * (high - low)
    ax.set_ylim(low - (0.05 * (high - low) if low else 0.0), high)
    ax.set_title(spectra.title, fontsize=10)
    if any(spectra.curves) or spectra.marks:
        ax.legend(frameon=False, fontsize=8.5, loc="upper center" if spectra.marks else "best")
    return ax


class IntensityMap(NamedTuple):
    """I(k, omega) of one state, and what lies beneath it."""

    k: np.ndarray
    omega: np.ndarray
    intensity: np.ndarray
    """[1/meV], k first."""
    branches: np.ndarray
    """E(k) [meV], k last."""
    title: str

    @property
    def table(self) -> tuple[tuple[str, ...], Iterator[tuple[float, ...]]]:
        """Columns and rows."""
        rows = (
            (float(k), float(w), float(self.intensity[i, j])) for i, k in enumerate(self.k) for j, w in enumerate(self.omega)
        )
        return ("k_per_angstrom", "omega_meV", "intensity_per_meV"), rows


def photoemission_map(
    s: Solution, omega: Any, Gamma: float, energy_resolution: float, momentum_resolution: float = 0.0, title: str = ""
) -> IntensityMap:
    """I(k, omega) around the Fermi momenta, all bands alike."""
    bands = s.superconductor.bands
    k_F = [float(wave_vector(kappa_F(band))) for band in bands]
    slowest = min(abs(float(velocity(band, jnp.asarray(k)))) for k, band in zip(k_F, bands, strict=True))
    margin = 1.2 * float(np.max(np.abs(omega))) / slowest
    k = np.linspace(max(min(k_F) - margin, 0.0), max(k_F) + margin, 161)
    intensity = photoemission(s, k, omega, Gamma, energy_resolution=energy_resolution, momentum_resolution=momentum_resolution)
    return IntensityMap(k, np.asarray(omega), np.asarray(intensity), np.asarray(dispersion(s, hbar2_over_2m_e * k**2)), title)


def draw_map(found: IntensityMap, ax: Any = None) -> Any:
    """The intensity as colour, +-E_b(k) as dashed lines."""
    ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")[1] if ax is None else ax
    image = ax.pcolormesh(found.k, found.omega, found.intensity.T, cmap="cividis", shading="nearest", rasterized=True)
    ax.figure.colorbar(image, ax=ax, label="intensity (1/meV)")
    for E in found.branches:
        for sign in (-1, 1):
            ax.plot(found.k, sign * E, color="white", lw=0.8, ls=(0, (4, 3)), alpha=0.8)
    ax.axhline(0.0, color="white", lw=0.5)
    ax.set(xlabel=r"$k$ ($\mathrm{\AA}^{-1}$)", ylabel=r"energy $\omega$ (meV)", ylim=(found.omega[0], found.omega[-1]))
    ax.set_xlim(found.k[0], found.k[-1])
    ax.set_title(f"{found.title}{'; ' * bool(found.title)}dashed: $\\pm E(k)$", fontsize=10)
    return ax
