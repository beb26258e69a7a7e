"""Contact interactions and couplings without densities of states: what is accepted, what is said of bad input, and what of two
electrons alone is kept whatever the cutoff."""

import numpy as np
import pytest

import jaxgap as jg
from jaxgap import InputError, load, save, superconductor
from jaxgap.model.systems import from_toml, to_toml

ROUNDING = 1e-14
"""A few operations."""

PAIR = {"bands": {"a": {"mu": 5.0}, "b": {"mu": -2.0, "mass": 1.3}}, "cross": ["a:b"], "g": np.eye(3) * 0.4, "Omega": 30.0}
ONE = {"bands": {"a": {"mu": 5.0}}, "g": [[0.4]], "cutoff": 1000.0}


def test_couplings_without_densities_of_states():
    sc = superconductor(**PAIR)
    np.testing.assert_array_equal(sc.N, np.ones(3))
    np.testing.assert_array_equal(sc.g, PAIR["g"])
    np.testing.assert_array_equal(sc.band_densities, [1.0, 0.0])
    assert sc.paths[:5] == ("Omega", "mu[a]", "mu[b]", "mass[a]", "mass[b]")
    assert float(sc.set({"g[a, b:a]": 0.1}).get("g[a, a:b]")) == 0.1
    assert sc.canonical("g[a, b:a]") == "g[a, a:b]"
    assert "the interaction g" in str(sc)
    with pytest.raises(InputError, match="Unknown path `lam"):
        sc.get("lam[a, a]")


def test_the_shell_of_a_cutoff():
    sc = superconductor(**ONE)
    a, b = sc.bands[0].shell(sc.Omega)
    assert (float(a), float(b)) == (0.0, 1000.0)
    moved = sc.set({"mu[a]": -50.0, "cutoff": 500.0})
    assert float(moved.bands[0].shell(moved.Omega)[1]) == 500.0
    assert sc.paths == ("cutoff", "mu[a]", "mass[a]", "g[a, a]")


@pytest.mark.parametrize("given", [PAIR, ONE], ids=["g", "cutoff"])
def test_written_and_read(given, tmp_path):
    sc = superconductor(**given)
    save(sc, tmp_path / "system.toml")
    for read in (load(tmp_path / "system.toml"), from_toml(to_toml(sc))):
        assert read.paths == sc.paths
        assert all(float(read.get(path)) == float(sc.get(path)) for path in sc.paths)
        assert type(read.bands[0]) is type(sc.bands[0])


BAD = {
    "no couplings": (ONE, {"g": None}, ("Argument `lam` must be given (`lam` or `g`), but got neither",)),
    "both couplings": (PAIR, {"lam": np.eye(3)}, ("Argument `lam` must be given alone (`lam` or `g`), but got both",)),
    "no shell": (PAIR, {"Omega": None}, ("Argument `Omega` must be given (`Omega` or `cutoff`), but got neither",)),
    "both shells": (ONE, {"Omega": 30.0}, ("Argument `Omega` must be given alone",)),
    "a convention of g": (PAIR, {"convention": "sum"}, ("`convention` must be left out where couplings are `g`", "'sum'")),
    "a cutoff with lam": (ONE, {"g": None, "lam": [[0.4]]}, ("`cutoff` must come with couplings `g`",)),
    "g too small": (PAIR, {"g": np.eye(2)}, ("Argument `g` must be a 3 x 3 matrix", "(2, 2)")),
    "NaN in g": (ONE, {"g": [[np.nan]]}, ("Argument `g` must be finite",)),
    "a cutoff of zero": (ONE, {"cutoff": 0.0}, ("Argument `cutoff` must be positive",)),
    "a cutoff of a hole band": (
        ONE,
        {"bands": {"a": {"mu": -5.0, "mass": -1.0}}},
        ("`mass[a]` must be positive for a cutoff",),
    ),
    "incipient with lam": (
        PAIR,
        {"g": None, "lam": np.eye(3)},
        ("`mu[b]` must have the sign of the mass", "unless couplings are given as `g`"),
    ),
    "a cutoff of a table": (
        ONE,
        {"bands": {"a": {"mu": 5.0, "energy": [0.0, 10.0], "density": [1.0, 1.0]}}},
        ("`bands.a` must be parabolic for a cutoff",),
    ),
}


