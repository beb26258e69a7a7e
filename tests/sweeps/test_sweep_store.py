"""A sweep on disk survives whatever happens to it: an end at any moment, damage, a full disk, other settings."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from problems import one_band

from jaxgap import InputError
from jaxgap.model.systems import from_toml
from jaxgap.sweeps import open_sweep, sweep, to_netcdf
from jaxgap.sweeps.configuration import function_text
from jaxgap.sweeps.work import Work

GRID = {"lam[a, a]": np.linspace(0.25, 0.5, 5), "Omega": np.array([20.0, 30.0, 40.0])}
GIVEN = {"grid": GRID, "observables": ["gap", "label", "Delta"], "T": 0.0, "start": [15.0], "batch": 8, "chunk": 4}
BLOCKS = 5
"""Of four points at most: a row of three each."""


pytestmark = pytest.mark.usefixtures("sweeps_as_tests_compile")


@pytest.fixture(scope="module")
def expected():
    return sweep(one_band(), **GIVEN)


@pytest.fixture
def computed(monkeypatch):
    """The blocks that are computed, as they are."""
    seen: list[float] = []
    compute = Work.block

    def block(self, rows, extent):
        seen.append(float(rows[0, 0]))
        return compute(self, rows, extent)

    monkeypatch.setattr(Work, "block", block)
    return seen


ROUNDING = 1e-12
"""Of amplitudes and T_c far from any fold."""


def same(data, expected) -> None:
    """To the last bit."""
    assert set(data.data_vars) == set(expected.data_vars)
    for name in expected:
        np.testing.assert_array_equal(data[name].values, expected[name].values)
        assert data[name].dims == expected[name].dims
        assert data[name].values.tobytes() == expected[name].values.tobytes()


class Stopped(Exception):
    pass


def stop_after(blocks: int):
    """Progress that ends the sweep."""

    def report(now):
        if now.done >= 3 * blocks:
            raise Stopped

    return report


def test_a_store_holds_what_memory_holds(expected, tmp_path):
    data = sweep(one_band(), **GIVEN, store=tmp_path / "s.zarr")
    same(data, expected)
    assert data.gap.attrs == expected.gap.attrs
    assert data.Omega.attrs["units"] == "meV"
    assert data.channel.values.tolist() == ["a"]
    assert not (tmp_path / "s.zarr.new").exists()


def test_other_programs_read_it_without_a_warning(expected, tmp_path):
    """Warnings are errors here. What no axis moves is a coordinate, and the system is a file that can be read."""
    sweep(one_band(), **GIVEN, store=tmp_path / "s.zarr")
    data = xr.open_zarr(tmp_path / "s.zarr")
    same(data, expected)
    assert (float(data["T"]), data["T"].attrs["units"]) == (0.0, "K")
    assert set(data.coords) == set(expected.coords) == {"lam[a, a]", "Omega", "T", "channel"}
    assert data.Omega.attrs["long_name"] == "half width of the pairing shell"
    assert from_toml(data.attrs["system"]).get("Omega") == one_band().get("Omega")


def test_it_becomes_netcdf(expected, tmp_path):
    """Complex amplitudes as two real numbers; codes keep what they mean."""
    turned = expected.assign(Delta=(expected.Delta * np.exp(0.3j)).assign_attrs(expected.Delta.attrs))
    with xr.open_dataset(to_netcdf(turned, tmp_path / "s.nc"), engine="h5netcdf") as found:
        np.testing.assert_array_equal(found.Delta_re + 1j * found.Delta_im, turned.Delta)
        assert found.Delta_im.attrs["long_name"].startswith("imaginary part of ")
        assert found.gap.attrs["units"] == "meV"
        assert found.status.attrs["flag_values"].dtype == found.status.dtype
        assert found.attrs["Conventions"] == "CF-1.11"


def test_columns_are_coordinates(tmp_path):
    """Of samples, the axes are no dimensions."""
    given = {name: values[:3] for name, values in GRID.items()}
    about = {key: value for key, value in GIVEN.items() if key != "grid"}
    data = sweep(one_band(), samples=given, **about, store=tmp_path / "s.zarr")
    assert {"lam[a, a]", "Omega"} <= set(data.coords)
    assert "Omega" in xr.open_zarr(tmp_path / "s.zarr").coords


def test_a_sweep_goes_on_and_computes_nothing_twice(expected, tmp_path, computed):
    store = tmp_path / "s.zarr"
    with pytest.raises(Stopped):
        sweep(one_band(), **GIVEN, store=store, progress=stop_after(2))
    assert np.sum(open_sweep(store).status.values == -1) == 9
    reports: list = []
    same(sweep(one_band(), **GIVEN, store=store, progress=reports.append), expected)
    assert computed == GRID["lam[a, a]"].tolist()
    assert reports[0].kept == 6
    sweep(one_band(), **GIVEN, store=store)
    assert len(computed) == BLOCKS


def test_a_sweep_goes_on_with_the_blocks_it_began_with(expected, tmp_path, computed):
    store = tmp_path / "s.zarr"
    sweep(one_band(), **GIVEN, store=store)
    sweep(one_band(), **(GIVEN | {"chunk": None, "batch": None}), store=store)
    assert len(computed) == BLOCKS


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def replaced(path: Path) -> None:
    """By another block's: sound in itself, and wrong."""
    path.write_bytes((path.parents[1] / "0" / "0").read_bytes())


