"""Pictures of a fit."""

from typing import Any

import matplotlib.pyplot as plt

from jaxgap.branches import gap_curve
from jaxgap.fitting.objective import error_of
from jaxgap.fitting.optimise import FitResult
from jaxgap.observables.gaps import branch_names
from jaxgap.plotting import COLOURS, draw_curve

__all__ = ["plot_fit"]


def plot_fit(result: FitResult, ax: Any = None) -> Any:
    """Gaps against temperature on the fitted branch, with the data, and the other branch beside it."""
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 5.0), layout="constrained")
    sc, branch = result.superconductor, result.config.system.branch
    end, last = result.predictions[0].value, float(result.curve.T[-1])
    # The same temperatures for the other branch, so that the compiled program serves again.
    other_branch = _other_branch(branch)
    for name, other, curve in (
        (branch, False, result.curve),
        (other_branch, True, gap_curve(sc, result.curve.T, other_branch)),
    ):
        for i, (label, gap) in enumerate(zip(branch_names(sc), curve.gaps.T, strict=True)):
            style: dict[str, Any] = {"color": "0.55", "lw": 1.2} if other else {"color": COLOURS[i % len(COLOURS)], "lw": 2.2}
            shown = f"{name}, {label.split()[-1]} branch" if not other else (f"{name} (not fitted)" if i == 0 else None)
            draw_curve(ax, curve.T, gap, curve.stable, label=shown, **style)
    ax.axvline(end, ymax=0.75, color="0.8", lw=1, zorder=0)
    ax.annotate(f"{branch} ends\n{end:.2f} K", (end, 0.5), xytext=(4, 0), textcoords="offset points", fontsize=9, color="0.3")
    _draw_data(result, ax)
    ax.plot([], [], color="0.3", ls=(0, (4, 2)), lw=1.2, label="dashed: unstable (phases: at equal rates)")
    ax.set(xlabel="temperature $T$ (K)", ylabel="excitation gap (minimum of the branch) (meV)", xlim=(-0.05 * last, last))
    ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
    ax.set_title(result.config.title, fontsize=11)
    ax.legend(frameon=False, fontsize=8.5, loc="upper right", ncols=2)
    return ax


def _draw_data(result: FitResult, ax: Any) -> None:
    """Fitted data with their errors; data without a stated temperature at the left edge; measured temperatures on top."""
    names = branch_names(result.superconductor)
    for i, name in enumerate(names):
        rows = [d for d in result.fitted if d.quantity == f"branch_minimum[{name}]" and not d.limit]
        errors = [error_of(d, result.config) for d in rows]
        if rows:
            label = "fitted data" if i == len(names) - 1 else None
            style = {"fmt": "o", "ms": 6, "color": COLOURS[i % len(COLOURS)], "mec": "black", "capsize": 3}
            ax.errorbar([d.T for d in rows], [d.value for d in rows], yerr=errors, label=label, zorder=5, **style)
    shown = [d for d in result.data if d.use == "show" and d.unit == "meV" and not d.operator]
    left, right = ax.get_xlim()
    if shown:
        x = [-0.02 * (right - left) if d.T is None else d.T for d in shown]
        style = {"marker": "D", "s": 26, "facecolors": "none", "edgecolors": "0.25", "zorder": 4, "linewidths": 1}
        ax.scatter(x, [d.value for d in shown], label="other ARPES data, T not stated (not fitted)", **style)


def _other_branch(branch: str) -> str:
    """The branch drawn for comparison: s++, or s+- if that is the fitted one."""
    return "s+-" if branch.removeprefix("s") == "++" else "s++"
