"""What annotations call the numbers that users give and jaxgap computes.

- `Scalar`: one real number that jaxgap has computed;
- `Real`: one real number that somebody gives: 4, 4.2, np.float64(4), a JAX array or tracer of shape (). It is converted at the
  edge, with `jnp.asarray(T, float)`, and never again; `Reals` are the same in an array of any shape, or in nested lists;
- `Number`: one number that may be complex, an amplitude of a start; `Numbers` as above;
- `AnyArray`: an array of the device or of the host, both of which compiled functions take: `Float[AnyArray, "start channel"]`;
- `PyTree`: a tree of arrays whose structure is its owner's business.

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
