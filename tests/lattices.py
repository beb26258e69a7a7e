"""Lattices that several tests share."""

import jax.numpy as jnp
import numpy as np

from jaxgap import channel, lattice
from jaxgap.solving.state import GivenState


def square(k, p):
    return -2 * p["t"] * (jnp.cos(k[0]) + jnp.cos(k[1])) + 4 * p["tp"] * jnp.cos(k[0]) * jnp.cos(k[1])


def two_orbitals(k, p):
    c, V = jnp.cos(k[0]) + jnp.cos(k[1]), p["V"] * (jnp.cos(k[0]) - jnp.cos(k[1]))
    return jnp.array([[-2 * p["t1"] * c, V], [V, -2 * p["t2"] * c + p["e0"]]])


def three_orbitals(k, p):
    """Complex, and different in x and y: only reversed time is a symmetry."""
    x, y = k
    a = p["a"] * jnp.cos(x) + 1j * p["b"] * jnp.sin(x + y)
    b, c = 0.3 * p["a"] * jnp.cos(y - x) + 0j, 0.2 * p["a"] + 0.5j * p["b"] * jnp.sin(2 * y)
    diagonal = -2 * jnp.cos(x) - jnp.cos(y), jnp.cos(x) * jnp.cos(y), 0.7 * jnp.cos(2 * x) - 0.2
    rows = [[diagonal[0], a, b], [jnp.conj(a), diagonal[1], c], [b, jnp.conj(c), diagonal[2]]]
    return 100.0 * jnp.array(rows)


SYSTEM = """
[lattice]
mu = -80.0
g = [[300.0]]
mesh = 64
tolerance = 1e-6
channels.s = { orbitals = "a" }
parameters = { t = 100.0 }
hoppings = [{ parameter = "t", factor = -1.0, R = [[1, 0], [0, 1]] }]
"""
"""A file of an s wave, quick to solve at some 100 K."""


def one(t=100.0, tp=25.0, mu=-86.76, form="d_x2-y2", **options):
    return lattice(square, parameters={"t": t, "tp": tp}, mu=mu, channels={"c": channel(form=form)}, g=[[110.0]], **options)


def two(**options):
    given = {
        "parameters": {"t1": 100.0, "t2": -60.0, "e0": 50.0, "V": 40.0},
        "channels": {"a": channel(0), "b": channel(1)},
        "g": [[150.0, 40.0], [40.0, 150.0]],
        "mu": -20.0,
    } | options
    return lattice(two_orbitals, **given)


def three(**options):
    channels = {"a": channel(0), "bd": channel(1, form="d_x2-y2"), "ac": channel((0, 2)), "c": channel(2)}
    return lattice(three_orbitals, parameters={"a": 0.4, "b": 0.25}, channels=channels, g=100 * np.eye(4), mu=10.0, **options)


def state(system, *Delta, T=10.0):
    return GivenState(system, jnp.asarray(T), jnp.array(Delta))


def all_k(N, dimension=2):
    """Every node of a mesh."""
    k = 2 * np.pi * (np.arange(N) + 0.5) / N - np.pi
    return np.stack(np.meshgrid(*[k] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
