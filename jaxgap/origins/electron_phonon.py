r"""T_c of phonon superconductors from a few numbers: McMillan, Allen and Dynes, and the law of strong coupling.

.. math:: k_B T_c = \frac{\Theta}{1.45} \exp\left[ -\frac{1.04 (1 + \lambda)}{\lambda - \mu^* (1 + 0.62 \lambda)} \right]

(McMillan, Phys. Rev. 167, 331 (1968), with the Debye energy Theta). Allen and Dynes, Phys. Rev. B 12, 905 (1975), replace
Theta/1.45 by f_1 f_2 omega_log / 1.2, with

.. math:: f_1 = [1 + (\lambda/\Lambda_1)^{3/2}]^{1/3}, \quad
          f_2 = 1 + \frac{(\omega_2/\omega_{log} - 1) \lambda^2}{\lambda^2 + \Lambda_2^2}, \quad
          \Lambda_1 = 2.46 (1 + 3.8 \mu^*), \quad \Lambda_2 = 1.82 (1 + 6.3 \mu^*) \, \omega_2/\omega_{log}

and show that for lambda -> infinity Eliashberg's equations give k_B T_c = 0.1827 omega_2 sqrt(lambda) at mu* = 0.

The "McMillan limit": at fixed lambda omega^2, which electrons and masses set, McMillan's formula has its largest T_c near
lambda = 2, as if softer phonons could not help any more. That is a property of the fit, made at small lambda: T_c itself keeps
growing towards sqrt(lambda omega^2) (`plot_regimes`).

Frequencies and Theta are energies [meV]; temperatures are in K. T_c is 0 where the repulsion mu* wins.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.axes import Axes

from jaxgap.drawing import COLOURS, axes_or_new
from jaxgap.model.eliashberg import EliashbergFunction, Moments, moments
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.types import Real, Reals
from jaxgap.units import k_B

__all__ = [
    "mcmillan",
    "allen_dynes",
    "strong_coupling",
    "temperature_of",
    "temperature_derivative",
    "plot_regimes",
    "plot_temperature_derivative",
]

Batch = Float[Array, "*#batch"]


def _exponential(lam: Batch, mu_star: Batch) -> Batch:
    """exp[-1.04 (1 + lambda) / (lambda - mu* (1 + 0.62 lambda))]; 0, smoothly, where the denominator is not positive."""
    attraction = lam - mu_star * (1 + 0.62 * lam)
    attracts = attraction > 0
    # As exp(-1/x), it vanishes with all its derivatives.
    return jnp.where(attracts, jnp.exp(-1.04 * (1 + lam) / jnp.where(attracts, attraction, 1.0)), 0.0)


def _numbers(**values: Reals) -> list[Array]:
    """The arguments as arrays; lambda and mu* may be zero, frequencies may not."""
    for name, value in values.items():
        check_finite(name, value)
        if is_concrete(value):
            array = np.asarray(value)
            if name in ("lam", "mu_star"):
                check(bool(np.all(array >= 0)), name, "not be negative", array)
            else:
                check(bool(np.all(array > 0)), name, "be positive [meV]", array)
    return [jnp.asarray(value, jnp.float64) for value in values.values()]


def mcmillan(lam: Reals, mu_star: Reals, Theta: Reals) -> Batch:
    """McMillan's T_c [K] from lambda, mu* and the Debye energy Theta [meV] (k_B times the Debye temperature).

    Args:
        lam: lambda.
        mu_star: mu*.
        Theta: Debye energy [meV].

    Example:
        >>> round(float(jg.origins.mcmillan(1.0, 0.1, 30.0)), 3)
        20.064
    """
    lam, mu_star, Theta = _numbers(lam=lam, mu_star=mu_star, Theta=Theta)
    return Theta / (1.45 * k_B) * _exponential(lam, mu_star)


def allen_dynes(lam: Reals, mu_star: Reals, omega_log: Reals, omega_2: Reals | None = None) -> Batch:
    """Allen and Dynes' T_c [K] from lambda, mu*, omega_log and omega_2 [meV]; without omega_2 without f_1 and f_2.

    Args:
        lam: lambda.
        mu_star: mu*.
        omega_log: logarithmic mean of the phonon energies [meV].
        omega_2: their root mean square [meV].

    Example:
        >>> round(float(jg.origins.allen_dynes(1.0, 0.1, 20.0)), 3)
        16.163
    """
    lam, mu_star, omega_log = _numbers(lam=lam, mu_star=mu_star, omega_log=omega_log)
    T_c = omega_log / (1.2 * k_B) * _exponential(lam, mu_star)
    if omega_2 is None:
        return T_c
    ratio = _numbers(omega_2=omega_2)[0] / omega_log
    # (lambda/Lambda_1)^(3/2) has a slope, but no curvature, at lambda = 0, where T_c vanishes with all derivatives.
    f_1 = jnp.cbrt(1 + (lam / (2.46 * (1 + 3.8 * mu_star))) ** 1.5)
    Lambda_2 = 1.82 * (1 + 6.3 * mu_star) * ratio
    f_2 = 1 + (ratio - 1) * lam**2 / (lam**2 + Lambda_2**2)
    return f_1 * f_2 * T_c


def strong_coupling(lam: Reals, omega_2: Reals) -> Batch:
    """T_c [K] in the limit of large lambda: k_B T_c = 0.1827 omega_2 sqrt(lambda), omega_2 in meV, at mu* = 0."""
    lam, omega_2 = _numbers(lam=lam, omega_2=omega_2)
    return 0.1827 * omega_2 * jnp.sqrt(lam) / k_B


def temperature_of(a2F: EliashbergFunction, mu_star: Real) -> Float[Array, ""]:
    """Allen and Dynes' T_c [K], with f_1 and f_2, of an alpha^2F. Differentiable with respect to all of it."""
    return _of_moments(moments(a2F), mu_star)


