"""Every sentence that jaxgap says about a bad argument is made here.

The grammar is "Argument `x` must ..., but got ...", with the offending value. Values can only be checked where they are
concrete: under `jax.jit`, `vmap` or `grad` the checks of values are skipped, and the status of a solution reports instead.
"""

from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

__all__ = [
    "DoubtfulError",
    "InputError",
    "NotConvergedError",
    "check",
    "check_finite",
    "check_identifier",
    "is_concrete",
    "must",
    "on_host",
]

T = TypeVar("T")


class InputError(ValueError):
    """Bad input: one sentence, no traceback for the user of the command line (exit code 2)."""


class NotConvergedError(RuntimeError):
    """A solution was asked for and not found: one sentence with the remedy (exit code 3 of the command line)."""


class DoubtfulError(RuntimeError):
    """A result was told that must not be quoted: one sentence that says why (exit code 4 of the command line)."""


def must(name: str, requirement: str, value: object) -> str:
    """The sentence for argument `name`, which fails `requirement` with `value`."""
    return f"Argument `{name}` must {requirement}, but got {value}."


def check(ok: bool, name: str, requirement: str, value: object) -> None:
    """Raise `InputError` unless `ok`."""
    if not ok:
        raise InputError(must(name, requirement, value))


def is_concrete(*values: object) -> bool:
    """Whether every array in `values` has a value now (False while JAX traces)."""
    return not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(values))


def on_host(tree: T) -> T:
    """The same with NumPy's arrays, whose parts are taken at no cost; unchanged while JAX traces."""
    same: T = jax.tree.map(np.asarray, tree) if is_concrete(tree) else tree
    return same


def check_finite(name: str, value: object, *, real: bool = True) -> None:
    """Raise `InputError` unless `value` holds numbers, real ones if asked, which are finite where they are concrete."""
    if is_concrete(value):
        try:
            numbers = np.asarray(value)
        except (TypeError, ValueError):
            raise InputError(must(name, "hold numbers in a regular array", repr(value))) from None
        # What is said of a value is only made where something is said: of a long array it takes longer than all else.
        if not jax.dtypes.issubdtype(numbers.dtype, np.number):
            raise InputError(must(name, "hold numbers", repr(value)))
        if not np.isfinite(numbers).all():
            raise InputError(must(name, "be finite", numbers.tolist()))
    check(not real or not jnp.iscomplexobj(value), name, "be real", value)


def check_identifier(name: str, value: object) -> None:
    """Band names are short identifiers, since paths such as `lam[alpha, alpha:beta]` are made of them."""
    check(isinstance(value, str) and value.isidentifier(), name, "be a short identifier such as `alpha`", repr(value))
