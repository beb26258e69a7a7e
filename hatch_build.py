"""What a wheel has besides the package: the pages of the documentation, if they have been built (`tools/release.py` builds them
first). `jaxgap docs` finds them there."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Pages(BuildHookInterface):
    """build/docs goes into the wheel as jaxgap/pages."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        built = Path(self.root) / "build" / "docs"
        if version != "standard" or not (built / "index.html").is_file():
            return
        for path in sorted(built.rglob("*")):
            if path.is_file() and ".doctrees" not in path.parts:  # What Sphinx keeps for the next time.
                build_data["force_include"][str(path)] = f"jaxgap/pages/{path.relative_to(built).as_posix()}"
