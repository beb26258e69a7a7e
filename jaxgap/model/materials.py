"""The systems of Vargas-Paredes, Shanenko, Vagov, Milosevic, Perali, Phys. Rev. B 101, 094516 (2020), arXiv:1906.06528."""

from collections.abc import Callable

from jaxgap.model.couplings import couplings_from_literature
from jaxgap.model.parabolic import parabolic_band
from jaxgap.model.superconductor import Superconductor, superconductor

__all__ = ["MATERIALS", "two_band", "mgb2", "ba122"]


def two_band(lambda_33: float = 0.1, d: float = 0.0, convention: str = "mean") -> Superconductor:
    """The model of Figs. 2 and 3: two equal 2D bands, `1` = `a` and `2` = `b`, and their cross channel.

    lambda_11 = 0.4, lambda_22 = 0.3, every off-diagonal coupling 0.05, Omega = 30 meV (text of section III); mu = 200 meV
    stands for "mu > Omega", where it drops out. The paper sweeps lambda_33 and the interband distance d [meV],
    mu_b = mu_a + d, at T = 4.2 K.
    """
    lam = [[0.4, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, lambda_33]]
    bands = [parabolic_band("a", mu=200.0), parabolic_band("b", mu=200.0 + d)]
    return superconductor(bands=bands, cross=["a:b"], lam=lam, Omega=30.0, convention=convention)


def mgb2(lambda_i3: float = 0.0, convention: str = "mean") -> Superconductor:
    """MgB2: two cross-paired sigma bands and a pi band (Eq. 6 and Fig. 4).

    Couplings from Eq. 6, which the paper prints in the order sigma1, sigma2, cross, pi, with x = lambda_i3 between the
    sigma bands and their cross channel (0 and 0.01 in Fig. 4). Omega = 75 meV (text above Eq. 6); mu = 500 meV stands for
    "mu > Omega". The 75 meV offset between the sigma bands is left out of the gap equations: inside them it suppresses
    the splitting that the paper shows.
    """
    x = lambda_i3
    eq6 = [[0.275, 0.032, x, 0.032], [0.032, 0.274, x, 0.032], [x, x, 0.1, 0.01], [0.01, 0.01, 0.01, 0.22]]
    lam = couplings_from_literature(
        eq6,
        order=["sigma1", "sigma2", "sigma1:sigma2", "pi"],
        channels=["sigma1", "sigma2", "pi", "sigma1:sigma2"],
    )
    bands = [parabolic_band(name, mu=500.0) for name in ("sigma1", "sigma2", "pi")]
    return superconductor(bands=bands, cross=["sigma1:sigma2"], lam=lam, Omega=75.0, convention=convention)


def ba122(lambda_13: float = 0.0313, Omega: float = 41.0, convention: str = "mean") -> Superconductor:
    """Ba0.6K0.4Fe2As2: the bands alpha and beta and their cross channel (Eq. 7 and Fig. 5).

    Couplings from Eq. 7, with y = lambda_12 = -0.005 and x = lambda_13:
    [[.51, y, x], [.5 y, .39, x], [.5 x, .5 x, .25]]; mu = 50 meV and d = 10 meV (text above Eq. 7). The paper does not
    print lambda_13 and Omega: the defaults make the gaps that it quotes, 12.4 and 6.2 meV at T -> 0, on the s+- branch in
    the "mean" convention (12.41 and 6.20). `fits/ba0.6k0.4fe2as2` is the fit that finds them.
    """
    x, y = lambda_13, -0.005
    lam = [[0.51, y, x], [0.5 * y, 0.39, x], [0.5 * x, 0.5 * x, 0.25]]
    bands = [parabolic_band("alpha", mu=50.0), parabolic_band("beta", mu=60.0)]
    return superconductor(bands=bands, cross=["alpha:beta"], lam=lam, Omega=Omega, convention=convention)


MATERIALS: dict[str, Callable[..., Superconductor]] = {"two_band": two_band, "mgb2": mgb2, "ba122": ba122}
"""The materials by the names that the command line takes."""
