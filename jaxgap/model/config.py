"""What configuration files share: how they are read, where a system comes from, and one sentence for what is wrong."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from jaxgap.model.files import read_text
from jaxgap.model.lattice_materials import SYSTEMS
from jaxgap.model.superconductor import Superconductor
from jaxgap.model.systems import from_table, load, with_files
from jaxgap.numerics.checks import InputError

__all__ = ["KIND", "STRICT", "SourceConfig", "in_file", "read_config", "validated"]


KIND = "kind:"
"""Beginning of the tags that tell tables of different kinds apart; they are no part of a key's name."""
STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
"""Of every table: it has no keys but the model's, and no number that is not finite."""


class SourceConfig(BaseModel):
    """A system: a material by name, a TOML file beside the configuration, or the tables of a system inline."""

    model_config = STRICT

    material: str | None = None
    """Name of a material (`jaxgap show NAME` prints it)."""
    file: str | None = None
    """A system.toml, beside this file."""
    inline: dict[str, Any] | None = None
    """The tables of a system.toml, here."""
    set: dict[str, float] = {}
    """Path -> value: leaves that are changed and stay fixed."""

    @model_validator(mode="after")
    def _one_source(self) -> "SourceConfig":
        if sum(source is not None for source in (self.material, self.file, self.inline)) != 1:
            raise ValueError("give exactly one of `material`, `file` and `inline`")
        if self.material is not None and self.material not in SYSTEMS:
            raise ValueError(f"unknown material `{self.material}`; the materials are {', '.join(SYSTEMS)}")
        return self

    def superconductor(self, path: Path) -> Superconductor:
        """The system with the leaves that are set; `path` is the configuration's."""
        if self.material is not None:
            sc = SYSTEMS[self.material]()
        elif self.file is not None:
            sc = load(path.parent / self.file)
        else:
            sc = from_table(with_files(self.inline or {}, path.parent), str(path))
        return sc.set(dict(self.set))


C = TypeVar("C", bound=BaseModel)


def read_config(kind: type[C], path: Path, prepared: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> C:
    """A TOML file as `kind`, whose table is `prepared` before; all that can be wrong with it is said in one sentence."""
    text = read_text(path)
    try:
        with in_file(path):
            return kind.model_validate(prepared(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}.") from None
    except ValidationError as error:
        raise InputError(f"{path}: {_sentence(error)}") from None


def validated(kind: type[C], table: Mapping[str, object], where: str) -> C:
    """A table from elsewhere as `kind`; what is wrong with it is said in one sentence after `where`."""
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        raise InputError(f"{where}: {_sentence(error)}") from None


@contextmanager
def in_file(path: Path) -> Iterator[None]:
    """What is wrong inside the block is wrong in this file: its name comes before the sentence, once."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None


def _sentence(error: ValidationError) -> str:
    """The first of pydantic's complaints as one sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if not str(part).startswith(KIND))
    if first["type"] == "extra_forbidden":
        return f"unknown key `{where}`."
    if first["type"] == "missing":
        return f"the key `{where}` is missing."
    message = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict) else f", but got {first['input']!r}"
    # What is wrong with the whole file, such as a parameter that is not there, has no place in it.
    return f"{f'`{where}`: ' if where else ''}{message[0].lower()}{message[1:]}{given}."
