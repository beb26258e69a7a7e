r"""Attenuation of longitudinal sound by the quasiparticles of a clean superconductor.

A sound wave of wave vector q scatters quasiparticles within their branch b. Sound is slow: only those on the belt k
perpendicular to q keep up with it, in the superconductor as in the normal metal, and there

.. math:: \alpha \propto \sum_{k, b} \bigl| \langle b | \tau_3 | b \rangle \bigr|^2 \, [-f'(E_b)] \, \delta(q \cdot v_b)
          \propto \sum_b \int d\kappa \, \rho(\kappa) \, \frac{\langle b | \tau_3 | b \rangle^2}{|v_b|} \, [-f'(E_b)], \qquad
          v_b \propto \sqrt\kappa \, \frac{dE_b}{d\kappa}

In the frame that moves with the lattice sound couples to k_x v_x less its mean over all Fermi surfaces (T. Tsuneto, Phys. Rev.
121, 402 (1961)); on the belt the first is zero, and what screening leaves is the same for all bands. The matrix element is
the derivative of the branch with respect to all zeta_i together: for bands of one mass it is m dE_b/dkappa, and

.. math:: \frac{\alpha_s}{\alpha_n} = \frac{\sum_b m_b^2 \int d\kappa \, \frac{\rho}{\sqrt\kappa}
          \bigl|\frac{dE_b}{d\kappa}\bigr| [-f'(E_b)]}{\sum_i m_i^2 \int d\kappa \, \frac{\rho}{\sqrt\kappa}
          \bigl|\frac{d\zeta_i}{d\kappa}\bigr| [-f'(\zeta_i)]}

One band has 2 f(Delta), exactly (J. Bardeen, L. N. Cooper, J. R. Schrieffer, Phys. Rev. 108, 1175 (1957), section IV; measured
by R. W. Morse, H. V. Bohm, Phys. Rev. 108, 1094 (1957)). In three dimensions, where rho = sqrt(kappa), every branch has m^2
times the changes of f(E_b) from one extremum to the next: minima add 2 f(E), maxima take as much away.

What it leaves out: collisions (the mean free path is longer than the wavelength), transverse sound and its currents,
frequencies that break pairs, anisotropy, and three or more cross-paired bands. Two cross-paired bands of different masses have
extrema at which quasiparticles stand still and still couple; alpha then depends on the velocity of sound, as its logarithm, and
is not given.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import Band, check_fermi_surfaces, check_in_k_space, kappa_F, larger, shell, smaller, zeta
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.checks import InputError, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Scalar
from jaxgap.observables._checks import check_pairs
from jaxgap.observables.measurements import SCALED
from jaxgap.observables.quantity import Need, Picture, Quantity
from jaxgap.observables.views import TEMPERATURE, Settings
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.solution import Solution
from jaxgap.spectra.minima import branch_energy, turning_points
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.regions import (
    Nodes,
    integrand_peaks,
    nodes_on,
    overlap_interval,
    pairs,
    parameters,
    pick,
    single_intervals,
)
from jaxgap.spectra.several_bands import several
from jaxgap.units import thermal_energy

__all__ = ["sound_attenuation"]

NODES = 40
"""Gauss nodes per piece."""
REACH = 40.0
"""-f' ends at 40 k_B T: e^-40 = 4e-18."""
COLDEST = 1e-7
"""Colder than 1e-7 Omega / k_B everything is as there: else the width of f at k_F drowns in rounding."""
FINEST = 1e-3
"""Gaps below 1e-3 k_B T are not resolved: they leave 1e-6. The normal state is right to 1e-7 for k_B T > Omega / 200."""
SAME_MASS = 1e-6
"""Masses that differ by less count as equal: what they leave out is the square of that."""
TURNS = 3
"""Extrema of a branch between which it is integrated: two bands at a distance have up to three per branch."""


@takes_solution
def sound_attenuation(solution: Solution) -> Float[Array, ""]:
    """alpha_s / alpha_n of longitudinal sound in a solved state; 1 in the normal state.

    Raises:
        InputError: if two cross-paired bands have different masses, or three and more bands are cross-paired. Under tracing
            the result is NaN instead.
    """
    _check_masses(solution.superconductor)
    return _attenuation(solution.superconductor, solution.Delta, solution.T)


def attenuation_of(sc: Superconductor, Delta: Inexact[Array, "channel"], T: Scalar) -> Scalar:
    """`sound_attenuation` of given amplitudes."""
    kT = jnp.maximum(thermal_energy(T), COLDEST * jax.lax.stop_gradient(sc.Omega))
    within = [_normal(sc, band, *_within(band, kT), kT) for band in sc.bands]
    beyond = [
        _normal(sc, band, smaller(lo, a), a, kT) + _normal(sc, band, b, larger(hi, b), kT)
        for band in sc.bands
        for (a, b), (lo, hi) in [(shell(band, sc.Omega), _within(band, kT))]
    ]
    alone = [_alone(sc, i, Delta, a, b, kT) for i, a, b in single_intervals(sc)]
    together = [_branch(sc, cluster, Delta, jnp.asarray(upper), kT) for cluster in pairs(sc) for upper in (False, True)]
    ratio = sum(alone + together, sum(beyond, jnp.zeros(()))) / sum(within, jnp.zeros(()))
    defined = _equal_masses(sc) & (not several(sc))
    return jnp.where(defined, ratio, jnp.nan)


_attenuation = program(attenuation_of)


