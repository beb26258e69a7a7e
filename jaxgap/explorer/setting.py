"""What is asked of the explorer: the system as its sliders stand, a temperature, a branch; and which sliders a system has."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Array, Float

from jaxgap.materials import SYSTEMS
from jaxgap.model.band_superconductor import BandSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check, check_finite
from jaxgap.numerics.programs import program
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.labels import named_branches, sign_pattern

__all__ = ["CONVENTIONS", "MOST_BRANCHES", "Setting", "described", "setting_of"]

CONVENTIONS = ("mean", "sum")
"""What N_c of a cross channel may be, where couplings are lambda (`jaxgap.model.couplings`)."""
MOST_BRANCHES = 4
"""Of more bands than three there are more patterns of signs than a picture can tell apart."""
T_LIKE = 0.02
"""The temperature that a page begins with, in T_c: cold, but no quadrature's limit."""


class Setting(NamedTuple):
    """One position of all sliders."""

    sc: Superconductor
    T: float
    """[K]"""
    branch: str | None
    """None: the one connected to T_c."""
    Gamma: float
    """Dynes broadening of the spectra [meV]."""
    along: str
    """The leaf that the phase map has on its x axis."""
    width: float
    """How far the map reaches on either side of the leaf's value, in the leaf's unit."""


def setting_of(given: Superconductor, message: Mapping[str, object]) -> Setting:
    """The setting that a page's message describes; `given` is the system that the explorer was opened with.

    Raises:
        InputError: for whatever is wrong with it, in one sentence.
    """
    sc = _based(given, message.get("system"), message.get("convention"))
    values = message.get("values", {})
    check(isinstance(values, Mapping), "values", "map paths to numbers", repr(values))
    sc = sc.set(dict(cast(Mapping[str, float], values)))
    if message.get("symmetric"):
        sc = _symmetric(sc)
    T, Gamma, width = (
        _number(name, message.get(name, default)) for name, default in (("T", 0.0), ("Gamma", 0.1), ("width", 0.1))
    )
    check(T >= 0, "T", "not be negative [K]", T)
    check(Gamma >= 0, "Gamma", "not be negative [meV]", Gamma)
    branch = message.get("branch") or None
    if branch is not None:
        sign_pattern(str(branch), sc.signed)
    along = sc.canonical(str(message.get("along") or _last_coupling(sc)))
    return Setting(sc, T, None if branch is None else str(branch), Gamma, along, width)


def _based(given: Superconductor, name: object, convention: object) -> Superconductor:
    """The system before its sliders are moved."""
    if name:
        check(name in SYSTEMS, "system", f"be one of {', '.join(SYSTEMS)}", repr(name))
        given = SYSTEMS[str(name)]()
    if not convention or not isinstance(given, BandSuperconductor) or given.convention not in CONVENTIONS:
        return given
    check(convention in CONVENTIONS, "convention", f"be one of {', '.join(CONVENTIONS)}", repr(convention))
    return replace(given, convention=str(convention))


def _symmetric(sc: Superconductor) -> Superconductor:
    """The system whose g is symmetric: entries below the diagonal follow, lambda_c'c = lambda_cc' N_c / N_c'."""
    lam, N, leaf = np.array(sc.lam), np.asarray(_densities(sc)), sc.coupling_leaf
    below = [(row, column) for row in range(len(lam)) for column in range(row)]
    return sc.set({f"{leaf}[{sc.channels[i]}, {sc.channels[j]}]": lam[j, i] * N[j] / N[i] for i, j in below})


@program
def _densities(sc: Superconductor) -> Float[Array, "channel"]:
    return sc.N


def _number(name: str, value: object) -> float:
    check_finite(name, value)
    check(np.ndim(cast(float, value)) == 0, name, "be one number", repr(value))
    return float(cast(float, value))


def _last_coupling(sc: Superconductor) -> str:
    return f"{sc.coupling_leaf}[{sc.channels[-1]}, {sc.channels[-1]}]"


# --- what a page shows to be moved --------------------------------------------------------------------------------------


def described(sc: Superconductor, name: str) -> dict[str, object]:
    """A system for the page: its leaves with the ranges of their sliders, its channels, and where to begin."""
    T_c = _highest(sc)
    between_two = isinstance(sc, BandSuperconductor) and len(sc.bands) == 2 and bool(sc.cross) and sc.density is None
    return {
        "name": name,
        "leaves": [_slider(sc, path) for path in sc.paths],
        "d": [f"mu[{band}]" for band in sc.band_names] if between_two else None,
        "channels": sc.channels,
        "coupling": sc.coupling_leaf,
        "convention": sc.convention if isinstance(sc, BandSuperconductor) else None,
        "symmetric": bool(sc.has_free_energy),
        "branches": named_branches(sc.signed)[:MOST_BRANCHES],
        "along": _last_coupling(sc),
        "T": float(f"{T_LIKE * T_c:.1g}"),
        "T_most": float(f"{1.5 * T_c:.2g}"),
        "Gamma": float(f"{0.015 * T_c:.1g}"),
    }


def _highest(sc: Superconductor) -> float:
    """A scale for temperatures [K]: T_c, or what is of its order where there is none."""
    T_c = float(critical_temperature(sc))
    return T_c if np.isfinite(T_c) and T_c > 0 else 20.0


def _slider(sc: Superconductor, path: str) -> dict[str, object]:
    """A leaf's value, unit, and the ends of its slider: couplings about zero as far as the largest goes, others to twice
    themselves."""
    value, unit = float(np.asarray(sc.get(path))), sc.unit(path)
    largest = float(np.max(np.abs(np.asarray(sc.lam))))
    if path.startswith(sc.coupling_leaf):
        lo, hi = -1.2 * largest, 1.2 * largest
    else:
        lo, hi = sorted((0.4 * value, 1.8 * value)) if value else (-10.0, 10.0)
    return {"path": path, "value": value, "unit": unit, "min": lo, "max": hi, "kind": path.split("[")[0]}
