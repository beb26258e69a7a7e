"""The commands about a fit folder: fit, report, compare, posterior, bootstrap. They parse, call the library, and print."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import jax.numpy as jnp
import typer
from rich.markup import escape

from jaxgap.commands.interruption import EXIT, say_interrupted
from jaxgap.commands.records import NextRecord
from jaxgap.commands.terminal import JsonOption, Waiting, console, progress, waiting
from jaxgap.fitting.checkpoint import NAME, drawn_so_far
from jaxgap.fitting.choice import fit as run_fit
from jaxgap.fitting.comparison import compare as compare_models
from jaxgap.fitting.config import FULL, FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.empirical.couplings import first_guess
from jaxgap.fitting.inference_data import require_packages
from jaxgap.fitting.information import next_measurement
from jaxgap.fitting.loading import load_fit
from jaxgap.fitting.problem import problem, systems_at
from jaxgap.fitting.report import bootstrap as bootstrap_report
from jaxgap.fitting.report import comparison
from jaxgap.fitting.report import posterior as posterior_report
from jaxgap.fitting.report.files import print_next, print_report, report_files, write_report, write_views
from jaxgap.fitting.report.posterior import posterior_files
from jaxgap.fitting.report.record import load_result, record_of
from jaxgap.fitting.resampling import NAME as SETS
from jaxgap.fitting.resampling import bootstrap as draw_sets
from jaxgap.fitting.resampling import check_sets
from jaxgap.fitting.result import FitResult
from jaxgap.fitting.sampler import Progress
from jaxgap.fitting.sampling import check_run
from jaxgap.fitting.sampling import posterior as draw_posterior
from jaxgap.model.files import write_files
from jaxgap.model.records import print_json, text_of
from jaxgap.model.superconductor import Superconductor, check_static
from jaxgap.model.systems import to_toml
from jaxgap.numerics.checks import DoubtfulError, InputError, NotConvergedError, check

__all__ = ["fits"]

fits = typer.Typer()

_GO_ON = "the same command without --fresh goes on from there"


@fits.command(short_help="Fit couplings to what was measured")
def fit(
    folder: Annotated[Path, typer.Argument(help="A folder with fit.toml and data.csv.")],
    next_: Annotated[
        str | None, typer.Option("--next", metavar="PARAMETER", help="Say which measurement would help this parameter most.")
    ] = None,
    start_from: Annotated[
        Literal["alpha"] | None,
        typer.Option("--start-from", help="Make the first start from the gaps and T_c of the alpha model, fitted before."),
    ] = None,
    as_json_: JsonOption = False,
) -> None:
    """Fit couplings to measured gaps: tables here; result.json, fit.png and report.html beside the data.

    The exit code is 4 if no start has converged: the numbers must not be quoted.

    Example: jaxgap fit fits/ba0.6k0.4fe2as2 --next lambda_13
    """
    config, sc, data = load_fit(folder)
    if next_ is not None:
        check_static(sc)
        check(next_ in config.parameters, "--next", f"be one of {', '.join(config.parameters)}", next_)
    with waiting("fit") as now:
        guess = None if start_from is None else first_guess(config, sc, data, _starts(now))
        # Where it starts is no part of what is fitted.
        result = run_fit(config if guess is None else guess.config, sc, data, _starts(now))._replace(config=config)
        now.say("which measurement would help" if next_ else "report")
        rows = next_measurement(result, next_) if next_ is not None else ()

    def tell() -> None:
        if as_json_:
            record = record_of(result)
            print_json(NextRecord.model_validate(dict(record) | {"next": rows}) if rows else record)
            return
        if guess is not None:
            console.print(escape(guess.sentence(sc.band_names)))
        print_report(result, console)
        if next_ is not None:
            print_next(next_, rows, float(result.uncertainty[list(config.parameters).index(next_)]), console)

    _told_and_written(tell, lambda: report_files(result, folder), as_json_)
    _refuse_doubtful(result)


@fits.command(short_help="Report and pictures of a fit again")
def report(
    folder: Annotated[Path, typer.Argument(help="A folder with the result.json of a fit.")],
) -> None:
    """Make report.html and fit.png of a fit again from its result.json, without fitting.

    Example: jaxgap report fits/ba0.6k0.4fe2as2
    """
    result = load_result(folder)
    with waiting("report"):
        paths = write_views(result, folder)
    _say_written(paths)


@fits.command(short_help="Several models of the same data")
def compare(
    folder: Annotated[Path, typer.Argument(help="A folder with fit.toml, which has [models.<name>], and data.csv.")],
    as_json_: JsonOption = False,
) -> None:
    """Fit all models of fit.toml to the same data (or to those of some techniques) and compare them: comparison.json, and
    what `jaxgap fit` writes for the model as fit.toml has it.

    A model that cannot be fitted does not stop the others; the exit code is then 3.

    Example: jaxgap compare fits/mgb2
    """
    config, sc, data = load_fit(folder)
    with waiting("compare") as now:
        found = compare_models(config, sc, data, lambda name, *state: _starts(now, f"{name}: ")(*state))
    row = comparison.record_of(found)

    def contents() -> dict[Path, str | bytes]:
        files = report_files(found.full, folder) if FULL in found.fits else {}
        return {folder / "comparison.json": text_of(row) + "\n", **files}

    _told_and_written(lambda: print_json(row) if as_json_ else comparison.print_comparison(found, console), contents, as_json_)
    if found.failed:
        raise NotConvergedError(f"The fit of {' and of '.join(found.failed)} did not converge; the others are compared.")


@fits.command(short_help="Draw from the posterior of a fit")
def posterior(
    folder: Annotated[Path, typer.Argument(help="A folder with fit.toml and data.csv.")],
    draws: Annotated[int, typer.Option(help="Draws of every chain.")] = 1000,
    warmup: Annotated[int, typer.Option(help="Draws before them, which adapt the sampler and are dropped.")] = 500,
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew instead of going on from posterior.npz.")] = False,
    as_json_: JsonOption = False,
) -> None:
    """Draw from the posterior of a fit: table, posterior.json and posterior.png beside the data, and posterior.nc,
    which arviz opens.

    The fit is that of result.json if fit.toml and data.csv are still the same; else it is made first, as `jaxgap fit` does.

    The exit code is 4 if the chains have not converged: their numbers must not be quoted.

    Draws are kept in posterior.npz; the same command goes on after an interruption, and a larger --draws makes a finished run
    longer. Needs numpyro, arviz and h5netcdf: pip install "jaxgap[bayes]".

    Example: jaxgap posterior fits/ba0.6k0.4fe2as2 --draws 2000
    """
    require_packages()
    run = {"draws": draws, "warmup": warmup, "chains": chains, "seed": seed}
    check_run(run, "--")
    config, sc, data = load_fit(folder)
    _check_writable(folder)
    try:
        with waiting("posterior") as now:
            result = _known_or_new(config, sc, data, folder, now)
            found = draw_posterior(result, **run, folder=folder, fresh=fresh, progress=_rate(now))
    except KeyboardInterrupt:
        _say_kept(folder / NAME, "draws of every chain")
        raise typer.Exit(EXIT) from None

    record = posterior_report.record_of(found)

    def tell() -> None:
        if as_json_:
            print_json(record)
        else:
            posterior_report.print_report(found, console)

    _told_and_written(tell, lambda: posterior_files(found, folder, record), as_json_)
    if not found.converged:
        raise DoubtfulError(
            f"These draws must not be quoted yet; they are kept in `{folder / NAME}`, and a larger --draws goes on."
        )


@fits.command(short_help="Fit data drawn from the fitted model")
def bootstrap(
    folder: Annotated[Path, typer.Argument(help="A folder with fit.toml and data.csv.")],
    sets: Annotated[int, typer.Option(help="Sets of data drawn from the fitted model.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew instead of going on from bootstrap.npz.")] = False,
    as_json_: JsonOption = False,
) -> None:
    """Draw data from the fitted model and fit them again: table, and bootstrap.json beside the data.

    The fit is that of result.json if fit.toml and data.csv are still the same; else it is made first, as `jaxgap fit` does.

    Sets are kept in bootstrap.npz; the same command goes on after an interruption, and a larger --sets makes a finished run
    longer.

    Example: jaxgap bootstrap fits/synthetic_ba0.6k0.4fe2as2
    """
    check_sets(sets, seed, "--")
    config, sc, data = load_fit(folder)
    _check_writable(folder)
    try:
        with waiting("bootstrap") as now:
            result = _known_or_new(config, sc, data, folder, now)
            counted = lambda done, of: now.say(f"bootstrap {done:4d}/{of}", last=done == of)  # noqa: E731
            found = draw_sets(result, sets=sets, seed=seed, folder=folder, fresh=fresh, progress=counted)
    except KeyboardInterrupt:
        _say_kept(folder / SETS, "sets")
        raise typer.Exit(EXIT) from None
    row = bootstrap_report.record_of(found)

    def tell() -> None:
        if as_json_:
            print_json(row)
        else:
            bootstrap_report.print_report(found, console)

    _told_and_written(tell, lambda: {folder / "bootstrap.json": text_of(row) + "\n"}, as_json_)


def _told_and_written(tell: Callable[[], None], contents: Callable[[], Mapping[Path, str | bytes]], quiet: bool) -> None:
    """Print a result, and then write it: what cannot be written has been told, and what cannot be printed is written."""
    try:
        tell()
    finally:
        with waiting("pictures and files"):
            paths = write_files(contents())
    if not quiet:
        _say_written(paths)


def _say_written(paths: Iterable[Path]) -> None:
    console.print(escape(f"Wrote {', '.join(map(str, paths))}."), soft_wrap=True)


def _say_kept(path: Path, what: str) -> None:
    """What an interrupted run has kept."""
    kept = drawn_so_far(path)
    say_interrupted(f"Interrupted: {kept} {what} are kept in `{path}`; {_GO_ON}." if kept else "Interrupted.")


def _check_writable(folder: Path) -> None:
    """What is kept on the way needs a place: better said before the work than after it."""
    if not os.access(folder, os.W_OK):
        raise InputError(f"Cannot write into `{folder}`, where what is done is kept: it is read-only.")


def _refuse_doubtful(result: FitResult) -> None:
    """Numbers that were told, but must not be quoted, are no success."""
    if not result.start_converged.any():
        raise DoubtfulError("No start of the fit has converged: its numbers are provisional, and must not be quoted.")


def _known_or_new(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...], folder: Path, now: Waiting) -> FitResult:
    """The fit of result.json if it is one of this fit.toml and these data, else a new one, which is written beside them."""
    if (folder / "result.json").exists():
        with suppress(InputError):  # What cannot be read is written anew.
            known = load_result(folder)
            if known.config == config and known.data == data and _same_systems(known, sc):
                progress.print(escape(f"The fit is that of {folder / 'result.json'}."))
                return known
    result = run_fit(config, sc, data, _starts(now))
    write_report(result, folder)
    return result


def _same_systems(known: FitResult, sc: Superconductor) -> bool:
    """Whether a fit's systems are what its parameters make of `sc`."""
    p = problem(known.config, known.config.systems(sc), known.data)
    made = systems_at(p, jnp.asarray(known.value))
    return [to_toml(one) for one in made] == [to_toml(sample.superconductor) for sample in known.samples]


def _starts(now: Waiting, of: str = "") -> Callable[[str, int, int, float], None]:
    """Says how far a stage of a fit is."""

    def report(stage: str, step: int, steps: int, chi2: float) -> None:
        now.say(f"{of}{stage:>7} {step:4d}/{steps}  best chi^2 {chi2:.3e}", last=step == steps)
        if step == steps and stage == "finish":
            now.say(f"{of}other states, intervals, curve")

    return report


def _rate(now: Waiting) -> Progress:
    """Says how many draws are done, at which rate, and how long the rest takes."""
    stage_seen, begun, since = "", 0.0, 0

    def report(stage: str, step: int, steps: int) -> None:
        nonlocal stage_seen, begun, since
        if stage != stage_seen:
            # The first step of a stage compiles: it is no part of the rate.
            stage_seen, begun, since = stage, time.monotonic(), step
        rate = (step - since) / max(time.monotonic() - begun, 1e-9)
        left = f"  {rate:.1f} per second and chain" if step > since else ""
        left += f"  {(steps - step) / rate:.0f} s left" if since < step < steps else ""
        now.say(f"{stage:>7} {step:5d}/{steps}{left}", last=step == steps)

    return report
