"""The command `jaxgap devices`: what programs run on, and how work is cut for it."""

import jax
import typer

from jaxgap.commands.terminal import console
from jaxgap.numerics.cutting import cut, first_device

__all__ = ["machines"]

machines = typer.Typer()


@machines.command()
def devices() -> None:
    """What jaxgap runs on: every local device, its memory, and how many systems are treated at once.

    A GPU is used if JAX finds one: pip install "jaxgap[cuda12]", or "jaxgap[cuda13]" (docs/gpu.md).
    """
    for device in jax.local_devices():
        console.print(described(device), markup=False)
    how = cut()
    console.print(
        f"Programs run on {first_device()}: {how.block:,} systems together, {how.batch:,} points of a sweep at a time.",
        markup=False,
    )


def described(device: jax.Device) -> str:
    """One line: platform, name, and the memory that JAX may take of it."""
    told = (device.memory_stats() or {}).get("bytes_limit")
    memory = "" if told is None else f", {told / 2**30:.1f} GiB for JAX"
    return f"{device.platform}: {device.device_kind}{memory}"
