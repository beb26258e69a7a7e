"""All figures of both papers by name, and how one is written: picture, data, and the table of what agrees."""

from collections.abc import Callable
from pathlib import Path

from jaxgap.drawing import save, write_csv
from jaxgap.papers.figure import Figure, Statement
from jaxgap.papers.vp20 import figure_2a, figure_2b, figure_2c, figure_3, figure_4, figure_5, figure_dos
from jaxgap.papers.w18 import figure_w18_1, figure_w18_3

__all__ = ["FIGURES", "Figure", "Statement", "write_figure"]

FIGURES: dict[str, Callable[[], Figure]] = {
    "fig2a": figure_2a,
    "fig2b": figure_2b,
    "fig2c": figure_2c,
    "dos": figure_dos,
    "fig3": figure_3,
    "fig4": figure_4,
    "fig5": figure_5,
    "w18_fig1": figure_w18_1,
    "w18_fig3": figure_w18_3,
}
"""The figures by the names that the command line takes."""


def write_figure(name: str, folder: str | Path) -> tuple[Path, ...]:
    """Compute the figure `name` of `FIGURES` and write NAME.png, .pdf, .csv and .md into `folder`; returns the paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)  # before minutes go into a figure that cannot be written
    made = FIGURES[name]()
    pictures = save(made.figure, folder, name)
    data, table = folder / f"{name}.csv", folder / f"{name}.md"
    write_csv(data, made.columns, made.rows)
    lines = ["| the paper says | jaxgap computes | agrees |", "|---|---|---|"]
    lines += [f"| {s.paper} | {s.jaxgap} | {s.agrees} |" for s in made.statements]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return (*pictures, data, table)
