"""What commands do where something around them is not as they expect: one sentence and an exit code, never a traceback."""

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import pytest

from jaxgap.commands.environment import in_sentences
from jaxgap.commands.terminal import NARROWEST, console
from jaxgap.numerics.checks import DoubtfulError, InputError, NotConvergedError

ROOT = str(Path(__file__).parents[2])


def command(*arguments, options=(), stdout=subprocess.PIPE, **environment):
    """The command, in a process of its own with these variables."""
    cache = {"JAX_COMPILATION_CACHE_DIR": str(jax.config.jax_compilation_cache_dir)}
    done = subprocess.run(
        [sys.executable, *options, "-m", "jaxgap", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ROOT, **cache, **environment},
    )
    assert "Traceback" not in done.stderr
    return done


def test_a_device_that_is_not_there():
    done = command("tc", "two_band", JAX_PLATFORMS="nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith("jaxgap: JAX finds no device with JAX_PLATFORMS=`nonsense`: Unable to initialize backend")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_settings_of_other_programs_do_not_matter():
    """No docstrings, no compilation, no backend, a terminal that has no width and knows no Greek."""
    done = command(
        "tc",
        "two_band",
        options=("-OO",),
        JAX_DISABLE_JIT="1",
        JAX_NUMPY_RANK_PROMOTION="raise",
        JAX_NUMPY_DTYPE_PROMOTION="strict",
        JAX_TRANSFER_GUARD="disallow",
        MPLBACKEND="nonsense",
        PYTHONIOENCODING="ascii",
        COLUMNS="5",
        TERM="",
    )
    assert done.returncode == 0, done.stderr
    assert "T_c = 43.896182 K" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= NARROWEST


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is /dev/full")
@pytest.mark.parametrize("arguments", [("--help",), ("--version",)], ids=" ".join)
def test_a_full_disk(arguments):
    with open("/dev/full", "w") as full:
        done = command(*arguments, stdout=full)
    assert done.returncode == 2
    assert done.stderr == "jaxgap: Cannot write the output: No space left on device.\n"


def ended(capsys, error):
    with pytest.raises(SystemExit) as end, in_sentences():
        raise error
    return end.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("No."), 2, "jaxgap: No.\n"),
        (NotConvergedError("No."), 3, "jaxgap: No.\n"),
        (DoubtfulError("No."), 4, "jaxgap: No.\n"),
        (MemoryError(), 2, "jaxgap: There is not enough memory for this.\n"),
        (OSError(errno.ENOSPC, "No space left"), 2, "jaxgap: Cannot write the output: No space left.\n"),
        (PermissionError(errno.EACCES, "Denied", "a.csv"), 2, "jaxgap: Cannot read or write `a.csv`: Denied.\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, ""),
        (
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 1 TB"),
            2,
            "jaxgap: There is not enough memory on the device for this.\n",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_is_a_sentence_and_a_code(capsys, monkeypatch, error, code, said):
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    assert ended(capsys, error) == (code, said)


def test_what_is_a_mistake_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError), in_sentences():
        raise ZeroDivisionError


def test_a_warning_is_a_line(capsys):
    with in_sentences():
        warnings.simplefilter("always")
        warnings.warn("Something is old.", stacklevel=1)
    assert capsys.readouterr().err == "jaxgap: Something is old.\n"


def test_closed_streams(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with in_sentences():
        print("nobody hears this")
    sys.stdout.close()


def test_a_table_is_not_squeezed(monkeypatch):
    monkeypatch.setenv("COLUMNS", "7")
    assert type(console)().options.max_width == NARROWEST
