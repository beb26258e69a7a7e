"""What JAX has traced for small arrays, run on scalars: every number of every array by itself.

An array is one of objects here (`Scalars`), whose entries are numbers that are known while tracing, or vectors of many elements
(`Lanes`). What only moves numbers (reshaping, slicing, stacking) then is numpy's and costs nothing, sums are additions,
products of matrices are written out, and whatever is known is found at once. Loops stay loops, and end when all their elements
have arrived, which wait unchanged for the others; loops over constants read them from tables, which the caller provides.

What has no counterpart raises `Unscalar` with the primitive's name: sorts, gathers, calls of libraries.
"""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add, mul
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

__all__ = ["Lanes", "Run", "Scalars", "Table", "Unscalar", "constant", "in_shape"]

Scalars: TypeAlias = np.ndarray
"""An array of objects."""
Table: TypeAlias = Callable[[np.ndarray], Callable[[Any], Any]]
"""Of a row of constants, how a loop reads the one at its place."""


class Unscalar(NotImplementedError):
    """Something that was traced has no counterpart on scalars."""


def in_shape(entries: Sequence[Any], shape: Any) -> Scalars:
    found = np.empty(len(entries), object)
    for k, entry in enumerate(entries):  # numpy would look into what has a length
        found[k] = entry
    return found.reshape(shape)


def constant(array: Any) -> Scalars:
    array = np.asarray(array)
    return in_shape([array.dtype.type(x) for x in array.ravel()], array.shape)


def _known(x: Any) -> bool:
    return not isinstance(x, jax.Array | jax.core.Tracer)


class Lanes:
    """Vectors of so many elements."""

    def __init__(self, size: int):
        self.size = size

    def of(self, x: Any, dtype: Any) -> Any:
        return jax.lax.full((self.size,), x, dtype) if _known(x) else x

    def flat(self, values: Sequence[Scalars], dtypes: Sequence[Any]) -> list[Any]:
        """All numbers of some arrays, as vectors."""
        return [self.of(x, dtype) for value, dtype in zip(values, dtypes, strict=True) for x in value.ravel()]

    def any(self, which: Any) -> Any:
        return jnp.max(self.of(which, np.dtype(bool)).astype(jnp.int32)) > 0


def _dtype(atom: Any) -> Any:
    return atom.aval.dtype


def _in_arrays(flat: Sequence[Any], like: Sequence[Scalars]) -> list[Scalars]:
    rest = iter(flat)
    return [in_shape([next(rest) for _ in range(value.size)], value.shape) for value in like]


# === running what was traced


