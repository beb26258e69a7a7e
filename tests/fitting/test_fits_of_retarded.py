"""Fits of retarded interactions: couplings found again from edges of gaps and a T_c that were calculated for known ones."""

import json

import numpy as np
import pytest

import jaxgap as jg
from jaxgap.fitting.loading import load_fit
from jaxgap.numerics.checks import InputError
from jaxgap.observables import gap_edges

SYSTEM = """
lam = [[1.017, 0.213], [0.155, 0.448]]
[interaction]
kind = "retarded"
modes = [66.0]
mu_star = [[0.21, 0.095], [0.069, 0.172]]
omega_c = 660.0
frequencies = 160
[bands.sigma]
mu = 500.0
mass = 0.155
[bands.pi]
mu = 500.0
mass = 0.213
"""
FIT = """
title = "SYNTHETIC: a retarded interaction"
[system]
file = "system.toml"
branch = "s++"
[parameters.sigma]
sets = { "lam[sigma, sigma]" = 1.0 }
bounds = [0.8, 1.2]
[parameters.pi]
sets = { "lam[pi, pi]" = 1.0 }
bounds = [0.3, 0.6]
[parameters.omega]
sets = { "mode[0]" = 1.0 }
bounds = [60.0, 70.0]
[data]
file = "data.csv"
assumed_error_meV = 0.1
[optimiser]
starts = 1
"""
CROSS_FIT = """
title = "SYNTHETIC: cross-paired bands with phonons"
[system]
file = "system.toml"
branch = "s++"
[parameters.cross]
sets = { "lam[a:b, a:b]" = 1.0 }
bounds = [0.1, 0.32]
[data]
file = "data.csv"
assumed_error_meV = 0.1
assumed_error_K = 0.3
[optimiser]
starts = 1
"""
TRUE = {"lam[sigma, sigma]": 1.05, "lam[pi, pi]": 0.43, "mode[0]": 64.0}
HEADER = "quantity,T_K,value,error,unit,use,technique,source,how_obtained\n"
ROW = "{},{},{!r},{},{},fit,SYNTHETIC,test,calculated\n"
FOUND = 1e-5  # of the true values: the fit ends where chi^2 is 1e-14 of its error bars
SLOPE = 1e-5  # a difference of 1e-3 in the couplings against the implicit derivative


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "system.toml").write_text(SYSTEM)
    (tmp_path / "fit.toml").write_text(FIT)
    return tmp_path


@pytest.mark.slow
def test_known_couplings_are_found_again(command, folder):
    sc = jg.load("system.toml").set(TRUE)
    edges = [(T, gap_edges(jg.solve(sc, T)).edge) for T in (20.0,)]
    rows = [
        ROW.format(f"gap_edge[{band}]", T, float(E), 0.05, "meV")
        for T, Es in edges
        for band, E in zip(sc.band_names, Es, strict=True)
    ]
    rows += [ROW.format("T_c", "", float(jg.critical_temperature(sc)), 0.3, "K")]
    rows += [ROW.format("gap_edge[pi]", 50.0, 0.01, 0.1, "meV")]  # beyond T_c there is no gap
    (folder / "data.csv").write_text(HEADER + "".join(rows))
    assert command("fit", ".").code == 0
    result = json.loads((folder / "result.json").read_text())
    values = {one["name"]: one["value"] for one in result["parameters"]}
    np.testing.assert_allclose([values["sigma"], values["pi"], values["omega"]], list(TRUE.values()), rtol=FOUND)
    assert result["chi2"] == pytest.approx(0.01, rel=1e-6)
    assert (folder / "fit.png").stat().st_size > 10_000
    assert command("report", ".").code == 0  # from what was written
    # The derivatives that the uncertainties are made of, against differences of the model itself.
    step, other = 1e-3, sc.set({"lam[pi, pi]": TRUE["lam[pi, pi]"] + 1e-3})
    low = sc.set({"lam[pi, pi]": TRUE["lam[pi, pi]"] - 1e-3})
    up, down = (gap_edges(jg.solve(s, 20.0)).edge for s in (other, low))
    np.testing.assert_allclose(np.array(result["jacobian"])[:2, 1] * 0.05, (up - down) / (2 * step), rtol=SLOPE)