def _alone(sc: Superconductor, i: int, Delta: Inexact[Array, "channel"], a: Scalar, b: Scalar, kT: Scalar) -> Scalar:
    """Where band i pairs alone: m^2 dE/dkappa = m zeta / E, with 1/m = dzeta/dkappa."""
    band, gap = sc.bands[i], safe_sqrt(abs2(Delta[i]))
    mass, within = jnp.abs(band.tangent[0]), jnp.minimum(gap, safe_sqrt(gap * kT))
    nodes = _nodes(sc, a, b, kappa_F(band)[None], (mass * within)[None], FINEST * mass * kT)
    z = zeta(band, nodes.kappa)
    E = safe_sqrt(z**2 + gap**2)
    # Without a gap a node can lie on the Fermi surface to the last bit.
    return _integral(nodes, E, jnp.where(E > 0, z / jnp.where(E > 0, E, 1.0), 1.0) / band.slope(nodes.kappa), kT)


def _branch(sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "channel"], upper: Array, kT: Scalar) -> Scalar:
    """One branch of two cross-paired bands where both are inside their shells."""

    def energy(kappa: Scalar) -> Scalar:
        return branch_energy(kappa, (sc, Delta, upper), cluster)

    m, mu = (pick(leaf, cluster.bands) for leaf in parameters(sc))
    turns, mass = turning_points(sc, Delta, cluster, upper, TURNS), jnp.abs(m[0])
    # dE/dkappa goes from zero to 1/m, and f from extremum to tail, within these distances; a kink has no curvature.
    curvature = jnp.maximum(jnp.nan_to_num(jnp.abs(jax.vmap(jax.grad(jax.grad(energy)))(turns))), 1 / (mass**2 * sc.Omega))
    widths = jnp.minimum(1 / (mass * curvature), jnp.sqrt(kT / curvature))
    roots = integrand_peaks(m, mu, pick(Delta, cluster.channels), jnp.zeros(()))
    ends = overlap_interval(sc, cluster)
    nodes = _nodes(sc, *ends, turns, widths, FINEST * mass * kT, roots)
    E, slope = jax.vmap(jax.vmap(jax.value_and_grad(energy)))(nodes.kappa)
    return _integral(nodes, E, mass**2 * slope, kT)


def _normal(sc: Superconductor, band: Band, a: Scalar, b: Scalar, kT: Scalar) -> Scalar:
    """A band's normal states with kappa in [a, b]."""
    mass = jnp.abs(band.tangent[0])
    nodes = _nodes(sc, a, b, kappa_F(band)[None], (mass * jnp.pi * kT)[None], FINEST * mass * kT)
    return _integral(nodes, jnp.abs(zeta(band, nodes.kappa)), 1 / band.slope(nodes.kappa), kT)


def _within(band: Band, kT: Scalar) -> tuple[Scalar, Scalar]:
    """The interval of kappa within reach. Where it ends does not matter, so it does not move with T or the band."""
    return shell(*jax.lax.stop_gradient((band, REACH * kT)))


def _nodes(
    sc: Superconductor,
    a: Scalar,
    b: Scalar,
    turns: Float[Array, "turn"],
    widths: Float[Array, "turn"],
    finest: Scalar,
    roots: tuple[Float[Array, "root"], Float[Array, "root"]] | None = None,
) -> Nodes:
    """Nodes from one extremum of E to the next, where the integrand has kinks; dense near them, and near other places."""
    turns, widths, roots, finest = jax.lax.stop_gradient((turns, widths, roots, finest))
    edges = jnp.concatenate([a[None], jnp.sort(jnp.clip(turns, a, b)), b[None]])
    if roots is not None:
        turns, widths = (jnp.concatenate(part) for part in zip((turns, widths), roots, strict=True))
    return jax.vmap(lambda lo, hi: nodes_on(sc, lo, hi, turns, jnp.maximum(widths, finest), NODES))(edges[:-1], edges[1:])


def _integral(nodes: Nodes, E: Float[Array, "piece node"], slope: Float[Array, "piece node"], kT: Scalar) -> Scalar:
    """The integral of rho / sqrt(kappa) |slope| [-f'(E)], for E >= 0."""
    decay = jnp.exp(-E / kT)
    return jnp.sum(nodes.integral(jnp.abs(slope) * decay / (1 + decay) ** 2 / kT / jnp.sqrt(nodes.kappa)))


def _equal_masses(sc: Superconductor) -> Array:
    m = [[sc.bands[i].tangent[0] for i in cluster.bands] for cluster in pairs(sc)]
    return jnp.all(jnp.array([jnp.abs(one - other) <= SAME_MASS * jnp.abs(one) for one, other in m]))


def _check_masses(sc: Superconductor) -> None:
    check_pairs(sc, "Sound attenuation")
    check_in_k_space(sc.bands, "sound attenuation")
    check_fermi_surfaces(sc.bands, "sound attenuation")
    if is_concrete(sc) and not bool(_equal_masses(sc)):
        raise InputError(
            "Sound attenuation is defined for cross-paired bands of equal masses only, and those of this system differ."
        )


def _refused(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    _check_masses(sc)


# --- for observe, sweeps and fits -------------------------------------------------------------------------------------

ULTRASOUND = Quantity(
    "ultrasound",
    lambda sc, T, s: attenuation_of(sc, s.Delta, T),
    long_name="attenuation of longitudinal sound relative to the normal state",
    needs=Need.STATE,
    normal=1.0,
    datum="ultrasound",
    measurement=SCALED,
    picture=Picture(
        TEMPERATURE,
        "attenuation of longitudinal sound over temperature, relative to the normal state",
        r"$\alpha_s\,/\,\alpha_n$",
        "longitudinal sound, clean",
    ),
    refused=_refused,
)
