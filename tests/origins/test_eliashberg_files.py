"""alpha^2F from files: as EPW and Quantum ESPRESSO write them (made by hand in their formats), spreadsheets, and bad files."""

import numpy as np
import pytest
from problems import relative_error
from scipy import integrate

from jaxgap.numerics.checks import InputError
from jaxgap.origins import allen_dynes, eliashberg_function, moments, read_eliashberg_function, temperature_of

PRINTED = 1e-5
"""Tables with five to seven digits."""
meV_per_THz, meV_per_Ry = 4.135667696923859, 13605.693122994
OMEGA = np.linspace(0.0, 40.0, 81)
ALPHA2F = 0.9 * np.exp(-(((OMEGA - 22) / 3) ** 2)) + 0.4 * (OMEGA / 12) ** 2 * np.exp(1 - (OMEGA / 12) ** 2)
ALPHA2F[-1] = 0.0


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "alpha2F.dat"
    path.write_text(text, encoding=encoding)
    return path


def refused(path, words, *arguments, **options):
    with pytest.raises(InputError, match=words) as error:
        read_eliashberg_function(path, *arguments, **options)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def is_the_spectrum(a2F, first=0):
    wanted = moments(eliashberg_function(OMEGA[first:], ALPHA2F[first:]))
    assert relative_error(moments(a2F), wanted) < PRINTED


# === programs


