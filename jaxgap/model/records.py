"""Records: what is written as JSON and read again. A record's fields stand in one place, its class, each with what it means:
the writer, the reader and the published JSON schema (docs/schemas) follow from it.

A field may have another name in the library than in the file: `source("config")` says where the library has it, so that a
record is made from the library's own objects (`Record.of`), and `Record.arguments` gives them back. A row that is
a NamedTuple is its own record (`Row`).

JSON has no number that does not exist: NaN is null. Results, which are read again to the last bit, have `"Infinity"` and
`"-Infinity"` (`Number`, `Vector`, `Matrix`); in what is only written infinite numbers are null, too (`Known`, and `text_of`).
"""

import json
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Annotated, Any, TypeVar, get_type_hints

import numpy as np
from pydantic import (
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

__all__ = [
    "Codes",
    "Flags",
    "Known",
    "Matrix",
    "Number",
    "Record",
    "Row",
    "Vector",
    "print_json",
    "read_record",
    "source",
    "text_of",
]

NUMBER: JsonSchemaValue = {"anyOf": [{"type": "number"}, {"enum": ["Infinity", "-Infinity"]}, {"type": "null"}]}
KNOWN: JsonSchemaValue = {"anyOf": [{"type": "number"}, {"type": "null"}]}


# --- records -----------------------------------------------------------------------------------------------------------


R = TypeVar("R", bound=BaseModel)


class Record(BaseModel):
    """An object of JSON; immutable."""

    model_config = ConfigDict(
        frozen=True,
        from_attributes=True,
        populate_by_name=True,
        loc_by_alias=False,
        arbitrary_types_allowed=True,
        defer_build=True,  # A command writes one kind of record, not all.
    )

    @classmethod
    def of(cls: type[R], one: object, **more: object) -> R:
        """The record of an object of the library, with what is not among its attributes."""
        named = {name: _path(field, name) for name, field in cls.model_fields.items() if name not in more and not field.alias}
        return cls.model_validate({name: attrgetter(path)(one) for name, path in named.items()} | more)

    def as_json(self) -> dict[str, object]:
        """What the JSON holds."""
        return self.model_dump(mode="json", by_alias=True)

    def arguments(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of `names`, the library's, that are fields."""
        known = {_path(field, name).split(".")[-1]: name for name, field in type(self).model_fields.items()}
        return {name: getattr(self, known[name]) for name in names if name in known}


def read_record(kind: type[R], content: object) -> R:
    """What was read from JSON as a record; the library's names are none of its own."""
    return kind.model_validate(content, by_alias=False, by_name=True)


def source(*path: str) -> FieldInfo:
    """Where the library has a field: the attribute (of an attribute, ...) of what the record is made from."""
    found: FieldInfo = Field(validation_alias=AliasPath(*path))
    return found


def _path(field: FieldInfo, name: str) -> str:
    alias = field.validation_alias
    return ".".join(map(str, alias.path)) if isinstance(alias, AliasPath) else name


# --- numbers -----------------------------------------------------------------------------------------------------------


def _written(x: float) -> float | str | None:
    if np.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return None if np.isnan(x) else float(x)


def _known(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


_exists = BeforeValidator(lambda x: float("nan") if x is None else x)
Number = Annotated[float, _exists, PlainSerializer(_written, when_used="json"), WithJsonSchema(NUMBER)]
"""A number that may be infinite, or not exist (NaN)."""
Known = Annotated[float, _exists, PlainSerializer(_known, when_used="json"), WithJsonSchema(KNOWN)]
"""A number that is written only if it is finite."""


class Nested:
    """An array as nested lists, so many levels deep."""

    def __init__(self, depth: int, kind: type) -> None:
        self.depth, self.kind = depth, kind

    def __get_pydantic_core_schema__(self, annotation: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(_lists, when_used="json")
        return core_schema.no_info_plain_validator_function(self._read, serialization=written)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        items = {float: NUMBER, int: {"type": "integer"}, bool: {"type": "boolean"}}[self.kind]
        for _ in range(self.depth):
            items = {"type": "array", "items": items}
        return items

    def _read(self, values: object) -> np.ndarray:
        try:
            array: np.ndarray = np.array(values, dtype=self.kind)
        except TypeError as error:
            raise ValueError(str(error)) from None
        if array.ndim != self.depth and array.shape != (0,):
            raise ValueError(f"lists must be {self.depth} deep, but are {array.ndim}")
        return array


def _lists(array: np.ndarray) -> list[object]:
    """An array as nested lists of what JSON can hold."""
    if array.dtype.kind != "f":
        return array.tolist()
    return [_lists(part) if part.ndim else _written(part) for part in array]


Vector = Annotated[np.ndarray, Nested(1, float)]
Matrix = Annotated[np.ndarray, Nested(2, float)]
Codes = Annotated[np.ndarray, Nested(1, int)]
Flags = Annotated[np.ndarray, Nested(1, bool)]


# --- rows --------------------------------------------------------------------------------------------------------------


class Row:
    """Of a field that is a NamedTuple: an object with its fields by name, and with `more` of its properties, which are written
    first."""

    def __init__(self, *more: str) -> None:
        self.more = more

    def __get_pydantic_core_schema__(self, kind: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        own = get_type_hints(kind, include_extras=True)
        hints = {name: get_type_hints(getattr(kind, name).fget)["return"] for name in self.more} | own
        needed = own.keys() - vars(kind)["_field_defaults"].keys()
        field = core_schema.typed_dict_field
        fields = {name: field(handler.generate_schema(hint), required=name in needed) for name, hint in hints.items()}
        named = {"pydantic_js_updates": {"title": kind.__name__}}
        row = core_schema.typed_dict_schema(fields, config=core_schema.CoreConfig(title=kind.__name__), metadata=named)

        def made(parts: dict[str, object]) -> object:
            return kind(**{name: part for name, part in parts.items() if name in own})

        return core_schema.no_info_after_validator_function(
            made,
            core_schema.no_info_before_validator_function(self._parts, row),
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda one, write: write(self._parts(one)), schema=row
            ),
        )

    def _parts(self, row: Any) -> object:
        """A NamedTuple by its fields' names; anything else as it is."""
        return {name: getattr(row, name) for name in self.more} | row._asdict() if hasattr(row, "_asdict") else row


# --- text --------------------------------------------------------------------------------------------------------------


def text_of(record: Record | Mapping[str, object]) -> str:
    """The record as JSON; numbers that do not exist are null."""
    return json.dumps(_plain(record.as_json() if isinstance(record, Record) else record), indent=1, allow_nan=False)


def print_json(record: Record | Mapping[str, object]) -> None:
    print(text_of(record))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
