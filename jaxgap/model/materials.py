r"""The systems of Vargas-Paredes, Shanenko, Vagov, Milosevic, Perali, Phys. Rev. B 101, 094516 (2020), arXiv:1906.06528, and
models of more bands.

.. math:: \lambda_{\text{two band}} =
          \begin{pmatrix} .4 & .05 & .05 \\ .05 & .3 & .05 \\ .05 & .05 & \lambda_{33} \end{pmatrix}, \qquad
          \lambda_{\text{Ba122}} = \begin{pmatrix} .51 & y & x \\ y/2 & .39 & x \\ x/2 & x/2 & .25 \end{pmatrix}

with x = lambda_13 and y = -.005.

What ends in `_model` has the bands of a material and a T_c near the published one; every other number in it is a choice, made
for trying things out, and none is measured. All of these have detailed balance, and hence a free energy.
"""

from collections.abc import Callable

import numpy as np

from jaxgap.model.constructor import superconductor
from jaxgap.model.couplings import couplings_from_literature
from jaxgap.model.parabolic import parabolic_band
from jaxgap.model.superconductor import Superconductor

__all__ = [
    "MATERIALS",
    "two_band",
    "mgb2",
    "ba122",
    "mgb2_six_layers_model",
    "oxide_interface_model",
    "lifeas_model",
    "five_band_pnictide_model",
]


def two_band(lambda_33: float = 0.1, d: float = 0.0, convention: str = "mean") -> Superconductor:
    """The model of Figs. 2 and 3: two equal 2D bands, `1` = `a` and `2` = `b`, and their cross channel.

    lambda_11 = 0.4, lambda_22 = 0.3, every off-diagonal coupling 0.05, Omega = 30 meV (text of section III); mu = 200 meV
    stands for "mu > Omega", where it drops out. The paper sweeps lambda_33 and the interband distance d [meV],
    mu_b = mu_a + d, at T = 4.2 K.

    Args:
        lambda_33: coupling of the cross channel to itself.
        d: mu_b - mu_a [meV].
        convention: of the densities of states of a cross channel, "mean" or "sum".

    Example:
        >>> sc = jg.materials.two_band(lambda_33=0.1, d=5.0)
        >>> sc.channels
        ('a', 'b', 'a:b')
        >>> [float(band.mu) for band in sc.bands]
        [200.0, 205.0]
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

    Args:
        lambda_13: coupling between bands and cross channel.
        Omega: half width of the shell [meV].
        convention: as of `two_band`.

    Example:
        >>> jg.materials.ba122(lambda_13=0.03).lam[0].tolist()
        [0.51, -0.005, 0.03]
    """
    x, y = lambda_13, -0.005
    lam = [[0.51, y, x], [0.5 * y, 0.39, x], [0.5 * x, 0.5 * x, 0.25]]
    bands = [parabolic_band("alpha", mu=50.0), parabolic_band("beta", mu=60.0)]
    return superconductor(bands=bands, cross=["alpha:beta"], lam=lam, Omega=Omega, convention=convention)


def mgb2_six_layers_model(cross: float = 0.01) -> Superconductor:
    """MODEL of six monolayers of MgB2: sigma1, sigma2 and a surface band in one cluster, and pi; T_c = 30.6 K.

    From Bekaert et al., Sci. Rep. 7, 14458 (2017), abstract: films of six monolayers have a gap on a surface band, beside those
    of the sigma and pi bands, up to some 30 K. From VP20's text above Eq. 6: Omega = 75 meV. All else is a choice: couplings
    smaller than those of Eq. 6, equal masses, mu = 500 meV ("mu > Omega") with the surface band 20 meV apart, and `cross`, the
    coupling between each cross channel and everything else.

    A constant amplitude of sigma1 (radial) with the surface band (A1) is allowed by vertical mirrors; that of sigma1 with
    sigma2 needs broken ones (`jaxgap.origins.cross_amplitude`).
    """
    bands = [parabolic_band(name, mu) for name, mu in (("sigma1", 500.0), ("sigma2", 500.0), ("surface", 520.0), ("pi", 500.0))]
    within = np.full((4, 4), 0.03) + np.diag([0.175, 0.175, 0.125, 0.125])
    lam = _with_cross(within, np.full((2, 4), cross), own=0.1, other=cross)
    return superconductor(bands=bands, cross=["sigma1:sigma2", "sigma1:surface"], lam=lam, Omega=75.0)


