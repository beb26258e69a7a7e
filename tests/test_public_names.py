"""What `import jaxgap` brings: every public name when it is asked for, double precision, and no package before that."""

import os
import subprocess
import sys

import pytest

import jaxgap
from jaxgap._names import names

HEAVY = ("jax", "numpy", "scipy", "matplotlib", "optax", "equinox", "pydantic", "typer", "rich")
"""What `import jaxgap` alone leaves out."""


def said(code, **environment):
    kept = {key: value for key, value in os.environ.items() if key != "JAX_ENABLE_X64"}
    done = subprocess.run([sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_the_package_imports_nothing_heavy():
    assert said(f"import sys, jaxgap; print(*[name for name in {HEAVY} if name in sys.modules])") == []


@pytest.mark.slow
def test_every_public_name_is_there():
    assert {"solve", "Superconductor", "materials", "fitting", "__version__"} <= set(names()) <= set(dir(jaxgap))
    assert all(getattr(jaxgap, name) is getattr(jaxgap, name) for name in names())


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="module 'jaxgap' has no attribute 'solves'"):
        _ = jaxgap.solves
    with pytest.raises(ImportError, match="cannot import name 'solves'"):
        exec("from jaxgap import solves")


PRECISION = "import jax.numpy as jnp, os; jaxgap.solve; print(jnp.zeros(1).dtype, os.environ.get('JAX_ENABLE_X64'))"


@pytest.mark.slow
@pytest.mark.parametrize("first", ["import jaxgap, jax", "import jax, jaxgap", "import jaxgap; jaxgap.solve"])
@pytest.mark.parametrize("before", ["0", None])
def test_double_precision_whatever_is_imported_first(first, before):
    """And the environment of whatever is begun later is that of before."""
    environment = {} if before is None else {"JAX_ENABLE_X64": before}
    assert said(f"{first}; {PRECISION}", **environment) == ["float64", str(before)]


@pytest.mark.slow
def test_who_switches_it_off_again_is_told():
    code = "import jaxgap as jg, jax; jax.config.update('jax_enable_x64', False)\n"
    code += "try:\n    jg.solve(jg.materials.two_band(), 4.2)\nexcept RuntimeError as error:\n    print(error)"
    assert " ".join(said(code)).startswith("jaxgap needs 64-bit floats, but `jax_enable_x64` is off")
