"""The models that people fit, by name: which gaps they have, what is free in them, and which data they describe."""

from typing import NamedTuple

from jaxgap.fitting.empirical.values import CARRIERS, ELECTRONS, GAPS, SPECTRA

__all__ = ["EMPIRICAL", "EmpiricalModel"]


class EmpiricalModel(NamedTuple):
    """A model with free gaps."""

    name: str
    gaps: int
    along_T: bool
    """Whether gaps follow BCS theory's Delta(T) up to a T_c; else they are free at every temperature."""
    free: bool
    """Whether Delta(0) / k_B T_c is free; else it is BCS theory's."""
    kinds: tuple[str, ...]
    """Names of the data that it describes."""
    title: str
    source: str


_OVER_T = ("T_c", *ELECTRONS, *CARRIERS, *SPECTRA, *GAPS)
_TUNNELLING, _ANDREEV = ("dIdV", "dos", *GAPS), ("andreev", *GAPS)

EMPIRICAL = {
    one.name: one
    for one in (
        EmpiricalModel(
            "bcs",
            1,
            True,
            False,
            _OVER_T,
            "one gap, weak coupling",
            "J. Bardeen, L. N. Cooper, J. R. Schrieffer, Phys. Rev. 108, 1175 (1957)",
        ),
        EmpiricalModel(
            "alpha_one_gap",
            1,
            True,
            True,
            _OVER_T,
            "one gap of BCS shape, its size free",
            "H. Padamsee, J. E. Neighbor, C. A. Shiffman, J. Low Temp. Phys. 12, 387 (1973)",
        ),
        EmpiricalModel(
            "alpha",
            2,
            True,
            True,
            _OVER_T,
            "two gaps of BCS shape with one T_c, their sizes and weights free",
            "F. Bouquet et al., Europhys. Lett. 56, 856 (2001)",
        ),
        EmpiricalModel(
            "dynes",
            1,
            False,
            True,
            _TUNNELLING,
            "one gap, free at every temperature",
            "R. C. Dynes, V. Narayanamurti, J. P. Garno, Phys. Rev. Lett. 41, 1509 (1978)",
        ),
        EmpiricalModel(
            "two_gap_dynes",
            2,
            False,
            True,
            _TUNNELLING,
            "two gaps with weights, free at every temperature",
            "R. C. Dynes, V. Narayanamurti, J. P. Garno, Phys. Rev. Lett. 41, 1509 (1978)",
        ),
        EmpiricalModel(
            "btk",
            1,
            False,
            True,
            _ANDREEV,
            "one gap, free at every temperature",
            "G. E. Blonder, M. Tinkham, T. M. Klapwijk, Phys. Rev. B 25, 4515 (1982)",
        ),
        EmpiricalModel(
            "two_gap_btk",
            2,
            False,
            True,
            _ANDREEV,
            "two gaps with weights, free at every temperature",
            "G. E. Blonder, M. Tinkham, T. M. Klapwijk, Phys. Rev. B 25, 4515 (1982)",
        ),
    )
}
"""By the names that fit.toml has."""
