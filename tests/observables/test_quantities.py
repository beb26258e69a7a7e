"""The registry: what every reader relies on holds for every row, and one row is read by all of them."""

import jax
import numpy as np
import pytest
from amplitudes import state
from problems import one_band, system

from jaxgap import InputError, solve_temperatures
from jaxgap.fitting.loading import load_fit
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.problem import problem
from jaxgap.observables import tunnelling_conductance
from jaxgap.observables.conductance import TUNNELLING
from jaxgap.observables.curves import along_temperatures, spectra
from jaxgap.observables.nmr import NMR
from jaxgap.observables.quantities import EXPERIMENTS, MEASURED, OF_SELF_ENERGIES, OPTIONS, QUANTITIES, RECORDED
from jaxgap.observables.quantity import Need, names_along
from jaxgap.observables.ultrasound import ULTRASOUND, sound_attenuation
from jaxgap.sweeps import sweep

SAME = 1e-9
"""One state in programs of its own, in a batch, and in a fit."""
PAIR = system(np.diag([0.4, 0.3, 0.1]), [200.0, 208.0])
FIT = """
[system]
branch = "s++"
inline = { Omega = 30.0, lam = [[0.3]], bands.a.mu = 200.0 }
[parameters.coupling]
bounds = [0.1, 0.6]
sets = { "lam[a, a]" = 1.0 }
[data]
assumed_error_meV = 0.05
"""


@pytest.mark.parametrize("row", QUANTITIES.values(), ids=QUANTITIES)
def test_rows_hold_together(row):
    assert row.name.isidentifier()
    assert set(row.dims or ()) == {*row.axes, *(dim for dim in row.dims or () if dim in names_along(PAIR))}
    assert row.long_name
    for setting in (*row.options, *row.numbers):
        if setting.required:
            with pytest.raises(InputError, match=f"`{setting.name}` must be given"):
                setting.check(setting.default, PAIR)
        else:
            setting.check(setting.default, PAIR)
        assert setting.bounds is None or setting.bounds[0] < setting.bounds[1]
    names = [setting.name for setting in row.numbers]
    assert len(set(names)) == len(names)
    assert set(row.axis_units) == set(row.axes)
    assert (row.name in EXPERIMENTS) == (row.picture is not None)
    if row.normal is not None:
        assert row.needs == Need.STATE


STATIC = {name: row for name, row in RECORDED.items() if name not in OF_SELF_ENERGIES}
"""Those of self-energies are in tests/sweeps/test_sweep_of_retarded.py."""


@pytest.mark.parametrize("row", STATIC.values(), ids=STATIC)
def test_what_a_sweep_records_has_the_shape_that_its_axes_say(row):
    # Absolute densities of 2D bands are per layer.
    given = {"layer_spacing": 6.0} if "layer_spacing" in {one.name for one in row.settings} else {}
    found = jax.eval_shape(lambda s: row(s.superconductor, s.T, s, **given), state(PAIR, [6.0, 4.0, 2.0], 12.0))
    assert found.shape == tuple(len(names_along(PAIR)[dim]) for dim in row.dims)


def test_names_of_data_and_options_are_of_one_row_each():
    assert len(MEASURED) == sum(bool(row.datum) for row in QUANTITIES.values())
    assert len({one.flag for one in OPTIONS.values()}) == len(OPTIONS)
    for row in EXPERIMENTS.values():
        assert {one.flag for one in row.options} <= {one.flag for one in OPTIONS.values()}


def test_settings_and_points_can_be_fixed():
    one = state(one_band(), [5.0], 8.0)
    V = np.array([0.0, 3.0])
    fixed = TUNNELLING.at(V=V, Gamma=0.3)
    assert (fixed.axes, [setting.name for setting in fixed.settings]) == ((), ["weights"])
    np.testing.assert_array_equal(fixed(one.superconductor, one.T, one), tunnelling_conductance(one, V, 0.3))
    with pytest.raises(InputError, match="must be of V, Gamma, weights, but got `Z`"):
        TUNNELLING.at(Z=1.0)
    with pytest.raises(InputError, match="`quantity` must be one that is drawn over one axis"):
        spectra(QUANTITIES["gap"], {"": one}, V)
    with pytest.raises(InputError, match="`Gamma` must be positive"):
        spectra(NMR, {"": one}, Gamma=0.0)


@pytest.mark.slow
def test_one_row_is_seen_swept_and_fitted(tmp_path):
    sc, T = one_band(), [4.0, 8.0, 12.0, 20.0]
    solutions = solve_temperatures(sc, T)
    wanted = along_temperatures(sound_attenuation, solutions)
    drawn = spectra(ULTRASOUND, {"": solutions})
    np.testing.assert_allclose(drawn.curves[""], wanted, rtol=SAME)
    swept = sweep(sc, {"T": T}, ["ultrasound", "d ultrasound/d T"])
    np.testing.assert_allclose(swept.ultrasound, wanted, rtol=SAME)
    assert swept["d_ultrasound_d_T"].attrs["units"] == "1 / K"
    assert (swept["d_ultrasound_d_T"].values[:3] > 0).all()

    rows = [f"ultrasound,{t},{float(value):.12f},0.01" for t, value in zip(T, wanted, strict=True)]
    (tmp_path / "fit.toml").write_text(FIT, encoding="utf-8")
    (tmp_path / "data.csv").write_text("\n".join(["quantity,T_K,value,error", *rows, "T_c,,14.1,0.1"]), encoding="utf-8")
    config, system_, data = load_fit(tmp_path)
    found = nested_at(problem(config, [system_], data), np.array([0.3]), np.abs(np.asarray(solutions.Delta)))
    np.testing.assert_allclose(found.predicted[:4], wanted, rtol=SAME)
    assert found.predicted[3] == 1.0
    assert (found.jacobian[:3, 0] < 0).all()
    assert found.jacobian[3, 0] == 0.0
