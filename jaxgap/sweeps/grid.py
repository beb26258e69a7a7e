r"""The points of a sweep: an outer product of axes (`grid`) or columns of equal length (`samples`), around one system.

An axis is a path into the system (`lambda_33`, `mu[beta]`, ...), `T`, or a name that moves several leaves together:

.. math:: \text{leaf} = \text{offset} + \text{factor} \times \text{value}

or any function (system, value) -> system. `d`, the interband distance of Vargas-Paredes et al., Phys. Rev. B 101, 094516
(2020), is known: mu_2 = mu_1 + d for two cross-paired bands of equal masses.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.family import Coordinate, Moves, Section, leaf
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, check, check_finite
from jaxgap.selfenergy.frequencies import settled

__all__ = ["Axis", "Points", "Blocks", "MOST_VALUES", "axis", "points"]

MOST_VALUES = 10**7
"""Values of one axis."""


@dataclass(frozen=True)
class Axis:
    """One axis of a sweep. Made by `axis`, or from an array of values whose name is a path."""

    name: str
    values: Float[np.ndarray, "point"]
    moves: Moves
    """The leaves that it sets, a tuple of moves; or a function (system, value) -> system; nothing: what its name says."""
    unit: str


def axis(values: object, sets: object = None, unit: str = "") -> Axis:
    """An axis whose name is no path.

    Args:
        values: its values.
        sets: path -> factor, or (factor, offset): the leaf (or "T" [K]) is offset + factor * value. Or a function
            (system, value) -> system of JAX operations.
        unit: its unit, for the coordinates.

    Example:
        >>> mu = jg.sweeps.axis([40.0, 50.0], {"mu[a]": 1.0, "mu[b]": (1.0, 10.0)}, unit="meV")
        >>> mu.values.tolist(), mu.unit
        ([40.0, 50.0], 'meV')
    """
    moves: Moves = ()
    if isinstance(sets, Mapping):
        pairs = {path: entry if isinstance(entry, tuple | list) else (entry, 0.0) for path, entry in sets.items()}
        for path, pair in pairs.items():
            check(len(pair) == 2, "sets", "give a factor, or (factor, offset), for every path", {path: pair})
        moves = tuple((path, float(factor), float(offset)) for path, (factor, offset) in pairs.items())
    elif callable(sets):
        moves = sets
    else:
        check(sets is None, "sets", "map paths to factors, or be a function (system, value) -> system", repr(sets))
    return Axis("", _values("values", values), moves, unit)


def _values(name: str, given: object) -> Float[np.ndarray, "point"]:
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"Argument `{name}` must hold numbers, but got {given!r}.") from None
    check(values.ndim == 1 and values.size > 0, name, "be a list of at least one value", f"shape {values.shape}")
    check(values.size <= MOST_VALUES, name, f"hold at most {MOST_VALUES:,} values", f"{values.size:,}")
    bad = np.flatnonzero(~np.isfinite(values))
    check(not len(bad), name, "be finite", f"{values[bad[:1]]} at position {bad[:1]}")
    return values


@dataclass(frozen=True)
class Points:
    """All points of a sweep."""

    family: Section
    axes: tuple[Axis, ...]
    outer: bool
    """Whether they are the outer product of the axes; else the axes are columns."""

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dimensions that the points span."""
        return tuple(axis.name for axis in self.axes) if self.outer else ("sample",)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along every dimension."""
        return tuple(len(axis.values) for axis in (self.axes if self.outer else self.axes[:1]))

    @property
    def size(self) -> int:
        """Number of points."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def temperatures(self) -> Float[np.ndarray, "end"]:
        """Those at the ends of all axes [K]."""
        return np.array([float(self.family.at(*np.asarray(row, dtype=float))[1]) for row in _ends(self)])

    def rows(self, block: tuple[slice, ...]) -> Float[np.ndarray, "point axis"]:
        """The axes' values at the points of a block, the last dimension fastest."""
        if not self.outer:
            return np.stack([axis.values[block[0]] for axis in self.axes], axis=1)
        parts = np.meshgrid(*(axis.values[part] for axis, part in zip(self.axes, block, strict=True)), indexing="ij")
        return np.stack([part.ravel() for part in parts], axis=1)


