"""Superconductors with a retarded interaction: paths, what refuses them, bad input in one sentence."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg

BANDS = {"sigma": {"mu": 500.0, "mass": 0.155}, "pi": {"mu": 500.0, "mass": 0.213}}
LAM = [[1.017, 0.213], [0.155, 0.448]]
MU_STAR = [[0.210, 0.095], [0.069, 0.172]]


def _system(spectrum=66.0, mu_star=MU_STAR, omega_c=660.0, lam=LAM, **options):
    return jg.superconductor(bands=BANDS, lam=lam, interaction=jg.Retarded(spectrum, mu_star, omega_c, **options))


SC = _system(frequencies=256)


def test_every_leaf_has_a_path():
    changed = SC.set({path: 1.01 * float(SC.get(path)) for path in SC.paths if path != "odd"})
    for path in SC.paths:
        assert path == "odd" or float(changed.get(path)) == pytest.approx(1.01 * float(SC.get(path)))
        assert SC.unit(path) in ("1", "meV", "electron mass")
    assert SC.canonical("lam[ pi , sigma]") == "lam[pi, sigma]"
    assert "mu_star[pi, sigma]" in SC.paths
    assert "mode[0]" in SC.paths
    assert isinstance(SC.interaction, jg.Retarded)
    assert "retarded" in str(SC)


def test_a_spectrum_may_say_the_couplings():
    a2F = jg.origins.eliashberg_function([0.0, 5.0, 10.0], [0.0, 1.0, 0.0])
    one = jg.superconductor(bands={"a": {"mu": 9.0}}, interaction=jg.Retarded(a2F))
    assert float(one.lam[0, 0]) == pytest.approx(float(jg.origins.moments(a2F).lam))
    pairs = {"sigma, sigma": a2F, "sigma, pi": a2F, "pi, pi": a2F}
    two = jg.superconductor(bands=BANDS, interaction=jg.Retarded(pairs))
    np.testing.assert_allclose(two.lam, np.full((2, 2), one.lam[0, 0]))
    assert isinstance(two.interaction.spectrum, dict)
    twice = jg.superconductor(
        bands={"a": {"mu": 9.0}}, lam=one.lam, interaction=jg.Retarded(jg.Modes(2 * a2F.omega[1:2], jnp.ones(1)))
    )
    assert twice.highest == 10.0


BAD = {
    "mu* without its energy": (
        lambda: _system(omega_c=None),
        "Argument `mu_star` must come with `omega_c`.* but got `mu_star` alone",
    ),
    "an energy without mu*": (
        lambda: _system(mu_star=None),
        "Argument `mu_star` must come with `omega_c`.* but got `omega_c` alone",
    ),
    "omega_c inside the spectrum": (
        lambda: _system(omega_c=50.0),
        r"`omega_c` must be above the spectrum, which reaches to 66 meV, but got 50",
    ),
    "a negative spectrum": (
        lambda: _system(jg.origins.eliashberg_function([1.0, 2.0, 3.0], [1.0, -1.0, 0.5])),
        "Argument `alpha2F` must not be negative",
    ),
    "a negative mode": (lambda: _system([-3.0, 5.0]), r"Argument `spectrum` must hold positive frequencies"),
    "no couplings": (lambda: _system(lam=None), "Argument `lam` must be given"),
    "an Omega, too": (
        lambda: jg.superconductor(bands=BANDS, lam=LAM, Omega=3.0, interaction=jg.Retarded(66.0)),
        "Argument `Omega` must be left out",
    ),
    "a pair without a spectrum": (
        lambda: _system({"sigma, sigma": 66.0}),
        "have an entry for every pair of channels, but got none for `sigma, pi`",
    ),
    "another odd": (lambda: _system(odd=2.0), "Argument `odd` must be between -1 and 1"),
    "no whole number of frequencies": (lambda: _system(frequencies=3.5), "Argument `frequencies` must be a whole number"),
    "an unknown path": (lambda: SC.get("Omega"), "Unknown path `Omega`"),
    "T too low for the grid": (
        lambda: jg.solve(SC, 0.1),
        "Argument `T` must be at least .* K for a spectrum up to 66 meV and 256",
    ),
    "T = 0": (lambda: jg.solve(SC, 0.0), "Argument `T` must be positive with a retarded interaction"),
    "a rule": (lambda: jg.solve(SC, 30.0, rule=jg.Rule(8, 8, 8)), "Argument `rule` must be left out"),
    "a complex start": (lambda: jg.solve(SC, 30.0, start=[1.0 + 1j, 2.0]), "Argument `start` must be real"),
    "a shell and an interaction": (
        lambda: jg.superconductor(bands=BANDS, lam=LAM, Omega=3.0, interaction=jg.Shell(4.0)),
        "Argument `Omega` must be given alone",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_one_sentence(bad):
    call, sentence = BAD[bad]
    with pytest.raises(jg.InputError, match=sentence) as error:
        call()
    assert len(re.findall(r"\.(?:\s|$)", str(error.value))) == 1


REFUSED = {
    "phase_diagram": lambda: jg.phase_diagram(SC, {"lam[sigma, sigma]": (0.9, 1.1)}, T=(1.0, 40.0)),
    "transition": lambda: jg.transition(SC, 30.0, "lam[sigma, sigma]", (0.9, 1.1)),
    "gap_curve": lambda: jg.gap_curve(SC, branch="s++"),
    "linear_temperatures": lambda: jg.linear_temperatures(SC),
    "branch_end": lambda: jg.branch_end(SC, branch="s++"),
    "symmetrised": lambda: jg.symmetrised(SC),
    "at_density": lambda: jg.at_density(SC, 1.0, T=30.0),
    "Omega": lambda: SC.Omega,
}


@pytest.mark.parametrize("asked", REFUSED)
def test_what_knows_no_retarded_interaction_refuses(asked):
    with pytest.raises(jg.InputError, match="static interaction"):
        REFUSED[asked]()


@pytest.mark.slow
def test_many_temperatures_are_one_by_one():
    together = jg.solve_temperatures(SC, [20.0, 30.0])
    for i, T in enumerate((20.0, 30.0)):
        np.testing.assert_allclose(together.Delta[i], jg.solve(SC, T).Delta, rtol=1e-9)
    assert (together.status == jg.Status.CONVERGED).all()


@pytest.fixture(scope="module")
def solution():
    return jg.solve(SC, 30.0)


def test_a_solution_refuses_what_it_does_not_know(solution):
    k = jnp.ones(2)
    for asked in (
        lambda: jg.observables.excitation_gaps(solution),
        lambda: solution.energies(k),
        lambda: solution.entropy(),
        lambda: jg.observables.superfluid_density(solution),
        lambda: jg.observables.normal_entropy(SC, 30.0),
    ):
        with pytest.raises(jg.InputError, match="must have a static interaction"):
            asked()
    assert "converged" in str(solution)


def test_it_is_a_tree_of_its_numbers():
    doubled = jax.tree.map(lambda leaf: 2 * leaf, SC)
    assert doubled.get("lam[sigma, pi]") == 2 * SC.get("lam[sigma, pi]")
    assert jax.tree.structure(SC) == jax.tree.structure(SC.set({"omega_c": 700.0}))


def test_electrons_and_holes_are_not_hybridised():
    """Their normal state is not that of either band: -i pi N_i W / sqrt(W^2 - W_12^2), not -i pi N_i."""
    lam, bands = np.diag([0.4, 0.3, 0.2]), {"e": {"mu": 50.0}, "h": {"mu": -50.0, "mass": -1.0}}
    given = {"bands": bands, "cross": ["e:h"], "interaction": jg.Retarded(20.0)}
    assert jg.superconductor(lam=lam, **given).channels == ("e", "h", "e:h")
    lam[0, 2] = lam[2, 0] = 0.05
    with pytest.raises(jg.InputError, match=r"lam\[<band>, e:h\]` must be 0 .* but got 0.05"):
        jg.superconductor(lam=lam, **given)


def test_what_cross_channels_ask_for():
    lam, retarded = np.full((3, 3), 0.1), jg.Retarded(66.0)
    with pytest.raises(jg.InputError, match="Argument `dimension` must be 2 for retarded cross-band pairing"):
        jg.superconductor(bands=BANDS, lam=lam, cross=["sigma:pi"], interaction=retarded, dimension=3)
