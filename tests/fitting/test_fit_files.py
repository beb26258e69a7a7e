"""A fit is told before it is written; its files change all together or not at all; what must not be quoted is no success."""

import os
import resource
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from jaxgap.commands import fit as commands
from jaxgap.fitting import load_result

SHIPPED = Path(__file__).parents[2] / "fits" / "ba0.6k0.4fe2as2"


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    """Calls `jaxgap` on a copy of the shipped folder, whose fit is known: (exit code, what is printed)."""
    folder = shutil.copytree(SHIPPED, tmp_path / "fit")
    known = load_result(folder)
    monkeypatch.setattr(commands, "run_fit", lambda *_: known)

    def call(*arguments):
        ended = command(*arguments, folder)
        return ended.code, ended

    call.folder, call.known = folder, known
    return call


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_cannot_be_written_has_been_told_and_damages_nothing(run):
    """A limit on the size of files: result.json fits below it, fit.png does not."""
    before = contents(run.folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        code, printed = run("fit")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2
    assert "lambda_13" in printed.out
    assert "Wrote" not in printed.out
    assert "Cannot write" in printed.err
    assert "File too large. Nothing that was there is changed." in printed.err
    assert contents(run.folder) == before


@pytest.mark.skipif(os.geteuid() == 0 if os.name == "posix" else True, reason="a read-only folder is none to root")
def test_a_folder_that_is_read_only(run):
    run.folder.chmod(0o500)
    try:
        code, printed = run("fit")
        assert code == 2
        assert "lambda_13" in printed.out
        code, printed = run("bootstrap")
        assert code == 2
        assert "read-only" in printed.err
    finally:
        run.folder.chmod(0o700)


def test_what_cannot_be_printed_is_written(run, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    for name in ("result.json", "fit.png", "report.html"):
        (run.folder / name).unlink()
    monkeypatch.setattr(commands, "print_report", full)
    code, printed = run("fit")
    assert code == 2
    assert "Cannot write the output: No space left on device." in printed.err
    assert load_result(run.folder).chi2 == run.known.chi2
    assert (run.folder / "report.html").exists()


def test_a_fit_that_has_not_converged_is_told_and_is_no_success(run, monkeypatch):
    unfinished = run.known._replace(start_converged=np.zeros_like(run.known.start_converged))
    monkeypatch.setattr(commands, "run_fit", lambda *_: unfinished)
    code, printed = run("fit")
    assert code == 4
    assert "Wrote" in printed.out
    assert "must not be quoted" in printed.err
