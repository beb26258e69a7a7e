"""Units of jaxgap: energies in meV, temperatures in K, masses in electron masses, wave vectors in 1/angstrom.

All constants follow from the exact SI values of e, h, c, k_B and N_A, the CODATA 2018 electron mass and magnetic constant.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

_k_B_SI = 1.380649e-23  # J/K, exact
_e_SI = 1.602176634e-19  # C, exact
_hbar_SI = 1.054571817646156e-34  # J s, h/(2 pi) with h exact
_m_e_SI = 9.1093837015e-31  # kg, CODATA 2018
_u_SI = 1.66053906660e-27  # kg, CODATA 2018
_h_SI = 6.62607015e-34  # J s, exact
_mu_0_SI = 1.25663706212e-6  # N/A^2, CODATA 2018
_c_SI = 2.99792458e8  # m/s, exact
_N_A = 6.02214076e23  # 1/mol, exact
_mu_muon_SI = 4.49044830e-26  # J/T, CODATA 2018 (magnitude)

k_B = _k_B_SI / _e_SI * 1e3
"""Boltzmann's constant [meV/K]: 0.08617333262145..."""

hbar2_over_2m_e = _hbar_SI**2 / (2 * _m_e_SI) / _e_SI * 1e3 * 1e20
"""hbar^2 / 2 m_e [meV angstrom^2], so that kappa = hbar2_over_2m_e * k**2 with k in 1/angstrom."""

hbar2_over_2u = _hbar_SI**2 / (2 * _u_SI) / _e_SI * 1e3 * 1e20
"""hbar^2 / 2 u [meV angstrom^2] with the atomic mass unit u, for nuclei: 2.0900..."""

meV_per_THz = _h_SI / _e_SI * 1e3 * 1e12
"""h times 1 THz [meV], for frequencies nu (not angular ones): 4.1356..."""

meV_per_Ry = 13.605693122994e3
"""The Rydberg [meV], CODATA 2018."""

meV_per_wavenumber = _h_SI * _c_SI / _e_SI * 1e3 * 1e2
"""h c times 1/cm [meV]: 0.12398..."""

joule_per_mole = _e_SI * 1e-3 * _N_A
"""1 meV per formula unit in J/mol: 96.48533..."""

magnetic_energy = (_e_SI * 1e-3 * 1e30) * 2 * _mu_0_SI
"""2 mu_0 times 1 meV/angstrom^3 [T^2]: a field B has the energy density B^2 / 2 mu_0."""

london_density = _m_e_SI / (_mu_0_SI * _e_SI**2) * 1e18 / 1e30
"""m_e / mu_0 e^2 [nm^2/angstrom^3], so that lambda^2 = london_density / n for n electrons of mass m_e per angstrom^3."""

flux_quantum = _h_SI / (2 * _e_SI) * 1e18
"""Phi_0 = h / 2e [T nm^2]: 2067.83..."""

muon_gyromagnetic_ratio = 2 * _mu_muon_SI / _hbar_SI * 1e-6
"""gamma_mu [rad/(us T)]: 851.6..., 2 pi times 135.54 MHz/T."""

_COLDEST = 1e-30
"""k_B T [meV] that stands for T = 0: every exp(-E / k_B T) is then exactly 0, and no derivative is 0/0."""


def thermal_energy(T: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """k_B T [meV], with a floor of 1e-30 meV that makes T = 0 an ordinary temperature."""
    return jnp.maximum(k_B * T, _COLDEST)
