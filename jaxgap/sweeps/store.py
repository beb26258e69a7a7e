r"""A sweep on disk: a Zarr v3 group, one chunk per block and variable, and a checksum per block that says that it is complete.

A block is written in this order: the chunks of all variables, each to a file of its own that is moved to its place at once,
then the block's checksum, in the same manner. So at every moment, whatever ends the process, a block is either complete, with a
checksum that its data have, or it will be computed again: checksums are compared with the data when a sweep goes on. Within a
chunk, Zarr's crc32c tells every reader of damage.

The group holds the configuration that it belongs to. Another one is refused.
"""

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgap.numerics.checks import InputError
from jaxgap.sweeps.extras import require
from jaxgap.sweeps.grid import Blocks
from jaxgap.sweeps.layout import Variable

__all__ = ["Memory", "Store", "checksum"]

CONFIGURATION = "jaxgap_configuration"
MANIFEST = "manifest"
"""Name of the group in which checksums are kept."""


def checksum(block: Mapping[str, np.ndarray]) -> np.uint64:
    """64 bits of what a block holds; never 0, which stands for no block."""
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(block):
        array = block[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return np.uint64(max(1, int.from_bytes(digest.digest(), "little")))


class Memory:
    """A result in memory."""

    def __init__(self, variables: tuple[Variable, ...], blocks: Blocks):
        self.blocks = blocks
        self.arrays = {one.name: np.full(one.shape, one.fill, one.dtype) for one in variables}

    def missing(self) -> list[int]:
        """Blocks to be computed: all."""
        return list(range(len(self.blocks)))

    def write(self, k: int, block: Mapping[str, np.ndarray]) -> None:
        """Put block k into its place."""
        for name, values in block.items():
            self.arrays[name][self.blocks.block(k)] = values


class Store:
    """A result on disk: what is in a Zarr group at `path`."""

    def __init__(self, path: str | Path, blocks: Blocks):
        self.path, self.blocks = Path(path), blocks
        self._group: Any = None

    def __getstate__(self) -> dict[str, object]:
        # Another process opens the group for itself.
        return self.__dict__ | {"_group": None}

    @property
    def group(self) -> Any:
        """The Zarr group."""
        if self._group is None:
            self._group = require("zarr").open_group(self.path, mode="r+", zarr_format=3)
        return self._group

    # --- create and open ----------------------------------------------------------------------------------------------

    @classmethod
    def create_or_open(
        cls,
        path: str | Path,
        configuration: Mapping[str, object],
        attributes: Mapping[str, object],
        variables: tuple[Variable, ...],
        coordinates: dict[str, Any],
        blocks: Blocks,
    ) -> "Store":
        """The store at `path`, new and empty if there is none.

        Raises:
            InputError: if there is something else, or a sweep of another configuration, or the path cannot be written.
        """
        require("zarr")
        path = Path(path)
        try:
            if path.exists():
                _check_same(path, configuration)
                return cls(path, blocks)
            # Made beside its place and moved there: a process that ends half way leaves no half-made store.
            new = path.with_name(path.name + ".new")
            if new.exists():
                shutil.rmtree(new)
            new.parent.mkdir(parents=True, exist_ok=True)
            _create(new, configuration, attributes, variables, coordinates, blocks)
            new.rename(path)
        except OSError as error:
            raise InputError(f"Cannot write the sweep `{path}`: {error}.") from None
        return cls(path, blocks)

    # --- blocks -------------------------------------------------------------------------------------------------------

    def missing(self) -> list[int]:
        """Blocks to be computed: those without a checksum, and those whose data do not have it."""
        sums = self._checksums()
        return [k for k in range(len(self.blocks)) if sums[self.blocks.index(k)] == 0 or not self._sound(k, sums)]

    def written(self) -> int:
        """Number of blocks that have a checksum."""
        return int(np.sum(self._checksums() != 0))

    def write(self, k: int, block: Mapping[str, np.ndarray]) -> None:
        """Put block k into its place, then its checksum.

        Raises:
            InputError: if it cannot be written; the blocks that were written before are not touched.
        """
        try:
            for name, values in block.items():
                self.group[name].set_basic_selection(self._selection(name, k), values)
            sums = self.group[f"{MANIFEST}/checksum"]
            sums.set_basic_selection(self.blocks.index(k), checksum(block))
        except OSError as error:
            raise InputError(
                f"Cannot write block {k} of the sweep `{self.path}`: {error}. What was finished before is kept, and the same "
                "sweep goes on from there."
            ) from None

    def tidy(self) -> None:
        """Remove what interrupted writers have left."""
        for left in self.path.rglob("*.partial"):
            left.unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Names of the variables."""
        coordinates = self.group.attrs["jaxgap_coordinates"]
        return (name for name in self.group.array_keys() if name not in coordinates)

    def _checksums(self) -> np.ndarray:
        """All checksums; 0 where there is none, or where it cannot be read."""
        array = self.group[f"{MANIFEST}/checksum"]
        try:
            return np.asarray(array[...])
        except ValueError:
            return np.array([_readable(array, self.blocks.index(k)) for k in range(len(self.blocks))], np.uint64).reshape(
                self.blocks.counts
            )

    def _sound(self, k: int, sums: np.ndarray) -> bool:
        """Whether the data of a block have its checksum."""
        try:
            block = {name: np.asarray(self.group[name][self._selection(name, k)]) for name in self.names()}
        except (ValueError, RuntimeError):  # What Zarr's codecs say of truncated and altered chunks.
            return False
        return bool(checksum(block) == sums[self.blocks.index(k)])

    def _selection(self, name: str, k: int) -> tuple[Any, ...]:
        block = self.blocks.block(k)
        return (*block, *(slice(None) for _ in range(self.group[name].ndim - len(block))))


def _readable(array: Any, index: tuple[int, ...]) -> Any:
    try:
        return array[index]
    except ValueError:
        return 0


def _check_same(path: Path, configuration: Mapping[str, object]) -> None:
    """That the store at `path` belongs to this configuration."""
    remedy = "give the sweep another path, or delete that one"
    try:
        group = require("zarr").open_group(path, mode="r", zarr_format=3)
        kept = json.loads(group.attrs[CONFIGURATION])
    except (FileNotFoundError, KeyError, ValueError, NotADirectoryError):
        raise InputError(f"`{path}` exists and is no sweep of jaxgap, or a damaged one: {remedy}.") from None
    different = [name for name in {**kept, **configuration} if kept.get(name) != configuration.get(name)]
    if different:
        details = "; ".join(f"{name}: {_short(kept.get(name))}, not {_short(configuration.get(name))}" for name in different)
        raise InputError(f"The sweep `{path}` has another configuration ({details}): {remedy}.")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _create(
    path: Path,
    configuration: Mapping[str, object],
    attributes: Mapping[str, object],
    variables: tuple[Variable, ...],
    coordinates: dict[str, Any],
    blocks: Blocks,
) -> None:
    zarr = require("zarr")
    codecs = [zarr.codecs.ZstdCodec(level=1), zarr.codecs.Crc32cCodec()]
    kept = {CONFIGURATION: json.dumps(configuration, sort_keys=True), "jaxgap_coordinates": list(coordinates)}
    # As xarray writes them, too: without it, coordinates that are no dimensions are read as variables.
    kept["coordinates"] = " ".join(name for name, (dims, *_) in coordinates.items() if dims != (name,) and " " not in name)
    group = zarr.create_group(path, zarr_format=3, attributes={**attributes, **kept})
    # Chunks of nothing but fill values are written as well: a block is there, or it is not.
    options = {"compressors": codecs, "config": {"write_empty_chunks": True}}
    for one in variables:
        chunks = (*blocks.chunk, *one.shape[len(blocks.chunk) :])
        group.create_array(
            one.name,
            shape=one.shape,
            chunks=chunks,
            dtype=one.dtype,
            fill_value=one.fill,
            dimension_names=one.dims,
            attributes=one.attributes,
            **options,
        )
    for name, (dims, values, about) in coordinates.items():
        kind = str if values.dtype.kind == "U" else values.dtype
        array = group.create_array(name, shape=values.shape, dtype=kind, dimension_names=dims, attributes=about)
        array[...] = values
    counts = blocks.counts
    group.create_group(MANIFEST).create_array(
        "checksum", shape=counts, chunks=tuple(1 for _ in counts), dtype="uint64", fill_value=0, **options
    )
    with warnings.catch_warnings():
        # Zarr's third format has none in its specification yet; xarray looks for it, and warns where it is not.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(path, zarr_format=3)
