"""Numbers of things in sentences: `amount(1, "row")` is "one row", `amount(2000, "row")` "2,000 rows"."""

__all__ = ["amount"]


def amount(n: int, one: str, several: str | None = None) -> str:
    """So many of something; the plural is with an s unless `several` says it."""
    return f"one {one}" if n == 1 else f"{n:,} {several or one + 's'}"
