"""The paper's figures: files, data and tables (the numbers themselves are tested where they are computed)."""

import csv

import numpy as np
import pytest
from matplotlib.image import imread

from jaxgap import critical_temperature, materials
from jaxgap.commands.figures import FIGURE_NAMES
from jaxgap.papers.figures import FIGURES, write_figure


def test_the_command_line_knows_all_figures():
    assert tuple(FIGURES) == FIGURE_NAMES


@pytest.mark.slow
def test_critical_temperatures(tmp_path):
    paths = write_figure("fig2c", tmp_path)
    assert [path.name for path in paths] == ["fig2c.png", "fig2c.pdf", "fig2c.csv", "fig2c.md"]
    with paths[2].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 121
    assert float(rows[40]["lambda_33"]) == pytest.approx(0.1)
    assert float(rows[40]["T_c_mean_K"]) == pytest.approx(float(critical_temperature(materials.two_band(0.1))), rel=1e-8)
    assert all(path.stat().st_size > 100 for path in paths)


AGREES = {
    "fig2a": ["no (under the sum convention it sits near .37)", "the paper does not say"],
    "fig2b": ["no (under the sum convention it sits near .37)", "the paper does not say"],
    "fig2c": ["-"],
    "dos": ["no", "-"],
    "fig3": ["the shape: yes; that the state is realised at 4.2 K: no"],
    "fig4": ["yes", "no"],
    "fig5": ["fitted", "yes", "yes"],
    "w18_fig1": ["yes", "yes", "yes"],
    "w18_fig3": ["yes", "yes, in that range", "yes", "yes", "q_c below the separation: yes; above: no; crossing surfaces: no"],
}
"""What each statement of the papers comes to; README, notebooks and docstrings say the same."""
WORDS = ("quantity", "panel", "pair", "x_is")
"""Columns that are no numbers."""
ASYMMETRIC = ("fig4", "fig5")
"""Their couplings have no free energy."""


def column(text):
    """The third cell of every row of a table."""
    return [line.strip("| ").split(" | ")[2] for line in text.splitlines()[2:]]


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURE_NAMES)
def test_every_figure(name, tmp_path):
    """What it says of the paper, its data, and that something is drawn."""
    png, pdf, data, table = write_figure(name, tmp_path)
    assert column(table.read_text(encoding="utf-8")) == AGREES[name]
    with data.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 100
    numbers = {key for key in rows[0] if key not in (*WORDS, "free_energy" if name in ASYMMETRIC else "")}
    assert len(numbers) >= 3
    for key in numbers:
        assert np.isfinite([float(row[key]) for row in rows if row[key]]).all(), key
    assert imread(png)[..., :3].std() > 0.05  # not one colour
    assert pdf.read_bytes().startswith(b"%PDF-")
