"""Materials with a retarded interaction, with the sources of their numbers."""

from jaxgap.model.constructor import superconductor
from jaxgap.model.interaction import Retarded
from jaxgap.model.parabolic import parabolic_band
from jaxgap.model.superconductor import Superconductor

__all__ = ["mgb2_eliashberg"]


def mgb2_eliashberg(omega: float = 66.0) -> Superconductor:
    """MgB2 in Eliashberg's theory: the sigma and pi bands, without cross-band pairing; T_c = 39.39 K, edges 7.08 and 2.72 meV.

    Couplings and Coulomb pseudopotentials from Golubov et al., J. Phys. Condens. Matter 14, 1353 (2002), mu* at ten times the
    phonons' energy. Their four alpha^2F are replaced by one mode for all, `omega` [meV], which is chosen: 66 meV, that of the
    E_2g phonons, gives their 39.4 K, 7.1 and 2.7 meV. Masses are in the ratio of the densities of states that the couplings
    have, N_sigma / N_pi = 0.155 / 0.213; mu = 500 meV has no influence.
    """
    bands = [parabolic_band("sigma", mu=500.0, mass=0.155), parabolic_band("pi", mu=500.0, mass=0.213)]
    mu_star = [[0.210, 0.095], [0.069, 0.172]]
    return superconductor(bands=bands, lam=[[1.017, 0.213], [0.155, 0.448]], interaction=Retarded(omega, mu_star, 10 * omega))
