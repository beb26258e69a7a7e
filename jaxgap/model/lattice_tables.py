"""A lattice as the table of a file.

    [lattice]
    dimension = 2
    orbitals = ["a"]
    mu = -86.0                       # [meV]
    g = [[73.6]]                     # [meV], in the order of the channels
    channels.d = { orbitals = ["a", "a"], form = "d_x2-y2" }
    parameters = { t = 100.0, tp = 25.0 }
    hoppings = [
        { parameter = "t", factor = -1.0, R = [[1, 0], [0, 1]], orbitals = ["a", "a"] },
        { parameter = "tp", factor = 1.0, R = [[1, 1], [1, -1]], orbitals = ["a", "a"] },
    ]

and, if wanted, `density` (electrons per cell, instead of mu), `mesh`, `tolerance`, and
`cutoff = { Omega = 30.0, width = 3.0 }`. Instead of `parameters` and `hoppings`, `hr = "x_hr.dat"` names a Hamiltonian of
Wannier90 (written out again as `matrices`: exact). A Hamiltonian or a form that is a function of Python has no such table.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgap.model.forms import FORMS, Channel, channel, smooth
from jaxgap.model.lattice import Lattice
from jaxgap.model.lattice_constructor import lattice
from jaxgap.model.tight_binding import hopping, lattice_vectors_of, tight_binding
from jaxgap.model.wannier import Hoppings
from jaxgap.numerics.checks import InputError, check

__all__ = ["lattice_from"]

ALWAYS = {"channels", "g"}
EITHER = ({"parameters", "hoppings"}, {"matrices"})
IF_WANTED = {"mu", "density", "dimension", "orbitals", "mesh", "tolerance", "cutoff"}


def lattice_from(table: Mapping[str, Any]) -> Lattice:
    """The lattice of a file's table."""
    check(set(table) == {"lattice"}, "lattice", "be the only table of a system", sorted(set(table) - {"lattice"}))
    given = table["lattice"]
    check(isinstance(given, Mapping), "lattice", "be a table", repr(given))
    unknown = sorted(set(given) - ALWAYS - IF_WANTED - {"hr"} - set().union(*EITHER))
    check(not unknown, "lattice", f"have only the keys {', '.join(sorted(_KEYS))}", unknown)
    ways = [keys for keys in EITHER if keys & set(given)]
    once = 'give `parameters` and `hoppings`, or the file `hr = "x_hr.dat"`, and not both'
    check(len(ways) == 1, "lattice", once, sorted(set(given) & set().union(*EITHER)))
    for key in sorted(ALWAYS | ways[0]):
        check(key in given, "lattice", f"have the key {key}", sorted(given))
    rest = {key: given[key] for key in IF_WANTED & set(given) - {"cutoff", "orbitals"}}
    if "cutoff" in given:
        rest["cutoff"] = smooth(**_table(given["cutoff"], "cutoff", ("Omega", "width")))
    channels = {name: _channel(name, one) for name, one in _table(given["channels"], "channels").items()}
    orbitals = given.get("orbitals")
    if "matrices" in given:
        h, matrices = _matrices(given["matrices"])
        return lattice(h, parameters=matrices, channels=channels, g=given["g"], orbitals=orbitals, **rest)
    names = ("a",) if orbitals is None else orbitals
    hoppings = given["hoppings"]
    check(isinstance(hoppings, Sequence) and not isinstance(hoppings, str), "hoppings", "be a list of tables", repr(hoppings))
    model = tight_binding([_hopping(one) for one in hoppings], names)
    parameters = _table(given["parameters"], "parameters")
    unused = sorted(set(parameters) - {one.parameter for one in model.hoppings})
    check(not unused, "parameters", "be those of hoppings", unused)
    return lattice(model, parameters=parameters, channels=channels, g=given["g"], orbitals=model.orbitals, **rest)


_KEYS = ALWAYS | IF_WANTED | {"parameters", "hoppings", "hr"}


def _table(given: Any, name: str, keys: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """`given`, a table; with these keys if there are any."""
    check(isinstance(given, Mapping), name, "be a table", repr(given))
    assert isinstance(given, Mapping)
    if keys:
        for key in keys:
            check(key in given, name, f"have the key {key}", sorted(given))
        unknown = sorted(set(given) - set(keys) - set(more))
        check(not unknown, name, f"have only the keys {', '.join((*keys, *more))}", unknown)
    return given


def _orbitals(given: Any, name: str) -> Any:
    """One orbital, or two."""
    if isinstance(given, list | tuple):
        check(len(given) == 2, name, "name an orbital, or two of them", repr(given))
        return given[0], given[1]
    return given


def _channel(name: str, given: Any) -> Channel:
    row = _table(given, f"channels.{name}", ("orbitals",), ("form",))
    form = row.get("form", "s")
    check(isinstance(form, str), f"channels.{name}", f"have a form of {', '.join(FORMS)}", repr(form))
    return channel(_orbitals(row["orbitals"], f"channels.{name}"), form)


def _hopping(given: Any) -> Any:
    row = _table(given, "hoppings", ("parameter", "R"), ("factor", "orbitals"))
    return hopping(
        row["parameter"], row["R"], factor=row.get("factor", 1.0), orbitals=_orbitals(row.get("orbitals", 0), "hoppings")
    )


def _matrices(given: Any) -> tuple[Hoppings, dict[str, Any]]:
    """(h, parameters) of hoppings R -> matrices."""
    row = _table(given, "matrices", ("R", "real", "imag"))
    R = lattice_vectors_of(row["R"])
    try:
        real, imag = (np.asarray(row[part], dtype=float) for part in ("real", "imag"))
    except (TypeError, ValueError):
        raise InputError("Argument `matrices` must have lists of numbers real and imag.") from None
    n = real.shape[-1] if real.ndim == 3 else 0
    good = real.shape == imag.shape == (len(R), n, n) and n > 0
    check(good, "matrices", "have a square matrix for every R", f"shapes {real.shape} and {imag.shape}")
    return Hoppings(R), {"real": real, "imag": imag}
