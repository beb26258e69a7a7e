"""Where the couplings come from: the arguments of W18 (Whangbo, Deng, Koehler, Simon, ChemPhysChem 19, 3191 (2018),
arXiv:1810.04305) made computable and differentiable. Where the paper gives no formula, the docstring says that the formula is
jaxgap's reading.
"""

from jaxgap.origins.common_shift import Shift as Shift
from jaxgap.origins.dispersions import Lattice as Lattice
from jaxgap.origins.dispersions import Layered as Layered
from jaxgap.origins.dispersions import Pocket as Pocket
from jaxgap.origins.dispersions import layered as layered
from jaxgap.origins.dispersions import pocket as pocket
from jaxgap.origins.dispersions import square_lattice as square_lattice
from jaxgap.origins.dispersions import tight_binding as tight_binding
from jaxgap.origins.fermi_surface import FermiSurface as FermiSurface
from jaxgap.origins.fermi_surface import fermi_surface as fermi_surface
from jaxgap.origins.fermi_surface import follow as follow
from jaxgap.origins.fermi_surface import pocket_surface as pocket_surface
from jaxgap.origins.instabilities import Instabilities as Instabilities
from jaxgap.origins.instabilities import instabilities as instabilities
from jaxgap.origins.nesting import Effectiveness as Effectiveness
from jaxgap.origins.nesting import best_shift as best_shift
from jaxgap.origins.nesting import couplings as couplings
from jaxgap.origins.nesting import difference_distribution as difference_distribution
from jaxgap.origins.nesting import effectiveness as effectiveness
from jaxgap.origins.nesting import local_share as local_share
from jaxgap.origins.nesting import share as share
from jaxgap.origins.response import cooper as cooper
from jaxgap.origins.response import gas_cooper as gas_cooper
from jaxgap.origins.response import gas_lindhard as gas_lindhard
from jaxgap.origins.response import lindhard as lindhard
from jaxgap.origins.response import lindhard_function as lindhard_function
from jaxgap.origins.response import lowest_temperature as lowest_temperature
from jaxgap.origins.three_dimensions import closed_surface as closed_surface
from jaxgap.origins.three_dimensions import layered_surface as layered_surface
