"""jaxgap: self-consistent gap equations of multiband superconductors with cross-band pairing, in JAX.

Couplings and bands go in, a self-consistent superconducting state comes out, and everything downstream (gaps, T_c,
spectra, fits) is a differentiable, batchable function of that state. Energies are in meV, temperatures in K. Importing
jaxgap switches JAX to double precision (`jaxgap.numerics.double`). Processes that share work are spawned, not forked
(`jaxgap.sweeps`): JAX is multithreaded.

The names below are imported when they are asked for: JAX alone takes most of a second.
"""

from typing import TYPE_CHECKING

from jaxgap.commands import interruption as _interruption  # noqa: F401  (first: it takes Ctrl-C while jax is imported)

# isort: split

from jaxgap.commands import first as _first  # noqa: F401  (what the command says without jax)
from jaxgap.numerics import double as _double  # noqa: F401  (before jax, or after it)

# isort: split

from jaxgap._names import attribute, keep_old_names, names

if TYPE_CHECKING:
    from jaxgap import fitting as fitting
    from jaxgap import materials as materials
    from jaxgap import observables as observables
    from jaxgap import origins as origins
    from jaxgap import plotting as plotting
    from jaxgap import sweeps as sweeps
    from jaxgap import units as units
    from jaxgap.continuation.bifurcations import Bifurcation as Bifurcation
    from jaxgap.continuation.bifurcations import BifurcationKind as BifurcationKind
    from jaxgap.continuation.bifurcations import locate_crossing as locate_crossing
    from jaxgap.continuation.bifurcations import locate_fold as locate_fold
    from jaxgap.continuation.bifurcations import locate_gapless as locate_gapless
    from jaxgap.continuation.bifurcations import locate_pitchfork as locate_pitchfork
    from jaxgap.continuation.branches import Branch as Branch
    from jaxgap.continuation.branches import branches as branches
    from jaxgap.continuation.branches import follow_path as follow_path
    from jaxgap.continuation.branches import solutions_on as solutions_on
    from jaxgap.continuation.crossings import crossings as crossings
    from jaxgap.continuation.dressed import FollowedState as FollowedState
    from jaxgap.continuation.dressed import equal_free_energies as equal_free_energies
    from jaxgap.continuation.dressed import follow_state as follow_state
    from jaxgap.continuation.end_points import CriticalEndPoint as CriticalEndPoint
    from jaxgap.continuation.end_points import GaplessLimits as GaplessLimits
    from jaxgap.continuation.end_points import critical_end_point as critical_end_point
    from jaxgap.continuation.end_points import gapless_limits as gapless_limits
    from jaxgap.continuation.ends import BranchEnd as BranchEnd
    from jaxgap.continuation.ends import EndKind as EndKind
    from jaxgap.continuation.ends import branch_end as branch_end
    from jaxgap.continuation.jumps import jump_temperature as jump_temperature
    from jaxgap.continuation.paths import path as path
    from jaxgap.continuation.transition import Transition as Transition
    from jaxgap.continuation.transition import TransitionKind as TransitionKind
    from jaxgap.continuation.transition import transition as transition
    from jaxgap.explorer.widget import explore as explore
    from jaxgap.model.band import Band as Band
    from jaxgap.model.constructor import superconductor as superconductor
    from jaxgap.model.constructor import symmetrised as symmetrised
    from jaxgap.model.contact import contact_from_binding as contact_from_binding
    from jaxgap.model.contact import contact_from_scattering as contact_from_scattering
    from jaxgap.model.contact import contact_interaction as contact_interaction
    from jaxgap.model.couplings import couplings_from_literature as couplings_from_literature
    from jaxgap.model.disorder import Disorder as Disorder
    from jaxgap.model.family import Path as Path
    from jaxgap.model.forms import channel as channel
    from jaxgap.model.forms import smooth as smooth
    from jaxgap.model.interaction import MatsubaraCutoff as MatsubaraCutoff
    from jaxgap.model.interaction import Modes as Modes
    from jaxgap.model.interaction import Retarded as Retarded
    from jaxgap.model.interaction import Shell as Shell
    from jaxgap.model.lattice import Lattice as Lattice
    from jaxgap.model.lattice_constructor import lattice as lattice
    from jaxgap.model.parabolic import parabolic_band as parabolic_band
    from jaxgap.model.radial import radial_band as radial_band
    from jaxgap.model.superconductor import Superconductor as Superconductor
    from jaxgap.model.systems import load as load
    from jaxgap.model.systems import save as save
    from jaxgap.model.tabulated import tabulated_band as tabulated_band
    from jaxgap.model.tight_binding import hopping as hopping
    from jaxgap.model.tight_binding import tight_binding as tight_binding
    from jaxgap.model.wannier import wannier90 as wannier90
    from jaxgap.numerics.checks import InputError as InputError
    from jaxgap.numerics.checks import NotConvergedError as NotConvergedError
    from jaxgap.numerics.implicit import at_root as at_root
    from jaxgap.numerics.provenance import VERSION as __version__  # noqa: F401
    from jaxgap.phases.diagram import PhaseDiagram as PhaseDiagram
    from jaxgap.phases.diagram import phase_diagram as phase_diagram
    from jaxgap.selfenergy.phonon_cone import PhononCone as PhononCone
    from jaxgap.selfenergy.phonon_cone import phonon_cone as phonon_cone
    from jaxgap.solving.critical import critical_temperature as critical_temperature
    from jaxgap.solving.critical import linear_temperatures as linear_temperatures
    from jaxgap.solving.critical_disorder import critical_disorder as critical_disorder
    from jaxgap.solving.critical_filling import critical_temperature_at_density as critical_temperature_at_density
    from jaxgap.solving.curves import GapCurve as GapCurve
    from jaxgap.solving.curves import gap_curve as gap_curve
    from jaxgap.solving.curves import solve_temperatures as solve_temperatures
    from jaxgap.solving.filling import at_density as at_density
    from jaxgap.solving.filling import density_of as density_of
    from jaxgap.solving.labels import Label as Label
    from jaxgap.solving.one import solve as solve
    from jaxgap.solving.solution import Solution as Solution
    from jaxgap.solving.solution import Status as Status
    from jaxgap.spectra.quadrature import Rule as Rule
    from jaxgap.states.solutions import Solutions as Solutions
    from jaxgap.states.solutions import State as State
    from jaxgap.states.solutions import ground_state as ground_state
    from jaxgap.states.solutions import solutions as solutions
else:
    __all__ = names()

    def __getattr__(name):
        return globals().setdefault(name, attribute(name))

    def __dir__():
        return sorted({*globals(), *__all__})


keep_old_names()
