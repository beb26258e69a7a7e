r"""What electrons attract each other by: the `interaction` of a superconductor, as a user gives it.

- `Shell(Omega)`: instantaneous, between electrons with |zeta| <= Omega: that of Vargas-Paredes et al., Phys. Rev. B 101,
  094516 (2020), and what `jaxgap.superconductor` makes of `Omega`;
- `MatsubaraCutoff(omega_c)`: instantaneous, at all momenta, cut in the Matsubara frequencies, |omega_n| < omega_c. At a
  distance d of two cross-paired bands the cutoffs differ: a shell takes phase space ~ d / Omega from their cross channel;
- `Retarded(spectrum, mu_star, omega_c)`: phonons (or other bosons) of a spectrum alpha^2F, and a Coulomb repulsion mu* below
  omega_c: the equations of Eliashberg,

.. math:: \lambda_{cc'}(\nu) = 2 \int \frac{\omega \, \alpha^2F_{cc'}(\omega)}{\omega^2 + \nu^2} d\omega
          = \lambda_{cc'} \sum_q w_q \frac{\omega_q^2}{\omega_q^2 + \nu^2}

The couplings lambda_cc' = lambda_cc'(0) are those of the superconductor (`lam`): of a spectrum only the form counts.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.eliashberg import EliashbergFunction, moments, quadrature
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.types import Reals

__all__ = ["Interaction", "MatsubaraCutoff", "Modes", "Retarded", "Shell", "Spectrum", "form_of", "lambda_of", "spectrum_of"]


class Modes(eqx.Module):
    """A spectrum of sharp modes, alpha^2F = (lambda / 2) sum_q w_q omega_q delta(omega - omega_q) / sum_q w_q."""

    omega: Float[Array | np.ndarray, "mode"]
    """hbar omega_q [meV]."""
    weight: Float[Array | np.ndarray, "_"]
    """w_q: shares of lambda, up to a factor."""


Spectrum: TypeAlias = EliashbergFunction | Modes


class Shell(NamedTuple):
    """Instantaneous, between electrons with |zeta| <= Omega."""

    Omega: Reals
    """[meV]"""


class MatsubaraCutoff(NamedTuple):
    """Instantaneous, at all momenta, for |omega_n| < omega_c."""

    omega_c: Reals
    """[meV]"""


class Retarded(NamedTuple):
    """By bosons of a spectrum, and an instantaneous repulsion mu* below omega_c."""

    spectrum: Spectrum | Reals | Mapping[str, Spectrum | Reals]
    """An `EliashbergFunction`, or frequencies of equally strong modes [meV] (one: Einstein's), for all channels; or such a
    spectrum for every pair of channels, by names such as "sigma, pi" ("pi, sigma" is the same unless it is given, too)."""
    mu_star: Reals | None = None
    """mu*_cc', a matrix, of one channel a number, AT omega_c: nothing is rescaled. None: no repulsion."""
    omega_c: Reals | None = None
    """The energy [meV] up to which mu* acts, to be given with it: mu*(omega_c) = mu*(w) / (1 + mu*(w) ln(w / omega_c)), of
    several bands a product of matrices."""
    odd: Reals = 0.0
    """V_a / V_33 in [-1, 1]: how strongly the odd-frequency part of cross pairs, made by a distance of the bands, is fed."""
    frequencies: int | None = None
    """How many Matsubara frequencies there are. None: so many that omega_N is 100 times the highest phonon, where numbers
    are known; where JAX traces them (a system under `jax.vmap`, `jax.grad`), 512."""


Interaction: TypeAlias = Shell | MatsubaraCutoff | Retarded


def spectrum_of(given: Spectrum | Reals, name: str) -> Spectrum:
    """A spectrum from what a user gives: itself, or the frequencies of equally strong modes [meV]."""
    if isinstance(given, EliashbergFunction):
        return given
    frequencies = given.omega if isinstance(given, Modes) else given
    check_finite(name, frequencies)
    omega = jnp.atleast_1d(jnp.asarray(frequencies, jnp.float64))
    check(omega.ndim == 1 and len(omega) > 0, name, "hold frequencies of modes [meV], or be an EliashbergFunction", repr(given))
    if is_concrete(omega):
        check(bool(np.all(np.asarray(omega) > 0)), name, "hold positive frequencies [meV]", np.asarray(omega).tolist())
    if not isinstance(given, Modes):
        return Modes(omega, jnp.full(omega.shape, 1.0 / len(omega), jnp.float64))
    weight = jnp.asarray(given.weight, jnp.float64)
    good = weight.shape == omega.shape
    if good and is_concrete(weight):
        values = np.asarray(weight)
        good = bool(np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0)
    check(good, f"{name}.weight", f"be {len(omega)} numbers, one per mode, none negative", np.shape(weight))
    return Modes(omega, weight)


def form_of(spectrum: Spectrum) -> Modes:
    """The spectrum as modes [meV] whose weights sum to 1: of a table the nodes of a quadrature."""
    modes = spectrum if isinstance(spectrum, Modes) else Modes(*quadrature(spectrum))
    return Modes(modes.omega, modes.weight / jnp.sum(modes.weight))


def lambda_of(spectrum: Spectrum) -> Float[Array, ""] | None:
    """lambda, where the spectrum says it: mere frequencies do not."""
    return moments(spectrum).lam if isinstance(spectrum, EliashbergFunction) else None
