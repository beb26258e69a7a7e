"""How work is cut for the device that does it: the one place that says so.

On a CPU, elements go in blocks whose arrays stay in cache, one block after the other; how many is measured
(`benchmarks/sweep_kernel.py`). On a GPU a kernel takes microseconds to launch, whatever it does: whole batches, as far as
memory goes. What an element takes there the compiled program tells (`benchmarks/gpu_program.py`).

It is asked while programs are traced, and what they are traced with is part of their key (`forced` is a context of JAX's own).
Results do not depend on it but for rounding, far below 10 eps / sigma_min.
"""

from contextlib import AbstractContextManager
from typing import NamedTuple

import jax

__all__ = ["CPU", "Cut", "cut", "first_device", "for_gpu", "forced", "forced_cut"]


class Cut(NamedTuple):
    """How many elements a device treats at once."""

    block: int
    """That go the short way of many together."""
    gathered: int
    """Of those that are left after a first stage of it."""
    long: int
    """That go the long way."""
    piece: int
    """Whose quantities are computed together."""
    fits: int
    """Fits, of starts or of sets of data, from which on they go together, in batched programs."""
    batch: int
    """Points of a sweep in one call of a program."""
    ahead: int
    """Batches that are asked for before the first one's result is fetched."""
    filled: bool
    """Whether fewer elements than a block are filled up to one: a batch's size then changes no bit of a result."""
    gpu: bool
    """Whether launches and memory are what takes time, not arithmetic: arrays over nodes then are not kept, but found again."""
    registers: bool = False
    """Whether what is traced is for one element, to be run in registers (`jaxgap.numerics.registers`): nodes then are laid
    where they are summed over."""

    def together(self, n: int) -> int:
        """Elements of a block of the short way, if there are n."""
        return self.block if self.filled else min(self.block, n)

    def of_the_left(self, n: int) -> int:
        """Of a block of those that are left after the first stage."""
        return self.gathered if self.filled else min(self.gathered, n)

    def of_heavy(self) -> "Cut":
        """Where one element's matrices fill the cache, and take a hundred times as long: a block waits for its slowest one."""
        return self._replace(**{name: max(1, getattr(self, name) // HEAVY) for name in ("block", "gathered", "long", "batch")})

    def of_meshes(self) -> "Cut":
        """Where the sums of one element are long, and cut into blocks of nodes themselves."""
        return self._replace(block=1, gathered=1, long=1, piece=1, batch=MESHES)

    def long_of(self, n: int) -> int:
        """Of a block of the long way."""
        return self.long if self.filled else min(self.long, n)


CPU = Cut(block=256, gathered=256, long=8, piece=128, fits=512, batch=1024, ahead=4, filled=True, gpu=False)
"""256 elements: with 64 nodes an array is 128 kB. (With 128, and with 64, XLA's loops take nearly twice the time per element.)
Few mostly go the long way, and a block that is not full takes as long. Quantities of 128 points: integrands stay in cache.
Fits: a batched program takes half a minute to compile, and then 0.5 ms for what one by one takes 4 ms."""

HEAVY = 16
"""An element of three or more linked bands counts as so many: on a CPU blocks of 16 are the quickest (of three bands 487
solutions per second and core; 424 and 276 in blocks of 4 and 1). On a GPU that is a guess."""
MESHES = 16
"""Points of a sweep of lattices in one call of a program: what an interruption may have to wait for."""
SHARE = 0.125
"""Of the memory that JAX may take: systems with several pairs, and rules with more nodes, take more than these bytes."""
BYTES, LONG_BYTES, QUANTITY_BYTES = 24_000, 120_000, 90_000
"""Per element, of the short way, the long way, and the quantities of a point: two cross-paired bands, default nodes."""
FITS = 8
"""On a GPU: what one fit asks for by itself is launches and nothing else."""
MOST = 65_536
"""Points of a sweep's batch: more than that a GPU's cores cannot begin at once, and a block on disk holds whole batches."""
LITTLE = 4 * 2**30
"""Memory [bytes] of a GPU that does not tell."""


def for_gpu(memory: int) -> Cut:
    """Whole batches, as far as `memory` [bytes] goes."""

    def most(each: int) -> int:
        return int(2 ** max(5, int(SHARE * memory / each).bit_length() - 1))

    block, piece = most(BYTES), most(QUANTITY_BYTES)
    return Cut(
        block=block,
        gathered=max(8, min(block, MOST) // 8),
        long=min(most(LONG_BYTES), MOST // 8),
        piece=piece,
        fits=FITS,
        batch=min(block, piece, MOST),
        ahead=2,
        filled=False,
        gpu=True,
    )


_forced = jax.make_user_context(default_value=None)


def forced(other: Cut | None) -> AbstractContextManager[None]:
    """Inside, work is cut like this, whatever the device (of this thread): for tests, and for programs of another machine."""
    context: AbstractContextManager[None] = _forced(other)
    return context


def forced_cut() -> Cut | None:
    """What `forced` says here; None: the device's own."""
    found: Cut | None = _forced.value
    return found


def cut() -> Cut:
    """How work is cut for the device on which programs run."""
    return forced_cut() or _own(first_device())


def first_device() -> jax.Device:
    """The device on which programs run that are not spread."""
    chosen = getattr(jax.config, "jax_default_device")  # noqa: B009 (its type is not known to mypy)
    return chosen if isinstance(chosen, jax.Device) else jax.local_devices(backend=chosen)[0]


def _own(device: jax.Device) -> Cut:
    if device.platform == "cpu":
        return CPU
    told = device.memory_stats() or {}
    return for_gpu(told.get("bytes_limit", LITTLE))
