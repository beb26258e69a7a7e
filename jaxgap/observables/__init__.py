"""What an experiment sees of a solved state: plain functions of a `Solution`, one file per experiment."""

from jaxgap.observables.conductance import tunnelling_conductance as tunnelling_conductance
from jaxgap.observables.density_of_states import DensityOfStates as DensityOfStates
from jaxgap.observables.density_of_states import tunnelling_density_of_states as tunnelling_density_of_states
from jaxgap.observables.dispersion import dispersion as dispersion
from jaxgap.observables.dispersion import wave_vector as wave_vector
from jaxgap.observables.gaps import CoherencePeak as CoherencePeak
from jaxgap.observables.gaps import FermiMomentumGaps as FermiMomentumGaps
from jaxgap.observables.gaps import branch_minima as branch_minima
from jaxgap.observables.gaps import branch_names as branch_names
from jaxgap.observables.gaps import coherence_peaks as coherence_peaks
from jaxgap.observables.gaps import excitation_gaps as excitation_gaps
from jaxgap.observables.gaps import fermi_momentum_gaps as fermi_momentum_gaps
from jaxgap.observables.gaps import gapless_excess as gapless_excess
from jaxgap.observables.phases import phase_difference as phase_difference
from jaxgap.observables.phases import relative_signs as relative_signs
from jaxgap.observables.thermodynamics import free_energy as free_energy
