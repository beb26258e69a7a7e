"""jaxgap: self-consistent gap equations of multiband superconductors with cross-band pairing, in JAX.

Couplings and bands go in, a self-consistent superconducting state comes out, and everything downstream (gaps, T_c,
spectra, fits) is a differentiable, batchable function of that state. Energies are in meV, temperatures in K. Importing
jaxgap switches JAX to double precision (`jaxgap._precision`). Processes that share work are spawned, not forked
(`jaxgap.sweeps`): JAX is multithreaded.
"""

from jaxgap import _interruption as _interruption
from jaxgap import _precision as _precision
from jaxgap import materials as materials
from jaxgap import units as units
from jaxgap._checks import InputError as InputError
from jaxgap._checks import NotConvergedError as NotConvergedError
from jaxgap.bands import Band as Band
from jaxgap.bands import parabolic_band as parabolic_band
from jaxgap.bifurcations import Bifurcation as Bifurcation
from jaxgap.bifurcations import BifurcationKind as BifurcationKind
from jaxgap.bifurcations import Path as Path
from jaxgap.bifurcations import locate_crossing as locate_crossing
from jaxgap.bifurcations import locate_fold as locate_fold
from jaxgap.bifurcations import locate_gapless as locate_gapless
from jaxgap.bifurcations import locate_pitchfork as locate_pitchfork
from jaxgap.bifurcations import path as path
from jaxgap.branch_ends import BranchEnd as BranchEnd
from jaxgap.branch_ends import EndKind as EndKind
from jaxgap.branch_ends import branch_end as branch_end
from jaxgap.branches import GapCurve as GapCurve
from jaxgap.branches import gap_curve as gap_curve
from jaxgap.branches import solve_temperatures as solve_temperatures
from jaxgap.continuation import Branch as Branch
from jaxgap.continuation import branches as branches
from jaxgap.continuation import follow_path as follow_path
from jaxgap.continuation import solutions_on as solutions_on
from jaxgap.couplings import couplings_from_literature as couplings_from_literature
from jaxgap.critical import critical_temperature as critical_temperature
from jaxgap.crossings import crossings as crossings
from jaxgap.end_points import CriticalEndPoint as CriticalEndPoint
from jaxgap.end_points import GaplessLimits as GaplessLimits
from jaxgap.end_points import critical_end_point as critical_end_point
from jaxgap.end_points import gapless_limits as gapless_limits
from jaxgap.implicit import at_root as at_root
from jaxgap.jumps import jump_temperature as jump_temperature
from jaxgap.labels import Label as Label
from jaxgap.phase_diagram import PhaseDiagram as PhaseDiagram
from jaxgap.phase_diagram import phase_diagram as phase_diagram
from jaxgap.quadrature import Rule as Rule
from jaxgap.solution import Solution as Solution
from jaxgap.solution import Status as Status
from jaxgap.solutions import Solutions as Solutions
from jaxgap.solutions import State as State
from jaxgap.solutions import ground_state as ground_state
from jaxgap.solutions import solutions as solutions
from jaxgap.solve import solve as solve
from jaxgap.superconductor import Superconductor as Superconductor
from jaxgap.superconductor import load as load
from jaxgap.superconductor import save as save
from jaxgap.superconductor import superconductor as superconductor
from jaxgap.superconductor import symmetrised as symmetrised
from jaxgap.transition import Transition as Transition
from jaxgap.transition import TransitionKind as TransitionKind
from jaxgap.transition import linear_temperatures as linear_temperatures
from jaxgap.transition import transition as transition

__version__ = "0.1.0"
