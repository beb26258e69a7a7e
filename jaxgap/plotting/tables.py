"""Data beside pictures."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["write_csv"]


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """A table with one line of column names; numbers with ten digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([[f"{x:.10g}" if isinstance(x, float) else x for x in row] for row in rows])
