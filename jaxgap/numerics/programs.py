"""Compilation, which is most of a short run's time: programs are kept between runs, and XLA is told to build them quickly.

`keep_programs` and `compile_quickly` are for the command line and the tests only: a library that is imported leaves its host's
settings alone. (The two generators order operations differently: numbers agree to rounding, not to the last bit.)
"""

import functools
import hashlib
import os
import pickle
import tempfile
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from threading import Lock, RLock
from typing import Any, ParamSpec, TypeAlias, TypeGuard, TypeVar, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jax.tree_util import PyTreeDef

from jaxgap.numerics.cache import objection, read_own, restored, trim
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.precision import own_rules
from jaxgap.numerics.types import PyTree

__all__ = ["keep_programs", "drop_programs", "compile_quickly", "compiling", "counted", "program", "barrier", "told"]

QUICK = ("--xla_cpu_use_fusion_emitters=false", "--xla_backend_optimization_level=1")
"""XLA's older generator of loops for the CPU, and less effort of LLVM (`benchmarks/compilation.py` has what they gain)."""
KNOWN = ((0, 10),)
"""Releases of JAX that know these flags: XLA ends the process at one that it does not know, and 0.11 dropped the first."""
EFFORT = ((0, 12),)
"""Releases that were tried and know the second alone: on two cores 0.12 compiles a critical temperature in 7.4 CPU s instead of
9.1, and gaps with `vmap` in 28 instead of 32."""

SOURCES = Path(__file__).parents[1]
"""All of jaxgap: a program that is kept belongs to one state of it, whichever room the function is from."""

_kept: Path | None = None
"""Where traced programs are kept; None: nowhere."""
_bounded: Path | None = None
"""The folder whose size is held in bounds, looked at when this process first keeps something; None: done, or nowhere."""


def compile_quickly() -> None:
    """Set `QUICK` for this process; it has an effect only before JAX's first computation."""
    flags = os.environ.get("XLA_FLAGS", "")
    release = jax.__version_info__[:2]
    known = QUICK if release in KNOWN else QUICK[1:] if release in EFFORT else ()
    # What the user has set stays.
    missing = [flag for flag in known if flag.split("=")[0] not in flags]
    if missing:
        os.environ["XLA_FLAGS"] = " ".join([flags, *missing]).strip()


def keep_programs(folder: str | Path | None = None) -> None:
    """Keep programs between runs, in $JAX_COMPILATION_CACHE_DIR, else `folder`, else the user's cache folder.

    XLA's part is kept by JAX; the part before it, tracing and differentiating, by `program`. Both are read from there and run:
    a folder that is not the user's own, or that others can write, is not used, which a warning says. The user's cache folder
    is held below `jaxgap.numerics.cache.MOST` bytes; of one that is chosen, which others than jaxgap may use, only jaxgap's
    part.
    """
    global _kept, _bounded
    base = os.environ.get("JAX_COMPILATION_CACHE_DIR", "")
    chosen = bool(base)
    if not chosen:
        base = str(folder or _users_cache() / "jaxgap" / "xla")
    if "://" not in base and (why_not := objection(Path(base))):
        warnings.warn(f"Compiled programs are not kept for the next run: {why_not}.", stacklevel=2)
        jax.config.update("jax_enable_compilation_cache", False)
        _kept = None
        return
    jax.config.update("jax_compilation_cache_dir", base)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # JAX can keep its part in remote storage, too.
    _kept = None if "://" in base else Path(base) / "traced"
    _bounded = _kept if chosen else Path(base)


def _users_cache() -> Path:
    """Where the user's programs keep what can be made again."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    except RuntimeError:  # There is no home.
        return Path(tempfile.gettempdir()) / f"cache-{os.getuid() if os.name == 'posix' else 'user'}"


_tracing = RLock()
"""One thread traces at a time: JAX's custom derivatives fail now and then ("Store occupied") where two threads trace the same
function. XLA's part, which takes longer, runs beside."""
_compiling: list[None] = []
"""One for every program that is being compiled."""
_ready: list[dict[Hashable, Callable[..., Any]]] = []
"""What this process has compiled, of every `program`."""


