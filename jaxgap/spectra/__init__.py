"""Quasiparticles at given amplitudes: energies, sums over k, where quadrature nodes have to lie."""
