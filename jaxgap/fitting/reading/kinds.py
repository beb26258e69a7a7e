"""Which quantity of the registry a file may be of, by what its columns are called and by their units."""

import re
from collections.abc import Iterator

from jaxgap.observables.quantities import MEASURED, OF_SELF_ENERGIES
from jaxgap.observables.quantity import Need, Quantity

__all__ = ["CURVES", "axis_of", "hinted"]

CURVES = {name: row for name, row in MEASURED.items() if row.needs >= Need.STATE and row.name not in OF_SELF_ENERGIES}
"""What is measured as a curve, by the names in files of data; edges of retarded interactions are rows of tables."""

_HINTS = {
    r"1/\(?T_?1_?T\)?": ("nmr", "relaxation_rate"),
    r"1/T_?1|RELAX.*": ("relaxation_rate", "nmr"),
    r"DELTA_?LAMBDA|DLAMBDA": ("delta_lambda",),
    r"LAMBDA_?(\^|\*\*)?-?2|1/LAMBDA|LAMBDA_?M2|INVERSE": ("inverse_lambda_squared",),
    r"LAMBDA|PENETRATION|DEPTH": ("penetration_depth",),
    r"SIGMA_?SC|DEPOLARI[SZ]ATION|MUON|MUSR": ("sigma_sc",),
    r"RHO_?S|SUPERFLUID|N_?S": ("superfluid",),
    r"(C|C_?(P|EL?|ES)|HC)/T(EMP)?": ("heat_over_T", "heat"),
    r"C|C_?(P|EL?|ES)|HC|HEAT.*|C/C_?N": ("heat", "heat_over_T"),
    r"ENTROPY|S|S/S_?N": ("entropy",),
    r"(H|B|MU_?0_?H)_?C": ("critical_field",),
    r"ATTENUATION|ALPHA_?S?": ("ultrasound",),
    r"SYMMETRI[SZ]ED": ("symmetrised_edc",),
    r"EDC|INTENSITY|COUNTS?|I": ("edc", "symmetrised_edc"),
    r"D_?I_?/?D_?V|CONDUCTANCE|G|LI.*X|LOCK.?IN|DEMOD": ("dIdV", "andreev"),
    r"L?DOS|DENSITY.*|N/N_?[0N]": ("dos", "dIdV"),
    r"GAP|DELTA": ("branch_minimum", "fermi_momentum", "coherence_peak"),
}
"""What a column of values is called (a part of it, or all of it where it is short) -> names of quantities."""


def axis_of(row: Quantity) -> tuple[str, str] | None:
    """(name, unit) of a quantity's own axis; None for one over temperature."""
    return next(iter(row.axis_units.items()), None)


def hinted(name: str) -> Iterator[str]:
    """Quantities that a column of values may be of, by its name, the likeliest first."""
    text = re.sub(r"\s+", "_", name.strip()).upper()
    for pattern, kinds in _HINTS.items():
        if re.fullmatch(pattern, text) or (len(text) > 4 and re.search(rf"(?<![A-Z0-9])({pattern})(?![A-Z0-9])", text)):
            yield from (kind for kind in kinds if kind in CURVES)
