"""Flags for XLA: set once, never over the user's, never for a release that does not know them. Programs kept between runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap
from jaxgap.numerics import programs as _compilation
from jaxgap.numerics.programs import QUICK, barrier, compile_quickly, drop_programs, program


@pytest.mark.parametrize("before", ["", "--xla_dump_to=nowhere"])
def test_flags_are_appended_once(monkeypatch, before):
    monkeypatch.setenv("XLA_FLAGS", before)
    monkeypatch.setattr(_compilation, "KNOWN", (jax.__version_info__[:2],))
    compile_quickly()
    compile_quickly()
    assert os.environ["XLA_FLAGS"].split() == [*before.split(), *QUICK]


def test_what_the_user_set_stays(monkeypatch):
    chosen = QUICK[0].split("=")[0] + "=true"
    monkeypatch.setenv("XLA_FLAGS", chosen)
    monkeypatch.setattr(_compilation, "KNOWN", (jax.__version_info__[:2],))
    compile_quickly()
    assert os.environ["XLA_FLAGS"].split() == [chosen, *QUICK[1:]]


def test_an_unknown_release_gets_none(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(_compilation, "KNOWN", ())
    monkeypatch.setattr(_compilation, "EFFORT", ())
    compile_quickly()
    assert os.environ["XLA_FLAGS"] == ""


def test_a_release_that_knows_one_gets_that(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(_compilation, "KNOWN", ())
    monkeypatch.setattr(_compilation, "EFFORT", (jax.__version_info__[:2],))
    compile_quickly()
    assert os.environ["XLA_FLAGS"] == QUICK[1]


# --- programs kept between runs ---------------------------------------------------------------------------------------


class Pair(NamedTuple):
    total: jax.Array
    name: str


@pytest.fixture
def kept(monkeypatch, tmp_path):
    monkeypatch.setattr(_compilation, "_kept", tmp_path / "traced")
    return tmp_path / "traced"


def counted():
    """(a program, the list to which every trace of it adds); every call stands for a new process."""
    traces = []

    def scaled(x: jax.Array, factor: float, *, power: int = 1) -> Pair:
        traces.append(power)
        return Pair(factor * jnp.sum(x**power), "sum")

    return program(scaled), traces


def test_a_later_process_does_not_trace(kept):
    (first, traced), (second, traced_again) = counted(), counted()
    x = jnp.arange(3.0)
    assert first(x, 2.0) == second(x, 2.0) == Pair(jnp.asarray(6.0), "sum")
    assert first(np.arange(3.0), 2.0, power=1).total == 6.0
    assert traced == [1, 1]  # positional and by name are two structures
    assert traced_again == []


def test_other_shapes_and_values_are_other_programs(kept):
    (one, _), (two, traced) = counted(), counted()
    assert one(jnp.arange(3.0), 2.0).total == 6.0
    assert two(jnp.arange(3.0), 3.0).total == 9.0
    assert two(jnp.arange(4.0), 2.0).total == 12.0
    assert two(jnp.arange(3), 2.0).total == 6.0
    assert two(jnp.arange(3.0), 2.0, power=2).total == 10.0
    assert len(traced) == 4


def test_inside_transformations_nothing_is_kept(kept):
    f, _ = counted()
    assert jax.grad(lambda x: f(x, 2.0).total)(jnp.ones(2)).tolist() == [2.0, 2.0]
    assert jax.vmap(lambda x: f(x, 2.0).total)(jnp.ones((2, 2))).tolist() == [4.0, 4.0]
    assert not kept.exists()


def test_on_other_devices_nothing_is_kept(kept, monkeypatch):
    """A program is compiled for one device; an array elsewhere would be refused by it."""
    (f, traced), x = counted(), jnp.arange(3.0)
    assert f(x, 2.0).total == 6.0
    monkeypatch.setattr(_compilation, "_elsewhere", lambda arrays: True)
    assert f(x, 2.0).total == 6.0
    assert len(list(kept.glob("*/*"))) == 1
    assert len(traced) == 2


def test_functions_as_arguments_are_not_kept(kept):
    f = program(lambda g, x: g(x))
    assert f(jnp.sin, jnp.zeros(())) == 0.0
    assert f(jnp.cos, jnp.zeros(())) == 1.0
    assert not kept.exists()


@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: content[:-7], lambda content: b"x" + content])
def test_a_damaged_file_is_made_anew(kept, damage):
    (first, _), (second, traced), (third, traced_then) = counted(), counted(), counted()
    first(jnp.arange(3.0), 2.0)
    (file,) = kept.glob("*/*")
    file.write_bytes(damage(file.read_bytes()))
    assert second(jnp.arange(3.0), 2.0).total == third(jnp.arange(3.0), 2.0).total == 6.0
    assert (len(traced), len(traced_then)) == (1, 0)


def test_what_is_compiled_can_be_dropped(monkeypatch):
    """Else a process that goes through thousands of structures ends at its limit of memory maps."""
    monkeypatch.setattr(_compilation, "_kept", None)
    monkeypatch.setattr(_compilation, "_ready", [])
    monkeypatch.setattr(jax, "clear_caches", lambda: traced.append(0))
    f, traced = counted()
    f(jnp.arange(3.0), 2.0)
    (held,) = _compilation._ready
    assert len(held) == 1
    drop_programs()
    assert not held
    assert f(jnp.arange(3.0), 2.0).total == 6.0
    assert traced[:2] == [1, 0]


def test_a_folder_that_cannot_be_made_is_said_and_survived(kept):
    kept.write_text("a file where the folder should be")
    f, _ = counted()
    with pytest.warns(UserWarning, match="Cannot keep a program"):
        assert f(jnp.arange(3.0), 2.0).total == 6.0


def test_a_change_in_any_room_names_another_folder(monkeypatch, tmp_path):
    assert Path(jaxgap.__file__).parent == _compilation.SOURCES
    shutil.copytree(_compilation.SOURCES, tmp_path / "jaxgap")
    monkeypatch.setattr(_compilation, "SOURCES", tmp_path / "jaxgap")
    before = _compilation._house.__wrapped__()
    (tmp_path / "jaxgap" / "equations" / "gauge.py").write_text("another state of the sources")
    assert _compilation._house.__wrapped__() != before


def test_settings_name_the_folder(kept, monkeypatch):
    before = _compilation._house.__wrapped__()
    monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    assert _compilation._house.__wrapped__() != before


@pytest.mark.slow
def test_solutions_of_kept_programs_are_those_of_traced_ones(kept, monkeypatch, tmp_path):
    sc = jaxgap.materials.two_band()
    made = jaxgap.solve(sc, 4.2)
    assert list(kept.glob("*/*"))
    # From another folder programs are read again, not taken from memory.
    monkeypatch.setattr(_compilation, "_kept", shutil.copytree(kept, tmp_path / "copy"))
    monkeypatch.setattr(_compilation, "_traced", lambda *_: pytest.fail("traced again"))
    loaded = jaxgap.solve(sc, 4.2)
    monkeypatch.setattr(_compilation, "_kept", None)
    traced = jaxgap.solve(sc, 4.2)
    assert jax.tree.structure(made) == jax.tree.structure(traced)
    np.testing.assert_array_equal(made.Delta, loaded.Delta)
    np.testing.assert_allclose(made.Delta, traced.Delta, rtol=1e-13)


def test_barrier_is_the_identity():
    """For every number, and in derivatives."""
    x = jnp.array([0.0, -0.0, 1.5, 1e-300, 1e308, jnp.inf, -jnp.inf, jnp.nan])
    same = jax.jit(barrier)(x)
    assert np.array_equal(same, x, equal_nan=True)
    assert np.array_equal(np.signbit(same), np.signbit(x))
    assert float(jax.grad(lambda y: jnp.sum(barrier({"y": y**2})["y"]))(3.0)) == 6.0


def test_barrier_keeps_xla_from_repeating():
    """What it is for: a chain of cheap operations that two sums use is compiled once, not once inside each."""

    def sums(keep):
        def function(x):
            y = keep(x * x * x + 1)
            return jnp.exp(y).sum(), jnp.cos(y).sum()

        return jax.jit(function).lower(jnp.linspace(0, 1, 1000)).compile().as_text().count(" multiply(")

    assert sums(barrier) < sums(lambda y: y)


TWO_LOOPS = """
import faulthandler, sys
faulthandler.dump_traceback_later(90, exit=True)  # instead of waiting for ever
from concurrent.futures import ThreadPoolExecutor
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_enable_x64", True)
from jaxgap.numerics.programs import keep_programs, program
if sys.argv[1]:
    keep_programs(sys.argv[1])

@program
def run(A):
    return jax.lax.fori_loop(0, 20, lambda i, s: jnp.linalg.eigvals(A + 1e-9 * s.mean()).real.sum(axis=-1), jnp.zeros(len(A)))

A = np.random.default_rng(0).normal(size=(3000, 4, 4))
with ThreadPoolExecutor(2) as pool:
    sums = list(pool.map(lambda _: float(np.asarray(run(A)).sum()), range(12)))
assert len(set(sums)) == 1
"""


@pytest.mark.parametrize("kept", [False, True], ids=["compiled", "kept"])
def test_two_threads_run_loops_around_lapack(tmp_path, kept):
    """XLA alone waits for ever: each loop waits, in one of two threads, for a call of LAPACK that no thread is left to run."""
    command = [sys.executable, "-c", TWO_LOOPS, str(tmp_path / "kept") if kept else ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
