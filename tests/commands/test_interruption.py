"""Ctrl-C: one line and exit code 130, in the first moments of a command too."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from jaxgap.commands import interruption
from jaxgap.commands.interruption import EXIT, heeded, say_interrupted


@pytest.mark.filterwarnings("ignore")  # JAX warns of the fork in which the signal is set, if it has computed before.
@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.skipif(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="in the background Ctrl-C is ignored")
@pytest.mark.parametrize("seconds", [0.7, pytest.param(2.0, marks=pytest.mark.slow), pytest.param(6.0, marks=pytest.mark.slow)])
def test_a_command_that_is_interrupted_ends_with_one_line(tmp_path, seconds):
    """While its packages are imported (which takes seconds), and while it works."""
    command = [sys.executable, "-m", "jaxgap", "diagram", "two_band", "--x", "lambda_33=0.1:0.3:400", "--y", "T=1:40:400"]
    command += ["--folder", str(tmp_path)]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time.sleep(seconds)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == EXIT
    assert err.splitlines()[-1] == "jaxgap: Interrupted."
    assert "Traceback" not in err
    assert not out


def interrupted_with(line):
    say_interrupted(line)
    raise KeyboardInterrupt


def test_an_interruption_that_is_raised_is_said_once(capsys):
    for line in ("Interrupted.", "Interrupted: 7 sets are kept."):
        with pytest.raises(SystemExit) as end, heeded():
            interrupted_with(line)
        assert end.value.code == EXIT
        assert capsys.readouterr().err == f"jaxgap: {line}\n"


def test_the_process_does_not_end_while_the_line_is_being_said(monkeypatch):
    """The thread that ends it may wake when the main thread, which reacted at once, has only begun to write."""
    events, writing = [], threading.Event()

    class SlowTerminal:
        def write(self, text):
            writing.set()
            time.sleep(0.1)
            events.append(text)

        def flush(self):
            events.append("flushed")

        def isatty(self):
            return False

    monkeypatch.setattr(sys, "stderr", SlowTerminal())
    monkeypatch.setattr(os, "_exit", events.append)
    monkeypatch.setitem(interruption._state, "said", False)
    main = threading.Thread(target=say_interrupted)
    main.start()
    writing.wait()
    interruption._leave()
    main.join()
    assert "".join(map(str, events)) == f"jaxgap: Interrupted.\nflushed{EXIT}"


def test_what_is_not_interrupted_keeps_its_exit_code():
    with pytest.raises(SystemExit) as end, heeded():
        sys.exit(3)
    assert end.value.code == 3
    with heeded():
        pass


def test_a_library_that_is_imported_leaves_the_signal_alone():
    assert signal.getsignal(signal.SIGINT) is not interruption._raise
