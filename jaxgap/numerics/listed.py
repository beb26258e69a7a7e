"""Names that a package lists in the block for type checkers of its __init__.py, and imports when they are asked for (PEP 562).

`jaxgap` itself does so (`jaxgap._names`), and rooms that take seconds to import.
"""

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["later", "places"]


@cache
def places(listing: Path) -> dict[str, tuple[str, str]]:
    """Public name -> (module, its name there), as the list imports them."""
    tree = ast.parse(listing.read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = (node for node in block.body if isinstance(node, ast.ImportFrom))
    return {one.asname or one.name: (node.module or "", one.name) for node in imports for one in node.names}


def later(package: str, file: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """(__all__, __getattr__, __dir__) of a room whose names are imported when they are asked for: `file` is its __init__.py."""
    listed = places(Path(file))
    own = vars(sys.modules[package])

    def found(name: str) -> Any:
        if name not in listed:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module, there = listed[name]
        return own.setdefault(name, getattr(import_module(module), there))

    return list(listed), found, lambda: sorted({*own, *listed})
