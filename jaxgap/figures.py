"""The figures of Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), computed: every branch, with its stability.

Each figure is written as PNG and PDF with its data beside it (csv), and with a table: what the paper states in words, what
jaxgap computes, under which convention, and whether they agree. Nothing is tuned to agree. A published curve shows the
solution that an iteration found; here all branches are drawn, solid where stable and dashed where not (phases: for equal
relaxation rates, which matters only where g is not symmetric).
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import matplotlib.pyplot as plt
import numpy as np

from jaxgap.bifurcations import BifurcationKind, path
from jaxgap.branches import branch_end, gap_curve
from jaxgap.continuation import Branch, branches, crossings
from jaxgap.critical import critical_temperature
from jaxgap.labels import Label
from jaxgap.materials import ba122, mgb2, two_band
from jaxgap.observables import branch_names, dispersion, tunnelling_density_of_states
from jaxgap.plotting import COLOURS, draw_curve
from jaxgap.solutions import State, solutions
from jaxgap.solve import solve

__all__ = ["FIGURES", "Figure", "Statement", "write_figure"]

TEMPERATURE = 4.2
"""Of Figs. 2 and 3 [K]."""
BROADENING = 0.05
"""Dynes broadening of the DOS panels [meV]; the paper does not state one."""


class Statement(NamedTuple):
    """What the paper says against what comes out."""

    paper: str
    jaxgap: str
    agrees: str


class Figure(NamedTuple):
    """A picture, its data and its table."""

    figure: Any
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    statements: tuple[Statement, ...]


def write_figure(name: str, folder: str | Path) -> tuple[Path, ...]:
    """Compute the figure `name` of `FIGURES` and write NAME.png, .pdf, .csv and .md into `folder`; returns the paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = FIGURES[name]()
    paths = tuple(folder / f"{name}.{suffix}" for suffix in ("png", "pdf", "csv", "md"))
    made.figure.savefig(paths[0], dpi=160)
    made.figure.savefig(paths[1])
    plt.close(made.figure)
    with paths[2].open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(made.columns)
        writer.writerows([[f"{x:.10g}" if isinstance(x, float) else x for x in row] for row in made.rows])
    lines = ["| the paper says | jaxgap computes | agrees |", "|---|---|---|"]
    lines += [f"| {s.paper} | {s.jaxgap} | {s.agrees} |" for s in made.statements]
    paths[3].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


# --- Fig. 2 -----------------------------------------------------------------------------------------------------------


def _fig2_branches() -> tuple[Branch, ...]:
    return branches(path(two_band(0.0), TEMPERATURE, {"lambda_33": (0.0, 0.3)}))


def _branch_rows(found: tuple[Branch, ...]) -> list[tuple[Any, ...]]:
    """lambda_33, branch, gaps, moduli of the amplitudes, F and unstable directions at every point of every branch."""
    rows = []
    for b in found:
        columns = (b.value(), b.gaps, np.abs(b.Delta), b.free_energy, b.unstable_amplitude, b.unstable_phase)
        for x, gaps, size, F, amplitude, phase in zip(*columns, strict=True):
            rows.append((float(x), b.number, *map(float, gaps), *map(float, size), float(F), int(amplitude), int(phase)))
    return rows


_FIG2_COLUMNS = (
    *("lambda_33", "branch", "E_minus_meV", "E_plus_meV", "abs_Delta_1_meV", "abs_Delta_2_meV", "abs_Delta_3_meV"),
    *("free_energy", "unstable_amplitude", "unstable_phase"),
)


def _fig2_statements(found: tuple[Branch, ...]) -> tuple[Statement, ...]:
    events = [event for b in found if b.is_real for event in b.events]
    folds = sorted(float(e.value()) for e in events if e.kind == BifurcationKind.FOLD)
    limits = sorted(float(e.value()) for e in events if e.kind == BifurcationKind.PITCHFORK)
    equal = [float(e.value()) for e in crossings(found)]
    return (
        Statement(
            "the change from intraband- to crossband-dominated pairing is near lambda_33 = .15 to .175, roughly half the "
            "average of lambda_11 and lambda_22",
            f"equal free energies at {', '.join(f'{x:.7f}' for x in equal)} (mean convention): a first-order change",
            "near, not equal; under the sum convention it sits near .37",
        ),
        Statement(
            "one solution is shown",
            f"real branches fold at {', '.join(f'{x:.7f}' for x in folds)}; phases are unstable from "
            f"{', '.join(f'{x:.7f}' for x in limits)} on; a complex saddle connects these two points",
            "the paper does not say",
        ),
    )


