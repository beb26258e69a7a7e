"""Gap edges on the real axis: reference numbers, and what continued fractions are exact for."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.observables import gap_edges
from jaxgap.selfenergy.pade import continued, pade


def test_a_continued_fraction_is_exact_for_rational_functions():
    def f(z):
        return 1 / (z - 2 + 1j) + (z + 3) / (z**2 + 5)

    z = 1j * jnp.arange(1.0, 7.0)
    np.testing.assert_allclose(continued(pade(z, f(z)[None]), jnp.asarray(0.7 + 0.1j))[0], f(0.7 + 0.1j), rtol=1e-12)


@pytest.mark.slow
def test_mgb2():
    """7.0770 and 2.7245 meV; Golubov et al. 2002 have 7.1 and 2.7."""
    solution = jg.solve(replace(jg.materials.mgb2_eliashberg(), frequencies=1200), 4.0)
    edges = gap_edges(solution)
    np.testing.assert_allclose(edges.edge, [7.077020621673377, 2.72446454021392], rtol=1e-8)
    assert (edges.error < 1e-6).all()
    assert (edges.edge > solution.Delta.real).all()


@pytest.mark.slow
def test_one_mode():
    """To the digits of an independent continuation, and with derivatives."""
    sc = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=1.0, interaction=jg.Retarded(20.0, frequencies=700))
    T = 2.6602084090773084
    edges = gap_edges(jg.solve(sc, T))
    assert abs(edges.edge[0] - 4.847503255527141) < 1e-8
    assert edges.error[0] < 1e-8

    def edge(lam):
        return gap_edges(jg.solve(sc.set({"lam[a, a]": lam}), T)).edge[0]

    assert abs(jax.jit(jax.grad(edge))(1.0) - (edge(1 + 1e-4) - edge(1 - 1e-4)) / 2e-4) < 1e-5


@pytest.mark.slow
def test_refusals():
    with pytest.raises(jg.InputError, match="Argument `solution` must have a retarded interaction, but got Solution"):
        gap_edges(jg.solve(jg.materials.two_band(), 100.0))


@pytest.mark.slow
def test_no_state_no_edge():
    """0 of the normal state, NaN of a state that was not found."""
    sc = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=1.0, interaction=jg.Retarded(20.0))
    normal = jg.solve(sc, 40.0)
    assert gap_edges(normal).edge[0] == 0
    lost = replace(normal, self_energy=jax.tree.map(lambda part: part * jnp.nan, normal.self_energy))
    assert np.isnan(gap_edges(lost).edge[0])
