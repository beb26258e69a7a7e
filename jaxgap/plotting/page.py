"""A page of results as one HTML file, for reading and for printing: the template page.html, and what stands in it.

The style and the pictures (SVG) are inside; it asks nothing of the network and runs no script. Text is escaped by construction:
only what `element` made is markup (`Html`), every other string is text wherever it is put.
"""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from importlib.resources import files
from string import Template

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

__all__ = ["Html", "element", "folded", "image", "joined", "page", "remark", "table"]


class Html(str):
    """Markup, made by `element`."""

    __slots__ = ()

    def __add__(self, other: str) -> "Html":
        return Html(f"{self}{_escaped(other)}")


def element(tag: str, *parts: str, closed: bool = True, **attributes: str) -> Html:
    """An element with its attributes (those that are not empty) and what is in it."""
    named = "".join(f' {name.removesuffix("_")}="{_escaped(value)}"' for name, value in attributes.items() if value)
    return Html(f"<{tag}{named}>{''.join(map(_escaped, parts))}" + (f"</{tag}>" if closed else ""))


def joined(parts: Iterable[str]) -> Html:
    """Parts one after the other."""
    return Html("".join(map(_escaped, parts)))


def _escaped(part: str) -> str:
    return part if isinstance(part, Html) else html.escape(part, quote=True)


def page(title: str, verdict: str, sections: Iterable[tuple[str, Html]]) -> str:
    """The whole page."""
    template = Template(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    parts = [element("section", "\n", element("h2", name), "\n", content, "\n") for name, content in sections]
    return template.substitute(title=_escaped(title), verdict=_escaped(verdict), body="\n".join(parts))


def table(columns: str, rows: Iterable[Sequence[str]], classes: Iterable[str] = ()) -> Html:
    """A table; "|" separates the names of the columns, "#" marks those of numbers; `classes` are those of the rows."""
    names = columns.split("|")
    kinds = ["number" if name.startswith("#") else "" for name in names]
    rows = list(rows)
    lines = [_row("th", [name.lstrip("#") for name in names], kinds)] if columns.strip("|#") else []
    lines += [_row("td", row, kinds, of) for row, of in zip(rows, list(classes) or [""] * len(rows), strict=True)]
    inner = joined(part for line in lines for part in (line, "\n"))
    return element("div", element("table", "\n", inner), class_="table") + "\n"


def _row(tag: str, cells: Sequence[str], kinds: Sequence[str], of: str = "") -> Html:
    return element("tr", *(element(tag, cell, class_=kind) for cell, kind in zip(cells, kinds, strict=True)), class_=of)


def remark(text: str) -> Html:
    """What has to be known of a table or a picture; nothing if there is nothing."""
    return element("p", text, class_="note") + "\n" if text else Html()


def folded(summary: str, text: str) -> Html:
    """Long text that opens at a click."""
    return element("details", "\n", element("summary", summary), "\n", element("pre", text), "\n") + "\n"


def image(figure: Figure, description: str) -> Html:
    """A figure as an image inside the page, the same bytes for the same fit; letters are drawn, so that no font is missing."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "jaxgap"}):
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    content = base64.b64encode(file.getvalue()).decode("ascii")
    width, source = f"{round(96 * figure.get_figwidth())}", f"data:image/svg+xml;base64,{content}"
    return element("img", alt=description, width=width, src=source, closed=False) + "\n"
