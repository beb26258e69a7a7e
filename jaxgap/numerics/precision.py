"""What jaxgap needs of JAX's settings, which are the host program's: double precision, and numpy's rules of promotion.

The check that nobody switched off again what `jaxgap.numerics.double` has switched on.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax
import numpy as np

from jaxgap.numerics.double import restore_environment

__all__ = ["own_rules", "require_float64"]

restore_environment()


def require_float64() -> None:
    """Raise a `RuntimeError` if the host program has switched double precision off after jaxgap was imported."""
    if jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
        raise RuntimeError(
            "jaxgap needs 64-bit floats, but `jax_enable_x64` is off: something switched it off after `import jaxgap`. "
            'Run `jax.config.update("jax_enable_x64", True)`, or call jaxgap inside `with jax.enable_x64(True):`.'
        )


P = ParamSpec("P")
R = TypeVar("R")


def own_rules(function: Callable[P, R]) -> Callable[P, R]:
    """`function` under numpy's rules of promotion, on which jaxgap relies, whatever a host program has asked for."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        settings = jax.config
        rank, dtype = getattr(settings, "jax_numpy_rank_promotion"), getattr(settings, "jax_numpy_dtype_promotion")  # noqa: B009
        if (rank, dtype) == ("allow", "standard"):
            return function(*args, **kwargs)
        with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
            return function(*args, **kwargs)

    return call
