"""The folder of kept programs: only the user's own files are read, nothing in them is called, and it does not grow for ever."""

import hashlib
import os
import pickle
import stat

import jax
import jax.numpy as jnp
import pytest

from jaxgap.numerics import programs as _compilation
from jaxgap.numerics.cache import objection, restored, trim
from jaxgap.numerics.programs import keep_programs, program

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")


@pytest.fixture
def settings(monkeypatch):
    """The settings that `keep_programs` changes are set back."""
    names = ("jax_compilation_cache_dir", "jax_enable_compilation_cache")
    before = {name: getattr(jax.config, name) for name in names}
    monkeypatch.setattr(_compilation, "_kept", None)
    monkeypatch.setattr(_compilation, "_bounded", None)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    yield monkeypatch
    for name, value in before.items():
        jax.config.update(name, value)


@posix
def test_a_folder_that_is_made_is_for_the_user_alone(settings, tmp_path):
    settings.setenv("XDG_CACHE_HOME", str(tmp_path))
    keep_programs()
    assert stat.S_IMODE((tmp_path / "jaxgap" / "xla").stat().st_mode) == 0o700
    assert _compilation._kept == tmp_path / "jaxgap" / "xla" / "traced"
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "jaxgap" / "xla")


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_that_others_can_write_is_not_used(settings, tmp_path, mode):
    folder = tmp_path / "xla"
    folder.mkdir()
    folder.chmod(mode)
    for chosen in (False, True):
        if chosen:
            settings.setenv("JAX_COMPILATION_CACHE_DIR", str(folder))
        with pytest.warns(UserWarning, match=r"not kept for the next run: the folder `.*xla` can be written by others"):
            keep_programs(folder)
        assert _compilation._kept is None
        assert not jax.config.jax_enable_compilation_cache
    assert not list(folder.iterdir())


@posix
def test_a_folder_of_somebody_else_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert objection(tmp_path).endswith("belongs to another user")


def test_a_folder_that_cannot_be_made_is_said_once(settings, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="cannot be made") as said:
        keep_programs(tmp_path / "file" / "xla")
    assert len(said) == 1


def doubled(kept):
    """A program that doubles, and the list to which every trace of it adds."""
    traces = []

    def function(x):
        traces.append(1)
        return {"twice": 2 * x}

    return program(function), traces


@pytest.fixture
def file(settings, tmp_path):
    """The file of a program that is kept."""
    settings.setattr(_compilation, "_kept", tmp_path / "traced")
    doubled(tmp_path)[0](jnp.ones(3))
    (file,) = tmp_path.glob("traced/*/*")
    return file


def again(file):
    """How often another process would trace the program."""
    function, traces = doubled(file)
    assert function(jnp.ones(3))["twice"].tolist() == [2.0] * 3
    return len(traces)


@posix
def test_a_file_that_others_can_write_is_made_anew(file):
    assert again(file) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o622)
    assert again(file) == 1
    assert again(file) == 0


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


def test_nothing_in_a_file_is_called(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps((b"", Evil()))
    file.write_bytes(hashlib.sha256(content).digest() + content)
    file.chmod(0o600)
    assert again(file) == 1
    assert not (tmp_path / "evil").exists()
    for forbidden in (Evil(), os.getcwd, pickle.loads, keep_programs):
        with pytest.raises(pickle.UnpicklingError):
            restored(pickle.dumps(forbidden), "jaxgap.solve")


def test_the_oldest_go_first(tmp_path):
    for k in range(10):
        path = tmp_path / str(k % 3) / f"{k}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (k, k))
    trim(tmp_path, most=1000)
    assert len(list(tmp_path.glob("*/*"))) == 10
    trim(tmp_path, most=800)
    assert {path.name for path in tmp_path.glob("*/*")} == {"4", "5", "6", "7", "8", "9"}


def test_what_is_read_counts_as_new(file):
    os.utime(file, (1, 1))
    assert again(file) == 0
    assert file.stat().st_mtime > 1e9


def test_the_size_is_looked_at_when_something_is_kept(settings, tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "old").write_bytes(bytes(2000))
    settings.setattr(_compilation, "_kept", folder / "traced")
    settings.setattr(_compilation, "_bounded", folder)
    settings.setattr("jaxgap.numerics.programs.trim", lambda place: trim(place, most=1000))
    doubled(folder)[0](jnp.ones(3))
    assert not (folder / "old").exists()
