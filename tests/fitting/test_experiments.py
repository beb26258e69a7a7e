"""Curves as data: what a fit says of them is what the observable says of the solved state, and their numbers are parameters."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import relative_error

from jaxgap import InputError, materials, solve
from jaxgap.fitting import load_fit
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.objective import deviations, joint
from jaxgap.fitting.predictions import predictions
from jaxgap.fitting.problem import problem, thinned
from jaxgap.fitting.report.record import SCHEMA, from_json
from jaxgap.fitting.report.record import load_result as load
from jaxgap.observables import normal_specific_heat, specific_heat, tunnelling_conductance

DIFFERENCES = 2e-6
"""Central differences of solved curves with steps of 1e-4 of the parameters: h^2, and rounding over h."""
SYSTEM = """
[system]
material = "ba122"
branch = "s+-"

[parameters.lambda_13]
bounds = [0.0, 0.06]
start = 0.03
[parameters.lambda_13.sets]
"lam[alpha, alpha:beta]" = 1.0
"lam[beta, alpha:beta]" = 1.0
"lam[alpha:beta, alpha]" = 0.5
"lam[alpha:beta, beta]" = 0.5
"""
FREE = """
[parameters.scale]
bounds = [0.5, 2.0]
sets = { "data[C].scale" = 1.0 }

[parameters.Gamma]
bounds = [0.1, 2.0]
unit = "meV"
sets = { "data[sts].Gamma" = 1.0 }
"""
DATA = """
[[data]]
name = "C"
file = "heat.csv"
quantity = "heat"

