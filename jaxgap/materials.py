"""The systems of the papers, ready to be solved: `jaxgap.materials.ba122()` (`jaxgap.model.materials` has their sources)."""

from jaxgap.model.materials import MATERIALS as MATERIALS
from jaxgap.model.materials import ba122 as ba122
from jaxgap.model.materials import mgb2 as mgb2
from jaxgap.model.materials import two_band as two_band
