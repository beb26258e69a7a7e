"""What is seen of shallow and incipient bands: it is right, or refused with a sentence."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap import InputError
from jaxgap import observables as seen
from jaxgap.solving.state import GivenState
from jaxgap.spectra.green import local_functions

CASES = json.loads((Path(__file__).parents[1] / "reference" / "shallow.json").read_text(encoding="utf-8"))["cases"]
CLOSED = 1e-12
"""A closed form, where nothing is ill-conditioned."""
ON_A_GRID = 2e-6
"""The midpoint rule in steps of .002 with a broadening of .5, and a cutoff of the sums that both have."""
Delta, mu, Gamma = 9.26, -2.1, 0.5


@pytest.fixture(scope="module")
def incipient():
    """One incipient band."""
    sc = jg.superconductor(bands={"a": {"mu": mu}}, g=[[1.2]], Omega=30.0)
    return GivenState(sc, jnp.asarray(10.0), jnp.array([Delta]))


def test_the_gap_of_an_incipient_band_is_at_its_bottom(incipient):
    np.testing.assert_allclose(seen.branch_minima(incipient), [np.hypot(mu, Delta)], rtol=CLOSED)
    assert np.isnan(seen.fermi_momentum_gaps(incipient).gap).all()
    (peak,) = seen.coherence_peaks(incipient)
    assert (peak.kind, peak.kappa) == ("band edge", 0.0)


def test_the_density_of_states_of_an_incipient_band(incipient):
    """Inside the shell against a sum over kappa; outside it is normal."""
    kappa = np.arange(0.001, 27.9, 0.002)
    zeta = kappa - mu
    for omega in (1.0, 12.0):
        z = omega + 1j * Gamma
        inside = np.sum((z + zeta) / (z**2 - zeta**2 - Delta**2)) * 0.002
        outside = np.log(z - (27.9 - mu))  # and a real constant from the upper end
        N = -(inside + outside - 1j * np.pi).imag / np.pi
        got = -local_functions(incipient.superconductor, incipient.Delta, jnp.asarray(z)).G[0].imag / np.pi
        np.testing.assert_allclose(got, N, rtol=ON_A_GRID)


@pytest.mark.slow
@pytest.mark.parametrize("words", ["one shallow", "deep and incipient"])
def test_free_energy_and_entropy(words):
    (c,) = (c for c in CASES if words in c["name"])
    bands = {name: {"mu": mu, "mass": m} for name, mu, m in zip("ab", c["mus"], c["masses"], strict=False)}
    sc = jg.superconductor(bands=bands, cross=["a:b"] if len(bands) > 1 else [], g=c["g"], Omega=c["Omega"])
    np.testing.assert_allclose(seen.free_energy(jg.solve(sc, c["T_K"])), c["grand_potential"], rtol=1e-11)


def test_what_needs_a_fermi_surface_says_so(incipient):
    sc = incipient.superconductor
    for function in (
        lambda: seen.tunnelling_density_of_states(incipient, [1.0], Gamma),
        lambda: seen.tunnelling_conductance(incipient, [1.0], Gamma),
        lambda: seen.superfluid_density(incipient),
        lambda: seen.andreev_conductance(incipient, [1.0], Gamma, 0.3),
        lambda: seen.fermi_wave_vector(sc, "a"),
        lambda: seen.symmetrised_gap(incipient, "a", Gamma, 1.0),
    ):
        with pytest.raises(InputError, match=r"Argument `mu\[a\]` must leave a Fermi surface") as error:
            function()
        assert "\n" not in str(error.value)


@pytest.mark.slow
def test_all_electrons_of_a_shallow_band_are_superfluid():
    """D = n / m at T = 0, with the electrons of the paired state: more than the normal state of the same mu has."""
    sc = jg.superconductor(bands={"a": {"mu": 6.2, "mass": 1.3}}, g=[[0.9]], Omega=30.0)
    solution = jg.solve(sc, 0.0)
    np.testing.assert_allclose(seen.superfluid_density(solution).total, jg.density_of(solution) / (2 * 1.3 * 6.2), rtol=CLOSED)
