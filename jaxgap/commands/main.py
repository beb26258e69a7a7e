"""The command line `jaxgap`: parse, call the library, print.

Exit codes: 0 done, 2 bad input, 3 did not converge, 4 done, but not to be quoted (the result says why), 130 interrupted.
"""

from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from jaxgap import __version__
from jaxgap.commands.arguments import SetOption, named_system, number, parse_temperatures
from jaxgap.commands.environment import in_sentences
from jaxgap.commands.fit import fits
from jaxgap.commands.interruption import heeded
from jaxgap.commands.observe import observations
from jaxgap.commands.printing import (
    diagram_row,
    gap_lines,
    gap_row,
    oscillatory_sentence,
    print_diagram,
    print_gaps,
    print_transition,
    solution_row,
    state_row,
)
from jaxgap.commands.sweep import sweeps
from jaxgap.commands.terminal import JsonOption, console, waiting
from jaxgap.commands.words import in_words
from jaxgap.continuation.ends import EndKind, branch_end
from jaxgap.continuation.transition import transition
from jaxgap.materials import MATERIALS
from jaxgap.model.files import write_picture
from jaxgap.model.records import print_json
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, NotConvergedError, check
from jaxgap.numerics.programs import compile_quickly, keep_programs
from jaxgap.observables import branch_names, coherence_peaks
from jaxgap.phases.diagram import phase_diagram
from jaxgap.solving.critical import Onset, lowest_temperature, onset
from jaxgap.solving.curves import solve_temperatures
from jaxgap.solving.one import solve as run_solve
from jaxgap.solving.solution import Status
from jaxgap.states.solutions import solutions as find_solutions

__all__ = ["app", "main"]

