"""The figures of Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), computed: every branch, with its stability.

Each figure has its data, and a table: what the paper states in words, what jaxgap computes, under which convention, and whether
they agree. Nothing is tuned to agree. A published curve shows the solution that an iteration found; here all branches are
drawn, solid where stable and dashed where not (phases: for equal relaxation rates, which matters where g is not symmetric).
"""

from collections.abc import Callable, Iterable
from functools import cache

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from jaxgap.continuation.bifurcations import Bifurcation, BifurcationKind
from jaxgap.continuation.branches import Branch, branches, solutions_on
from jaxgap.continuation.crossings import crossings
from jaxgap.continuation.ends import branch_end
from jaxgap.continuation.paths import path
from jaxgap.drawing import COLOURS, draw_curve
from jaxgap.materials import ba122, mgb2, two_band
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError
from jaxgap.observables import branch_names, dispersion, tunnelling_density_of_states
from jaxgap.papers.figure import Figure, Row, Statement, rows_of, within
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.labels import Label
from jaxgap.solving.one import solve
from jaxgap.states.solutions import State, described, solutions

__all__ = ["figure_2a", "figure_2b", "figure_2c", "figure_dos", "figure_3", "figure_4", "figure_5"]

TEMPERATURE = 4.2
"""Of Figs. 2 and 3 [K]."""
BROADENING = 0.05
"""Dynes broadening of the DOS panels [meV]; the paper does not state one."""


# --- what the figures share ---------------------------------------------------------------------------------------------


FIG2_SYSTEM = f"two bands, $d = 0$, $T$ = {TEMPERATURE} K, mean convention"


@cache
def _fig2_branches() -> tuple[Branch, ...]:
    """All branches against lambda_33 at 4.2 K: of Figs. 2a, 2b, 3 and the DOS panels."""
    return branches(path(two_band(0.0), TEMPERATURE, {"lambda_33": (0.0, 0.3)}))


def _events(found: tuple[Branch, ...], kind: BifurcationKind) -> list[Bifurcation]:
    """The events of one kind on the real branches that are stable somewhere, by rising p."""
    events = [event for b in found if b.is_real and b.stable.any() for event in b.events if event.kind == kind]
    return sorted(events, key=lambda event: float(event.p))


def _listed(values: Iterable[float], digits: int = 7) -> str:
    return ", ".join(f"{x:.{digits}f}" for x in values) or "nowhere"


def _draw(
    ax: Axes, found: tuple[Branch, ...], quantity: Callable[[Branch], np.ndarray], labels: list[str], main: set[int]
) -> None:
    """Quantities along all branches, in colour on those numbered in `main`, grey on the others; dashed where unstable."""
    for b in sorted(found, key=lambda b: b.number in main):
        named = b.number in main
        for k, column in enumerate(np.asarray(quantity(b)).T):
            style = {"color": COLOURS[k] if named else "0.75", "lw": 1.8 if named else 0.9}
            draw_curve(ax, b.value(), column, b.stable, label=labels[k] if named else None, **style)
    ax.plot([], [], color="0.3", ls=(0, (4, 2)), label="dashed: unstable")
    ax.plot([], [], color="0.75", label="grey: other branches")


def _branch_rows(found: tuple[Branch, ...]) -> list[Row]:
    """What changes, branch, gaps, real and imaginary amplitudes, F and unstable directions at every point of every branch."""
    rows: list[Row] = []
    for b in found:
        columns = (b.value(), b.gaps, b.Delta.real, b.Delta.imag, b.free_energy, b.unstable_amplitude, b.unstable_phase)
        for x, gaps, real, imag, F, amplitude, phase in zip(*columns, strict=True):
            numbers = map(float, (*gaps, *real, *imag, F))
            rows.append((float(x), b.number, *numbers, int(amplitude), int(phase)))
    return rows


def _branch_columns(sc: Superconductor, name: str) -> tuple[str, ...]:
    """Names of the columns of `_branch_rows`."""
    gaps = [f"gap_{branch.replace(' ', '_')}_meV" for branch in branch_names(sc)]
    parts = [f"{part}_Delta_{channel}_meV" for part in ("re", "im") for channel in sc.channels]
    return (name, "branch", *gaps, *parts, "free_energy", "unstable_amplitude", "unstable_phase")


