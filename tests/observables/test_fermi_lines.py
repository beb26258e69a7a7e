"""Fermi lines of lattices: on them xi is zero; their area counts electrons; gaps by hand and by bands; what is refused."""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from lattices import all_k, one, state, two

import jaxgap as jg
from jaxgap import InputError, channel, lattice
from jaxgap.observables import band_basis, excitation_gap, fermi_surface, lattice_energies
from jaxgap.plotting import plot_fermi_surface
from jaxgap.solving.state import GivenState

LEFT = 5e-10
"""|xi| [meV] on a Fermi line of bands of some 500 meV."""


def area(k):
    x, y = k[:, :2].T
    return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


def test_fermi_line_of_one_orbital():
    """A closed line around Gamma whose area is that of the occupied states; the gap on it is Delta times the form."""
    given = state(one(tp=0.0, mu=-150.0), 20.0)
    surface = fermi_surface(given, n=150)
    (line,) = surface.lines
    x, y = line.k.T
    np.testing.assert_allclose(-200 * (np.cos(x) + np.cos(y)) + 150, 0.0, atol=LEFT)
    assert surface.error < LEFT
    assert surface.missed == 0
    np.testing.assert_allclose(line.velocity, 200 * np.sin(line.k), atol=1e-9)
    np.testing.assert_allclose(line.gap, 20 * np.abs(np.cos(x) - np.cos(y)), atol=1e-9)
    assert (line.minimum <= line.gap + 1e-9).all()
    assert float(line.minimum.min()) >= float(excitation_gap(given)) - 1e-9
    inside = np.mean(-200 * np.sum(np.cos(all_k(2000)), axis=1) + 150 < 0)
    np.testing.assert_allclose(area(line.k) / (2 * np.pi) ** 2, inside, atol=2e-4)


def test_isotropic_gap_is_the_minimum():
    """Of an s wave the smallest energy on every normal is Delta."""
    for line in fermi_surface(state(one(form="s"), 20.0), n=60).lines:
        np.testing.assert_allclose(line.minimum, 20.0, rtol=1e-10)
        np.testing.assert_allclose(line.gap, 20.0, rtol=1e-12)


@pytest.mark.slow
def test_fermi_lines_of_two_orbitals():
    """Both bands, with their own gaps; where pairs across bands matter, the smallest energy is another."""
    given = state(two(parameters={"t1": 100.0, "t2": 60.0, "e0": 50.0, "V": 40.0}), 25.0, -15.0)
    surface = fermi_surface(given, n=80)
    assert {line.band for line in surface.lines} == {0, 1}
    assert surface.error < LEFT
    for line in surface.lines:
        basis = band_basis(given, line.k)
        np.testing.assert_allclose(basis.energy[:, line.band], 0.0, atol=LEFT)
        np.testing.assert_allclose(line.gap, basis.gap[:, line.band, line.band])
        assert (line.minimum <= np.asarray(lattice_energies(given, line.k))[:, 0] + 1e-9).all()
    assert any(np.max(np.abs(line.minimum - line.gap)) > 0.1 for line in surface.lines)


def cubic(k, p):
    return -2 * p["t"] * jnp.sum(jnp.cos(k))


def test_cut_in_three_dimensions_and_picture():
    system = lattice(cubic, parameters={"t": 100.0}, mu=-250.0, dimension=3, channels={"s": channel()}, g=[[100.0]])
    surface = fermi_surface(state(system, 10.0), k_z=0.7, n=60)
    (line,) = surface.lines
    np.testing.assert_allclose(line.k[:, 2], 0.7)
    np.testing.assert_allclose(-200 * np.sum(np.cos(line.k), axis=1) + 250, 0.0, atol=LEFT)
    ax = plot_fermi_surface(surface)
    assert "lattice constant" in ax.get_xlabel()
    assert plot_fermi_surface(surface, ax) is ax
    plt.close("all")
    empty = fermi_surface(state(system.set({"mu": -700.0}), 10.0), k_z=0.0, n=20)
    assert empty.lines == ()
    with pytest.raises(InputError, match="must have Fermi lines"):
        plot_fermi_surface(empty)
    plt.close("all")


REFUSED = [
    ({"k_z": 0.0}, "`k_z` must not be given"),
    ({"n": 4}, "`n` must be a number of cells"),
]


@pytest.mark.parametrize(("given", "sentence"), REFUSED)
def test_bad_input_is_one_sentence(given, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        fermi_surface(state(one(), 20.0), **given)
    assert "\n" not in str(error.value)


def test_what_is_no_lattice_or_no_plane():
    bands = GivenState(jg.materials.mgb2(), jnp.asarray(10.0), jnp.array([7.0, 2.0]))
    with pytest.raises(InputError, match="must be of a Lattice"):
        fermi_surface(bands)
    system = lattice(cubic, parameters={"t": 100.0}, mu=-250.0, dimension=3, channels={"s": channel()}, g=[[100.0]])
    with pytest.raises(InputError, match="`k_z` must be given in three dimensions"):
        fermi_surface(state(system, 10.0))