def _of_moments(m: Moments, mu_star: Real) -> Float[Array, ""]:
    return allen_dynes(m.lam, mu_star, m.omega_log, m.omega_2)


def temperature_derivative(a2F: EliashbergFunction, mu_star: Real, omega: Reals) -> Float[Array, "frequency"]:
    r"""The functional derivative delta T_c / delta alpha^2F(omega) [K/meV] of Allen and Dynes' T_c: which phonons matter.

    .. math:: \delta T_c = \int \frac{\delta T_c}{\delta \alpha^2F(\omega)} \, \delta\alpha^2F(\omega) \, d\omega

    The formula knows alpha^2F only through its moments, whose own derivatives are 2/omega for lambda,
    2 ln(omega/omega_log) / lambda omega for ln omega_log, and (omega - omega_2^2/omega) / lambda omega_2 for omega_2.

    Below some frequency the result is negative: there the formula says that phonons harm T_c. Bergmann and Rainer, Z. Phys.
    263, 59 (1973), showed that in Eliashberg's theory they never do: the exact derivative is positive and largest near
    hbar omega = 7 k_B T_c. It is the formula that fails for phonons so soft.

    Args:
        a2F: the spectrum, from `eliashberg_function`.
        mu_star: mu*.
        omega: energies [meV] at which the derivative is asked for.

    Example:
        >>> a2F = jg.origins.eliashberg_function([0.0, 10.0, 20.0, 30.0], [0.0, 0.0, 1.0, 0.0])
        >>> [round(x, 2) for x in jg.origins.temperature_derivative(a2F, 0.1, [5.0, 20.0, 60.0]).tolist()]
        [1.97, 2.61, 1.63]
    """
    omega = _numbers(omega=omega)[0]
    m = moments(a2F)
    slope = jax.grad(_of_moments)(m, mu_star)
    by_lam = 2 / omega
    by_log = m.omega_log * 2 * jnp.log(omega / m.omega_log) / (m.lam * omega)
    by_2 = (omega - m.omega_2**2 / omega) / (m.lam * m.omega_2)
    return slope.lam * by_lam + slope.omega_log * by_log + slope.omega_2 * by_2


# --- pictures ---------------------------------------------------------------------------------------------------------

SMALL_LAMBDA = 1.5
"""Up to here McMillan's formula agrees with Eliashberg's equations (Allen and Dynes, 1975)."""


