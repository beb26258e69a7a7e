r"""What is measured of the superfluid density: the penetration depth, its inverse square, and its change with temperature.

.. math:: \frac{1}{\lambda^2(T)} = \frac{\rho_s(T)}{\lambda_0^2}, \qquad \Delta\lambda(T) = \lambda(T) - \lambda_0

with rho_s relative to all carriers (`superfluid`). lambda_0 is the London depth at rho_s = 1: the depth at T = 0 of bands that
pair alone, and less than it where cross-band pairing of unequal bands breaks pairs. From the masses it is

.. math:: \frac{1}{\lambda_0^2} = \frac{\mu_0 e^2}{m_e} \sum_i \frac{n_i}{|m_i|},

which has no renormalisation of masses by phonons and no anisotropy; a fit that is told lambda_0 [nm], or frees it, does not
need the masses' absolute densities. A resonator measures a change: its reference is the `offset`.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.types import Scalar
from jaxgap.observables.absolute import states_per_volume
from jaxgap.observables.measurements import OFFSET, scaled
from jaxgap.observables.quantity import LAYER_SPACING, Need, Picture, Quantity, Setting, where_paired
from jaxgap.observables.superfluid import full_weight, superfluid_fraction_of
from jaxgap.observables.views import TEMPERATURE, Settings
from jaxgap.solving.state import MeanFieldState

__all__ = ["LAMBDA_0", "PENETRATION", "change_of", "depth_of", "inverse_square_of", "without_depth"]

MOST = 1e6
"""A reading of lambda [nm] ends at 1 mm, more than any sample's size: nothing screens in the normal state, and a fit, which
compares numbers, cannot compare a measured one with infinity."""
LAMBDA_0 = Setting(
    "lambda_0",
    None,
    "nm",
    "London depth of all carriers [nm], where rho_s = 1. Default: from the masses.",
    positive=True,
    bounds=(20.0, 2000.0),
)


def inverse_square_of(
    sc: Superconductor, lambda_0: float | Scalar | None, layer_spacing: float | Scalar | None
) -> Float[Array, ""]:
    """1/lambda_0^2 [1/um^2] of all carriers: given, or from the masses."""
    return full_weight(sc, layer_spacing) if lambda_0 is None else jnp.asarray(1e6 / lambda_0**2)


def depth_of(fraction: Scalar, inverse_square: Scalar) -> Float[Array, ""]:
    """lambda [nm] of rho_s and 1/lambda_0^2 [1/um^2]; infinite where nothing screens."""
    screens = fraction > 0
    return jnp.where(screens, 1e3 / jnp.sqrt(inverse_square * jnp.where(screens, fraction, 1.0)), jnp.inf)


def change_of(fraction: Scalar, inverse_square: Scalar) -> Float[Array, ""]:
    """lambda - lambda_0 [nm]."""
    return depth_of(fraction, inverse_square) - 1e3 / jnp.sqrt(inverse_square)


def _fraction(sc: Superconductor, T: Scalar, state: MeanFieldState) -> Float[Array, ""]:
    return where_paired(state, lambda s: superfluid_fraction_of(s), 0.0)


def without_depth(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    """Refuse 2D bands of which neither lambda_0 nor the distance of the layers is known."""
    if settings["lambda_0"] is None:
        states_per_volume(sc, settings["layer_spacing"])


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------

_SCALED = scaled(OFFSET._replace(unit="nm", bounds=(-1000.0, 1000.0)))
_NANOMETRES = _SCALED._replace(
    function=lambda x, T, points, **numbers: _SCALED.function(jnp.minimum(x, MOST), T, points, **numbers)
)
PENETRATION = (
    Quantity(
        "inverse_lambda_squared",
        lambda sc, T, s, lambda_0, layer_spacing: inverse_square_of(sc, lambda_0, layer_spacing) * superfluid_fraction_of(s),
        units="1/um^2",
        long_name="inverse square of the penetration depth",
        needs=Need.STATE,
        settings=(LAMBDA_0, LAYER_SPACING),
        normal=0.0,
        datum="inverse_lambda_squared",
        measurement=scaled(OFFSET._replace(unit="1/um^2", bounds=(-10.0, 10.0))),
        refused=without_depth,
        picture=Picture(
            TEMPERATURE,
            "1/lambda^2 over temperature, in 1/um^2",
            r"$\lambda^{-2}$ ($\mu$m$^{-2}$)",
            "penetration depth, local",
        ),
    ),
    Quantity(
        "penetration_depth",
        lambda sc, T, s, lambda_0, layer_spacing: depth_of(_fraction(sc, T, s), inverse_square_of(sc, lambda_0, layer_spacing)),
        units="nm",
        long_name="penetration depth",
        needs=Need.STATE,
        settings=(LAMBDA_0, LAYER_SPACING),
        datum="penetration_depth",
        measurement=_NANOMETRES,
        refused=without_depth,
        picture=Picture(
            TEMPERATURE, "penetration depth over temperature, in nm", r"$\lambda$ (nm)", "penetration depth, local"
        ),
    ),
    Quantity(
        "delta_lambda",
        lambda sc, T, s, lambda_0, layer_spacing: change_of(
            _fraction(sc, T, s), inverse_square_of(sc, lambda_0, layer_spacing)
        ),
        units="nm",
        long_name="penetration depth less that of all carriers",
        needs=Need.STATE,
        settings=(LAMBDA_0, LAYER_SPACING),
        datum="delta_lambda",
        measurement=_NANOMETRES,
        refused=without_depth,
        picture=Picture(
            TEMPERATURE,
            "change of the penetration depth with temperature, in nm",
            r"$\lambda - \lambda_0$ (nm)",
            "penetration depth, local",
        ),
    ),
)
