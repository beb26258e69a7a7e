"""The registry: every quantity that `jaxgap observe`, a sweep or a fit may ask for, one row each.

A row is made where its experiment is (`jaxgap.observables.quantity` says what it holds) and named here. What reads them:

- `jaxgap observe`: `EXPERIMENTS`, those that have a picture;
- a sweep: `RECORDED`, those without axes of their own that need no branch to be followed and no number that has no default
  (`Quantity.at` gives points on axes, and numbers);
- a fit: `MEASURED`, those that have a name in files of data.

docs/extend/experiment.md adds one.
"""

from jaxgap.observables.arpes import INTENSITY
from jaxgap.observables.calorimetry import CALORIMETRY
from jaxgap.observables.conductance import TUNNELLING
from jaxgap.observables.density_of_states import DENSITY_OF_STATES
from jaxgap.observables.edc import EDC
from jaxgap.observables.edges import EDGE, RHO, Z
from jaxgap.observables.electrons import ELECTRONS
from jaxgap.observables.gaps import GAPS
from jaxgap.observables.located import BRANCH_END, JUMP, T_C
from jaxgap.observables.muon_rotation import MUON_ROTATION
from jaxgap.observables.nmr import NMR, RELAXATION_RATE
from jaxgap.observables.penetration import PENETRATION
from jaxgap.observables.phases import PHASES
from jaxgap.observables.plugins import with_rows_of_others
from jaxgap.observables.point_contact import ANDREEV
from jaxgap.observables.quantity import Need, Quantity, Setting
from jaxgap.observables.superfluid import SUPERFLUID
from jaxgap.observables.symmetrised import SYMMETRISED
from jaxgap.observables.thermodynamics import FREE_ENERGY, HEAT
from jaxgap.observables.ultrasound import ULTRASOUND

__all__ = [
    "DELTA",
    "EXPERIMENTS",
    "MEASURED",
    "OF_IMPURITIES",
    "OF_RETARDED",
    "OF_SELF_ENERGIES",
    "OPTIONS",
    "QUANTITIES",
    "RECORDED",
]

DELTA = Quantity("Delta", lambda sc, T, s: s.Delta, ("channel",), "meV", "pair amplitude", Need.STATE)
_OF_THE_SOLVER = tuple(
    Quantity(name, function, long_name=text, differentiable=False)
    for name, function, text in (
        ("label", lambda sc, T, s: s.label, "kind of state"),
        ("sigma_min", lambda sc, T, s: s.sigma_min, "smallest singular value of M"),
        ("quadrature_error", lambda sc, T, s: s.quadrature_error, "estimated relative error of the amplitudes"),
        ("steps", lambda sc, T, s: s.steps, "evaluations of the gap equations"),
    )
)

_OWN = (
    DELTA,
    *GAPS,
    FREE_ENERGY,
    *PHASES,
    T_C,
    *ELECTRONS,
    *_OF_THE_SOLVER,
    BRANCH_END,
    JUMP,
    DENSITY_OF_STATES,
    TUNNELLING,
    ANDREEV,
    SYMMETRISED,
    INTENSITY,
    HEAT,
    SUPERFLUID,
    NMR,
    ULTRASOUND,
    *CALORIMETRY,
    *PENETRATION,
    MUON_ROTATION,
    RELAXATION_RATE,
    EDC,
    EDGE,
    Z,
    RHO,
)
QUANTITIES: dict[str, Quantity] = with_rows_of_others({row.name: row for row in _OWN})
"""All of them, by name; behind jaxgap's own those of other packages (`jaxgap.observables.plugins`)."""
EXPERIMENTS = {name: row for name, row in QUANTITIES.items() if row.picture is not None}
RECORDED = {name: row for name, row in QUANTITIES.items() if row.needs != Need.BRANCH and not row.axes and row.complete}
OF_SELF_ENERGIES = ("gap_edge", "Z", "rho")
"""Those of retarded interactions alone."""
OF_RETARDED = (*OF_SELF_ENERGIES, "Delta", "free_energy", "T_c", "label", "sigma_min", "quadrature_error", "steps")
"""Those of them that a retarded interaction has; its `Delta` is that at the lowest Matsubara frequency."""
OF_IMPURITIES = (
    *("heat", "heat_over_T", "entropy", "superfluid", "inverse_lambda_squared", "penetration_depth", "delta_lambda"),
    *("sigma_sc", "nmr", "relaxation_rate"),
)
"""Those that impurities with an instantaneous interaction have besides: curves over temperature."""
MEASURED = {row.datum: row for row in QUANTITIES.values() if row.datum}
"""By their names in files of data."""

_FIRST = ("Gamma", "Z", "weights", "energy_resolution", "momentum_resolution", "reach", "formula_volume", "layer_spacing")


def _options() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for row in EXPERIMENTS.values():
        for setting in row.options:
            found.setdefault(setting.name, setting)
    order = {name: place for place, name in enumerate(_FIRST)}
    return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))


OPTIONS = _options()
"""Settings of all experiments: the options of the command, in the order of its help; new ones last."""