def plot_regimes(mu_star: float = 0.0, ax: Axes | None = None) -> Axes:
    """k_B T_c / sqrt(lambda omega^2) against lambda for one phonon frequency: where each formula applies.

    In this unit the law of strong coupling is the constant 0.1827, and a maximum is a limit for T_c at fixed lambda omega^2.
    """
    ax = axes_or_new(ax)
    lam = np.geomspace(0.2, 200.0, 400)
    scale = k_B / np.sqrt(lam)
    omega = np.ones_like(lam)
    without_f, with_f = (np.asarray(allen_dynes(lam, mu_star, omega, *w)) * scale for w in ((), (omega,)))
    label = r"McMillan's exponential, $\omega/1.2$ before it"
    ax.plot(lam, without_f, color=COLOURS[1], label=label)
    ax.plot(lam, with_f, color=COLOURS[0], label="Allen and Dynes, with $f_1$")
    ax.axhline(0.1827, color="black", ls=(0, (4, 2)), label=r"strong coupling, $0.1827\,\omega\sqrt{\lambda}$ ($\mu^* = 0$)")
    ax.axvspan(lam[0], SMALL_LAMBDA, color="0.92", zorder=0, lw=0)
    ax.annotate("McMillan is\na fit for here", (0.215, 0.16), fontsize=8, color="0.35")
    top = int(np.argmax(without_f))
    ax.plot(lam[top], without_f[top], "o", color=COLOURS[1], ms=5)
    ax.annotate(
        f'"McMillan limit"\nat $\\lambda$ = {lam[top]:.1f}: none\nin the other curve',
        (lam[top], without_f[top]),
        (16.0, 0.095),
        fontsize=8,
        arrowprops={"arrowstyle": "-", "color": "0.5"},
    )
    ax.set(xscale="log", xlim=(lam[0], lam[-1]), ylim=(0, 0.25), xlabel=r"coupling $\lambda$")
    ax.set_ylabel(r"$k_B T_c \,/\, \omega \sqrt{\lambda}$")
    ax.set_title(rf"$\mu^*$ = {mu_star:g}, one phonon frequency $\omega$", fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    return ax


def plot_temperature_derivative(a2F: EliashbergFunction, mu_star: float, ax: Axes | None = None) -> tuple[Axes, Axes]:
    """alpha^2F (left axis) and delta T_c / delta alpha^2F (right axis) against frequency; returns both axes.

    Args:
        a2F: the spectrum.
        mu_star: the Coulomb pseudopotential.
        ax: axes to draw on; None: new ones.

    Example:
        >>> a2F = jg.origins.eliashberg_function([5.0, 20.0, 35.0], [0.0, 1.0, 0.0])
        >>> left, right = jg.origins.plot_temperature_derivative(a2F, mu_star=0.1)
        >>> len(left.lines) > 0 and len(right.lines) > 0
        True
    """
    ax = axes_or_new(ax)
    omega = np.linspace(float(a2F.omega[-1]) / 40, float(a2F.omega[-1]), 400)
    derivative = np.asarray(temperature_derivative(a2F, mu_star, omega))
    ax.fill_between(a2F.omega, a2F.alpha2F, color=COLOURS[5], alpha=0.5, lw=0, label=r"$\alpha^2F$ (left)")
    right = ax.twinx()
    right.plot(omega, derivative, color=COLOURS[1])
    right.axhline(0.0, color="0.7", lw=0.8, zorder=0)
    ax.plot([], [], color=COLOURS[1], label=r"$\delta T_c / \delta\alpha^2F$ (right)")
    ax.set(xlabel=r"phonon energy $\hbar\omega$ (meV)", ylabel=r"$\alpha^2F(\omega)$", xlim=(0, None), ylim=(0, None))
    # Towards zero frequency the formula's derivative goes to minus infinity; what matters is above.
    top = derivative.max()
    right.set(ylabel=r"$\delta T_c \,/\, \delta\alpha^2F(\omega)$ (K/meV)", ylim=(-0.6 * top, 1.15 * top))
    ax.set_title(rf"$T_c$ = {float(temperature_of(a2F, mu_star)):.1f} K at $\mu^*$ = {mu_star:g}", fontsize=10)
    ax.legend(frameon=False, fontsize=9, loc="upper left")
    return ax, right