@pytest.mark.parametrize("damage", [truncated, flipped, emptied, replaced, Path.unlink])
@pytest.mark.parametrize("name", ["gap", "manifest/checksum"])
def test_a_damaged_chunk_is_computed_again(damage, name, expected, tmp_path, computed):
    store = tmp_path / "s.zarr"
    sweep(one_band(), **GIVEN, store=store)
    damage(store / name / "c" / "3" / "0")
    computed.clear()
    same(sweep(one_band(), **GIVEN, store=store), expected)
    assert computed == [GRID["lam[a, a]"][3]]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"T": 1.0}, "T: 0.0, not 1.0"),
        ({"grid": GRID | {"Omega": [20.0, 30.0, 41.0]}}, "axes"),
        ({"observables": ["gap"]}, "observables"),
        ({"start": [16.0]}, "start"),
        ({"start": None, "branch": "+"}, "branch"),
        ({"chunk": 2}, "chunk"),
        ({"batch": 16}, "batch"),
    ],
)
def test_another_configuration_is_refused(change, what, expected, tmp_path):
    store = tmp_path / "s.zarr"
    with pytest.raises(Stopped):
        sweep(one_band(), **GIVEN, store=store, progress=stop_after(1))
    with pytest.raises(InputError, match="another configuration") as error:
        sweep(one_band(), **(GIVEN | change), store=store)
    assert what in str(error.value)
    with pytest.raises(InputError, match="system"):
        sweep(one_band(lam=0.31), **GIVEN, store=store)


def test_another_version_is_refused(tmp_path, monkeypatch):
    store = tmp_path / "s.zarr"
    with pytest.raises(Stopped):
        sweep(one_band(), **GIVEN, store=store, progress=stop_after(1))
    monkeypatch.setattr("jaxgap.sweeps.configuration.version", lambda name: "0.0")
    with pytest.raises(InputError, match="versions"):
        sweep(one_band(), **GIVEN, store=store)


def test_functions_are_told_apart_by_their_source_and_what_they_enclose():
    def scaled(factor):
        return lambda sc, T, s: factor * s.Delta

    assert function_text(scaled(2.0)) == function_text(scaled(2.0))
    assert function_text(scaled(2.0)) != function_text(scaled(3.0))
    assert function_text(lambda sc, T, s: s.Delta) != function_text(lambda sc, T, s: -s.Delta)
    assert function_text(scaled(np.arange(3))) != function_text(scaled(np.arange(4)))


def test_a_full_disk_is_one_sentence_and_loses_nothing(expected, tmp_path, monkeypatch, computed):
    store, put, left = tmp_path / "s.zarr", zarr.storage._local._put, [9]

    def full(path, value, exclusive=False):
        if path.parent.parent.name == "c" and "manifest" not in str(path):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return put(path, value, exclusive)

    monkeypatch.setattr("zarr.storage._local._put", full)
    with pytest.raises(InputError, match=r"No space left on device.*What was finished before is kept"):
        sweep(one_band(), **GIVEN, store=store)
    monkeypatch.setattr("zarr.storage._local._put", put)
    begun = len(computed)
    same(sweep(one_band(), **GIVEN, store=store), expected)
    assert 1 < begun < BLOCKS
    assert len(computed) == BLOCKS + 1


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="Cannot write the sweep"):
        sweep(one_band(), **GIVEN, store=tmp_path / "file" / "s.zarr")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="is no sweep of jaxgap"):
        sweep(one_band(), **GIVEN, store=tmp_path / "folder")
    with pytest.raises(InputError, match="must be the folder of a sweep"):
        open_sweep(tmp_path / "nothing")


# --- other processes --------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
import numpy as np
import jaxgap
from jaxgap.sweeps import sweep
sys.path.insert(0, {tests!r})
from problems import one_band

if __name__ == "__main__":
    store, scheduler = sys.argv[1], (sys.argv[2:] or [None])[0]
    grid = {{"lam[a, a]": np.linspace(0.25, 0.5, 200), "T": np.linspace(0.0, 1.0, {columns})}}
    sweep(one_band(), grid, ["gap", "T_c"], start=[15.0], batch=64, chunk=1024, store=store, scheduler=scheduler)
