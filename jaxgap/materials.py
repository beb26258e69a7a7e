"""The systems of the papers and models of more bands, ready to be solved: `jaxgap.materials.ba122()` (`jaxgap.model.materials`
has their sources)."""

from jaxgap.model.lattice_materials import SYSTEMS as SYSTEMS
from jaxgap.model.lattice_materials import attractive_hubbard_model as attractive_hubbard_model
from jaxgap.model.lattice_materials import cuprate_lattice_model as cuprate_lattice_model
from jaxgap.model.lattice_materials import pnictide_orbitals_model as pnictide_orbitals_model
from jaxgap.model.materials import MATERIALS as MATERIALS
from jaxgap.model.materials import ba122 as ba122
from jaxgap.model.materials import five_band_pnictide_model as five_band_pnictide_model
from jaxgap.model.materials import lifeas_model as lifeas_model
from jaxgap.model.materials import mgb2 as mgb2
from jaxgap.model.materials import mgb2_six_layers_model as mgb2_six_layers_model
from jaxgap.model.materials import oxide_interface_model as oxide_interface_model
from jaxgap.model.materials import two_band as two_band
from jaxgap.model.retarded_materials import mgb2_eliashberg as mgb2_eliashberg
