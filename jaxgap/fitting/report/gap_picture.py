"""The picture of a fit: gaps against temperature along the fitted branch, with everything that was measured.

What a user has written (titles, names) is drawn as it stands, never read as mathematical notation. The legend names what is
drawn, and nothing else.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxgap.drawing import COLOURS, draw_curve
from jaxgap.fitting.data import GAPS, Datum
from jaxgap.fitting.optimise import other_branch
from jaxgap.fitting.problem import error_of
from jaxgap.fitting.report.rows import ends_at_T_c
from jaxgap.fitting.result import FitResult, SampleResult
from jaxgap.fitting.retarded import is_linked
from jaxgap.model.superconductor import Superconductor
from jaxgap.solving.curves import GapCurve
from jaxgap.spectra.minima import branch_names

__all__ = ["plot_fit", "plot_samples"]

FAR = 1.5
"""Data beyond so many times the higher of T_c and the branch's end are drawn at the right edge."""
MARKERS = {"branch_minimum": "o", "fermi_momentum": "s", "coherence_peak": "P", "gap_edge": "o"}
DEFINITIONS = {"branch_minimum": "", "fermi_momentum": ", at k_F", "coherence_peak": ", coherence peak", "gap_edge": ""}
LIMITS = {"upper": "v", "lower": "^"}
OPEN: dict[str, Any] = {"mfc": "white", "mec": "0.25", "color": "0.25"}


def plot_samples(result: FitResult) -> Figure:
    """`plot_fit` of every sample, side by side; returns the figure."""
    n = len(result.samples)
    size = (7.2 * n, 5.0)
    figure, axes = plt.subplots(1, n, figsize=size, squeeze=False, layout="constrained")
    for ax, sample in zip(axes[0], result.samples, strict=True):
        plot_fit(result, ax, sample.name)
    top = max(ax.get_ylim()[1] for ax in axes[0])
    for ax in axes[0]:
        ax.set_ylim(0, top)
        ax.label_outer()
    return figure


