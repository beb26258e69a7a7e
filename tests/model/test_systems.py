"""Files of lattices: exact to the last bit, and one sentence for what is wrong with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap import InputError
from jaxgap.model.systems import from_toml, to_toml

T, TP = 100.0, 25.0
HALF = np.pi / 2
KS = [(0.0, 0.0), (0.3, 0.7), (HALF, -1.1), (-2.0, 3.0)]
ROUNDING = 1e-12  # of energies of some 100 meV
HR = """two orbitals in the plane
2
3
1 1 1
0 0 0 1 1  0.0 0.0
0 0 0 2 1  0.03 0.0
0 0 0 1 2  0.03 0.0
0 0 0 2 2  0.05 0.0
1 0 0 1 1 -0.09 0.0
1 0 0 2 1  0.0 0.0
1 0 0 1 2  0.0 0.0
1 0 0 2 2 -0.048 0.0
-1 0 0 1 1 -0.09 0.0
-1 0 0 2 1  0.0 0.0
-1 0 0 1 2  0.0 0.0
-1 0 0 2 2 -0.048 0.0
"""
SQUARE = """
[lattice]
mu = -86.0
g = [[73.6]]
channels.d = { orbitals = "a", form = "d_x2-y2" }
parameters = { t = 100.0, tp = 25.0 }
hoppings = [
    { parameter = "t", factor = -1.0, R = [[1, 0], [0, 1]] },
    { parameter = "tp", R = [[1, 1], [1, -1]] },
]
"""
FILE = """
[lattice]
hr = "x_hr.dat"
g = [[100.0, 5.0], [5.0, 80.0]]
orbitals = ["xz", "yz"]
channels.one = { orbitals = ["xz", "xz"] }
channels.both = { orbitals = ["xz", "yz"], form = "extended s" }
"""


def square(k, p):
    return -2 * p["t"] * (jnp.cos(k[0]) + jnp.cos(k[1])) + 4 * p["tp"] * jnp.cos(k[0]) * jnp.cos(k[1])


def same(one, other):
    """Whether two lattices are the same, to the last bit."""
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return jax.tree.structure(one) == jax.tree.structure(other) and all(np.array_equal(a, b) for a, b in leaves)


@pytest.mark.parametrize("k", KS)
def test_hoppings_are_the_hamiltonian_that_they_say(k):
    """Against functions of k written down, of one orbital and of two."""
    k = jnp.asarray(k)
    one = from_toml(SQUARE)
    assert float(one.matrix(k)[0, 0]) == pytest.approx(float(square(k, {"t": T, "tp": TP})) + 86.0, abs=ROUNDING)
    c, s = np.cos(np.asarray(k)), np.sin(np.asarray(k))
    xz, yz = (200 * c[i] - 260 * c[1 - i] + 340 * c[0] * c[1] - 145 for i in (0, 1))
    h = np.asarray(jg.materials.pnictide_orbitals_model().matrix(k))
    np.testing.assert_allclose(h, [[xz, 340 * s[0] * s[1]], [340 * s[0] * s[1], yz]], atol=ROUNDING * 1e3)


def test_hoppings_across_cells_are_those_of_a_file():
    """h_ab(R) of a direction: e^(ikR) where the file of Wannier90 has it."""
    h = jg.tight_binding([jg.hopping("v", [(2, -1)], factor=0.5, orbitals=("a", "b"))], ("a", "b"))
    k = jnp.array([0.4, 0.9])
    expected = 0.5 * 3.0 * np.exp(1j * (2 * 0.4 - 0.9))
    np.testing.assert_allclose(h(k, {"v": jnp.asarray(3.0)}), [[0, expected], [np.conj(expected), 0]], atol=ROUNDING)


@pytest.mark.parametrize("name", ["attractive_hubbard_model", "cuprate_lattice_model", "pnictide_orbitals_model"])
def test_lattices_come_back_from_files(tmp_path, name):
    lattice = getattr(jg.materials, name)().set({"mu": -86.1 / 3})
    jg.save(lattice, tmp_path / "system.toml")
    assert same(jg.load(tmp_path / "system.toml"), lattice)


def test_everything_that_can_be_chosen_comes_back():
    lattice = jg.lattice(
        jg.tight_binding([jg.hopping("t", [(1, 0, 0), (0, 1, 0), (0, 0, 1)], factor=-1.0)], ("s",)),
        parameters={"t": 100.0 / 7},
        channels={"s": jg.channel("s"), "es": jg.channel("s", form="extended s")},
        g=[[20.0, 1.0], [1.0, 10.0]],
        dimension=3,
        orbitals=("s",),
        mesh=32,
        cutoff=jg.smooth(30.0, 3.0),
        tolerance=1e-7,
    )
    back = from_toml(to_toml(lattice))
    assert same(back, lattice)
    assert (back.tolerance, float(back.mesh), float(back.cutoff.width)) == (1e-7, 32.0, 3.0)


def test_a_file_of_wannier90_is_named_and_written_out(tmp_path):
    (tmp_path / "x_hr.dat").write_text(HR)
    (tmp_path / "system.toml").write_text(FILE)
    lattice = jg.load(tmp_path / "system.toml")
    direct = jg.wannier90(
        tmp_path / "x_hr.dat",
        channels={"one": jg.channel("xz"), "both": jg.channel(("xz", "yz"), form="extended s")},
        g=[[100.0, 5.0], [5.0, 80.0]],
        orbitals=["xz", "yz"],
    )
    assert same(lattice, direct)
    assert same(from_toml(to_toml(lattice)), lattice)


BAD = {
    "two ways": (SQUARE + 'hr = "x_hr.dat"\n', "`lattice.hr` must be all of the Hamiltonian"),
    "no way": ("[lattice]\ng = [[1.0]]\nchannels.s = { orbitals = 0 }\n", "must give `parameters` and `hoppings`, or the file"),
    "bands as well": ("Omega = 3.0\n" + SQUARE, "`lattice` must be the only table of a system"),
    "unknown key": (SQUARE + "colour = 1\n", "must have only the keys"),
    "no couplings": (SQUARE.replace("g = [[73.6]]\n", ""), "must have the key g"),
    "no parameter": (SQUARE.replace(", tp = 25.0", ""), "'tp'"),
    "a parameter too many": (SQUARE.replace("tp = 25.0", "tp = 25.0, w = 1.0"), "`parameters` must be those of hoppings"),
    "no such form": (SQUARE.replace("d_x2-y2", "p"), "`form` must be a function of k or one of"),
    "no such orbital": (SQUARE.replace('"a"', '"b"'), "must name orbitals of the lattice (a)"),
    "half a lattice vector": (SQUARE.replace("[1, 1]", "[0.5, 1]"), "two or three integers"),
    "R and -R": (SQUARE.replace("[1, -1]", "[-1, -1]"), "must have only one of R and -R"),
    "two dimensions and three": (SQUARE.replace("[[1, 1], [1, -1]]", "[[1, 1, 0]]"), "vectors R of one dimension"),
    "three dimensions of two": (SQUARE + "dimension = 3\n", "`dimension` must be 2, that of the hoppings"),
    "half a vector of matrices": (
        "[lattice]\ng = [[1.0]]\nchannels.s = { orbitals = 0 }\n"
        "matrices = { R = [[0.5, 0, 0]], real = [[[1.0]]], imag = [[[0.0]]] }\n",
        "two or three integers",
    ),
    "matrices that leave the plane": (
        "[lattice]\ng = [[1.0]]\ndimension = 2\nchannels.s = { orbitals = 0 }\n"
        "matrices = { R = [[0, 0, 1], [0, 0, -1]], real = [[[1.0]], [[1.0]]], imag = [[[0.0]], [[0.0]]] }\n",
        "`dimension` must be 3, that of the hoppings",
    ),
    "a hopping with a typing error": (SQUARE.replace("factor", "faktor"), "must have only the keys parameter, R, factor"),
    "half a cutoff": (SQUARE + "cutoff = { Omega = 30.0 }\n", "`cutoff` must have the key width"),
    "no list of hoppings": (SQUARE[: SQUARE.index("hoppings")] + "hoppings = 3\n", "`hoppings` must be a list of tables"),
    "no matrices": (
        "[lattice]\ng = [[1.0]]\nchannels.s = { orbitals = 0 }\nmatrices = { R = [[0, 0]], real = [[1.0]], imag = [[0.0]] }\n",
        "must have a square matrix for every R",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.values(), ids=BAD)
def test_one_sentence_for_what_is_wrong(tmp_path, text, sentence):
    (tmp_path / "x_hr.dat").write_text(HR)
    (tmp_path / "system.toml").write_text(text)
    with pytest.raises(InputError) as error:
        jg.load(tmp_path / "system.toml")
    message = str(error.value)
    assert sentence in message
    assert message.startswith(str(tmp_path / "system.toml"))
    assert "\n" not in message


def test_a_lattice_that_is_code_is_no_file(tmp_path):
    channels = {"d": jg.channel(form="d_x2-y2")}
    lattice = jg.lattice(square, parameters={"t": T, "tp": TP}, channels=channels, g=[[10.0]])
    with pytest.raises(InputError, match=r"must have a Hamiltonian of `jaxgap.tight_binding`.*the function square"):
        jg.save(lattice, tmp_path / "system.toml")
    own = {"d": jg.channel(form=lambda k: jnp.cos(k[0]))}
    lattice = jg.lattice(jg.tight_binding([jg.hopping("t", [(1, 0)])]), parameters={"t": T}, channels=own, g=[[10.0]])
    with pytest.raises(InputError, match=r"must have forms with names.*a function in d"):
        jg.save(lattice, tmp_path / "system.toml")
    assert not (tmp_path / "system.toml").exists()
