r"""Nuclear spin-lattice relaxation, 1/T_1, with coherence factors.

.. math:: \frac{1}{T_1 T} \propto \int d\omega \, [-f'(\omega)] \sum_{ij} A_{ij}
          \left[ N_i(\omega) N_j(\omega) + \mathrm{Re}\, M_i(\omega) M_j^*(\omega) \right]

L. C. Hebel, C. P. Slichter, Phys. Rev. 113, 1504 (1959), with the local spectral functions of the cross-paired bands in place
of BCS densities: N_i = -(1/pi) Im sum_k G_ii and the anomalous M_i = -(1/pi) Im sum_k F_ii at omega + i Gamma (of one band
N Re{z / sqrt(z^2 - Delta^2)} and N Re{Delta / sqrt(z^2 - Delta^2)}). The broadening Gamma is no option: without it the integral
diverges at a clean gap, as N Delta ln(Delta / Gamma).

What is assumed of the nucleus: A_ij is the squared matrix element of the contact (hyperfine) coupling between states of band i
and band j, averaged over their Fermi surfaces, and wave functions of different bands, or of one band at different k, come to
the nucleus with independent phases. Then only functions diagonal in the band survive the average, and G_12 and F_12, which
cross-band pairing makes, do not. Bands weighted by |psi_i|^2 at the nucleus have A_ij = a_i a_j; A with off-diagonal elements
only stands for relaxation between the bands, where s+- amplitudes take the coherence peak away: M_1 M_2 < 0.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals, Scalar
from jaxgap.observables._checks import check_resolved, pair_weights, positive
from jaxgap.observables.measurements import OFFSET, SCALED, scaled
from jaxgap.observables.quantity import GAMMA, WEIGHTS, Need, Numbers, Picture, Quantity, Ranges, Setting, where_paired
from jaxgap.observables.views import TEMPERATURE
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.state import GivenState, PairedState
from jaxgap.spectra.quadrature import panels
from jaxgap.units import k_B, thermal_energy

__all__ = ["relaxation_rate", "relaxation_rate_of"]

REACH = 24.0
"""-f' ends at 24 k_B T: e^-24 = 4e-11."""
NODES = 32
"""Gauss nodes per piece, two pieces per singular energy: the rate is right to 1e-5 for Gamma of 0.01 meV, better for larger."""


STEP, MOST = 0.4, 4096
"""Of the nodes on a lattice, in units of Gamma or pi k_B T, whichever is less; and how many there may be."""
FEWER, WIDE = 12, 0.05
"""These do in a fit for a Gamma of 0.05 meV and more, mostly to 1e-6, and to 1e-4 where k_B T is a tenth of the shell."""


@takes_solution
def relaxation_rate(solution: PairedState, Gamma: Real, *, weights: Reals | None = None) -> Float[Array, ""]:
    """1/(T_1 T) of a solved state relative to the normal state's at the same Gamma (1 above T_c: Korringa's law).

    Args:
        solution: the state.
        Gamma: Dynes broadening [meV], positive; of a lattice one that its mesh resolves, and a number.
        weights: a_i >= 0 of every band (then A_ij = a_i a_j), or the symmetric matrix A_ij >= 0; by default all are equal.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> round(float(jg.observables.relaxation_rate(solution, Gamma=0.1)), 4)
        0.0015
    """
    sc = solution.superconductor
    A = pair_weights(weights, len(sc.components))
    check_resolved(sc, "Gamma", Gamma)
    return _relaxation_rate(solution, positive("Gamma", Gamma, "meV"), A, nodes_of(solution, Gamma))


def nodes_of(state: PairedState, Gamma: Real) -> int:
    """How many nodes it takes: of a lattice and of impurities, whose singular energies are not known, steps of `STEP`, rounded
    up so that similar temperatures share a program."""
    if _has_peaks(state.superconductor):
        return NODES
    wanted = "be a number, as T, for the relaxation on a lattice, or with impurities"
    check(is_concrete((Gamma, state.T)), "Gamma", wanted, "a traced array")
    return _even_nodes(float(state.T), float(Gamma))


def _even_nodes(T: float, Gamma: float) -> int:
    kT = k_B * T
    width = STEP * min(Gamma, np.pi * kT)
    check(REACH * kT / width <= MOST, "Gamma", f"be at least {REACH * kT / (STEP * MOST):.3g} meV at {T:g} K", Gamma)
    return 32 * int(np.ceil(REACH * kT / width / 32))


def _has_peaks(sc: Superconductor) -> bool:
    return bool(sc.beyond) and not sc.is_disordered