# --- Fig. 2 -----------------------------------------------------------------------------------------------------------


def _fig2_statements(found: tuple[Branch, ...]) -> tuple[Statement, ...]:
    folds, limits = (
        [float(e.value()) for e in _events(found, kind)] for kind in (BifurcationKind.FOLD, BifurcationKind.PITCHFORK)
    )
    equal = [float(e.value()) for e in crossings(found)]
    return (
        Statement(
            "the change from intraband- to crossband-dominated pairing is near lambda_33 = .15 to .175, roughly half the "
            "average of lambda_11 and lambda_22",
            f"equal free energies at {_listed(equal)} (mean convention): a first-order change",
            f"{within(equal[0], 0.15, 0.175)} (under the sum convention it sits near .37)",
        ),
        Statement(
            "one solution is shown",
            f"the real branches fold at {_listed(folds)}; counting phases too, the intraband-dominated one is stable below "
            f"{limits[-1]:.7f} only and the crossband-dominated one above {limits[0]:.7f} only; a complex saddle connects "
            "these two points",
            "the paper does not say",
        ),
    )


def _figure_2(quantity: Callable[[Branch], np.ndarray], labels: list[str], ylabel: str) -> Figure:
    found = _fig2_branches()
    figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    _draw(ax, found, quantity, labels, {b.number for b in found if b.is_real and b.stable.any()})
    ax.set(xlabel=r"$\lambda_{33}$", ylabel=ylabel, xlim=(0, 0.3), ylim=(0, None))
    ax.set_title(FIG2_SYSTEM)
    ax.legend(frameon=False, fontsize=8)
    return Figure(figure, _branch_columns(two_band(), "lambda_33"), _branch_rows(found), _fig2_statements(found))


def figure_2a() -> Figure:
    """Fig. 2a: excitation gaps against lambda_33 at 4.2 K."""
    made = _figure_2(lambda b: b.gaps, [r"$\min E_-$", r"$\min E_+$"], "excitation gap (branch minimum) (meV)")
    (ax,) = made.figure.axes
    # The curve's points are next to it, and a kink does not show between them.
    at = [float(event.value()) for event in _events(_fig2_branches(), BifurcationKind.GAPLESS)]
    ax.plot(at, np.zeros(len(at)), "d", color=COLOURS[0], mfc="white", ms=5, clip_on=False, zorder=3, label="gapless")
    ax.legend(frameon=False, fontsize=8)
    return made


def figure_2b() -> Figure:
    """Fig. 2b: amplitudes against lambda_33 at 4.2 K."""
    labels = [r"$|\Delta_1|$", r"$|\Delta_2|$", r"$|\Delta_3|$"]
    return _figure_2(lambda b: np.abs(b.Delta), labels, "pair amplitude (meV)")


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
    return Figure(figure, ("lambda_33", "T_c_mean_K", "T_c_sum_K"), rows_of(x, *curves), (statement,))


# --- the DOS panels and Fig. 3 ----------------------------------------------------------------------------------------


def _ground(lambda_33: float) -> State:
    return solutions(two_band(lambda_33), TEMPERATURE).ground_state


def _gapless() -> tuple[float, State]:
    """(lambda_33, state) of the gapless real solution between the two minima."""
    (event,) = _events(_fig2_branches(), BifurcationKind.GAPLESS)
    sc, T = event.path.at(event.p)
    (state,) = described(sc, [solve(sc, T, start=event.Delta)])
    return float(event.value()), state


def _stability_word(state: State) -> str:
    return "stable" if state.stable else "unstable"


