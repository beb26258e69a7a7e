r"""What data determine: directions in parameter space by how well they are known.

With J the derivatives of all predictions over their errors the Fisher information in relative changes of the parameters is

.. math:: I_{kl} = \theta_k (J^T J)_{kl} \theta_l .

Its eigenvectors are products of powers of the parameters; 1 / sqrt(eigenvalue) is the relative error of such a product.
"""

from typing import NamedTuple

import numpy as np

from jaxgap.fitting.result import FitResult
from jaxgap.model.records import Number

__all__ = ["Combination", "combinations"]

NAMED = 0.3
"""Share of the largest exponent from which a parameter is named in a combination."""


class Combination(NamedTuple):
    """A product of powers of the parameters, and how well the data fix it."""

    exponents: dict[str, float]
    """By parameter, norm 1, the largest positive."""
    relative_error: Number
    """Infinite if the data say nothing about it."""

    @property
    def text(self) -> str:
        """Such as `lambda_13 Omega^-0.45`, small exponents left out."""
        shown = {name: power for name, power in self.exponents.items() if abs(power) >= NAMED * max(self.exponents.values())}
        largest = max(shown.values())
        powers = {name: power / largest for name, power in shown.items()}
        return " ".join(name if abs(power - 1) < 5e-3 else f"{name}^{power:.2f}" for name, power in powers.items())


def combinations(result: FitResult) -> tuple[Combination, ...]:
    """Independent combinations of the parameters, the best known first. Parameters that are zero cannot be in a product: they
    count in units of their bounds' width."""
    widths = np.array([hi - lo for lo, hi in (parameter.bounds for parameter in result.config.parameters.values())])
    scale = np.where(result.value == 0, widths, np.abs(result.value))
    _, s, V = np.linalg.svd(result.jacobian * scale, full_matrices=True)
    s = np.concatenate([s, np.zeros(len(V) - len(s))])
    found = []
    for size, v in zip(s, V, strict=True):
        v = v * np.where(result.value < 0, -1.0, 1.0)
        v = v * np.sign(v[np.argmax(np.abs(v))])
        exponents = dict(zip(result.config.parameters, v.tolist(), strict=True))
        found.append(Combination(exponents, float(1 / size) if size > 1e-9 * max(s[0], 1e-300) else float("inf")))
    return tuple(found)
