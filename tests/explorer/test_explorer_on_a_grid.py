"""The explorer in the documentation: opened from a disk, its sliders go over the points of its grid, and what is shown there is
what `solve` says.

It needs playwright and Debian's chromium: `pip install playwright && apt install chromium`.
"""

import gzip
import importlib.util
import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import jaxgap as jg
from jaxgap.explorer.pieces import Desk
from jaxgap.observables import branch_minima, branch_names

DOCS = Path(__file__).parents[2] / "docs"


def _loaded(name):
    """A file of docs/, which is no package."""
    found = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


live, explorer_grid = _loaded("live"), _loaded("explorer_grid")
AXES, BEGIN, FILE, PIECES = explorer_grid.AXES, explorer_grid.BEGIN, explorer_grid.FILE, explorer_grid.PIECES
LAM, MU, _ = AXES

CHROMIUM = shutil.which("chromium")
SEEN = 1e-9
"""Relative: numbers are kept in full."""
ORIGIN = 1e-9
"""Of a gap [meV] that is zero."""

pytestmark = pytest.mark.slow


def expected(lam, mu, T):
    """Name -> number of the solution, made without the explorer."""
    sc = jg.materials.two_band(lam, mu - 200.0)
    solution = jg.solve(sc, T)
    Delta = dict(zip(sc.channels, np.asarray(solution.Delta).real, strict=True))
    gaps = dict(zip(branch_names(sc), np.asarray(branch_minima(solution)), strict=True))
    found = {f"Delta {name}": x for name, x in Delta.items()} | {f"gap {name}": x for name, x in gaps.items()}
    return found | {"T_c": jg.critical_temperature(sc)}


@pytest.fixture(scope="module")
def kept():
    return json.loads(gzip.decompress(FILE.read_bytes()))


def test_the_grid_is_that_of_its_script(kept):
    assert kept["axes"] == AXES
    assert kept["pieces"] == {piece: [*axes] for piece, axes in PIECES.items()}
    for piece, axes in PIECES.items():
        assert len(kept["answers"][piece]) == np.prod([len(AXES[axis]) for axis in axes])
    system = Desk(jg.materials.two_band(BEGIN[LAM], BEGIN[MU] - 200.0), "two_band").about()["system"]
    own = {"T", "T_most", "Gamma"}
    assert (kept["system"]["fixed"], kept["missing"]) == (explorer_grid.FIXED, explorer_grid.MISSING)
    assert {key: kept["system"][key] for key in system if key not in own} == {
        key: value for key, value in system.items() if key not in own
    }


def test_points_of_the_grid_are_solutions(kept):
    places = [*product(*AXES.values())]
    for k in (0, 7, len(places) // 2, len(places) - 1):
        answer = kept["answers"]["point"][k]
        shown = {f"Delta {name}": x for name, x in zip(answer["channels"], answer["Delta"], strict=True)}
        shown |= {f"gap {name}": x for name, x in zip(answer["branches"], answer["gaps"], strict=True)} | {"T_c": answer["T_c"]}
        assert shown == pytest.approx({name: float(x) for name, x in expected(*places[k]).items()}, rel=SEEN, abs=ORIGIN)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page without the documentation around it, on a disk."""
    folder = tmp_path_factory.mktemp("page")
    for name, text in live.FILES.items():
        (folder / name).write_text(text(), encoding="utf-8")
    page = folder / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><title>-</title>\n{live.fragment(".")}\n', encoding="utf-8")
    return page


@pytest.fixture
def page(written):
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="there is no playwright: pip install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda asked: asked.url.startswith(("file:", "data:", "blob:")) or wrong.append(asked.url))
        page.goto(written.as_uri())
        page.wait_for_selector("[data-piece=point]:not(.stale)")
        yield page
        browser.close()
    assert wrong == []


def agrees(page, lam, mu, T):
    move = page.get_attribute("#explorer-on-a-grid", "data-move")
    page.wait_for_selector(f"[data-piece=point][data-move='{move}']")
    for name, number in expected(lam, mu, T).items():
        shown = page.get_attribute(f"[data-piece=point] [data-name='{name}']", "data-number")
        assert float(shown) == pytest.approx(float(number), rel=SEEN, abs=ORIGIN)


def test_sliders_go_over_the_grid_and_show_its_solutions(page):
    here = [BEGIN[LAM], BEGIN[MU], BEGIN["T"]]
    agrees(page, *here)
    for path, axis in (("lam[a:b, a:b]", 0), ("d", 1), ("T", 2), ("mu[b]", 1)):
        page.focus(f"[data-path='{path}']")
        page.keyboard.press("ArrowRight")
        steps = [*AXES.values()][axis]
        here[axis] = steps[steps.index(here[axis]) + 1]
        agrees(page, *here)
    # What is between two points is none: the slider goes to the nearer one.
    page.fill("[data-exact=T]", "27.4")
    page.press("[data-exact=T]", "Enter")
    agrees(page, here[0], here[1], 30.0)
    assert page.input_value("[data-exact=T]") == "30"


def test_what_is_not_on_the_grid_stands_still_and_says_why(page):
    moved = page.eval_on_selector_all("input[type=range]:enabled", "all => all.map(one => one.dataset.path)")
    assert {*moved} == {LAM, MU, "d", "T"}
    assert page.locator(".controls [role=note]").inner_text().startswith("This page has no Python behind it")
    assert "needs jaxgap explore" in page.inner_text("[data-piece=fit]")
    assert page.get_by_role("button", name="files (toml)").is_disabled()
    page.wait_for_selector("[data-piece=map]:not(.stale) svg")
    for piece in ("energies", "spectra", "branches"):
        assert page.locator(f"[data-piece={piece}]:not(.stale) svg").count() == 1


def test_a_link_has_the_state_and_one_beside_the_grid_shows_no_numbers(page, written):
    page.focus("[data-path='lam[a:b, a:b]']")
    page.keyboard.press("End")
    agrees(page, AXES[LAM][-1], BEGIN[MU], BEGIN["T"])
    page.wait_for_timeout(400)  # It is written when nothing has moved for a moment.
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector("[data-piece=point]:not(.stale)")
    agrees(page, AXES[LAM][-1], BEGIN[MU], BEGIN["T"])
    page.goto("about:blank")
    page.goto(link.replace("%22T%22%3A1%2C", "%22T%22%3A2%2C"))
    page.wait_for_selector(".status.bad")
    assert page.inner_text(".status") == "This is no point of the grid that the page has."
    assert page.locator("[data-piece=point] [data-name=T_c]").count() == 0