def plot_fit(result: FitResult, ax: Axes | None = None, sample: str = "") -> Axes:
    """Gaps against temperature on the fitted branch with their uncertainty, the data, and the other branch beside it, of one
    sample.

    The band is one standard deviation, to first order in the parameters. It ends where the branch itself may have ended:
    one standard deviation below its predicted end, where first order says nothing any more.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 5.0), layout="constrained")
    found = next(one for one in result.samples if one.name == sample)
    reach = [float(found.curve.T[-1]), *(d.T or 0.0 for d in result.fitted if d.sample == sample)]
    last = min(max(reach), FAR * max([1.0, *(p.value for p in found.predictions if np.isfinite(p.value))]))
    dashed = _draw_curves(ax, found, result.branch)
    if not np.isfinite(np.asarray(found.curve.gaps)).any():
        ax.text(0.5, 0.5, f"no {result.branch} state at these parameters", transform=ax.transAxes, ha="center", color="0.3")
    _draw_end(ax, found, result.branch, last)
    _draw_gaps(ax, result, found, last)
    _draw_temperatures(ax, result, found)
    if dashed:
        ax.plot([], [], color="0.3", ls=(0, (4, 2)), lw=1.2, label="dashed: unstable (phases: at equal rates)")
    if _phases_unexamined(found.curve):
        ax.plot([], [], " ", label="stability is that of amplitudes; phases not examined")
    what = _what(found.superconductor)
    ax.set(xlabel="temperature $T$ (K)", ylabel=f"{what} (meV)", xlim=(-0.015 * last, last))
    ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
    ax.set_title(": ".join(part for part in (result.config.title, sample) if part), fontsize=11, parse_math=False)
    ax.legend(frameon=False, fontsize=8.5, loc="upper right", ncols=2)
    return ax


def _what(sc: Superconductor) -> str:
    if sc.is_disordered and not sc.is_dressed:
        return "order parameter"
    if is_linked(sc):
        return r"$\Delta(i\omega_0)$"
    return "edge of the gap" if sc.is_retarded else "excitation gap (minimum of the branch)"


# --- the model ---------------------------------------------------------------------------------------------------------


def _draw_curves(ax: Axes, found: SampleResult, branch: str) -> bool:
    """Both branches, and the band of the fitted one; whether anything of them is dashed."""
    dashed = False
    sc = found.superconductor
    names = sc.band_names if sc.is_disordered or is_linked(sc) else [f"{name} branch" for name in branch_names(sc)]
    for i, name in enumerate(names):
        style = {"color": _colour(i), "lw": 2.2, "label": f"{branch}, {name}", "zorder": 3}
        dashed |= _draw_branch(ax, found.curve, i, **style)
        _draw_band(ax, found, i)
    label: str | None = f"{other_branch(branch, found.superconductor)} (not fitted)"
    # Of a single channel the other sign is the same state.
    for i in range(found.comparison.gaps.shape[1] if found.superconductor.signed > 1 else 0):
        before = len(ax.get_legend_handles_labels()[1])
        dashed |= _draw_branch(ax, found.comparison, i, color="0.55", lw=1.2, label=label)
        label = label if len(ax.get_legend_handles_labels()[1]) == before else None
    return dashed


def _phases_unexamined(curve: GapCurve) -> bool:
    """Whether of some states of a curve only amplitudes are known to be stable."""
    return bool((np.isfinite(np.asarray(curve.gaps)).any(axis=1) & (np.asarray(curve.solutions.unstable_phase) < 0)).any())


def _draw_branch(ax: Axes, curve: GapCurve, i: int, **style: Any) -> bool:
    """One branch of quasiparticles along a curve, if it exists anywhere; whether some of it is dashed."""
    exists = np.isfinite(np.asarray(curve.gaps)[:, i])
    if not exists.any():
        return False
    draw_curve(ax, curve.T, np.asarray(curve.gaps)[:, i], curve.stable, **style)
    return bool((exists & ~np.asarray(curve.stable)).any())


def _draw_band(ax: Axes, found: SampleResult, i: int) -> None:
    """Gap plus and minus one standard deviation, where that means something."""
    T, gap, sigma = np.asarray(found.curve.T), np.asarray(found.curve.gaps)[:, i], found.curve_sigma[:, i]
    shown = np.isfinite(sigma) & _before_the_end(found, T, gap, sigma)
    if shown.any():
        label = "one standard deviation" if i == found.curve_sigma.shape[1] - 1 else None
        low, high = np.where(shown, np.maximum(gap - sigma, 0), np.nan), np.where(shown, gap + sigma, np.nan)
        ax.fill_between(T, low, high, color=_colour(i), alpha=0.25, lw=0, label=label)


def _before_the_end(found: SampleResult, T: np.ndarray, gap: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Where the branch exists at one standard deviation; a branch that ends at T_c ends as surely as T_c is known. Where that
    is not known, gaps known better than to themselves."""
    end, T_c = found.end, found.T_c
    spread = T_c.uncertainty if ends_at_T_c(found) else end.uncertainty
    return end.value - spread >= T if np.isfinite(spread) else sigma <= gap


def _draw_end(ax: Axes, found: SampleResult, branch: str, last: float) -> None:
    """Where the branch ends, and how sure that is."""
    end, T_c = found.end, found.T_c
    if not np.isfinite(end.value):
        return
    uncertainty = T_c.uncertainty if ends_at_T_c(found) else end.uncertainty
    spread = "" if np.isfinite(uncertainty) else "\n(not determined)" if np.isinf(uncertainty) else ""
    if np.isfinite(uncertainty) and uncertainty > 0:
        spread = f" ± {uncertainty:.2g}"
        ax.axvspan(end.value - uncertainty, end.value + uncertainty, ymax=0.7, color="0.93", lw=0, zorder=0)
    ax.axvline(end.value, ymax=0.7, color="0.75", lw=1, zorder=0)
    late = end.value > 0.8 * last  # then there is no room to the right of it
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5}
    ax.annotate(
        f"{branch} ends\n{end.value:.2f} K{spread}" if spread.startswith("\n") else f"{branch} ends\n{end.value:.2f}{spread} K",
        (end.value, 0.6 if late else 0.06),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        bbox=box,
        xytext=(-4 if late else 4, 0),
        ha="right" if late else "left",
        fontsize=9,
        color="0.3",
    )


# --- what was measured -------------------------------------------------------------------------------------------------


