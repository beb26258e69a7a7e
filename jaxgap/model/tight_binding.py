r"""Tight-binding Hamiltonians, written down hopping by hopping.

.. math:: h_{ab}(k) = \sum_R e^{i k \cdot R} \, h_{ab}(R), \qquad h(-R) = h(R)^\dagger

Each hopping is a factor times a parameter [meV], with real numbers: then h(-k) = h(k)^*, as time reversal asks. k is counted in
units of the reciprocal lattice over 2 pi, R in lattice vectors. Such a Hamiltonian is data, not code: it can be kept in a file
(`jaxgap.model.lattice_tables`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.numerics.checks import check, check_finite, check_identifier

__all__ = ["Hopping", "TightBinding", "hopping", "lattice_vectors_of", "tight_binding"]


class Hopping(NamedTuple):
    """factor * parameter between orbital a of a cell and orbital b of the cells at R. Made by `hopping`."""

    parameter: str
    factor: float
    R: tuple[tuple[int, ...], ...]
    orbitals: tuple[int | str, int | str]


@dataclass(frozen=True)
class TightBinding:
    """h(k, parameters) [meV] of hoppings. Made by `tight_binding`."""

    hoppings: tuple[Hopping, ...]
    """With orbitals as numbers."""
    orbitals: tuple[str, ...]

    def __call__(self, k: Float[Array, "axis"], parameters: dict[str, Array]) -> Inexact[Array, "..."]:
        n = len(self.orbitals)
        if n == 1:
            return jnp.stack([_of_one(one, k, parameters) for one in self.hoppings]).sum()
        h = jnp.zeros((n, n), complex)
        for one in self.hoppings:
            a, b = (int(i) for i in one.orbitals)
            if a == b:
                h = h.at[a, a].add(_of_one(one, k, parameters))
            else:
                found = _of_two(one, k, parameters)
                h = h.at[a, b].add(found).at[b, a].add(jnp.conj(found))
        return h

    @property
    def dimensions(self) -> tuple[int, ...]:
        """In which it is a Hamiltonian."""
        return (len(self.hoppings[0].R[0]),)

    def table(self, parameters: Mapping[str, Array]) -> dict[str, Any]:
        """As a file of a lattice keeps it."""
        rows = [
            {"parameter": one.parameter, "factor": one.factor, "R": [list(R) for R in one.R], "orbitals": self._named(one)}
            for one in self.hoppings
        ]
        return {"parameters": {name: float(value) for name, value in parameters.items()}, "hoppings": rows}

    def _named(self, one: Hopping) -> list[str]:
        return [self.orbitals[int(i)] for i in one.orbitals]


def _phases(one: Hopping, k: Float[Array, "axis"]) -> Float[Array, "R"]:
    return jnp.asarray(one.R, float) @ k


def _of_one(one: Hopping, k: Float[Array, "axis"], parameters: dict[str, Array]) -> Float[Array, ""]:
    """Within one orbital: an energy at R = 0, twice the cosine with -R else."""
    twice = np.array([2.0 if any(R) else 1.0 for R in one.R])
    return one.factor * parameters[one.parameter] * jnp.sum(twice * jnp.cos(_phases(one, k)))


def _of_two(one: Hopping, k: Float[Array, "axis"], parameters: dict[str, Array]) -> Complex[Array, ""]:
    phase = _phases(one, k)
    return one.factor * parameters[one.parameter] * (jnp.sum(jnp.cos(phase)) + 1j * jnp.sum(jnp.sin(phase)))


def hopping(
    parameter: str, R: object, *, factor: float = 1.0, orbitals: tuple[int | str, int | str] | int | str = 0
) -> Hopping:
    """A hopping for `tight_binding`: h_ab(R) = factor * parameter, and h_ba(-R) the same.

    Args:
        parameter: the name of its size [meV], a leaf of the lattice.
        R: lattice vectors, such as [(1, 0), (0, 1)], with the same factor; of R and -R within one orbital only one. (0, 0) is
            the energy of an orbital, or hybridisation of two in one cell.
        factor: a number: -1 for the usual sign of t.
        orbitals: one orbital, or two (a, b), by numbers from 0 or names.

    Raises:
        InputError: one sentence.

    Example:
        >>> t = jg.hopping("t", [(1, 0), (0, 1)], factor=-1.0)
        >>> t.parameter, t.factor
        ('t', -1.0)
    """
    check_identifier("parameter", parameter)
    check_finite("factor", factor)
    vectors = lattice_vectors_of(R)
    both = tuple(orbitals) if isinstance(orbitals, tuple | list) else (orbitals, orbitals)
    named = len(both) == 2 and all(isinstance(one, int | str) and not isinstance(one, bool) for one in both)
    check(named, "orbitals", "be an orbital's number or name, or two of them", repr(orbitals))
    if both[0] == both[1]:
        back = [one for one in vectors if any(one) and tuple(-x for x in one) in vectors]
        check(not back, "R", "have only one of R and -R within one orbital", back[:2])
    return Hopping(parameter, float(factor), vectors, (both[0], both[1]))


def lattice_vectors_of(R: object) -> tuple[tuple[int, ...], ...]:
    """R as whole vectors, all of one dimension, each of them once."""
    say = "be a list of lattice vectors of two or three integers, such as [(1, 0), (0, 1)]"
    good = isinstance(R, list | tuple) and len(R) > 0 and all(isinstance(one, list | tuple) for one in R)
    check(good, "R", say, repr(R))
    assert isinstance(R, list | tuple)
    whole = all(isinstance(x, int | np.integer) and not isinstance(x, bool) for one in R for x in one)
    check(whole and {len(one) for one in R} in ({2}, {3}), "R", say, repr(R))
    found = tuple(tuple(int(x) for x in one) for one in R)
    check(len(set(found)) == len(found), "R", "name every vector once", repr(R))
    return found


def tight_binding(hoppings: Sequence[Hopping], orbitals: Sequence[str] = ("a",)) -> TightBinding:
    """A Hamiltonian for `jaxgap.lattice` from hoppings.

    Example: `tight_binding([hopping("t", [(1, 0), (0, 1)], factor=-1), hopping("tp", [(1, 1), (1, -1)])])` is
    -2t (cos k_x + cos k_y) + 4t' cos k_x cos k_y.

    Args:
        hoppings: all of h, made by `hopping`.
        orbitals: names of the orbitals.

    Raises:
        InputError: one sentence.
    """
    names = tuple(orbitals) if isinstance(orbitals, list | tuple) else ()
    for name in names:
        check_identifier("orbitals", name)
    check(0 < len(names) == len(set(names)), "orbitals", "be a list of different names", repr(orbitals))
    given = isinstance(hoppings, list | tuple) and len(hoppings) > 0 and all(isinstance(one, Hopping) for one in hoppings)
    check(given, "hoppings", "be a list of hoppings made by `jaxgap.hopping`", repr(hoppings))
    sizes = {len(R) for one in hoppings for R in one.R}
    check(len(sizes) == 1, "hoppings", "have vectors R of one dimension", sorted(sizes))
    found = []
    for one in hoppings:
        for orbital in one.orbitals:
            known = orbital in names or (isinstance(orbital, int) and 0 <= orbital < len(names))
            check(known, "hoppings", f"name orbitals of the lattice ({', '.join(names)})", repr(orbital))
        a, b = (names.index(i) if isinstance(i, str) else i for i in one.orbitals)
        found.append(one._replace(orbitals=(a, b)))
    return TightBinding(tuple(found), names)