app = typer.Typer(
    name="jaxgap",
    help="Gap equations of multiband superconductors with cross-band pairing. Energies in meV, temperatures in K.\n\n"
    "A SYSTEM is a material (" + ", ".join(MATERIALS) + ") or a system.toml; --set changes any of its leaves: "
    '--set Omega=42 --set "lam[alpha, alpha:beta]=0.03" --set "mu[beta]=55".\n\n'
    "Exit codes: 0 done, 2 bad input, 3 did not converge, 4 done, but not to be quoted (the result says why), 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(fits)
app.add_typer(observations)
app.add_typer(sweeps)

FIGURE_NAMES = ("fig2a", "fig2b", "fig2c", "dos", "fig3", "fig4", "fig5", "w18_fig1", "w18_fig3")

SystemArgument = Annotated[str, typer.Argument(metavar="SYSTEM", help="A material's name or a system.toml.")]
BranchOption = Annotated[
    str | None,
    typer.Option(help='Branch: "s++", "s+-", or one sign per band such as "++-". Default: the one connected to T_c.'),
]


@app.command()
def solve(
    system: SystemArgument,
    T: Annotated[float, typer.Option("--T", help="Temperature [K]; 0 is allowed.")],
    branch: BranchOption = None,
    start: Annotated[str | None, typer.Option(help="Start amplitudes [meV], comma separated, such as 12,-6,1.")] = None,
    set_: SetOption = [],  # noqa: B006
    as_json_: JsonOption = False,
) -> None:
    """Solve the gap equations at one temperature: amplitudes, status, accuracy, excitation gaps.

    Example: jaxgap solve ba122 --T 1 --branch s+-
    """
    sc = named_system(system, set_)
    with waiting("solving"):
        solution = run_solve(sc, T, branch=branch, start=_start(start), throw=False)
    if as_json_:
        print_json(solution_row(solution))
    else:
        console.print(escape(in_words(str(solution))), soft_wrap=True)
        for line in gap_lines(solution) if bool(solution.converged) else ():
            console.print(escape(f"  {line}"), soft_wrap=True)
    if not bool(solution.converged):
        raise NotConvergedError(Status(int(solution.status)).sentence)


@app.command()
def solutions(
    system: SystemArgument,
    T: Annotated[float, typer.Option("--T", help="Temperature [K]; 0 is allowed.")],
    set_: SetOption = [],  # noqa: B006
    as_json_: JsonOption = False,
) -> None:
    """All solutions at one temperature, real and complex: free energy, stability, name, amplitudes, ranked.

    Example: jaxgap solutions two_band --T 4.2 --set lambda_33=0.2025
    """
    sc = named_system(system, set_)
    with waiting("searching for all solutions"):
        states = find_solutions(sc, T)
    if as_json_:
        print_json({"T_K": states.T, "solutions": [state_row(state) for state in states]})
    else:
        console.print(escape(str(states)))


@app.command()
def tc(
    system: SystemArgument,
    kind: Annotated[bool, typer.Option("--kind", help="Also find whether the transition is continuous (slower).")] = False,
    set_: SetOption = [],  # noqa: B006
    as_json_: JsonOption = False,
) -> None:
    """Critical temperature from the linearised gap equations, and its derivative with respect to every leaf.

    Example: jaxgap tc mgb2 --set "lam[sigma1, sigma1:sigma2]=0.01"
    """
    sc = named_system(system, set_)
    if kind:
        with waiting("looking for the transition"):
            found = transition(sc)
        print_transition(found, as_json_)
        return
    with waiting("searching for T_c"):
        (T_c, found), slope = jax.value_and_grad(_critical, has_aux=True)(sc)
    derivatives = {path: float(slope.get(path)) for path in sc.paths}
    oscillatory, together = float(found.oscillatory), int(found.together)
    if as_json_:
        known = {
            "oscillatory_K": oscillatory or None,
            "critical_together": together,
            "differentiable": bool(found.differentiable),
        }
        print_json({"T_c_K": float(T_c), "derivatives_K_per_unit": derivatives} | known)
        return
    if oscillatory > 0:
        console.print(oscillatory_sentence(float(T_c), oscillatory), soft_wrap=True)
    if float(T_c) == 0.0:
        if oscillatory == 0:
            lowest = float(lowest_temperature(sc))
            console.print(f"The normal state is stable at every temperature (above {lowest:.1e} K): T_c = 0.")
        return
    console.print(f"T_c = {float(T_c):.6f} K (linearised gap equations)")
    if not bool(found.differentiable):
        console.print(DEFECTIVE, soft_wrap=True)
        return
    if together > 1:
        console.print(MEAN.format(together), soft_wrap=True)
    table = Table(title="what it depends on", title_justify="left")
    table.add_column("leaf")
    table.add_column("value", justify="right")
    table.add_column("dT_c/dleaf [K per unit]", justify="right")
    for path, derivative in derivatives.items():
        table.add_row(escape(path), f"{float(sc.get(path)):.6g}", f"{derivative:.5g}")
    console.print(table)


DEFECTIVE = (
    "T_c has no derivatives here: its eigenvalue of lambda K is double with one eigenvector (defective), and moves with the "
    "square root of a coupling. It is right to about 8 digits."
)
MEAN = (
    "{} directions become critical together here. The derivatives are those of the mean of their temperatures: exact for "
    "changes that keep them together, else the mean of both sides."
)


def _critical(sc: Superconductor) -> tuple[Any, Onset]:
    found = onset(sc)
    return found.T_c, found


@app.command()
def gaps(
    system: SystemArgument,
    T: Annotated[str, typer.Option("--T", help="Temperatures [K]: one, a list 1,5,10, or start:stop:count.")] = "0",
    branch: BranchOption = None,
    set_: SetOption = [],  # noqa: B006
    plot: Annotated[Path | None, typer.Option(help="Write a picture of the gaps against T here (PNG or PDF).")] = None,
    as_json_: JsonOption = False,
) -> None:
    """Excitation gaps against temperature along a branch, in two definitions, and where the branch ends.

    Example: jaxgap gaps ba122 --branch s+- --T 0:36:13
    """
    sc, temperatures = named_system(system, set_), parse_temperatures(T)
    with waiting(f"solving at {len(temperatures)} temperatures") as now:
        solutions = solve_temperatures(sc, temperatures, branch=branch)
        now.say("taking the gaps")
        rows = [gap_row(jax.tree.map(lambda leaf, i=i: leaf[i], solutions)) for i in range(len(temperatures))]
        now.say("looking for the branch's end")
        end = None if branch is None else branch_end(sc, branch)
    if as_json_:
        last = None if end is None else {"T_K": float(end.T), "kind": EndKind(int(end.kind)).name.lower()}
        first = jax.tree.map(lambda leaf: leaf[0], solutions)
        peaks = coherence_peaks(first) if bool(first.converged) else []
        print_json(
            {"branches": branch_names(sc), "rows": rows, "branch_end": last, "coherence_peaks": [p._asdict() for p in peaks]}
        )
    else:
        print_gaps(sc, rows)
        if end is not None:
            console.print(f"The branch {branch} ends at {float(end.T):.4f} K {EndKind(int(end.kind)).words}.")
    if plot is not None:
        _plot_gaps(sc, temperatures, branch, plot)
    if not any(row["status"] in ("converged", "normal") for row in rows):
        raise NotConvergedError(Status[rows[0]["status"].upper()].sentence)


@app.command()
def diagram(
    system: SystemArgument,
    x: Annotated[str, typer.Option("--x", metavar="PATH=FROM:TO:POINTS", help="Horizontal axis: a leaf, or T [K].")],
    y: Annotated[str, typer.Option("--y", metavar="PATH=FROM:TO:POINTS", help="Vertical axis: a leaf, or T [K].")],
    T: Annotated[float | None, typer.Option("--T", help="Temperature [K], unless it is an axis. Default: 0.")] = None,
    folder: Annotated[Path, typer.Option(help="Where to write picture and tables.")] = Path("diagram"),
    set_: SetOption = [],  # noqa: B006
    as_json_: JsonOption = False,
) -> None:
    """Phase diagram over two leaves: all real states, the stable complex ones, and the lines between them, as picture and
    tables.

    Example: jaxgap diagram two_band --x lambda_33=0.15:0.26:60 --y T=1:20:20
    """
    from jaxgap.plotting.plots import write_phase_diagram

    sc, axes = named_system(system, set_), (_axis("--x", x), _axis("--y", y))
    check(T is None or not any("T" in axis for axis in axes), "--T", "be left out where T is an axis", T)
    with waiting("searching for all states at every point"):
        found = phase_diagram(sc, 0.0 if T is None else T, *axes)
    try:
        paths = write_phase_diagram(found, folder)
    except OSError as error:
        raise InputError(f"Cannot write the phase diagram into `{folder}`: {error}.") from None
    if as_json_:
        print_json({**diagram_row(found), "files": [str(path) for path in paths]})
    else:
        print_diagram(found)
        console.print(escape(f"Wrote {', '.join(str(path) for path in paths)}."), soft_wrap=True)


@app.command()
def figures(
    names: Annotated[list[str] | None, typer.Argument(help=f"Which: {', '.join(FIGURE_NAMES)}. Default: all.")] = None,
    folder: Annotated[Path, typer.Option(help="Where to write them.")] = Path("figures"),
) -> None:
    """The figures of Phys. Rev. B 101, 094516, and (w18_...) of ChemPhysChem 19, 3191: PNG, PDF, data (csv), and a table of
    the paper's statements (md).

    Example: jaxgap figures fig2a fig5 --folder figures
    """
    from jaxgap.papers.figures import write_figure

    wanted = names or list(FIGURE_NAMES)
    for name in wanted:
        if name not in FIGURE_NAMES:
            raise InputError(f"Unknown figure `{name}`: the figures are {', '.join(FIGURE_NAMES)}.")
    for name in wanted:
        try:
            with waiting(f"computing {name}"):
                paths = write_figure(name, folder)
        except OSError as error:
            raise InputError(f"Cannot write the figure `{name}` into `{folder}`: {error}.") from None
        console.print(escape(f"{name}: wrote {', '.join(str(path) for path in paths)}."), soft_wrap=True)
        console.print(escape(paths[-1].read_text(encoding="utf-8")))


def _print_version(wanted: bool | None) -> None:
    if wanted:
        console.print(__version__)
        raise typer.Exit


@app.callback()
def _version(
    version: Annotated[
        bool | None, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = None,
) -> None:
    del version


def main() -> None:
    """Entry point: one sentence and an exit code instead of a traceback."""
    with heeded(), in_sentences():
        compile_quickly()
        keep_programs()
        app()


def _start(text: str | None) -> np.ndarray | None:
    if text is None:
        return None
    try:
        amplitudes = np.array([complex(part.strip().replace("i", "j")) for part in text.split(",")])
    except ValueError:
        raise InputError(f"Argument `--start` must hold comma-separated numbers, but got `{text}`.") from None
    return amplitudes if np.any(amplitudes.imag) else amplitudes.real


def _axis(option: str, text: str) -> dict[str, tuple[float, float, int]]:
    """{name: (from, to, points)} from PATH=FROM:TO:POINTS."""
    name, equals, numbers = text.rpartition("=")
    parts = numbers.split(":")
    if not equals or len(parts) != 3 or not parts[2].strip().isdigit():
        raise InputError(f"Argument `{option}` must look like PATH=FROM:TO:POINTS, such as T=1:20:40, but got `{text}`.")
    first, last, points = number(option, parts[0]), number(option, parts[1]), int(parts[2])
    return {name.strip(): (first, last, points)}


def _plot_gaps(sc: Superconductor, T: np.ndarray, branch: str | None, path: Path) -> None:
    from jaxgap.plotting.plots import plot_gaps

    with waiting("drawing"):
        figure = plot_gaps(sc, T, branch).figure
    write_picture(figure, path)
