"""The benchmark of the intervals, kind by kind (benchmarks/coverage.py), at a small size."""

from importlib import import_module
from pathlib import Path

import pytest

SETS = 20
LEAST, MOST = 8, 19
"""Of 20 sets; each is left with a probability below 0.5 % where 68.3 % are covered."""


@pytest.mark.slow
def test_the_intervals_of_an_entropy(monkeypatch):
    """The coupling and the fraction that stays normal; deviations have the mean and the spread of their errors."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    row = import_module("coverage").covered("entropy", SETS, seed=0)
    assert (row["sets"], row["points"]) == (SETS, 14)
    assert set(row["share_covered"]) == {"lambda_i3", "residual"}
    assert all(LEAST <= SETS * share <= MOST for share in row["share_covered"].values())
    assert all(abs(mean) < 3 / SETS**0.5 for mean in row["mean_of_deviation_over_sigma"])
    assert all(0.5 < spread < 1.6 for spread in row["spread_of_deviation_over_sigma"])
