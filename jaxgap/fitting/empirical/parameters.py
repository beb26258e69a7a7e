r"""The parameters of an empirical model: its own, and those of the fit that set numbers of experiments.

Own ones are T_c and alpha_i = Delta_i(0) / k_B T_c, or the gaps at every temperature, and the weights of two gaps:

- `weight`, the share gamma_1 / gamma of the first gap's electrons, in all that thermodynamics measures;
- `weight_s`, its share of n/m, in all that measures the superfluid density;
- `weight of NAME`, in every spectrum.

The others have the same bounds and the same knowledge beforehand as in the fit: what lies between gaps and readings (a
broadening, a scale, gamma_n) is the same for all models. Weights of bands, which an experiment may have, are the exception:
gaps have their own. Of several samples each has its own T_c, alpha_i and weights.
"""

from collections.abc import Iterable, Mapping, Sequence

from jaxgap.fitting.config import FitConfig, ModelConfig, ParameterConfig
from jaxgap.fitting.data import OVER_T_C, Datum
from jaxgap.fitting.empirical.models import EmpiricalModel
from jaxgap.fitting.empirical.values import CARRIERS, ELECTRONS, SPECTRA
from jaxgap.fitting.experiments import is_experiment, parsed
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.solving.critical import critical_temperature

__all__ = ["check_described", "condition_name", "empirical_parameters", "is_weighed", "weight_name"]

NEAR_T_C = (0.5, 1.5)
"""Bounds of T_c, in one that was measured; without one it is between the lowest temperature of the data and twice the highest,
or 1.5 times that of the fit's system."""
LARGEST = 2.0
"""Bound of a gap, in the largest that was measured; or it is the highest voltage."""
ALPHA = {1: ((0.3, 6.0),), 2: ((1.0, 6.0), (0.05, 3.0))}
"""Bounds of alpha by the number of gaps: of the larger of two, and of the smaller."""


def check_described(name: str, spec: EmpiricalModel, fitted: Iterable[Datum]) -> None:
    """Raise InputError for data that a model does not describe: numbers of parameters and chi^2 of different data do not
    compare."""
    known = ", ".join(spec.kinds)
    for datum in fitted:
        kinds = {datum.kind, datum.second[0]} - {""} | ({"T_c"} if datum.operator == OVER_T_C else set())
        if missing := sorted(kinds - set(spec.kinds)):
            raise InputError(
                f"Model `{name}`: `{spec.name}` ({spec.title}) says nothing of `{missing[0]}`, which is fitted "
                f"(line {datum.line} of its file); it describes {known}."
            )


def empirical_parameters(
    name: str, spec: EmpiricalModel, config: FitConfig, sc: Superconductor, fitted: Sequence[Datum]
) -> dict[str, ParameterConfig]:
    """All parameters of the model `name` of `config.models`: its own first."""
    chosen = config.models[name]
    own = _along_T(spec, config, sc, fitted) if spec.along_T else _everywhere(spec, config, fitted)
    if spec.gaps == 2:
        own |= {weight_name(datum): ParameterConfig(bounds=(0.0, 1.0)) for datum in fitted if is_weighed(datum)}
    shared = _of_experiments(config, sc)
    if clash := own.keys() & shared.keys():
        raise InputError(
            f"Model `{name}`: the fit's parameter `{min(clash)}` must have another name: the model has one of this."
        )
    return _as_asked(name, own, chosen) | shared


def _along_T(
    spec: EmpiricalModel, config: FitConfig, sc: Superconductor, fitted: Sequence[Datum]
) -> dict[str, ParameterConfig]:
    own: dict[str, ParameterConfig] = {}
    for sample, system in zip(config.sample_names, config.systems(sc), strict=True):
        of = f"@{sample}" if sample else ""
        bounds = _T_c_bounds(system, [datum for datum in fitted if datum.sample == sample])
        own[f"T_c{of}"] = ParameterConfig(bounds=bounds, unit="K")
        for i, bounds in enumerate(ALPHA[spec.gaps] if spec.free else ()):
            own[f"alpha{f'_{i + 1}' * (spec.gaps > 1)}{of}"] = ParameterConfig(bounds=bounds)
    return own


def _T_c_bounds(sc: Superconductor, fitted: Sequence[Datum]) -> tuple[float, float]:
    if measured := [datum.value for datum in fitted if datum.kind == "T_c"]:
        return NEAR_T_C[0] * min(measured), NEAR_T_C[1] * max(measured)
    T = [datum.T for datum in fitted if datum.T]
    highest = max(2 * max(T, default=0.0), NEAR_T_C[1] * float(critical_temperature(sc)))
    return min(T, default=highest / 100), highest


def _everywhere(spec: EmpiricalModel, config: FitConfig, fitted: Sequence[Datum]) -> dict[str, ParameterConfig]:
    most = max(abs(datum.x) if datum.x is not None else LARGEST * datum.value for datum in fitted)
    conditions = sorted({(config.sample_names.index(datum.sample), datum.T) for datum in fitted if datum.T is not None})
    return {
        f"Delta{f'_{i + 1}' * (spec.gaps > 1)}{condition_name(config.sample_names[sample], T)}": ParameterConfig(
            bounds=(0.0, most), unit="meV"
        )
        for sample, T in conditions
        for i in range(spec.gaps)
    }


def condition_name(sample: str, T: float) -> str:
    """What distinguishes gaps that are free at every temperature."""
    return f"({T:g} K{f', {sample}' if sample else ''})"


def is_weighed(datum: Datum) -> bool:
    """Whether two gaps have weights in it."""
    return datum.kind in ELECTRONS or datum.kind in CARRIERS or datum.kind in SPECTRA


def weight_name(datum: Datum) -> str:
    """The parameter that is the weight of the first of two gaps in a datum."""
    of = f"@{datum.sample}" if datum.sample else ""
    if datum.kind in ELECTRONS:
        return f"weight{of}"
    if datum.kind in CARRIERS:
        return f"weight_s{of}"
    return f"weight of {datum.experiment}" if datum.experiment else f"weight of {datum.kind}{of}"


def _as_asked(name: str, own: Mapping[str, ParameterConfig], chosen: ModelConfig) -> dict[str, ParameterConfig]:
    """The bounds that [models] gives, where it does."""
    if unknown := [key for key in chosen.bounds if key not in own]:
        raise InputError(f"Model `{name}`: `bounds` has `{unknown[0]}`, but its parameters are {', '.join(own)}.")
    return {
        key: parameter.model_copy(update={"bounds": chosen.bounds.get(key, parameter.bounds)}) for key, parameter in own.items()
    }


def _of_experiments(config: FitConfig, sc: Superconductor) -> dict[str, ParameterConfig]:
    """The fit's parameters as far as they set numbers of experiments other than weights."""
    found = {}
    for name, parameter in config.parameters.items():
        sets = {
            path: factor
            for path, factor in parameter.sets.items()
            if is_experiment(path) and parsed(path, config.experiments, sc.band_names).number != "weights"
        }
        if sets:
            found[name] = parameter.model_copy(update={"sets": sets})
    return found
