"""`jaxgap compare` from end to end: gap equations with and without cross-band pairing beside the models that people fit."""

import json
import shutil
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap.fitting.empirical.gap import reduced_gap_squared
from jaxgap.units import k_B

SHIPPED = Path(__file__).parents[2] / "fits" / "2h-nbse2"
T_C, ALPHA = 7.0, {"strong:weak upper": 1.88, "strong:weak lower": 0.94}
"""SYNTHETIC: gaps of the alpha model, of the size of those in the shipped fit."""
MODELS = """
[models.uncrossed]
empirical = "smw"
[models.two_gaps]
empirical = "alpha"
[models.bcs]
empirical = "bcs"
[models.contact]
empirical = "two_gap_btk"
"""
PARAMETERS = {"all": 4, "uncrossed": 3, "two_gaps": 3, "bcs": 1, "contact": 10}


@pytest.fixture
def compare(command):
    """Calls the command in this process: (exit code, stdout, stderr)."""
    return partial(command, "compare")


def folder_of(path, more=()):
    """The shipped fit with other data, and with models that all describe them; a whole folder, as a user has it."""
    shutil.copytree(SHIPPED, path, dirs_exist_ok=True)
    text = (path / "fit.toml").read_text()
    head, _, tail = text.partition("[models.without_cross_band_pairing]\nhold = { lambda_cross = 0.0 }\n")
    assert tail
    (path / "fit.toml").write_text(head + MODELS + tail.replace("starts = 12", "starts = 3"))
    rows = ["quantity,T_K,value,error", *more]
    for T in (0.5, 2.0, 4.0, 5.0, 6.0):
        delta = float(np.sqrt(reduced_gap_squared(jnp.asarray(T / T_C))))
        rows += [f"branch_minimum[{name}],{T},{alpha * k_B * T_C * delta!r},0.03" for name, alpha in ALPHA.items()]
    (path / "data.csv").write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.slow
def test_five_models_of_the_same_data(compare, tmp_path):
    """A table of all, in which chi^2, AICc and BIC follow from each other; the page is of the model as fit.toml has it."""
    folder = folder_of(tmp_path)
    code, out, _ = compare(folder)
    assert code == 0
    found = json.loads((folder / "comparison.json").read_text())
    assert list(found["models"]) == ["all", "uncrossed", "two_gaps", "bcs", "contact"]
    n = 10
    for name, one in found["models"].items():
        k, criteria = len(one["parameters"]), one["criteria"]
        assert (k, one["data"]) == (PARAMETERS[name], n)
        assert criteria["BIC"] == pytest.approx(one["chi2"] + k * np.log(n))
        wanted = one["chi2"] + 2 * k + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else None
        assert criteria["AICc"] == (None if wanted is None else pytest.approx(wanted))
        # The row of the table has the same numbers.
        row = next(line for line in out.splitlines() if line.startswith(f"│ {name} "))
        assert f"{one['chi2']:.2f}" in row
        assert f"{criteria['BIC']:.2f}" in row
    chi2 = {name: one["chi2"] for name, one in found["models"].items()}
    assert chi2["two_gaps"] < 1e-6
    assert chi2["contact"] < 1e-6
    assert chi2["all"] <= chi2["uncrossed"] + 1e-6
    assert chi2["bcs"] > 100
    assert found["models"]["two_gaps"]["parameters"] == pytest.approx({"T_c": T_C, "alpha_1": 1.88, "alpha_2": 0.94}, rel=1e-4)
    for name in chi2.keys() - {"all"}:
        assert f"`{name}` has chi^2 = {chi2[name]:.2f} with {PARAMETERS[name]} parameters" in found["verdict"]
    page = (folder / "report.html").read_text()
    assert "lambda_cross" in page
    assert (folder / "fit.png").stat().st_size > 10_000


def test_a_model_that_says_nothing_of_a_datum_is_one_sentence(compare, tmp_path):
    """Before anything is fitted."""
    code, _, err = compare(folder_of(tmp_path, ["T_c,,7.0,0.1"]))
    assert code == 2
    said = " ".join(err.split())
    assert "Model `contact`: `two_gap_btk` (two gaps with weights, free at every temperature) says nothing of `T_c`" in said
    assert "Traceback" not in err