def relaxation_rate_of(
    state: PairedState, Gamma: Float[Array, ""], A: Float[Array, "band band"], nodes: int = NODES
) -> Float[Array, ""]:
    """`relaxation_rate` in plain arrays."""
    kT = thermal_energy(state.T)
    omega, weight = _energies(state, Gamma, nodes)
    z = omega + 1j * Gamma
    local = state.local_functions_at(z)
    normal = [G.imag / jnp.pi for G in _normal_functions(state, z)]
    decay = jnp.exp(-omega / kT)
    thermal = weight * decay / (1 + decay) ** 2

    def rate(*spectra: Inexact[Array, "omega band"]) -> Float[Array, ""]:
        return jnp.sum(jnp.stack([jnp.real(jnp.einsum("w,wi,ij,wj->", thermal, X, A, jnp.conj(X))) for X in spectra]))

    # Both signs of omega; M is odd.
    return rate(local.G.imag / jnp.pi, local.below.imag / jnp.pi, local.M, local.M) / rate(*normal)


_relaxation_rate = program(relaxation_rate_of)


def _normal_functions(state: PairedState, z: Complex[Array, "omega"]) -> tuple[Complex[Array, "omega band"], ...]:
    """Of the normal state, at z and at the opposite energy."""
    sc = state.superconductor
    if not sc.beyond:
        local = GivenState(sc, state.T, jnp.zeros(len(sc.channels))).local_functions_at(z)
        return local.G, local.below
    return tuple(jax.vmap(state.normal_green_function)(w) for w in (z, -jnp.conj(z)))


def _energies(state: PairedState, Gamma: Float[Array, ""], n: int) -> tuple[Float[Array, "omega"], Float[Array, "omega"]]:
    """Nodes and weights in omega from 0 to 24 k_B T: dense over Gamma at the singularities of the densities of states; of a
    lattice evenly spaced midpoints, which leave exp(-2 pi / STEP) since everything is smooth over Gamma."""
    state, Gamma = jax.lax.stop_gradient((state, Gamma))
    if not _has_peaks(state.superconductor):
        step = REACH * thermal_energy(state.T) / n
        return step * (jnp.arange(n) + 0.5), jnp.full(n, step)
    kT, peaks = thermal_energy(state.T), state.singular_energies()
    centre = jnp.append(peaks, 0.0)
    width = jnp.append(jnp.broadcast_to(Gamma, peaks.shape), jnp.pi * kT)
    return panels(jnp.zeros(()), REACH * kT, centre, width, n)


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------

KORRINGA = Setting(
    "korringa",
    None,
    "1/(s K)",
    "1/(T_1 T) of the normal state [1/(s K)].",
    positive=True,
    bounds=(1e-3, 1e3),
    required=True,
)


def _ratio(
    sc: Superconductor, T: Scalar, s: PairedState, Gamma: float | Scalar, weights: Reals | None, nodes: int | None = None
) -> Float[Array, ""]:
    return relaxation_rate_of(
        s,
        jnp.asarray(Gamma, jnp.float64),
        pair_weights(weights, len(sc.components)),
        nodes_of(s, Gamma) if nodes is None else nodes,
    )


def nodes_for(
    sc: Superconductor, T: Float[np.ndarray, "condition"], points: Mapping[str, np.ndarray], ranges: Ranges
) -> Numbers:
    """How many nodes the smallest Gamma needs; where peaks are not known, at the highest temperature."""
    least = GAMMA.range_in(ranges)[0]
    check(least > 0, "Gamma", "stay positive [meV] in a fit of nuclear relaxation", least)
    if not _has_peaks(sc):
        return {"nodes": max(_even_nodes(float(t), least) for t in T if t > 0)}
    return {"nodes": FEWER if least >= WIDE else NODES}


NMR = Quantity(
    "nmr",
    _ratio,
    long_name="1/(T_1 T) relative to the normal state",
    needs=Need.STATE,
    settings=(GAMMA._replace(positive=True), WEIGHTS),
    normal=1.0,
    datum="nmr",
    plan=nodes_for,
    measurement=SCALED,
    picture=Picture(
        TEMPERATURE,
        "1/(T_1 T) over temperature, relative to the normal state",
        r"$(1/T_1T)\,/\,(1/T_1T)_n$",
        r"nuclear relaxation, $\Gamma$ = {Gamma:g} meV",
    ),
)
RELAXATION_RATE = Quantity(
    "relaxation_rate",
    lambda sc, T, s, korringa, **given: korringa * T * where_paired(s, lambda s: _ratio(sc, T, s, **given), 1.0),
    units="1/s",
    long_name="nuclear spin-lattice relaxation rate 1/T_1",
    needs=Need.STATE,
    settings=(*NMR.settings, KORRINGA),
    datum="relaxation_rate",
    plan=nodes_for,
    measurement=scaled(OFFSET._replace(unit="1/s", bounds=(-10.0, 10.0))),
    picture=Picture(
        TEMPERATURE,
        "1/T_1 over temperature, in 1/s, of a normal state with 1/(T_1 T) of --korringa",
        r"$1/T_1$ (s$^{-1}$)",
        r"nuclear relaxation, $\Gamma$ = {Gamma:g} meV",
    ),
)
