"""What the reference says of a function: its parameters, an example that runs, and the equation that it computes.

The pages of docs/reference/api list the public functions. Those with three and more parameters have all three.
"""

import doctest
import importlib
import inspect
import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import jaxgap

pytestmark = pytest.mark.slow
"""Some wait for programs to be compiled; together they take a minute."""

PAGES = Path(__file__).parents[1] / "docs" / "reference" / "api"
BLOCK = re.compile(r"^```\{api\} ([\w.]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FEW = 3
"""Parameters from which on they have to be explained."""
MARKS = ("Args:", ">>>", ".. math::")
"""What each of them has to have. The examples of `fit`, `compare` and `posterior` run nightly: each compiles for a minute."""


def public():
    """Name -> function of the pages."""
    found = {}
    for page in sorted(PAGES.glob("*.md")):
        for module, names in BLOCK.findall(page.read_text(encoding="utf-8")):
            found |= {f"{module}.{name}": getattr(importlib.import_module(module), name) for name in names.split()}
    return {name: one for name, one in found.items() if inspect.isfunction(one)}


def text_of(function, mark):
    """Where it may stand: equations also in the text of the module, which has that of all its functions."""
    module = sys.modules[inspect.unwrap(function).__module__]
    return (function.__doc__ or "") + ((module.__doc__ or "") if mark == ".. math::" else "")


FUNCTIONS = public()
WITH_EXAMPLES = [name for name, one in FUNCTIONS.items() if ">>>" in (one.__doc__ or "")]


@pytest.mark.parametrize("mark", MARKS)
def test_no_function_lacks_it(mark):
    long = {name: one for name, one in FUNCTIONS.items() if len(inspect.signature(one).parameters) >= FEW}
    lacking = [name for name, one in long.items() if mark not in text_of(one, mark)]
    assert not lacking, f"{mark} is missing: {', '.join(lacking)}"


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_example_runs_and_gives_what_it_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # What an example writes.
    names = {"jg": jaxgap, "jax": jax, "jnp": jnp, "np": np}
    text = inspect.cleandoc(FUNCTIONS[name].__doc__)
    example = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    said = []
    failed, tried = doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    plt.close("all")
    assert tried > 0
    assert not failed, "".join(said)
