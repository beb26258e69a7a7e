"""Tunnelling spectra: thermal smearing against the integral, and spectra as data of a fit."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap import InputError, materials, solve
from jaxgap.fitting import load_fit
from jaxgap.fitting.objective import joint
from jaxgap.fitting.problem import problem
from jaxgap.observables import conductance, tunnelling_conductance, tunnelling_density_of_states
from jaxgap.units import k_B

FITS = Path(__file__).parents[2] / "fits" / "synthetic_spectra"
SMEARED = 3e-8
"""What the trapezoidal rules on either path of integration leave."""
DIFFERENCES = 1e-6
"""Central differences."""
V = np.linspace(-18.0, 18.0, 31)


@pytest.fixture(scope="module")
def state():
    return solve(materials.ba122(), 4.2, branch="s+-")


@pytest.mark.parametrize("V", [V, pytest.param(V[20:23], marks=pytest.mark.slow)], ids=["shared nodes", "own nodes"])
def test_smearing_is_the_integral_with_the_fermi_function(state, V):
    kT = k_B * 4.2
    omega = np.linspace(-18 - 24 * kT, 18 + 24 * kT, 4001)
    N = np.asarray(tunnelling_density_of_states(state, omega, 0.3).total)
    wanted = [np.trapezoid(N / (4 * kT * np.cosh((omega - v) / (2 * kT)) ** 2), omega) for v in V]
    np.testing.assert_allclose(tunnelling_conductance(state, V, 0.3), wanted, atol=SMEARED)


@pytest.mark.slow
def test_at_zero_temperature_it_is_the_density_of_states():
    cold = solve(materials.ba122(), 0.0, branch="s+-")
    wanted = tunnelling_density_of_states(cold, V[:7], 0.2).bands
    np.testing.assert_allclose(tunnelling_conductance(cold, V[:7], 0.2), wanted.sum(axis=0), atol=SMEARED)
    weighted = (jnp.array([1.0, 0.25]) @ wanted) / (0.5 * 1.25)  # both bands have the same N
    np.testing.assert_allclose(tunnelling_conductance(cold, V[:7], 0.2, weights=[1.0, 0.25]), weighted, atol=SMEARED)


@pytest.mark.slow
def test_no_peak_is_missed_however_small_the_broadening_is(state):
    """d/dGamma of the smeared spectrum is bounded: from 1e-3 to 1e-6 meV nothing changes any more."""
    fine, finest = (tunnelling_conductance(state, V, Gamma) for Gamma in (1e-3, 1e-6))
    assert np.max(np.abs(fine - finest)) < 5e-3
    assert np.isfinite(finest).all()


def test_temperatures_near_each_other_share_a_program(state, monkeypatch):
    """The number of nodes is part of the program: it must not follow every temperature."""
    nodes = []
    run = conductance._conductance
    monkeypatch.setattr(conductance, "_conductance", lambda *args: nodes.append(args[-1]) or run(*args))
    for T in (4.2, 4.7, 5.3):
        tunnelling_conductance(eqx.tree_at(lambda s: s.T, state, jnp.asarray(T)), V, 0.3)
    assert len(set(nodes)) == 1
    assert nodes[0] is not None


@pytest.mark.slow
def test_far_away_it_is_the_normal_conductance(state):
    assert np.asarray(tunnelling_conductance(state, [2000.0], 0.1))[0] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"Gamma": -0.1}, "Gamma"),
        ({"V": [np.nan]}, "V"),
        ({"weights": [1.0]}, "weights"),
        ({"weights": [0.0, 0.0]}, "weights"),
    ],
)
def test_wrong_input_is_named(state, arguments, complaint):
    given = {"V": [1.0], "Gamma": 0.1, **arguments}
    with pytest.raises(InputError, match=f"Argument `{complaint}` must"):
        tunnelling_conductance(state, given.pop("V"), given.pop("Gamma"), **given)


# === as data


def folder_with(tmp_path, toml=("", ""), csv=("", "")):
    for name, (old, new) in (("fit.toml", toml), ("data.csv", csv)):
        text = (FITS / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new, 1))
    return tmp_path


@pytest.mark.parametrize(
    ("toml", "csv", "complaint"),
    [
        (("[junctions.tip]\nGamma = 0.5", ""), ("", ""), "there is no \\[junctions.tip\\]"),
        (("junction[tip].Gamma", "junction[tip].gamma"), ("", ""), "Unknown path `junction\\[tip\\].gamma`"),
        (("weight[beta]", "weight[delta]"), ("", ""), "there is no band `delta`"),
        (("bounds = [0.05, 2.0]", "bounds = [-1.0, 2.0]"), ("", ""), "`junction\\[tip\\].Gamma` must not be negative"),
        (("Gamma = 0.5", "Gamma = 0.5\nweights = { delta = 1.0 }"), ("", ""), "there is no band `delta`"),
        (("", ""), ("-20.0000", ""), ":2: a point of a spectrum needs its voltage"),
        (("", ""), ("dIdV[tip]", "dIdV[other]"), "needs a \\[junctions.other\\]"),
        (("", ""), ("dIdV[tip]", "dIdV"), ":2: `dIdV` takes the name of its junction"),
        (("", ""), ("dIdV[tip],4.2", "dIdV[tip],"), ":2: a gap or a spectrum that is used needs a temperature"),
    ],
)
def test_a_wrong_folder_is_one_sentence(tmp_path, toml, csv, complaint):
    with pytest.raises(InputError, match=complaint):
        load_fit(folder_with(tmp_path, toml, csv))


@pytest.mark.parametrize(
    "rows", [(25, 40), pytest.param((25, 40, 75, 100), marks=pytest.mark.slow)], ids=["4.2 K", "15 K, too"]
)
@pytest.mark.slow
def test_spectra_and_their_derivatives(tmp_path, rows):
    """Points at one and two temperatures: values by the observable, derivatives by central differences."""
    lines = (FITS / "data.csv").read_text().splitlines()
    folder_with(tmp_path)
    (tmp_path / "data.csv").write_text("\n".join([lines[0], *(lines[i] for i in rows)]) + "\n")
    config, sc, data = load_fit(tmp_path)
    p = problem(config, [sc], data)
    theta = jnp.array([0.02, 38.0, 0.4, 0.6, 1.05, 0.002])
    states = [solve(materials.ba122(0.02, 38.0), T, branch="s+-") for T in (4.2, 15.0)[: len(rows) // 2]]
    Delta = jnp.stack([s.Delta.real for s in states])
    voltages = np.array([d.x for d in data])
    wanted = [
        tunnelling_conductance(s, v, 0.4, weights=[1.0, 0.6]) for s, v in zip(states, voltages.reshape(-1, 2), strict=True)
    ]
    wanted = 1.05 * (1 + 0.002 * voltages) * np.concatenate(wanted)
    # One program for values and derivatives.
    run = jax.jit(lambda t: joint(p, t, Delta))

    def found(t):
        return run(t).deviations[: len(data)] * p.error + p.value

    np.testing.assert_allclose(found(theta), wanted, atol=SMEARED)
    slopes = run(theta).deviations_theta[: len(data)] * p.error[:, None]
    for k, h in enumerate((1e-5, 1e-4, 1e-5, 1e-5, 1e-5, 1e-6)):
        step = h * jnp.eye(6)[k]
        difference = (found(theta + step) - found(theta - step)) / (2 * h)
        np.testing.assert_allclose(slopes[:, k], difference, atol=DIFFERENCES * max(1.0, float(np.max(np.abs(difference)))))
