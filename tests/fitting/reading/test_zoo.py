"""Files as people have them, each read to the last digit, or refused in one sentence that says where and what was expected.

All of zoo/ was made for this test; no number in it was measured.
"""

from pathlib import Path

import pytest

from jaxgap.fitting.reading import FileConfig, read_curve
from jaxgap.numerics.checks import InputError

ZOO = Path(__file__).parent / "zoo"
HEAT = ([2.0, 4.5, 9.75], None, [1.5, 3.25, 6.125], [0.1, 0.2, 0.4])
"""T, x, value, error of the same three points in many spellings."""
PER_TEMPERATURE = "mJ/mol K^2"
BIAS, ENERGY = ("V", "mV"), ("omega", "meV")


def read(file, axis, unit, **said):
    return read_curve(FileConfig.model_validate({"file": file, **said}), ZOO, axis, unit)


def same(curve, expected):
    """To the last digit: units are converted by whole numbers, each number is rounded once."""
    for found, known in zip((curve.T, curve.x, curve.value, curve.error), expected, strict=True):
        assert (found is None) == (known is None)
        if known is not None:
            assert found.tolist() == known


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("comma.csv", {}),
        ("semicolon_decimal_comma.csv", {}),
        ("semicolon_decimal_comma.csv", {"delimiter": "semicolon", "decimal": "comma", "header": 1}),
        ("tab_excel_utf16.txt", {}),
        ("utf16_no_mark.txt", {}),
        ("bom.csv", {}),
        ("latin1.dat", {}),
        ("latin1.dat", {"encoding": "latin-1", "comment": ["#", "%"]}),
        ("old_mac.txt", {}),
        ("savetxt.txt", {}),
        ("fortran.out", {}),
        ("quotes.csv", {}),
        ("quoted_decimal_comma.csv", {}),
        (
            "quantum_design.dat",
            {"columns": {"error": "Samp HC/Temp Err"}, "units": {"value": "mJ/mole-K2", "error": "mJ/mole-K2"}},
        ),
        ("origin_units_line.txt", {}),
        ("slash_units.txt", {}),
        ("no_header.dat", {"columns": {"T": 1, "value": 2, "error": 3}}),
        ("preamble.txt", {}),
        ("prose.dat", {"columns": {"T": 1, "value": 2, "error": 3}}),
        ("preamble.txt", {"skip": 2, "header": 1}),
        ("trailing_comma.csv", {}),
        ("nan_rows.csv", {"missing": "drop"}),
        ("comma.csv", {"columns": {"T": "T", "value": "C/T (mJ/mol K^2)", "error": "ERROR"}}),
    ],
    ids=lambda part: part if isinstance(part, str) else "+".join(part) or "found",
)
def test_one_heat_capacity_in_many_files(file, said):
    same(read(file, None, PER_TEMPERATURE, **said), HEAT)


