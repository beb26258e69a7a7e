"""Which pieces of an answer a kind of system has; of the others, the sentence why it has none.

Bands of one kappa with a static interaction have all. A lattice has no line of k and no gap of a band; a retarded interaction
(of disorder, too: both are solved at imaginary frequencies) has no quasiparticles without a width, and none of what follows
branches in temperature. What else a function refuses, it says itself.
"""

from jaxgap.model.superconductor import Superconductor

__all__ = ["missing"]

OF_RETARDED = {
    "energies": "E(k) is a sharp line only for a static interaction: here quasiparticles have a width, which the spectra show.",
    "branches": "Branches are followed in temperature for static interactions only; T_c and the solutions stand beside.",
    "slopes": "Slopes are those of gaps of a static interaction.",
    "jumps": "Free energies of branches are compared for static interactions only; those of all solutions stand beside.",
    "map": "Phase maps are made for static interactions only.",
}
OF_DISORDERED = {
    "spectra": "Spectra of a disordered state take longer than a move; `jaxgap.observables` makes them.",
}
OF_LATTICES = {
    "energies": "E(k) is drawn along k of bands of one kappa; this system is a lattice, which has no such line.",
    "slopes": "Slopes of branch minima are of bands; this system is a lattice.",
}


def missing(sc: Superconductor, piece: str) -> str | None:
    """Why a system has nothing of this piece; None if it has."""
    kinds = (
        (sc.is_disordered, OF_DISORDERED),
        (sc.is_retarded, OF_RETARDED),
        (not sc.beyond, OF_LATTICES),
    )
    return next((said[piece] for is_one, said in kinds if is_one and piece in said), None)
