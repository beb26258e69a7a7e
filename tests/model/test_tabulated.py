"""Bands by their density of states: an independent code's case, a constant table as a parabolic band, derivatives, files."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap import (
    InputError,
    Status,
    critical_temperature,
    load,
    parabolic_band,
    save,
    solve,
    superconductor,
    tabulated_band,
)
from jaxgap.equations.free_energy import free_energy_functional
from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.pairing import gap_residual, pack
from jaxgap.model.band import density_of_states
from jaxgap.model.systems import from_toml, to_toml
from jaxgap.model.tabulated import coarser
from jaxgap.observables import (
    dispersion,
    entropy,
    excitation_gap,
    free_energy,
    relaxation_rate,
    specific_heat,
    spectral_function,
    superfluid_density,
    tunnelling_density_of_states,
)
from jaxgap.solving.many import solve_many

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "tabulated.json").read_text(encoding="utf-8"))
"""Of an independent code: scipy's quad, and its own search for T_c, good to 1e-9."""
EXACT = 1e-12
"""The same sums in another order."""
SHARP = 1e-8
"""Sums whose nodes are others: of a table they lie between its knots."""
DIFFERENCES = 1e-6
"""Derivatives against central differences; second ones lose a factor of 100."""
HUMP = (REFERENCE["E"], REFERENCE["rho"])


@pytest.fixture(scope="module")
def hump():
    N = float(np.interp(REFERENCE["mu"], *HUMP))
    band = tabulated_band("a", *HUMP, REFERENCE["mu"])
    return superconductor(bands=[band], lam=[[REFERENCE["g"][0][0] * N]], Omega=REFERENCE["Omega"])


@pytest.fixture(scope="module")
def state(hump):
    return solve(hump, REFERENCE["T_K"])


def test_an_independent_code_has_the_same_numbers(hump, state):
    assert int(state.status) == Status.CONVERGED
    assert np.isclose(state.Delta[0].real, REFERENCE["Delta_real"][0], rtol=EXACT)
    assert np.isclose(critical_temperature(hump), REFERENCE["Tc_K"], rtol=1e-9)
    assert np.isclose(excitation_gap(state), REFERENCE["Delta_real"][0], rtol=EXACT)


@pytest.mark.slow
def test_a_constant_table_is_a_parabolic_band():
    """Of mass 1.3 in 2D, 60 meV deep, beside a parabolic one, which has no upper end."""
    tables = [tabulated_band("a", [-60.0, -7.0, 11.0, 1e9], [1.3] * 4), tabulated_band("a", [0.0, 1e9], [1.3] * 2, 60.0)]
    omega = jnp.array([-33.0, -6.0, 1.0, 8.0, 31.0])

    def seen(band):
        sc = superconductor(bands=[band, parabolic_band("b", 50.0)], lam=[[0.4, 0.05], [0.065, 0.3]], Omega=20.0)
        cold = solve(sc, 5.0)
        assert bool(cold.converged)
        numbers = [cold.Delta, critical_temperature(sc), entropy(cold), specific_heat(cold), free_energy(cold)]
        sharp = tunnelling_density_of_states(cold, omega, 0.0).bands
        broad = tunnelling_density_of_states(cold, omega, 0.3).bands
        return np.concatenate([np.ravel(x) for x in (*numbers, sharp, broad, relaxation_rate(cold, 0.1))])

    wanted = seen(parabolic_band("a", 60.0, 1.3))
    for band in tables:
        found = seen(band)
        assert np.isfinite(wanted).all()
        assert np.allclose(found, wanted, rtol=SHARP)


