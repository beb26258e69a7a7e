"""What configuration files share: where a system comes from, and one sentence for what is wrong."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from jaxgap.materials import MATERIALS
from jaxgap.superconductor import Superconductor, from_table, load

__all__ = ["SourceConfig", "sentence"]


class SourceConfig(BaseModel):
    """A system: a material by name, a TOML file beside the configuration, or the tables of a system inline."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    material: str | None = None
    file: str | None = None
    inline: dict[str, Any] | None = None
    set: dict[str, float] = {}
    """Path -> value: leaves that are changed and stay fixed."""

    @model_validator(mode="after")
    def _one_source(self) -> "SourceConfig":
        if sum(source is not None for source in (self.material, self.file, self.inline)) != 1:
            raise ValueError("give exactly one of `material`, `file` and `inline`")
        if self.material is not None and self.material not in MATERIALS:
            raise ValueError(f"unknown material `{self.material}`; the materials are {', '.join(MATERIALS)}")
        return self

    def superconductor(self, path: Path) -> Superconductor:
        """The system with the leaves that are set; `path` is the configuration's."""
        if self.material is not None:
            sc = MATERIALS[self.material]()
        elif self.file is not None:
            sc = load(path.parent / self.file)
        else:
            sc = from_table(self.inline or {}, str(path))
        return sc.set(dict(self.set))


def sentence(error: ValidationError) -> str:
    """The first of pydantic's complaints as one sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key `{where}`."
    if first["type"] == "missing":
        return f"the key `{where}` is missing."
    message = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict) else f", but got {first['input']!r}"
    return f"`{where}`: {message[0].lower()}{message[1:]}{given}."