def drop_programs() -> None:
    """Let go of all compiled programs, JAX's own too; the next call makes or reads them again.

    For processes that go through very many systems of different structure: `jax.clear_caches` knows nothing of what `program`
    holds, and a few thousand programs are gigabytes of memory, and more maps of it than a process may have.
    """
    for ready in _ready:
        ready.clear()
    jax.clear_caches()


def compiling() -> bool:
    """Whether a program is being compiled now, in any thread."""
    return bool(_compiling)


@contextmanager
def counted() -> Iterator[None]:
    """What is inside compiles."""
    _compiling.append(None)
    try:
        yield
    finally:
        _compiling.pop()


LIBRARY = "lapack"
"""Part of the names under which XLA calls LAPACK on the CPU."""
_alone = RLock()
"""One program with such calls runs at a time. XLA (jaxlib 0.10) hands each to its pool of threads, and a loop around it waits
for it in a thread of that pool: two such loops on two cores wait for ever (tests/numerics/test_programs.py shows it)."""


P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Kept: TypeAlias = tuple[bytes, PyTree]
"""A program as `jax.export` writes it, and its result with holes for the arrays."""
Leaf: TypeAlias = jax.Array | np.ndarray | np.generic


def program(function: Callable[P, R]) -> Callable[P, R]:
    """`eqx.filter_jit`; where programs are kept, a later process need not trace them again.

    Tracing takes longer than loading what XLA made of it, and no cache of JAX's keeps it; `jax.export` does. What is kept
    belongs to one state of jaxgap's sources, of JAX and of its settings (`_house`), to the arguments' structure, shapes and
    static values. Inside other transformations, on other devices than the first, and for static values that have no lasting
    name (functions), this is `eqx.filter_jit`.
    """
    function = own_rules(function)
    jitted: Any = eqx.filter_jit(function)
    ready: dict[Hashable, Callable[..., R]] = {}
    """Called with the arrays, and all arguments."""
    _ready.append(ready)
    preparing = Lock()

    @own_rules
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        leaves, tree = jax.tree.flatten((args, kwargs))
        arrays = [x for x in leaves if _is_array(x)]
        if any(isinstance(x, jax.core.Tracer) for x in arrays) or _elsewhere(arrays):
            return jitted(*args, **kwargs)
        kept = _kept if jax.default_backend() == "cpu" else None
        key = (kept, tree, (*map(_named, leaves), tuple(cut())))
        run = ready.get(key)
        if run is None:
            if None in key[2] or " at 0x" in str(tree):
                return jitted(*args, **kwargs)
            with preparing, counted():  # Two threads that come first compile once.
                if key not in ready and kept is None:
                    with _tracing:
                        lowered = jitted.lower(*args, **kwargs)
                    compiled = _in_turn(lowered.compile(), LIBRARY in lowered.as_text())
                    ready[key] = lambda _, args, kwargs: compiled(*args, **kwargs)
                if key not in ready and kept is not None:
                    text = repr((function.__module__, function.__qualname__, str(tree), key[2]))
                    path = kept / _house() / hashlib.sha256(text.encode()).hexdigest()
                    ready[key] = _runnable(
                        _read(path, function.__module__) or _write(path, _traced(function, leaves, tree)), arrays
                    )
                run = ready[key]
        return run(arrays, args, kwargs)

    return call


def _elsewhere(arrays: list[Leaf]) -> bool:
    """Whether these are not all on the first device, for which a program that is kept is compiled."""
    first = jax.local_devices()[0]
    chosen = getattr(jax.config, "jax_default_device")  # noqa: B009 (its type is not known to mypy)
    return chosen not in (None, first) or any(isinstance(x, jax.Array) and x.devices() != {first} for x in arrays)


def _is_array(x: object) -> TypeGuard[Leaf]:
    return isinstance(x, jax.Array | np.ndarray | np.generic)


def _named(x: object) -> tuple[Hashable, ...] | None:
    """What of a leaf a program depends on: of arrays shape and type, of others the value; None if it has no lasting name."""
    if _is_array(x):
        return ("array", x.shape, x.dtype, bool(getattr(x, "weak_type", False)))
    if isinstance(x, bool | int | float | complex | str | bytes | Enum):
        return (type(x).__qualname__, repr(x))
    return None


