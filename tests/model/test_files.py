"""Files of a result: all of the old ones or all of the new ones, whatever happens on the way."""

import os
import resource
import signal
from pathlib import Path

import pytest

from jaxgap.model import files as _files
from jaxgap.model.files import write_files
from jaxgap.numerics.checks import InputError


def _all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_several_files_are_replaced_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    a, b = tmp_path / "sub" / "a.txt", tmp_path / "sub" / "b.bin"
    assert write_files({a: "old µ", b: b"old"}) == (a, b)
    a.chmod(0o640)
    write_files({a: "new µ", b: b"new"})
    assert _all(tmp_path / "sub") == {"a.txt": "new µ".encode(), "b.bin": b"new"}
    assert a.stat().st_mode & 0o777 == 0o640


def test_a_limit_on_the_size_of_files_leaves_the_old_ones(tmp_path: Path) -> None:
    a, b = tmp_path / "a.txt", tmp_path / "b.txt"
    write_files({a: "old a", b: "old b"})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"b\.txt.*File too large"):
            write_files({a: "new a", b: "x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _all(tmp_path) == {"a.txt": b"old a", "b.txt": b"old b"}


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_interruption_between_two_moves_brings_the_old_ones_back(tmp_path: Path, monkeypatch, stop: BaseException) -> None:
    a, b, c = (tmp_path / name for name in "abc")
    write_files({b: "old b", c: "old c"})
    replace, moves = os.replace, []

    def stopped(new: Path, target: Path) -> None:
        moves.append(target)
        if len(moves) == 3:
            raise stop
        replace(new, target)

    monkeypatch.setattr(_files.os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt if isinstance(stop, KeyboardInterrupt) else InputError):
        write_files({a: "new a", b: "new b", c: "new c"})
    assert _all(tmp_path) == {"b": b"old b", "c": b"old c"}


def test_a_folder_in_the_place_of_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match=r"Cannot write `.*b`: Is a directory"):
        write_files({tmp_path / "a": "new", tmp_path / "b": "new"})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_links_stay_and_devices_are_written_to(tmp_path: Path) -> None:
    write_files({tmp_path / "real": "old"})
    (tmp_path / "link").symlink_to("real")
    write_files({tmp_path / "link": "new", Path("/dev/null"): "gone"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert Path("/dev/null").is_char_device()
