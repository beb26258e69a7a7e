"""data.csv as spreadsheets and people write it: the same table in many spellings, and what is refused, with its line."""

import pytest

from jaxgap import InputError, materials
from jaxgap.fitting import read_data

PLAIN = "quantity,T_K,value,error\nbranch_minimum[pi],4.2,2.3,0.1\nT_c,,39.25,0.5\n"
FULL = "quantity,T_K,value,error,unit,use,source,limit\nbranch_minimum[pi],4.2,2.3,0.1,,,,\nT_c,,39.25,0.5,K,fit,,\n"


def decimal_commas(text: str, delimiter: str) -> str:
    return text.replace(",", delimiter).replace(".", ",")


SPELLINGS = {
    "plain": PLAIN.encode(),
    "byte-order mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "Windows": PLAIN.replace("\n", "\r\n").encode(),
    "old Mac": PLAIN.replace("\n", "\r").encode(),
    "no line break at the end": PLAIN.rstrip().encode(),
    "comments and blank lines": (
        "# a comment, with commas\n\n" + PLAIN.replace("T_c", '"# another, quoted"\n ,,,\nT_c')
    ).encode(),
    "empty cells at the end": PLAIN.replace("\n", ",,\n").encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "semicolons and decimal commas": decimal_commas(PLAIN, ";").encode(),
    "tabs and decimal commas, from Excel": decimal_commas(PLAIN, "\t").encode("utf-16"),
    "optional columns left empty": FULL.encode(),
    "spaces": PLAIN.replace(",", " , ").encode(),
    "quotes": PLAIN.replace("2.3", '"2.3"').encode(),
}


@pytest.mark.parametrize("content", SPELLINGS.values(), ids=SPELLINGS)
def test_one_table_in_many_spellings(tmp_path, content):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    gap, T_c = read_data(path, materials.mgb2())
    assert (gap.quantity, gap.T, gap.value, gap.error, gap.unit, gap.use) == ("branch_minimum[pi]", 4.2, 2.3, 0.1, "meV", "fit")
    assert (T_c.quantity, T_c.T, T_c.value, T_c.error, T_c.unit, T_c.use) == ("T_c", None, 39.25, 0.5, "K", "fit")


def test_readings_of_a_closed_gap_scatter_around_zero(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(PLAIN.replace("2.3", "-0.2"), encoding="utf-8")
    assert read_data(path, materials.mgb2())[0].value == -0.2


def test_lines_are_those_of_the_file(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("# one\n\n" + PLAIN.replace("T_c", "# six\n\nT_c"), encoding="utf-8")
    assert [datum.line for datum in read_data(path, materials.mgb2())] == [4, 7]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (PLAIN.replace("error", "value"), 1, "the column `error` is missing"),
        (PLAIN.replace("error", "error,value").replace(",0.1", ",0.1,2.4").replace(",0.5", ",0.5,39"), 1, "must be there once"),
        ("\n# two\n" + PLAIN.replace("error", "err"), 3, "the column `error` is missing; .* has quantity, T_K, value, err"),
        (PLAIN.replace("2.3", '"2,3"'), 2, "decimals have a point"),
        (PLAIN.replace("2.3", "2,3"), 2, "must have 4 cells, but has 5"),
        (PLAIN.replace(",", ";").replace("39.25", "1,234"), 3, "must have a comma everywhere or a point everywhere"),
        (PLAIN.replace(",", ";").replace("39.25", "1.234,5"), 3, "must have a comma everywhere or a point everywhere"),
        (PLAIN.replace("2.3", "-2.3"), 2, "must not be negative by more than 5 of its errors, but is -2.3"),
        (PLAIN.replace("39.25", "\N{MINUS SIGN}39"), 3, "`T_c` must not be negative, but is -39"),
        (PLAIN.replace("branch_minimum[pi]", "gap"), 2, "unknown quantity `gap`; known are branch_minimum"),
        (PLAIN.replace("branch_minimum[pi]", "tunnelling"), 2, "`tunnelling` is called `dIdV` in files of data"),
        (PLAIN.replace("branch_minimum[pi]", "heat_over_T"), 2, "`heat_over_T` needs `gamma_n`, .* a file of its own"),
        (PLAIN.replace("branch_minimum[pi]", "sigma_sc"), 2, "`layer_spacing` .* must be given"),
        (PLAIN.replace("T_c", 'T_c"\n'), 3, "must have 4 cells"),
    ],
)
def test_what_is_refused_is_named_with_its_line(tmp_path, text, line, says):
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"data.csv:{line}: .*{says}"):
        read_data(path, materials.mgb2())


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n\x00", PLAIN.encode("utf-16")[2:], b"caf\xe9"])
def test_what_is_no_text_is_one_sentence(tmp_path, content):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"Cannot read the data file `.*data.csv`: it must be text"):
        read_data(path, materials.mgb2())
