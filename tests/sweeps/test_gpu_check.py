"""The check for a machine with a card (benchmarks/gpu_check.py) runs here, at a small size, and tells if something is wrong."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import gpu_check

    return gpu_check


def test_what_a_program_takes_is_counted(check):
    """benchmarks/gpu_program.py, on a program for this device: five rounds of reading 1000 numbers and writing as many, and
    a copy of what is read and of what is written."""
    import gpu_program

    def rounds(x):
        return jax.lax.fori_loop(0, 5, lambda _, x: jnp.sin(x) * 2.0 + x[::-1], x)

    text = jax.jit(rounds).lower(jnp.zeros(1000)).compile().as_text()
    program = gpu_program.Program(text, steps=3, blocks=1, machine_code={})
    total = program.total
    (loop,) = program.loops
    assert (loop["times"], loop["times_are_known"]) == (5, True)
    assert total.launches >= 5
    assert 5 * 16_000 <= total.bytes <= 12 * 16_000
    assert total.instructions >= 5 * 1000 * gpu_program.INSTRUCTIONS["sine"]


@pytest.mark.slow
def test_it_runs(check, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "SIZES", (300, 10**9))
    assert (
        check.main(["--systems", "40", "--largest", "300", "--seconds", "100000", "--output", str(tmp_path / "check.json")])
        == 0
    )
    report = json.loads((tmp_path / "check.json").read_text())
    assert set(report["right"]) == {"start", "branch", "T_c", "residual", "derivatives", "sweep"}
    assert all(report["fast"][name][0]["systems"] == 300 for name in ("start", "branch", "T_c"))
    assert report["device"].startswith("cpu")


@pytest.mark.slow
def test_it_tells_what_is_wrong(check, monkeypatch):
    true = check.on_the_cpu
    monkeypatch.setattr(check, "on_the_cpu", lambda *args: _moved(true(*args)))
    monkeypatch.setattr(check, "fast", lambda *_: {})
    assert check.main(["--systems", "40"]) == 1


def _moved(found):
    first, second = found
    return np.asarray(first) * (1 + 1e-5), second
