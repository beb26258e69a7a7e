"""What the names for users' numbers let through, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from beartype import BeartypeConf, beartype
from jaxtyping import TypeCheckError, jaxtyped

from jaxgap.numerics.types import Number, Real, Reals, Scalar


def checked(function):
    return jaxtyped(function, typechecker=beartype(conf=BeartypeConf(is_pep484_tower=True)))


@checked
def real(T: Real) -> Scalar:
    return jnp.asarray(T, float)


@checked
def reals(T: Reals) -> jax.Array:
    return jnp.asarray(T, float)


@checked
def number(Delta: Number) -> jax.Array:
    return jnp.asarray(Delta, complex)


ONE = [4, 4.2, np.float32(3), np.int64(3), np.asarray(3.0), jnp.asarray(3), jnp.asarray(3.0)]


@pytest.mark.parametrize("value", ONE, ids=lambda value: type(value).__name__)
def test_one_real_number_in_every_form(value):
    assert real(value) == reals(value) == number(value) == float(value)


def test_traced_numbers():
    assert jax.jit(real)(3) == 3
    assert jax.vmap(real)(jnp.ones(3)).shape == (3,)
    assert jax.grad(real)(3.0) == 1


def test_complex_numbers_and_arrays():
    assert number(3j) == number(np.complex64(3j)) == number(jnp.asarray(3j))
    assert reals([[1, 2], [3, 4]]).shape == (2, 2)
    assert reals(np.ones(3)).shape == (3,)


@pytest.mark.parametrize("value", [3j, "4", None, np.ones(3), jnp.ones(3)], ids=str)
def test_what_is_not_one_real_number_is_refused(value):
    with pytest.raises(TypeCheckError):
        real(value)