CURVES = {
    "minus sign, unsorted": (
        ("unsorted_minus.txt", None, PER_TEMPERATURE, {}),
        ([2.0, 4.5, 9.75], None, [-1.5, 3.25, 6.125], [0.1, 0.2, 0.4]),
    ),
    "as they come": (
        ("unsorted_minus.txt", None, PER_TEMPERATURE, {"sort": False}),
        ([9.75, 2.0, 4.5], None, [6.125, -1.5, 3.25], [0.4, 0.1, 0.2]),
    ),
    "Nanonis": (
        ("nanonis.dat", BIAS, "1", {"T": 1.2, "normalise": {"beyond": 3.0}}),
        ([1.2] * 5, [-4.0, -2.0, 0.0, 2.0, 4.0], [1.0, 0.5, 0.25, 1.5, 1.0], None),
    ),
    "normalised at one bias": (
        ("nanonis.dat", BIAS, "1", {"T": 1.2, "normalise": {"at": -3.0}}),
        ([1.2] * 5, [-4.0, -2.0, 0.0, 2.0, 4.0], [2 / 1.5, 1 / 1.5, 0.5 / 1.5, 3 / 1.5, 2 / 1.5], None),
    ),
    "a free scale, in volts, turned round": (
        ("nanonis.dat", ("V", "V"), "1", {"T": 1.2, "units": {"value": "arbitrary"}, "sign": -1}),
        ([1.2] * 5, [-0.004, -0.002, 0.0, 0.002, 0.004], [2e-12, 3e-12, 0.5e-12, 1e-12, 2e-12], None),
    ),
    "down and up, with an offset": (
        ("bias_down_up.txt", BIAS, "nS", {"T": 2.0, "offset": 0.125, "duplicates": "mean"}),
        ([2.0] * 5, [-4.0, -2.0, 0.0, 2.0, 4.0], [21.0, 11.0, 6.0, 31.0, 21.0], None),
    ),
    "the way down": (
        ("bias_down_up.txt", BIAS, "nS", {"T": 2.0, "offset": 0.125, "duplicates": "first"}),
        ([2.0] * 5, [-4.0, -2.0, 0.0, 2.0, 4.0], [20.0, 10.0, 5.0, 30.0, 20.0], None),
    ),
    "folded": (
        ("bias_down_up.txt", BIAS, "nS", {"T": 2.0, "offset": 0.125, "duplicates": "mean", "symmetrise": True}),
        ([2.0] * 3, [0.0, 2.0, 4.0], [6.0, 21.0, 21.0], None),
    ),
    "several temperatures, normalised each": (
        ("temperature_column.csv", BIAS, "1", {"normalise": {"at": -1.0}}),
        ([2.0, 2.0, 5.0, 5.0], [-1.0, 1.0, -1.0, 1.0], [1.0, 0.6 / 0.5, 1.0, 0.8 / 0.7], None),
    ),
    "one of many channels": (
        ("several_channels.txt", BIAS, "nS", {"T": 4.2, "columns": {"value": "LIX"}, "errors": {"constant": 0.5}}),
        ([4.2] * 3, [-2.0, 0.0, 2.0], [10.0, 4.0, 12.0], [0.5] * 3),
    ),
    "errors in per cent": (
        ("per_cent.csv", None, PER_TEMPERATURE, {}),
        ([2.0, 4.5], None, [4.0, 8.0], [0.4, 0.4]),
    ),
    "a column for every temperature": (
        ("wide.txt", BIAS, "nS", {"T": "header"}),
        ([2.0, 2.0, 4.5, 4.5], [-1.0, 1.0, -1.0, 1.0], [0.5, 0.25, 0.75, 0.625], None),
    ),
    "temperatures as names": (
        ("wide_numbers.csv", BIAS, "1", {"T": "header", "header": 1}),
        ([2.0, 2.0, 4.5, 4.5], [-1.0, 1.0, -1.0, 1.0], [0.5, 0.25, 0.75, 0.625], None),
    ),
    "waves as columns": (
        ("columns.itx", BIAS, "1", {"T": 4.2, "missing": "drop"}),
        ([4.2] * 3, [-2.0, 0.0, 4.0], [1.5, 0.5, 2.25], None),
    ),
    "a scaled wave with a note": (
        ("scaled.itx", ENERGY, "1", {}),
        ([10.5] * 5, [1e3 * (-0.1 + 0.05 * k) for k in range(5)], [1.0, 2.0, 4.0, 8.0, 3.0], None),
    ),
}


@pytest.mark.parametrize(("asked", "expected"), CURVES.values(), ids=CURVES)
def test_curves(asked, expected):
    file, axis, unit, said = asked
    same(read(file, axis, unit, **said), expected)


def test_temperature_errors():
    curve = read("temperature_errors.csv", None, PER_TEMPERATURE)
    same(curve, HEAT)
    assert curve.T_error.tolist() == [0.01, 0.02, 0.04]
    assert read("comma.csv", None, PER_TEMPERATURE, T_error=0.05).T_error.tolist() == [0.05] * 3


