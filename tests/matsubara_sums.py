"""Sums over all Matsubara frequencies, without the cutoff of a retarded interaction: of weak coupling, to compare with."""

import numpy as np
from scipy.special import zeta

from jaxgap.selfenergy.matsubara import DEGREE, mesh


def all_frequencies(N, degree=DEGREE):
    r"""(n_k, w_k) with sum over all n >= 0 of f(omega_n) = sum_k w_k f(omega_{n_k}), without any cutoff.

    f must decay as a series in 1/omega^2 from N on, as what is even in omega does above all energies of the problem. Up to N by
    the grid; beyond, a polynomial in 1/omega^2 without its constant, whose powers sum to Hurwitz' zeta functions. (n_k are not
    whole numbers there: nodes are where Chebyshev wants them.)
    """
    grid = mesh(N, degree=degree)
    x = (1 + np.cos(np.pi * (np.arange(degree) + 0.5) / degree)) / 2  # (omega_N / omega)^2 in (0, 1)
    powers = np.arange(1, degree + 1)
    sums = (N + 0.5) ** (2.0 * powers) * zeta(2.0 * powers, N + 0.5)
    weights = np.linalg.solve((x[:, None] ** powers).T, sums)
    n = np.concatenate([grid.n, (N + 0.5) / np.sqrt(x) - 0.5])
    return n, np.concatenate([grid.L.sum(axis=0), weights])
