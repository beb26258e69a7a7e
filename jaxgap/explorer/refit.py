"""A fit from the page: measured gaps, which may have been dragged, and the leaves that are free, as `jaxgap fit` has them.

Opened with a fit folder, the page has the folder's data and parameters; else its own points, and free are the leaves that are
ticked, between the ends of their sliders.
"""

from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np
import tomli_w

from jaxgap.explorer.setting import Setting
from jaxgap.fitting import Datum, FitConfig, FitResult, fit
from jaxgap.fitting.data import check_target
from jaxgap.model.config import validated
from jaxgap.model.superconductor import Superconductor
from jaxgap.model.systems import to_toml
from jaxgap.numerics.checks import check, check_finite

__all__ = ["Folder", "files", "measured_in", "refitted"]

GAP = "branch_minimum"
STARTS = 4
"""The page's own position, and three more."""
TITLE = "points of the explorer"


class Folder(NamedTuple):
    """A fit folder that the explorer was opened with."""

    config: FitConfig
    sc: Superconductor
    data: tuple[Datum, ...]


def measured_in(data: tuple[Datum, ...], assumed: float) -> list[dict[str, object]]:
    """The gaps among the fitted data, as the page has them: those can be dragged, all others stay as they are."""
    gaps = [(i, one) for i, one in enumerate(data) if one.kind == GAP and one.use == "fit" and not one.operator]
    return [{"row": i, "of": d.of, "T": d.T, "value": d.value, "error": d.error or assumed} for i, d in gaps]


def refitted(folder: Folder | None, setting: Setting, message: Mapping[str, object]) -> dict[str, object]:
    """The fit of a page's message: parameters with their intervals, the data beside it, and the leaves at the optimum.

    Raises:
        InputError: for points or parameters that make no fit.
        NotConvergedError: if no start ends at a state of the branch.
    """
    config, sc, data = _asked(folder, setting, message)
    return _told(fit(config, sc, data), setting)


def _asked(folder: Folder | None, setting: Setting, message: Mapping[str, object]) -> Folder:
    points = _points(message.get("measured"))
    if folder is not None:
        moved = {int(cast(int, point["row"])): point for point in points if "row" in point}
        data = tuple(one._replace(value=_float(moved[i]["value"])) if i in moved else one for i, one in enumerate(folder.data))
        return folder._replace(data=data)
    check(len(points) > 0, "measured", "have at least one measured gap to fit", "none")
    config = validated(FitConfig, _table(setting, message), "explorer")
    return Folder(config, setting.sc, tuple(_datum(setting.sc, point, i) for i, point in enumerate(points)))


def _points(given: object) -> list[Mapping[str, object]]:
    good = isinstance(given, list) and all(isinstance(point, Mapping) for point in given)
    check(given is None or good, "measured", "be a list of points", repr(given))
    return cast(list[Mapping[str, object]], given or [])


def _float(value: object) -> float:
    check_finite("measured", value)
    return float(cast(float, value))


def _datum(sc: Superconductor, point: Mapping[str, object], i: int) -> Datum:
    of = str(point.get("of"))
    check_target(GAP, of, sc, f"point {i + 1}")
    T, value, error = (_float(point.get(key)) for key in ("T", "value", "error"))
    check(value >= 0 and T >= 0 and error > 0, "measured", "have gaps and temperatures >= 0, and errors > 0", (value, T, error))
    return Datum(GAP, of, T, value, error, "meV", "fit", "explorer", "", TITLE, i + 2)


def _table(setting: Setting, message: Mapping[str, object]) -> dict[str, object]:
    """A fit.toml of the page's own points."""
    free = message.get("free") or {}
    check(
        isinstance(free, Mapping) and len(free) > 0, "free", "name at least one leaf that is free, with its bounds", repr(free)
    )
    parameters = {
        str(path): {"bounds": list(cast(list[float], bounds)), "start": value, "sets": _sets(setting.sc, str(path), message)}
        for path, bounds in cast(Mapping[str, object], free).items()
        for value in (float(np.asarray(setting.sc.get(str(path)))),)
    }
    return {
        "title": TITLE,
        "system": {"inline": setting.sc.table(), "branch": setting.branch or "any"},
        "parameters": parameters,
        "data": {"file": "data.csv", "assumed_error_meV": 0.1},
        "optimiser": {"starts": STARTS},
    }


def _sets(sc: Superconductor, path: str, message: Mapping[str, object]) -> dict[str, float]:
    """The leaves of a parameter: of a coupling, where g is kept symmetric, both entries."""
    path = sc.canonical(path)
    if not message.get("symmetric") or not path.startswith(f"{sc.coupling_leaf}["):
        return {path: 1.0}
    row, column = path.partition("[")[2].rstrip("]").split(", ")
    N = dict(zip(sc.channels, np.asarray(sc.N), strict=True))
    return {path: 1.0, f"{sc.coupling_leaf}[{column}, {row}]": float(N[row] / N[column])}


def _told(result: FitResult, setting: Setting) -> dict[str, object]:
    sample = result.samples[0]
    sc = sample.superconductor
    fitted = [datum for datum in result.data if datum.use == "fit"]
    return {
        "parameters": [
            {
                "name": one.name,
                "value": value,
                "lower": one.lower.value,
                "upper": one.upper.value,
                "ends": [one.lower.reason, one.upper.reason],
                "determined": bool(np.isfinite(result.covariance[k, k])),
            }
            for k, (one, value) in enumerate(zip(result.intervals, result.value, strict=True))
        ],
        "branch": result.branch,
        "chi2": result.chi2,
        "degrees": len(fitted) - len(result.value),
        "refused": result.refused,
        "rows": [
            {"label": datum.label, "T": datum.T, "measured": datum.value, "predicted": predicted}
            for datum, predicted in zip(fitted, np.asarray(result.predicted), strict=True)
        ],
        "predictions": [{"name": one.name, "value": one.value, "sigma": one.uncertainty} for one in sample.predictions],
        "curve": {"T": sample.curve.T, "gaps": sample.curve.gaps, "sigma": sample.curve_sigma},
        "values": {path: sc.get(path) for path in sc.paths if float(sc.get(path)) != float(setting.sc.get(path))},
    }


def files(folder: Folder | None, setting: Setting, message: Mapping[str, object]) -> dict[str, object]:
    """system.toml, and of the page's own points a fit.toml with its data.csv."""
    found = {"system.toml": to_toml(setting.sc)}
    if folder is not None or not message.get("measured") or not message.get("free"):
        return {"files": found}
    config = _table(setting, message) | {"system": {"file": "system.toml", "branch": setting.branch or "any"}}
    rows = [f"{GAP}[{d.of}],{d.T!r},{d.value!r},{d.error!r},{TITLE}" for d in _asked(None, setting, message).data]
    csv = "\n".join(["quantity,T_K,value,error,source", *rows]) + "\n"
    return {"files": found | {"fit.toml": tomli_w.dumps(config), "data.csv": csv}}
