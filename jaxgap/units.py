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
