"""The bands of a lattice that is solved, as dispersions: those of the closed forms, in surfaces, nesting and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import square, two_orbitals

import jaxgap as jg
from jaxgap import InputError
from jaxgap.origins import band_of, best_shift, fermi_surface, follow, square_lattice

A = 3.9
"""Lattice constant [angstrom]."""
WINDOW = np.pi / A * np.array([[-0.95, 0.95], [-0.95, 0.95]])


def _lattice(t=100.0):
    return jg.lattice(square, parameters={"t": t, "tp": 25.0}, mu=-150.0, channels={"s": jg.channel()}, g=[[100.0]])


def test_one_orbital_is_the_closed_form():
    band, closed = band_of(_lattice(), A * np.eye(2)), square_lattice(100.0, -25.0, -150.0, A)
    for k in jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (20, 2))):
        np.testing.assert_allclose(band(k), closed(k), atol=1e-10)
    np.testing.assert_allclose(band.reciprocal, closed.reciprocal)


@pytest.mark.slow
def test_its_fermi_surface_and_derivatives():
    def size(t):
        return follow(surface, band_of(_lattice(t), A * np.eye(2))).size

    band = band_of(_lattice(), A * np.eye(2))
    surface = fermi_surface(band, WINDOW)
    expected = fermi_surface(square_lattice(100.0, -25.0, -150.0, A), WINDOW)
    np.testing.assert_allclose(surface.size, expected.size, rtol=1e-10)
    step = 1e-3
    differences = (size(100.0 + step) - size(100.0 - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(size)(100.0), differences, rtol=1e-6)
    shift = best_shift(surface, surface, 0.1, reciprocal=band.reciprocal)
    np.testing.assert_allclose(shift.Q, 0.0, atol=1e-6)


def test_bands_of_two_orbitals_come_in_order():
    given = {"parameters": {"t1": 100.0, "t2": 60.0, "e0": 80.0, "V": 20.0}, "g": 50 * np.eye(2)}
    lattice = jg.lattice(two_orbitals, mu=-20.0, channels={"a": jg.channel(0), "b": jg.channel(1)}, **given)
    cell = np.array([[3.0, 0.0], [0.5, 4.0]])
    for k in jnp.asarray(np.random.default_rng(1).uniform(-1, 1, (10, 2))):
        expected = np.linalg.eigvalsh(np.asarray(lattice.matrix(cell @ k)))
        np.testing.assert_allclose([band_of(lattice, cell, n)(k) for n in (0, 1)], expected, atol=1e-10)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((jg.materials.two_band(), A * np.eye(2)), "lattice"),
        ((_lattice(), A * np.eye(3)), "cell"),
        ((_lattice(), np.ones((2, 2))), "independent"),
        ((_lattice(), A * np.eye(2), 1), "band"),
    ],
)
def test_what_is_no_band_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        band_of(*given)
