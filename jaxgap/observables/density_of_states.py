r"""Tunnelling density of states, with and without Dynes broadening.

.. math:: N_i(\omega) = -\frac{1}{\pi} \,\mathrm{Im} \sum_k G_{ii}(k, \omega + i\Gamma), \qquad
          G = \left[ z - \zeta - \Delta (z + \zeta)^{-1} \Delta^\dagger \right]^{-1}

the electron part of the Green's function of the cross-paired bands (both branches with their coherence factors), with
z = omega + i Gamma as in R. C. Dynes, V. Narayanamurti, J. P. Garno, Phys. Rev. Lett. 41, 1509 (1978). Nodes are placed at
the complex roots of (z^2 - E_+^2)(z^2 - E_-^2) = 0 in kappa, so a small Gamma costs no accuracy; states outside the shell
are normal and are integrated analytically. Without broadening it is `clean_density_of_states`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxgap.model.band import Band, rho, shell, zeta
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check_finite, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals
from jaxgap.observables._checks import band_weights, not_negative
from jaxgap.observables.clean_density_of_states import clean_density_of_states_of
from jaxgap.observables.quantity import GAMMA, PICTURE_REACH, WEIGHTS, Picture, Quantity
from jaxgap.observables.views import ENERGY, Spectra, View
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.solution import Solution
from jaxgap.spectra.pair import abs2, determinant
from jaxgap.spectra.regions import Nodes, nodes_on, overlap_interval, pairs, parameters, single_intervals
from jaxgap.spectra.roots import pair_roots

__all__ = [
    "DensityOfStates",
    "LocalFunctions",
    "local_functions",
    "local_green_function",
    "normal_green_function",
    "tunnelling_density_of_states",
]

_NODES = 24
"""Gauss nodes per piece; there are two pieces per root, eight for a pair of bands."""


class DensityOfStates(NamedTuple):
    """Density of states relative to the normal state's, weighted as bands tunnel."""

    total: Float[Array, "omega"]
    """Sum over the bands; 1 far from the gaps."""
    bands: Float[Array, "band omega"]
    """Contribution of every band; they add up to the total."""


@takes_solution
def tunnelling_density_of_states(solution: Solution, omega: Any, Gamma: Any, *, weights: Any = None) -> DensityOfStates:
    r"""N(omega) / N(0) of a solved state, as a tunnel junction weighs its bands.

    .. math:: N(\omega) / N(0) = \sum_i w_i N_i(\omega) / \sum_i w_i N_i(0)

    Args:
        solution: the state.
        omega: energies [meV].
        Gamma: Dynes broadening [meV], not negative. At exactly 0 (a number, not traced) the density of states is that of sharp
            quasiparticles (`clean_density_of_states`): infinite at the van Hove singularities themselves.
        weights: tunnelling weight of every band (any common factor drops out); by default bands tunnel equally.
    """
    check_finite("omega", omega)
    broadening = not_negative("Gamma", Gamma, "meV")
    omega = jnp.atleast_1d(jnp.asarray(omega, jnp.float64))
    weights = band_weights(weights, len(solution.superconductor.bands))
    if is_concrete(Gamma) and float(Gamma) == 0.0:
        return _clean_density_of_states(solution, omega, weights)
    return _density_of_states(solution, omega, broadening, weights)


@program
def _density_of_states(
    solution: Solution, omega: Float[Array, "omega"], Gamma: Float[Array, ""], weights: Float[Array, "band"]
) -> DensityOfStates:
    sc = solution.superconductor
    G = jax.vmap(lambda w: local_green_function(sc, solution.Delta, w + 1j * Gamma), out_axes=1)(omega)
    return _weighted(sc, -G.imag / jnp.pi, weights)


@program
def _clean_density_of_states(
    solution: Solution, omega: Float[Array, "omega"], weights: Float[Array, "band"]
) -> DensityOfStates:
    sc = solution.superconductor
    N = jax.vmap(lambda w: clean_density_of_states_of(sc, solution.Delta, w), out_axes=1)(omega)
    return _weighted(sc, N, weights)


def _weighted(sc: Superconductor, N: Float[Array, "band omega"], weights: Float[Array, "band"]) -> DensityOfStates:
    # A band that does not tunnel adds 0, also where its density of states is infinite.
    weighted = jnp.where(weights[:, None] > 0, weights[:, None] * N, 0.0)
    bands = weighted / (sc.N[: len(sc.bands)] @ weights)
    return DensityOfStates(jnp.sum(bands, axis=0), bands)