@pytest.mark.parametrize(("good", "change", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input(good, change, words):
    with pytest.raises(InputError) as error:
        superconductor(**{**good, **change})
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_a_band_without_states_is_told():
    (said,) = superconductor(bands={"a": {"mu": -31.0}}, g=[[0.4]], Omega=30.0).remarks
    assert said == "No state of the band a is within Omega: it does not pair by itself."


# === what two electrons alone know


@pytest.mark.parametrize("mass", [1.0, 1.7])
def test_two_electrons_bind(mass):
    """1/g = sum_k 1 / (2 eps + E_b), up to the cutoff."""
    E_b, cutoff = 3.0, 500.0
    kappa = np.linspace(0, mass * cutoff, 2_000_001)
    wanted = np.trapezoid(1 / (2 * kappa / mass + E_b), kappa)
    np.testing.assert_allclose(1 / jg.contact_from_binding(E_b, cutoff, mass), wanted, rtol=1e-8)
    np.testing.assert_allclose(
        jg.contact_interaction([[0.0]], [mass], cutoff, E_0=E_b), [[jg.contact_from_binding(E_b, cutoff, mass)]], rtol=ROUNDING
    )


def test_several_bands_in_3d():
    """The sums of a cross channel count both orderings, 2 / (eps_i + eps_j); alone a band has its scattering length."""
    masses, cutoff, E_F = [1.0, 1.5], 400.0, 10.0
    left = [-(m**1.5) * np.pi / 2 * np.sqrt(E_F) * x for m, x in zip(masses, (0.3, -0.4), strict=True)]
    g = jg.contact_interaction(np.diag([*left, 7.0]), masses, cutoff, pairs=((0, 1),))
    alone = [jg.contact_from_scattering(x, E_F, cutoff, m) for m, x in zip(masses, (0.3, -0.4), strict=True)]
    np.testing.assert_allclose(np.diag(g)[:2], alone, rtol=ROUNDING)
    q = np.linspace(0, np.sqrt(cutoff), 100_001)
    cross = np.trapezoid(2 * q * q * 2 / np.where(q > 0, q * q * (1 + 1 / 1.5), 1.0), q)
    np.testing.assert_allclose(1 / np.asarray(g)[2, 2], 7.0 + cross, rtol=1e-4)


@pytest.mark.slow
def test_amplitudes_do_not_depend_on_the_cutoff():
    """They tend to a limit like 1 / sqrt(cutoff), cross amplitude included."""
    inverse, Delta = np.array([[0.0, 0.3, 0.5], [0.3, 0.0, 0.3], [0.5, 0.3, -1.0]]), []
    for cutoff in (1e4, 1e6, 1e8):
        g = jg.contact_interaction(inverse, [1.0, 1.3], cutoff, pairs=((0, 1),))
        bands = {"a": {"mu": 6.0}, "b": {"mu": 3.0, "mass": 1.3}}
        sc = superconductor(bands=bands, cross=["a:b"], g=g, cutoff=cutoff, dimension=3)
        Delta.append(np.asarray(jg.solve(sc, 0.0).Delta.real))
    np.testing.assert_allclose((Delta[0] - Delta[1]) / (Delta[1] - Delta[2]), 10.0, rtol=0.05)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: jg.contact_from_binding(0.0, 100.0), "`E_b` must be positive"),
        (lambda: jg.contact_from_binding(1.0, -100.0), "`cutoff` must be positive"),
        (lambda: jg.contact_from_scattering(2.0, 10.0, 50.0), "`cutoff` must be above"),
        (lambda: jg.contact_from_scattering(np.nan, 10.0, 50.0), "`inverse_k_F_a` must be finite"),
        (lambda: jg.contact_interaction([[0.0]], [1.0, 1.0], 50.0), "`inverse` must be a 2 x 2 matrix"),
    ],
)
def test_bad_numbers(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
