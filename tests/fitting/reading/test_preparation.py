"""What is done to the points of a curve: known truth comes back, in any order of the points."""

import time

import numpy as np
import pytest

from jaxgap.fitting.reading import FileConfig, read_curve
from jaxgap.fitting.reading.preparation import MeasuredCurve, prepared

SECONDS = 5.0
"""For 20,000 lines, ten times what they take."""
ROUNDING = 1e-13
SCATTERED = 0.15
"""Relative: the scatter of 60 points about a line is known to 1 / sqrt(2 58) = 9 %; these are drawn with a fixed seed."""


def made(x, y, *, T=4.0, error=None, **said):
    x, y = np.asarray(x, float), np.asarray(y, float)
    points = MeasuredCurve(np.broadcast_to(np.asarray(T, float), x.shape).copy(), x, y, error, None, np.arange(1, len(x) + 1))
    return prepared(points, FileConfig.model_validate({"file": "a.txt", **said}), "a.txt")


def odd(x):
    return 1 + 0.1 * x + 0.02 * x**3


def test_the_offset_is_taken_off_before_the_sign():
    curve = made([1.0, 3.0], [10.0, 30.0], offset=1.0, sign=-1)
    assert (curve.x.tolist(), curve.value.tolist(), curve.lines.tolist()) == ([-2.0, 0.0], [30.0, 10.0], [2, 1])


def test_symmetrising_leaves_the_even_part():
    """On a grid that holds -x beside x the mean is exact; errors are those of means of two."""
    x = np.linspace(-4.0, 4.0, 41)
    curve = made(x[::-1], (odd(x) + x**2)[::-1], error=np.full(41, 0.2), symmetrise=True)
    np.testing.assert_allclose(curve.value, 1 + curve.x**2, rtol=ROUNDING)
    assert curve.x.min() == 0.0
    np.testing.assert_allclose(curve.error, np.where(curve.x == 0, 0.2, 0.2 / np.sqrt(2)), rtol=ROUNDING)


def test_what_was_measured_on_one_side_only_is_dropped():
    curve = made([-1.0, 0.0, 1.0, 2.0], [1.0, 0.0, 3.0, 9.0], symmetrise=True)
    assert (curve.x.tolist(), curve.value.tolist()) == ([0.0, 1.0], [0.0, 2.0])


def test_normalising_knows_no_scale():
    """A curve and its multiple are one curve when they are normalised, errors included, at every temperature by itself."""
    x, T = np.tile(np.linspace(-9.0, 9.0, 19), 2), np.repeat([2.0, 8.0], 19)
    y = np.cosh(x / 9) + T
    scale = np.where(T > 5, 7.0, 3.0)
    for normalise in ({"at": 8.5}, {"beyond": 6.0}):
        one = made(x, y, T=T, error=0.1 * y, normalise=normalise)
        other = made(x, scale * y, T=T, error=0.1 * scale * y, normalise=normalise)
        np.testing.assert_allclose(one.value, other.value, rtol=ROUNDING)
        np.testing.assert_allclose(one.error, other.error, rtol=ROUNDING)


def test_duplicates_have_the_mean_and_its_error():
    curve = made([1.0, 2.0, 1.0, 1.0], [1.0, 5.0, 2.0, 6.0], error=np.array([0.3, 0.1, 0.6, 0.6]), duplicates="mean")
    assert (curve.x.tolist(), curve.value.tolist(), curve.lines.tolist()) == ([1.0, 2.0], [3.0, 5.0], [1, 2])
    np.testing.assert_allclose(curve.error, [0.3, 0.1], rtol=ROUNDING)


def test_the_scatter_about_a_line_is_the_error():
    generator = np.random.default_rng(5)
    x = np.linspace(-20.0, 20.0, 121)
    y = 2.0 + 0.05 * x + 0.03 * generator.normal(size=121)
    curve = made(x, y, errors={"scatter": [0.0, 20.0]})
    np.testing.assert_allclose(curve.error, 0.03, rtol=SCATTERED)
    inside = (x >= 0) & (x <= 20)
    left = y[inside] - np.polyval(np.polyfit(x[inside], y[inside], 1), x[inside])
    np.testing.assert_allclose(curve.error, np.sqrt(left @ left / (inside.sum() - 2)), rtol=1e-10)


def test_models_of_errors_add_in_quadrature():
    curve = made([1.0, 2.0], [3.0, -4.0], errors={"constant": 0.4, "relative": 0.1})
    np.testing.assert_allclose(curve.error, np.hypot(0.4, [0.3, 0.4]), rtol=ROUNDING)


def test_thousands_of_lines_are_fast(tmp_path):
    table = np.random.default_rng(0).uniform(size=(20_000, 3))
    table[:, 2] += 0.1
    np.savetxt(tmp_path / "long.txt", table, header="V (mV), dIdV, error")
    begun = time.perf_counter()
    curve = read_curve(FileConfig(file="long.txt", T=2.0, sort=False), tmp_path, ("V", "mV"), "1")
    assert time.perf_counter() - begun < SECONDS
    np.testing.assert_array_equal(np.stack([curve.x, curve.value, curve.error], axis=1), table)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"normalise": {}}, "give exactly one of `at` and `beyond`"),
        ({"normalise": {"at": 1.0, "beyond": 2.0}}, "give exactly one of `at` and `beyond`"),
        ({"errors": {}}, "give `constant`, `relative`, `scatter`"),
        ({"errors": {"scatter": [5.0, 5.0]}}, "must be a range"),
        ({"errors": {"constant": 1.0}, "columns": {"error": 3}}, "`errors` and `columns.error` must not both be given"),
        ({"T": 2.0, "columns": {"T": 3}}, "`T` and `columns.T` must not both be given"),
        ({"delimiter": "comma", "decimal": "comma"}, "commas cannot both separate the cells and mark decimals"),
        ({"comment": [" "]}, "a mark of comments must not be empty"),
        ({"columns": {"T": 0}}, "greater than or equal to 1"),
        ({"offset": float("nan")}, "finite"),
        ({"colums": {"T": 1}}, "Extra inputs"),
    ],
)
def test_what_contradicts_itself_is_refused_before_a_file_is_read(said, sentence):
    with pytest.raises(ValueError, match=sentence):
        FileConfig.model_validate({"file": "a.txt", **said})
