"""What is done to pages and docstrings while the documentation is built: links out of docs/, lists of the public interface, and
signatures as the source has them.

A page lists names of a module in a block, and each becomes an entry of its own under a table of all of them:

    ```{api} jaxgap
    solve
    ```

An empty block `{explorer}` becomes the explorer on a grid (`live.py`).
"""

import ast
import importlib
import inspect
import os
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

from live import fragment  # beside this file

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SOURCES = {"contributing": ROOT / "CONTRIBUTING.md"}
"""Pages that are files elsewhere in the repository."""
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")
_API = re.compile(r"^```\{api\} ([\w.]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MERMAID = re.compile(r"^```mermaid$", re.MULTILINE)
_EXPLORER = re.compile(r"^```\{explorer\}\n```$", re.MULTILINE)


def connect(app):
    app.connect("source-read", _read)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-docstring", _docstring)


# --- pages --------------------------------------------------------------------------------------------------------------


def _read(app, name, source):
    page = DOCS / f"{name}.md"
    here, text = SOURCES.get(name, page), source[0]
    if name.startswith("notebooks/"):
        here = ROOT / f"{name}.ipynb"
    elif name in SOURCES:
        text = here.read_text(encoding="utf-8")
    text = _MERMAID.sub("```text", text)
    text = _API.sub(lambda found: entries(found[1], found[2].split()), text)
    text = _LINK.sub(lambda found: _link(here.parent, page.parent, found[1], found[2] or ""), text)
    source[0] = _EXPLORER.sub(lambda found: f"~~~~{{raw}} html\n{fragment()}\n~~~~", text)


def _link(here, start, target, anchor):
    """A link as the pages need it; a file of the repository that is none of the pages has a note in its place."""
    path = Path(os.path.normpath(here / target))
    if path.is_relative_to(ROOT / "notebooks") and path.suffix == ".ipynb":
        path = DOCS / "notebooks" / path.name
    elif path == ROOT / "CONTRIBUTING.md":
        path = DOCS / "contributing.md"
    if path.is_relative_to(DOCS) and path.is_file():
        return f"]({os.path.relpath(path, start)}{anchor})"
    return f"]({os.path.relpath(DOCS / 'index.md', start)}#the-repository)"


# --- the public interface -----------------------------------------------------------------------------------------------


def entries(module, names):
    """Table and entries of some names of a module, as reStructuredText in a page."""
    lines = ["```{eval-rst}", ".. autosummary::", "   :nosignatures:", ""]
    lines += [f"   ~{module}.{name}" for name in names]
    for name in names:
        kind = kind_of(module, name)
        lines += ["", f".. {kind}:: {module}.{name}"]
        lines += ["   :members:", "   :show-inheritance:"] if kind == "autoclass" else []
    return "\n".join([*lines, "```"])


def kind_of(module, name):
    """The directive for a name."""
    one = getattr(importlib.import_module(module), name)
    if inspect.isclass(one):
        return "autoclass"
    return "autofunction" if callable(one) else "autodata"


def _signature(app, what, name, one, options, signature, returns):
    """As the source has it: shapes by their names, no module in front of types."""
    if what in ("function", "method") and (found := _source(one)) is not None:
        given = found.args
        if what == "method" and given.args and given.args[0].arg in ("self", "cls"):
            given.args.pop(0)
        return f"({ast.unparse(given)})", ast.unparse(found.returns) if found.returns else None
    return ("", None) if what == "class" and signature else None  # Results are made by functions, which say how.


def _source(one):
    """The definition of a function."""
    try:
        text = textwrap.dedent(inspect.getsource(inspect.unwrap(one)))
        tree = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError):
        return None
    return tree if isinstance(tree, ast.FunctionDef) else None


_BLOCK = re.compile(r"^(\s*)(\.\. (math|code-block)::.*|.*[^:]::|.. code-block:: .*)$")
_CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
_MARKUP = re.compile(r"\||\*|(?<=\w)_(?=\W|$)")


def _docstring(app, what, name, one, options, lines):
    """Docstrings are text whose only markup is code in backticks, equations, lists and sections: |x|, E_+ and x**2 are none."""
    if what == "class" and lines and lines[0].startswith(f"{one.__name__}("):
        lines[:] = []  # What a NamedTuple says of itself where its class says nothing.
    if isinstance(one, Mapping):
        lines[:] = []  # dict's own.
    out, paragraph, inside = [], [], None
    for line in [*lines, ""]:
        depth = len(line) - len(line.lstrip())
        if line.lstrip().startswith(">>>"):  # An example, up to the next blank line: left as it is.
            out, paragraph, inside = [*out, *_plain(paragraph)], [], depth - 1
        if inside is not None and (not line.strip() or depth > inside):
            out.append(line)
            continue
        inside = depth if _BLOCK.match(line) else None
        if inside is not None or not line.strip():
            out += [*_plain(paragraph), line]
            paragraph = []
        else:
            paragraph.append(line)
    lines[:] = out


def _plain(lines):
    """Lines of a paragraph, in which nothing outside of code is markup."""
    text = "".join(f"{line}\n" for line in lines)
    parts = _CODE.split(text)
    parts[::2] = [_escaped(part) for part in parts[::2]]
    return "".join(parts).splitlines()


def _escaped(text):
    bullet = re.compile(r"^(\s*)\\\*(?= )", re.MULTILINE)
    return bullet.sub(r"\1*", _MARKUP.sub(lambda found: "\\" + found[0], text))
