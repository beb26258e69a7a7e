"""The check for a machine with a card (benchmarks/gpu_check.py) runs here, at a small size, and tells if something is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import gpu_check

    return gpu_check


@pytest.mark.slow
def test_it_runs(check, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "SIZES", (300, 10**9))
    assert check.main(["--systems", "40", "--largest", "300", "--output", str(tmp_path / "check.json")]) == 0
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
