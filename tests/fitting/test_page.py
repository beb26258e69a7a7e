"""report.html: complete, self-contained, well-formed, safe to open; made from result.json alone (the shipped one)."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import equinox as eqx
import matplotlib as mpl
import numpy as np
import pytest

from jaxgap import InputError
from jaxgap.commands import fit as commands
from jaxgap.commands.terminal import Waiting
from jaxgap.fitting import load_fit, load_result
from jaxgap.fitting.profile import Interval, Side
from jaxgap.fitting.report.page import page
from jaxgap.fitting.report.pictures import plot_fit, plot_residuals, plot_samples, plot_starts
from jaxgap.fitting.report.record import SCHEMA
from jaxgap.fitting.report.rows import compared, p_value
from jaxgap.fitting.report.verdict import verdict

mpl.use("agg")

SHIPPED = Path(__file__).parents[2] / "fits" / "ba0.6k0.4fe2as2"
SECTIONS = ["Parameters", "Gaps on the fitted branch", "Fit quality", "Residuals", "Predicted, not fitted"]
SECTIONS += ["Correlation of the parameters", "Profiles of χ²", "What the data fix", "All data", "Starts", "Provenance"]
VOID = {"meta", "img"}
EVIL = '$<script>alert("x & y")</script>_{\\nothing'
"""HTML, and mathematical notation that is none."""


class Page(HTMLParser):
    """What a browser would see: text by element, attributes, and whether every element that opens closes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture(scope="module")
def result():
    return load_result(SHIPPED)


@pytest.fixture(scope="module")
def text(result):
    return page(result)


def pictures(text):
    return [base64.b64decode(found) for found in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)]


def test_the_page_is_complete(result, text):
    seen = Page(text)
    assert seen.texts["h1"] == [result.config.title]
    assert seen.texts["h2"] == SECTIONS
    cells = seen.texts["td"]
    for datum in result.data:
        assert {datum.source, datum.how_obtained, datum.technique} <= set(cells)
    assert {"lambda_13", "0.0312555", "0.02333 .. 0.03765", "Omega [meV]", "40.9626"} <= set(cells)
    assert {"35.348", "consistent with", "79.037", "in conflict with"} <= set(cells)
    assert "leave no degree of freedom" in seen.texts["p"][0]
    assert text.count('<tr class="aside">') == sum(datum.use != "fit" for datum in result.data)
    assert 'material = "ba122"' in "".join(seen.texts["pre"])
    assert result.provenance["versions"]["jax"] in cells


def test_the_page_is_self_contained(text):
    """No scripts, no links, nothing to fetch: pictures are inside, and have text for who does not see them."""
    seen = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "iframe", "object", "embed"} & set(seen.tags)
    assert not any(name.startswith("on") or name == "href" for _, name, _ in seen.attributes)
    assert all(value.startswith("data:image/svg+xml;base64,") for _, name, value in seen.attributes if name == "src")
    assert seen.tags.count("img") == len([name for tag, name, value in seen.attributes if name == "alt" and value]) == 5
    assert "url(" not in text
    assert "@import" not in text
    assert len(text) < 600_000


def test_the_pictures_are_whole(text):
    """Well-formed SVG that refers to nothing outside itself, of the same bytes at every run."""
    assert pictures(text)
    for svg in pictures(text):
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        links = [value for element in root.iter() for name, value in element.attrib.items() if name.endswith("href")]
        assert links
        assert all(link.startswith(("#", "data:")) for link in links)


def test_the_page_is_repeatable(result, text):
    assert page(result) == text


def test_what_users_write_is_escaped(result):
    data = [datum._replace(source=EVIL, technique=EVIL, how_obtained=EVIL) for datum in result.data]
    names = [EVIL, "Omega"]
    parameters = dict(zip(names, result.config.parameters.values(), strict=True))
    config = result.config.model_copy(update={"title": EVIL, "parameters": parameters})
    intervals = tuple(interval._replace(name=name) for interval, name in zip(result.intervals, names, strict=True))
    text = page(result._replace(data=tuple(data), config=config, intervals=intervals))
    assert "<script" not in text
    seen = Page(text)
    assert seen.texts["h1"] == [EVIL]
    assert seen.texts["td"].count(EVIL) >= 3 * len(data)
    assert not any(b"<script" in svg for svg in pictures(text))


