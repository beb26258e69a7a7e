"""Disordered systems that several tests share: one band, and two equal ones."""

import numpy as np

import jaxgap as jg

S = {"1": np.eye(2), "s3": np.diag([1.0, -1.0]), "s1": np.array([[0.0, 1.0], [1.0, 0.0]])}
"""Pauli matrices of the two bands."""
EFREMOV = [[0.5, -0.05], [-0.05, 0.1]]
"""s+- whose mean coupling attracts: it turns into s++ (Efremov et al., Phys. Rev. B 84, 180512 (2011))."""


def one_band(density, u=None, J=None, kind="Born", omega_c=30.0, lam=0.3, mass=1.0):
    bands = {"a": {"mu": 500.0, "mass": mass}}
    disorder = jg.Disorder(density, u, J, kind)
    return jg.superconductor(bands=bands, lam=lam, interaction=jg.MatsubaraCutoff(omega_c), disorder=disorder)


def two_bands(lam, density, u=None, J=None, *, d=0.0, masses=(1.0, 1.0), interaction=None, kind="Born"):
    """With a cross channel where lam has one; the distance of the bands is d / m."""
    bands = {name: {"mu": (500.0 + d * k) / m, "mass": m} for k, (name, m) in enumerate(zip("ab", masses, strict=True))}
    cross = ["a:b"] if len(lam) == 3 else []
    interaction = interaction or jg.MatsubaraCutoff(30.0)
    disorder = jg.Disorder(density, u, J, kind)
    return jg.superconductor(bands=bands, lam=lam, cross=cross, interaction=interaction, disorder=disorder)
