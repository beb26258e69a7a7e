"""What a posterior says: a table with its warnings in sentences, posterior.json, and posterior.png."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from scipy.stats import gaussian_kde

from jaxgap.drawing import COLOURS
from jaxgap.fitting.posterior import EFFECTIVE, PARETO, R_HAT, SHARE, Mode, Posterior
from jaxgap.model.files import picture, write_files
from jaxgap.model.records import text_of
from jaxgap.numerics.provenance import provenance

__all__ = ["SCHEMA", "as_json", "plot_posterior", "posterior_files", "print_report", "text", "verdict", "write_posterior"]

SCHEMA = "jaxgap-posterior-1"
"""Version of posterior.json's structure."""
LEVELS = (0.68, 0.95)
"""Probability inside the contours."""
SHOWN = 4000
"""Draws in a scatter plot and its contours."""
REACH = 0.002
"""Share of the draws left out of a panel on either side."""


def write_posterior(posterior: Posterior, folder: str | Path) -> tuple[Path, ...]:
    """Write posterior.json and posterior.png into `folder`, both or none; returns their paths."""
    return write_files(posterior_files(posterior, folder))


def posterior_files(posterior: Posterior, folder: str | Path) -> dict[Path, str | bytes]:
    """Path -> content of what is written about a posterior."""
    figure = plot_posterior(posterior)
    try:
        content = picture(figure)
    finally:
        plt.close(figure)
    return {Path(folder) / "posterior.json": text_of(as_json(posterior)) + "\n", Path(folder) / "posterior.png": content}


def verdict(posterior: Posterior) -> str:
    """One paragraph: whether to trust the draws, and what stands against it."""
    sentences = [_length(posterior), _modes(posterior)]
    total = posterior.diverging.size
    if n := posterior.divergences:
        sentences.append(
            f"{n} of {total} trajectories ({100 * n / total:.2g} %) diverged: they met parameters at which the branch does not "
            "exist, an edge of the posterior that the chains explore slowly, or a corner too narrow for their step."
        )
    if not all(criterion.trusted for criterion in posterior.criteria):
        sentences.append(
            "WAIC or leave-one-out fail their own check (single data move the posterior too much): compare models by refitting "
            "without each datum instead."
        )
    if posterior.config.data.loss != "linear":
        sentences.append(
            f"The loss `{posterior.config.data.loss}` is no normalised density: compare log likelihoods only with fits of the "
            "same data and loss."
        )
    return " ".join(sentences)


def _length(posterior: Posterior) -> str:
    """Whether the chains have met, and are long enough."""
    chains, draws, _ = posterior.draws.shape
    if posterior.converged:
        return f"{chains} chains of {draws} draws agree (R-hat < {R_HAT}, more than {EFFECTIVE} effective draws)."
    if chains == 1:
        return "NOT CONVERGED as far as can be told: a single chain cannot be compared with others; draw at least two chains."
    apart = [f"{m.name} ({m.r_hat:.3f})" for m in posterior.summary if not m.r_hat < R_HAT]
    few = [f"{m.name} ({min(m.ess_bulk, m.ess_tail):.0f})" for m in posterior.summary if not _effective(m) > EFFECTIVE]
    reasons = [f"R-hat is not below {R_HAT} for {' and '.join(apart)}"] if apart else []
    reasons += [f"fewer than {EFFECTIVE} draws are effective for {' and '.join(few)}"] if few else []
    more = "draw more, or, if that does not help, with a longer warm-up; until then do not quote these"
    return f"NOT CONVERGED: {'; '.join(reasons)}: {more}."


def _modes(posterior: Posterior) -> str:
    """Of how many modes the posterior is, as far as the fit's starts have found them."""
    if not posterior.modes:
        return "The fit found one mode; chains that agree do not prove that there is no other."
    said = [
        f"{100 * m.mass.share:.1f} +- {100 * m.mass.error:.1f} % around {_place(posterior, m)} ({m.optimum.stability})"
        for m in posterior.modes
    ]
    text = f"The posterior has {len(said)} modes, each with chains of its own: {'; '.join(said)} (shares by bridge sampling)."
    known = all(mode.mass.error < SHARE for mode in posterior.modes)
    return text if known else f"{text} NOT CONVERGED: the shares are not known well enough: draw more."


def _place(posterior: Posterior, mode: Mode) -> str:
    return ", ".join(f"{name} = {value:.5g}" for name, value in zip(posterior.names, mode.optimum.value, strict=True))


def _effective(m: Any) -> float:
    return float(min(m.ess_bulk, m.ess_tail))