def test_a_fit_that_determines_little(result):
    """An infinite covariance, an interval from bound to end of the branch, starts on no branch: said, without a warning."""
    covariance = np.diag([np.inf, np.inf])
    points = np.array([[20.0, 0.3], [40.0, -0.1], [50.0, 0.2]])
    interval = Interval("Omega", 40.0, 1.0, Side(20.0, "bound"), Side(50.0, "branch"), points)
    sample = result.samples[0]
    predictions = tuple(prediction._replace(uncertainty=np.inf) for prediction in sample.predictions)
    poor = result._replace(
        covariance=covariance,
        samples=(sample._replace(predictions=predictions, curve_sigma=np.full_like(sample.curve_sigma, np.nan)),),
        intervals=(result.intervals[0], interval),
        start_chi2=np.where(np.arange(16) % 2, np.inf, result.start_chi2),
        start_converged=np.arange(16) == 0,
    )
    seen = Page(page(poor))
    assert {"infinite", "20 (bound) .. 50 (branch ends)", "not determined by the data"} <= set(seen.texts["td"])
    assert "of unknown uncertainty beside" in seen.texts["td"]
    notes = " ".join(seen.texts["p"])
    assert "There is no uncertainty band" in notes
    assert "1 of 16 starts reached this minimum; 15 ended elsewhere" in notes


def test_p_value(result):
    """1.96 standard deviations with one degree of freedom; none without, and none where chi^2 is something else."""
    assert np.isnan(p_value(result))
    parameters = dict(result.config.parameters)
    parameters["Omega"] = parameters["Omega"].model_copy(update={"prior": (38.0, 0.5)})
    known = result._replace(config=result.config.model_copy(update={"parameters": parameters}), chi2=3.841458820694124)
    assert np.isclose(p_value(known), 0.05, rtol=1e-9)
    forgiving = known.config.data.model_copy(update={"loss": "cauchy"})
    assert np.isnan(p_value(known._replace(config=known.config.model_copy(update={"data": forgiving}))))
    limits = (known.data[0]._replace(limit="upper"), *known.data[1:])
    assert np.isnan(p_value(known._replace(data=limits)))


# === pictures


def changed(result, **parts):
    """The result with parts of what it says of its only sample replaced."""
    return result._replace(samples=(result.samples[0]._replace(**parts),))


def bands(result):
    """(temperatures, lower edge, upper edge) of every band in the picture of the fit."""
    ax = plot_fit(result)
    areas = [part.get_paths()[0].vertices for part in ax.collections if type(part).__name__ == "FillBetweenPolyCollection"]
    mpl.pyplot.close(ax.figure)
    return areas


def test_the_band_stops_before_the_branch_may_end(result):
    end = result.samples[0].predictions[0]
    areas = bands(result)
    assert len(areas) == 2
    for area in areas:
        assert area[:, 0].min() == 0.0
        assert end.value - end.uncertainty - 1.5 < area[:, 0].max() <= end.value - end.uncertainty
    assert bands(changed(result, curve_sigma=np.full_like(result.samples[0].curve_sigma, np.nan))) == []


def test_a_branch_that_ends_at_T_c_has_a_band_up_to_it(result):
    """The temperature of its end has no derivative of its own."""
    end, T_c = result.samples[0].predictions
    at_T_c = end._replace(value=T_c.value - 1e-3, uncertainty=np.nan), T_c
    sigma = np.full_like(result.samples[0].curve_sigma, 0.1)
    areas = bands(changed(result, predictions=at_T_c, curve=result.samples[0].comparison, curve_sigma=sigma))
    assert max(area[:, 0].max() for area in areas) > T_c.value - T_c.uncertainty - 1.5
    lost = end._replace(uncertainty=np.nan), T_c
    areas = bands(changed(result, predictions=lost))
    assert max(area[:, 0].max() for area in areas) > 30


def test_axes_have_labels_and_units(result):
    for ax in (plot_fit(result), plot_residuals(result), plot_starts(result)):
        assert ax.get_xlabel()
        mpl.pyplot.close(ax.figure)
    ax = plot_fit(result)
    assert "(K)" in ax.get_xlabel()
    assert "(meV)" in ax.get_ylabel()
    mpl.pyplot.close(ax.figure)


def drawn(ax):
    """Label -> (x, y) of the points of everything that the legend names."""
    handles, labels = ax.get_legend_handles_labels()
    lines = {label: getattr(handle, "lines", [handle])[0] for handle, label in zip(handles, labels, strict=True)}
    return {label: np.array(line.get_xydata().T) for label, line in lines.items() if hasattr(line, "get_xydata")}


