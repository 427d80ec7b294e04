"""The types a column or parameter can have, and their JSON form (`{"type": "double"}`, `{"type": "array", …}`)."""

from __future__ import annotations

import enum
from typing import Any, TypeAlias

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.core.text import did_you_mean

MAX_DEPTH = 64
"""How deep types may nest; a deeper one is no schema but an attack on the stack."""


class DataType(enum.StrEnum):
    """A scalar type. `integer` has 32 bits, `long` 64, `float` 32, `double` 64."""

    boolean = "boolean"
    integer = "integer"
    long = "long"
    float = "float"
    double = "double"
    string = "string"
    binary = "binary"
    datetime = "datetime"


class Array(msgspec.Struct, frozen=True):
    """A list whose items have one type."""

    items: ColumnType


class Property(msgspec.Struct, frozen=True):
    """One field of an object."""

    name: str
    type: ColumnType
    required: bool = True


class Object(msgspec.Struct, frozen=True):
    """A dictionary with known keys."""

    properties: tuple[Property, ...]


class Map(msgspec.Struct, frozen=True):
    """A dictionary with any string keys and values of one type."""

    values: ColumnType


class AnyType(msgspec.Struct, frozen=True):
    """Whatever it is: nothing is checked."""


ColumnType: TypeAlias = DataType | Array | Object | Map | AnyType


def type_to_json(kind: ColumnType) -> dict[str, Any]:
    """Return the keys that say which type this is."""
    match kind:
        case DataType():
            return {"type": str(kind)}
        case Array(items):
            return {"type": "array", "items": type_to_json(items)}
        case Object(properties):
            fields = {p.name: type_to_json(p.type) | {"required": p.required} for p in properties}
            return {"type": "object", "properties": fields}
        case Map(values):
            return {"type": "map", "values": type_to_json(values)}
        case AnyType():
            return {"type": "any"}


def type_from_json(value: Any, depth: int = 0) -> ColumnType:
    """Read a type. Raises InvalidInputError for an unknown one; `depth` counts the types around this one."""
    if not isinstance(value, dict) or not isinstance(value.get("type"), str) or depth > MAX_DEPTH:
        raise InvalidInputError(f"{_short(value)} is not the type of a column.")
    match value["type"]:
        case "array":
            return Array(type_from_json(value.get("items"), depth + 1))
        case "map":
            return Map(type_from_json(value.get("values"), depth + 1))
        case "any":
            return AnyType()
        case "object":
            fields = value.get("properties")
            if not isinstance(fields, dict):
                raise InvalidInputError(f"{_short(value)} has no properties.")
            return Object(tuple(_property(name, field, depth) for name, field in fields.items()))
        case name:
            return scalar_type(name)


def scalar_type(name: str) -> DataType:
    """Return the scalar type of that name. Raises InvalidInputError when there is none."""
    try:
        return DataType(name)
    except ValueError:
        raise InvalidInputError(f"{name!r} is not a type.", hint=did_you_mean(name, list(DataType))) from None


def describe(kind: ColumnType) -> str:
    """Return the type as a person writes it: `double`, `array of string`, `object`."""
    match kind:
        case DataType():
            return str(kind)
        case Array(items):
            return f"array of {describe(items)}"
        case Map(values):
            return f"map of {describe(values)}"
        case Object():
            return "object"
        case AnyType():
            return "any type"


def _property(name: Any, field: Any, depth: int) -> Property:
    if not isinstance(field, dict):
        raise InvalidInputError(f"{_short(field)} is not the type of property {name!r}.")
    return Property(str(name), type_from_json(field, depth + 1), bool(field.get("required", True)))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
