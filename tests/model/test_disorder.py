"""Disorder as a user gives it: conversion, paths, files, and one sentence for what is wrong."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.model.systems import from_toml, to_toml

BANDS = {"a": {"mu": 500.0}, "b": {"mu": 510.0}}
LAM = [[0.4, 0.05], [0.05, 0.3]]
U, J = [[0.3, 0.1], [0.1, -0.2]], [[0.05, 0.0], [0.0, 0.1]]
CUTOFF = jg.MatsubaraCutoff(30.0)


def system(disorder=None, bands=BANDS, lam=LAM, interaction=CUTOFF, **options):
    return jg.superconductor(bands=bands, lam=lam, interaction=interaction, disorder=disorder, **options)


ONE = system(jg.Disorder(0.5, U, J))
TWO = system([jg.Disorder(0.5, U), jg.Disorder(density=0.1, J=J, kind="T-matrix")])


@pytest.mark.parametrize("sc", [ONE, TWO], ids=["one kind", "two kinds"])
def test_every_number_has_a_path(sc):
    own = [path for path in sc.paths if path.startswith("disorder")]
    assert len(own) == 7 * len(sc.disorder)
    for k, path in enumerate(own):
        changed = sc.set({path: 0.125 + k})
        assert float(changed.get(path)) == 0.125 + k
        others = [other for other in sc.paths if other != path]
        assert all(float(changed.get(other)) == float(sc.get(other)) for other in others)
        assert sc.unit(path) == ("1" if path.endswith("density") else "meV")


def test_a_matrix_stays_symmetric():
    changed = ONE.set({"disorder.u[b, a]": 0.7}).disorder[0]
    np.testing.assert_array_equal(changed.u, [[0.3, 0.7], [0.7, -0.2]])
    assert ONE.canonical("disorder.u[ b,a ]") == "disorder.u[a, b]"
    assert TWO.canonical("disorder[ 1 ].J[b, b]") == "disorder[1].J[b, b]"


def test_a_derivative_stands_at_one_entry():
    def size(sc):
        return jnp.sum(sc.disorder[0].potential ** 2)

    slope = jax.grad(size)(ONE)
    assert float(slope.get("disorder.u[a, b]")) == pytest.approx(4 * 0.1)
    assert float(slope.get("disorder.u[b, a]")) == pytest.approx(4 * 0.1)
    assert float(slope.get("disorder.u[b, b]")) == pytest.approx(2 * -0.2)


@pytest.mark.parametrize("sc", [ONE, TWO, system()], ids=["one kind", "two kinds", "clean"])
def test_there_and_back_through_a_file(sc):
    again = from_toml(to_toml(sc))
    assert jax.tree.structure(again) == jax.tree.structure(sc)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(sc), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_table_of_a_file_and_words():
    text = to_toml(system()) + "\n[disorder]\ndensity = 0.5\nu = [[0.3, 0.1], [0.1, -0.2]]\n"
    sc = from_toml(text)
    np.testing.assert_array_equal(sc.disorder[0].u, U)
    np.testing.assert_array_equal(sc.disorder[0].J, np.zeros((2, 2)))
    assert "Born disorder, density 0.5, u [[0.3, 0.1], [0.1, -0.2]] meV" in str(sc)
    assert "T-matrix disorder, density 0.1, J" in str(TWO)
    assert "disorder" not in str(system())


def test_one_band_takes_numbers():
    sc = system(jg.Disorder(0.5, 0.3), {"a": {"mu": 9.0}}, 0.3)
    assert float(sc.get("disorder.u[a, a]")) == 0.3


SHELL = {"bands": BANDS, "lam": LAM, "Omega": 30.0}
BAD = {
    "a shell": (lambda: jg.superconductor(**SHELL, disorder=jg.Disorder(1.0, U)), "left out of a momentum shell.*44 %"),
    "asymmetric u": (lambda: system(jg.Disorder(1.0, [[0.0, 1.0], [0.5, 0.0]])), "`disorder.u` must be symmetric"),
    "asymmetric J": (lambda: system(jg.Disorder(1.0, J=[[0.0, 1.0], [0.5, 0.0]])), "`disorder.J` must be symmetric"),
    "a negative density": (lambda: system(jg.Disorder(-1.0, U)), "`disorder.density` must not be negative, but got -1"),
    "a negative density in a path": (lambda: ONE.set({"disorder.density": -1.0}), "`disorder.density` must not be negative"),
    "one of two": (lambda: system([jg.Disorder(1.0, U), jg.Disorder(-1.0, U)]), r"`disorder\[1\].density` must not be neg"),
    "a wrong shape": (lambda: system(jg.Disorder(1.0, np.eye(3))), r"`disorder.u` must be a 2 x 2 matrix .*\(3, 3\)"),
    "no potential": (lambda: system(jg.Disorder(1.0)), "`disorder` must have a potential u, or a spin J"),
    "an unknown kind": (lambda: system(jg.Disorder(1.0, U, kind="born")), 'must be "Born" or "T-matrix", but got'),
    "no disorder": (lambda: system(0.3), "`disorder` must be a Disorder, or a list of them"),
    "many densities": (lambda: system(jg.Disorder([1.0, 2.0], U)), "`disorder.density` must be one number"),
    "no number": (lambda: system(jg.Disorder(1.0, [[np.nan, 0.0], [0.0, 1.0]])), "`disorder.u` must be finite"),
    "masses of both signs": (
        lambda: system(jg.Disorder(1.0, U), {"a": {"mu": 9.0}, "b": {"mu": -9.0, "mass": -1.0}}),
        "`mass` must be of one sign in all bands for disorder",
    ),
    "three dimensions": (lambda: system(jg.Disorder(1.0, U), dimension=3), "`dimension` must be 2 for disorder, but got 3"),
    "an unknown path": (lambda: ONE.get("disorder.v[a, b]"), "Unknown path `disorder.v.*`disorder.u.band, band.`"),
    "no such kind": (lambda: TWO.get("disorder.density"), "Unknown path"),
    "no such key": (lambda: from_toml(to_toml(ONE) + "w = 3\n"), "must have only the keys density, u, J, kind"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_sentence(what):
    make, sentence = BAD[what]
    with pytest.raises(jg.InputError, match=sentence):
        make()


def test_a_batch_of_one_of_several_kinds_is_told():
    batched = eqx.tree_at(lambda s: s.disorder[0].density, TWO, jnp.arange(1.0, 3.0))
    with pytest.raises(jg.InputError, match=r"must be one system .* but got disorder\[0\].density of shape \(2,\)"):
        jg.solve(batched, 4.0)
