"""The library's sentences in the words of the command line: options instead of arguments, commands instead of functions."""

import re

__all__ = ["OPTIONS", "in_words"]

OPTIONS = {
    "T": "--T",
    "branch": "--branch",
    "start": "--start",
    "Gamma": "--Gamma",
    "Z": "--Z",
    "weights": "--weights",
    "resolution": "--resolution",
    "formula_volume": "--formula-volume",
    "layer_spacing": "--layer-spacing",
}
"""Argument of the library -> option of the commands that take a SYSTEM."""
PHRASES = {
    "(`start=`)": "(--start)",
    "see `branch_end` for where it ends": "`jaxgap gaps --branch` says where it ends",
    "pass a finer `rule`, for example Rule(overlap=96, single=48)": "its last digits are not certain",
    "come with `formula_volume`": "come with --formula-volume",
    " (for many temperatures: jax.vmap(lambda T: solve(sc, T))(T))": "",
}
_ARGUMENT = re.compile(rf"^Argument `({'|'.join(OPTIONS)})`")


def in_words(text: str) -> str:
    """`text`, which may be several sentences, as a user of the command line knows things."""
    for phrase, words in PHRASES.items():
        text = text.replace(phrase, words)
    # What is said of a file begins with its name, and is about keys in it.
    return _ARGUMENT.sub(lambda found: f"Argument `{OPTIONS[found[1]]}`", text)
