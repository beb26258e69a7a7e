r"""What follows from one setting of the sliders: the solution, its energies E_\pm(k) with their weights, its spectra.

The weight of a branch for electrons of band i is the residue of its Green's function at omega = E,

.. math:: |u_i|^2 = \lim_{\Gamma \to 0} -\Gamma \, \mathrm{Im} \, G_{ii}(k, E + i \Gamma)

and |v_i|^2 that at omega = -E: what photoemission sees of the branch at each sign of the energy. Where there is no solution
there are no numbers, but the sentence of its status.
"""

from functools import cached_property
from threading import Lock
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.explorer.setting import Setting
from jaxgap.model.band import shell
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError
from jaxgap.numerics.programs import program
from jaxgap.observables import (
    branch_minima,
    branch_names,
    dispersion,
    gap_edges,
    spectrum_onset,
    tunnelling_conductance,
    tunnelling_density_of_states,
    wave_vector,
)
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.labels import Label
from jaxgap.solving.one import solve
from jaxgap.solving.retarded import RetardedSolution
from jaxgap.solving.solution import Solution, Status, stability_in_words
from jaxgap.solving.state import MeanFieldState

__all__ = ["Moment", "energies", "point", "remarks", "spectra"]

Answer = dict[str, object]

MOMENTA = 360
"""Of a picture of E(k): one for each of its pixels or two."""
VOLTAGES = 241
"""Of a spectrum, at positive energies."""
BEYOND = 0.05
"""How far beyond the shells, as a share of them."""
DIGITS = 6
"""Of weights, which are good to `SHARP`; all others would be half of what is sent."""
SHARP = 1e-6
"""Gamma in Omega at which residues are read: branches closer than that share theirs."""


