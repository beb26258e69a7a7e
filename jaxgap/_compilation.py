"""Compilation, which is most of a short run's time: programs are kept between runs, and XLA is told to build them quickly.

For the command line and the tests only: a library that is imported leaves its host's settings alone.
"""

import os
from pathlib import Path

import jax

__all__ = ["keep_programs", "compile_quickly"]

QUICK = "--xla_cpu_use_fusion_emitters=false"
"""XLA's older generator of loops for the CPU: the same speed of what it makes, in two thirds of the time."""
KNOWN = ((0, 10), (0, 11))
"""Releases of JAX that know this flag (XLA ends the process at one that it does not know)."""


def compile_quickly() -> None:
    """Set `QUICK` for this process; it has an effect only before JAX's first computation."""
    if jax.__version_info__[:2] in KNOWN and QUICK.split("=")[0] not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()


def keep_programs(folder: str | Path | None = None) -> None:
    """Keep compiled programs between runs, in $JAX_COMPILATION_CACHE_DIR, else `folder`, else the user's cache folder."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        base = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(folder or base / "jaxgap" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
