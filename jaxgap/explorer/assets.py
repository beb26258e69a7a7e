"""What the page is made of: one ES module for both hosts, a style sheet, and the frame that a browser opens.

The module is written in parts, which are joined here in the order of `PARTS`: a part may use what those before it declare, so
that there is nothing to import, and nothing to build.
"""

from functools import cache
from pathlib import Path

__all__ = ["PARTS", "frame", "module", "style"]

PAGE = Path(__file__).parent / "page"
PARTS = ("numbers.js", "plots.js", "panels.js", "controls.js", "measured.js", "exports.js", "explorer.js")


@cache
def module() -> str:
    """The ES module: it exports `mount(element, host)` and, for a notebook, a default with `render`."""
    return "\n".join((PAGE / part).read_text(encoding="utf-8") for part in PARTS)


@cache
def style() -> str:
    """The style sheet; all of it is below `.jaxgap-explorer`, since a notebook has one of its own."""
    return (PAGE / "explorer.css").read_text(encoding="utf-8")


@cache
def frame() -> str:
    """What a browser opens: it has the module and the style sheet beside it."""
    return (PAGE / "index.html").read_text(encoding="utf-8")
