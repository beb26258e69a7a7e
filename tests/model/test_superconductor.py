"""The input of everything: what it accepts, what it says about bad input, how it is read, written, changed and batched."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import ba122, generator, one_band, problem, random_system, stacked, system

from jaxgap import (
    InputError,
    Superconductor,
    couplings_from_literature,
    critical_temperature,
    load,
    materials,
    parabolic_band,
    save,
    superconductor,
)
from jaxgap.model.systems import from_toml, to_toml

ROUNDING = 1e-15
"""One product or quotient."""

BANDS = {"a": {"mu": 200.0}, "b": {"mu": 205.0, "mass": 1.1}}
LAM = [[0.4, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, 0.1]]
GOOD = {"bands": BANDS, "lam": LAM, "Omega": 30.0, "cross": ["a:b"]}


def test_good_input_is_accepted():
    sc = superconductor(**GOOD)
    assert sc.band_names == ("a", "b")
    assert sc.channels == ("a", "b", "a:b")
    assert sc.cross == ((0, 1),)
    assert (sc.dimension, sc.convention) == (2, "mean")
    assert all(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(sc))
    assert float(sc.get("mass[a]")) == 1.0


def _matrix(**entries):
    lam = np.array(LAM, dtype=object)
    for index, value in entries.items():
        lam[int(index[1]), int(index[2])] = value
    return lam.tolist()


THREE = {"a": {"mu": 200.0}, "b": {"mu": 200.0}, "c": {"mu": 200.0}}

BAD = {
    "NaN in lam": ({"lam": _matrix(l01=np.nan)}, ("Argument `lam` must be finite", "nan")),
    "infinity in lam": ({"lam": _matrix(l01=np.inf)}, ("Argument `lam` must be finite", "inf")),
    "lam too small": ({"lam": [[0.4, 0.1], [0.1, 0.3]]}, ("`lam` must be a 3 x 3 matrix", "a, b, a:b", "(2, 2)")),
    "lam not a matrix": ({"lam": [0.4, 0.3, 0.1]}, ("`lam` must be a 3 x 3 matrix", "(3,)")),
    "lam ragged": (
        {"lam": [[0.4, 0.1], [0.1]]},
        ("Argument `lam` must hold numbers in a regular array", "[[0.4, 0.1], [0.1]]"),
    ),
    "text in lam": ({"lam": _matrix(l00="strong")}, ("Argument `lam` must hold numbers", "strong")),
    "lam is None": ({"lam": None}, ("Argument `lam`",)),
    "Omega zero": ({"Omega": 0.0}, ("Argument `Omega` must be positive [meV]", "0.0")),
    "Omega negative": ({"Omega": -3.0}, ("Argument `Omega` must be positive", "-3.0")),
    "Omega NaN": ({"Omega": np.nan}, ("Argument `Omega` must be finite",)),
    "Omega text": ({"Omega": "30 meV"}, ("Argument `Omega` must hold numbers", "30 meV")),
    "Omega several": ({"Omega": [30.0, 40.0]}, ("Argument `Omega`",)),
    "no bands": ({"bands": {}, "lam": np.zeros((0, 0)), "cross": []}, ("Argument `bands` must name at least one band",)),
    "mu missing": ({"bands": {**BANDS, "b": {"mass": 1.0}}}, ("`bands.b` must have the key mu", "mass")),
    "mu NaN": ({"bands": {**BANDS, "b": {"mu": np.nan}}}, ("Argument `mu[b]` must be finite",)),
    "mu text": ({"bands": {**BANDS, "b": {"mu": "high"}}}, ("Argument `mu[b]` must hold numbers", "high")),
    "mu several": ({"bands": {**BANDS, "b": {"mu": [1.0, 2.0]}}}, ("Argument `mu[b]`",)),
    "mass zero": ({"bands": {**BANDS, "b": {"mu": 1.0, "mass": 0.0}}}, ("Argument `mass[b]` must not be zero",)),
    "signs differ": (
        {"bands": {**BANDS, "b": {"mu": 50.0, "mass": -1.0}}},
        ("Argument `mu[b]` must have the sign of the mass", "mu = 50.0 with mass = -1.0"),
    ),
    "hole band upside down": ({"bands": {**BANDS, "b": {"mu": -50.0}}}, ("Argument `mu[b]` must have the sign of the mass",)),
    "unknown key of a band": (
        {"bands": {**BANDS, "b": {"mu": 1.0, "m": 2.0}}},
        ("`bands.b` must have only the keys", "'m'"),
    ),
    "band is a number": ({"bands": {**BANDS, "b": 200.0}}, ("`bands.b` must be a table with mu and mass", "200.0")),
    "name with a blank": ({"bands": {"a": {"mu": 1.0}, "b 2": {"mu": 1.0}}, "cross": []}, ("short identifier", "'b 2'")),
    "duplicate bands": (
        {"bands": [parabolic_band("a", 200.0), parabolic_band("a", 205.0)], "cross": []},
        ("Argument `bands` must have different names", "['a', 'a']"),
    ),
    "unknown band in cross": ({"cross": ["a:gamma"]}, ("`cross` must name bands of the system (a, b)", "`gamma`")),
    "cross of one band": ({"cross": ["a"]}, ("`cross` must name pairs of bands", "'a'")),
    "cross with itself": ({"cross": ["a:a"]}, ("`cross` must pair two different bands", "'a:a'")),
    "cross twice": ({"cross": ["a:b", "b:a"], "lam": np.eye(4)}, ("`cross` must name each pair of bands once",)),
    "unknown convention": ({"convention": "average"}, ('`convention` must be "mean" or "sum"', "'average'")),
    "dimension 4": ({"dimension": 4}, ("Argument `dimension` must be 2 or 3, but got 4",)),
    "unknown channel": ({"channels": ["a", "b", "c"]}, ("Unknown channel `c`", "`a:b`")),
    "channel twice": ({"channels": ["a", "b", "b"]}, ("Argument `channels` must name each of",)),
}


@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input(change, words):
    with pytest.raises(InputError) as error:
        superconductor(**{**GOOD, **change})
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("mass", "mu", "words"), [(0.0, 1.0, "not be zero"), (1.0, np.inf, "finite")])
def test_bad_band(mass, mu, words):
    with pytest.raises(InputError, match=words):
        parabolic_band("a", mu, mass)


# === densities of states and conventions


@pytest.mark.parametrize(("convention", "share"), [("mean", 0.5), ("sum", 1.0)])
@pytest.mark.parametrize("dimension", [2, 3])
def test_densities_of_states(convention, share, dimension):
    """N_i(0) = |m_i| rho(m_i mu_i), rho = 1 or sqrt(kappa), and the convention for the cross channel."""
    sc = system(LAM, [200.0, -150.0], [1.5, -2.0], dimension=dimension, convention=convention)
    N = [1.5, 2.0] if dimension == 2 else [1.5 * np.sqrt(300.0), 2.0 * np.sqrt(300.0)]
    np.testing.assert_allclose(sc.N, [*N, share * sum(N)], rtol=ROUNDING)
    np.testing.assert_allclose(sc.g, np.array(LAM) / np.asarray(sc.N)[None, :], rtol=ROUNDING)


@pytest.mark.parametrize(("sc", "holds"), [(materials.two_band(), True), (materials.ba122(), False), (materials.mgb2(), False)])
def test_detailed_balance(sc, holds):
    assert bool(sc.has_free_energy) == holds


def test_clusters():
    sc = materials.mgb2()
    assert [c.bands for c in sc.clusters] == [(0, 1), (2,)]
    assert [c.channels for c in sc.clusters] == [(0, 1, 3), (2,)]


def test_order_of_channels_and_names_of_pairs():
    """`b:a` and `a:b` are one channel, and a matrix in any order of channels gives the same system."""
    order = [2, 0, 1]
    lam = np.array(LAM)[np.ix_(order, order)]
    shuffled = superconductor(**{**GOOD, "lam": lam, "channels": ["b:a", "a", "b"]})
    np.testing.assert_array_equal(shuffled.lam, superconductor(**GOOD).lam)
    assert superconductor(**{**GOOD, "cross": [("a", "b")]}).cross == ((0, 1),)


# === couplings as papers print them

ORDER = ["a:b", "b", "a"]
CHANNELS = ["a", "b", "a:b"]
PRINTED = np.array([[11.0, 12.0, 13.0], [21.0, 22.0, 23.0], [31.0, 32.0, 33.0]])
OURS = np.array([[33.0, 32.0, 31.0], [23.0, 22.0, 21.0], [13.0, 12.0, 11.0]])


def test_literature_order():
    np.testing.assert_array_equal(couplings_from_literature(PRINTED, order=ORDER, channels=CHANNELS), OURS)
    np.testing.assert_array_equal(couplings_from_literature(PRINTED, order=["b:a", "b", "a"], channels=CHANNELS), OURS)


def test_literature_transposed():
    got = couplings_from_literature(PRINTED.T, order=ORDER, channels=CHANNELS, transposed=True)
    np.testing.assert_array_equal(got, OURS)


def test_literature_divided_by_densities_of_states():
    """g_cc' = lambda_cc' / N_c' is printed: the columns are multiplied, in the paper's order, after the transposition."""
    N = np.array([2.0, 3.0, 5.0])
    got = couplings_from_literature(PRINTED / N[None, :], order=ORDER, channels=CHANNELS, density_of_states=N.tolist())
    np.testing.assert_allclose(got, OURS, rtol=2 * ROUNDING)
    printed = (PRINTED / N[None, :]).T
    got = couplings_from_literature(printed, order=ORDER, channels=CHANNELS, transposed=True, density_of_states=N.tolist())
    np.testing.assert_allclose(got, OURS, rtol=2 * ROUNDING)


def test_literature_equation_6():
    """Eq. 6 of Phys. Rev. B 101, 094516, printed as sigma1, sigma2, cross, pi: row sigma1, column pi is .032."""
    sc = materials.mgb2(0.01)
    assert float(sc.get("lam[sigma1, pi]")) == 0.032
    assert float(sc.get("lam[pi, sigma1]")) == 0.01
    assert float(sc.get("lam[sigma1:sigma2, sigma1:sigma2]")) == 0.1
    assert float(sc.get("lam[sigma2, sigma1:sigma2]")) == 0.01
    assert float(sc.get("lam[pi, pi]")) == 0.22


LITERATURE = {
    "not square": ({"matrix": PRINTED[:2]}, "Argument `matrix` must be square"),
    "NaN": ({"matrix": PRINTED * np.nan}, "Argument `matrix` must be finite"),
    "unknown channel": ({"order": ["x", "b", "a"]}, "Unknown channel `x`"),
    "channel twice": ({"order": ["a", "b", "a"]}, "Argument `order` must name each"),
    "densities missing": ({"density_of_states": [1.0, 2.0]}, "Argument `density_of_states` must have one entry"),
}


@pytest.mark.parametrize(("change", "words"), LITERATURE.values(), ids=LITERATURE.keys())
def test_literature_bad_input(change, words):
    arguments = {"matrix": PRINTED, "order": ORDER, "channels": CHANNELS, **change}
    with pytest.raises(InputError, match=words):
        couplings_from_literature(arguments.pop("matrix"), **arguments)


# === files


def _same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def _awkward():
    """Numbers that no short decimal represents, a hole band, and all options away from their defaults."""
    rng = generator(800)
    return system(
        rng.normal(size=(4, 4)) / 3,
        [100 / 3, -np.pi * 10, 1e-3],
        [1 / 3, -1e-2, 2.0],
        Omega=np.sqrt(2),
        dimension=3,
        convention="sum",
    )


@pytest.mark.parametrize("sc", [materials.ba122(), materials.mgb2(0.01), one_band(), _awkward()])
def test_toml_round_trip_is_exact(sc, tmp_path):
    _same(from_toml(to_toml(sc)), sc)
    save(sc, tmp_path / "system.toml")
    _same(load(tmp_path / "system.toml"), sc)


MINIMAL = "Omega = 30.0\nlam = [[0.3]]\n[bands.a]\nmu = 200.0\n"


def test_minimal_file():
    _same(from_toml(MINIMAL), one_band())


FILES = {
    "unknown key": ("colour = 1\n" + MINIMAL, ("unknown key `colour`", "Omega")),
    "missing key": (MINIMAL.replace("Omega = 30.0\n", ""), ("the key `Omega` is missing",)),
    "bands is a list": ("Omega = 30.0\nlam = [[0.3]]\nbands = [1]\n", ("`bands` must be a table",)),
    "not TOML": ("Omega = = 3", ("not valid TOML",)),
    "bad value": (MINIMAL.replace("0.3", "nan"), ("Argument `lam` must be finite",)),
    "number for cross": ("cross = 3\n" + MINIMAL, ("cross",)),
    "numbers in cross": ("cross = [3]\n" + MINIMAL, ("cross",)),
    "text for cross": ('cross = "a:b"\n' + MINIMAL, ("cross",)),
    "number for channels": ("channels = 3\n" + MINIMAL, ("channels",)),
    "several Omega": (MINIMAL.replace("30.0", "[30.0, 31.0]"), ("Omega",)),
    "several mu": (MINIMAL.replace("200.0", "[200.0, 210.0]"), ("mu[a]",)),
    "four dimensions": ("dimension = 4\n" + MINIMAL, ("Argument `dimension` must be 2 or 3", "4")),
}


@pytest.mark.parametrize(("text", "words"), FILES.values(), ids=FILES.keys())
def test_bad_file_is_named(text, words, tmp_path):
    """One sentence that names the file."""
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        load(path)
    for word in ("bad.toml", *words):
        assert word in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"The system .*nowhere\.toml` does not exist"):
        load(tmp_path / "nowhere.toml")
    with pytest.raises(InputError, match="Cannot read the system"):
        load(tmp_path)


def test_file_that_is_not_text(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="Cannot read the system"):
        load(tmp_path / "binary.toml")


# === paths


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Omega", 41.0),
        ("mu[b]", 60.0),
        ("mass[a]", 1.0),
        ("lam[a, a:b]", 0.0313),
        ("lam[a:b, b]", 0.01565),
        ("lam[ a ,b:a ]", 0.0313),
        (" lam[b, a] ", -0.0025),
        ("lambda_13", 0.0313),
        ("lambda_21", -0.0025),
        ("lambda_33", 0.25),
    ],
)
def test_get_and_set(path, value):
    sc = ba122()
    assert float(sc.get(path)) == value
    changed = sc.set({path: 1.25 * value})
    assert float(changed.get(path)) == 1.25 * value
    assert float(sc.get(path)) == value
    different = sum(int(np.sum(np.asarray(x) != y)) for x, y in zip(jax.tree.leaves(sc), jax.tree.leaves(changed), strict=True))
    assert different == 1


def test_set_several():
    changed = ba122().set({"Omega": 40.0, "lambda_12": 0.1, "mu[a]": 55.0})
    assert [float(changed.get(p)) for p in ("Omega", "lam[a, b]", "mu[a]")] == [40.0, 0.1, 55.0]


@pytest.mark.parametrize(
    "path",
    ["omega", "mu", "mu[c]", "lam[a]", "lam[a, c]", "lam[a, b, a:b]", "lam", "Omega[a]", "lambda_14", "lambda_1", "name[a]"],
)
def test_unknown_path(path):
    with pytest.raises(InputError, match=r"Unknown (path|channel)"):
        ba122().get(path)


def test_unknown_path_lists_what_there_is():
    with pytest.raises(InputError) as error:
        ba122().get("gap")
    for word in ("`Omega`", "mu[band]", "a, b, a:b", "lambda_13"):
        assert word in str(error.value)


@pytest.mark.parametrize("path", ["", "lam[a", "mu[a]]", "3", "a b"])
def test_unreadable_path(path):
    with pytest.raises(InputError):
        ba122().get(path)


def test_lambda_13_is_an_alias_for_two_bands_only():
    with pytest.raises(InputError, match="Unknown path"):
        materials.mgb2().get("lambda_13")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"Omega": -1.0}, "`Omega` must be positive"),
        ({"mu[a]": np.nan}, r"mu\[a\]"),
        ({"mu[a]": -5.0}, r"`mu\[a\]` must have the sign of the mass"),
        ({"mass[b]": 0.0}, r"`mass\[b\]` must not be zero"),
        ({"lam[a, b]": np.inf}, "finite"),
    ],
)
def test_set_checks(values, words):
    with pytest.raises(InputError, match=words):
        ba122().set(values)


# === the pytree


def test_flatten_and_unflatten():
    sc = problem("3D").system
    leaves, structure = jax.tree.flatten(sc)
    assert len(leaves) == 6
    _same(jax.tree.unflatten(structure, leaves), sc)
    assert hash(structure) == hash(jax.tree.structure(problem("3D").system))


def test_structure_is_names_pairs_dimension_and_convention():
    """What is static compiles anew, and nothing else does."""
    base = random_system(0)
    assert jax.tree.structure(base) == jax.tree.structure(random_system(1))
    others = [
        random_system(0, convention="sum"),
        random_system(0, dimension=3),
        materials.ba122(),
        materials.mgb2(),
        system(np.eye(2), [1.0, 1.0], cross=()),
    ]
    for other in others:
        assert jax.tree.structure(base) != jax.tree.structure(other)


def test_is_immutable():
    with pytest.raises(AttributeError):
        ba122().Omega = 3.0


def test_vmap_over_leaves():
    batch = stacked([random_system(s) for s in range(3)])
    T_c = jax.jit(jax.vmap(critical_temperature))(batch)
    for s in range(3):
        np.testing.assert_allclose(T_c[s], critical_temperature(random_system(s)), rtol=1e-12)


def test_vmap_over_one_leaf():
    """A sweep: one leaf has the batch axis, the others do not."""
    sc = ba122()
    axes = eqx.tree_at(lambda s: s.Omega, jax.tree.map(lambda _: None, sc), 0, is_leaf=lambda x: x is None)
    sweep = eqx.tree_at(lambda s: s.Omega, sc, jnp.array([40.0, 41.0, 42.0]))
    T_c = jax.jit(jax.vmap(critical_temperature, in_axes=(axes,)))(sweep)
    np.testing.assert_allclose(T_c[1], critical_temperature(sc), rtol=1e-12)
    assert T_c[0] < T_c[1] < T_c[2]


@pytest.mark.slow
def test_grad_is_a_superconductor():
    slope = jax.grad(critical_temperature)(ba122())
    assert isinstance(slope, Superconductor)
    assert slope.channels == ba122().channels
    assert float(slope.get("lam[a, a]")) > 0
    assert float(slope.get("Omega")) > 0


def test_constructor_inside_a_trace():
    """Numbers may be traced: checks of values are then skipped, and derivatives pass through the constructor."""

    def T_c(x):
        bands = [parabolic_band("a", mu=200.0 * x), parabolic_band("b", mu=205.0)]
        lam = [[0.4 * x, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, 0.1]]
        return critical_temperature(superconductor(bands=bands, lam=lam, Omega=30.0 * x, cross=["a:b"]))

    slope = jax.grad(T_c)(1.0)
    step = 1e-5
    assert abs(float(slope) / ((float(T_c(1 + step)) - float(T_c(1 - step))) / (2 * step)) - 1) < 1e-6


def test_traced_set():
    slope = jax.grad(lambda x: critical_temperature(ba122().set({"lam[a, a]": x})))(0.51)
    np.testing.assert_allclose(slope, jax.grad(critical_temperature)(ba122()).get("lam[a, a]"), rtol=1e-12)


def test_prints_well():
    text = str(ba122())
    for word in ("2D", "'mean'", "Omega = 41 meV", "mu 60 meV", "a:b", "0.0313"):
        assert word in text
    assert "batched" in str(stacked([ba122(), ba122()]))
