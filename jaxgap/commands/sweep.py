"""The command `sweep`: it parses, calls the library, and prints."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer
from rich.markup import escape

from jaxgap.commands.interruption import EXIT, say_interrupted
from jaxgap.commands.records import SweepRecord
from jaxgap.commands.terminal import JsonOption, Waiting, console, progress, waiting
from jaxgap.model.files import write_picture
from jaxgap.model.records import print_json
from jaxgap.numerics.threads import cores
from jaxgap.solving.solution import Status
from jaxgap.sweeps.config import SweepConfig, load_sweep
from jaxgap.sweeps.layout import NO_STATE
from jaxgap.sweeps.progress import Progress, Report

__all__ = ["sweeps"]

sweeps = typer.Typer()


@sweeps.command(short_help="Many systems into a labelled store")
def sweep(
    path: Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep.toml.")],
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler, such as tcp://host:8786, whose workers compute.")
    ] = None,
    as_json_: JsonOption = False,
) -> None:
    """Solve at all points of a grid, or at samples: a Zarr store beside sweep.toml, and the pictures it asks for.

    The same command goes on after an interruption, whatever it was. All cores and all local devices are used.
    Needs xarray and zarr: pip install "jaxgap[sweeps]"; for --scheduler distributed: pip install "jaxgap[cluster]".

    Example: jaxgap sweep sweeps/gaps_lambda_33_d/sweep.toml
    """
    from jaxgap.sweeps.run import sweep as run_sweep

    _use_all_cores()
    config, given = load_sweep(path)
    for remark in given["sc"].remarks:
        progress.print(escape(f"Note: {remark}"), soft_wrap=True)
    try:
        with waiting("preparing the sweep") as now:
            data = run_sweep(**given, scheduler=scheduler, progress=_report(now))
            now.say("counting and drawing")
            pictures = _written(config, data, path.parent)
            counts = _counts(data.status)
    except KeyboardInterrupt:
        kept = f"what is finished is kept in `{given['store']}`, and the same command goes on from there"
        say_interrupted(f"Interrupted: {kept}.")
        raise typer.Exit(EXIT) from None
    if as_json_:
        print_json(SweepRecord(store=str(given["store"]), points=counts, pictures=[str(picture) for picture in pictures]))
        return
    for name, count in counts.items():
        console.print(f"{count:>12} {name}")
    console.print(escape(f"Wrote {', '.join(map(str, (given['store'], *pictures)))}."), soft_wrap=True)


def _use_all_cores() -> None:
    """One device of JAX per core, unless it is said otherwise: one computation would use one core."""
    if "--xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with suppress(RuntimeError):  # JAX has begun to compute: a host program has chosen its devices.
            jax.config.update("jax_num_cpu_devices", cores())


def _report(waiting: Waiting) -> Report:
    """Says how many points are done, at which rate, and how long the rest takes."""

    def report(now: Progress) -> None:
        kept = f" ({now.kept} from before)" if now.kept else ""
        rate = "" if np.isnan(now.rate) else f"  {now.rate:.0f} per second"
        left = "" if np.isnan(now.left) or now.done == now.total else f"  {now.left:.0f} s left"
        waiting.say(f"{now.done:>10}/{now.total} points{kept}{rate}{left}", last=now.done == now.total)

    return report


def _counts(status: Any) -> dict[str, int]:
    """How many solves ended how; in pieces, since the whole need not fit into memory."""
    counts: dict[str, int] = {}
    meanings = {int(one): one.text for one in Status} | {NO_STATE: "no state"}
    for i in range(status.shape[0]):
        for code, count in zip(*np.unique(status[i].values, return_counts=True), strict=True):
            counts[meanings[int(code)]] = counts.get(meanings[int(code)], 0) + int(count)
    return counts


def _written(config: SweepConfig, data: Any, folder: Path) -> list[Path]:
    import matplotlib.pyplot as plt

    from jaxgap.sweeps.pictures import plot_sweep

    paths = []
    for name, picture in config.pictures.items():
        ax = plot_sweep(data, picture.variable, **picture.at)
        paths.append(folder / f"{name}.png")
        write_picture(ax.figure, paths[-1])
        plt.close(ax.figure)
    return paths