class Moment:
    """A setting with its solution, which is found once and may be that nothing was found."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._finding = Lock()

    @property
    def solution(self) -> Solution:
        """Of the branch that is asked for; who asks while it is being found waits for it."""
        with self._finding:
            return self._solution

    @cached_property
    def _solution(self) -> Solution:
        sc, T, branch = self.setting[:3]
        return solve(sc, T, branch=branch, throw=False)

    def solved(self) -> Solution:
        """The solution.

        Raises:
            NotConvergedError: with the status's sentence, if it is not the one that was asked for.
        """
        if not bool(self.solution.converged):
            raise NotConvergedError(Status(int(self.solution.status)).sentence)
        return self.solution


def point(moment: Moment) -> Answer:
    """Amplitudes, gaps and T_c of the branch, with the status in words; null for what is not known."""
    sc, solution = moment.setting.sc, moment.solution
    status, label, found = Status(int(solution.status)), Label(int(solution.label)), bool(solution.converged)
    phase_defined = label == Label.NORMAL or bool(_has_free_energy(sc))
    names, gaps = gaps_of(solution)
    return {
        "converged": found,
        "status": status.text,
        "sentence": status.sentence,
        "label": label.named(sc) if found else "",
        "stability": stability_in_words(int(solution.unstable_amplitude), int(solution.unstable_phase), phase_defined)
        if found
        else "",
        "stable": known_stable(int(solution.unstable_amplitude), int(solution.unstable_phase)) if found else False,
        "channels": sc.channels,
        "Delta": np.asarray(solution.Delta).real if found else np.full(len(sc.channels), np.nan),
        "branches": names,
        "gaps": gaps if found else np.full(len(names), np.nan),
        "residual": solution.residual,
        "sigma_min": solution.sigma_min,
        "quadrature_error": solution.quadrature_error,
        "T_c": critical_temperature(sc),
        "lam": np.asarray(sc.lam),
    }


def known_stable(amplitude: int, phase: int) -> bool | None:
    """Whether a state with so many unstable directions is stable; None where its phases were not examined."""
    return None if amplitude == 0 and phase < 0 else amplitude == 0 and phase == 0


def gaps_of(solution: Solution) -> tuple[tuple[str, ...], np.ndarray]:
    """The gaps of a system by name [meV]: branch minima, NaN of a lattice; of a retarded interaction where the spectra of the
    bands begin, or that of all together; nothing of a disordered state, whose spectrum is not continued."""
    sc = solution.superconductor
    if sc.is_disordered:
        return (), np.zeros(0)
    if sc.is_retarded and sc.cross:
        return ("of the spectrum",), np.asarray(spectrum_onset(solution).energy)[None]
    if sc.is_retarded:
        return sc.band_names, np.asarray(gap_edges(solution).edge)
    names = branch_names(sc)
    return names, np.asarray(branch_minima(solution)) if sc.beyond else np.full(len(names), np.nan)


def remarks(moment: Moment) -> Answer:
    """What is doubtful about the numbers of the system, a sentence each."""
    return {"remarks": moment.setting.sc.remarks}


@program
def _has_free_energy(sc: Superconductor) -> Bool[Array, ""]:
    return sc.has_free_energy


def energies(moment: Moment) -> Answer:
    """E(k) of every quasiparticle branch over the shells of all bands, with its weights for electrons, |u_i|^2, and holes,
    |v_i|^2, of every band i."""
    solution = moment.solved()
    sc = solution.superconductor
    seen = _seen(solution)
    return {
        "k": np.asarray(wave_vector(seen.kappa)),
        "E": np.asarray(seen.E),
        "branches": branch_names(sc),
        "bands": sc.components,
        "electrons": np.asarray(seen.electrons).round(DIGITS),
        "holes": np.asarray(seen.holes).round(DIGITS),
        "Omega": float(sc.Omega),
    }


class _Seen(NamedTuple):
    """Energies along k, and their weights."""

    kappa: Float[Array, "k"]
    E: Float[Array, "branch k"]
    electrons: Float[Array, "branch band k"]
    holes: Float[Array, "branch band k"]


@program
def _seen(state: MeanFieldState) -> _Seen:
    sc = state.superconductor
    ends = jnp.stack([jnp.stack(shell(band, sc.Omega)) for band in sc.bands])
    lo, hi = ends[jnp.argmin(ends[:, 0]), 0], ends[jnp.argmax(ends[:, 1]), 1]
    kappa = jnp.linspace(jnp.maximum(lo - BEYOND * (hi - lo), 0.0), hi + BEYOND * (hi - lo), MOMENTA)
    E, Gamma = dispersion(state, kappa), SHARP * sc.Omega

    def residues(omega: Float[Array, "branch k"]) -> Float[Array, "branch band k"]:
        G = state.green_function(jnp.broadcast_to(kappa, omega.shape), omega + 1j * Gamma)
        return jnp.moveaxis(jnp.clip(-Gamma * G.imag, 0.0, 1.0), 0, 1)

    return _Seen(kappa, E, residues(E), residues(-E))


def spectra(moment: Moment) -> Answer:
    """N(omega) / N(0) of all bands and of each, and dI/dV at the temperature of the setting, over the energies of the gaps."""
    solution, Gamma = moment.solved(), moment.setting.Gamma
    sc, gaps = solution.superconductor, gaps_of(solution)[1]
    omega = np.linspace(0.0, _reach(solution, gaps), VOLTAGES)
    seen = solution.at_real_energies() if isinstance(solution, RetardedSolution) else solution
    N = tunnelling_density_of_states(seen, omega, Gamma)
    return {
        "omega": omega,
        "N": np.asarray(N.total),
        "bands": sc.components,
        "N_bands": np.asarray(N.bands),
        "dIdV": np.asarray(tunnelling_conductance(seen, omega, Gamma)),
        "Gamma": Gamma,
        "T": moment.setting.T,
        "gaps": gaps[np.isfinite(gaps)],
        "per": "N(0)" if sc.beyond else "1/meV per cell and spin",
    }


def _reach(solution: Solution, gaps: np.ndarray) -> float:
    """Up to where spectra are drawn [meV]: beyond all gaps and peaks, and beyond the thermal smearing of a normal state."""
    sc = solution.superconductor
    scale = float(np.max(np.asarray(sc.scale)))
    gaps = gaps if np.isfinite(gaps).all() and len(gaps) else np.abs(np.asarray(solution.Delta))
    inside = gaps[gaps < 0.98 * scale]
    largest = float(np.max(inside, initial=0.0))
    return min(2.2 * largest, 1.3 * scale) if largest > 0 else 0.3 * scale