@pytest.mark.slow
def test_the_gap_equations_in_batches_are_those_of_one(hump, state):
    x = jnp.array([3.1])
    r, M = residual_and_matrix(hump, x, jnp.asarray(2.0))
    assert np.allclose(r, gap_residual(hump, x, jnp.asarray(2.0)), atol=EXACT)
    assert np.allclose(M, jax.jacfwd(lambda x: pack(gap_residual(hump, x, jnp.asarray(2.0))))(x), atol=EXACT)
    T = jnp.array([2.0, 10.0, 22.0, 30.0])
    found = solve_many(jax.tree.map(lambda leaf: jnp.stack([leaf] * 4), hump), T)
    assert np.isclose(found.Delta[0, 0].real, state.Delta[0].real, rtol=EXACT)
    assert np.isclose(abs(found.Delta[2, 0]), abs(solve(hump, 22.0).Delta[0]), rtol=SHARP)
    assert found.status.tolist() == [Status.CONVERGED] * 3 + [Status.NORMAL]


@pytest.mark.slow
def test_derivatives_are_those_of_the_table(hump):
    """By mu and Omega, second ones too, with both ends of the shell between knots."""

    def gap(mu, Omega):
        return solve(hump.set({"mu[a]": mu, "Omega": Omega}), 2.0, start=[3.5]).Delta[0].real

    at, h = (3.3, 24.1), 1e-4
    slopes, bends = jax.jacfwd(gap, argnums=(0, 1))(*at), jax.hessian(gap, argnums=(0, 1))(*at)
    backwards = jax.grad(gap, argnums=(0, 1))(*at)
    assert np.allclose(slopes, backwards, rtol=1e-11)
    for i in (0, 1):
        step = h * np.eye(2)[i]
        up, down = (jax.grad(gap, argnums=(0, 1))(*(np.array(at) + sign * step)) for sign in (1, -1))
        assert np.isclose(slopes[i], (gap(*(at + step)) - gap(*(at - step))) / (2 * h), rtol=DIFFERENCES)
        assert np.allclose(bends[i], (np.array(up) - np.array(down)) / (2 * h), rtol=100 * DIFFERENCES, atol=1e-9)


@pytest.mark.slow
def test_what_a_table_says_of_T_c(hump):
    """dT_c / dN at every knot, at fixed interaction g: states anywhere in the shell raise T_c, those outside do nothing."""
    g = float(hump.g[0, 0])

    def T_c(density):
        band = tabulated_band("a", HUMP[0], density, REFERENCE["mu"])
        N = density_of_states(band, 2)
        return critical_temperature(superconductor(bands=[band], lam=(g * N)[None, None], Omega=REFERENCE["Omega"]))

    density = jnp.asarray(HUMP[1])
    slope, k = jax.grad(T_c)(density), 23
    step = 1e-5 * jnp.eye(len(density))[k]
    assert np.isclose(slope[k], (T_c(density + step) - T_c(density - step)) / 2e-5, rtol=1e-5)
    inside = np.abs(np.asarray(HUMP[0]) - REFERENCE["mu"]) < REFERENCE["Omega"]
    assert (np.asarray(slope)[inside] > 0).all()
    assert not np.any(np.asarray(slope)[[0, -1]])


def test_the_free_energy_is_that_of_the_gap_equations(hump):
    """Its gradient, N / lambda times the residual twice, at amplitudes that solve nothing."""
    x, T = jnp.array([2.4]), jnp.asarray(4.0)
    slope = jax.jit(jax.grad(lambda x: free_energy_functional(hump, x, T)))(x)
    assert np.allclose(slope, 2 * gap_residual(hump, x, T) / hump.g[0], rtol=1e-9)