def test_the_legend_names_what_is_drawn_and_nothing_else(result):
    """A branch that exists nowhere has no line, and no name; nothing is called dashed where nothing is."""
    curve = result.samples[0].curve
    ax = plot_fit(changed(result, comparison=eqx.tree_at(lambda c: c.gaps, curve, np.full_like(curve.gaps, np.nan))))
    assert not any("not fitted" in label and "data" not in label and "measured" not in label for label in drawn(ax))
    assert all(np.isfinite(points).any() for label, points in drawn(ax).items() if not label.startswith("dashed"))
    mpl.pyplot.close(ax.figure)
    stable = eqx.tree_at(lambda c: c.stable, curve, np.ones_like(curve.stable))
    ax = plot_fit(changed(result, curve=stable, comparison=stable))
    assert not any(label.startswith("dashed") for label in drawn(ax))
    assert not any("not examined" in text.get_text() for text in ax.get_legend().texts)
    mpl.pyplot.close(ax.figure)
    phases = np.full_like(curve.solutions.unstable_phase, -1)
    ax = plot_fit(changed(result, curve=eqx.tree_at(lambda c: c.solutions.unstable_phase, stable, phases)))
    assert any("not examined" in text.get_text() for text in ax.get_legend().texts)
    mpl.pyplot.close(ax.figure)


def test_everything_measured_is_drawn_where_it_was_measured(result):
    """T_c and the end of the branch on the axis; what has no temperature at the edge, and nothing at a negative temperature."""
    points = drawn(ax := plot_fit(result))
    assert points["measured T_c (not fitted)"].tolist() == [[37.0], [0.0]]
    assert points["measured end of the branch (not fitted)"].tolist() == [[36.0], [0.0]]
    edge = points["other data, T not stated (right edge)"]
    assert edge[0].tolist() == [1.0] * len(edge[0])
    assert sorted(edge[1]) == sorted(d.value for d in result.data if d.use == "show" and d.T is None)
    assert all(np.all(np.asarray(line.get_xdata()) >= 0) for line in ax.lines)
    mpl.pyplot.close(ax.figure)


def test_gaps_beyond_T_c_are_drawn_at_the_normal_state(result):
    """One just beyond, one at room temperature, which must not squeeze the picture."""
    lower = next(d for d in result.data if d.use == "fit")
    far = tuple(lower._replace(T=T, value=0.1, limit=limit) for T, limit in ((90.0, ""), (300.0, ""), (85.0, "upper")))
    ax = plot_fit(result._replace(data=result.data + far, predicted=np.append(result.predicted, [0.0] * 3)))
    points = drawn(ax)
    assert points["normal state: no gap"][1].tolist() == [0.0, 0.0]
    assert points["upper limit"].tolist() == [[85.0], [0.1]]
    last = ax.get_xlim()[1]
    assert last < 150
    assert points["fitted data (beyond, at the edge)"].tolist() == [[last], [0.1]]
    mpl.pyplot.close(ax.figure)


def test_the_residuals_of_many_data_are_one_picture(result):
    many = tuple(d._replace(T=float(T)) for T in range(60) for d in result.fitted)
    ax = plot_residuals(result._replace(data=many, predicted=np.tile(result.predicted, 60)))
    assert ax.figure.get_figheight() < 6
    assert len(ax.get_legend_handles_labels()[1]) == 2
    mpl.pyplot.close(ax.figure)


# === words


def test_T_c_is_predicted_once_where_the_branch_ends_there(result):
    """And not at all where it was fitted."""
    end, T_c = result.samples[0].predictions
    at_T_c = changed(result, predictions=(end._replace(value=T_c.value * (1 - 1e-4), uncertainty=np.nan), T_c))
    (row,) = compared(at_T_c._replace(data=result.fitted))
    assert row.prediction == T_c
    measured = next(d for d in result.data if d.kind == "T_c")._replace(use="fit")
    fitted = at_T_c._replace(data=(*result.fitted, measured), predicted=np.append(result.predicted, 37.0))
    assert compared(fitted) == []
    assert "Predicted" not in verdict(fitted)


def test_what_the_data_do_not_determine_is_not_quoted(result):
    end, T_c = result.samples[0].predictions
    open_ = changed(result, predictions=(end._replace(uncertainty=np.inf), T_c))
    said = verdict(open_)
    assert "Not determined by these data: end of the s+- branch (at this optimum it is 35.35 K; measured is 36 K)." in said
    assert next(row.uncertainty_text for row in compared(open_)) == "not determined"
    assert "(not determined)" in next(text.get_text() for text in plot_fit(open_).texts)
    mpl.pyplot.close("all")


def test_what_is_doubtful_about_the_system_is_said(result):
    beyond = result.samples[0].superconductor.set({"Omega": 55.0})
    assert "Omega" not in "".join(result.samples[0].superconductor.remarks)
    assert "Omega = 55 meV is more than the depth of the band alpha, 50 meV" in verdict(changed(result, superconductor=beyond))


