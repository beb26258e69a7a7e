"""The commands about one system: solve, solutions, tc, gaps. They parse, call the library, and print."""

import inspect
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import typer
from jaxtyping import Array, Float
from rich.markup import escape

from jaxgap.commands.arguments import (
    SetOption,
    SpectrumArgument,
    SystemArgument,
    is_spectrum,
    named_system,
    parse_temperatures,
    spectrum_system,
)
from jaxgap.commands.printing import gap_lines, mu_lines, print_critical, print_gaps, print_retarded, print_transition
from jaxgap.commands.records import (
    EndRecord,
    GapsRecord,
    SolutionsRecord,
    TcRecord,
    TransitionRecord,
    gap_row,
    solution_record,
    state_record,
)
from jaxgap.commands.terminal import JsonOption, console, waiting
from jaxgap.commands.words import in_words
from jaxgap.continuation.ends import EndKind, branch_end
from jaxgap.continuation.transition import transition
from jaxgap.materials import SYSTEMS
from jaxgap.model.files import write_picture
from jaxgap.model.records import print_json
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.model.systems import to_toml
from jaxgap.numerics.amounts import amount
from jaxgap.numerics.checks import InputError, NotConvergedError
from jaxgap.observables import branch_names, coherence_peaks
from jaxgap.solving.critical import Onset, critical_temperature, onset
from jaxgap.solving.curves import solve_temperatures
from jaxgap.solving.one import solve as run_solve
from jaxgap.solving.retarded import with_frequencies
from jaxgap.solving.solution import Status
from jaxgap.states.solutions import solutions as find_solutions

__all__ = ["systems"]

systems = typer.Typer()

BranchOption = Annotated[
    str | None,
    typer.Option(help='Branch: "s++", "s+-", or one sign per band such as "++-". Default: the one connected to T_c.'),
]


@systems.command(short_help="One solution at one temperature")
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
        print_json(solution_record(solution))
    else:
        console.print(escape(in_words(str(solution))), soft_wrap=True)
        for line in (*mu_lines(sc, solution), *gap_lines(solution)) if bool(solution.converged) else ():
            console.print(escape(f"  {line}"), soft_wrap=True)
    if not bool(solution.converged):
        raise NotConvergedError(Status(int(solution.status)).sentence)


@systems.command(short_help="A system as a system.toml to change")
def show(system: SystemArgument, set_: SetOption = []) -> None:  # noqa: B006
    """The system as a system.toml, exact to the last bit: what its couplings are, and a file to change.

    Example: jaxgap show ba122 > system.toml && jaxgap solve system.toml --T 1
    """
    sc = named_system(system, set_)
    about = inspect.cleandoc(SYSTEMS[system].__doc__ or "") if system in SYSTEMS else ""
    text = "".join(f"# {line}".rstrip() + "\n" for line in about.splitlines())
    print(text + to_toml(sc), end="")


@systems.command(short_help="All solutions at one temperature, ranked")
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
        print_json(SolutionsRecord(T_K=states.T, solutions=[state_record(state) for state in states]))
    else:
        console.print(escape(str(states)))


