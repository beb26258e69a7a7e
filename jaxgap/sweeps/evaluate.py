"""A block of points computed: one program of a fixed shape, shared out over all local devices.

Most points go the short way of `jaxgap.solving.many`; the program of the long way is compiled when the first one needs it.
Every device gets one batch of the same number of points at a time, whatever their number and the size of the block: rows that
are lacking are filled up with the first ones. What is compiled for a batch does not depend on the number of devices, if there
are several, and a row does not depend on its neighbours, so that neither these devices nor the blocks change the last bit of a
result. One device, and another batch size, are other programs, in which XLA may round differently: amplitudes agree to
max(1e-12, 10 eps / sigma_min).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from threading import Lock
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Float

from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import gauge_directions, implicit_amplitudes
from jaxgap.equations.pairing import pack
from jaxgap.model.family import Section
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.programs import KNOWN, counted
from jaxgap.observables.quantities import DELTA
from jaxgap.observables.quantity import Quantity
from jaxgap.solving.blocks import cut_for
from jaxgap.solving.filling import refilled
from jaxgap.solving.finer import escalation
from jaxgap.solving.labels import Label
from jaxgap.solving.many import Ways, goes_the_long_way, solve_many
from jaxgap.solving.retarded import solve_retarded
from jaxgap.solving.solution import Solution, Status
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.sweeps.quantities import Sensitivity

__all__ = ["Evaluator"]

OPTIONS: dict[str, dict[str, Any]] = {"cpu": {"xla_backend_optimization_level": 3, "xla_cpu_prefer_vector_width": 512}}
"""Set for every program, so that results do not depend on the flags of the process that computes them. With the widest
registers that there are, AVX-512 takes a tenth to a fifth less time than with XLA's own choice of 256 bits."""
if jax.__version_info__[:2] in KNOWN:
    OPTIONS["cpu"]["xla_cpu_use_fusion_emitters"] = True

PROGRAMS = 64
"""Compiled programs, and shapes of their results, that are kept."""
_programs: dict[Any, Any] = {}
_COMPILING = Lock()
"""Threads that come first compile once."""


