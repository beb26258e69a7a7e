"""`jaxgap compare`: gap equations with and without cross-band pairing beside the models that people fit."""

import shutil
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap.commands import main as cli
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


@pytest.fixture
def compare(monkeypatch, capsys):
    """Calls the command in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(folder):
        monkeypatch.setattr(sys, "argv", ["jaxgap", "compare", str(folder)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


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


def test_a_model_that_says_nothing_of_a_datum_is_one_sentence(compare, tmp_path):
    """Before anything is fitted."""
    code, _, err = compare(folder_of(tmp_path, ["T_c,,7.0,0.1"]))
    assert code == 2
    said = " ".join(err.split())
    assert "Model `contact`: `two_gap_btk` (two gaps with weights, free at every temperature) says nothing of `T_c`" in said
    assert "Traceback" not in err