[[data]]
file = "sts.dat"
quantity = "dIdV"
T = 4.2
errors = { constant = 0.02 }
settings = { weights = { beta = 0.6 } }
"""
T = np.array([3.0, 12.0, 25.0])
V = np.array([-8.0, -3.0, 2.0, 9.0])
THETA = np.array([0.02, 1.1, 0.4])


def folder_of(tmp_path, system=SYSTEM, free=FREE, data=DATA, heat=None):
    """A folder with a specific heat at three temperatures and a spectrum of four points."""
    (tmp_path / "fit.toml").write_text(system + free + data)
    rows = heat or ["T (K),C/C_n,error", *(f"{t},0.5,0.01" for t in T)]
    (tmp_path / "heat.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "sts.dat").write_text("V (mV) dIdV\n" + "".join(f"{v} 1.0\n" for v in V))
    return tmp_path


def posed(folder):
    config, sc, data = load_fit(folder)
    return problem(config, config.systems(sc), data)


def amplitudes(p, lambda_13=0.02):
    """The solutions at the conditions of a problem."""
    sc = materials.ba122(lambda_13)
    return np.stack([np.asarray(solve(sc, float(t), branch="s+-").Delta.real) for t in p.T])


@pytest.mark.slow
def test_curves_are_the_observables_of_the_solved_state(tmp_path):
    """At three temperatures and one spectrum, with the numbers of each experiment; derivatives by differences."""
    p = posed(folder_of(tmp_path))
    near = amplitudes(p)
    at = nested_at(p, THETA, near)
    sc = materials.ba122(0.02)
    states = [solve(sc, float(t), branch="s+-") for t in T]
    heat = [1.1 * specific_heat(s) / normal_specific_heat(sc, s.T) for s in states]
    spectrum = tunnelling_conductance(solve(sc, 4.2, branch="s+-"), V, 0.4, weights=[1.0, 0.6])
    assert relative_error(at.predicted, np.concatenate([np.array(heat), np.asarray(spectrum)])) < 1e-9
    for k, step in enumerate((2e-6, 1e-4, 1e-4)):
        ends = [nested_at(p, THETA + sign * step * np.eye(3)[k], near).residuals for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step)
        assert np.abs(at.jacobian[:, k] - slope).max() < DIFFERENCES * np.abs(slope).max()


@pytest.mark.slow
def test_the_search_sees_a_point_at_its_own_temperature_only(tmp_path):
    """Derivatives with respect to the amplitudes: all conditions at once is each by itself."""
    p = posed(folder_of(tmp_path))
    Delta = jnp.asarray(amplitudes(p))
    found = jax.jit(lambda D: joint(p, jnp.asarray(THETA), D))(Delta)
    dense = np.asarray(jax.jit(jax.jacfwd(lambda D: joint(p, jnp.asarray(THETA), D).deviations))(Delta))
    for d, row in enumerate(p.rows):
        assert np.allclose(dense[d, row.condition], found.deviations_Delta[d], rtol=1e-10, atol=1e-12)
        assert not np.delete(dense[d], row.condition, axis=0).any()


@pytest.mark.slow
def test_thinned_keeps_whole_points(tmp_path):
    """At fewer temperatures the same predictions at those that stay."""
    rows = ["T (K),C/C_n,error", *(f"{t},0.5,0.01" for t in np.linspace(2, 26, 9))]
    p = posed(folder_of(tmp_path, heat=rows))
    near = amplitudes(p)
    few, kept = thinned(p, 3)
    assert len(few.T) == 4  # three of the heat, and the spectrum
    places = [k for k, row in enumerate(p.rows) if row.condition in kept]
    # At given amplitudes, as the search asks: no state is solved, and nothing differentiated.
    predicted = jax.jit(lambda q, Delta: predictions(q, jnp.asarray(THETA), Delta))
    whole, part = (np.asarray(predicted(*of)) for of in ((p, jnp.asarray(near)), (few, jnp.asarray(near[kept]))))
    assert relative_error(part, whole[places]) < 1e-12


def test_correlated_errors(tmp_path):
    """chi^2 is r C^-1 r; one entry forgives outliers, the other does not."""
    C = 1e-4 * (np.eye(3) + 0.5)
    np.savetxt(tmp_path / "C.txt", C)
    data = DATA.replace('quantity = "heat"', 'quantity = "heat"\ncovariance = "C.txt"').replace(
        "T = 4.2", 'T = 4.2\nloss = "cauchy"'
    )
    p = posed(folder_of(tmp_path, data=data))
    rng = np.random.default_rng(3)
    predicted = np.asarray(p.value) + 0.05 * rng.normal(size=7)
    z, r = np.asarray(deviations(p, jnp.asarray(predicted))), predicted - np.asarray(p.value)
    assert np.sum(z[:3] ** 2) == pytest.approx(r[:3] @ np.linalg.solve(C, r[:3]), rel=1e-12)
    assert z[3:] ** 2 == pytest.approx(np.log1p((r[3:] / 0.02) ** 2), rel=1e-12)


def test_a_common_scale_is_a_parameter_that_is_known_beforehand(tmp_path):
    config, *_ = load_fit(
        folder_of(tmp_path, free="", data=DATA.replace('quantity = "heat"', 'quantity = "heat"\nscale_error = 0.03'))
    )
    one = config.parameters["scale of C"]
    assert (one.prior, one.sets) == ((1.0, 0.03), {"data[C].scale": 1.0})


def test_an_error_of_the_temperature_counts_by_the_slope(tmp_path):
    """Of y = 2 + 0.3 T - 0.01 T^2 the parabola through neighbours is exact."""
    t = np.arange(2.0, 10.0)
    y = 2 + 0.3 * t - 0.01 * t**2
    rows = ["T (K),C/C_n,error", *(f"{a},{b},0.01" for a, b in zip(t, y, strict=True))]
    data = DATA.replace('quantity = "heat"', 'quantity = "heat"\nT_error = 0.2')
    p = posed(folder_of(tmp_path, data=data, heat=rows))
    assert np.asarray(p.error)[:8] == pytest.approx(np.hypot(0.01, 0.2 * (0.3 - 0.02 * t)), rel=1e-9)


def test_an_error_of_the_temperature_counts_beside_a_covariance(tmp_path):
    """It adds to the variances, and leaves what points have in common."""
    t = np.arange(2.0, 8.0)
    C = 1e-4 * (np.eye(6) + 0.5)
    np.savetxt(tmp_path / "C.txt", C)
    rows = ["T (K),C/C_n", *(f"{a},{0.1 * a}" for a in t)]
    data = DATA.replace('quantity = "heat"', 'quantity = "heat"\nT_error = 0.2\ncovariance = "C.txt"')
    p = posed(folder_of(tmp_path, data=data, heat=rows))
    assert np.asarray(p.covariances[0]) == pytest.approx(C + np.diag(np.full(6, 0.02**2)), rel=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('quantity = "heat"', 'quantity = "warmth"', "fit.toml: `data.0`: unknown quantity `warmth`; known are"),
        ('quantity = "dIdV"', 'quantity = "tunnelling"', "`tunnelling` is called `dIdV` in files of data"),
        ('quantity = "heat"', 'quantity = "heat_jump"', "`heat_jump` belongs to no temperature"),
        ('"data[C].scale"', '"data[D].scale"', "there is no experiment `D` among the data"),
        ('"data[C].scale"', '"data[C].Gamma"', "Unknown path `data[C].Gamma`: `heat` has no number `Gamma`; it has"),
        ('"data[sts].Gamma"', '"data[sts].weights"', "this number is written `data[sts].weights[<band>]`"),
        ("weights = { beta = 0.6 }", "weights = { gamma = 0.6 }", "there is no band `gamma`; the bands are alpha, beta"),
        ("weights = { beta = 0.6 }", "weights = 0.6", "`weights` must be a table, one number per band"),
        ("weights = { beta = 0.6 }", "Gamma = -1.0", "must not be negative"),
        ("errors = { constant = 0.02 }", "", "its errors are missing"),
        ("T = 4.2\n", "", "or T = ... for all of it"),
        ('name = "C"', 'name = "sts"', "two entries of [[data]] are called `sts`"),
        ('quantity = "heat"', 'quantity = "heat"\nsample = "x"', "`sample` must be one of none, but is `x`"),
        ('quantity = "heat"', 'quantity = "heat"\nof = "alpha"', "`heat` takes nothing in brackets"),
        ('quantity = "heat"', 'quantity = "heat"\ncovariance = "sts.dat"', "a covariance must be rows of numbers"),
        ('quantity = "heat"', 'quantity = "heat"\nscale_error = 0.1', "is set by both"),
        ("bounds = [0.1, 2.0]", "bounds = [-0.1, 2.0]", "`data[sts].Gamma` must not be negative, but its bounds are"),
    ],
)
def test_what_is_wrong_with_an_entry_is_one_sentence(tmp_path, old, new, complaint):
    folder = folder_of(tmp_path)
    text = (folder / "fit.toml").read_text()
    assert old in text
    (folder / "fit.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        load_fit(folder)
    assert complaint in str(error.value)


def test_a_record_of_before_is_read(tmp_path):
    """There the place of a point was called V, and the junction stood in `of`."""
    record = json.loads((Path(__file__).parents[2] / "fits" / "synthetic_spectra" / "result.json").read_text())
    now = from_json(record)
    assert record["schema"] == SCHEMA
    old = record | {"schema": "jaxgap-fit-4"}
    old["data"] = [
        {("V" if key == "x" else key): part for key, part in row.items() if key not in ("experiment", "entry", "covariance")}
        | {"of": "tip"}
        for row in record["data"]
    ]
    (tmp_path / "result.json").write_text(json.dumps(old))
    assert load(tmp_path).data == now.data