def figure_dos() -> Figure:
    """The three DOS panels: intraband-dominated, gapless, crossband-dominated."""
    gapless_at, gapless = _gapless()
    states = [(0.15, _ground(0.15)), (gapless_at, gapless), (0.25, _ground(0.25))]
    omega = np.linspace(-15, 15, 1501)
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.6), layout="constrained", sharey=True)
    figure.suptitle(f"{FIG2_SYSTEM}, $\\Gamma$ = {BROADENING} meV", fontsize=10)
    columns: list[np.ndarray] = [omega]
    for ax, (x, state) in zip(axes, states, strict=True):
        N = np.asarray(tunnelling_density_of_states(state.solution, omega, BROADENING).total)
        ax.plot(omega, N, color=COLOURS[0], lw=1.2)
        title = f"$\\lambda_{{33}}$ = {x:.4f}, {_stability_word(state)}\nmin $E_-$ = {state.gap:.3f} meV"
        ax.set_title(title, fontsize=9)
        ax.set(xlabel=r"energy $\omega$ (meV)")
        columns.append(N)
    axes[0].set(ylim=(0, None), ylabel=r"$N(\omega)\,/\,N(0)$")
    at_15 = states[0][1]
    statements = (
        Statement(
            "lambda_33 = .15 is gapless",
            f"min E_- = {at_15.gap:.2f} meV there (mean convention); the gapless real solution is at lambda_33 = "
            f"{gapless_at:.8f} and has {gapless.unstable_amplitude} + {gapless.unstable_phase} unstable directions (amplitude "
            "+ phase) at 4.2 K",
            within(at_15.gap, 0.0, BROADENING),
        ),
        Statement(
            "(gapped panels beside the gapless one)",
            f"{at_15.gap:.2f} meV at .15 and {states[2][1].gap:.2f} meV at .25; at the gapless point the low-energy DOS is "
            f"constant, {float(columns[2][len(omega) // 2]):.4f} at omega = 0 (broadening {BROADENING} meV)",
            "-",
        ),
    )
    names = [f"N_at_lambda_33={x:.7f}" for x, _ in states]
    return Figure(figure, ("omega_meV", *names), rows_of(*columns), statements)


def figure_3() -> Figure:
    """Fig. 3: dispersions towards the gapless state, and the V shape there."""
    gapless_at, gapless = _gapless()
    states = [(0.15, _ground(0.15)), (0.19, _ground(0.19)), (0.2, _ground(0.2)), (gapless_at, gapless)]
    zeta = np.linspace(-10, 10, 801)
    figure, axes = plt.subplots(1, 4, figsize=(11.2, 3.4), layout="constrained", sharey=True)
    figure.suptitle(FIG2_SYSTEM, fontsize=10)
    columns: list[np.ndarray] = [zeta]
    for ax, (x, state) in zip(axes, states, strict=True):
        energies = np.asarray(dispersion(state.solution, 200.0 + zeta))
        for E, colour, label in zip(energies, COLOURS, (r"$E_-$", r"$E_+$"), strict=False):
            ax.plot(zeta, E, color=colour, label=label)
        ax.set_title(f"$\\lambda_{{33}}$ = {x:.4f} ({_stability_word(state)})", fontsize=9)
        ax.set(xlabel=r"band energy $\zeta$ (meV)", ylim=(0, 14))
        columns += list(energies)
    axes[0].set_ylabel("quasiparticle energy (meV)")
    axes[0].legend(frameon=False, loc="upper center")
    deviation = float(np.max(np.abs(columns[-2] - np.abs(zeta))))
    statement = Statement(
        "towards the gapless state E_- becomes linear (V-shaped)",
        f"E_- = |zeta| there to {deviation:.1e} meV out to 10 meV, on a solution that is {_stability_word(gapless)} at 4.2 K",
        f"the shape: {within(deviation, 0.0, 1e-3)}; that the state is realised at 4.2 K: {'yes' if gapless.stable else 'no'}",
    )
    names = [f"{E}_at_lambda_33={x:.7f}_meV" for x, _ in states for E in ("E_minus", "E_plus")]
    return Figure(figure, ("zeta_meV", *names), rows_of(*columns), (statement,))


# --- Figs. 4 and 5 ----------------------------------------------------------------------------------------------------

COLDEST = 0.1
"""Where branches against temperature begin [K]."""


def _against_temperature(sc: Superconductor, highest: float) -> tuple[Branch, ...]:
    return branches(path(sc, COLDEST, {"T": (COLDEST, highest)}), searches=3)


def _numbered(found: tuple[Branch, ...], label: Label) -> int:
    """The number of the first stable branch (amplitudes) with this label at the coldest end."""
    states = [state for state in solutions_on(found, 0.0) if state.label == label and state.unstable_amplitude == 0]
    if not states or states[0].branch is None:
        raise NotConvergedError(f"No stable {label.text} branch was found at {COLDEST} K.")
    return states[0].branch


def _relative_to_first(b: Branch) -> np.ndarray:
    """Real amplitudes with the sign that makes the first positive where the branch begins."""
    return b.Delta.real * np.sign(b.Delta[0, 0].real)


