"""Families of systems: what a coordinate sets, and that a path, a section and a point agree where they meet."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxgap import materials
from jaxgap.model.family import Section, heating, leaf, point

SC = materials.two_band()
PLANE = Section(SC, jnp.asarray(4.2), (leaf("lambda_33"), leaf("T")))


def test_a_leaf_is_the_coordinate_to_the_last_bit():
    sc, T = PLANE.at(0.1 + 0.2, 3.3)
    assert float(sc.get("lambda_33")) == 0.1 + 0.2
    assert float(T) == 3.3


def test_a_coordinate_moves_leaves_together_and_a_function_anything():
    def wider(sc, value):
        return eqx.tree_at(lambda s: s.Omega, sc, sc.Omega * value)

    family = Section(SC, jnp.asarray(4.2), ((("lambda_11", 2.0, 0.1), ("T", 10.0, 0.0)), wider))
    sc, T = family.at(0.05, 3.0)
    np.testing.assert_allclose([sc.get("lambda_11"), T, sc.Omega / SC.Omega], [0.2, 0.5, 3.0], rtol=1e-15)


def test_an_edge_is_the_straight_path_between_two_points():
    edge = PLANE.edge(np.array([0.1, 2.0]), np.array([0.3, 6.0]))
    assert edge.names == ("lambda_33", "T")
    for p in (0.0, 0.25, 1.0):
        (sc, T), (there, T_there) = edge.at(p), PLANE.at(0.1 + 0.2 * p, 2.0 + 4.0 * p)
        np.testing.assert_allclose([edge.value(p), T], [there.get("lambda_33"), T_there], rtol=1e-15)
        np.testing.assert_allclose(sc.lam, there.lam, rtol=1e-15)


def test_a_point_is_a_section_without_coordinates_and_heating_starts_at_zero():
    here = point(SC, jnp.asarray(4.2))
    T = jax.vmap(lambda row: here.at(*row)[1])(jnp.zeros((3, 0)))
    np.testing.assert_array_equal(T, [4.2] * 3)
    np.testing.assert_array_equal(heating(SC).at(7.0)[1], 7.0)