@functools.cache
def _house() -> str:
    """A name for everything else that a traced program depends on."""
    digest = hashlib.sha256()
    for source in sorted(SOURCES.rglob("*.py")):
        digest.update(source.read_bytes())
    for package in ("jax", "jaxlib", "equinox", "optax"):
        digest.update(version(package).encode())
    settings = {name: value for name, value in os.environ.items() if name.startswith("JAX_") and "CACHE" not in name}
    digest.update(repr(sorted(settings.items())).encode())
    return digest.hexdigest()[:16]


class _Hole:
    """Stands for an array in a result."""


def _traced(function: Callable[..., PyTree], leaves: list[object], tree: PyTreeDef) -> Kept:
    """The program of `function` for these arguments, and its result with holes for the arrays."""
    results: list[PyTree] = []

    def flat(arrays: list[Leaf]) -> list[Leaf]:
        rest = iter(arrays)
        args, kwargs = jax.tree.unflatten(tree, [next(rest) if _is_array(x) else x for x in leaves])
        result = function(*args, **kwargs)
        results.append(jax.tree.map(lambda x: _Hole() if _is_array(x) else x, result))
        return [x for x in jax.tree.leaves(result) if _is_array(x)]

    with _tracing:
        exported = export.export(jax.jit(flat))([x for x in leaves if _is_array(x)])
    return bytes(exported.serialize()), results[0]


def _runnable(kept: Kept, arrays: list[Leaf]) -> Callable[..., PyTree]:
    # Compiled here, once: results of an exported program are committed to their device, and as the next call's arguments
    # they would make `jit` compile again.
    with _tracing:
        lowered = jax.jit(export.deserialize(bytearray(kept[0])).call).lower(arrays)
    run = _in_turn(lowered.compile(), LIBRARY.encode() in kept[0])
    leaves, tree = jax.tree.flatten(kept[1])

    def call(arrays: list[Leaf], *_: object) -> PyTree:
        rest = iter(run(arrays))
        return jax.tree.unflatten(tree, [next(rest) if isinstance(x, _Hole) else x for x in leaves])

    return call


def _in_turn(run: Callable[P, R], alone: bool) -> Callable[P, R]:
    """A compiled program that runs by itself if it has to: until its results are there, no other such program begins."""
    if not alone:
        return run

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with _alone:
            found: R = jax.block_until_ready(run(*args, **kwargs))
        return found

    return call


def _read(path: Path, module: str) -> Kept | None:
    """What `_write` has kept; None if there is nothing, or something that did not come from there in full."""
    content = read_own(path) or b""
    digest, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != digest:
        return None
    try:
        text, result = cast(Kept, restored(rest, module))
    except (pickle.UnpicklingError, AttributeError, ImportError, TypeError, ValueError):
        return None
    return text, result


def _write(path: Path, kept: Kept) -> Kept:
    global _bounded
    content = pickle.dumps(kept)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.replace(file.name, path)
        if _bounded is not None:
            trim(_bounded)
            _bounded = None
    except OSError as error:
        warnings.warn(f"Cannot keep a program for the next run in `{path.parent}`: {error}.", stacklevel=2)
    return kept


def barrier(tree: T) -> T:
    """Identity of real arrays that XLA computes once, however many sums use them.

    Its fusion repeats chains of cheap operations inside everything that uses them (on the CPU behind an optimization barrier,
    too), but no division; and it cannot know that this one does nothing. On a GPU there is none: what is kept travels to memory
    and back, which takes longer than finding it again.
    """
    if cut().gpu:
        return tree
    same: T = jax.tree.map(lambda x: x / jnp.where(jnp.isnan(x), 2.0, 1.0), jax.lax.optimization_barrier(tree))
    return same


def told(*said: jax.Array) -> list[jax.Array]:
    """Decisions (of one shape), found once.

    Else XLA finds them again for everything that depends on them. That takes long to compile; and each time it may round
    otherwise (it contracts a * b + c where it pleases), so that a decision at the edge is yes for one part of a state and no
    for another: a search that has arrived and yet begins anew, for ever.
    """
    if cut().gpu:
        return list(jax.lax.optimization_barrier(said))
    return list(barrier(jnp.stack(said).astype(float)) > 0)