def _draw(ax: Any, found: tuple[Branch, ...], quantity: Callable[[Branch], np.ndarray], labels: list[str]) -> None:
    """Quantities along all branches: in colour on the branches that are stable somewhere, grey on the others."""
    for b in sorted(found, key=lambda b: bool(b.stable.any())):
        main = bool(b.is_real and b.stable.any())
        for k, column in enumerate(np.asarray(quantity(b)).T):
            style = {"color": COLOURS[k] if main else "0.75", "lw": 1.8 if main else 0.9}
            draw_curve(ax, b.value(), column, b.stable, label=labels[k] if main else None, **style)
    ax.plot([], [], color="0.3", ls=(0, (4, 2)), label="dashed: unstable")
    ax.plot([], [], color="0.75", label="grey: other branches")
    ax.set(xlabel=r"$\lambda_{33}$", xlim=(0, 0.3), ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)


def figure_2a() -> Figure:
    """Fig. 2a: excitation gaps against lambda_33 at 4.2 K."""
    found = _fig2_branches()
    figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    _draw(ax, found, lambda b: b.gaps, [r"$\min E_-$", r"$\min E_+$"])
    ax.set(ylabel="excitation gap (branch minimum) (meV)", title=f"two bands, $d = 0$, $T$ = {TEMPERATURE} K, mean convention")
    return Figure(figure, _FIG2_COLUMNS, _branch_rows(found), _fig2_statements(found))


def figure_2b() -> Figure:
    """Fig. 2b: amplitudes against lambda_33 at 4.2 K."""
    found = _fig2_branches()
    figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    _draw(ax, found, lambda b: np.abs(b.Delta), [r"$|\Delta_1|$", r"$|\Delta_2|$", r"$|\Delta_3|$"])
    ax.set(ylabel="pair amplitude (meV)", title=f"two bands, $d = 0$, $T$ = {TEMPERATURE} K, mean convention")
    return Figure(figure, _FIG2_COLUMNS, _branch_rows(found), _fig2_statements(found))


def figure_2c() -> Figure:
    """Fig. 2c: critical temperature against lambda_33, under both conventions."""
    x = np.linspace(0.0, 0.3, 121)
    figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    curves = []
    for convention, colour in zip(("mean", "sum"), COLOURS, strict=False):
        sc = two_band(0.0, convention=convention)
        curves.append(np.asarray(jax.jit(jax.vmap(lambda v, sc=sc: critical_temperature(sc.set({"lambda_33": v}))))(x)))
        ax.plot(x, curves[-1], color=colour, label=f"{convention} convention")
    ax.set(xlabel=r"$\lambda_{33}$", ylabel="critical temperature $T_c$ (K)", xlim=(0, 0.3), title="two bands, $d = 0$")
    ax.legend(frameon=False)
    bend = float(x[1:-1][np.argmax(np.diff(curves[0], 2))])
    statement = Statement(
        "(a curve; no number in words)",
        f"{curves[0][0]:.3f} K at lambda_33 = 0, {curves[0][-1]:.3f} K at .3; the sharpest bend is at {bend:.4f} (mean)",
        "-",
    )
    rows = [tuple(map(float, row)) for row in zip(x, *curves, strict=True)]
    return Figure(figure, ("lambda_33", "T_c_mean_K", "T_c_sum_K"), rows, (statement,))


# --- the DOS panels and Fig. 3 ----------------------------------------------------------------------------------------


def _ground(lambda_33: float) -> State:
    return solutions(two_band(lambda_33), TEMPERATURE).ground_state


def _gapless() -> tuple[float, State]:
    """(lambda_33, state) where the real solution between the two minima is gapless, |Delta_3|^2 = Delta_1 Delta_2."""
    found = branches(path(two_band(0.0), TEMPERATURE, {"lambda_33": (0.1, 0.3)}), searches=1)
    ratio = np.array([_excess_of(Delta) for Delta in found[0].Delta])
    i = int(np.flatnonzero(np.diff(np.sign(ratio)))[0])
    lo, hi = found[0].value()[i], found[0].value()[i + 1]
    x = float(lo + (hi - lo) * ratio[i] / (ratio[i] - ratio[i + 1]))
    for _ in range(6):  # secant: the amplitudes on the branch at x, and how far they are from gapless
        gaps = [(_excess(s), s) for s in solutions(two_band(x), TEMPERATURE) if s.label == Label.S_PLUS_PLUS]
        excess, state = min(gaps, key=lambda pair: abs(pair[0]))
        step = 1e-6
        shifted = solve(two_band(x + step), TEMPERATURE, start=state.Delta, throw=False)
        slope = (_excess_of(np.asarray(shifted.Delta)) - excess) / step
        x -= excess / slope
        if abs(excess / slope) < 1e-12:
            break
    return x, state


def _excess(state: State) -> float:
    return _excess_of(np.asarray(state.solution.Delta))


def _excess_of(Delta: np.ndarray) -> float:
    return float(abs(Delta[2]) ** 2 - abs(Delta[0] * Delta[1]))