def figure_4() -> Figure:
    """Fig. 4: gaps of MgB2 against temperature without and with cross-band pairing."""
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained", sharey=True)
    rows: list[Row] = []
    splits, critical = [], []
    for ax, x in zip(axes, (0.0, 0.01), strict=True):
        sc = mgb2(x)
        found = _against_temperature(sc, 45.0)
        main = _numbered(found, Label.S_PLUS_PLUS)
        _draw(ax, found, lambda b: b.gaps, list(branch_names(sc)), {main})
        lower, upper = found[main].gaps[found[main].p.argmin(), :2]
        splits.append(float(upper - lower))
        critical.append(float(critical_temperature(sc)))
        ax.set(xlabel="temperature $T$ (K)", xlim=(0, 45), title=f"MgB2, $\\lambda_{{i3}}$ = {x:g}")
        rows += [(x, *row) for row in _branch_rows(found)]
    # After both panels are drawn, since they share the axis.
    axes[0].set(ylabel="excitation gap (branch minimum) (meV)", ylim=(0, None))
    axes[0].legend(frameon=False, fontsize=8)
    rise = critical[1] - critical[0]
    statements = (
        Statement(
            "lambda_i3 = .01 splits the sigma gaps by about 2 meV",
            f"{splits[1]:.2f} meV (and {splits[0]:.2f} at 0)",
            within(splits[1], 1.75, 2.25),
        ),
        Statement("it raises T_c by about 1 K", f"{rise:+.2f} K (mean convention)", within(rise, 0.5, 1.5)),
    )
    return Figure(figure, ("lambda_i3", *_branch_columns(mgb2(), "T_K")), rows, statements)


def figure_5() -> Figure:
    """Fig. 5: gaps (a, b) and real amplitudes (c) of Ba0.6K0.4Fe2As2 against temperature, on all branches."""
    sc = ba122()
    T_c, end = float(critical_temperature(sc)), float(branch_end(sc, "s+-").T)
    found = _against_temperature(sc, 82.0)
    numbers = [_numbered(found, label) for label in (Label.S_PLUS_MINUS, Label.S_PLUS_PLUS)]
    figure, axes = plt.subplots(1, 3, figsize=(11.4, 4.0), layout="constrained")
    figure.suptitle("Ba0.6K0.4Fe2As2, mean convention", fontsize=10)
    for number, name, ax in zip(numbers, ("s+-", "s++"), axes, strict=False):
        _draw(ax, found, lambda b: b.gaps, [r"$\min E_-$", r"$\min E_+$"], {number})
        ax.set(xlabel="temperature $T$ (K)", ylabel="excitation gap (meV)", xlim=(0, 82), ylim=(0, 24), title=f"branch {name}")
    axes[0].plot([0, 0], [12.4, 6.2], "o", color="black", clip_on=False, label="ARPES, $T\\to 0$ (quoted by VP20)")
    axes[0].axvspan(36, 40, color="0.9", label="ARPES gaps cease")
    axes[0].legend(frameon=False, fontsize=8, loc="upper right")
    names = [r"$\Delta_\alpha$", r"$\Delta_\beta$", r"$\Delta_{\alpha\beta}$"]
    _draw(axes[2], found, _relative_to_first, names, {numbers[0]})
    axes[2].set(xlabel="temperature $T$ (K)", ylabel=r"Re $\Delta_c$ (meV)", xlim=(0, 82), title="amplitudes, s+- in colour")
    axes[2].set(ylim=(-11, None))  # room for the legend
    axes[2].legend(frameon=False, fontsize=8, loc="lower right")
    low, high = found[numbers[0]].gaps[found[numbers[0]].p.argmin()]
    statements = (
        Statement(
            "gaps 12.4 and 6.2 meV at T -> 0",
            f"{high:.2f} and {low:.2f} meV on s+- (lambda_13 and Omega are fitted to these two)",
            "fitted",
        ),
        Statement("the gaps of s+- cease at about 36 K", f"s+- ends in a fold at {end:.4f} K", within(end, 35.0, 37.0)),
        Statement("T_c about 80 K", f"{T_c:.2f} K, of the s++ branch", within(T_c, 78.0, 82.0)),
    )
    return Figure(figure, _branch_columns(sc, "T_K"), _branch_rows(found), statements)