def test_lines_are_those_of_the_file():
    assert read("preamble.txt", None, PER_TEMPERATURE).lines.tolist() == [5, 7, 8]
    assert read(
        "quantum_design.dat", None, PER_TEMPERATURE, units={"value": "mJ/mol K2", "error": "mJ/mol K2"}
    ).lines.tolist() == [7, 8, 9]


REFUSED = {
    "a word": ("bad_cell.csv", None, {}, r"bad_cell.csv:3: column 2 `C/T` must hold a number, but holds `about 3`\."),
    "a short line": (
        "short_line.csv",
        None,
        {},
        r"short_line.csv:3: the line must have 3 cells .* separated by comma, but has 2\.",
    ),
    "both decimals": (
        "mixed_decimals.csv",
        None,
        {},
        r"mixed_decimals.csv:3: decimals must have a comma everywhere or a point",
    ),
    "commas for two things": ("comma_twice.csv", None, {}, r"has 2 cells, but line 2 has 4 \(are there decimal commas"),
    "a second header": (
        "second_header.csv",
        None,
        {},
        r"second_header.csv:3: column 1 `T` must hold a number, but holds `T \(K\)`",
    ),
    "an energy for C/T": (
        "wrong_unit.csv",
        None,
        {},
        r"column 2 `Q` must be in mJ/mol K\^2 .*, but `mJ/mol` cannot be converted to mJ/mol K\^2",
    ),
    "per gram": (
        "unknown_unit.csv",
        None,
        {},
        r"column 2 `C/T` must be in mJ/mol K\^2 .*, but `mJ/g K\^2` is no unit that is known",
    ),
    "a stated unit": (
        "comma.csv",
        None,
        {"units": {"T": "mV"}},
        r"column 1 `T` must be in K .*, but `mV` cannot be converted to K",
    ),
    "no numbers": ("only_text.txt", None, {}, r"must hold lines of numbers, but there are none"),
    "nothing": ("empty.csv", None, {}, r"empty.csv: .* must hold lines of numbers|must leave lines"),
    "no such file": ("nowhere.csv", None, {}, r"The data file `.*nowhere.csv` does not exist\."),
    "a folder": (".", None, {}, r"Cannot read the data file"),
    "no text": ("picture.txt", None, {}, r"picture.txt: the file must be text"),
    "another encoding": (
        "latin1.dat",
        None,
        {"encoding": "utf-8"},
        r"latin1.dat:1: the file must be text in utf-8, but invalid",
    ),
    "no encoding": (
        "comma.csv",
        None,
        {"encoding": "klingon"},
        r"`encoding` must be one that Python knows, .* but is `klingon`",
    ),
    "below zero": ("negative_temperature.csv", None, {}, r"negative_temperature.csv:3: T must not be negative, but is -4.5"),
    "no error": ("zero_error.csv", None, {}, r"zero_error.csv:3: the error must be positive, but is 0"),
    "infinity": ("infinite.csv", None, {}, r"infinite.csv:3: column 2 `C/T` must hold a number, but holds `inf`"),
    "NaN": ("nan_rows.csv", None, {}, r'nan_rows.csv:3: column 2 `C/T` must hold the number of `value`, .* \(missing = "drop"'),
    "no names": (
        "no_header.dat",
        None,
        {},
        r"no_header.dat: the 3 columns have no names: .* columns = \{ T = 1, value = 2 \}\.",
    ),
    "prose for names": ("prose.dat", None, {}, r"prose.dat: the 3 columns have no names"),
    "no such column": (
        "comma.csv",
        None,
        {"columns": {"value": "gamma"}},
        r"but `gamma` is not there; there are 1 `T`, 2 `C/T`",
    ),
    "no such number": ("comma.csv", None, {"columns": {"value": 9}}, r"`columns.value` must be at most 3, but is 9"),
    "one column twice": ("comma.csv", None, {"columns": {"T": 2, "value": 2}}, r"`T` and `value` are the same"),
    "an unknown role": (
        "comma.csv",
        None,
        {"columns": {"y": 2}},
        r"`columns` must be of T, value, error, T_error, but has `y`",
    ),
    "many channels": (
        "several_channels.txt",
        BIAS,
        {"T": 2.0},
        r"say which column is `value` .* there are 1 `Bias`, 2 `Current`",
    ),
    "temperatures in the header": (
        "wide.txt",
        BIAS,
        {"T": 2.0},
        r'`value` .* or T = "header" where the names are temperatures',
    ),
    "none in the header": ("comma.csv", None, {"T": "header"}, r'T = "header" needs columns whose names say temperatures'),
    "no temperature": ("bias_down_up.txt", BIAS, {}, r"say which column is `T` .* or T = \.\.\. for all of it"),
    "a conductance": (
        "bias_down_up.txt",
        BIAS,
        {"T": 2.0},
        r"must be relative to the normal state, but is in nS: give `normalise`",
    ),
    "twice": (
        "bias_down_up.txt",
        BIAS,
        {"T": 2.0, "units": {"value": "1"}, "duplicates": "refuse"},
        r"-3.875 stands in 6 and in 7",
    ),
    "all skipped": ("comma.csv", None, {"skip": 9}, r"`skip` must leave lines to read, but is 9 of 4"),
    "one side": (
        "several_channels.txt",
        BIAS,
        {"T": 2.0, "columns": {"value": 3}, "units": {"value": "1"}, "offset": -5.0, "symmetrise": True},
        r"needs points on both sides of zero, but x is from 3 to 7",
    ),
    "not measured there": (
        "nanonis.dat",
        BIAS,
        {"T": 1.0, "normalise": {"at": 9.0}},
        r"must be within the data at 1 K, -4 to 4, but is 9",
    ),
    "nothing beyond": ("nanonis.dat", BIAS, {"T": 1.0, "normalise": {"beyond": 9.0}}, r"no points at 1 K beyond 9"),
    "little scatter": ("comma.csv", None, {"columns": {"value": 2}, "errors": {"scatter": [2.0, 5.0]}}, r"needs 5 points"),
    "a bias of a heat": ("comma.csv", None, {"offset": 1.0}, r"`offset`, `sign` and `symmetrise` are of an axis"),
    "a wave without end": (
        "unfinished.itx",
        BIAS,
        {"T": 1.0},
        r"unfinished.itx:2: the wave must end with the line END, but the file ends at line 5",
    ),
    "no Igor": ("no_igor.itx", BIAS, {"T": 1.0}, r"no_igor.itx:1: an Igor text file must begin with the line IGOR"),
}


