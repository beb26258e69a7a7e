r"""The self-consistent model without cross-band pairing, of the same bands and the same data.

.. math:: \lambda_{cc'} = 0 \;\text{ where c or c' is a channel of pairs across bands}

H. Suhl, B. T. Matthias, L. R. Walker, Phys. Rev. Lett. 3, 552 (1959): bands pair by themselves, and couplings between their
pairs stay. Parameters that set couplings of cross channels only are parameters no more.
"""

from jaxgap.fitting.config import FitConfig, ParameterConfig
from jaxgap.fitting.experiments import is_experiment
from jaxgap.fitting.expressions import names_in
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError

__all__ = ["without_cross_pairing"]


def without_cross_pairing(name: str, config: FitConfig, sc: Superconductor) -> tuple[FitConfig, Superconductor]:
    """(configuration, system) of the model `name` with every coupling of a cross channel at zero.

    Raises:
        InputError: if there are no such channels, or nothing else is free.
    """
    cross = {f"{sc.coupling_leaf}[{a}, {b}]": 0.0 for a in sc.channels for b in sc.channels if ":" in a or ":" in b}
    if not cross:
        raise InputError(f"Model `{name}`: the system has no cross-band pairing that `smw` could leave out.")

    def stays(path: str) -> bool:
        return is_experiment(path) or sc.canonical(path) not in cross

    ties = {path: text for path, text in config.ties.items() if stays(path)}
    used = {config.named(sample)[short] for text in ties.values() for short in names_in(text) for sample in config.sample_names}
    parameters: dict[str, ParameterConfig] = {}
    for key, parameter in config.parameters.items():
        sets = {path: factor for path, factor in parameter.sets.items() if stays(path)}
        if sets or key in used:
            parameters[key] = parameter.model_copy(update={"sets": sets})
    if not parameters:
        raise InputError(f"Model `{name}`: without cross-band pairing nothing is left to fit.")
    samples = {
        key: part.model_copy(update={"set": {path: value for path, value in part.set.items() if stays(path)}})
        for key, part in config.samples.items()
    }
    return config.model_copy(update={"parameters": parameters, "ties": ties, "samples": samples}), sc.set(cross)
