"""What entities have in common, and the smallest of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self, TypeVar

import msgspec

from siglum.core.errors import InvalidInputError

T = TypeVar("T", bound=msgspec.Struct)


def fields_of(value: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    """Yield names and values of the fields of an entity by name, so that `dict(entity)` has them, as in MLflow."""
    return ((name, getattr(value, name)) for name in sorted(value.__struct_fields__))


def plain(value: msgspec.Struct) -> dict[str, Any]:
    """Return an entity as plain values."""
    return {name: _plain(each) for name, each in fields_of(value)}


def from_plain(kind: type[T], values: dict[str, Any]) -> T:
    """Return an entity of plain values by field; others are ignored, as in MLflow.

    Raises InvalidInputError when one is missing, or is not what the field holds.
    """
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"This is no {kind.__name__}: {error}.") from None


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return value.to_dictionary() if isinstance(value, Entity) else plain(value)
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all entities: frozen, compared by value. What scripts make takes its fields by position, too."""

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return fields_of(self)

    def to_dictionary(self) -> dict[str, Any]:
        """Return it as plain values."""
        return plain(self)

    @classmethod
    def from_dictionary(cls, the_dict: dict[str, Any]) -> Self:
        """Return what `dict` of one gave; see `from_plain`."""
        return from_plain(cls, the_dict)


class Metric(msgspec.Struct, frozen=True, gc=False):
    """One point of a series. `value` may be NaN or infinite; `step` may be negative."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return fields_of(self)

    def to_dictionary(self) -> dict[str, Any]:
        """Return it as plain values."""
        return plain(self)

    @classmethod
    def from_dictionary(cls, the_dict: dict[str, Any]) -> Self:
        """Return what `dict` of one gave; see `from_plain`."""
        return from_plain(cls, the_dict)


class Param(msgspec.Struct, frozen=True, gc=False):
    """A parameter of a run or logged model; values are strings."""

    key: str
    value: str

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return fields_of(self)

    @classmethod
    def from_dictionary(cls, the_dict: dict[str, Any]) -> Self:
        """Return what `dict` of one gave; see `from_plain`."""
        return from_plain(cls, the_dict)


class Tag(msgspec.Struct, frozen=True, gc=False):
    """A tag of anything that has tags."""

    key: str
    value: str

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return fields_of(self)

    @classmethod
    def from_dictionary(cls, the_dict: dict[str, Any]) -> Self:
        """Return what `dict` of one gave; see `from_plain`."""
        return from_plain(cls, the_dict)