@pytest.mark.parametrize(("file", "axis", "said", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(file, axis, said, sentence):
    with pytest.raises(InputError, match=sentence) as refused:
        read(file, axis, "1" if axis else PER_TEMPERATURE, **said)
    text = str(refused.value)
    assert text.endswith(".")
    assert "\n" not in text


def test_a_quote_that_is_not_closed_is_one_line_of_a_sentence(tmp_path):
    (tmp_path / "a.csv").write_text('T (K),C\n2,"1.5\n3,1.6\n4,1.7"\n5,1.8\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a.csv:4: column 2 `C` must hold a number, but holds `1.5 3,1.6 4,1.7`") as refused:
        read_curve(FileConfig(file="a.csv"), tmp_path, None, "1")
    assert "\n" not in str(refused.value)


def test_a_heat_capacity_is_divided_by_T():
    """C in J/(mol K), errors too; and back: 1/(T_1 T) becomes 1/T_1."""
    curve = read("heat_not_over_T.csv", None, PER_TEMPERATURE)
    assert curve.value == pytest.approx(HEAT[2], rel=1e-15)
    assert curve.error == pytest.approx(HEAT[3], rel=1e-15)
    back = read("comma.csv", None, "mJ/mol K", columns={"value": 2})
    assert back.value == pytest.approx([T * x for T, x in zip(HEAT[0], HEAT[2], strict=True)], rel=1e-15)
    with pytest.raises(
        InputError, match=r"heat_at_zero.csv:2: T must be positive where the values are divided by it, but is 0"
    ):
        read("heat_at_zero.csv", None, PER_TEMPERATURE)
