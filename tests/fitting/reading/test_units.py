"""Units as people write them: exact factors, what is a unit and what is none."""

from fractions import Fraction

import numpy as np
import pytest

from jaxgap.fitting.reading.headers import named
from jaxgap.fitting.reading.units import converted, factor, is_arbitrary
from jaxgap.numerics.checks import InputError

SPELLINGS = (
    "mJ/mol K^2",
    "mJ/mol K2",
    "mJ/(mol K^2)",
    "mJ/(mol*K^2)",
    "mJ/mol/K^2",
    "mJ mol^-1 K^-2",
    "mJ mol⁻¹ K⁻²",
    "mJ·mol$^{-1}$·K$^{-2}$",
    "mJ/mol-K2",
    "mJ/molK²",
    "mJ/mole-K^2",
    "mJ / mol K**2",
)


@pytest.mark.parametrize("text", SPELLINGS)
def test_one_unit_in_many_spellings(text):
    assert factor(text, "J/mol K^2") == Fraction(1, 1000)


@pytest.mark.parametrize(
    ("source", "target", "times"),
    [
        ("mV", "V", Fraction(1, 1000)),
        ("µV", "mV", Fraction(1, 1000)),
        ("μeV", "meV", Fraction(1, 1000)),
        ("eV", "mV", 1000),  # e = 1
        ("mK", "K", Fraction(1, 1000)),
        ("um^-2", "nm^-2", Fraction(1, 10**6)),
        ("1/nm^2", "um^-2", 10**6),
        ("Å", "nm", Fraction(1, 10)),
        ("1/A", "1/nm", 10),
        ("angstrom", "um", Fraction(1, 10**4)),
        ("1/us", "1/s", 10**6),
        ("MHz", "us^-1", 1),
        ("nS", "uS", Fraction(1, 1000)),
        ("nA/mV", "uS", 1),
        ("1/kOhm", "mS", 1),
        ("Oe", "T", Fraction(1, 10**4)),
        ("kG", "mT", 100),
        ("%", "1", Fraction(1, 100)),
        ("arb. units", "1", 1),
        ("J/mol K", "J/mol K^2", None),
        ("T", "K", None),
        ("furlong", "nm", None),
    ],
)
def test_factors(source, target, times):
    assert factor(source, target) == times


@pytest.mark.parametrize("text", ["", "1", "arb. units", "arb.u.", "a.u.", "arbitrary", "counts", "Norm.", "-"])
def test_what_is_no_unit(text):
    assert is_arbitrary(text)


def test_numbers_are_rounded_once():
    """What comes out is the number nearest to the exact product (1e-3 as a float is none)."""
    numbers = np.random.default_rng(0).uniform(0, 9, 1000)
    assert converted(numbers, "mV", "V", "").tolist() == [float(Fraction(x) / 1000) for x in numbers.tolist()]
    assert converted(numbers, "V", "uV", "").tolist() == [float(Fraction(x) * 10**6) for x in numbers.tolist()]
    assert (numbers * 1e-3).tolist() != converted(numbers, "mV", "V", "").tolist()


def test_what_cannot_be_converted_names_both():
    with pytest.raises(InputError, match=r"^it must be in K or a unit of the same kind, but `mV` cannot be converted to K\.$"):
        converted(np.ones(1), "mV", "K", "it")
    with pytest.raises(InputError, match=r"but `parsec` is no unit that is known here\.$"):
        converted(np.ones(1), "parsec", "nm", "it")


@pytest.mark.parametrize(
    ("text", "name", "unit"),
    [
        ("T (K)", "T", "K"),
        ("T[K]", "T", "K"),
        ("Temp_K", "Temp", "K"),
        ("T / K", "T", "K"),
        ("V/mV", "V", "mV"),
        ("Bias (mV)", "Bias", "mV"),
        ("Bias mV", "Bias", "mV"),
        ("C/T [mJ/mol K2]", "C/T", "mJ/mol K2"),
        ("C/T / (J/mol K^2)", "C/T", "J/mol K^2"),
        ("Intensity (arb. units)", "Intensity", "arb. units"),
        ("lambda^-2 (um^-2)", "lambda^-2", "um^-2"),
        ("eV", "eV", "eV"),
        ("K", "K", "K"),
        ("V", "V", None),
        ("x (furlong/s)", "x", "furlong/s"),  # meant as a unit: refused where it is used
        ("C/T", "C/T", None),
        ("dI/dV", "dI/dV", None),
        ("dI_dV", "dI_dV", None),
        ("C_T", "C_T", None),
        ("I (bwd)", "I (bwd)", None),
        ("rho_s", "rho_s", None),
        ("sigma_sc", "sigma_sc", None),
        ("", "", None),
    ],
)
def test_headers(text, name, unit):
    assert named(text) == (name, unit)
