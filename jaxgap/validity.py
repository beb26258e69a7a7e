r"""Where a system leaves what its gap equations are an approximation for: sentences, not refusals.

The equations are those of weak coupling with a constant interaction inside a shell :math:`|\zeta| \le \Omega`. One band has

.. math:: \Delta(T = 0) = \Omega / \sinh(1 / \lambda),

which is 0.85 Omega at lambda = 1: beyond that the shape of the cutoff, and retardation, are no corrections any more. A shell
that reaches the edge of its band is cut there: the equations are then solved as they are, with fewer states than 2 Omega N(0).
"""

import numpy as np

from jaxgap.superconductor import Superconductor

__all__ = ["STRONG", "remarks"]

STRONG = 1.0
"""Largest eigenvalue of lambda, in magnitude, beyond which weak coupling is left."""


def remarks(sc: Superconductor) -> tuple[str, ...]:
    """What has to be said of a system's results; nothing for most."""
    return (*_shells(sc), *_coupling(sc))


def _shells(sc: Superconductor) -> list[str]:
    Omega = float(sc.Omega)
    cut = [(band.name, abs(float(band.mu))) for band in sc.bands if Omega > abs(float(band.mu))]
    return [
        f"The shell of band {name} is cut at the band's edge, {mu:g} meV from the chemical potential, since Omega = {Omega:g} "
        f"meV is larger: {100 * (1 + mu / Omega) / 2:.0f} % of its width in energy is left."
        for name, mu in cut
    ]


def _coupling(sc: Superconductor) -> list[str]:
    largest = float(np.max(np.abs(np.linalg.eigvals(np.asarray(sc.lam)))))
    if not largest > STRONG:
        return []
    return [
        f"The largest eigenvalue of lambda is {largest:.3g}: beyond {STRONG:g} these equations of weak coupling are no "
        "quantitative theory (gaps become as large as Omega itself, and retardation matters)."
    ]
