"""The process that a command finds itself in: settings that do not fit are set aside, and what ends a command is one sentence.

A batch system, a full disk, a terminal of another age or a variable that another program needs must not end in a traceback. It
is imported before matplotlib, which stops at a backend that it does not know.
"""

import errno
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import jax

from jaxgap.commands.words import in_words
from jaxgap.numerics.checks import DoubtfulError, InputError, NotConvergedError

__all__ = ["in_sentences"]

os.environ["MPLBACKEND"] = "agg"  # Commands write files and open no windows.
logging.getLogger("matplotlib").setLevel(logging.ERROR)  # It says at length where it keeps its fonts.

CODES = {InputError: 2, NotConvergedError: 3, DoubtfulError: 4}
SETTINGS = {"jax_disable_jit": False, "jax_debug_nans": False, "jax_debug_infs": False, "jax_transfer_guard": "allow"}
"""Of JAX, as the command line needs them whatever the environment says: programs are compiled, and NaN means something."""


@contextmanager
def in_sentences() -> Iterator[None]:
    """Inside a command runs: it ends with an exit code, after one sentence if that is not 0."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: _say(str(message))
        _settle()
        try:
            try:
                yield
            finally:
                if sys.exc_info()[0] is not KeyboardInterrupt:
                    sys.stdout.flush()  # Or else a full disk is noticed after the exit code.
        except tuple(CODES) as error:
            _stop(in_words(str(error)), CODES[type(error)])
        except OSError as error:
            _stop_without_output(error)
        except MemoryError:
            _stop("There is not enough memory for this.", 2)
        except Exception as error:
            if sentence := _of_the_device(error):
                _stop(sentence, 2)
            raise


def _settle() -> None:
    for name, value in SETTINGS.items():
        jax.config.update(name, value)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # It was closed.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors="replace")


def _of_the_device(error: Exception) -> str | None:
    """What is wrong with the device, if that is what is wrong."""
    if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error):
        return "There is not enough memory on the device for this."
    try:
        jax.devices()
    except Exception as reason:  # JAX raises whatever a plugin does.
        said = str(reason).split(" (set JAX_PLATFORMS")[0].strip().rstrip(".")
        asked = os.environ.get("JAX_PLATFORMS", "")
        return f"JAX finds no device with JAX_PLATFORMS=`{asked}`{': ' if said else ''}{said}. Unset it, or set it to `cpu`."
    return None


def _stop_without_output(error: OSError) -> NoReturn:
    """The end of a command that could not read or write; what is left of its output is dropped."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        sys.exit(1)  # Whoever reads has seen enough, and need not be told.
    what = "Cannot write the output" if error.filename is None else f"Cannot read or write `{error.filename}`"
    _stop(f"{what}: {error.strerror or error}.", 2)


def _stop(sentence: str, code: int) -> NoReturn:
    _say(sentence)
    sys.exit(code)


def _say(sentence: object) -> None:
    with suppress(OSError):
        print(f"jaxgap: {sentence}", file=sys.stderr, flush=True)