def print_report(posterior: Posterior, console: Console) -> None:
    """The table of a posterior, its criteria, and its verdict."""
    names = [escape(m.name + (f" [{m.unit}]" if m.unit else "")) for m in posterior.summary]
    # Two tables, since one would be wider than a terminal.
    table = _table(f"posterior: {posterior.config.title or 'fit'}", "mean", "sd", "68 % interval", "95 % interval")
    for name, m in zip(names, posterior.summary, strict=True):
        intervals = [f"{low:.4g} .. {high:.4g}" for low, high in (m.interval_68, m.interval_95)]
        table.add_row(name, f"{m.mean:.5g}", f"{m.sd:.2g}", *intervals)
    console.print(table)
    table = _table("the fit's optimum, and the chains", "optimum", "R-hat", "ESS bulk", "ESS tail")
    for name, m, optimum in zip(names, posterior.summary, posterior.optimum, strict=True):
        table.add_row(name, f"{optimum:.5g}", f"{m.r_hat:.4f}", f"{m.ess_bulk:.0f}", f"{m.ess_tail:.0f}")
    console.print(table)
    for c in posterior.criteria:
        k = "" if np.isnan(c.pareto_k) else f", largest Pareto k {c.pareto_k:.2f} (up to {PARETO} is good)"
        console.print(
            f"{c.name}: elpd = {c.elpd:.2f} +- {c.se:.2f}, {c.parameters:.2f} effective parameters{k}", highlight=False
        )
    console.print(f"{posterior.divergences} divergences; {posterior.seconds:.1f} s.", highlight=False)
    console.print(escape(verdict(posterior)), highlight=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("parameter")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def text(posterior: Posterior) -> str:
    """The report as text."""
    console = Console(width=140, highlight=False, color_system=None)
    with console.capture() as capture:
        print_report(posterior, console)
    return capture.get()


def as_json(posterior: Posterior) -> dict[str, Any]:
    """Summary and provenance; numbers that do not exist are null."""
    chains, draws, _ = posterior.draws.shape
    return {
        "schema": SCHEMA,
        "title": posterior.config.title,
        "configuration": posterior.config.model_dump(mode="json"),
        "parameters": [
            m._asdict() | {"optimum": float(best), "bounds": list(posterior.config.parameters[m.name].bounds)}
            for m, best in zip(posterior.summary, posterior.optimum, strict=True)
        ],
        "correlation": posterior.correlation.tolist(),
        "criteria": [c._asdict() for c in posterior.criteria],
        "chi2": {"mean": float(posterior.chi2.mean()), "lowest": float(posterior.chi2.min())},
        "modes": [
            {
                "optimum": mode.optimum.value.tolist(),
                "chi2": mode.optimum.chi2,
                "stability": mode.optimum.stability,
                **mode.mass._asdict(),
            }
            for mode in posterior.modes
        ],
        "chains": chains,
        "draws": draws,
        "warmup": posterior.warmup,
        "seed": posterior.seed,
        "divergences": posterior.divergences,
        "mean_evaluations_per_draw": float(posterior.steps.mean()),
        "converged": posterior.converged,
        "verdict": verdict(posterior),
        "seconds": posterior.seconds,
        "provenance": provenance("numpyro", "arviz"),
    }


# --- the picture -------------------------------------------------------------------------------------------------------


def plot_posterior(posterior: Posterior, ax: Any = None) -> Any:
    """Corner plot: every parameter's draws on the diagonal, every pair's below it, with contours of 68 % and 95 %, the optimum
    of the fit and its profile intervals; returns the figure.

    Args:
        posterior: the draws.
        ax: axes [parameter, parameter] to draw on; new ones if not given.
    """
    x, k = posterior.draws.reshape(-1, len(posterior.names)), len(posterior.names)
    if ax is None:
        size = 2.4 * k + 1.2
        _, ax = plt.subplots(k, k, figsize=(size, size), layout="constrained", squeeze=False)
    ax = np.atleast_2d(ax)
    limits = [np.quantile(x[:, i], [REACH, 1 - REACH]) for i in range(k)]
    for i in range(k):
        for j in range(k):
            if j > i:
                ax[i, j].axis("off")
            elif i == j:
                _draw_marginal(ax[i, i], posterior, i, x[:, i])
            else:
                _draw_pair(ax[i, j], posterior, (j, i), x)
    for i in range(k):
        for j in range(i + 1):
            _label(ax[i, j], posterior, i, j, limits)
    _legend(ax, posterior)
    return ax[0, 0].figure


def _draw_marginal(ax: Any, posterior: Posterior, i: int, x: np.ndarray) -> None:
    """The histogram with its 68 % interval, above it the profile's."""
    m, interval = posterior.summary[i], posterior.intervals[i]
    ax.hist(x, bins=40, range=tuple(np.quantile(x, [REACH, 1 - REACH])), density=True, color=COLOURS[5], alpha=0.55)
    ax.axvspan(*m.interval_68, color=COLOURS[0], alpha=0.15, lw=0)
    ax.axvline(m.mean, color=COLOURS[0], lw=1.6)
    top = ax.get_ylim()[1]
    ax.set_ylim(0, 1.15 * top)
    best = posterior.optimum[i]
    ends = [[best - interval.lower.value], [interval.upper.value - best]]
    ax.errorbar(best, 1.07 * top, xerr=ends, fmt="D", ms=5, capsize=4, color=COLOURS[1], lw=1.6)


def _draw_pair(ax: Any, posterior: Posterior, pair: tuple[int, int], x: np.ndarray) -> None:
    """Draws of two parameters, and the regions of highest density."""
    chosen = x[:: max(1, len(x) // SHOWN), list(pair)]
    ax.plot(*chosen.T, ".", ms=2.5, color=COLOURS[5], alpha=0.4, mew=0, rasterized=True)
    _draw_contours(ax, x[:, list(pair)])
    where = posterior.diverging.reshape(-1)
    if where.any():
        ax.plot(*x[where][:, list(pair)].T, "x", ms=5, mew=1, color="black")
    ax.plot(*posterior.optimum[list(pair)], "D", ms=6, color=COLOURS[1], mec="white", mew=0.8, zorder=5)


def _draw_contours(ax: Any, x: np.ndarray) -> None:
    """Contours that enclose 68 % and 95 % of the draws, where they are dense enough to have a density."""
    scale = x.std(axis=0)
    if not np.all(scale > 0) or abs(np.corrcoef(x.T)[0, 1]) > 1 - 1e-9:
        return
    chosen = x[:: max(1, len(x) // SHOWN)].T
    kde = gaussian_kde(chosen)
    heights = np.quantile(kde(chosen), [1 - level for level in LEVELS[::-1]])
    low, high = x.min(axis=0) - 0.2 * scale, x.max(axis=0) + 0.2 * scale
    X, Y = np.meshgrid(*(np.linspace(a, b, 120) for a, b in zip(low, high, strict=True)))
    density = kde(np.stack([X.ravel(), Y.ravel()])).reshape(X.shape)
    ax.contour(X, Y, density, levels=heights, colors=COLOURS[0], linewidths=1.6, linestyles=["--", "-"])


def _label(ax: Any, posterior: Posterior, i: int, j: int, limits: list[Any]) -> None:
    """Labels with units at the outside only."""
    k = len(posterior.names)
    ax.set_xlim(*_margin(limits[j]))
    if i != j:
        ax.set_ylim(*_margin(limits[i]))
    ax.locator_params(axis="x", nbins=4)
    if i == k - 1:
        ax.set_xlabel(_name(posterior, j))
    else:
        ax.set_xticklabels([])
    if i == j:
        ax.set_yticks([])
        ax.spines[["left", "right", "top"]].set_visible(False)
    elif j == 0:
        ax.set_ylabel(_name(posterior, i))
    else:
        ax.set_yticklabels([])


def _margin(limits: Any) -> tuple[float, float]:
    margin = 0.06 * (limits[1] - limits[0])
    return float(limits[0] - margin), float(limits[1] + margin)


def _name(posterior: Posterior, i: int) -> str:
    """A parameter as physicists write it: lambda_13 [unit] as a subscripted Greek letter."""
    name, unit = posterior.names[i], posterior.config.parameters[posterior.names[i]].unit
    head, _, index = name.partition("_")
    greek = {"lambda": r"\lambda", "lam": r"\lambda", "mu": r"\mu", "Omega": r"\Omega", "alpha": r"\alpha", "beta": r"\beta"}
    if head in greek and (not index or index.isalnum()):
        name = f"${greek[head]}{f'_{{{index}}}' if index else ''}$"
    return f"{name} ({unit})" if unit else name


def _legend(ax: Any, posterior: Posterior) -> None:
    handles = [
        Patch(color=COLOURS[5], alpha=0.55, label=f"{posterior.diverging.size} draws"),
        Line2D([], [], color=COLOURS[0], lw=1.6, label="mean; contour around 68 % of the draws"),
        Line2D([], [], color=COLOURS[0], lw=1.6, ls="--", label="contour around 95 %"),
        Patch(color=COLOURS[0], alpha=0.15, label="central 68 % interval"),
        Line2D([], [], color=COLOURS[1], marker="D", ms=5, lw=1.6, label=r"optimum; profile interval ($\Delta\chi^2 = 1$)"),
    ]
    if posterior.divergences:
        handles.append(Line2D([], [], color="black", marker="x", ms=5, lw=0, label="draws whose trajectory diverged"))
    if len(posterior.names) > 1:
        ax[0, -1].legend(handles=handles, frameon=False, fontsize=8.5, loc="upper right")
    else:
        ax[0, 0].figure.legend(handles=handles, frameon=False, fontsize=8.5, loc="outside lower center")
    ax[0, 0].figure.suptitle(posterior.config.title, fontsize=11)
