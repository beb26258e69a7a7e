"""Pictures of systems, solutions and phase diagrams; every function takes `ax=None` and returns it."""

from jaxgap.drawing import COLOURS as COLOURS
from jaxgap.drawing import draw_curve as draw_curve
from jaxgap.plotting.plots import plot_density_of_states as plot_density_of_states
from jaxgap.plotting.plots import plot_dispersion as plot_dispersion
from jaxgap.plotting.plots import plot_fermi_surface as plot_fermi_surface
from jaxgap.plotting.plots import plot_gaps as plot_gaps
from jaxgap.plotting.plots import plot_phase_diagram as plot_phase_diagram
from jaxgap.plotting.plots import write_phase_diagram as write_phase_diagram
from jaxgap.plotting.zero_energy import plot_zero_energy_map as plot_zero_energy_map
