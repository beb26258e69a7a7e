"""Retarded interactions in files: there and back to the last bit, spectra from files, and one sentence for what is wrong."""

import jax
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.model.systems import from_toml, to_toml
from jaxgap.origins import eliashberg_function

BANDS = {"a": {"mu": 500.0}, "b": {"mu": 510.0, "mass": 1.1}}
LAM = [[0.7, 0.1, 0.05], [0.1 / 1.1, 0.5, 0.04], [0.1, 0.09, 0.2]]
SPECTRUM = eliashberg_function([0.0, 3.0, 6.0, 9.0], [0.0, 0.3, 0.8, 0.0])


def system(interaction, **changes):
    return jg.superconductor(**({"bands": BANDS, "cross": ["a:b"], "lam": LAM, "interaction": interaction} | changes))


def several():
    pairs = {f"{a}, {b}": 20.0 for a in ("a", "b", "a:b") for b in ("a", "b", "a:b")}
    return pairs | {"a, a": SPECTRUM, "b, b": jg.Modes(np.array([10.0, 30.0]), np.array([1.0, 0.5]))}


SYSTEMS = {
    "MgB2": lambda: jg.materials.mgb2_eliashberg(),
    "a cutoff": lambda: system(jg.MatsubaraCutoff(30.0)),
    "modes": lambda: system(jg.Retarded([10.0, 20.0], mu_star=0.1 * np.eye(3), omega_c=200.0, odd=0.3, frequencies=300)),
    "several spectra": lambda: system(jg.Retarded(several())),
    "a table": lambda: jg.superconductor(bands={"a": {"mu": 1.0}}, interaction=jg.Retarded(SPECTRUM)),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_there_and_back_to_the_last_bit(name):
    sc = SYSTEMS[name]()
    again = from_toml(to_toml(sc))
    assert jax.tree.structure(again) == jax.tree.structure(sc)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(sc), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_spectrum_from_a_file(tmp_path):
    (tmp_path / "x.dat").write_text("# omega [meV]  a2F\n0 0\n3 .3\n6 .8\n9 0\n")
    (tmp_path / "system.toml").write_text('[bands.a]\nmu = 1.0\n[interaction]\nkind = "retarded"\nfile = "x.dat"\n')
    sc = jg.load(tmp_path / "system.toml")
    np.testing.assert_array_equal(sc.spectra[0].alpha2F, SPECTRUM.alpha2F)
    jg.save(sc, tmp_path / "again.toml")
    np.testing.assert_array_equal(jg.load(tmp_path / "again.toml").lam, sc.lam)


GOOD = 'lam = [[1.0]]\n[bands.a]\nmu = 1.0\n[interaction]\nkind = "retarded"\nmodes = [20.0]\n'
BAD = {
    "no kind": (
        GOOD.replace('kind = "retarded"\n', ""),
        '`interaction.kind` must be "retarded" or "Matsubara cutoff", but got None',
    ),
    "an unknown key": (GOOD + "omega_d = 3.0\n", "must have only the keys"),
    "no spectrum": (GOOD.replace("modes = [20.0]\n", ""), "must have modes, or omega and alpha2F, or the name of a file"),
    "two spectra in one": (GOOD + "omega = [1.0, 2.0]\nalpha2F = [0.5, 0.0]\n", "must have modes, or omega and alpha2F"),
    "half a table": (GOOD.replace("modes = [20.0]", "omega = [1.0, 2.0]"), "must have both omega and alpha2F"),
    "a negative mode": (GOOD.replace("20.0", "-20.0"), "must hold positive frequencies"),
    "weights of other modes": (GOOD + "weights = [1.0, 2.0]\n", "must be 1 numbers, one per mode, none negative"),
    "mu* without its energy": (GOOD + "mu_star = [[0.1]]\n", "must come with `omega_c`"),
    "a shell, too": ("Omega = 30.0\n" + GOOD, "`Omega` must be left out"),
    "a cutoff with modes": (GOOD.replace('"retarded"', '"Matsubara cutoff"'), "must have only the keys kind, omega_c"),
    "spectra without pairs": (
        GOOD.replace("modes = [20.0]", "[[interaction.spectra]]\nmodes = [20.0]"),
        "must have pairs such as",
    ),
    "a density": ("density = 1.0\n" + GOOD, "`density` must be left out"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_one_sentence(name):
    text, said = BAD[name]
    with pytest.raises(jg.InputError) as error:
        from_toml(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
