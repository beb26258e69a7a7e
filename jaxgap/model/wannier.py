r"""Hamiltonians of Wannier90: `seedname_hr.dat`, as the program writes it.

.. math:: h_{ab}(k) = \sum_R \frac{e^{i k \cdot R}}{n_R} \, h_{ab}(R)

A comment; the number of orbitals; the number of vectors R; their degeneracies n_R, fifteen on a line; then, for every R, a line
`R_1 R_2 R_3 a b Re Im` for every pair of orbitals, b slower than a, in eV (Wannier90 user guide, v3.1, "seedname_hr.dat").
jaxgap counts k in units of the reciprocal lattice over 2 pi, so that k . R is a product with integers, and energies in meV.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxgap.model.files import read_text
from jaxgap.model.lattice import Lattice
from jaxgap.model.lattice_constructor import MOST_ORBITALS, lattice
from jaxgap.numerics.checks import InputError, check

__all__ = ["Hoppings", "read_hr", "wannier90", "with_hoppings"]

MEV = 1000.0
"""Per eV."""
ON_A_LINE = 15
"""Degeneracies."""


@dataclass(frozen=True)
class Hoppings:
    """h(k) of hoppings h(R), which are the parameters `real` and `imag` [meV], divided by their degeneracies."""

    R: tuple[tuple[int, ...], ...]

    def __call__(self, k: Float[Array, "axis"], parameters: dict[str, Array]) -> Complex[Array, "orbital orbital"]:
        phase = jnp.asarray(self.R, float)[:, : len(k)] @ k
        cos, sin = jnp.cos(phase), jnp.sin(phase)
        real, imag = parameters["real"], parameters["imag"]
        return (
            jnp.tensordot(cos, real, 1)
            - jnp.tensordot(sin, imag, 1)
            + 1j * (jnp.tensordot(cos, imag, 1) + jnp.tensordot(sin, real, 1))
        )

    @property
    def dimensions(self) -> tuple[int, ...]:
        """In which it is a Hamiltonian: in two only where no hopping leaves the plane."""
        known = len(self.R[0])
        return (2,) if known == 2 else (3,) if any(one[2] for one in self.R) else (2, 3)

    def table(self, parameters: Mapping[str, Array | np.ndarray]) -> dict[str, Any]:
        """As a file of a lattice keeps it."""
        parts = {name: np.asarray(parameters[name]).tolist() for name in ("real", "imag")}
        return {"matrices": {"R": [list(one) for one in self.R]} | parts}


class HoppingsOfFile(NamedTuple):
    """What a file says."""

    R: tuple[tuple[int, int, int], ...]
    h: Complex[np.ndarray, "vector orbital orbital"]
    """h(R) / n_R [meV]."""


def wannier90(
    path: str | Path,
    *,
    channels: object,
    g: object,
    mu: object = 0.0,
    dimension: int | None = None,
    orbitals: Sequence[str] | None = None,
    mesh: object = "auto",
    tolerance: float = 1e-8,
    density: object = None,
) -> Lattice:
    r"""A `Lattice` from the file `seedname_hr.dat` of Wannier90, of up to five orbitals.

    Args:
        path: the file.
        channels: pairing channels by name, with orbitals by their numbers from 0 in the order of the file.
        g: couplings between them [meV].
        mu: chemical potential on the axis of the file's energies [meV].
        dimension: 2 leaves k_z out; by default 3, and 2 where no R has a third component.
        orbitals: names of the orbitals.
        mesh: as in `jaxgap.lattice`.
        tolerance: as in `jaxgap.lattice`.
        density: electrons per cell, instead of `mu`.

    Raises:
        InputError: one sentence with the line of the file that is not as it must be.

    Example:
        >>> from pathlib import Path
        >>> rows = ["a chain, in eV", "1", "3", "1 1 1", "-1 0 0 1 1 -0.1 0", "0 0 0 1 1 0 0", "1 0 0 1 1 -0.1 0"]
        >>> _ = Path("chain_hr.dat").write_text("\n".join(rows))
        >>> chain = jg.wannier90("chain_hr.dat", channels={"s": jg.channel()}, g=[[300.0]], mu=-80.0)
        >>> chain.channels
        ('s',)
    """
    found = read_hr(Path(path))
    return lattice(
        Hoppings(found.R),
        parameters={"real": found.h.real, "imag": found.h.imag},
        channels=channels,
        g=g,
        mu=mu,
        dimension=_dimension(found, dimension, path),
        orbitals=orbitals,
        mesh=mesh,
        tolerance=tolerance,
        density=density,
    )


def _dimension(found: HoppingsOfFile, dimension: int | None, path: str | Path) -> int:
    """2 where no hopping leaves the plane, unless it is said."""
    flat = all(R[2] == 0 for R in found.R)
    if dimension == 2 and not flat:
        raise InputError(f"Argument `dimension` must be 3 for hoppings along the third axis, but got 2 ({path}).")
    return (2 if flat else 3) if dimension is None else dimension


def with_hoppings(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The table of a lattice with what is in the file `hr` in `folder`, if it names one."""
    if "hr" not in table:
        return dict(table)
    check(isinstance(table["hr"], str), "lattice.hr", "be the name of a file", repr(table["hr"]))
    other = sorted({"parameters", "hoppings", "matrices"} & set(table))
    check(not other, "lattice.hr", "be all of the Hamiltonian", f"`{', '.join(other)}` as well")
    found = read_hr(path := folder / table["hr"])
    rest = {key: value for key, value in table.items() if key != "hr"}
    h = Hoppings(found.R).table({"real": found.h.real, "imag": found.h.imag})
    return rest | h | {"dimension": _dimension(found, table.get("dimension"), path)}


