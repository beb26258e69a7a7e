"""Tables of docs/validation.md, from the files that benchmarks and fits have left in the repository: benchmarks/results,
fits/*/result.json, tests/reference."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["TABLES", "table"]

ROOT = Path(__file__).parent.parent


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """In Markdown."""
    head = [*head]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in lines)


def _result(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def _number(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def _percent(x: float) -> str:
    return f"{100 * x:.1f} %"


def _references(argument: str, page: str) -> str:
    """Solutions of independent codes."""
    rows = []
    for name, of in REFERENCES.items():
        content = json.loads((ROOT / "tests" / "reference" / f"{name}.json").read_text(encoding="utf-8"))
        rows.append((f"`tests/reference/{name}.json`", of, len(content.get("cases", [content]))))
    return table(("file", "what it holds", "cases"), rows)


REFERENCES = {
    "gap_solutions": "one and two linked bands: eigenvectors of the matrix of Bogoliubov and de Gennes on dyadic panels",
    "clusters": "three and more linked bands",
    "shallow": "shallow and incipient bands, contact interactions",
    "tabulated": "a band known by its density of states",
    "lattices": "orbitals on lattices, on uniform meshes",
    "strong_coupling": "Eliashberg's equations",
}


def _fits(argument: str, page: str) -> str:
    rows = []
    for path in sorted(ROOT.glob("fits/*/result.json")):
        fit = json.loads(path.read_text(encoding="utf-8"))
        for k, one in enumerate(fit["parameters"]):
            about = (f"`{path.parent.name}`", _number(fit["chi2"]), fit["degrees_of_freedom"]) if k == 0 else ("", "", "")
            lo, hi = one["interval_68"]["lower"]["value"], one["interval_68"]["upper"]["value"]
            rows.append((*about, one["name"], f"{one['value']:.4g} {one['unit']}", f"{lo:.4g} to {hi:.4g}"))
    return table(("fit", "chi^2", "degrees of freedom", "parameter", "value", "68 % interval"), rows)


def _calibration(argument: str, page: str) -> str:
    rows = [
        (one["noise_meV"], one["sets"], how, level, ", ".join(f"{name} {_percent(x)}" for name, x in shares.items()))
        for one in _result("calibration")
        for how, levels in one["share_covered"].items()
        for level, shares in levels.items()
    ]
    return table(("noise [meV]", "sets", "interval from", "level", "share that covers the truth"), rows)


def _coverage(argument: str, page: str) -> str:
    rows = [
        (
            f"`{one['kind']}`",
            one["sets"],
            ", ".join(f"{name} {_percent(x)}" for name, x in one["share_covered"].items()),
            "yes" if one["within_bar"] else "NO",
        )
        for one in _result("coverage")
    ]
    return table(("kind of datum", "sets", "share that covers the truth, of 68.3 %", "as expected"), rows)


def _other_sets(argument: str, page: str) -> str:
    rows = [
        (f"`{one['kind']}`", one["sets"], one["seed"], ", ".join(f"{k} {_percent(x)}" for k, x in one["share_covered"].items()))
        for one in _result("coverage_other_sets")
    ]
    return table(("kind of datum", "sets", "seed", "share that covers the truth, of 68.3 %"), rows)


def _solutions(argument: str, page: str) -> str:
    names = ["solutions_two_cross_paired", "solutions_three_bands", "solutions_two_cross_paired_and_one"]
    names += [
        "solutions_three_linked",
        "solutions_four_linked",
        "solutions_four_linked_seed_34",
        "solutions_four_linked_seed_35",
    ]
    rows = []
    for one in map(_result, names):
        known = one["found"] + one["missed"]
        stable = one["stable_found"] + one["stable_missed"]
        family = one["family"].replace("_", " ")
        rows.append((family, one["systems"], f"{one['found']} of {known}", f"{one['stable_found']} of {stable}"))
    return table(("family", "systems", "states found", "stable ones"), rows)


def _named(argument: str, page: str) -> str:
    found = _result("named_branches")
    rows = [
        (one["kind"], one["branch"], one["exist"], one["missed"], one["stable"], one["stable_missed"]) for one in found["rows"]
    ]
    total = found["total"]
    rows.append(("all", "", total["exist"], total["missed"], total["stable"], total["stable_missed"]))
    return table(("systems", "branch", "exist", "missed", "stable", "stable missed"), rows)


def _end_points(argument: str, page: str) -> str:
    rows = [
        (one["d_meV"], one["lambda_i3"], f"{one['T_star_K']:.4f}", f"{one['lambda_33']:.6f}") for one in _result("end_points")
    ]
    return table(("d [meV]", "lambda_i3", "T* [K]", "lambda_33 there"), rows)


def _kernel(argument: str, page: str) -> str:
    rows = [
        (name.replace("_", " "), _number(one["solutions_per_second"]), _percent(one["share_verified"]))
        for name, one in _result("sweep_kernel_cpu_2_cores")["race"].items()
        if isinstance(one, dict) and "share_verified" in one
    ]
    return table(("code", "solutions per second", "verified"), rows)


def _clusters(argument: str, page: str) -> str:
    rows = [
        (
            one["bands"],
            one["channels"],
            _number(one["solutions_per_second_and_core"]),
            _number(one["single_solve_milliseconds"]),
            _number(one["compile_seconds"]),
        )
        for one in _result("clusters_cpu_2_cores")["rows"]
    ]
    return table(("linked bands", "channels", "solutions per second and core", "one solve [ms]", "compilation [s]"), rows)


def _lattices(argument: str, page: str) -> str:
    rows = [
        (name, one["systems"], one["honest"], one["converged"], _number(one["largest_true"]))
        for name, one in _result("lattice_errors_cpu_2_cores")["families"].items()
    ]
    return table(("family", "systems", "error told >= true error", "converged", "largest true error"), rows)


def _observables(argument: str, page: str) -> str:
    found = _result("observables_cpu_2_cores")["milliseconds"]
    names = list(next(iter(found.values())))
    return table(("observable [ms]", *found), [(name, *(_number(one[name]) for one in found.values())) for name in names])


def _speed_of_fits(argument: str, page: str) -> str:
    rows = [
        (
            one["problem"],
            one["search"],
            one["starts"],
            _percent(one["share_at_the_best_minimum"]),
            one["evaluations"],
            _number(one["seconds_second_call"]),
        )
        for one in _result("fit")["fits"]
    ]
    return table(("problem", "search", "starts", "at the best minimum", "evaluations", "seconds, compiled"), rows)


TABLES: Mapping[str, Callable[[str, str], str]] = {
    "references": _references,
    "fits": _fits,
    "calibration": _calibration,
    "coverage": _coverage,
    "other-sets": _other_sets,
    "solutions": _solutions,
    "named-branches": _named,
    "end-points": _end_points,
    "kernel": _kernel,
    "clusters": _clusters,
    "lattices": _lattices,
    "observables": _observables,
    "speed-of-fits": _speed_of_fits,
}
