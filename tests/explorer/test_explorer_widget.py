"""The explorer in a notebook: the same module, answered by messages."""

import time

import numpy as np
import pytest

import jaxgap as jg

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'jaxgap[explorer]'")


@pytest.mark.slow
def test_a_question_is_answered_by_messages(monkeypatch):
    sc = jg.materials.two_band()
    widget = jg.explore(sc)
    sent = []
    monkeypatch.setattr(widget, "send", sent.append)
    assert widget.about["system"]["channels"] == list(sc.channels)
    assert "export default" in str(widget._esm)
    widget.asked({"id": 7, "message": {"page": "p", "line": "moves", "move": 1, "T": 4.2, "pieces": ["point"]}})
    widget.asked({"id": 8, "message": {"page": "q", "line": "moves", "move": 1, "T": -1.0, "pieces": ["point"]}})
    deadline = time.monotonic() + 200
    while sum("done" in one for one in sent) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    (answer,) = [one["event"]["answer"] for one in sent if one["id"] == 7 and "answer" in one.get("event", {})]
    np.testing.assert_allclose(answer["Delta"], np.asarray(jg.solve(sc, 4.2).Delta).real, rtol=1e-12)
    (error,) = [one["event"]["error"] for one in sent if one["id"] == 8 and "event" in one]
    assert error.startswith("Argument `T` must not be negative")


def test_what_is_no_system_is_refused():
    with pytest.raises(jg.InputError, match="`sc` must be a Superconductor"):
        jg.explore("ba122")
