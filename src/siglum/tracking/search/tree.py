"""A search filter as a tree of typed values, and an order as clauses."""

from __future__ import annotations

import enum
from typing import TypeAlias

import msgspec


class FieldKind(enum.Enum):
    """What a field of a filter belongs to."""

    ATTRIBUTE = "attribute"
    METRIC = "metric"
    PARAM = "parameter"
    TAG = "tag"
    DATASET = "dataset field"
    DATA = "data field"
    CODE = "code field"


class Aggregate(enum.StrEnum):
    """What of a metric's history is looked at; without one it is the last value by step."""

    MIN = "min"
    MAX = "max"
    LAST = "last"
    COUNT = "count"


class Operator(enum.StrEnum):
    """How a field is compared; the value is its SQL."""

    EQ = "="
    NE = "<>"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"
    RLIKE = "RLIKE"
    BETWEEN = "BETWEEN"
    NOT_LIKE = "NOT LIKE"
    NOT_ILIKE = "NOT ILIKE"
    NOT_RLIKE = "NOT RLIKE"
    NOT_BETWEEN = "NOT BETWEEN"

    @property
    def positive(self) -> Operator:
        """The operator without NOT; for IN it is part of the SQL."""
        return Operator(self.value.removeprefix("NOT ")) if self is not Operator.NOT_IN else self


class Field(msgspec.Struct, frozen=True):
    """What is compared or sorted by: an attribute by its canonical name, or the key of a metric, parameter or tag."""

    kind: FieldKind
    name: str
    aggregate: Aggregate | None = None


Value: TypeAlias = str | int | float | tuple[str | int | float, ...] | None


class Comparison(msgspec.Struct, frozen=True):
    """One clause. `value` is a tuple for IN and BETWEEN, None for IS [NOT] NULL, a canonical expression for RLIKE."""

    field: Field
    operator: Operator
    value: Value


class And(msgspec.Struct, frozen=True):
    """All of these."""

    parts: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True):
    """At least one of these."""

    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True):
    """Not this."""

    part: Node


Node: TypeAlias = Comparison | And | Or | Not


class OrderClause(msgspec.Struct, frozen=True):
    """One clause of an order."""

    field: Field
    descending: bool = False
    number: bool = False
