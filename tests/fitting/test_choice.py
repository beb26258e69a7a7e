"""Fits that leave open which branch it is."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from jaxgap import InputError, NotConvergedError
from jaxgap.fitting import choice, fit, load_fit, load_result
from jaxgap.fitting.choice import not_ground
from jaxgap.fitting.report.verdict import verdict
from jaxgap.solving.labels import named_branches

SHIPPED = Path(__file__).parents[2] / "fits" / "ba0.6k0.4fe2as2"


def test_every_pattern_of_relative_signs():
    assert named_branches(2) == ("s++", "s+-")
    assert named_branches(3) == ("+++", "++-", "+-+", "+--")


@pytest.fixture
def known(monkeypatch):
    """(configuration, system, data) of the shipped fit; fits are those of its result, with a chi^2 by branch."""
    result = load_result(SHIPPED)
    chi2 = {"s++": 1.5, "s+-": 2.5}

    def fitted(config, *_):
        if config.system.branch not in chi2:
            raise NotConvergedError("no")
        return result._replace(branch=config.system.branch, chi2=chi2[config.system.branch], config=config)

    monkeypatch.setattr(choice, "fit_branch", fitted)
    return result, chi2, *load_fit(SHIPPED)


def test_whichever_fits_best_is_kept_and_all_are_named(known):
    _, chi2, config, sc, data = known
    asked = config.with_branch("any")
    found = fit(asked, sc, data)
    assert (found.branch, found.chi2, found.config) == ("s++", 1.5, asked)
    assert [(one.branch, one.chi2) for one in found.tried] == [("s++", 1.5), ("s+-", 2.5)]
    assert "The branch that fits best is s++ (chi^2 = 1.5); s+- has chi^2 = 2.5." in verdict(found)
    assert not found.problem.pattern[1] < 0
    del chi2["s++"]
    found = fit(asked, sc, data)
    assert found.branch == "s+-"
    assert "s++ was not found" in verdict(found)
    chi2.clear()
    with pytest.raises(NotConvergedError, match=r"No branch is what was asked for \(any\): s\+\+: not found; s\+-: not found"):
        fit(asked, sc, data)


def test_only_ground_states_are_kept(known, monkeypatch):
    _, _, config, sc, data = known
    monkeypatch.setattr(choice, "not_ground", lambda found: 4.0 if found.branch == "s++" else None)
    found = fit(config.with_branch("ground_state"), sc, data)
    assert found.branch == "s+-"
    assert "s++ has chi^2 = 1.5 but is not the ground state at 4 K" in verdict(found)


def test_a_state_is_known_by_its_amplitudes(monkeypatch):
    """Not by its signs: several states can have the same."""
    result = load_result(SHIPPED)
    states = {"same": result.amplitudes[0], "turned": -1j * result.amplitudes[0], "alike": 1.01 * result.amplitudes[0]}
    for name, wanted in (("same", None), ("turned", None), ("alike", 0.0)):
        monkeypatch.setattr(choice, "ground_state", lambda *_, name=name: SimpleNamespace(Delta=states[name]))
        assert not_ground(result) == wanted


@pytest.mark.slow
def test_the_state_of_the_shipped_fit_is_the_ground_state():
    """Below 27 K s+- is the only stable state (PHYSICS.md); s++ is not."""
    result = load_result(SHIPPED)
    assert not_ground(result) is None
    other = result.samples[0].comparison.solutions.Delta[:1].real
    assert not_ground(result._replace(branch="s++", amplitudes=np.asarray(other))) == 0.0


def test_an_unknown_choice_is_refused(tmp_path):
    text = (SHIPPED / "fit.toml").read_text(encoding="utf-8")
    assert text.count('branch = "s+-"') == 1
    (tmp_path / "fit.toml").write_text(text.replace('branch = "s+-"', 'branch = "whatever"'), encoding="utf-8")
    (tmp_path / "data.csv").write_text((SHIPPED / "data.csv").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(InputError, match="must be `s\\+\\+`, `s\\+-`"):
        load_fit(tmp_path)


@pytest.mark.slow
def test_the_published_gaps_are_fitted_by_either_branch():
    """Two gaps and two parameters: only which state is the ground state tells."""
    config, sc, data = load_fit(SHIPPED)
    found = fit(config.with_branch("ground_state"), sc, data)
    assert found.branch == "s+-"
    assert {one.branch for one in found.tried} == {"s++", "s+-"}
    np.testing.assert_allclose(found.value, load_result(SHIPPED).value, rtol=1e-6)