@dataclass(frozen=True)
class Evaluator:
    """Computes quantities at rows of axis values. Programs are compiled when they are first needed, and kept."""

    family: Section
    axes: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    branch: str | None
    batch: int
    """Points that a device treats at once."""
    real: bool
    """Whether all amplitudes are real by construction, and recorded as real numbers."""

    def __call__(self, rows: Float[np.ndarray, "point axis"], start: Any = None) -> dict[str, np.ndarray]:
        """Every quantity at every row, with status and residual.

        Rows whose quadrature is too coarse are solved again with more nodes, as `solve` does.
        """
        start = None if start is None else np.broadcast_to(start, (len(rows), np.shape(start)[-1]))
        out = self._run(DEFAULT_RULE, rows, start, self.branch)
        for factor in escalation(self.family.sc):
            again = np.flatnonzero(out["status"] == Status.INACCURATE)
            if not len(again):
                break
            Delta = out["Delta_found"][again]
            Delta = Delta if start is not None and np.iscomplexobj(start) else Delta.real
            finer = self._run(Rule(*(factor * n for n in DEFAULT_RULE)), rows[again], Delta, None)
            for name, values in finer.items():
                out[name][again] = values
        del out["Delta_found"]
        return out

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what a call gives."""
        return ("status", "residual", *(one.name for one in self.quantities))

    def shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape (without the points) and type of every variable. Traced once, as programs are."""
        return self._once(("shapes",), self._traced_shapes)

    def _traced_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        rows = jax.ShapeDtypeStruct((self.batch, len(self.axes)), np.float64)
        start = jax.ShapeDtypeStruct((self.batch, len(self.family.sc.channels)), float if self.real else complex)
        traced = partial(self._values, rule=DEFAULT_RULE, branch=None, ways="short")
        out = jax.eval_shape(traced, self.family, rows, start)
        return {name: jax.ShapeDtypeStruct(one.shape[1:], one.dtype) for name, one in out.items() if name != "Delta_found"}

    def _run(self, rule: Rule, rows: np.ndarray, start: Any, branch: str | None) -> dict[str, np.ndarray]:
        """The short way of `solve_many` for all rows, and the long one, a program of its own, if anything is left."""
        if goes_the_long_way(self.family.sc, start):
            return self._go("long", rule, rows, start, branch)
        out = self._go("short", rule, rows, start, branch)
        left = np.flatnonzero(out["status"] == Status.NOT_CONVERGED)
        if len(left):
            rest = self._go("long", rule, rows[left], start if start is None else start[left], branch)
            for name, values in rest.items():
                out[name][left] = values
        return out

    def _go(self, ways: Ways, rule: Rule, rows: np.ndarray, start: Any, branch: str | None) -> dict[str, np.ndarray]:
        devices = tuple(jax.local_devices())
        batch = self.batch if ways == "short" else min(cut_for(self.family.sc).long, self.batch)
        program = self._program(batch, ways, rule, start if start is None else start.dtype, branch, devices)
        spread = NamedSharding(_mesh(devices), PartitionSpec("device"))
        waiting: list[Any] = []
        done: list[dict[str, np.ndarray]] = []
        for piece in _pieces(batch * len(devices), rows, start):
            waiting.append(program(self.family, *jax.device_put(piece, spread)))
            if len(waiting) > cut_for(self.family.sc).ahead:
                done.append(jax.device_get(waiting.pop(0)))
        done += jax.device_get(waiting)
        return {name: np.concatenate([one[name] for one in done])[: len(rows)] for name in done[0]}

    def _program(self, *how: Any) -> Any:
        """The compiled program for a batch, for one of the ways, a rule, no, real or complex starts, a branch, some devices."""
        return self._once(how, lambda: self._compiled(*how))

    def _once(self, how: Any, make: Callable[[], Any]) -> Any:
        # Values of leaves are arguments: sweeps around other systems of the same structure share it.
        key = (self.axes, self.quantities, self.batch, self.real, jax.tree.structure(self.family), cut(), *how)
        with _COMPILING:
            if key not in _programs:
                with counted():
                    _programs[key] = make()
                for oldest in list(_programs)[:-PROGRAMS]:
                    del _programs[oldest]
            return _programs[key]

    def _compiled(self, batch: int, ways: Ways, rule: Rule, start: Any, branch: str | None, devices: tuple[Any, ...]) -> Any:
        one, all_ = PartitionSpec("device"), PartitionSpec()
        mesh = _mesh(devices)
        values = partial(self._values, rule=rule, branch=branch, ways=ways)
        sharded = jax.shard_map(values, mesh=mesh, in_specs=(all_, one, one), out_specs=one, check_vma=False)
        n, spread = batch * len(devices), NamedSharding(mesh, one)
        rows = jax.ShapeDtypeStruct((n, len(self.axes)), np.float64, sharding=spread)
        starts = None
        if start is not None:
            starts = jax.ShapeDtypeStruct((n, len(self.family.sc.channels)), start, sharding=spread)
        return jax.jit(sharded).lower(self.family, rows, starts).compile(OPTIONS.get(jax.default_backend(), {}))

    # --- one batch on one device; traced ------------------------------------------------------------------------------

    def _values(self, family: Section, rows: Any, start: Any, *, rule: Rule, branch: str | None, ways: Ways) -> dict[str, Any]:
        systems, T = jax.vmap(lambda row: family.at(*row))(rows)
        solved = solve_many(systems, T, start=start, branch=branch, rule=rule, ways=ways)
        if start is not None:
            # Who starts from zero asks for the normal state.
            normal = (solved.status == Status.TRIVIAL) & (start == 0).all(axis=1)
            solved = eqx.tree_at(lambda s: s.status, solved, jnp.where(normal, Status.NORMAL, solved.status))
        real = start is None or not jnp.iscomplexobj(start)
        piece = min(cut_for(family.sc).piece, len(rows))
        return jax.lax.map(partial(self._of_one, family, rule, real), (rows, solved), batch_size=piece)

    def _of_one(self, family: Section, rule: Rule, real: bool, element: Any) -> dict[str, Any]:
        """All variables of one point: NaN, and -1 for an integer, where the solution asked for was not found."""
        row, solution = element
        asked, T = family.at(*row)
        out = {"status": solution.status, "residual": solution.residual, "Delta_found": solution.Delta}
        slopes = self._slopes(family, row, solution, rule, real) if self.along else {}
        for one in self.quantities:
            if isinstance(one, Sensitivity):
                value = slopes[one.function][..., self.along.index(one.along)]
            else:
                # What is of the system alone is of the one asked for: at a density it has a mu of its own.
                value = one(solution.superconductor if one.of_solution else asked, T, solution)
            value = value.real if self.real and one.function is DELTA.function else value
            out[one.name] = _kept(value, solution.converged) if one.of_solution else value
        return out

    @cached_property
    def sensitivities(self) -> tuple[Sensitivity, ...]:
        """Quantities that are derivatives."""
        return tuple(one for one in self.quantities if isinstance(one, Sensitivity))

    @cached_property
    def along(self) -> tuple[str, ...]:
        """What quantities are differentiated with respect to."""
        return tuple(dict.fromkeys(one.along for one in self.sensitivities))

    def _slopes(self, family: Section, row: Any, solution: Solution, rule: Rule, real: bool) -> dict[Any, Any]:
        """dO/dp along the branch, for every function O that is differentiated and every p of `along`, [..., p]."""
        if family.sc.is_retarded:
            return self._retarded_slopes(family, row, solution)
        D = solution.Delta.real if real else solution.Delta
        trusted = solution.converged & (solution.label != Label.NORMAL)
        _, jacobian = residual_and_matrix(solution.superconductor, D, solution.T, rule)
        if not real:
            gauge = gauge_directions(solution.superconductor, pack(D))
            jacobian = jacobian + gauge.T @ gauge
        differentiated = {one.function: one for one in self.sensitivities}

        def values(p: Any) -> list[Any]:
            asked, T = self._moved(family, row, p)
            sc = refilled(asked, T, solution).as_fine(solution.superconductor.fineness)
            Delta = implicit_amplitudes(sc, T, D, trusted, jacobian, rule).astype(complex)
            there = eqx.tree_at(lambda s: (s.superconductor, s.T, s.Delta), solution, (sc, T, Delta))
            return [one(sc if one.of_solution else asked, T, there) for one in differentiated.values()]

        # All directions together: one program, whatever their number.
        return dict(zip(differentiated, jax.jacfwd(values)(jnp.zeros(len(self.along))), strict=True))

    def _retarded_slopes(self, family: Section, row: Any, solution: Solution) -> dict[Any, Any]:
        """The same of a retarded interaction, whose states come with their derivatives: found once more, from amplitudes."""
        differentiated = {one.function: one for one in self.sensitivities}
        start = jax.lax.stop_gradient(solution.Delta.real)

        def values(p: Any) -> list[Any]:
            sc, T = self._moved(family, row, p)
            there = solve_retarded(sc, T, start, None, throw=False)
            return [one(sc, T, there) for one in differentiated.values()]

        return dict(zip(differentiated, jax.jacfwd(values)(jnp.zeros(len(self.along))), strict=True))

    def _moved(self, family: Section, row: Any, p: Any) -> Any:
        """(system, T) at a row, moved by p_i along the i-th of `along`: an axis, a path or T."""
        for along, step in zip(self.along, p, strict=True):
            if along in self.axes:
                row = row.at[self.axes.index(along)].add(step)
        sc, T = family.at(*row)
        for along, step in zip(self.along, p, strict=True):
            if along in self.axes:
                continue
            sc, T = (sc, T + step) if along == "T" else (sc.set({along: sc.get(along) + step}), T)
        return sc, T


def _mesh(devices: tuple[Any, ...]) -> Any:
    return jax.make_mesh((len(devices),), ("device",), devices=devices)


def _pieces(size: int, rows: np.ndarray, start: Any) -> Iterator[Any]:
    for first in range(0, len(rows), size):
        yield [part if part is None else np.resize(part[first : first + size], (size, part.shape[1])) for part in (rows, start)]


def _kept(value: Any, good: Any) -> Any:
    """The value where it is good, else NaN, or -1 for an integer."""
    missing = jnp.nan if jnp.issubdtype(value.dtype, jnp.inexact) else -1
    return jnp.where(good, value, jnp.asarray(missing, value.dtype))
