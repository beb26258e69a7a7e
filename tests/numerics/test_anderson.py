"""Fixed points by Anderson's acceleration: against a linear solve, a scalar equation, and where there is none."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgap.numerics.anderson import accelerated


def _affine(x, theta):
    G, b = theta
    return G @ x + b


def test_it_solves_a_linear_problem_in_fewer_steps_than_plain_iterations():
    rng = np.random.default_rng(3)
    Q = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    theta = jnp.asarray(Q @ np.diag(np.linspace(-0.3, 0.9, 40)) @ Q.T), jnp.asarray(rng.normal(size=40))
    found = accelerated(_affine, jnp.zeros(40), theta, 1e-12, most=200)
    np.testing.assert_allclose(found.x, np.linalg.solve(np.eye(40) - theta[0], theta[1]), rtol=1e-9)
    assert bool(found.converged)
    assert int(found.steps) < 200  # plain iterations need 260


def test_what_has_no_fixed_point_is_not_called_converged():
    none = accelerated(lambda x, _: x + 1.0, jnp.zeros(3), None, 1e-12)
    assert not bool(none.converged)
    nan = accelerated(lambda x, _: x * jnp.nan, jnp.ones(3), None, 1e-12)
    assert not bool(nan.converged)


def test_elements_of_a_batch_end_where_they_do_alone():
    cosine = jax.jit(jax.vmap(lambda a: accelerated(lambda x, a: jnp.cos(a * x), jnp.ones(1), a, 1e-13)))
    a = jnp.array([0.5, 1.0, 1.2])
    found = cosine(a)
    assert found.converged.all()
    np.testing.assert_allclose(found.x[:, 0], jnp.cos(a * found.x[:, 0]), atol=1e-12)
