"""The explorer in a page of the documentation: its own module, with a host that answers from a grid (`explorer_grid.py`).

Everything is in the page or beside it, as scripts of the plain kind: browsers open them from a disk, too, where they refuse to
load modules and data.
"""

import base64
from pathlib import Path

from jaxgap.explorer.assets import module, style

__all__ = ["FILES", "fragment"]

DOCS = Path(__file__).parent


def fragment(beside: str = "_static") -> str:
    """The part of a page that shows the explorer; its style and its data lie in the folder `beside` the page."""
    host = (DOCS / "explorer_on_a_grid.js").read_text(encoding="utf-8")
    return "\n".join(
        (
            f'<link rel="stylesheet" href="{beside}/explorer.css">',
            '<div id="explorer-on-a-grid"><noscript>The explorer needs JavaScript.</noscript></div>',
            f'<script src="{beside}/explorer_grid.js"></script>',
            f'<script type="module">\n{module()}\n{host}</script>',
        )
    )


def _grid() -> str:
    packed = (DOCS / "explorer_grid.json.gz").read_bytes()
    return f'window.jaxgapGrid = "{base64.b64encode(packed).decode()}";\n'


FILES = {"explorer.css": style, "explorer_grid.js": _grid}
"""What lies beside the page: name -> its text."""
