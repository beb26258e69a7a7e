"""JSON for other programs: numbers that do not exist are null."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from jaxgap.model.files import write_files

__all__ = ["print_json", "text_of", "write_json"]


def text_of(value: dict[str, Any]) -> str:
    return json.dumps(_plain(value), indent=1, allow_nan=False)


def print_json(value: dict[str, Any]) -> None:
    print(text_of(value))


def write_json(value: dict[str, Any], path: Path) -> None:
    """One object into a file, with one sentence where that cannot be."""
    write_files({path: text_of(value) + "\n"})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
