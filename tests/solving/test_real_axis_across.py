"""Spectra of cross-paired bands with retardation: of equal bands, which are a problem without cross channels, and by sums."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.numerics.checks import InputError
from jaxgap.observables import gap_edges, spectrum_onset, tunnelling_density_of_states

SAME = 1e-5  # of Pade approximants beside the exact formula, and of a root where the density of states has begun
STEP = 0.02  # [meV]: the digits of the numbers of an independent code


def crossed(lam, d: float = 0.0, frequencies: int = 512) -> jg.Superconductor:
    bands = {"a": {"mu": 500.0}, "b": {"mu": 500.0 + d}}
    return jg.superconductor(bands=bands, lam=lam, cross=["a:b"], interaction=jg.Retarded(49.5, frequencies=frequencies))


@pytest.mark.slow
def test_equal_bands_begin_where_the_rotated_ones_do():
    a, b, c, x = 0.6, 0.1, 0.2, 0.05
    both = jg.solve(crossed([[a, b, x], [b, a, x], [x, x, c]]), 4.0)
    plus, between, minus = (a + b) / 2 + 2 * x + c, (a + b) / 2 - c, (a + b) / 2 - 2 * x + c
    alone = jg.superconductor(
        bands={"plus": {"mu": 500.0}, "minus": {"mu": 500.0}},
        lam=[[plus, between], [between, minus]],
        interaction=jg.Retarded(49.5, frequencies=512),
    )
    edges = gap_edges(jg.solve(alone, 4.0)).edge
    onset = spectrum_onset(both)
    np.testing.assert_allclose(onset.energy, jnp.min(edges), rtol=SAME)
    assert float(onset.error) < SAME * float(onset.energy)
    # Every band is half of each of the rotated ones.
    E, N = 1.7 * float(jnp.max(edges)), both.continued().density_of_states
    expected = jnp.sum(jg.solve(alone, 4.0).continued().density_of_states(jnp.asarray(E))) / 2
    np.testing.assert_allclose(jax.jit(lambda E: N(E))(jnp.asarray(E)), expected, rtol=1e-4)


@pytest.mark.slow
def test_bands_at_a_distance():
    solution = jg.solve(crossed([[0.73, 0.09, 0.09], [0.09, 0.46, 0.09], [0.09, 0.09, 0.25]], 10.0, 1024), 2.0)
    onset, state = spectrum_onset(solution), solution.continued()
    assert float(onset.energy) == pytest.approx(4.76, abs=STEP)
    assert float(onset.error) < SAME
    E = jnp.arange(4.70, 10.4, 0.01)
    N = np.asarray(jax.jit(lambda E: jax.lax.map(state.density_of_states, E))(E)).sum(axis=1)
    peaks = [float(E[i]) for i in range(1, len(N) - 1) if N[i] > max(N[i - 1], N[i + 1])]
    np.testing.assert_allclose(peaks, [4.78, 9.82], atol=STEP)
    # Summed over kappa by quadrature the Green's function is the local one; with a broadening that is wide beside the steps.
    z, kappa = jnp.asarray(6.0 + 4.0j), jnp.linspace(-4000.0, 5000.0, 36001)
    total = jnp.sum(jax.jit(lambda kappa, z: state.green_function(kappa, z))(kappa, jnp.full(kappa.shape, z)), axis=1) * (
        kappa[1] - kappa[0]
    )
    np.testing.assert_allclose(total.imag, jax.jit(lambda z: state.local_functions(z))(z).G.imag, rtol=5e-3)
    # What tunnelling sees, far above the gap: the normal state's, but for phonons.
    seen = tunnelling_density_of_states(solution, jnp.array([0.0, 30.0]), 0.1)
    assert float(seen.total[0]) < 0.1
    assert float(seen.total[1]) == pytest.approx(1.0, abs=0.1)


def test_an_onset_is_of_cross_channels():
    sc = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=1.0, interaction=jg.Retarded(20.0, frequencies=64))
    with pytest.raises(InputError, match="without them there are"):
        spectrum_onset(jg.solve(sc, 15.0))
