"""One of many: values are those of the batch, derivatives those of the function of one."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgap.numerics.batching import one_of_many

SAME = 1e-15
"""The same operations in another order."""
seen = []


def _many(x, a):
    seen.append(x.shape)
    return a["b"][:, None] * jnp.sin(x) ** 2, x.sum(axis=1)


def _alone(x, a):
    return a["b"] * jnp.sin(x) ** 2, x.sum()


def test_one_and_batches_of_batches():
    function, rng = one_of_many(_many, _alone), np.random.default_rng(3)
    x, b = jnp.asarray(rng.normal(size=(4, 5, 3))), jnp.asarray(rng.normal(size=5))
    wanted = jax.vmap(jax.vmap(_alone), in_axes=(0, None))(x, {"b": b})
    seen.clear()
    got = jax.jit(jax.vmap(jax.vmap(function), in_axes=(0, None)))(x, {"b": b})
    assert (20, 3) in seen  # all elements are one batch
    one = function(x[1, 2], {"b": b[2]})
    for batch, alone, expected in zip(got, one, wanted, strict=True):
        np.testing.assert_allclose(batch, expected, rtol=0, atol=SAME * 10)
        np.testing.assert_allclose(alone, expected[1, 2], rtol=0, atol=SAME * 10)


def test_derivatives_are_those_of_the_function_of_one():
    """To second order, in both modes, with respect to every argument, and in batches; values are the batch's."""
    wrong = one_of_many(lambda x, a: jax.tree.map(lambda y: y + 1.0, _many(x, a)), _alone)
    x, a = jnp.array([0.3, -0.2]), {"b": jnp.asarray(0.7)}

    def of(function):
        return lambda x, a: function(x, a)[0] @ jnp.array([1.0, 2.0])

    assert abs(float(of(wrong)(x, a) - of(_alone)(x, a)) - 3.0) < SAME * 10
    for derivative in (jax.grad, jax.jacfwd, jax.hessian, lambda f: jax.grad(f, argnums=1), lambda f: jax.jacfwd(jax.grad(f))):
        for got, wanted in zip(
            jax.tree.leaves(derivative(of(wrong))(x, a)), jax.tree.leaves(derivative(of(_alone))(x, a)), strict=True
        ):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=SAME * 10)
    batch = jax.vmap(jax.grad(of(wrong)), in_axes=(0, None))(jnp.stack([x, 2 * x]), a)
    np.testing.assert_allclose(batch[1], jax.grad(of(_alone))(2 * x, a), rtol=0, atol=SAME * 10)


def test_inside_a_loop():
    function = one_of_many(_many, _alone)

    def last(x):
        return jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, function(s[1], {"b": jnp.ones(())})[0]), (0, x))[1]

    x = jnp.array([[0.3, 1.0], [0.1, -0.4]])
    wanted = np.sin(np.sin(np.sin(x) ** 2) ** 2) ** 2
    np.testing.assert_allclose(jax.vmap(last)(x), wanted, rtol=0, atol=SAME * 10)


def test_a_batch_may_be_empty():
    one = one_of_many(lambda x: (x @ jnp.ones(3), x))
    number, row = jax.vmap(one)(jnp.zeros((0, 3)))
    assert number.shape == (0,)
    assert row.shape == (0, 3)
    assert jax.vmap(jax.vmap(one))(jnp.zeros((0, 2, 3)))[0].shape == (0, 2)
