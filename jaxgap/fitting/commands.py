"""The commands about a fit folder: fit, report, compare, posterior, bootstrap. They parse, call the library, and print."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import jax.numpy as jnp
import typer
from rich.markup import escape

from jaxgap._checks import InputError, check
from jaxgap._json import print_json, write_json
from jaxgap._terminal import JsonOption, console, progress
from jaxgap.fitting import bootstrap_report, posterior_report
from jaxgap.fitting.bootstrap import bootstrap as draw_sets
from jaxgap.fitting.checkpoint import NAME, drawn_so_far
from jaxgap.fitting.choice import fit as run_fit
from jaxgap.fitting.compare import compare as compare_models
from jaxgap.fitting.comparison_report import comparison_row, print_comparison
from jaxgap.fitting.config import FitConfig, load_fit
from jaxgap.fitting.data import Datum
from jaxgap.fitting.information import next_measurement
from jaxgap.fitting.posterior import posterior as draw_posterior
from jaxgap.fitting.posterior import require_packages
from jaxgap.fitting.posterior_report import write_posterior
from jaxgap.fitting.problem import problem, systems_at
from jaxgap.fitting.record import load_result
from jaxgap.fitting.report import as_json, print_next, print_report, write_report, write_views
from jaxgap.fitting.result import FitResult
from jaxgap.fitting.sampler import Progress
from jaxgap.superconductor import Superconductor, to_toml

__all__ = ["fits"]

fits = typer.Typer()

_GO_ON = "the same command without --fresh goes on from there"
_EVERY = 2.0
"""Seconds between two lines of progress."""


@fits.command()
def fit(
    folder: Annotated[Path, typer.Argument(help="A folder with fit.toml and data.csv.")],
    next_: Annotated[
        str | None, typer.Option("--next", metavar="PARAMETER", help="Say which measurement would help this parameter most.")
    ] = None,
    as_json_: JsonOption = False,
) -> None:
    """Fit couplings to measured gaps: tables here; result.json, fit.png and report.html beside the data.

    Example: jaxgap fit fits/ba0.6k0.4fe2as2 --next lambda_13
    """
    config, sc, data = load_fit(folder)
    if next_ is not None:
        check(next_ in config.parameters, "--next", f"be one of {', '.join(config.parameters)}", next_)
    result = run_fit(config, sc, data, _print_starts)
    paths = _written(write_report, result, folder)
    rows = next_measurement(result, next_) if next_ is not None else ()
    if as_json_:
        print_json(as_json(result) | ({"next": [row._asdict() for row in rows]} if rows else {}))
    else:
        print_report(result, console)
        if next_ is not None:
            print_next(next_, rows, float(result.uncertainty[list(config.parameters).index(next_)]), console)
        console.print(escape(f"Wrote {', '.join(map(str, paths))}."), soft_wrap=True)


@fits.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder with the result.json of a fit.")],
) -> None:
    """Make report.html and fit.png of a fit again from its result.json, without fitting.

    Example: jaxgap report fits/ba0.6k0.4fe2as2
    """
    paths = _written(write_views, load_result(folder), folder)
    console.print(escape(f"Wrote {', '.join(map(str, paths))}."), soft_wrap=True)


@fits.command()
def compare(
    folder: Annotated[Path, typer.Argument(help="A folder with fit.toml, which has [models.<name>], and data.csv.")],
    as_json_: JsonOption = False,
) -> None:
    """Fit all models of fit.toml to the same data (or to those of some techniques) and compare them: comparison.json, and
    what `jaxgap fit` writes for the model as fit.toml has it.

    Example: jaxgap compare fits/mgb2
    """
    config, sc, data = load_fit(folder)

    def report(name: str, stage: str, step: int, steps: int, chi2: float) -> None:
        if step == steps:
            progress.print(escape(f"{name}: {stage} {steps} starts, best chi^2 {chi2:.3e}"))

    found = compare_models(config, sc, data, report)
    paths = [folder / "comparison.json", *_written(write_report, found.full, folder)]
    row = comparison_row(found)
    write_json(row, paths[0])
    if as_json_:
        print_json(row)
    else:
        print_comparison(found, console)
        console.print(escape(f"Wrote {', '.join(map(str, paths))}."), soft_wrap=True)


@fits.command()
def posterior(
    folder: Annotated[Path, typer.Argument(help="A folder with fit.toml and data.csv.")],
    draws: Annotated[int, typer.Option(help="Draws of every chain.")] = 1000,
    warmup: Annotated[int, typer.Option(help="Draws before them, which adapt the sampler and are dropped.")] = 500,
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew instead of going on from posterior.npz.")] = False,
    as_json_: JsonOption = False,
) -> None:
    """Draw from the posterior of a fit: table, posterior.json and posterior.png beside the data.

    The fit is that of result.json if fit.toml and data.csv are still the same; else it is made first, as `jaxgap fit` does.

    Draws are kept in posterior.npz; the same command goes on after an interruption, and a larger --draws makes a finished run
    longer. Needs numpyro and arviz: pip install "jaxgap[bayes]".

    Example: jaxgap posterior fits/ba0.6k0.4fe2as2 --draws 2000
    """
    require_packages()
    config, sc, data = load_fit(folder)
    try:
        result = _known_or_new(config, sc, data, folder)
        run = {"draws": draws, "warmup": warmup, "chains": chains, "seed": seed}
        found = draw_posterior(result, **run, folder=folder, fresh=fresh, progress=_print_rate())
        paths = write_posterior(found, folder)
    except KeyboardInterrupt:
        kept = drawn_so_far(folder / NAME)
        print(f"jaxgap: Interrupted: {kept} draws of every chain are kept in `{folder / NAME}`; {_GO_ON}.", file=sys.stderr)
        raise typer.Exit(130) from None
    except OSError as error:
        raise InputError(f"Cannot write the posterior into `{folder}`: {error}.") from None
    if as_json_:
        print_json(posterior_report.as_json(found))
    else:
        posterior_report.print_report(found, console)
        console.print(escape(f"Wrote {paths[0]} and {paths[1]}; the draws are in {folder / NAME}."), soft_wrap=True)


@fits.command()
def bootstrap(
    folder: Annotated[Path, typer.Argument(help="A folder with fit.toml and data.csv.")],
    sets: Annotated[int, typer.Option(help="Sets of data drawn from the fitted model.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    as_json_: JsonOption = False,
) -> None:
    """Draw data from the fitted model and fit them again: table, and bootstrap.json beside the data.

    The fit is that of result.json if fit.toml and data.csv are still the same; else it is made first, as `jaxgap fit` does.

    Example: jaxgap bootstrap fits/synthetic_ba0.6k0.4fe2as2
    """
    config, sc, data = load_fit(folder)
    result = _known_or_new(config, sc, data, folder)

    def report(done: int, of: int) -> None:
        if done % 50 == 0 or done == of:
            progress.print(f"bootstrap {done:4d}/{of}")

    found = draw_sets(result, sets=sets, seed=seed, progress=report)
    row, path = bootstrap_report.as_json(found), folder / "bootstrap.json"
    write_json(row, path)
    if as_json_:
        print_json(row)
    else:
        bootstrap_report.print_report(found, console)
        console.print(escape(f"Wrote {path}."), soft_wrap=True)


def _written(write: Callable[..., tuple[Path, ...]], result: FitResult, folder: Path) -> tuple[Path, ...]:
    try:
        return write(result, folder)
    except OSError as error:
        raise InputError(f"Cannot write the report into `{folder}`: {error}.") from None


def _known_or_new(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...], folder: Path) -> FitResult:
    """The fit of result.json if it is one of this fit.toml and these data, else a new one, which is written beside them."""
    if (folder / "result.json").exists():
        with suppress(InputError):  # What cannot be read is written anew.
            known = load_result(folder)
            if known.config == config and known.data == data and _same_systems(known, sc):
                progress.print(escape(f"The fit is that of {folder / 'result.json'}."))
                return known
    result = run_fit(config, sc, data, _print_starts)
    _written(write_report, result, folder)
    return result


def _same_systems(known: FitResult, sc: Superconductor) -> bool:
    """Whether a fit's systems are what its parameters make of `sc`."""
    p = problem(known.config, known.config.systems(sc), known.data)
    made = systems_at(p, jnp.asarray(known.value))
    return [to_toml(one) for one in made] == [to_toml(sample.superconductor) for sample in known.samples]


def _print_starts(stage: str, step: int, steps: int, chi2: float) -> None:
    if step % 16 == 0 or step == steps:
        progress.print(f"{stage:>7} {step:4d}/{steps}  best chi^2 {chi2:.3e}")


def _print_rate() -> Progress:
    """Prints how many draws are done, at which rate, and how long the rest takes."""
    stage_seen, begun, last, since = "", 0.0, 0.0, 0

    def report(stage: str, step: int, steps: int) -> None:
        nonlocal stage_seen, begun, last, since
        now = time.monotonic()
        if stage != stage_seen:
            # The first step of a stage compiles: it is no part of the rate.
            stage_seen, begun, since = stage, now, step
        elif now - last >= _EVERY or step == steps:
            last, rate = now, (step - since) / max(now - begun, 1e-9)
            left = "" if step == steps else f"  {(steps - step) / rate:.0f} s left"
            progress.print(f"{stage:>7} {step:5d}/{steps}  {rate:.1f} per second and chain{left}")

    return report
