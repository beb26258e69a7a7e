"""Linear equations by products with vectors, against LAPACK; the implicit derivative through factors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator, relative_error

from jaxgap.numerics.implicit import SINGULAR, at_root
from jaxgap.numerics.krylov import smallest_by_products, solved_by_products
from jaxgap.numerics.linearised import at_linearised_root, factorised

SIZE = 60


def matrix(rank, least, seed=0):
    """1 less something of a low rank, not symmetric, with the smallest singular value `least` or below."""
    rng = generator(seed)
    U, V = (np.linalg.qr(rng.normal(size=(SIZE, rank)))[0] for _ in range(2))
    A = np.eye(SIZE) - (U * np.geomspace(0.9, 0.1, rank)) @ V.T
    left, s, right = np.linalg.svd(A)
    s[-1] = least
    return jnp.asarray((left * s) @ right)


@pytest.mark.parametrize("least", [0.3, 1e-3, 1e-7])
def test_equations_by_products(least):
    A, b = matrix(5, least), jnp.asarray(generator(1).normal(size=SIZE))
    found = solved_by_products(lambda v: A @ v, b)
    assert bool(found.converged)
    assert int(found.products) <= 20
    assert relative_error(found.x, np.linalg.solve(A, b)) < 1e-12 / least


def test_what_products_do_not_solve_is_told():
    """All axes, one after the other: every residual is as long as the first."""
    shift = jnp.asarray(np.roll(np.eye(SIZE), 1, axis=0))
    found = solved_by_products(lambda v: shift @ v, jnp.eye(SIZE)[0])
    assert not bool(found.converged)


@pytest.mark.parametrize("least", [0.3, 1e-3, SINGULAR, 1e-9])
def test_the_smallest_singular_value_by_products(least):
    A = matrix(5, least)
    found = smallest_by_products(lambda v: A @ v, lambda v: v @ A, SIZE)
    assert abs(found - np.linalg.svd(A, compute_uv=False)[-1]) < 1e-12 + 1e-3 * least


@pytest.mark.parametrize("least", [0.3, 1e-3, SINGULAR, 1e-9])
def test_the_smallest_singular_value_by_factors(least):
    A = matrix(5, least)
    assert relative_error(factorised(A).smallest_singular_value(), np.linalg.svd(A, compute_uv=False)[-1]) < 0.01


def test_a_matrix_of_which_the_start_sees_few_singular_values():
    """Of a multiple of 1 it sees one: steps after that have no direction left."""
    assert relative_error(smallest_by_products(lambda v: 2 * v, lambda v: 2 * v, 30), 2.0) < 1e-14


def coupled(x, theta):
    return x**3 + theta * jnp.roll(x, 1) - jnp.arange(1.0, 4.0)


def root_of(theta):
    theta = jax.lax.stop_gradient(theta)

    def step(_, x):
        return x - jnp.linalg.solve(jax.jacfwd(coupled)(x, theta), coupled(x, theta))

    return jax.lax.fori_loop(0, 40, step, jnp.ones(3))


def by_factors(theta, trusted=True):
    x = root_of(theta)
    known = factorised(jax.jacfwd(coupled)(x, jax.lax.stop_gradient(theta)))
    return at_linearised_root(coupled, x, theta, jnp.asarray(trusted), known)


@pytest.mark.slow
def test_derivatives_through_factors():
    """Forward, backward and to third order as by the matrix."""
    by_matrix = lambda theta: at_root(coupled, root_of(theta), theta)  # noqa: E731
    theta = jnp.asarray(0.4)
    for derivative in (
        jax.jacfwd,
        jax.jacrev,
        lambda f: jax.jacfwd(jax.jacrev(f)),
        lambda f: jax.jacrev(jax.jacrev(f)),
        lambda f: jax.jacfwd(jax.jacfwd(jax.jacfwd(f))),
    ):
        expected = jax.jit(derivative(by_matrix))(theta)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(jax.jit(derivative(by_factors))(theta), expected, rtol=1e-10)


def test_no_derivative_of_what_is_not_trusted():
    for derivative in (jax.jacfwd, jax.jacrev):
        assert np.isnan(derivative(lambda theta: by_factors(theta, False))(0.4)).all()