def _draw_gaps(ax: Axes, result: FitResult, found: SampleResult, last: float) -> None:
    """Fitted gaps in the colour of their branch or band, and others, open, beside them."""
    own = [d for d in result.data if d.sample in ("", found.name) and d.unit == "meV" and not d.operator]
    fitted = [d for d in own if d.use == "fit" and d.kind in GAPS]
    named: set[str] = set()
    for kind in GAPS:
        for limit in ("", "upper", "lower"):
            for i, of in enumerate(_targets(found, kind)):
                rows = [d for d in fitted if (d.kind, d.limit, d.of) == (kind, limit, of)]
                what = f"{limit} limit" if limit else "fitted data"
                style = {"color": _colour(i), "mec": "black", "marker": LIMITS.get(limit, MARKERS[kind])}
                _draw_rows(ax, result, rows, last, f"{what}{DEFINITIONS[kind]}", named, style)
    shown = [d for d in own if d.use == "show"]
    _draw_rows(
        ax, result, [d for d in shown if d.T is not None], last, "other data (not fitted)", named, OPEN | {"marker": "D"}
    )
    # Data whose temperature is not stated have no place on the axis: they are marked on its right end.
    if lost := [d.value for d in shown if d.T is None]:
        edge: dict[str, Any] = {"ls": "none", "marker": "<", "ms": 6, "clip_on": False, "zorder": 6, **OPEN}
        label = "other data, T not stated (right edge)"
        ax.plot(np.ones(len(lost)), lost, transform=ax.get_yaxis_transform(), label=label, **edge)
    _draw_normal(ax, found, fitted, last)


def _draw_rows(
    ax: Axes, result: FitResult, rows: list[Datum], last: float, label: str, named: set[str], style: dict[str, Any]
) -> None:
    """Data with their errors, under one name in the legend; what lies beyond the picture is at its right edge."""
    near, far = [d for d in rows if (d.T or 0.0) <= last], [d for d in rows if (d.T or 0.0) > last]
    common: dict[str, Any] = {"ls": "none", "ms": 6, "capsize": 3, "zorder": 5, "clip_on": False}
    for part, text, change in ((near, label, {}), (far, f"{label} (beyond, at the edge)", {"marker": ">"})):
        if part:
            errors = [error_of(d, result.config) if d.use == "fit" or d.error is not None else 0.0 for d in part]
            T, value = [min(d.T or 0.0, last) for d in part], [d.value for d in part]
            ax.errorbar(T, value, yerr=errors, label=None if text in named else text, **common, **(style | change))
            named.add(text)


def _draw_normal(ax: Axes, found: SampleResult, fitted: list[Datum], last: float) -> None:
    """The normal state's gap, which is none, where gaps were measured beyond the branch."""
    T_c = found.T_c.value
    if any((d.T or 0.0) > T_c for d in fitted):
        ax.plot([T_c, last], [0, 0], color="black", lw=2.5, label="normal state: no gap", zorder=3, clip_on=False)


def _draw_temperatures(ax: Axes, result: FitResult, found: SampleResult) -> None:
    """Measured T_c, ends and jumps on the axis of temperature: filled if they were fitted, open if they are compared with."""
    common: dict[str, Any] = {"ls": "none", "ms": 7, "capsize": 3, "zorder": 6, "clip_on": False}
    names = {"T_c": ("^", "T_c"), "branch_end": ("d", "end of the branch"), "jump": (">", "jump")}
    for kind, (marker, text) in names.items():
        for use, said in (("fit", "fitted"), ("predict", "not fitted"), ("show", "not fitted")):
            rows = [d for d in result.data if (d.kind, d.use) == (kind, use) and d.sample in ("", found.name)]
            if rows:
                style: dict[str, Any] = {"color": "black", "mec": "black"} if use == "fit" else dict(OPEN)
                errors = [error_of(d, result.config) for d in rows]
                ax.errorbar(
                    [d.value for d in rows],
                    np.zeros(len(rows)),
                    xerr=errors,
                    label=f"measured {text} ({said})",
                    marker=marker,
                    **(common | style),
                )


def _targets(found: SampleResult, kind: str) -> tuple[str, ...]:
    sc = found.superconductor
    if kind == "fermi_momentum":
        return sc.band_names if sc.beyond else ()
    return branch_names(sc)


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]
