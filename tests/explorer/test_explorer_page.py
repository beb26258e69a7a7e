"""The explorer in a real browser: each slider is moved, and what the page shows is what `solve` says of the system that it
then describes.

It needs playwright and Debian's chromium: `pip install playwright && apt install chromium`.
"""

import json
import shutil
from threading import Thread

import numpy as np
import pytest

import jaxgap as jg
from jaxgap.explorer.pieces import Desk
from jaxgap.explorer.server import Server
from jaxgap.observables import branch_minima, branch_names

CHROMIUM = shutil.which("chromium")
SEEN = 1e-9
"""Relative: numbers are handed on in full; a slider's are rounded before they are asked for."""
PATIENCE = 240_000
"""ms, for what compiles."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt install chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="there is no playwright: pip install playwright")


@pytest.fixture(scope="module")
def served():
    with Server(Desk(jg.materials.two_band(0.15, 10.0), "two_band")) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, served):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on(
        "request",
        lambda asked: wrong.append(asked.url) if not asked.url.startswith((served.origin, "data:", "blob:")) else None,
    )
    page.goto(served.url)
    _fresh(page, "point")
    yield page
    page.close()
    assert wrong == []


def _fresh(page, *pieces):
    for piece in pieces:
        page.wait_for_selector(f"[data-piece={piece}]:not(.stale)")


def _caught_up(page):
    """The point of the last move is there."""
    move = page.get_attribute("#jaxgap-explorer", "data-move")
    page.wait_for_selector(f"[data-piece=point][data-move='{move}']")


def _state(page):
    """What the page says that it shows."""
    page.wait_for_timeout(400)  # It is written when nothing has moved for a moment.
    return json.loads(page.evaluate("decodeURIComponent(location.hash.slice(1))"))


def _number(page, name, piece="point"):
    return float(page.get_attribute(f"[data-piece={piece}] [data-name='{name}']", "data-number"))


def _system(state):
    """The system of a state, made without the explorer."""
    sc = jg.materials.two_band(0.15, 10.0, convention=state["convention"]).set(state["values"])
    if not state["symmetric"]:
        return sc
    g = np.triu(np.asarray(sc.g))
    g = g + np.triu(g, 1).T
    lam = g * np.asarray(sc.N)[None, :]
    return sc.set({f"lam[{c}, {d}]": lam[i, j] for i, c in enumerate(sc.channels) for j, d in enumerate(sc.channels)})


def _agrees(page):
    state = _state(page)
    sc = _system(state)
    solution = jg.solve(sc, state["T"], branch=state["branch"] or None)
    for name, Delta in zip(sc.channels, np.asarray(solution.Delta).real, strict=True):
        assert _number(page, f"Delta {name}") == pytest.approx(Delta, rel=SEEN, abs=1e-12)
    for name, gap in zip(branch_names(sc), np.asarray(branch_minima(solution)), strict=True):
        assert _number(page, f"gap {name}") == pytest.approx(gap, rel=SEEN, abs=1e-12)
    assert _number(page, "T_c") == pytest.approx(float(jg.critical_temperature(sc)), rel=SEEN)


def _move(page, path):
    """A slider by an arrow key, from where it is."""
    slider = page.locator(f"[data-path='{path}']")
    slider.focus()
    slider.press("ArrowRight")
    _caught_up(page)


@pytest.mark.slow
def test_every_slider_moves_what_is_shown(page):
    page.locator("#symmetric").uncheck()
    paths = page.eval_on_selector_all("input[type=range]", "all => all.map(one => one.dataset.path)")
    assert {"T", "Gamma", "d", "Omega", "mu[a]", "mass[b]", "lam[a, a:b]"} <= set(paths)
    assert len(paths) == 3 + len(jg.materials.two_band().paths)
    for path in paths:
        _move(page, path)
        _agrees(page)
    for path, choice in (("convention", "sum"), ("branch", "s++")):
        page.select_option(f"[data-path={path}]", choice)
        _caught_up(page)
        _agrees(page)


@pytest.mark.slow
def test_a_symmetric_system_stays_so(page):
    _move(page, "lam[a, b]")
    _move(page, "mass[b]")
    _agrees(page)
    below = page.locator("[data-path='lam[b, a]']")
    assert below.is_disabled()


@pytest.mark.slow
def test_a_temperature_without_the_branch_shows_no_numbers(page):
    page.select_option("[data-path=branch]", "s++")
    page.fill("[data-exact=T]", "500")
    page.press("[data-exact=T]", "Enter")
    page.wait_for_selector("[data-piece=point] .bad")
    assert page.inner_text("[data-piece=point] .bad").startswith("The asked-for branch does not reach this temperature")
    assert page.get_attribute("[data-name='Delta a']", "data-number") == "none"
    page.wait_for_selector("[data-piece=energies] .said:not([hidden])")
    assert page.locator("[data-piece=energies] svg").count() == 0


@pytest.mark.slow
def test_the_state_is_in_the_address(page, served, browser):
    _move(page, "Omega")
    shown = _number(page, "Delta a")
    state = _state(page)
    other = browser.new_page()
    other.goto(page.url)
    _fresh(other, "point")
    assert _number(other, "Delta a") == shown
    assert _state(other) == state
    other.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_it_fits_the_window_and_says_what_it_is(page, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    _fresh(page, "energies", "spectra")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = page.eval_on_selector_all(
        "input, select, button", "all => all.filter(x => !x.labels?.length && !x.ariaLabel && !x.textContent.trim()).length"
    )
    assert unnamed == 0
    for label in page.eval_on_selector_all("svg[role=img]", "all => all.map(one => one.getAttribute('aria-label'))"):
        assert len(label) > 20


@pytest.mark.slow
def test_measured_gaps_are_points_that_keys_and_the_mouse_move(page):
    _fresh(page, "branches")
    page.click("[data-add]")
    page.click("[data-add]")
    first = page.locator("[data-measured='0']")
    value = float(first.get_attribute("aria-valuenow"))
    assert value == pytest.approx(_number(page, "gap a:b lower"), rel=1e-3)
    first.focus()
    first.press("PageUp")
    raised = float(page.locator("[data-measured='0']").get_attribute("aria-valuenow"))
    assert raised == pytest.approx(1.1 * value, rel=1e-3)
    second = page.locator("[data-measured='1']")
    second.scroll_into_view_if_needed()
    before, box = float(second.get_attribute("aria-valuenow")), second.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 30, steps=4)
    page.mouse.up()
    assert float(page.locator("[data-measured='1']").get_attribute("aria-valuenow")) < before - 0.1
    assert page.locator("[data-fit]").is_disabled()  # Nothing is free yet.
    page.locator("[data-piece=fit] summary").click()
    page.locator("[data-free='lam[a, a]']").check()
    assert page.locator("[data-fit]").is_enabled()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["CSV", "SVG", "PNG"])
def test_a_card_is_saved(page, kind, tmp_path):
    _fresh(page, "energies")
    with page.expect_download() as saved:
        page.click(f"[data-piece=energies] .tools button:text-is('{kind}')")
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    content = path.read_bytes()
    assert content.startswith({"CSV": b"k_1/angstrom,E_meV", "SVG": b"<svg", "PNG": b"\x89PNG"}[kind])
    assert len(content) > 2000
