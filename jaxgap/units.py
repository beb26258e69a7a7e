"""Units of jaxgap: energies in meV, temperatures in K, masses in electron masses, wave vectors in 1/angstrom.

All constants follow from the exact SI values of e, h and k_B and the CODATA 2018 electron mass.
"""

_k_B_SI = 1.380649e-23  # J/K, exact
_e_SI = 1.602176634e-19  # C, exact
_hbar_SI = 1.054571817646156e-34  # J s, h/(2 pi) with h exact
_m_e_SI = 9.1093837015e-31  # kg, CODATA 2018

k_B = _k_B_SI / _e_SI * 1e3
"""Boltzmann's constant [meV/K]: 0.08617333262145..."""

hbar2_over_2m_e = _hbar_SI**2 / (2 * _m_e_SI) / _e_SI * 1e3 * 1e20
"""hbar^2 / 2 m_e [meV angstrom^2], so that kappa = hbar2_over_2m_e * k**2 with k in 1/angstrom."""

_u_SI = 1.66053906660e-27  # kg, CODATA 2018
_h_SI = 6.62607015e-34  # J s, exact

hbar2_over_2u = _hbar_SI**2 / (2 * _u_SI) / _e_SI * 1e3 * 1e20
"""hbar^2 / 2 u [meV angstrom^2] with the atomic mass unit u, for nuclei: 2.0900..."""

meV_per_THz = _h_SI / _e_SI * 1e3 * 1e12
"""h times 1 THz [meV], for frequencies nu (not angular ones): 4.1356..."""

meV_per_Ry = 13.605693122994e3
"""The Rydberg [meV], CODATA 2018."""
