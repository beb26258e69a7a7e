"""The table of cases is what it says, and the comparisons that all tests share can fail."""

import numpy as np
import problems
import pytest
from problems import PROBLEMS, gauge_error, problem, relative_error, scaled_error

from jaxgap import materials

ROUNDING = 1e-14
"""A few operations in double precision."""


def test_every_case_of_the_reference_is_in_the_table():
    assert len(PROBLEMS) == 18
    assert len({p.name for p in PROBLEMS}) == len(PROBLEMS)


@pytest.mark.parametrize("case", PROBLEMS, ids=str)
def test_case_is_consistent(case):
    n_bands, n_pairs = len(case.system.bands), len(case.system.cross)
    assert case.Delta.shape == (n_bands + n_pairs,)
    assert len(case.minima) == n_bands
    assert list(case.minima) == sorted(case.minima)
    assert 0 <= case.T < case.T_c
    assert case.free_energy is None or case.free_energy < 0


def test_free_energies_are_given_only_where_detailed_balance_holds():
    with_energy = [p for p in PROBLEMS if p.free_energy is not None]
    assert len(with_energy) == 10
    assert all(bool(p.system.has_free_energy) for p in with_energy)


@pytest.mark.parametrize(
    ("material", "words"),
    [
        (materials.ba122(), "s+- branch, T=1.0"),
        (materials.ba122(0.1, 41.4, "sum"), "normalization sum, lambda_13=0.1"),
        (materials.two_band(0.25), "lambda33=0.25"),
        (materials.two_band(0.1, d=10.0), "offset 10 meV"),
        (materials.mgb2(), "MgB2"),
    ],
)
def test_materials_are_the_reference_systems(material, words):
    reference = problem(words).system
    np.testing.assert_array_equal(material.lam, reference.lam)
    np.testing.assert_array_equal(material.N, reference.N)
    assert material.Omega == reference.Omega
    assert (material.cross, material.dimension, material.convention) == (
        reference.cross,
        reference.dimension,
        reference.convention,
    )
    assert [float(b.mu) for b in material.bands] == [float(b.mu) for b in reference.bands]


def test_random_systems_are_reproducible_and_different():
    a, again, b = problems.random_system(1), problems.random_system(1), problems.random_system(2)
    np.testing.assert_array_equal(a.lam, again.lam)
    assert not np.allclose(a.lam, b.lam)


def test_random_systems_obey_detailed_balance_only_if_asked():
    assert bool(problems.random_system(3, symmetric=True, equal_masses=False).has_free_energy)
    assert not bool(problems.random_system(3, equal_masses=False).has_free_energy)


def test_unknown_or_ambiguous_case_is_refused():
    with pytest.raises(KeyError):
        problem("Ba0.6K0.4Fe2As2")
    with pytest.raises(KeyError):
        problem("unobtainium")


DELTA = np.array([3.0, -2.0 + 0.3j, 0.5j])


@pytest.mark.parametrize("phase", [0.0, 0.3, np.pi / 2, 3.0])
def test_gauge_error_ignores_global_phase_and_conjugation(phase):
    turned = DELTA * np.exp(1j * phase)
    assert gauge_error(turned, DELTA) < ROUNDING
    assert gauge_error(turned.conj(), DELTA) < ROUNDING


@pytest.mark.parametrize(
    "wrong",
    [
        DELTA * 1.001,
        DELTA * np.array([1.0, -1.0, 1.0]),
        DELTA * np.array([1.0, 1.0, np.exp(0.001j)]),
        DELTA * np.array([1.0, np.nan, 1.0]),
        DELTA * 0.0,
    ],
)
def test_gauge_error_sees_what_is_wrong(wrong):
    assert gauge_error(wrong, DELTA) > 3e-4


def test_relative_error_can_fail():
    assert relative_error([1.0, 2.0], [1.0, 2.0]) == 0
    assert relative_error([1.0, 2.0 + 2e-8], [1.0, 2.0]) == pytest.approx(1e-8)
    assert relative_error([1.0, 1.0], [1.0, 0.0]) == np.inf
    assert relative_error([np.nan, 1.0], [1.0, 1.0]) == np.inf
    with pytest.raises(ValueError, match="shapes"):
        relative_error([1.0], 1.0)


def test_scaled_error_can_fail():
    assert scaled_error([1.0, 0.0], [1.0, 0.0]) == 0
    assert scaled_error([1.0, 1e-3], [1.0, 0.0]) == pytest.approx(1e-3)
    assert scaled_error([np.nan, 1.0], [1.0, 1.0]) == np.inf
    with pytest.raises(ValueError, match="shapes"):
        scaled_error([1.0], 1.0)
