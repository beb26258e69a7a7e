"""What functions that take a system or a solution do first: they see that it is one, and that the settings of a host program do
not matter (`own_rules`, `on_any_mesh`).

A batch is refused with the remedy: every function is written for one system at one temperature, and `jax.vmap` makes it one for
many. Under tracing shapes and types are known, so that this holds there, too.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.model.superconductor import check_known_mu, check_one_system
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.meshes import on_any_mesh
from jaxgap.numerics.precision import own_rules, require_float64
from jaxgap.numerics.types import Real
from jaxgap.solving.solution import Solution, check_single
from jaxgap.solving.state import PairedState

__all__ = [
    "check_one_solution",
    "checked_temperature",
    "takes_any_filling",
    "takes_any_solution",
    "takes_any_system",
    "takes_solution",
    "takes_system",
]

F = TypeVar("F", bound=Callable[..., Any])


def takes_system(function: F) -> F:
    """A function whose first argument is a system, with a mu of its own."""

    def check_it(sc: Any, batched: str) -> None:
        check_one_system(sc, batched)
        check_known_mu(sc)

    return _entry(function, "sc", check_it)


def takes_any_filling(function: F) -> F:
    """A function whose first argument is a system, with a mu of its own or a density."""
    return _entry(function, "sc", check_one_system)


def takes_any_system(function: F) -> F:
    """The same, where it may have a retarded interaction, too."""
    return _entry(function, "sc", functools.partial(check_one_system, retarded=True))


def takes_solution(function: F) -> F:
    """A function whose first argument is a state, of the kind that it is annotated with (`jaxgap.solving.state`)."""
    kind = next(iter(inspect.signature(function).parameters.values())).annotation
    return _entry(function, "solution", functools.partial(check_one_solution, kind=kind))


def takes_any_solution(function: F) -> F:
    """The same, which may be of a retarded interaction, too."""
    kind = next(iter(inspect.signature(function).parameters.values())).annotation
    return _entry(function, "solution", functools.partial(check_one_solution, kind=kind, retarded=True))


def _entry(function: F, name: str, check_it: Callable[..., None]) -> F:
    ruled = on_any_mesh(own_rules(function))
    others = list(inspect.signature(function).parameters.values())[1:]
    alone = all(one.default is not one.empty or one.kind is one.VAR_KEYWORD for one in others)
    batched = function.__name__ if alone else f"lambda x: {function.__name__}(x, ...)"

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if args or name in kwargs:  # Else Python says what is missing.
            require_float64()
            check_it(args[0] if args else kwargs[name], batched)
        return ruled(*args, **kwargs)

    return cast(F, call)


def check_one_solution(solution: object, function: str, kind: type[PairedState] = Solution, retarded: bool = False) -> None:
    """Raise `InputError` unless `solution` is one state of a kind; the remedy is jax.vmap(`function`)."""
    check(isinstance(solution, PairedState), "solution", "be a Solution", type(solution).__name__)
    check(isinstance(solution, kind), "solution", f"be a {kind.__name__} (with amplitudes)", type(solution).__name__)
    assert isinstance(solution, PairedState)
    check_single(solution, function)
    # What asks for amplitudes or energies means static ones.
    check_one_system(solution.superconductor, function, "solution", retarded or kind is PairedState)


def checked_temperature(T: object) -> Float[Array, ""]:
    check_finite("T", T)
    T = jnp.asarray(cast(Real, T), jnp.float64)
    check(
        T.ndim == 0,
        "T",
        "be one number [K] (for many temperatures: jax.vmap(lambda T: solve(sc, T))(T))",
        f"shape {T.shape}",
    )
    if is_concrete(T):
        check(float(T) >= 0, "T", "not be negative [K]", float(T))
    return T