def figure_dos() -> Figure:
    """The three DOS panels: intraband-dominated, gapless, crossband-dominated."""
    gapless_at, gapless = _gapless()
    states = [(0.15, _ground(0.15)), (gapless_at, gapless), (0.25, _ground(0.25))]
    omega = np.linspace(-15, 15, 1501)
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.4), layout="constrained", sharey=True)
    columns: list[Any] = [omega]
    for ax, (x, state) in zip(axes, states, strict=True):
        N = np.asarray(tunnelling_density_of_states(state.solution, omega, BROADENING).total)
        ax.plot(omega, N, color=COLOURS[0], lw=1.2)
        stable = "stable" if state.stable else "unstable"
        ax.set_title(f"$\\lambda_{{33}}$ = {x:.4f}, {stable}\nmin $E_-$ = {state.gap:.3f} meV", fontsize=9)
        ax.set(xlabel=r"energy $\omega$ (meV)", ylim=(0, None))
        columns.append(N)
    axes[0].set_ylabel(r"$N(\omega)\,/\,N(0)$")
    at_15 = states[0][1]
    statements = (
        Statement(
            "lambda_33 = .15 is gapless",
            f"min E_- = {at_15.gap:.2f} meV there (mean convention); the gapless real solution is at lambda_33 = "
            f"{gapless_at:.8f} and has {gapless.unstable_amplitude} + {gapless.unstable_phase} unstable directions at 4.2 K",
            "no",
        ),
        Statement(
            "(gapped panels beside the gapless one)",
            f"{at_15.gap:.2f} meV at .15 and {states[2][1].gap:.2f} meV at .25; at the gapless point the low-energy DOS is "
            f"constant, {float(columns[2][len(omega) // 2]):.4f} at omega = 0 (broadening {BROADENING} meV)",
            "-",
        ),
    )
    rows = [tuple(map(float, row)) for row in zip(*columns, strict=True)]
    return Figure(figure, ("omega_meV", *(f"N_at_lambda_33={x:.7f}" for x, _ in states)), rows, statements)


