"""Compilation, which is most of a short run's time: programs are kept between runs, and XLA is told to build them quickly.

For the command line and the tests only: a library that is imported leaves its host's settings alone. (The two generators
order operations differently: numbers agree to rounding, not to the last bit.)
"""

import os
from pathlib import Path

import jax

__all__ = ["keep_programs", "compile_quickly"]

QUICK = ("--xla_cpu_use_fusion_emitters=false", "--xla_backend_optimization_level=1")
"""XLA's older generator of loops for the CPU, and less effort of LLVM: about the same speed of what they make, in less than
two thirds of the time."""
KNOWN = ((0, 10),)
"""Releases of JAX that know these flags: XLA ends the process at one that it does not know, and 0.11 dropped the first."""


def compile_quickly() -> None:
    """Set `QUICK` for this process; it has an effect only before JAX's first computation."""
    flags = os.environ.get("XLA_FLAGS", "")
    # What the user has set stays.
    missing = [flag for flag in QUICK if flag.split("=")[0] not in flags]
    if jax.__version_info__[:2] in KNOWN and missing:
        os.environ["XLA_FLAGS"] = " ".join([flags, *missing]).strip()


def keep_programs(folder: str | Path | None = None) -> None:
    """Keep compiled programs between runs, in $JAX_COMPILATION_CACHE_DIR, else `folder`, else the user's cache folder."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        base = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(folder or base / "jaxgap" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
