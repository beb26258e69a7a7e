"""Two sweeps into one folder: the second is told who is there, and nothing is lost; sweeps that are too large are refused."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from problems import one_band

from jaxgap import InputError
from jaxgap.sweeps import lock, open_sweep, sweep
from jaxgap.sweeps.lock import locked

GRID = {"Omega": np.array([20.0, 30.0])}
GIVEN = {"grid": GRID, "observables": ["gap"], "T": 0.0, "start": [15.0], "batch": 8}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

pytestmark = pytest.mark.usefixtures("sweeps_as_tests_compile")


@contextmanager
def holder(store: Path):
    """Another process that holds the lock of a store."""
    text = f"from jaxgap.sweeps.lock import locked\nwith locked({str(store)!r}): print('held', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_a_second_sweep_is_told_who_computes_and_goes_on_when_it_is_gone(tmp_path):
    store = tmp_path / "s.zarr"
    (tmp_path / "other.zarr").symlink_to(store)
    with holder(store) as process:
        for name in ("s.zarr", "other.zarr"):
            with pytest.raises(InputError, match=f"is being computed by process {process.pid} on .*, since .*: wait for it"):
                sweep(one_band(), **GIVEN, store=tmp_path / name)
        assert not store.exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / "s.zarr.lock").exists()  # The lock of a process that was killed, which nobody holds.
        data = sweep(one_band(), **GIVEN, store=store)
    np.testing.assert_allclose(data.gap, GRID["Omega"] / np.sinh(1 / 0.3), rtol=1e-9)
    assert {path.name for path in tmp_path.iterdir()} == {"s.zarr", "other.zarr"}


def test_the_lock_ends_with_the_sweep_however_it_ends(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "s.zarr"):
        raise ZeroDivisionError
    with locked(tmp_path / "s.zarr"), pytest.raises(InputError, match="being computed"), locked(tmp_path / "s.zarr"):
        pass
    with locked(tmp_path / "deeper" / "s.zarr"), locked(tmp_path / "s.zarr"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["deeper"]


def test_without_a_lock_of_the_system_the_file_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_system_locks", lambda folder: False)
    path = tmp_path / "s.zarr.lock"
    with locked(tmp_path / "s.zarr"):
        assert f"process {os.getpid()} on" in path.read_text()
        with pytest.raises(InputError, match=r"delete `.*s\.zarr\.lock`"), locked(tmp_path / "s.zarr"):
            pass
        assert path.exists()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path.write_text(lock._myself().decode().replace(f" {os.getpid()} ", f" {gone.pid} "))
    with locked(tmp_path / "s.zarr"):
        assert f"process {os.getpid()} on" in path.read_text()
    assert list(tmp_path.iterdir()) == []
    path.write_text("process 1 on another.machine, since yesterday")
    with pytest.raises(InputError, match=r"process 1 on another\.machine"), locked(tmp_path / "s.zarr"):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["s.zarr.lock"]


TOML = """
observables = ["gap"]
T = 0.0
start = [15.0]
[system.inline]
Omega = 30.0
lam = [[0.3]]
[system.inline.bands.a]
mu = 200.0
[axes.Omega]
from = 20.0
to = 40.0
points = 20000
[axes."lam[a, a]"]
from = 0.25
to = 0.5
points = 20
[run]
chunk = 2000
"""


@pytest.mark.slow
def test_a_job_that_is_submitted_twice(tmp_path):
    """Both begin at once: one computes everything, the other ends with one sentence."""
    (tmp_path / "sweep.toml").write_text(TOML)
    command = [sys.executable, "-m", "jaxgap", "sweep", str(tmp_path / "sweep.toml")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) for _ in "ab"]
    ended = sorted(((*one.communicate(), one.returncode) for one in both), key=lambda end: end[2])
    (out, _, code), (nothing, said, refused) = ended
    assert (code, refused, nothing) == (0, 2, "")
    assert "400000 converged" in out
    assert said.count("jaxgap: The sweep") == 1
    assert "is being computed by process" in said
    assert "Traceback" not in said
    gap = open_sweep(tmp_path / "sweep.zarr").gap.values
    wanted = np.linspace(20, 40, 20000)[:, None] / np.sinh(1 / np.linspace(0.25, 0.5, 20))
    np.testing.assert_allclose(gap, wanted, rtol=1e-9)


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"grid": {f"lam[{a}, {b}]": np.linspace(0.1, 0.2, 200) for a in "ab" for b in "ab"}}, "1,600,000,000 points"),
        ({"batch": 10**8}, "`batch` must be at most 1,048,576"),
        (
            {"grid": {"Omega": np.linspace(20.0, 30.0, 10**6), "T": np.arange(0.0, 500.0)}, "T": None},
            "without `store` may take 8",
        ),
    ],
)
def test_a_sweep_that_is_too_large_is_refused_before_anything_is_allocated(change, sentence):
    from problems import system

    sc = system([[0.3, 0.05], [0.05, 0.25]], [200.0, 210.0], cross=())
    with pytest.raises(InputError) as error:
        sweep(sc, **({**GIVEN, "start": None, "branch": None} | change))
    assert sentence in str(error.value)


def test_a_block_and_an_axis_that_are_too_large(tmp_path):
    grid = {"Omega": np.linspace(20.0, 30.0, 10**5), "T": np.linspace(0.0, 5.0, 5000)}
    with pytest.raises(InputError, match="A block may take"):
        sweep(one_band(), grid, ["gap"], start=[15.0], store=tmp_path / "s.zarr", chunk=10**9)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="at most 10,000,000 values"):
        sweep(one_band(), {"Omega": np.broadcast_to(1.0, 10**8)}, ["gap"], T=0.0)


@pytest.mark.parametrize("values", [[30.0, 20.0, 30.0], [20.0, 20.0]])
def test_no_value_twice(values):
    with pytest.raises(InputError, match="more than once"):
        sweep(one_band(), **(GIVEN | {"grid": {"Omega": values}}))


def test_an_axis_may_fall():
    data = sweep(one_band(), **(GIVEN | {"grid": {"Omega": [30.0, 20.0]}}))
    np.testing.assert_allclose(data.gap, np.array([30.0, 20.0]) / np.sinh(1 / 0.3), rtol=1e-9)