@pytest.mark.parametrize(
    ("row", "fit", "said"),
    [
        (("branch_minimum[pi]", 4.0, 2.7, 0.1, "meV"), FIT, "whose data are gap_edge"),
        (("gap_edge[pi]", 0.0, 2.7, 0.1, "meV"), FIT, "above 0 K"),
        (("gap_edge[tau]", 4.0, 2.7, 0.1, "meV"), FIT, "one of sigma, pi"),
        (("gap_edge[pi]", 4.0, 2.7, 0.1, "meV"), FIT.replace("s++", "any"), "must be one branch"),
        (("T_c", "", 39.0, 0.1, "K"), FIT + 'search = "adam"', "none to search"),
        (("T_c", "", 39.0, 0.1, "K"), FIT + '[models.free]\nempirical = "alpha"', "empirical models are not compared"),
    ],
)
def test_what_a_fit_cannot_do_is_said(folder, row, fit, said):
    (folder / "data.csv").write_text(HEADER + ROW.format(*row))
    (folder / "fit.toml").write_text(fit)
    with pytest.raises(InputError, match=said):
        load_fit(folder)


def cross_paired(**more) -> jg.Superconductor:
    return jg.superconductor(
        bands={"a": {"mu": 500.0}, "b": {"mu": 510.0}},
        cross=["a:b"],
        lam=[[0.73, 0.09, 0.09], [0.09, 0.46, 0.09], [0.09, 0.09, 0.25]],
        interaction=jg.Retarded(49.5, frequencies=512),
        **more,
    )


@pytest.mark.slow
def test_a_cross_coupling_is_found_again_from_T_c(command, folder):
    sc, path = cross_paired(), "lam[a:b, a:b]"
    jg.save(sc, "system.toml")
    (folder / "fit.toml").write_text(CROSS_FIT)
    T_c = jg.critical_temperature
    (folder / "data.csv").write_text(HEADER + ROW.format("T_c", "", float(T_c(sc.set({path: 0.28}))), 0.3, "K"))
    assert command("fit", ".").code == 0
    result = json.loads((folder / "result.json").read_text())
    assert result["parameters"][0]["value"] == pytest.approx(0.28, rel=FOUND)
    assert (folder / "fit.png").stat().st_size > 10_000
    # T_c is so curved that one difference is off by 4e-5: two, extrapolated.
    wide, narrow = (float(T_c(sc.set({path: 0.28 + h})) - T_c(sc.set({path: 0.28 - h}))) / (2 * h) for h in (1e-3, 5e-4))
    assert result["jacobian"][0][0] * 0.3 == pytest.approx((4 * narrow - wide) / 3, rel=SLOPE)


@pytest.mark.parametrize(
    ("more", "row", "said"),
    [
        ({}, ("branch_minimum[a:b lower]", 4.0, 6.0, 0.1, "meV"), "whose data are T_c alone"),
        ({}, ("gap_edge[a]", 4.0, 6.0, 0.1, "meV"), "no cross channels for `gap_edge`"),
        (
            {"disorder": jg.Disorder(1.0, [[1.0, 0.0], [0.0, 1.0]])},
            ("T_c", "", 39.0, 0.1, "K"),
            "without disorder T_c can be fitted",
        ),
    ],
)
def test_what_is_not_fitted_of_cross_channels(folder, more, row, said):
    jg.save(cross_paired(**more), "system.toml")
    (folder / "fit.toml").write_text(CROSS_FIT)
    (folder / "data.csv").write_text(HEADER + ROW.format(*row))
    with pytest.raises(InputError, match=said):
        load_fit(folder)


def test_edges_are_of_retarded_interactions(folder):
    jg.save(jg.materials.two_band(), "system.toml")
    (folder / "fit.toml").write_text(
        '[system]\nfile = "system.toml"\nbranch = "s++"\n[parameters.x]\nsets = { lambda_33 = 1.0 }\nbounds = [0.01, 0.2]\n'
        '[data]\nfile = "data.csv"\nassumed_error_meV = 0.1\n'
    )
    (folder / "data.csv").write_text(HEADER + ROW.format("gap_edge[a]", 4.0, 2.7, 0.1, "meV"))
    with pytest.raises(InputError, match="retarded interaction"):
        load_fit(folder)
