"""A smooth cutoff of several orbitals: of orbitals apart that of one, one code and another, derivatives against differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import one, three, two

import jaxgap as jg
from jaxgap import InputError, smooth
from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.linear import linear_map
from jaxgap.equations.pairing import anomalous_densities, gap_residual
from jaxgap.observables import band_basis
from jaxgap.solving.state import GivenState
from jaxgap.spectra.lattice_cutoff import root_of_cutoff, root_without_derivatives

EXACT = 1e-12
DIFFERENCES = 1e-6
T = jnp.asarray(60.0)
CUTOFF = smooth(80.0, 15.0)


@pytest.mark.slow
def test_its_square_is_the_cutoff():
    """By eigenvectors; where two energies coincide, and far beyond the cutoff, too."""
    rng = np.random.default_rng(5)
    A = rng.normal(size=(3, 3, 3)) + 1j * rng.normal(size=(3, 3, 3))
    E, W = np.linalg.eigh(A + np.conj(np.swapaxes(A, 1, 2)))
    E = np.array([[30.0, 30.0, -70.0], [1e5, -90.0, 0.0], [81.0, 81.0 + 1e-9, 81.0]])
    h = np.einsum("xab,xb,xcb->xac", W, E, W.conj())
    S = root_of_cutoff(CUTOFF, jnp.asarray(h))
    wanted = np.einsum("xab,xb,xcb->xac", W, np.asarray(CUTOFF(jnp.asarray(E))), W.conj())
    np.testing.assert_allclose(S @ S, wanted, atol=EXACT)
    parts = jnp.moveaxis(jnp.stack([h.real, h.imag]), 1, -1)
    np.testing.assert_allclose(jnp.moveaxis(root_without_derivatives(CUTOFF, parts), -1, 0), S, atol=EXACT)


@pytest.mark.slow
def test_orbitals_apart_are_each_one():
    apart = {"t1": 100.0, "t2": -60.0, "e0": 50.0, "V": 0.0}
    both = two(parameters=apart, cutoff=CUTOFF, mesh=24)
    P = anomalous_densities(both, jnp.array([20.0, -12.0]), T)
    alone = [
        anomalous_densities(one(t=t, tp=0.0, mu=mu, form="s", cutoff=CUTOFF, mesh=24), jnp.array([Delta]), T)[0]
        for t, mu, Delta in ((100.0, -20.0, 20.0), (-60.0, -70.0, -12.0))
    ]
    np.testing.assert_allclose(P, alone, rtol=EXACT)


@pytest.mark.slow
def test_newton_has_the_derivatives():
    """Complex hoppings, forms, and pairs of two orbitals: amplitudes, the normal state, and complex amplitudes."""
    system, C = three(cutoff=CUTOFF, mesh=12), 4
    x = jnp.array([20.0, 12.0, -7.0, 3.0, 3.0, -5.0, 2.0, 1.0])

    def r(x):
        left = gap_residual(system, x[:C] + 1j * x[C:], T)
        return jnp.concatenate([left.real, left.imag])

    M = jax.jit(jax.jacfwd(r))
    found = residual_and_matrix(system, x[:C] + 1j * x[C:], T)
    np.testing.assert_allclose(found[0], r(x), atol=1e-10)
    np.testing.assert_allclose(found[1], M(x), atol=1e-10)
    real = residual_and_matrix(system, x[:C], T)[1]
    np.testing.assert_allclose(real, M(x.at[C:].set(0.0))[:C, :C], atol=1e-10)
    np.testing.assert_allclose(np.eye(C) - linear_map(system, T), M(0 * x)[:C, :C], atol=1e-10)


@pytest.mark.slow
def test_derivatives_are_those_of_differences():
    """First and second, with respect to both numbers of the cutoff, mu and the hybridisation."""
    system, paths = two(cutoff=CUTOFF, mesh=16), ("Omega", "width", "mu", "V")
    start, Delta = np.array([float(system.get(path)) for path in paths]), jnp.array([20.0, -12.0])

    def total(x):
        r = gap_residual(system.set(dict(zip(paths, x, strict=True))), Delta, T)
        return r[0] - 2 * r[1]

    slope, h = jax.jit(jax.grad(total)), 1e-3
    steps = h * np.eye(len(paths))
    wanted = [(total(start + step) - total(start - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose(slope(start), wanted, rtol=DIFFERENCES, atol=1e-9)
    wanted = np.stack([(slope(start + step) - slope(start - step)) / (2 * h) for step in steps])
    np.testing.assert_allclose(jax.jit(jax.jacfwd(jax.grad(total)))(start), wanted, rtol=1e-5, atol=1e-10)


@pytest.mark.slow
def test_bands_far_from_mu_do_not_pair():
    """A solve; gaps of bands, of which those far from mu are small, and what a twist of the cutoff would be is refused."""
    system = two(cutoff=smooth(60.0, 12.0), tolerance=1e-4, g=[[400.0, 50.0], [50.0, 400.0]])
    solution = jg.solve(system, 60.0)
    assert bool(solution.converged)
    basis = band_basis(solution, jg.observables.path_between((0.0, 0.0), (np.pi, np.pi), n=20))
    far = np.abs(basis.energy) > 150.0
    gaps = np.abs(np.diagonal(basis.gap, axis1=1, axis2=2))
    assert far.any()
    assert gaps[far].max() < 1e-3 * gaps.max()
    with pytest.raises(InputError, match="must have no cutoff where orbitals are several"):
        jg.observables.superfluid_stiffness(GivenState(system, T, solution.Delta))