def epw(header_mark="", footer_mark="#"):
    """EPW's table: frequency, alpha^2F for two smearings, and for each 2 alpha^2F/omega integrated. Made by hand."""
    wide = ALPHA2F * 0.5
    integrated = [2 * integrate.cumulative_trapezoid(f[1:] / OMEGA[1:], OMEGA[1:], initial=0.0) for f in (ALPHA2F, wide)]
    rows = np.column_stack([OMEGA[1:], ALPHA2F[1:], wide[1:], *integrated])
    lines = [f"{header_mark} w[meV] a2f and integrated 2*a2f/w for    2 smearing values"]
    lines += ["".join(f"{x:12.7f}" for x in row) for row in rows]
    lines += [" Integrated el-ph coupling", f"  {footer_mark}         {rows[-1, 3]:12.7f}{rows[-1, 4]:12.7f}"]
    lines += [" Phonon smearing (meV)", f"  {footer_mark}            0.0500000   0.1000000"]
    lines += [
        " Electron smearing (eV)   0.1000000",
        " Fermi window (eV)   0.4000000",
        f" Summed el-ph coupling {rows[-1, 3]:12.7f}",
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("marks", [("", "#"), ("#", "#"), ("", " ")])
def test_epw(tmp_path, marks):
    """With its header marked as a comment or not, and the numbers of its footer, too."""
    path = written(tmp_path, epw(*marks))
    is_the_spectrum(read_eliashberg_function(path), 1)
    is_the_spectrum(read_eliashberg_function(path, "meV"), 1)
    half = read_eliashberg_function(path, column=3)
    assert relative_error(moments(half).lam, moments(eliashberg_function(OMEGA[1:], ALPHA2F[1:] / 2)).lam) < PRINTED
    refused(path, "column 4 ends at .* as lambda integrated up to omega does", column=4)
    refused(path, "the header says that frequencies are in meV, argument `unit` says THz", "THz")


def matdyn(lam, start=0):
    """matdyn.x's a2F.dos for two modes: Ry, middles of intervals, the total first, lambda in the last line. Made by hand."""
    middle = np.arange(start, 80) * 0.5 + 0.25
    total = np.interp(middle, OMEGA, ALPHA2F, left=0.0)
    total[middle > 39] = 0.0
    lines = ["", " # Eliashberg function a2F (per both spin)", " #  frequencies in Rydberg  "]
    lines += [" # DOS normalized to E in Rydberg: a2F_total, a2F(mode) ", ""]
    lines += [
        "   " + "".join(f"{x:16.6E}" for x in (w / meV_per_Ry, f, 0.25 * f, 0.75 * f))
        for w, f in zip(middle, total, strict=True)
    ]
    lines += [f"  lambda = {lam:18.15f}         Delta =   3.6749322E-005"]
    return "\n".join(lines) + "\n", middle[middle > 0], total[middle > 0]


@pytest.mark.parametrize("start", [0, -3])
def test_matdyn(tmp_path, start):
    """Also from slightly negative frequencies on, where alpha^2F is zero."""
    _, middle, total = matdyn(0.0)
    wanted = moments(eliashberg_function(middle, total))
    text = matdyn(float(np.sum(2 * total / middle * 0.5)), start)[0]
    got = moments(read_eliashberg_function(written(tmp_path, text)))
    assert relative_error(got, wanted) < PRINTED
    one = moments(read_eliashberg_function(written(tmp_path, text), "Ry", column=3))
    assert relative_error(one.lam, 0.25 * wanted.lam) < PRINTED
    refused(written(tmp_path, matdyn(2.0)[0]), "the file says lambda = 2, but its table gives")


def methfessel_paxton(x):
    """The delta function's approximation of first order; negative beyond |x| = 1.22."""
    return (1.5 - x**2) * np.exp(-(x**2)) / np.sqrt(np.pi)


def lambda_x(lam, omega, width):
    """lambda.x's alpha2F.dat: THz, the smearings of electrons in the header. Made by hand."""
    E = np.linspace(0.0, 12.0, 200)
    alpha2F = sum(x * w / 2 * methfessel_paxton((E - w) / width) / width for x, w in zip(lam, omega, strict=True))
    lines = ["# E(THz)     0.005     0.010"]
    lines += [f"{e:8.4f}{f:10.5f}{f:10.5f}" for e, f in zip(E, alpha2F, strict=True)]
    return "\n".join(lines) + "\n", E, alpha2F


def test_negative_lobes_are_integrated_with_their_sign(tmp_path):
    """lambda.x with Methfessel-Paxton smearing: signed, the moments are those of its two phonons; clipped, T_c is off."""
    lam, omega = np.array([0.5, 0.4]), np.array([5.0, 8.0])
    text, E, alpha2F = lambda_x(lam, omega, 0.7)
    assert alpha2F.min() < -0.05
    a2F = read_eliashberg_function(written(tmp_path, text))
    exact = np.sum(lam), np.exp(np.sum(lam * np.log(omega)) / np.sum(lam)) * meV_per_THz
    got = moments(a2F)
    assert relative_error(got.lam, exact[0]) < 5e-3
    assert relative_error(got.omega_log, exact[1]) < 5e-3
    assert relative_error(got.omega_2, np.sqrt(np.sum(lam * omega**2) / np.sum(lam)) * meV_per_THz) < 5e-3
    T_c = float(allen_dynes(exact[0], 0.13, exact[1], got.omega_2))
    assert float(temperature_of(a2F, 0.13)) == pytest.approx(T_c, rel=0.01)
    clipped = eliashberg_function(E, np.maximum(alpha2F, 0.0), "THz")
    assert float(temperature_of(clipped, 0.13)) > 1.1 * T_c


# === tables by hand


def table(separator, decimal=".", header=""):
    lines = [header] * bool(header)
    lines += [separator.join(f"{x:.7f}".replace(".", decimal) for x in row) for row in zip(OMEGA, ALPHA2F, strict=True)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("separator", "decimal"),
    [(" ", "."), ("\t", "."), (",", "."), (", ", "."), (";", "."), ("\t", ","), (";", ","), ("  ", ",")],
)
def test_separators_and_decimal_commas(tmp_path, separator, decimal):
    is_the_spectrum(read_eliashberg_function(written(tmp_path, table(separator, decimal)), "meV"))


@pytest.mark.parametrize(
    "header",
    ["omega_meV,a2F", '"Energy (meV)","alpha2F"', "frequency [meV],alpha^2F", "omega/meV,a2F\nfrom Fig. 3 of a paper,"],
)
def test_csv_with_a_header(tmp_path, header):
    """The unit is the header's; a byte-order mark, as spreadsheets write it, does no harm."""
    is_the_spectrum(read_eliashberg_function(written(tmp_path, table(",", header=header), "utf-8-sig")))


@pytest.mark.parametrize(
    ("unit", "header"), [("cm-1", "freq (cm^-1)"), ("THz", "nu[THz]"), ("K", "omega (K)"), ("Ha", "E (Ha)")]
)
def test_units_in_headers(tmp_path, unit, header):
    plain = read_eliashberg_function(written(tmp_path, "0 0\n1e1 .3\n2e1 0\n"), "meV")
    scale = {"cm-1": 0.12398419843320026, "THz": meV_per_THz, "K": 0.08617333262145177, "Ha": 2 * meV_per_Ry}[unit]
    text = f"{header} a2F\n0 0\n{10 / scale:.10e} .3\n{20 / scale:.10e} 0\n"
    assert relative_error(moments(read_eliashberg_function(written(tmp_path, text))), moments(plain)) < PRINTED


def test_comments_exponents_and_blank_lines(tmp_path):
    path = written(tmp_path, "# omega  a2F\n\n 0.0  0.0 ! acoustic\n1.0, 2.5D-1\n  2.0 5.0E-1\n3.0 1.0-103\n% end\n")
    a2F = read_eliashberg_function(path, "THz")
    np.testing.assert_allclose(a2F.omega, meV_per_THz * np.arange(4), rtol=1e-13)
    np.testing.assert_array_equal(a2F.alpha2F, [0.0, 0.25, 0.5, 1e-103])


# === bad files


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no rows of numbers"),
        ("# only a comment\n", "has no rows of numbers"),
        ("0 0\n10 x\n", r":2: the columns must hold numbers, but the line is `10 x`"),
        ("0 0\n10 ****\n20 0\n", r":2: the columns must hold numbers"),
        ("0 0\n10\n", r":2: the line must have at least 2 columns, but has 1"),
        ("0 0\n10 .1 .1\n", r":2: the line has 3 columns, those before it have 2"),
        ("0,0\n10,,.1\n20,0\n", r":2: the columns must hold numbers, but the line is `10,,.1`"),
        ("0,0\n10,\n20,0\n", r":2: the line must have at least 2 columns, but has 1"),
        ("0 0\n10 .1\nx 2\n20 0\n", r":4: numbers go on after words in line 3"),
        ("0 0\n10 -.1\n20 .1\n30 0\n", "`alpha2F` must not be negative, except for small lobes"),
        ("0 0\n20 .1\n10 .1\n30 0\n", "`omega` must increase"),
        ("0 0\n10 .1\n10 .2\n30 0\n", "`omega` must increase"),
        ("-10 .1\n10 .1\n20 0\n", "alpha.2F is 0.1 at the negative frequency -10 meV"),
        ("0 0\n10 nan\n20 0\n", "`alpha2F` must be finite"),
        ("0 0\n10 .1\ninf 0\n", "`omega` must be finite"),
        ("0 .1\n10 .1\n20 0\n", "`alpha2F` must vanish at zero frequency"),
        ("10 0\n20 0\n", "`alpha2F` must not vanish everywhere"),
        ("10 .1\n", "`omega` must hold at least two frequencies"),
        ("0 0\n10 .1\n20 .2\n", "column 2 ends at 0.2, 100 % of its largest value, as lambda integrated"),
        ("0 0\n10 .2\n20 .1\n", "column 2 ends at 0.1, 50 % of its largest value; alpha.2F returns to zero"),
        ("0 0\n.1 .2\n.2 0\n", "reaches up to 0.1 meV"),
        ("0 0\n3000 .2\n4000 0\n", r"reaches up to 3e\+03 meV"),
        ("0,0 0,1\n1,5 0.3\n2,5 0,0\n", r":2: numbers have decimal commas, but in this line"),
        ("1, 2,3\n2, 2,3\n", r":1: numbers have decimal commas, but in this line"),
        ("10,5,0,1\n20,5,0,2\n30,5,0,0\n", "commas separate columns and, it seems, decimals"),
    ],
)
def test_bad_files(tmp_path, text, words):
    refused(written(tmp_path, text), words, "meV")


def test_a_unit_that_is_not_said_and_bad_arguments(tmp_path):
    with pytest.raises(InputError, match="Cannot read alpha"):
        read_eliashberg_function(tmp_path / "none.dat", "meV")
    path = written(tmp_path, "# smearing 3 meV\n0 0\n10 .1\n20 0\n")
    refused(path, "the header does not say the unit of frequency; argument `unit` must be one of meV, eV, THz, cm-1, K, Ry, Ha")
    with pytest.raises(InputError, match="`unit` must be one of meV, eV, THz"):
        read_eliashberg_function(path, "Hz")
    with pytest.raises(InputError, match="`column` must"):
        read_eliashberg_function(path, "meV", column=1)
    refused(written(tmp_path, "0 0\n10 .1\n20 0\n", "utf-16"), "Cannot read alpha", "meV")