def local_green_function(sc: Superconductor, Delta: Complex[Array, "channel"], z: Complex[Array, ""]) -> Complex[Array, "band"]:
    """sum_k G_ii(k, z) of every band [unit of N]; only the imaginary part converges without the bands' upper ends."""
    return local_functions(sc, Delta, z).G


class LocalFunctions(NamedTuple):
    """Nambu's Green's function (z - H)^-1 of every band at one place, z = omega + i Gamma [unit of N]."""

    G: Complex[Array, "band"]
    """sum_k G_ii(k, z), the electrons'."""
    below: Complex[Array, "band"]
    """sum_k G_ii(k, -omega + i Gamma): the same at the opposite energy; only its imaginary part is right."""
    M: Complex[Array, "band"]
    r"""-(1/\pi) \sum_k {\rm Im} F_ii(k, z) with the imaginary part of the functions of z that multiply the amplitudes: the
    anomalous spectral function, which turns with the amplitudes' phase."""


def local_functions(sc: Superconductor, Delta: Complex[Array, "channel"], z: Complex[Array, ""]) -> LocalFunctions:
    r"""Normal and anomalous local Green's functions of every band. For two cross-paired bands

    .. math:: F_{11} = \frac{\Delta_1 (z^2 - \epsilon_2^2) + \Delta_3^2 \Delta_2^*}{(z^2 - E_+^2)(z^2 - E_-^2)}

    and for a band alone F = Delta / (z^2 - E^2).
    """
    G, below = (jnp.stack([_outside_shell(band, sc, w) for band in sc.bands]) for w in (z, -jnp.conj(z)))
    M = jnp.zeros_like(G)
    m, mu = parameters(sc)
    bands, a, b = single_intervals(sc)
    for i, lo, hi in zip(bands, a, b, strict=True):
        root = jnp.sqrt(z**2 - abs2(Delta[i]))
        nodes = _nodes_at(sc, lo, hi, m[i] * (mu[i] + jnp.stack([root, -root])))
        x = zeta(sc.bands[i], nodes.kappa)
        inverse = 1 / (z**2 - x**2 - abs2(Delta[i]))
        G = G.at[i].add(nodes.integral((z + x) * inverse))
        below = below.at[i].add(nodes.integral((z - x) * inverse))
        M = M.at[i].add(-Delta[i] / jnp.pi * nodes.integral(inverse).imag)
    for cluster in pairs(sc):
        i, j = cluster.bands
        amplitudes = Delta[jnp.array(cluster.channels)]
        roots = pair_roots(m[i], mu[i], m[j], mu[j], amplitudes, z)
        nodes = _nodes_at(sc, *overlap_interval(sc, cluster), roots)
        x1, x2 = (zeta(sc.bands[k], nodes.kappa) for k in cluster.bands)
        for k, g in zip((i, j), _pair_green_functions(x1, x2, amplitudes, z), strict=True):
            G = G.at[k].add(nodes.integral(g))
        # G(-z^*) = -[G(z) with the bands turned over]^*.
        for k, g in zip((i, j), _pair_green_functions(-x1, -x2, amplitudes, z), strict=True):
            below = below.at[k].add(nodes.integral(g))
        for k, M_k in zip((i, j), _pair_anomalous(x1, x2, amplitudes, z, nodes), strict=True):
            M = M.at[k].add(M_k)
    return LocalFunctions(G, below, M)


def normal_green_function(sc: Superconductor, z: Complex[Array, ""]) -> Complex[Array, "band"]:
    """`local_green_function` of the normal state, in closed form: all of a band lies outside a shell of no width."""
    empty = eqx.tree_at(lambda s: s.Omega, sc, jnp.zeros(()))
    return jnp.stack([_outside_shell(band, empty, z) for band in sc.bands])


