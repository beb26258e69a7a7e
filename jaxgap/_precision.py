"""Double precision: the one place where jaxgap switches it on, and the check that nobody switched it off again.

Gaps go like exp(-1/lambda), residuals are solved to 1e-13 and fold positions follow from differences of nearly equal
numbers, so jaxgap computes in float64 only.
"""

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)


def require_float64() -> None:
    """Raise a `RuntimeError` if the host program has switched double precision off after jaxgap was imported."""
    if jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
        raise RuntimeError(
            "jaxgap needs 64-bit floats, but `jax_enable_x64` is off: something switched it off after `import jaxgap`. "
            'Run `jax.config.update("jax_enable_x64", True)`, or call jaxgap inside `with jax.enable_x64(True):`.'
        )