def test_what_is_wrong_with_a_whole_file_has_no_empty_place(tmp_path):
    folder = shutil.copytree(SHIPPED, tmp_path / "fit")
    path = folder / "fit.toml"
    path.write_text(path.read_text(encoding="utf-8") + "\n[models.all]\nhold = { Omega = 40.0 }\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"fit\.toml: a model cannot be called `all`"):
        load_fit(folder)


# === result.json, read again


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: len(text) // 2], "incomplete or not JSON"),
        (lambda text: "", "incomplete or not JSON"),
        (lambda text: "[1, 2]", "schema `None`"),
        (lambda text: text.replace(SCHEMA, "jaxgap-fit-2", 1), "schema `jaxgap-fit-2`"),
        (lambda text: text.replace('"amplitudes_meV"', '"amplitudes"', 1), "lacks the key `amplitudes_meV`"),
        (lambda text: text.replace('"starts": {', '"starts": 3, "was": {', 1), "not a result"),
        (lambda text: re.sub(r'"jacobian": \[\n', '"jacobian": [ [1.0],\n', text, count=1), "not a result"),
        (lambda text: text.replace('"branch": "s+-"', '"brunch": "s+-"', 1), "lacks the key `configuration.system.branch`"),
    ],
)
def test_a_bad_result_is_said_in_one_sentence(tmp_path, change, says):
    old = (SHIPPED / "result.json").read_text(encoding="utf-8")
    new = change(old)
    assert new != old
    (tmp_path / "result.json").write_text(new, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_result(tmp_path)
    message = str(caught.value)
    assert says in message
    assert "jaxgap fit" in message
    assert "\n" not in message
    assert len(message) < 500


def test_the_command_makes_the_page_again(command, tmp_path, monkeypatch, text):
    """From result.json alone, without a fit, and without touching it."""
    shutil.copy(SHIPPED / "result.json", tmp_path)
    before = (tmp_path / "result.json").read_bytes()
    monkeypatch.setattr(commands, "run_fit", lambda *_: pytest.fail("a fit was run"))
    code, out, _ = command("report", tmp_path)
    assert code == 0
    assert "report.html" in out
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
    assert (tmp_path / "fit.png").stat().st_size > 20_000
    assert (tmp_path / "result.json").read_bytes() == before


def test_the_command_without_a_result(command, tmp_path):
    code, _, error = command("report", tmp_path)
    assert code == 2
    assert error.count("\n") == 1
    assert "has no result.json" in error


def test_the_shipped_result_is_strict_json():
    def refuse(constant):
        raise ValueError(constant)

    record = json.loads((SHIPPED / "result.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert record["schema"] == SCHEMA


def test_a_known_fit_is_used_again_only_if_nothing_changed(tmp_path, monkeypatch):
    folder = shutil.copytree(SHIPPED, tmp_path / "fit")
    new_fit = load_result(folder)._replace(chi2=-1.0)
    monkeypatch.setattr(commands, "run_fit", lambda *_: new_fit)
    monkeypatch.setattr(commands, "write_report", lambda *_: ())

    def fit_of(old="", new="", name="data.csv"):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        found = commands._known_or_new(*load_fit(folder), folder, Waiting("fit"))
        path.write_text(text, encoding="utf-8")
        return found

    assert fit_of().chi2 == load_result(folder).chi2
    assert fit_of("ARPES", "arpes") is new_fit
    assert fit_of("starts = 16", "starts = 17", "fit.toml") is new_fit
    assert fit_of("{", "", "result.json") is new_fit


# === several samples


def test_a_page_of_two_samples():
    """One picture with an axis for each, the same scale, every row with its sample."""
    result = load_result(SHIPPED.parent / "synthetic_two_samples")
    figure = plot_samples(result)
    axes = figure.axes
    assert [ax.get_title().rpartition(": ")[2] for ax in axes] == ["under", "optimal"]
    assert len({ax.get_ylim() for ax in axes}) == 1
    assert axes[0].get_ylim()[1] < 1.5 * max(row.value for row in result.fitted)
    mpl.pyplot.close(figure)
    seen = Page(page(result))
    assert "end of the s+- branch of optimal [K]" in seen.texts["td"]
    assert "under: branch_minimum[alpha:beta lower]" in seen.texts["td"]
    assert "The system of under at the optimum (system.toml)" in seen.texts["summary"]
    with pytest.raises(InputError, match="this fit has several"):
        _ = result.superconductor