class Run:
    """Of one jaxpr, and of those in it."""

    def __init__(self, lanes: Lanes, table: Table):
        self.lanes, self.table = lanes, table

    def closed(self, traced: ClosedJaxpr, values: Sequence[Scalars]) -> list[Scalars]:
        return self.open(traced.jaxpr, [constant(c) for c in traced.consts], values)

    def open(self, jaxpr: Jaxpr, constants: Sequence[Scalars], values: Sequence[Scalars]) -> list[Scalars]:
        found: dict[Any, Scalars] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *values], strict=True))

        def read(atom: Any) -> Scalars:
            return constant(np.asarray(atom.val, _dtype(atom))) if isinstance(atom, Literal) else found[atom]

        for eqn in jaxpr.eqns:
            found.update(zip(eqn.outvars, self.equation(eqn, [read(atom) for atom in eqn.invars]), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def equation(self, eqn: Any, values: list[Scalars]) -> list[Scalars]:
        name, params = eqn.primitive.name, eqn.params
        loops = {"scan": self.scan, "while": self.loop, "cond": self.choice}
        if name in loops:
            return loops[name](params, values)
        if name in INNER:
            inner = params[INNER[name]]
            return self.closed(inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ()), values)
        if name in SAME:
            return values
        if name in MOVED:
            moved = MOVED[name](*values, **params)
            return moved if eqn.primitive.multiple_results else [moved]
        return [self.computed(eqn, name, values)]

    def computed(self, eqn: Any, name: str, values: list[Scalars]) -> Scalars:
        if name == "iota":
            with jax.ensure_compile_time_eval():
                return constant(eqn.primitive.bind(**eqn.params))
        if name in REDUCED:
            return _reduced(REDUCED[name], values[0], eqn.params["axes"])
        if name == "dot_general":
            return _products(values[0], values[1], eqn.params["dimension_numbers"], eqn.outvars[0].aval.shape)
        if name not in ELEMENTWISE:
            raise Unscalar(name)
        return self.elementwise(eqn, name, values)

    # --- loops and branches

    def choice(self, params: dict[str, Any], values: list[Scalars]) -> list[Scalars]:
        """The second of two branches is taken where any element goes there, and for those only."""
        which, rest, branches = values[0].item(), values[1:], params["branches"]
        if _known(which):
            return self.closed(branches[int(which)], rest)
        if len(branches) != 2:
            raise Unscalar("cond of more than two branches")
        dtypes, stays = [aval.dtype for aval in branches[0].out_avals], self.closed(branches[0], rest)

        def chosen(flat: list[Any]) -> list[Any]:
            goes = self.lanes.flat(self.closed(branches[1], rest), dtypes)
            return [jnp.where(which != 0, a, b) for a, b in zip(goes, flat, strict=True)]

        found = jax.lax.cond(self.lanes.any(which != 0), chosen, lambda flat: flat, self.lanes.flat(stays, dtypes))
        return _in_arrays(found, stays)

    def scan(self, params: dict[str, Any], values: list[Scalars]) -> list[Scalars]:
        """A loop with a counter, or over constants; with sums as results, no rows."""
        n, m, length, body = params["num_consts"], params["num_carry"], params["length"], params["jaxpr"]
        consts, carry, over = values[:n], values[n : n + m], values[n + m :]
        if len(body.out_avals) != m or params["reverse"] or not all(_known(x) for rows in over for x in rows.ravel()):
            raise Unscalar("scan with rows as results, or of rows that are no constants")
        columns = [[np.array([*c], c[0].dtype) for c in rows.reshape(length, -1).T] for rows in over]
        read = [[self.table(column) for column in of_one] for of_one in columns]
        dtypes = [aval.dtype for aval in body.out_avals]

        def once(k: Any, flat: list[Any]) -> list[Any]:
            here = [[jnp.broadcast_to(at(k), (self.lanes.size,)) for at in of_one] for of_one in read]
            rows = [in_shape(x, of_all.shape[1:]) for x, of_all in zip(here, over, strict=True)]
            return self.lanes.flat(self.closed(body, [*consts, *_in_arrays(flat, carry), *rows]), dtypes)

        return _in_arrays(jax.lax.fori_loop(0, length, once, self.lanes.flat(carry, dtypes)), carry)

    def loop(self, params: dict[str, Any], values: list[Scalars]) -> list[Scalars]:
        """Until every element has arrived; those that have stay as they are."""
        n, m, body = params["cond_nconsts"], params["body_nconsts"], params["body_jaxpr"]
        of_cond, of_body, carry = values[:n], values[n : n + m], values[n + m :]
        dtypes = [aval.dtype for aval in body.out_avals]

        def going(flat: Sequence[Any]) -> Any:
            (there,) = self.closed(params["cond_jaxpr"], [*of_cond, *_in_arrays(flat, carry)])
            return there.item()

        def once(flat: Sequence[Any]) -> Sequence[Any]:
            on = self.lanes.of(going(flat), np.dtype(bool))
            new = self.lanes.flat(self.closed(body, [*of_body, *_in_arrays(flat, carry)]), dtypes)
            return [jnp.where(on, a, b) for a, b in zip(new, flat, strict=True)]

        begun = self.lanes.flat(carry, dtypes)
        return _in_arrays(jax.lax.while_loop(lambda flat: self.lanes.any(going(flat)), once, begun), carry)

    # --- numbers

    def elementwise(self, eqn: Any, name: str, values: list[Scalars]) -> Scalars:
        shape, dtypes = eqn.outvars[0].aval.shape, [_dtype(atom) for atom in eqn.invars]
        rows = zip(*(np.broadcast_to(value, shape).ravel() for value in values), strict=True)
        return in_shape([self.scalar(eqn, name, list(row), dtypes) for row in rows], shape)

    def scalar(self, eqn: Any, name: str, given: list[Any], dtypes: list[Any]) -> Any:
        if name == "select_n":
            if _known(given[0]):
                return given[1 + int(given[0])]
            if len(given) > 3:
                raise Unscalar("select_n of more than two")
            which = given[0] if dtypes[0] == np.dtype(bool) else given[0] != 0
            return jnp.where(which, self.lanes.of(given[2], dtypes[2]), self.lanes.of(given[1], dtypes[1]))
        if all(map(_known, given)) and (dtypes[0], name) in FOLDED:
            return eqn.outvars[0].aval.dtype.type(FOLDED[dtypes[0], name](*given))
        if name == "convert_element_type":
            dtype = np.dtype(eqn.params["new_dtype"])
            return dtype.type(given[0]) if _known(given[0]) else given[0].astype(dtype)
        for k, neutral in NEUTRAL.get(name, {}).items():
            if _known(given[k]) and given[k] == neutral:
                return given[1 - k]
        return eqn.primitive.bind(*map(self.lanes.of, given, dtypes), **eqn.params)


def _reduced(of: Callable[[Any, Any], Any], value: Scalars, axes: Any) -> Scalars:
    kept = [k for k in range(value.ndim) if k not in axes]
    shape = tuple(value.shape[k] for k in kept)
    return in_shape([reduce(of, row) for row in value.transpose(*kept, *axes).reshape(math.prod(shape), -1)], shape)


def _products(a: Scalars, b: Scalars, dimensions: Any, shape: Any) -> Scalars:
    """Sums of products: matrices times vectors, and so on."""
    (a_summed, b_summed), (a_batch, b_batch) = dimensions

    def in_order(x: Scalars, summed: Any, batch: Any) -> Scalars:
        free = [k for k in range(x.ndim) if k not in (*summed, *batch)]
        size = [math.prod(x.shape[k] for k in axes) for axes in (batch, free, summed)]
        return x.transpose(*batch, *free, *summed).reshape(size)

    rows = zip(in_order(a, a_summed, a_batch), in_order(b, b_summed, b_batch), strict=True)
    return in_shape([reduce(add, map(mul, one, other)) for of_a, of_b in rows for one in of_a for other in of_b], shape)


# === primitives


def _spread(x: Scalars, shape: Any, broadcast_dimensions: Any, **_: Any) -> Scalars:
    own = [1] * len(shape)
    for axis, size in zip(broadcast_dimensions, x.shape, strict=True):
        own[axis] = size
    return np.broadcast_to(x.reshape(own), shape)


def _padded(x: Scalars, value: Scalars, padding_config: Any) -> Scalars:
    if any(low < 0 or high < 0 or between for low, high, between in padding_config):
        raise Unscalar("pad within, or to less")
    shape = tuple(size + low + high for size, (low, high, _) in zip(x.shape, padding_config, strict=True))
    found = in_shape([value.item()] * math.prod(shape), shape)
    found[tuple(slice(low, low + size) for size, (low, _, _) in zip(x.shape, padding_config, strict=True))] = x
    return found


def _sliced(x: Scalars, start_indices: Any, limit_indices: Any, strides: Any) -> Scalars:
    return x[tuple(map(slice, start_indices, limit_indices, strides or [1] * x.ndim))]


def _squeezed(x: Scalars, dimensions: Any) -> Scalars:
    return x.reshape([n for k, n in enumerate(x.shape) if k not in dimensions])


MOVED: dict[str, Callable[..., Any]] = {
    "broadcast_in_dim": _spread,
    "concatenate": lambda *xs, dimension: np.concatenate(xs, axis=dimension),
    "pad": _padded,
    "reshape": lambda x, new_sizes, **_: x.reshape(new_sizes),
    "rev": lambda x, dimensions: np.flip(x, dimensions),
    "slice": _sliced,
    "split": lambda x, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], axis=axis),
    "squeeze": _squeezed,
    "stack": lambda *xs, axis: np.stack(xs, axis=axis),
    "transpose": lambda x, permutation: x.transpose(permutation),
}
"""What only moves numbers."""
INNER = {
    "checkpoint": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vmap_call": "call",
    "jit": "jaxpr",
    "pjit": "jaxpr",
}
"""Calls, and where their jaxpr is."""
SAME = {"copy", "copy_p", "optimization_barrier", "stop_gradient"}
REDUCED: dict[str, Callable[[Any, Any], Any]] = {
    "reduce_and": jnp.logical_and,
    "reduce_max": jnp.maximum,
    "reduce_min": jnp.minimum,
    "reduce_or": jnp.logical_or,
    "reduce_sum": add,
}
ELEMENTWISE = {
    *("abs", "add", "and", "atan2", "cbrt", "ceil", "clamp", "convert_element_type", "cos", "cosh", "div", "eq", "exp", "exp2"),
    *("expm1", "floor", "ge", "gt", "integer_pow", "is_finite", "le", "log", "log1p", "lt", "max", "min", "mul", "ne", "neg"),
    *("not", "or", "pow", "rem", "rsqrt", "select_n", "sign", "sin", "sinh", "sqrt", "square", "sub", "tan", "tanh"),
}
_ARITHMETIC = {"add": np.add, "mul": np.multiply, "neg": np.negative, "sub": np.subtract}
_COMPARED = {
    "eq": np.equal,
    "ge": np.greater_equal,
    "gt": np.greater,
    "le": np.less_equal,
    "lt": np.less,
    "ne": np.not_equal,
}
_OF_DOUBLES = _ARITHMETIC | _COMPARED | {"abs": np.abs, "div": np.divide, "sqrt": np.sqrt}
FOLDED: dict[tuple[Any, str], Callable[..., Any]] = {
    **{(np.dtype(float), name): of for name, of in _OF_DOUBLES.items()},
    **{(np.dtype(int), name): of for name, of in (_ARITHMETIC | _COMPARED).items()},
    **{(np.dtype(bool), name): of for name, of in {"and": np.logical_and, "not": np.logical_not, "or": np.logical_or}.items()},
}
"""Found while tracing, of numbers that are known then, by their kind."""
NEUTRAL = {"add": {0: 0, 1: 0}, "div": {1: 1}, "mul": {0: 1, 1: 1}, "sub": {1: 0}}
"""Which of two numbers, where it is this one, leaves the other as it is."""
