"""The fits that come with jaxgap: published gaps with their sources, and synthetic data, named so, at known couplings.

A checkout has them in fits/, an installed package beside its modules (pyproject.toml puts them there).
"""

import tomllib
from pathlib import Path

from jaxgap.model.files import read_bytes, read_text
from jaxgap.numerics.checks import check

__all__ = ["example", "example_files", "examples"]

PACKAGE = Path(__file__).parents[1]
MADE = {"result.json", "comparison.json", "posterior.json", "posterior.nc", "bootstrap.json", "report.html"}
"""What `jaxgap fit` and the like write, besides pictures: a copy begins without."""


def _home() -> Path:
    """The folder of all examples."""
    packaged = PACKAGE / "fits"
    return packaged if packaged.is_dir() else PACKAGE.parent / "fits"


def examples() -> dict[str, str]:
    """Name -> title, as its fit.toml has it."""
    found = sorted(_home().glob("*/fit.toml"))
    return {path.parent.name: tomllib.loads(read_text(path)).get("title", "") for path in found}


def example(name: str) -> Path:
    """The folder of an example, with its results: `jaxgap.fitting.load_fit` and `load_result` read it, and nothing is to be
    written there (`jaxgap examples NAME` makes a copy).

    Raises:
        InputError: if there is no such example.

    Example:
        >>> config, sc, data = jg.fitting.load_fit(jg.fitting.example("ba0.6k0.4fe2as2"))
        >>> list(config.parameters)
        ['lambda_13', 'Omega']
    """
    known = examples()
    check(name in known, "NAME", f"be one of {', '.join(known)}", f"`{name}`")
    return _home() / name


def example_files(name: str, folder: Path) -> dict[Path, bytes]:
    """Path -> content of a copy of an example in `folder`, without results; nothing is written yet.

    Raises:
        InputError: if there is no such example, or `folder` holds a fit already.
    """
    home = example(name)
    check(
        not (folder / "fit.toml").exists(),
        "--to",
        "be a folder without a fit.toml, of which nothing is overwritten",
        f"`{folder}`",
    )
    own = sorted(path for path in home.iterdir() if path.is_file() and path.name not in MADE and path.suffix != ".png")
    return {folder / path.name: read_bytes(path) for path in own}
