"""Units of measured numbers, as people write them, and the exact factor between two of them.

A unit is a product of powers of symbols: `mJ/mol K^2` = `mJ/(mol K^2)` = `mJ mol^-1 K^-2` = `mJ/mol-K2`: what comes after a
slash is below it, as in papers (pint reads the first as mJ K^2/mol, which is one reason why it is not used here; the others are
words such as "arb. units", and what its import costs). Energies in eV count as voltages, e = 1; fields in Oe or G as those in
T, mu_0 H.

Factors are fractions: 2.5 mV are 0.0025 V to the last digit.
"""

import re
import unicodedata
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxgap.numerics.checks import InputError

__all__ = ["Unit", "converted", "factor", "is_arbitrary", "parsed", "power_of_T", "times_T"]


class Unit(NamedTuple):
    """A factor, and powers of dimensions by name."""

    factor: Fraction
    powers: tuple[tuple[str, int], ...]


_PREFIXES = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "c": -2, "k": 3, "M": 6, "G": 9}
_GAUSS = (Fraction(1, 10**4), {"T": 1})
_SYMBOLS: dict[str, tuple[Fraction, dict[str, int]]] = {
    **{symbol: (Fraction(1), {symbol: 1}) for symbol in ("V", "K", "m", "s", "J", "mol", "A", "T", "deg")},
    "eV": (Fraction(1), {"V": 1}),
    "S": (Fraction(1), {"A": 1, "V": -1}),
    "Ohm": (Fraction(1), {"A": -1, "V": 1}),
    "Hz": (Fraction(1), {"s": -1}),
    "angstrom": (Fraction(1, 10**10), {"m": 1}),
    "Oe": _GAUSS,
    "G": _GAUSS,
    "%": (Fraction(1, 100), {}),
}
_WORDS = {
    "kelvin": "K",
    "volt": "V",
    "volts": "V",
    "sec": "s",
    "mole": "mol",
    "moles": "mol",
    "tesla": "T",
    "siemens": "S",
    "Å": "angstrom",
    "ang": "angstrom",
    "ångström": "angstrom",
    "angstroms": "angstrom",
    "micron": "um",
    "oersted": "Oe",
    "gauss": "G",
    "ohm": "Ohm",
    "Ω": "Ohm",
    "degree": "deg",
    "degrees": "deg",
    "°": "deg",
}
_ARBITRARY = re.compile(
    r"(arb(itrary)?[.\s]*(u(nits?|\.)?)?|a\.?\s?u\.?|counts?|cts|norm(ali[sz]ed|\.)?|dimensionless|ratio|none|1|-)?",
    re.IGNORECASE,
)
_INVERSE_ANGSTROM = re.compile(r"1/A|A\^?-1|A\^\{-1\}")
"""Nobody measures in inverse amperes."""
_TOKEN = re.compile(r"([A-Za-zÅåöΩ°%]+)\^?([+-]?\d+)?|(/)|1(?![\d.])")


def is_arbitrary(text: str) -> bool:
    """Whether it is no unit: nothing, 1, arb. units, counts."""
    return _ARBITRARY.fullmatch(text.strip()) is not None


@cache
def parsed(text: str) -> Unit | None:
    """The unit that a text means; None if it means none that is known."""
    if is_arbitrary(text):
        return Unit(Fraction(1), ())
    if _INVERSE_ANGSTROM.fullmatch(text.strip()):
        text = "angstrom^-1"
    whole, powers = Fraction(1), dict[str, int]()
    for symbol, power in _tokens(_plain(text)) or [("?", 1)]:
        if (known := _symbol(symbol)) is None:
            return None
        whole *= known[0] ** power
        for dimension, own in known[1].items():
            powers[dimension] = powers.get(dimension, 0) + own * power
    return Unit(whole, tuple(sorted((name, power) for name, power in powers.items() if power)))


def factor(source: str, target: str) -> Fraction | None:
    """Target units in one source unit; None if they measure different things."""
    one, other = parsed(source), parsed(target)
    if one is None or other is None or one.powers != other.powers:
        return None
    return one.factor / other.factor


def power_of_T(source: str, target: str) -> int | None:
    """The power of T that makes `target` of a number in `source`: C is T times C/T. None if none of -1, 0 and 1 does."""
    return next((power for power in (0, -1, 1) if factor(times_T(source, power), target) is not None), None)


def times_T(unit: str, power: int) -> str:
    """The unit of a number that is multiplied by a power of T [K]."""
    return f"K^{power} {unit}" if power else unit


def converted(values: Float[np.ndarray, "point"], source: str, target: str, where: str) -> Float[np.ndarray, "point"]:
    """Numbers in `source` as numbers in `target`.

    Raises:
        InputError: if that cannot be; `where` they stand is said.
    """
    found = factor(source, target)
    if found is None:
        told = "is no unit that is known here" if parsed(source) is None else f"cannot be converted to {target or '1'}"
        raise InputError(f"{where} must be in {target or '1'} or a unit of the same kind, but `{source}` {told}.")
    # Multiplied and divided by whole numbers: one rounding for powers of ten.
    return values * float(found.numerator) / float(found.denominator)


def _plain(text: str) -> str:
    """With one way to write micro, powers and products."""
    text = unicodedata.normalize("NFKC", text).replace("\N{GREEK SMALL LETTER MU}", "u").replace("**", "^")
    text = re.sub(r"(?<=[A-Za-z\d])-(?=[A-Za-z])", " ", text.replace("\N{MINUS SIGN}", "-"))
    return re.sub(r"\s*\^\s*", "^", re.sub(r"[(){}\[\]·*.⋅$\\]", " ", text))


def _tokens(text: str) -> list[tuple[str, int]] | None:
    """(symbol, power) of a product; None if something else is there."""
    out, sign, place = list[tuple[str, int]](), 1, 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        if (found := _TOKEN.match(text, place)) is None:
            return None
        if found[3]:
            sign = -1
        elif found[1]:
            *first, last = _split(found[1])
            out += [(one, sign) for one in first] + [(last, sign * int(found[2] or 1))]
        place = found.end()
    return out


def _split(word: str) -> list[str]:
    """A word as symbols: itself, or two written together (molK)."""
    if _symbol(word) is None:
        for k in range(1, len(word)):
            if _symbol(word[:k]) is not None and _symbol(word[k:]) is not None:
                return [word[:k], word[k:]]
    return [word]


def _symbol(text: str) -> tuple[Fraction, dict[str, int]] | None:
    """Of a symbol, with or without prefix."""
    text = _WORDS.get(text, _WORDS.get(text.lower(), text))
    if text in _SYMBOLS:
        return _SYMBOLS[text]
    if text[:1] in _PREFIXES and text[1:] in _SYMBOLS and text[1:] not in ("%", "deg", "angstrom"):
        size, powers = _SYMBOLS[text[1:]]
        return size * Fraction(10) ** _PREFIXES[text[0]], powers
    return None
