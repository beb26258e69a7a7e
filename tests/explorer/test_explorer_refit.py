"""Fits from the explorer's page: of its own points, and of a fit folder whose points were moved."""

import numpy as np
import pytest

import jaxgap as jg
from jaxgap.explorer.refit import Folder, files, measured_in, refitted
from jaxgap.explorer.setting import setting_of
from jaxgap.fitting import load_fit
from jaxgap.fitting.examples import example_files
from jaxgap.observables import branch_minima, branch_names

TRUTH = {"lam[a, a]": 0.42, "lam[b, b]": 0.28}
BOUNDS = {"lam[a, a]": [0.35, 0.6], "lam[b, b]": [0.1, 0.35]}
"""The bands are alike: exchanged, the two couplings make the same gaps."""
FOUND = 1e-4
"""Relative: data without noise lead back to what they were made from, to the optimiser's tolerance."""
START = {"branch": "s++", "T": 0.0, "symmetric": True}


def _points():
    sc = jg.materials.two_band().set(TRUTH)
    gaps = np.asarray(branch_minima(jg.solve(sc, 0.0, branch="s++"))).tolist()
    return [{"of": of, "T": 0.0, "value": gap, "error": 0.05} for of, gap in zip(branch_names(sc), gaps, strict=True)]


def _message(points):
    return START | {"measured": points, "free": BOUNDS}


@pytest.mark.slow
def test_points_lead_back_to_the_couplings_that_made_them():
    message = _message(_points())
    found = refitted(None, setting_of(jg.materials.two_band(), message), message)
    for one in found["parameters"]:
        assert one["value"] == pytest.approx(TRUTH[one["name"]], rel=FOUND)
        assert one["lower"] < TRUTH[one["name"]] < one["upper"]
        assert one["determined"]
    assert set(found["values"]) == set(TRUTH)
    assert found["chi2"] < 1e-4


def test_the_files_are_a_fit_folder(tmp_path):
    message = _message([{"of": "a:b lower", "T": 0.5, "value": 3.0, "error": 0.1}])
    for name, text in files(None, setting_of(jg.materials.two_band(), message), message)["files"].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    config, sc, (datum,) = load_fit(tmp_path)
    assert list(config.parameters) == list(TRUTH)
    assert (datum.of, datum.T, datum.value, datum.error) == ("a:b lower", 0.5, 3.0, 0.1)
    np.testing.assert_array_equal(np.asarray(sc.lam), np.asarray(jg.materials.two_band().lam))


def test_a_coupling_moves_with_its_partner_where_g_is_symmetric(tmp_path):
    message = START | {"measured": _message([])["measured"], "free": {"lam[a, b]": [0.0, 0.1]}, "values": {"mass[b]": 2.0}}
    message["measured"] = [{"of": "a:b lower", "T": 0.5, "value": 3.0, "error": 0.1}]
    for name, text in files(None, setting_of(jg.materials.two_band(), message), message)["files"].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    config, sc, _ = load_fit(tmp_path)
    sets = config.parameters["lam[a, b]"].sets
    assert bool(sc.set({path: 0.07 * factor for path, factor in sets.items()}).has_free_energy)
    assert sets["lam[b, a]"] != 1.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"measured": []}, "at least one measured gap"),
        ({"free": {}}, "at least one leaf that is free"),
        ({"measured": [{"of": "c", "T": 0.0, "value": 1.0, "error": 0.1}]}, "must be of one of a:b lower"),
        ({"measured": [{"of": "a:b lower", "T": 0.0, "value": 1.0, "error": 0.0}]}, "errors > 0"),
        ({"free": {"lam[a, a]": [0.6, 0.1]}}, "the lower bound must be below the upper one"),
    ],
)
def test_what_is_no_fit_is_told(change, sentence):
    message = _message([{"of": "a:b lower", "T": 0.5, "value": 3.0, "error": 0.1}]) | change
    with pytest.raises(jg.InputError, match=sentence):
        refitted(None, setting_of(jg.materials.two_band(), message), message)


def test_the_data_of_a_folder_can_be_moved(tmp_path):
    for path, content in example_files("ba0.6k0.4fe2as2", tmp_path / "fit").items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    folder = Folder(*load_fit(tmp_path / "fit"))
    measured = measured_in(folder.data, 0.2)
    assert [(one["of"], one["value"], one["error"]) for one in measured] == [
        ("alpha:beta upper", 12.4, 0.2),
        ("alpha:beta lower", 6.2, 0.2),
    ]
