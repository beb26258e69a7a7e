"""The free energy of T-matrices: its derivative is the functional's alone (Hellmann and Feynman), weak ones are Born's."""

import jax.numpy as jnp
import numpy as np
import pytest
from disordered import two_bands

import jaxgap as jg
from jaxgap.selfenergy.cross_pairs import green_functions, normal_parts
from jaxgap.selfenergy.eliashberg import equations_of
from jaxgap.selfenergy.finding import _parts
from jaxgap.selfenergy.impurities import generating, opened
from jaxgap.units import k_B

LAM = np.array([[0.4, 0.05, 0.03], [0.05, 0.3, 0.02], [0.03, 0.02, 0.2]])
U, J = np.array([[0.4, 0.2], [0.2, -0.3]]), np.array([[0.2, 0.1], [0.1, 0.15]])


INTERACTIONS = {"cutoff": jg.MatsubaraCutoff(30.0), "retarded": jg.Retarded(20.0, frequencies=64)}


def solved(density, kind, size=1.0, interaction="cutoff"):
    lam = LAM if interaction == "cutoff" else 3 * LAM
    system = two_bands(lam, density, size * U, size * J, d=6.0, kind=kind, interaction=INTERACTIONS[interaction])
    return jg.solve(system, 8.0)


@pytest.mark.slow
@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_hellmann_and_feynman(interaction):
    n, h = 0.3, 1e-3
    state = solved(n, "T-matrix", interaction=interaction)
    wide = opened(state.superconductor)
    E = equations_of(wide, state.T)
    both = (_parts(state.self_energy, wide), normal_parts(wide, E))
    paired, normal = (generating(green_functions(parts, E.K.omega, wide), wide.disorder[0]) / n for parts in both)
    explicit = 2 * k_B * 8.0 * jnp.sum((paired - normal) * E.total)
    up, down = (float(solved(n + x, "T-matrix", interaction=interaction).free_energy()) for x in (h, -h))
    assert float(explicit) == pytest.approx((up - down) / (2 * h), rel=1e-5)
    assert float(state.free_energy()) < 0


@pytest.mark.slow
def test_weak_impurities_are_borns():
    """What scattering more than twice does is of the order of u: linear in the size of the potential at the same rate."""
    off = []
    for size in (0.1, 0.05):
        born, whole = (float(solved(0.3 / size**2, kind, size).free_energy()) for kind in ("Born", "T-matrix"))
        off.append(abs(whole / born - 1))
    assert off[1] < 0.6 * off[0] < 0.1
