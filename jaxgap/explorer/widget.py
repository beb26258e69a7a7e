"""The explorer in a notebook: `jaxgap.explore(sc)`, the page's own module in a cell, answered by the kernel.

Needs anywidget: `pip install "jaxgap[explorer]"`.
"""

from collections.abc import Mapping
from importlib import import_module
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, cast

from jaxgap.explorer.assets import module, style
from jaxgap.explorer.pieces import Desk
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.solving.entry import takes_any_filling

if TYPE_CHECKING:
    import anywidget

__all__ = ["explore"]


@takes_any_filling
def explore(sc: Superconductor) -> "anywidget.AnyWidget":
    """The explorer of a system in a cell of a notebook: every number a slider, and all that follows from it drawn.

    Example: `jaxgap.explore(jaxgap.materials.ba122())` as the last line of a cell. Its `state` is what the sliders say.
    `jaxgap explore` shows the same in a browser.

    Args:
        sc: the system to begin with.

    Raises:
        InputError: if anywidget is not installed, or `sc` is not one system.
    """
    return _class()(Desk(sc))


def _needed(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError:
        raise InputError('The explorer in a notebook needs anywidget: pip install "jaxgap[explorer]".') from None


def _class() -> "type[anywidget.AnyWidget]":
    """The widget; a class of anywidget's, which need not be there until it is asked for."""
    widgets, traits = _needed("anywidget"), _needed("traitlets")

    class Explorer(widgets.AnyWidget):  # type: ignore[name-defined]
        """One explorer in a notebook."""

        _esm = module()
        _css = style()
        about = traits.Dict().tag(sync=True)
        state = traits.Dict().tag(sync=True)

        def __init__(self, desk: Desk) -> None:
            super().__init__(about=desk.about())
            self.desk = desk
            self.on_msg(lambda _, content, __: self.asked(content))

        def asked(self, content: Mapping[str, object]) -> None:
            """A question of the page; it is answered beside the kernel's own work, so that the next one can make it stale."""
            Thread(target=self.answer, args=(content,), daemon=True).start()

        def answer(self, content: Mapping[str, object]) -> None:
            """The events of a question, one message each."""
            try:
                for event in self.desk.events(cast(Mapping[str, object], content["message"])):
                    self.send({"id": content["id"], "event": event})
            except InputError as error:
                self.send({"id": content["id"], "event": {"piece": "setting", "error": str(error)}})
            finally:
                self.send({"id": content["id"], "done": True})

    return cast("type[anywidget.AnyWidget]", Explorer)
