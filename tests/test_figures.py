"""The paper's figures: files, data and tables (the numbers themselves are tested where they are computed)."""

import csv

import pytest

from jaxgap import critical_temperature, materials
from jaxgap.cli import FIGURE_NAMES
from jaxgap.figures import FIGURES, write_figure


def test_the_command_line_knows_all_figures():
    assert tuple(FIGURES) == FIGURE_NAMES


def test_critical_temperatures(tmp_path):
    paths = write_figure("fig2c", tmp_path)
    assert [path.name for path in paths] == ["fig2c.png", "fig2c.pdf", "fig2c.csv", "fig2c.md"]
    with paths[2].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 121
    assert float(rows[40]["lambda_33"]) == pytest.approx(0.1)
    assert float(rows[40]["T_c_mean_K"]) == pytest.approx(float(critical_temperature(materials.two_band(0.1))), rel=1e-8)
    assert all(path.stat().st_size > 100 for path in paths)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FIGURE_NAMES if name != "fig2c"])
def test_every_figure(name, tmp_path):
    assert all(path.stat().st_size > 200 for path in write_figure(name, tmp_path))
