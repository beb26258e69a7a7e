"""The names of the package: public ones, found when they are asked for (PEP 562), and modules under the names that they had in
0.1, which still import, and say where their contents are now.

Public names are listed in one place, the block for type checkers in `jaxgap/__init__.py`. Some old names are functions of
`jaxgap`, too (`jaxgap.solve`); those stay what one gets from the package.
"""

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "attribute", "keep_old_names", "moved", "names"]

LIST = Path(__file__).with_name("__init__.py")

MOVED = {
    "_arguments": "commands.arguments",
    "_cache": "numerics.cache",
    "_checks": "numerics.checks",
    "_chunks": "numerics.chunks",
    "_compilation": "numerics.programs",
    "_config": "model.config",
    "_entry": "solving.entry",
    "_environment": "commands.environment",
    "_files": "model.files",
    "_interruption": "commands.interruption",
    "_json": "model.records",
    "_meshes": "numerics.meshes",
    "_precision": "numerics.precision",
    "_printing": "commands.printing",
    "_terminal": "commands.terminal",
    "_words": "commands.words",
    "arclength": "continuation.arclength",
    "bands": "model.band",
    "bifurcations": "continuation.bifurcations",
    "branch_ends": "continuation.ends",
    "branches": "solving.curves",
    "characteristic": "numerics.characteristic",
    "cli": "commands.main",
    "couplings": "model.couplings",
    "critical": "solving.critical",
    "crossings": "continuation.crossings",
    "curvature": "equations.gap_equations",
    "end_points": "continuation.end_points",
    "figure": "papers.figure",
    "figures": "papers.figures",
    "fitting.alternatives": "fitting.report.alternatives",
    "fitting.bootstrap": "fitting.resampling",
    "fitting.bootstrap_report": "fitting.report.bootstrap",
    "fitting.commands": "commands.fit",
    "fitting.compare": "fitting.comparison",
    "fitting.comparison_report": "fitting.report.comparison",
    "fitting.gap_picture": "fitting.report.gap_picture",
    "fitting.page": "fitting.report.page",
    "fitting.pictures": "fitting.report.pictures",
    "fitting.posterior": "fitting.sampling",
    "fitting.posterior_report": "fitting.report.posterior",
    "fitting.record": "fitting.report.record",
    "fitting.verdict": "fitting.report.verdict",
    "following": "solving.following",
    "groups": "equations.groups",
    "implicit": "numerics.implicit",
    "jumps": "continuation.jumps",
    "labels": "solving.labels",
    "marginal": "numerics.marginal",
    "newton": "numerics.newton",
    "observables.beyond_overlap": "spectra.beyond_overlap",
    "observables.clean_density_of_states": "spectra.green",
    "observables.commands": "commands.observe",
    "observables.dispersion": "observables.energies",
    "observables.roots": "spectra.roots",
    "observables.spectral_function": "observables.arpes",
    "observables.superfluid_density": "observables.superfluid",
    "origins.eliashberg_function": "model.eliashberg",
    "origins.fermi_surface": "origins.surfaces",
    "origins.figures": "papers.w18",
    "origins.instabilities": "origins.competition",
    "pairing": "equations.pairing",
    "phase_diagram": "phases.diagram",
    "phase_lines": "phases.lines",
    "phase_sweep": "phases.sweep",
    "provenance": "numerics.provenance",
    "quadrature": "spectra.quadrature",
    "search": "states.search",
    "solution": "solving.solution",
    "solutions": "states.solutions",
    "solve": "solving.one",
    "spectrum": "spectra.pair",
    "stability": "solving.stability",
    "starts": "solving.starts",
    "superconductor": "model.superconductor",
    "sweeps.commands": "commands.sweep",
    "sweeps.critical": "solving.critical",
    "sweeps.gathered": "numerics.gathered",
    "sweeps.kernel": "solving.many",
    "sweeps.lanes": "equations.gap_equations",
    "sweeps.onset": "solving.critical",
    "sweeps.states": "states.many",
    "sweeps.walk": "solving.walk",
    "tables": "drawing",
    "transition": "continuation.transition",
    "unknowns": "equations.gauge",
}
"""Old name -> new name, both below jaxgap."""
APART = {
    "bands.parabolic_band": "model.parabolic",
    "bifurcations.path": "continuation.paths",
    "fitting.posterior.Marginal": "fitting.draws",
    "pairing.free_energy_functional": "equations.free_energy",
    "pairing.free_energy_functional_of_pairs": "equations.free_energy",
    "pairing.quasiparticle_free_energy": "equations.free_energy",
    "pairing.thermal_energy": "units",
    "superconductor.from_toml": "model.systems",
    "superconductor.load": "model.systems",
    "superconductor.save": "model.systems",
    "superconductor.superconductor": "model.constructor",
    "superconductor.symmetrised": "model.constructor",
    "superconductor.to_toml": "model.systems",
    "sweeps.walk.weak_coupling_gap": "solving.path",
    "transition.linear_temperatures": "solving.critical",
}
"""What went another way than the rest of its module."""


class _Moved(ModuleType):
    """A module that stands for another one."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(moved(self.__name__.removeprefix("jaxgap."), name), name)


def moved(old: str, name: str = "") -> ModuleType:
    """The module that was `jaxgap.old`, or that has its `name` now, with a `DeprecationWarning`."""
    new = f"jaxgap.{APART.get(f'{old}.{name}', MOVED[old])}"
    warnings.warn(f"jaxgap.{old} is now {new}", DeprecationWarning, stacklevel=3)
    return import_module(new)


def keep_old_names() -> None:
    """Let every old name be imported."""
    for old in MOVED:
        name = f"jaxgap.{old}"
        sys.modules.setdefault(name, _Moved(name))


def _listed() -> dict[str, tuple[str, str]]:
    """Public name -> (module, its name there)."""
    from jaxgap.numerics.listed import places  # not at the top: this module lies below every room

    return places(LIST)


def names() -> list[str]:
    """All public names."""
    return list(_listed())


def attribute(name: str) -> Any:
    """What is called `jaxgap.name`: a public name, a room, or a module of 0.1 with a warning.

    Raises:
        AttributeError: if there is no such thing.
    """
    if name in _listed():
        module, own = _listed()[name]
        return import_module(f"jaxgap.{own}") if module == "jaxgap" else getattr(import_module(module), own)
    if name in MOVED:
        return moved(name)
    if not name.startswith("_") and find_spec(f"jaxgap.{name}"):
        return import_module(f"jaxgap.{name}")
    raise AttributeError(f"module 'jaxgap' has no attribute '{name}'")