"""


def script(tmp_path: Path, columns: int = 50) -> Path:
    path = tmp_path / "run.py"
    path.write_text(textwrap.dedent(SCRIPT.format(tests=str(Path(__file__).parents[1]), columns=columns)))
    return path


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "XLA_FLAGS": "", **more}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    subprocess.run([sys.executable, script(folder), folder / "s.zarr"], check=True, env=environment())
    return open_sweep(folder / "s.zarr").load()


@pytest.mark.slow
def test_eight_devices_give_what_two_and_one_give(uninterrupted, tmp_path):
    """One batch per device has one shape whatever the number of devices: from two on equal to the last bit. The program of one
    device is not cut into parts, and is another to XLA: equal but for rounding."""
    found = {}
    for devices in (2, 8):
        several = environment(XLA_FLAGS=f"--xla_force_host_platform_device_count={devices}")
        count = [sys.executable, "-c", "import jax; print(jax.local_device_count())"]
        assert subprocess.run(count, env=several, capture_output=True, text=True, check=True).stdout.strip() == str(devices)
        store = tmp_path / f"{devices}.zarr"
        subprocess.run([sys.executable, script(tmp_path), store], check=True, env=several)
        found[devices] = open_sweep(store).load()
    same(found[8], found[2])
    assert np.array_equal(found[8].status, uninterrupted.status)
    for name in ("gap", "T_c"):
        np.testing.assert_allclose(found[8][name], uninterrupted[name], rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_killed_process_loses_only_its_block(share, uninterrupted, tmp_path):
    store, command = tmp_path / "s.zarr", [sys.executable, script(tmp_path), tmp_path / "s.zarr"]
    process = subprocess.Popen(command, env=environment())
    checksums = store / "manifest" / "checksum" / "c"
    while len(list(checksums.glob("*/*"))) < share * 10:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert np.any(open_sweep(store).status.values == -1)
    subprocess.run(command, check=True, env=environment())
    same(open_sweep(store).load(), uninterrupted)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_finishes_when_a_worker_is_killed(uninterrupted, tmp_path):
    """Three workers, of which one dies once blocks are written: complete, and what one process computes."""
    distributed = pytest.importorskip("distributed")
    store = tmp_path / "s.zarr"
    with (
        pytest.MonkeyPatch.context() as patch,
        distributed.LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=None, processes=True) as cluster,
        distributed.Client(cluster) as client,
    ):
        for name, value in environment().items():
            patch.setenv(name, value)
        cluster.scale(3)
        client.wait_for_workers(3, timeout=120)
        process = subprocess.Popen([sys.executable, script(tmp_path), store, cluster.scheduler_address], env=environment())
        checksums = store / "manifest" / "checksum" / "c"
        while len(list(checksums.glob("*/*"))) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        pids = client.run(os.getpid)
        assert len(list(checksums.glob("*/*"))) < 10
        os.kill(next(iter(pids.values())), signal.SIGKILL)
        assert process.wait(timeout=500) == 0
    same(open_sweep(store).load(), uninterrupted)


# --- sweep.toml -------------------------------------------------------------------------------------------------------

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
points = 3
[run]
batch = 8
[pictures.gap]
variable = "gap"
"""


def command(*arguments: str):
    from typer.testing import CliRunner

    from jaxgap.commands.main import app

    return CliRunner().invoke(app, ["sweep", *arguments])


def test_the_command_writes_store_and_picture_and_counts(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(TOML)
    result = command(str(path), "--json")
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout[result.stdout.index("{") :])  # Older versions of click put progress before it.
    assert row["points"] == {"converged": 3}
    assert (tmp_path / "gap.png").stat().st_size > 0
    np.testing.assert_allclose(open_sweep(tmp_path / "sweep.zarr").gap, np.array([20, 30, 40]) / np.sinh(1 / 0.3), rtol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("T = 0.0", "T = 0.0\nTemp = 3", "unknown key `Temp`"),
        ("T = 0.0", "T = -1.0", "`T`: input should be greater than or equal to 0, but got -1.0"),
        ("T = 0.0", "T = nan", "`T`: input should be"),
        ("axes.Omega", "axes.Omeg", "Unknown path `Omeg`"),
        ("points = 3", "points = 0", "`axes.Omega.points`"),
        ("points = 3", "points = 1000000000", "`axes.Omega.points`: input should be less than or equal to 10000000"),
        ("points = 3", "points = 1", "an axis from one value to another has 2 points at least"),
        ("to = 40.0", "to = 20.0", "The axis `Omega` has the value 20 more than once"),
        ("points = 3", "", "give `from`, `to` and `points`, all three, or `values`"),
        ("from = 20.0\nto = 40.0\npoints = 3", "values = []", "`axes.Omega.values`"),
        ("from = 20.0", "from = -20.0", "At Omega = -20"),
        ('["gap"]', '["gapp"]', "Unknown observable `gapp`"),
        ("[axes.Omega]", "[samples]\nfile = 's.csv'\n[axes.Omega]", "give either [axes] or [samples]"),
        ("[axes.Omega]\nfrom = 20.0\nto = 40.0\npoints = 3", "[samples]\nfile = 's.csv'", "Cannot read the samples"),
        ("[run]", "[run", "not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_sweep_toml_is_one_sentence(old, new, sentence, tmp_path):
    from jaxgap.sweeps.config import load_sweep

    path = tmp_path / "sweep.toml"
    assert old in TOML
    path.write_text(TOML.replace(old, new))
    with pytest.raises(InputError) as error:
        load_sweep(path)
    assert sentence in str(error.value)
    assert str(error.value).startswith(str(path))
