r"""What lies between a quantity x and what an instrument reads of it: scales, backgrounds, and what does not superconduct.

.. math:: \text{SCALED:}\; a x + b, \qquad \text{BACKGROUND:}\; a (1 + s V + c V^2) \, x + b, \qquad
          \text{COUNTS:}\; a x + b + s \omega

.. math:: \text{RESIDUAL:}\; a [(1 - r) x + r], \qquad \text{LATTICE:}\; x + \beta T^2 + \delta T^4, \qquad
          \text{DEPOLARISATION:}\; \sqrt{x^2 + \sigma_n^2}

Numbers that are not given leave x as it is. A fit may free each of them; two that a data set cannot tell apart (the scale of
dI/dV and its offset at high voltage, say) are free together at one's own risk.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.observables.quantity import Measurement, Points, Setting
from jaxgap.spectra.pair import safe_sqrt

__all__ = [
    "BACKGROUND",
    "COUNTS",
    "DEPOLARISATION",
    "LATTICE",
    "OFFSET",
    "RESIDUAL",
    "RESIDUAL_FRACTION",
    "SCALE",
    "SCALED",
    "background",
    "scaled",
]

Value = Float[Array, "..."]
Scalar = Float[Array, ""]

SCALE = Setting("scale", 1.0, None, "Factor between the value and the reading.", positive=True, bounds=(0.2, 5.0))
OFFSET = Setting("offset", 0.0, None, "Added to the reading.", bounds=(-1.0, 1.0), signed=True)
RESIDUAL_FRACTION = Setting(
    "residual", 0.0, None, "Fraction of the sample that stays normal, 0 to 1. Default: 0.", bounds=(0.0, 0.9)
)


def _function(f: Callable[..., Value]) -> Callable[..., Value]:
    """Of (value, T, points, **numbers), where the numbers are made arrays."""

    def call(value: Value, T: Scalar | None, points: Points, **numbers: object) -> Value:
        return f(value, T, points, **{name: jnp.asarray(x, jnp.float64) for name, x in numbers.items()})

    return call


def scaled(offset: Setting = OFFSET) -> Measurement:
    """a x + b, with b in the unit of x."""
    return Measurement(_scaled, (SCALE, offset), "scale x + offset")


@_function
def _scaled(value: Value, T: Scalar | None, points: Points, scale: Scalar, offset: Scalar) -> Value:
    return scale * value + offset


@_function
def _background(
    value: Value, T: Scalar | None, points: Points, scale: Scalar, slope: Scalar, curvature: Scalar, offset: Scalar
) -> Value:
    (V,) = points.values()
    return scale * (1 + slope * V + curvature * V**2) * value + offset


@_function
def _counts(
    value: Value, T: Scalar | None, points: Points, scale: Scalar, background: Scalar, background_slope: Scalar
) -> Value:
    return scale * value + background + background_slope * points["omega"]


@_function
def _residual(value: Value, T: Scalar | None, points: Points, scale: Scalar, residual: Scalar) -> Value:
    return scale * ((1 - residual) * value + residual)


@_function
def _lattice(value: Value, T: Scalar | None, points: Points, beta: Scalar, delta: Scalar) -> Value:
    assert T is not None
    return value + beta * T**2 + delta * T**4


@_function
def _depolarisation(value: Value, T: Scalar | None, points: Points, sigma_n: Scalar) -> Value:
    return safe_sqrt(value**2 + sigma_n**2)


SCALED = scaled()
"""A reading in units of its own."""


def background(axis: str, unit: str) -> Measurement:
    """a (1 + s V + c V^2) x + b of what is measured over `axis`, in place of V."""
    return Measurement(
        _background,
        (
            SCALE,
            Setting("slope", 0.0, f"1/{unit}", f"Slope of the background [1/{unit}].", bounds=(-0.02, 0.02), signed=True),
            Setting(
                "curvature",
                0.0,
                f"1/{unit}^2",
                f"Curvature of the background [1/{unit}^2].",
                bounds=(-1e-3, 1e-3),
                signed=True,
            ),
            OFFSET,
        ),
        f"scale (1 + slope {axis} + curvature {axis}^2) x + offset",
    )


BACKGROUND = background("V", "mV")
"""Of a conductance: the normal state's, to second order in the voltage, and what flows beside the junction."""
COUNTS = Measurement(
    _counts,
    (
        SCALE._replace(bounds=None),
        Setting("background", 0.0, None, "Counts where there is no signal."),
        Setting("background_slope", 0.0, "1/meV", "Their change with energy [1/meV].", signed=True),
    ),
    "scale x + background + background_slope omega",
)
"""Of photoemission: raw counts."""
RESIDUAL = Measurement(_residual, (SCALE, RESIDUAL_FRACTION), "scale [(1 - residual) x + residual]")
"""Of what the normal state has, too: a fraction of the sample, or of its electrons, that does not pair."""
LATTICE = Measurement(
    _lattice,
    (
        Setting("beta", 0.0, "mJ/(mol K^4)", "Heat of phonons, beta T^3 [mJ/(mol K^4)].", bounds=(0.0, 5.0)),
        Setting("delta", 0.0, "mJ/(mol K^6)", "Its next term, delta T^5 [mJ/(mol K^6)].", bounds=(-0.01, 0.01), signed=True),
    ),
    "x + beta T^2 + delta T^4",
)
"""Of C/T: the phonons' share."""
DEPOLARISATION = Measurement(
    _depolarisation,
    (Setting("sigma_n", 0.0, "1/us", "Depolarisation by nuclear moments [1/us].", bounds=(0.0, 1.0)),),
    "sqrt(x^2 + sigma_n^2)",
)
"""Of muon spin rotation: Gaussian widths add in quadrature."""