def read_hr(path: Path) -> HoppingsOfFile:
    """The hoppings of a file, with the symmetry h(-R) = h(R)^+ to what its digits say.

    Raises:
        InputError: one sentence with the line.
    """
    lines = read_text(path, "Wannier90 Hamiltonian").splitlines()
    n, vectors = (_count(path, lines, i, what) for i, what in ((1, "orbitals"), (2, "vectors R")))
    if n > MOST_ORBITALS:
        raise InputError(f"{path}, line 2: up to {MOST_ORBITALS} orbitals are possible, but got {n}.")
    first = 3 + -(-vectors // ON_A_LINE)
    degeneracy = _degeneracies(path, lines, first, vectors)
    R: list[tuple[int, int, int]] = []
    h = np.zeros((vectors, n, n), complex)
    for v in range(vectors):
        for entry in range(n * n):
            at = first + v * n * n + entry
            one, (a, b), value = _hopping(path, lines, at, n)
            if entry == 0:
                R.append(one)
            if one != R[v]:
                raise InputError(f"{path}, line {at + 1}: expected a hopping of R = {R[v]}, but got one of {one}.")
            h[v, a, b] = value / degeneracy[v]
    if len(set(R)) < vectors:
        raise InputError(f"{path}: every vector R must stand there once, but {vectors - len(set(R))} stand there again.")
    return HoppingsOfFile(tuple(R), MEV * _hermitian(path, R, h))


def _count(path: Path, lines: list[str], i: int, what: str) -> int:
    text = lines[i].split() if i < len(lines) else []
    if len(text) != 1 or not text[0].isdigit() or int(text[0]) < 1:
        raise InputError(f"{path}, line {i + 1}: expected the number of {what}, but got {' '.join(text)!r}.")
    return int(text[0])


def _degeneracies(path: Path, lines: list[str], end: int, vectors: int) -> list[int]:
    found: list[int] = []
    for i in range(3, end):
        wanted = min(ON_A_LINE, vectors - len(found))
        cells = lines[i].split() if i < len(lines) else []
        if len(cells) != wanted or not all(cell.isdigit() and int(cell) > 0 for cell in cells):
            got = " ".join(cells)[:60]
            raise InputError(f"{path}, line {i + 1}: expected {wanted} degeneracies of vectors R, but got {got!r}.")
        found += map(int, cells)
    return found


def _hopping(path: Path, lines: list[str], i: int, n: int) -> tuple[tuple[int, int, int], tuple[int, int], complex]:
    """(R, (a, b), h [eV]) of a line."""
    if i >= len(lines) or not lines[i].strip():
        raise InputError(f"{path}, line {i + 1}: expected a hopping, but the file ends: it is truncated.")
    cells = lines[i].split()
    try:
        R1, R2, R3, a, b = map(int, cells[:5])
        real, imag = map(float, cells[5:])
    except ValueError:
        raise InputError(f"{path}, line {i + 1}: expected `R1 R2 R3 a b Re Im`, but got {lines[i].strip()!r}.") from None
    if not (1 <= a <= n and 1 <= b <= n and np.isfinite(real) and np.isfinite(imag)):
        raise InputError(f"{path}, line {i + 1}: expected orbitals from 1 to {n} and numbers, but got {lines[i].strip()!r}.")
    return (R1, R2, R3), (a - 1, b - 1), complex(real, imag)


def _hermitian(path: Path, R: list[tuple[int, int, int]], h: Complex[np.ndarray, "v n n"]) -> Complex[np.ndarray, "v n n"]:
    """h with h(-R) = h(R)^+: files have six digits, which may differ in the last one."""
    place = {one: v for v, one in enumerate(R)}
    back = [place.get((-one[0], -one[1], -one[2])) for one in R]
    if None in back:
        one = R[back.index(None)]
        raise InputError(f"{path}: expected hoppings of -R for every R, but found none for R = {one}.")
    adjoint = np.conj(np.swapaxes(h[[v for v in back if v is not None]], 1, 2))
    off = float(np.abs(h - adjoint).max())
    if off > DIGITS:
        raise InputError(f"{path}: expected h(-R) = h(R)^+ to {DIGITS:g} eV, but found a difference of {off:g} eV.")
    return (h + adjoint) / 2


DIGITS = 1e-5
"""[eV] What the digits of a file may leave of its symmetry."""
