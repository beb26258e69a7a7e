"""Where derivatives end they are NaN, in every mode, and not before."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap.numerics.orders import ends_after


@pytest.mark.parametrize(
    "modes", [*product((jax.jacfwd, jax.jacrev), repeat=3)], ids=lambda modes: " ".join(m.__name__ for m in modes)
)
def test_the_third_derivative_is_nan(modes):
    f, x = lambda x: x**3 + ends_after(2, x), jnp.asarray(0.7)
    for order, (mode, exact) in enumerate(zip(modes, (3 * 0.7**2, 6 * 0.7, np.nan), strict=True)):
        f = mode(f)
        np.testing.assert_allclose(f(x), exact, err_msg=str(order))


def test_what_does_not_move_has_all_derivatives():
    """Of another argument, and where the tangent is a symbolic zero."""
    third = jax.grad(jax.grad(jax.grad(lambda x, y: x**3 * (1 + ends_after(2, y)))))
    assert third(0.7, jnp.asarray(0.2)) == pytest.approx(6.0)
