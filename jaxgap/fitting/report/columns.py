"""Tables on a terminal, in which nothing is cropped: where they are wider than it, names go on in another line."""

from typing import Any

from rich.table import Table as RichTable

__all__ = ["Table"]


class Table(RichTable):
    """A table of rich that folds where rich would write an ellipsis, or crop: names and headings before numbers, since 1.7e-2
    with the 5 of its exponent in another line is another number."""

    def __init__(self, title: str | None = None) -> None:
        super().__init__(title=title, title_justify="left")

    def add_column(self, *arguments: Any, **about: Any) -> None:
        """As rich has it; what is on the right is numbers and single words."""
        options: dict[str, Any] = {"overflow": "fold"} | about
        super().add_column(*arguments, **options)

    def add_row(self, *cells: Any, **about: Any) -> None:
        """As rich has it."""
        super().add_row(*cells, **about)
        for column, cell in zip(self.columns, map(str, cells), strict=False):
            if column.justify == "right" and " " not in cell:
                column.min_width = max(column.min_width or 0, len(cell))