def _pair_green_functions(x1: Any, x2: Any, Delta: Any, z: Any) -> tuple[Any, Any]:
    """G_11 and G_22 of two cross-paired bands: the diagonal of the inverse of z - zeta - Delta (z + zeta)^-1 Delta^+."""
    D1, D2, D3 = Delta
    h1, h2 = 1 / (z + x1), 1 / (z + x2)
    M11 = z - x1 - abs2(D1) * h1 - abs2(D3) * h2
    M22 = z - x2 - abs2(D2) * h2 - abs2(D3) * h1
    M12 = -(D1 * jnp.conj(D3) * h1 + D3 * jnp.conj(D2) * h2)
    M21 = -(D3 * jnp.conj(D1) * h1 + D2 * jnp.conj(D3) * h2)
    det = M11 * M22 - M12 * M21
    return M22 / det, M11 / det


def _pair_anomalous(x1: Any, x2: Any, Delta: Any, z: Any, nodes: Nodes) -> tuple[Any, Any]:
    """The anomalous spectral functions of two cross-paired bands (`local_functions`)."""
    D1, D2, D3 = Delta
    s1, s2, s3 = abs2(Delta)
    A = x1**2 + x2**2 + s1 + s2 + 2 * s3
    inverse = 1 / (z**4 - A * z**2 + determinant(x1, x2, *Delta))
    direct = [nodes.integral((z**2 - x**2 - s) * inverse).imag for x, s in ((x2, s2), (x1, s1))]
    crossed = nodes.integral(inverse).imag
    return tuple(
        -(D * part + D3**2 * jnp.conj(other) * crossed) / jnp.pi
        for D, other, part in zip((D1, D2), (D2, D1), direct, strict=True)
    )


def _nodes_at(sc: Superconductor, a: Any, b: Any, roots: Complex[Array, "root"]) -> Nodes:
    roots = jax.lax.stop_gradient(roots)
    return nodes_on(sc, a, b, roots.real, jnp.abs(roots.imag), _NODES)


def _outside_shell(band: Band, sc: Superconductor, z: Complex[Array, ""]) -> Complex[Array, ""]:
    r"""\int d\kappa \rho / (z - \zeta) over the band outside the shell, up to a real constant.

    2D: -m ln(z - zeta); 3D, with q = sqrt(kappa) and s = sqrt(m (z + mu)): -2 m q + m s ln[(s + q)/(s - q)].
    """
    a, b = shell(band, sc.Omega)
    m, w = band.mass, z + band.mu
    if sc.dimension == 2:
        inner = -m * (jnp.log(w - a / m) - jnp.log(w))
        top = 1j * jnp.where(m > 0, jnp.pi, 0.0)  # ln(z - zeta) at the upper end, up to a real constant
        return inner - m * (top - jnp.log(w - b / m))
    s = jnp.sqrt(m * w)
    qa, qb = rho(a, 3), rho(b, 3)
    top = -1j * jnp.pi * jnp.sign(s.imag)
    return m * s * (jnp.log((s + qa) / (s - qa)) + top - jnp.log((s + qb) / (s - qb)))


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------

TALLEST = 6.0
"""A picture without broadening ends here: its peaks are infinite."""


def density_spectra(states: Mapping[str, Solution], omega: Reals, Gamma: Real = 0.0, weights: Reals | None = None) -> Spectra:
    """N(omega) / N(0) of several states."""
    omega = np.asarray(omega)
    curves = {
        label: np.asarray(tunnelling_density_of_states(s, omega, Gamma, weights=weights).total) for label, s in states.items()
    }
    top = TALLEST if Gamma == 0 and max(curve.max() for curve in curves.values()) > TALLEST else None
    broadening = "no broadening (peaks are infinite)" if Gamma == 0 else rf"$\Gamma$ = {Gamma:g} meV"
    return Spectra(
        omega, curves, ENERGY.label, r"$N(\omega)\,/\,N(0)$", ENERGY.column, f"density of states, {broadening}", top=top
    )


def _seen(view: View) -> Spectra:
    own = {name: view.settings[name] for name in ("Gamma", "weights")}
    return density_spectra(view.states, np.linspace(-view.reach, view.reach, 2001), **own)


DENSITY_OF_STATES = Quantity(
    "dos",
    lambda sc, T, s, omega, Gamma, weights: tunnelling_density_of_states(s, omega, Gamma, weights=weights).total,
    ("omega",),
    long_name="tunnelling density of states relative to the normal state",
    axes=("omega",),
    settings=(GAMMA._replace(default=0.0), WEIGHTS),
    picture=Picture(ENERGY, "N(omega) / N(0), exact where no --Gamma is given", seen=_seen, settings=(PICTURE_REACH,)),
)