def figure_3() -> Figure:
    """Fig. 3: dispersions towards the gapless state, and the V shape there."""
    gapless_at, gapless = _gapless()
    states = [(0.15, _ground(0.15)), (0.19, _ground(0.19)), (0.2, _ground(0.2)), (gapless_at, gapless)]
    zeta = np.linspace(-10, 10, 801)
    figure, axes = plt.subplots(1, 4, figsize=(11.2, 3.2), layout="constrained", sharey=True)
    columns: list[Any] = [zeta]
    for ax, (x, state) in zip(axes, states, strict=True):
        energies = np.asarray(dispersion(state.solution, 200.0 + zeta))
        for E, colour, label in zip(energies, COLOURS, (r"$E_-$", r"$E_+$"), strict=False):
            ax.plot(zeta, E, color=colour, label=label)
        stable = "stable" if state.stable else "unstable"
        ax.set_title(f"$\\lambda_{{33}}$ = {x:.4f} ({stable})", fontsize=9)
        ax.set(xlabel=r"band energy $\zeta$ (meV)", ylim=(0, 14))
        columns += list(energies)
    axes[0].set_ylabel("quasiparticle energy (meV)")
    axes[0].legend(frameon=False, loc="upper center")
    slope = float(columns[-2][-1] - columns[-2][len(zeta) // 2]) / 10
    statement = Statement(
        "towards the gapless state E_- becomes linear (V-shaped)",
        f"E_- = |zeta| there (mean slope {slope:.4f} out to 10 meV, min {gapless.gap:.1e} meV), on a solution that is "
        "unstable at 4.2 K",
        "the shape, yes; that the state is realised at 4.2 K, no",
    )
    names = [f"{E}_at_lambda_33={x:.7f}_meV" for x, _ in states for E in ("E_minus", "E_plus")]
    rows = [tuple(map(float, row)) for row in zip(*columns, strict=True)]
    return Figure(figure, ("zeta_meV", *names), rows, (statement,))


# --- Figs. 4 and 5 ----------------------------------------------------------------------------------------------------


def figure_4() -> Figure:
    """Fig. 4: gaps of MgB2 against temperature without and with cross-band pairing."""
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained", sharey=True)
    T = np.concatenate([np.linspace(0.0, 40.0, 41), np.linspace(40.1, 44.0, 40)])
    columns, splits, critical = [T], [], []
    for ax, x in zip(axes, (0.0, 0.01), strict=True):
        sc = mgb2(x)
        curve = gap_curve(sc, T)
        for name, gap, colour in zip(branch_names(sc), np.asarray(curve.gaps).T, COLOURS, strict=False):
            draw_curve(ax, T, gap, curve.stable, color=colour, label=name)
            columns.append(gap)
        low = np.asarray(curve.gaps)[0]
        splits.append(float(low[1] - low[0]) if "upper" in branch_names(sc)[1] else float(low[0] - low[1]))
        critical.append(float(critical_temperature(sc)))
        ax.set(xlabel="temperature $T$ (K)", xlim=(0, 44), title=f"$\\lambda_{{i3}}$ = {x:g}")
    axes[0].set(ylabel="excitation gap (branch minimum) (meV)", ylim=(0, 1.05 * np.nanmax(np.stack(columns[1:]))))
    axes[0].legend(frameon=False, fontsize=8)
    statements = (
        Statement(
            "lambda_i3 = .01 splits the sigma gaps by about 2 meV", f"{splits[1]:.2f} meV (and {splits[0]:.2f} at 0)", "near"
        ),
        Statement("it raises T_c by about 1 K", f"{critical[1] - critical[0]:+.2f} K", "by about twice as much (mean)"),
    )
    names = [f"{name}_at_lambda_i3={x:g}_meV" for x in (0.0, 0.01) for name in branch_names(mgb2())]
    return Figure(figure, ("T_K", *names), [tuple(map(float, row)) for row in zip(*columns, strict=True)], statements)


def figure_5() -> Figure:
    """Fig. 5: gaps (a, b) and real amplitudes (c) of Ba0.6K0.4Fe2As2 against temperature, on both branches."""
    sc, T = ba122(), np.concatenate([np.linspace(0.0, 34.0, 35), np.linspace(34.1, 36.0, 39), np.linspace(37.0, 82.0, 46)])
    end = branch_end(sc, "s+-")
    figure, axes = plt.subplots(1, 3, figsize=(11.4, 3.8), layout="constrained")
    columns: list[Any] = [T]
    T_c = float(critical_temperature(sc))
    for branch, ax in zip(("s+-", "s++"), axes, strict=False):
        curve = gap_curve(sc, T, branch)
        for name, gap, colour in zip(("$E_-$", "$E_+$"), np.asarray(curve.gaps).T, COLOURS, strict=False):
            draw_curve(ax, T, gap, curve.stable, color=colour, label=f"min {name}")
            columns.append(gap)
        ax.set(
            xlabel="temperature $T$ (K)", ylabel="excitation gap (meV)", ylim=(0, 15), xlim=(0, 82), title=f"branch {branch}"
        )
        exists = np.isfinite(np.asarray(curve.gaps)[:, 0])
        Delta = np.where(exists[:, None], np.asarray(curve.solutions.Delta.real), np.nan)
        for k, name in enumerate((r"$\Delta_\alpha$", r"$\Delta_\beta$", r"$\Delta_{\alpha\beta}$")):
            label = name if branch == "s+-" else None
            axes[2].plot(T, Delta[:, k], color=COLOURS[k], lw=1.8 if branch == "s+-" else 0.9, label=label)
            columns.append(Delta[:, k])
    axes[0].plot([0, 0], [12.4, 6.2], "o", color="black", clip_on=False, label="ARPES, $T\\to 0$ (quoted by VP20)")
    axes[0].axvspan(36, 40, color="0.9", label="ARPES gaps cease")
    axes[0].legend(frameon=False, fontsize=8)
    axes[2].plot([], [], color="0.3", lw=0.9, label="thin: s++")
    axes[2].set(xlabel="temperature $T$ (K)", ylabel=r"Re $\Delta_c$ (meV)", xlim=(0, 82), title="amplitudes")
    axes[2].legend(frameon=False, fontsize=8)
    low = np.asarray(columns[1][0]), np.asarray(columns[2][0])
    statements = (
        Statement(
            "gaps 12.4 and 6.2 meV at T -> 0",
            f"{low[1]:.2f} and {low[0]:.2f} meV on s+- (lambda_13 and Omega are fitted)",
            "fitted",
        ),
        Statement("the gaps of s+- cease at about 36 K", f"s+- ends in a fold at {float(end.T):.4f} K", "yes"),
        Statement("T_c about 80 K", f"{T_c:.2f} K, of the s++ branch", "yes"),
    )
    names = [f"{b}_{q}_meV" for b in ("s+-", "s++") for q in ("E_minus", "E_plus", "Delta_a", "Delta_b", "Delta_ab")]
    return Figure(figure, ("T_K", *names), [tuple(map(float, row)) for row in zip(*columns, strict=True)], statements)


FIGURES: dict[str, Callable[[], Figure]] = {
    "fig2a": figure_2a,
    "fig2b": figure_2b,
    "fig2c": figure_2c,
    "dos": figure_dos,
    "fig3": figure_3,
    "fig4": figure_4,
    "fig5": figure_5,
}
"""The figures by the names that the command line takes."""
