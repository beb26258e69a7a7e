"""The command `jaxgap devices`: what programs run on, and how work is cut for it."""

import jax
import typer

from jaxgap.commands.terminal import console
from jaxgap.numerics.cutting import cut, first_device

__all__ = ["machines"]

machines = typer.Typer()


@machines.command(short_help="What jaxgap runs on")
def devices() -> None:
    """What jaxgap runs on: every local device, its memory, and how many systems are treated at once.

    A GPU is used if JAX finds one: pip install "jaxgap[cuda12]", or "jaxgap[cuda13]" (docs/gpu.md).
    """
    for device in jax.local_devices():
        limit = (device.memory_stats() or {}).get("bytes_limit")
        console.print(described(device.platform, device.device_kind, limit), markup=False)
    how = cut()
    console.print(
        f"Programs run on {first_device()}: {how.block:,} systems together, {how.batch:,} points of a sweep at a time.",
        markup=False,
    )


def described(platform: str, name: str, limit: int | None) -> str:
    """One line: platform, name, and the memory [bytes] that JAX may take of it, if it tells."""
    memory = "" if limit is None else f", {limit / 2**30:.1f} GiB for JAX"
    return f"{platform}: {name}{memory}"