def test_states_at_the_end_of_a_table():
    """Zero outside: a band whose shell is cut at both ends is one that has its states there only, and tells its sum."""
    band = tabulated_band("a", [-5.0, 0.0, 9.0], [0.5, 1.0, 0.3])
    assert np.isclose(band.states_within(jnp.asarray(20.0), 2), 0.75 * 5 + 0.65 * 9, rtol=EXACT)
    sc = superconductor(bands=[band], lam=[[0.8]], Omega=20.0)
    x, w = np.polynomial.legendre.leggauss(200)
    D, P = 2.0, 0.0
    for a, b in ((-5.0, 0.0), (0.0, 9.0)):
        z = a + (b - a) * (x + 1) / 2
        P += np.sum(w * (b - a) / 2 * np.interp(z, [-5.0, 0.0, 9.0], [0.5, 1.0, 0.3]) * D / (2 * np.hypot(z, D)))
    assert np.isclose(gap_residual(sc, jnp.array([D]), jnp.asarray(0.0))[0], D - 0.8 * P, rtol=SHARP)
    # Nothing is normal beyond the shell.
    assert np.allclose(tunnelling_density_of_states(solve(sc, 0.0), jnp.array([-25.0, 25.0]), 0.0).total, 0.0)


@pytest.mark.slow
def test_half_of_the_knots_say_how_good_a_table_is():
    """A hump of 30 meV on 21 knots: leaving out every second one changes the gap by some three times the error."""

    def gap(band):
        return float(solve(superconductor(bands=[band], lam=[[0.4]], Omega=20.0), 0.0).Delta[0].real)

    def table(n):
        E = np.linspace(-60.0, 60.0, n)
        return tabulated_band("a", E, 1 + np.exp(-((E - 4) ** 2) / 450))

    found, exact = gap(table(21)), gap(table(641))
    assert 2.0 < (gap(coarser(table(21))) - found) / (found - exact) < 6.0


def test_files(tmp_path, hump):
    assert to_toml(from_toml(to_toml(hump))) == to_toml(hump)
    save(hump, tmp_path / "system.toml")
    assert np.array_equal(load(tmp_path / "system.toml").bands[0].density, HUMP[1])
    rows = "\n".join(f"{e}, {n}  # a remark" for e, n in zip(*HUMP, strict=True))
    (tmp_path / "pi.csv").write_text(f"energy_meV,density\n{rows}\n")
    toml = f'Omega = {REFERENCE["Omega"]}\nlam = [[0.4]]\n[bands.a]\ndos = "pi.csv"\nmu = 3.0\n'
    (tmp_path / "by_file.toml").write_text(toml)
    assert np.array_equal(load(tmp_path / "by_file.toml").bands[0].energy, HUMP[0])


REFUSED = {
    "energies that fall": (([0.0, 1.0, 0.5], [1.0] * 3, 0.2), r"energy\[a\]` must rise"),
    "a negative density": (([0.0, 1.0], [1.0, -1.0], 0.2), r"density\[a\]` must not be negative"),
    "one knot": (([0.0], [1.0], 0.0), "at least two energies"),
    "of two lengths": (([0.0, 1.0], [1.0], 0.0), "at least two energies"),
    "no states at mu": (([0.0, 1.0], [1.0, 1.0], 2.0), r"mu\[a\]` must lie where"),
    "not finite": (([0.0, np.nan], [1.0, 1.0], 0.2), "must be finite"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused(case):
    arguments, sentence = REFUSED[case]
    with pytest.raises(InputError, match=sentence):
        tabulated_band("a", *arguments)


@pytest.mark.parametrize("text", ["", "1 2 3\n", "0 1\n1 one\n"], ids=["empty", "three columns", "a word"])
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "dos.csv").write_text(text)
    (tmp_path / "system.toml").write_text('Omega = 20.0\nlam = [[0.4]]\n[bands.a]\ndos = "dos.csv"\nmu = 0.5\n')
    with pytest.raises(InputError, match=r"dos\.csv"):
        load(tmp_path / "system.toml")


def test_what_needs_a_k_is_refused(state):
    with pytest.raises(InputError, match="cross channel"):
        superconductor(bands=[*state.superconductor.bands, parabolic_band("b", 50.0)], cross=["a:b"], lam=np.eye(3), Omega=20.0)
    for seen in (superfluid_density, lambda s: dispersion(s, 60.0), lambda s: spectral_function(s, 60.0, 1.0, 0.1)):
        with pytest.raises(InputError, match=r"bands\.a"):
            seen(state)
