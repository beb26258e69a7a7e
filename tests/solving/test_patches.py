"""A gap that depends on the angle, on a round Fermi line: patches of the line are bands, each with its share of the couplings.

With a form factor F(phi), whose square has the mean 1, couplings are lambda_pq = lambda F_p w_q F_q for nodes and weights w of
the mean over the angle. At T = 0, 1/lambda = <F^2 asinh(Omega / (Delta |F|))>, and T_c is that of F = 1.
"""

import numpy as np
import pytest

import jaxgap as jg
from jaxgap.units import k_B

PATCHES = 12


def d_wave(coupling):
    """(system, F): nodes crowd at the node of F = sqrt(2) cos(2 phi), where the gap equation has F^2 ln |F|."""
    x, w = np.polynomial.legendre.leggauss(PATCHES)
    s, w = (x + 1) / 2, w / 2
    F, weight = np.sqrt(2) * np.cos(np.pi / 2 * (1 - s**3)), w * 3 * s**2
    bands = {f"p{k}": {"mu": 400.0} for k in range(PATCHES)}
    return jg.superconductor(bands=bands, lam=coupling * np.outer(F, F * weight), Omega=30.0), F


@pytest.mark.slow
def test_a_d_wave_with_a_shell():
    """Reference: Delta = 1.8385735107664738 meV, T_c = 14.081917442421272 K at lambda = .3."""
    sc, F = d_wave(0.3)
    solution, T_c = jg.solve(sc, 0.0), float(jg.critical_temperature(sc))
    assert solution.status == jg.Status.CONVERGED
    Delta = np.asarray(solution.Delta.real) / F
    np.testing.assert_allclose(Delta, Delta[0], rtol=1e-12)
    np.testing.assert_allclose(Delta[0], 1.8385735107664738, rtol=1e-10)
    np.testing.assert_allclose(T_c, 14.081917442421272, rtol=1e-9)
    np.testing.assert_allclose(2 * np.sqrt(2) * Delta[0] / (k_B * T_c), 4.285399448824762, rtol=1e-9)


@pytest.mark.slow
def test_in_weak_coupling():
    """2 Delta_max / k_B T_c = 4 pi e^-gamma / sqrt(e) as lambda goes to zero: what is left falls like e^(-2 / lambda)."""
    ratio = []
    for coupling in (0.14, 0.1):
        sc, F = d_wave(coupling)
        solution = jg.solve(sc, 0.0)
        assert solution.status == jg.Status.CONVERGED
        ratio.append(float(2 * np.sqrt(2) * solution.Delta[0].real / F[0] / (k_B * jg.critical_temperature(sc))))
    left = np.exp(-2 / np.array([0.14, 0.1]))
    extrapolated = ratio[1] - (ratio[0] - ratio[1]) * left[1] / (left[0] - left[1])
    np.testing.assert_allclose(extrapolated, 4.279381894825719, rtol=1e-9)
