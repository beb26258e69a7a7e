"""Switches of all tests: fixed seeds, and a compilation cache that the workers share: compilation is most of a run's time.

Double precision is jaxgap's own business (`jaxgap.numerics.double`) and is not switched on here. Seeds are in the tests
themselves (`problems.generator`): none reads the clock or a global generator.
"""

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from called import Ended
from xdist import is_xdist_controller

UNOPTIMISED = ("--xla_backend_optimization_level=0", "--xla_cpu_parallel_codegen_split_count=1")
"""Most programs of the tests run once: LLVM leaves them as they are, which halves what they cost to compile."""

SEED = 20200926
MANY_MAPS = 20_000
MANY_PAGES = 1_000_000
"""Of 4 kB, that is 4 GB: two workers, and room for the rest of a machine of 16 GB."""
SLOW_FIXTURES = {
    "test_branches::temperatures",
    "test_continuation::fig2",
    "test_fit::shipped",
    "test_solutions::near_the_change",
    "test_sweep::two",
}
"""Fits, searches, branches over a plane: whoever asks for them waits, so that all of their tests are slow ones."""
LONGEST = ("fit", "phase_diagram", "posterior", "observables", "branches", "continuation", "cli", "sweep", "kernel", "pairing")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Settings of the processes that run tests; the one that hands tests out to them has no use for JAX, whose import takes
    seconds in which nobody else runs."""
    if is_xdist_controller(session):
        # For the workers: threads of small linear algebra wait for each other by spinning, and a core has its own worker.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        return
    import jax

    from jaxgap.numerics.programs import KNOWN, compile_quickly, keep_programs

    if jax.__version_info__[:2] in KNOWN:
        given = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = " ".join([given, *(flag for flag in UNOPTIMISED if flag.split("=")[0] not in given)]).strip()
    compile_quickly()
    keep_programs(Path(__file__).parent.parent / ".pytest_cache" / "xla")


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first, so that none is left to one worker at the end; the others as they come. Tests that are
    named in nightly.txt are slow and nightly, those of a fixture that takes long are slow."""
    nightly, met = set((Path(__file__).parent / "nightly.txt").read_text(encoding="utf-8").splitlines()), set()
    for item in items:
        named = nightly & {f"{item.path.stem}::{name}" for name in (item.name, getattr(item, "originalname", item.name))}
        if named:
            item.add_marker("slow")
            item.add_marker("nightly")
            met |= named
        if SLOW_FIXTURES & {f"{item.path.stem}::{name}" for name in getattr(item, "fixturenames", ())}:
            item.add_marker("slow")
    whole = {item.path.stem for item in items} if not config.getoption("lf") and "::" not in "".join(config.args) else set()
    unknown = sorted(name for name in nightly - met if name.split("::")[0] in whole)
    if unknown:
        raise pytest.UsageError(f"tests/nightly.txt names what is no test: {', '.join(unknown)}.")
    place = {f"test_{name}.py": k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


@pytest.fixture(autouse=True)
def _legacy_generator_is_fixed() -> None:
    """Whoever reaches for numpy's global generator gets the same numbers in every run and in every order of tests."""
    np.random.seed(SEED)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Calls the entry point in this process, as the installed command does: command("solve", "ba122", "--T", 1)."""
    from jaxgap.commands import main as cli

    for name in ("keep_programs", "compile_quickly"):
        monkeypatch.setattr(cli, name, lambda: None)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["jaxgap", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Ended(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def optimised() -> Iterator[None]:
    """For files that run their programs thousands of times: they are compiled as `compile_quickly` wants."""
    import jax

    compile_ = jax.stages.Lowered.compile
    with pytest.MonkeyPatch.context() as patch:
        options = {"xla_backend_optimization_level": 1}
        patch.setattr(jax.stages.Lowered, "compile", lambda lowered: compile_(lowered, options))
        yield


@pytest.fixture(scope="module")
def sweeps_as_tests_compile() -> Iterator[None]:
    """Sweeps set how hard XLA tries themselves; in tests their programs run a few times, and are compiled as all others."""
    from jaxgap.sweeps import evaluate

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "OPTIONS", {})
        yield


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_are_dropped() -> Iterator[None]:
    """Thousands of compiled programs in one process use up its memory, and its memory maps (65530 by default): LLVM then
    crashes."""
    from jaxgap.numerics.programs import drop_programs

    yield
    maps, pages = Path("/proc/self/maps"), Path("/proc/self/statm")
    if not maps.exists() or maps.read_bytes().count(b"\n") > MANY_MAPS or int(pages.read_text().split()[1]) > MANY_PAGES:
        drop_programs()
        gc.collect()
        with contextlib.suppress(AttributeError):  # of glibc: what is free goes back to the system
            ctypes.CDLL(None).malloc_trim(0)
