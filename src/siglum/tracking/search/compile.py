"""Compile a filter's tree and an order to SQL with bound values. What the user wrote is never part of a statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.tracking.search.tree import (
    Aggregate,
    And,
    Comparison,
    Field,
    FieldKind,
    Node,
    Not,
    Operator,
    OrderClause,
    Value,
)

Fragment: TypeAlias = tuple[str, tuple[Any, ...]]
"""A piece of SQL and the values that it binds, in order."""


class Relation(msgspec.Struct, frozen=True):
    """Where the values of keyed fields are: a SELECT that ends in WHERE conditions, and the column of the value.

    `values` are bound first; then the key, when the relation is `keyed`. With `nan`, a NULL value is NaN, which differs
    from every number. `aggregates` are the columns of what is known of a whole history.
    """

    select: str
    column: str
    values: tuple[Any, ...] = ()
    keyed: bool = True
    nan: bool = False
    aggregates: dict[Aggregate, str] = {}


class SearchSchema(msgspec.Struct, frozen=True):
    """How a grammar's fields are found in the database."""

    attributes: dict[str, str]
    relations: dict[FieldKind, Relation] = {}
    named: dict[FieldKind, dict[str, Relation]] = {}
    sort_values: dict[FieldKind, str] = {}
    """A scalar SELECT of one value, which binds `sort_bound` and the key."""
    sort_aggregates: dict[Aggregate, str] = {}
    sort_bound: tuple[Any, ...] = ()


class SortKey(msgspec.Struct, frozen=True):
    """One expression that is never NULL, and the direction to sort by it."""

    expression: str
    values: tuple[Any, ...] = ()
    descending: bool = False


def compile_filter(tree: Node | None, schema: SearchSchema) -> Fragment:
    """Return the condition of a filter."""
    if tree is None:
        return "1 = 1", ()
    if isinstance(tree, Comparison):
        return _comparison(tree, schema)
    if isinstance(tree, Not):
        condition, values = compile_filter(tree.part, schema)
        return f"NOT ({condition})", values
    return _joined(" AND " if isinstance(tree, And) else " OR ", [compile_filter(part, schema) for part in tree.parts])


def _joined(word: str, parts: Sequence[Fragment]) -> Fragment:
    return "(" + word.join(c for c, _ in parts) + ")", tuple(v for _, values in parts for v in values)


def _comparison(clause: Comparison, schema: SearchSchema) -> Fragment:
    field = clause.field
    if field.kind is FieldKind.ATTRIBUTE:
        column = schema.attributes[field.name]
        condition, values = _compare(column, clause)
        # so that NOT of a comparison with what is not there is true, not unknown
        return f"({column} IS NOT NULL AND {condition})", values
    relation = schema.named[field.kind][field.name] if field.kind in schema.named else schema.relations[field.kind]
    bound = (*relation.values, field.name) if relation.keyed else relation.values
    if clause.operator is Operator.IS_NULL:
        return f"NOT EXISTS ({relation.select})", bound
    if clause.operator is Operator.IS_NOT_NULL:
        return f"EXISTS ({relation.select})", bound
    column = relation.column if field.aggregate is None else relation.aggregates[field.aggregate]
    condition, values = _compare(column, clause)
    if relation.nan and clause.operator is Operator.NE and column == relation.column:
        condition = f"({condition} OR {relation.column} IS NULL)"
    return f"EXISTS ({relation.select} AND {condition})", bound + values


def _compare(column: str, clause: Comparison) -> Fragment:
    value, operator = clause.value, clause.operator
    if clause.field.kind is FieldKind.PARAM and _is_number(value):
        column = f"number_of({column})"
    condition, values = _positive(column, operator.positive, value)
    return (condition, values) if operator.positive is operator else (f"NOT ({condition})", values)


def _positive(column: str, operator: Operator, value: Value) -> Fragment:
    match operator:
        case Operator.BETWEEN:
            assert isinstance(value, tuple)
            return f"{column} BETWEEN ? AND ?", value
        case Operator.IN | Operator.NOT_IN:
            assert isinstance(value, tuple)
            return f"{column} {operator.value} ({', '.join('?' * len(value))})", value
        case Operator.ILIKE:
            return f"fold({column}) LIKE ?", (str(value).lower(),)
        case Operator.RLIKE:
            return f"rlike({column}, ?)", (value,)
        case _:
            return f"{column} {operator.value} ?", (value,)


def _is_number(value: Value) -> bool:
    first = value[0] if isinstance(value, tuple) else value
    return isinstance(first, int | float)


def compile_order(
    clauses: Sequence[OrderClause], schema: SearchSchema, default: Sequence[SortKey], tie_break: Sequence[SortKey]
) -> tuple[SortKey, ...]:
    """Return the keys of an order: numbers and texts first, then NaN, then what is not there, in either direction.

    Raises InvalidInputError for a field that is named twice.
    """
    seen: set[Field] = set()
    keys: list[SortKey] = []
    for clause in clauses:
        if clause.field in seen:
            raise InvalidInputError(f"The order names {clause.field.kind.value} {clause.field.name!r} twice.")
        seen.add(clause.field)
        keys.extend(_sort_keys(clause, schema))
    return (*(keys or default), *tie_break)


def _sort_keys(clause: OrderClause, schema: SearchSchema) -> list[SortKey]:
    field = clause.field
    if field.kind is FieldKind.ATTRIBUTE:
        column = schema.attributes[field.name]
        values: tuple[Any, ...] = ()
    else:
        column = schema.sort_values[field.kind]
        if field.aggregate is not None:
            column = schema.sort_aggregates[field.aggregate]
        values = (*schema.sort_bound, field.name) if field.kind is FieldKind.METRIC else (field.name,)
    missing = f"CASE WHEN {column} IS NULL THEN 1 ELSE 0 END"
    stand_in = "0" if clause.number else "''"
    keys = [SortKey(missing, values), SortKey(f"coalesce({column}, {stand_in})", values, clause.descending)]
    if field.kind is FieldKind.METRIC:
        # a metric whose value is NULL is NaN; one that is not there has no row
        relation = schema.relations[FieldKind.METRIC]
        there = f"CASE WHEN EXISTS ({relation.select}) THEN 0 ELSE 1 END"
        keys.insert(1, SortKey(there, (*relation.values, field.name)))
    return keys
