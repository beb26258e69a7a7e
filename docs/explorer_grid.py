"""Makes docs/explorer_grid.json.gz, what the explorer's page in the documentation answers from: the explorer's own answers at
the points of a grid, so that a page without Python behind it shows nothing but solutions.

    python docs/explorer_grid.py        # some minutes; needed when what the explorer answers has changed

Every piece of an answer is kept once for each combination of what it depends on. Curves and maps, which are only drawn, are
rounded to five digits; amplitudes, gaps, temperatures and free energies stand in full.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import jaxgap as jg
from jaxgap.explorer.pieces import Desk

__all__ = ["AXES", "FILE", "PIECES", "kept"]

FILE = Path(__file__).parent / "explorer_grid.json.gz"

LAM, MU = "lam[a:b, a:b]", "mu[b]"
AXES: dict[str, list[float]] = {
    LAM: [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4],
    MU: [200.0, 205.0, 210.0, 215.0, 220.0, 230.0, 240.0],
    "T": [1.0, 10.0, 20.0, 30.0, 36.0, 45.0],
}
"""What can be moved, and where to: the coupling of cross pairs, the chemical potential of band b (that of a is 200 meV, d is
their difference), the temperature [K]."""
BEGIN = {LAM: 0.1, MU: 210.0, "T": 1.0}
GAMMA = 0.3
"""[meV]"""
HOTTEST, POINTS = 60.0, 48
"""Of a phase map: its highest temperature [K], and how fine it is."""
PIECES = {
    "point": (LAM, MU, "T"),
    "energies": (LAM, MU, "T"),
    "spectra": (LAM, MU, "T"),
    "slopes": (LAM, MU, "T"),
    "states": (LAM, MU, "T"),
    "remarks": (LAM, MU),
    "branches": (LAM, MU),
    "jumps": (LAM, MU),
    "map": (MU,),
}
"""What each piece of an answer depends on."""
DRAWN = ("energies", "spectra", "branches", "map", "slopes")
EVERY = {"energies": 3, "spectra": 2}
"""Of so many points of a curve one is kept."""
FIXED = "This page has no Python behind it: only what its grid has can be moved; jaxgap explore moves everything."
MISSING = {
    "fit": "A fit is computed while one waits: it needs jaxgap explore, or jg.explore in a notebook.",
    "files": "Files are written by jaxgap explore; here are the numbers of its grid.",
}


def kept() -> dict[str, Any]:
    """All that the page needs to know."""
    desk = Desk(jg.materials.two_band(BEGIN[LAM], BEGIN[MU] - 200.0), "two_band")
    answers = {piece: [_answer(desk, piece, place) for place in _places(axes)] for piece, axes in PIECES.items()}
    system = _described(desk)
    return {"system": system, "axes": AXES, "pieces": PIECES, "answers": answers, "missing": MISSING}


def _described(desk: Desk) -> dict[str, Any]:
    """The system for the page, with the values that its sliders can have, and why others stand still."""
    system: dict[str, Any] = dict(desk.about()["system"])  # type: ignore[call-overload]
    d = [mu - 200.0 for mu in AXES[MU]]
    return system | {
        "T": BEGIN["T"],
        "T_most": AXES["T"][-1],
        "Gamma": GAMMA,
        "steps": AXES | {"d": d},
        "fixed": FIXED,
    }


def _places(axes: tuple[str, ...]) -> Iterator[dict[str, float]]:
    """The points of a grid over some axes, the last one running fastest; what else there is stands where the page begins."""
    for values in product(*(AXES[name] for name in axes)):
        yield BEGIN | dict(zip(axes, values, strict=True))


def _answer(desk: Desk, piece: str, place: Mapping[str, float]) -> Any:
    """What the explorer says, or why it says nothing."""
    move = desk.latest.get(("grid", piece), 0) + 1
    lam = AXES[LAM]
    message: dict[str, Any] = {
        "page": "grid",
        "line": piece,
        "move": move,
        "pieces": [piece],
        "T": place["T"],
        "Gamma": GAMMA,
        "symmetric": True,
        "values": {LAM: place[LAM], MU: place[MU]},
    }
    if piece == "map":
        middle = (lam[0] + lam[-1]) / 2
        message |= {"along": LAM, "width": (lam[-1] - lam[0]) / 2, "points": POINTS, "hottest": HOTTEST}
        message["values"] = {LAM: middle, MU: place[MU]}
    (event,) = (event for event in desk.events(message) if "seconds" not in event)
    if "error" in event:
        return {"error": event["error"]}
    answer: Any = event["answer"]
    return _drawn(piece, answer) if piece in DRAWN else answer


def _drawn(piece: str, answer: dict[str, Any]) -> dict[str, Any]:
    """With what a picture needs: fewer points, five digits; weights of all bands together, as they are drawn."""
    if piece == "energies":
        answer = answer | {name: [[_sum(branch)] for branch in answer[name]] for name in ("electrons", "holes")}
    along = {"energies": "k", "spectra": "omega"}.get(piece)
    n = len(answer[along]) if along else 0
    return {key: _rounded(part, n, EVERY.get(piece, 1)) for key, part in answer.items()}


def _sum(rows: list[list[float]]) -> list[float]:
    return [round(sum(column), 3) for column in zip(*rows, strict=True)]


def _rounded(part: Any, n: int, every: int) -> Any:
    """Lists of numbers with five digits, those along a curve of n points thinned."""
    if isinstance(part, dict):
        return {key: _rounded(one, n, every) for key, one in part.items()}
    if not isinstance(part, list):
        return part
    numbers = all(isinstance(x, float) or x is None for x in part)
    if not numbers:
        return [_rounded(one, n, every) for one in part]
    rows = part[::every] if len(part) == n else part
    return [None if x is None else float(f"{x:.5g}") for x in rows]


def main() -> None:
    text = json.dumps(kept(), separators=(",", ":"), allow_nan=False)
    FILE.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{FILE}: {FILE.stat().st_size / 1e6:.2f} MB, {len(text) / 1e6:.1f} MB of JSON")


if __name__ == "__main__":
    main()