@dataclass(frozen=True)
class Blocks:
    """The points in blocks: the chunks on disk, and the pieces of work."""

    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    """Extent of a block; those at the far ends may be smaller."""

    @classmethod
    def of(cls, shape: tuple[int, ...], most: int) -> "Blocks":
        """Blocks of at most `most` points, as long as possible along the last dimensions."""
        chunk: list[int] = []
        for n in reversed(shape):
            chunk.insert(0, max(1, min(n, most)))
            most //= chunk[0]
        return cls(shape, tuple(chunk))

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of blocks along every dimension."""
        return tuple(-(-n // c) for n, c in zip(self.shape, self.chunk, strict=True))

    def __len__(self) -> int:
        return int(np.prod(self.counts, dtype=np.int64))

    def index(self, k: int) -> tuple[int, ...]:
        """Where block k stands among the blocks."""
        return tuple(int(i) for i in np.unravel_index(k, self.counts))

    def block(self, k: int) -> tuple[slice, ...]:
        """The points of block k."""
        corner = self.index(k)
        return tuple(slice(i * c, min((i + 1) * c, n)) for i, c, n in zip(corner, self.chunk, self.shape, strict=True))

    def extent(self, k: int) -> tuple[int, ...]:
        """Shape of block k."""
        return tuple(part.stop - part.start for part in self.block(k))

    def points(self, k: int) -> int:
        """Number of points of block k."""
        return int(np.prod(self.extent(k), dtype=np.int64))


def points(sc: Superconductor, T: object, grid: object, samples: object) -> Points:
    """The points of a sweep over `grid` or `samples`, checked: every name leads somewhere, every value is allowed.

    Raises:
        InputError: one sentence that names the axis.
    """
    check(isinstance(sc, Superconductor), "sc", "be a Superconductor", type(sc).__name__)
    check((grid is None) != (samples is None), "grid", "be given, or `samples`, and not both", "both" if grid else "neither")
    given = grid if samples is None else samples
    named = dict(given) if isinstance(given, Mapping) else {}
    check(len(named) > 0, "grid", "map names of axes to values", repr(given))
    axes = tuple(_named(sc, name, entry) for name, entry in named.items())
    if samples is not None:
        lengths = {one.name: len(one.values) for one in axes}
        check(len(set(lengths.values())) == 1, "samples", "have columns of equal length", lengths)
    else:
        _check_no_value_twice(axes)
    found = Points(Section(sc, _base_temperature(T, axes), tuple(one.moves for one in axes)), axes, samples is None)
    _check_leaves(sc, axes)
    _check_ends(found)
    return _with_frequencies(found)


def _with_frequencies(found: Points) -> Points:
    """The points; of a retarded interaction with as many Matsubara frequencies as the one that needs most of those at the ends
    of all axes: the same number everywhere, since a program is made for it."""
    sc = found.family.sc
    if not isinstance(sc, RetardedSuperconductor):
        return found
    most = 0
    for row in _ends(found):
        there, T = found.family.at(*np.asarray(row, dtype=float))
        check(float(T) > 0, "T", "be positive [K] with a retarded interaction", f"{float(T):g}")
        most = max(most, settled(cast(RetardedSuperconductor, there), T).frequencies or 0)
    return replace(found, family=Section(replace(sc, frequencies=most), found.family.T, found.family.moves))


def _base_temperature(T: object, axes: tuple[Axis, ...]) -> Float[Array, ""]:
    moved = any(path == "T" for one in axes if not callable(one.moves) for path, *_ in one.moves)
    check((T is None) == moved, "T", "be given exactly if no axis sets it", "an axis and a value" if moved else "neither")
    if moved or T is None:
        return jnp.zeros(())
    check_finite("T", T)
    value = np.asarray(T, float)
    check(value.ndim == 0 and bool(value >= 0), "T", "be one number >= 0 [K]", T)
    return jnp.asarray(value)


def _named(sc: Superconductor, name: str, entry: object) -> Axis:
    """The axis `name`, from its values or from an `Axis`."""
    check(isinstance(name, str) and name.strip() == name and "/" not in name, "grid", "have names without `/`", repr(name))
    one = entry if isinstance(entry, Axis) else Axis("", _values(name, entry), (), "")
    moves, unit = one.moves, one.unit
    if moves == ():
        moves, unit = _known(sc, name)
    return Axis(name, one.values, moves, one.unit or unit)


def _known(sc: Superconductor, name: str) -> tuple[Moves, str]:
    """(moves, unit) of an axis that is `T`, `d`, or a path."""
    if name == "T":
        return leaf("T"), "K"
    if name == "d" and len(sc.cross) == 1 and len(sc.bands) == 2:
        masses = [float(band.tangent[0]) for band in sc.bands]
        check(masses[0] == masses[1], "d", "belong to bands of equal masses (else set `mu[...]` itself)", f"masses {masses}")
        return apart, "meV"
    path = sc.canonical(name)
    return leaf(path), unit_of(sc, path)


def unit_of(sc: Superconductor, path: str) -> str:
    """Unit of a leaf, or of the temperature."""
    return "K" if path == "T" else sc.unit(path)


def apart(sc: Superconductor, d: Coordinate) -> Superconductor:
    """The interband distance d [meV]: mu_2 = mu_1 + d."""
    one, two = sc.band_names
    return sc.set({f"mu[{two}]": sc.get(f"mu[{one}]") + d})


def _check_no_value_twice(axes: tuple[Axis, ...]) -> None:
    """A value that an axis has twice would be computed twice, and could not be selected by name."""
    for one in axes:
        values, counts = np.unique(one.values, return_counts=True)
        if len(values) < len(one.values):
            raise InputError(f"The axis `{one.name}` has the value {values[counts > 1][0]:g} more than once.")


def _check_leaves(sc: Superconductor, axes: tuple[Axis, ...]) -> None:
    """No leaf is set by two axes."""
    owners: dict[str, str] = {}
    for one in axes:
        for path, *_ in () if callable(one.moves) else one.moves:
            leaf = path if path == "T" else sc.canonical(path)
            if leaf in owners:
                raise InputError(f"`{leaf}` is set by both axes `{owners[leaf]}` and `{one.name}`.")
            owners[leaf] = one.name


def _check_ends(found: Points) -> None:
    """The system is valid at the lowest and highest value of every axis, and between (what is forbidden is a side of zero)."""
    for row in _ends(found):
        where = ", ".join(f"{one.name} = {value:g}" for one, value in zip(found.axes, row, strict=True))
        try:
            sc, T = found.family.at(*np.asarray(row, dtype=float))
            sc.set({})
        except InputError as error:
            raise InputError(f"At {where}: {error}") from None
        check(float(T) >= 0, "T", "not be negative [K]", f"{float(T):g} at {where}")


def _ends(found: Points) -> Iterable[Sequence[float]]:
    """The lowest and the highest value of every axis: all combinations, or the rows that have them."""
    if found.outer:
        return product(*((one.values.min(), one.values.max()) for one in found.axes))
    extremes = [pick(one.values) for one in found.axes for pick in (np.argmin, np.argmax)]
    return ([one.values[i] for one in found.axes] for i in extremes)
