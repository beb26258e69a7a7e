"""What annotations call the numbers that users give and jaxgap computes.

Three families, by who makes the number and how many there are:

=========  ===========================================================  ==========================================
`Scalar`   one real number that jaxgap has computed                     `Float[Array, ""]`
`Real`     one real number that somebody gives: 4, 4.2, np.float64(4),  converted with `jnp.asarray(T, float)` at
           a JAX array or tracer of shape ()                            the edge, and never again
`Reals`    the same in an array of any shape, or in nested lists
`Number`   one number that may be complex: an amplitude of a start
`Numbers`  the same in an array of any shape, or in nested lists
`AnyArray` an array of the device or of the host, both of which compiled
           functions take: `Float[AnyArray, "start parameter"]`
`PyTree`   a tree of arrays whose structure is its owner's business
=========  ===========================================================  ==========================================

An array whose shape is known is not one of these: `Float[Array, "channel"]` says more. What is only passed on, or checked
before it is used, is `object`; what a function returns as it came is a TypeVar.
"""

from collections.abc import Sequence
from typing import TypeAlias

import jaxtyping as shapes
import numpy as np
from jaxtyping import Array, Float, PyTree

__all__ = ["AnyArray", "Scalar", "Real", "Reals", "Number", "Numbers", "PyTree"]

AnyArray: TypeAlias = Array | np.ndarray
Scalar: TypeAlias = Float[Array, ""]
Real: TypeAlias = float | int | np.floating | np.integer | shapes.Real[Array, ""] | shapes.Real[np.ndarray, ""]
Reals: TypeAlias = (
    float | int | np.floating | np.integer | shapes.Real[Array, "..."] | shapes.Real[np.ndarray, "..."] | Sequence[object]
)
Number: TypeAlias = complex | float | int | np.number | shapes.Num[Array, ""] | shapes.Num[np.ndarray, ""]
Numbers: TypeAlias = (
    complex | float | int | np.number | shapes.Num[Array, "..."] | shapes.Num[np.ndarray, "..."] | Sequence[object]
)