@systems.command(short_help="Critical temperature, its kind and slopes")
def tc(
    system: SpectrumArgument,
    mu_star: Annotated[float | None, typer.Option(help="With a file of alpha^2F: mu*, at the energy --cutoff.")] = None,
    cutoff: Annotated[float | None, typer.Option(help="With --mu-star: the energy that it is at [meV].")] = None,
    unit: Annotated[str | None, typer.Option(help="Of frequencies in a file of alpha^2F, if it does not say it.")] = None,
    column: Annotated[int, typer.Option(help="Of alpha^2F in the file, counted from 1.")] = 2,
    kind: Annotated[bool, typer.Option("--kind", help="Also find whether the transition is continuous (slower).")] = False,
    set_: SetOption = [],  # noqa: B006
    as_json_: JsonOption = False,
) -> None:
    """Critical temperature from the linearised gap equations, and its derivative with respect to every leaf. Of a file of
    alpha^2F that of Eliashberg's equations.

    Examples: jaxgap tc mgb2 --set "lam[sigma1, sigma1:sigma2]=0.01"; jaxgap tc Pb.a2F --mu-star 0.1 --cutoff 100
    """
    if is_spectrum(system, mu_star):
        sc = spectrum_system(system, mu_star, cutoff, unit, column, set_)
    else:
        sc = named_system(system, set_)
    if sc.is_retarded and not kind:
        _retarded_tc(sc, as_json_)
        return
    if kind:
        with waiting("looking for the transition"):
            found = transition(sc)
        if as_json_:
            print_json(TransitionRecord.of(found))
        else:
            print_transition(found)
        return
    with waiting("searching for T_c"):
        (T_c, found), slope = jax.value_and_grad(_critical, has_aux=True)(sc)
    derivatives = {path: float(slope.get(path)) for path in sc.paths}
    if as_json_:
        record = TcRecord(
            T_c_K=float(T_c),
            derivatives_K_per_unit=derivatives,
            oscillatory_K=float(found.oscillatory) or None,
            critical_together=int(found.together),
            differentiable=bool(found.differentiable),
        )
        print_json(record)
    else:
        print_critical(sc, found, derivatives)


def _retarded_tc(sc: Superconductor, as_json_: bool) -> None:
    """T_c of Eliashberg's equations."""
    assert isinstance(sc, RetardedSuperconductor)
    with waiting("searching for T_c"):
        sc = with_frequencies(sc)
        T_c = critical_temperature(sc)
        slope = jax.grad(critical_temperature)(sc) if T_c > 0 else jax.tree.map(jnp.zeros_like, sc)
    derivatives = {path: float(slope.get(path)) for path in sc.paths}
    if as_json_:
        record = TcRecord(
            T_c_K=float(T_c),
            derivatives_K_per_unit=derivatives,
            oscillatory_K=None,
            critical_together=None,
            differentiable=bool(np.isfinite(list(derivatives.values())).all()),
        )
        print_json(record)
    else:
        print_retarded(sc, float(T_c), derivatives)


def _critical(sc: Superconductor) -> tuple[Float[Array, ""], Onset]:
    found = onset(sc)
    return found.T_c, found


@systems.command(short_help="Gaps against temperature along a branch")
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
    with waiting(f"solving at {amount(len(temperatures), 'temperature')}") as now:
        solutions = solve_temperatures(sc, temperatures, branch=branch)
        now.say("taking the gaps")
        rows = [gap_row(jax.tree.map(lambda leaf, i=i: leaf[i], solutions)) for i in range(len(temperatures))]
        now.say("looking for the branch's end")
        end = None if branch is None else branch_end(sc, branch)
    if as_json_:
        last = None if end is None else EndRecord(T_K=float(end.T), kind=EndKind(int(end.kind)).name.lower())
        first = jax.tree.map(lambda leaf: leaf[0], solutions)
        peaks = coherence_peaks(first) if bool(first.converged) and sc.beyond else []
        print_json(GapsRecord(branches=branch_names(sc), rows=rows, branch_end=last, coherence_peaks=peaks))
    else:
        print_gaps(sc, rows)
        if end is not None:
            console.print(f"The branch {branch} ends at {float(end.T):.4f} K {EndKind(int(end.kind)).words}.")
    if plot is not None:
        _plot_gaps(sc, temperatures, branch, plot)
    if not any(row.status in ("converged", "normal") for row in rows):
        raise NotConvergedError(Status[rows[0].status.upper()].sentence)


def _start(text: str | None) -> np.ndarray | None:
    if text is None:
        return None
    try:
        amplitudes = np.array([complex(part.strip().replace("i", "j")) for part in text.split(",")])
    except ValueError:
        raise InputError(f"Argument `--start` must hold comma-separated numbers, but got `{text}`.") from None
    return amplitudes if np.any(amplitudes.imag) else amplitudes.real


def _plot_gaps(sc: Superconductor, T: np.ndarray, branch: str | None, path: Path) -> None:
    from jaxgap.drawing import figure_of
    from jaxgap.plotting.plots import plot_gaps

    with waiting("drawing"):
        figure = figure_of(plot_gaps(sc, T, branch))
    write_picture(figure, path)