def lifeas_model(cross: float = 0.01) -> Superconductor:
    """MODEL of LiFeAs: two hole and two electron bands that repel each other, s+-, each pair cross-paired; T_c = 18.1 K.

    From Umezawa et al., Phys. Rev. Lett. 108, 037002 (2012), abstract: T_c = 18 K and nodeless gaps on several sheets with
    2 Delta / k_B T_c of 2.8 to 6.4 (the model's branch minima: 2.6 to 5.6). All else is a choice: couplings, depths, masses of
    -1 and 1, Omega = 20 meV, and `cross`, the coupling between cross channels and bands. Hole and electron bands have other
    centres, where there is nothing to pair across.
    """
    holes = [parabolic_band("hole1", -60.0, mass=-1.0), parabolic_band("hole2", -66.0, mass=-1.0)]
    electrons = [parabolic_band("electron1", 50.0), parabolic_band("electron2", 56.0)]
    within = [
        [0.16, 0.02, -0.127, -0.127],
        [0.02, 0.1, -0.089, -0.089],
        [-0.127, -0.089, 0.12, 0.02],
        [-0.127, -0.089, 0.02, 0.12],
    ]
    signs = np.array([1.0, 1.0, -1.0, -1.0])
    lam = _with_cross(np.array(within), cross * np.stack([signs, -signs]), own=0.05, other=0.0)
    return superconductor(bands=[*holes, *electrons], cross=["hole1:hole2", "electron1:electron2"], lam=lam, Omega=20.0)


def five_band_pnictide_model(cross: float = 0.01) -> Superconductor:
    """MODEL of an iron pnictide: three hole bands in a chain of cross pairs, two cross-paired electron bands; T_c = 36.3 K.

    From Ding et al., EPL 83, 47001 (2008), abstract: T_c = 37 K of Ba0.6K0.4Fe2As2. All else is a choice: couplings, depths,
    masses of -1 and 1, Omega = 25 meV, and `cross`, the coupling between cross channels and bands. The shells of the hole
    bands, 8 to 10 meV apart, overlap partly; the state is s+-.
    """
    holes = [parabolic_band(f"hole{i + 1}", mu, mass=-1.0) for i, mu in enumerate((-40.0, -50.0, -58.0))]
    electrons = [parabolic_band(f"electron{i + 1}", mu) for i, mu in enumerate((40.0, 46.0))]
    a, b = -0.12, -0.072
    within = np.array(
        [
            [0.20, 0.02, 0.02, a, a],
            [0.02, 0.16, 0.02, a, a],
            [0.02, 0.02, 0.12, b, b],
            [a, a, b, 0.14, 0.02],
            [a, a, b, 0.02, 0.14],
        ]
    )
    signs = np.array([1.0, 1.0, 1.0, -1.0, -1.0])
    lam = _with_cross(within, cross * np.stack([signs, signs, -signs]), own=0.08, other=0.0)
    pairs = ["hole1:hole2", "hole2:hole3", "electron1:electron2"]
    return superconductor(bands=[*holes, *electrons], cross=pairs, lam=lam, Omega=25.0)


def oxide_interface_model(mu: float = 1.0) -> Superconductor:
    """MODEL of an oxide interface: two shallow, cross-paired bands in 2D, whose bottoms are 4 meV apart, with the chemical
    potential `mu` [meV] above the upper one's, or below it; T_c = 0.2 K at 1 meV.

    From Reyren et al., Science 317, 1196 (2007), abstract: superconductivity below some 200 mK between LaAlO3 and SrTiO3.
    All else is a choice: masses of 0.7, distances, Omega = 10 meV, which is more than either band is deep, and the interaction
    g. As mu goes through zero, the upper band's Fermi surface appears (`jaxgap.at_density` has mu follow the density).
    """
    bands = [parabolic_band("lower", 4.0 + mu, 0.7), parabolic_band("upper", mu, 0.7)]
    g = [[0.2045, 0.041, 0.02], [0.041, 0.2045, 0.02], [0.02, 0.02, 0.07]]
    return superconductor(bands=bands, cross=["lower:upper"], g=g, Omega=10.0)


def _with_cross(within: np.ndarray, across: np.ndarray, own: float, other: float) -> np.ndarray:
    """The symmetric matrix of couplings: of bands, of cross channels to bands (rows of `across`), themselves, each other."""
    n = len(across)
    return np.block([[within, across.T], [across, np.where(np.eye(n, dtype=bool), own, other)]])


MATERIALS: dict[str, Callable[..., Superconductor]] = {
    "two_band": two_band,
    "mgb2": mgb2,
    "ba122": ba122,
    "mgb2_six_layers_model": mgb2_six_layers_model,
    "lifeas_model": lifeas_model,
    "five_band_pnictide_model": five_band_pnictide_model,
    "oxide_interface_model": oxide_interface_model,
}
"""The materials by the names that the command line takes."""
