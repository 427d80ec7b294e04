"""Pages of runs with chosen columns, and how many runs there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from siglum.core import limits
from siglum.core.errors import InvalidInputError
from siglum.core.names import parse_experiment_id
from siglum.tracking.entities import ViewType
from siglum.tracking.search.compile import Fragment, compile_filter, compile_order
from siglum.tracking.search.grammar import RUNS
from siglum.tracking.search.paging import query_digest
from siglum.tracking.search.parser import parse_column, parse_filter, parse_order
from siglum.tracking.search.tree import Field, FieldKind
from siglum.tracking.sql.experiments import view_condition
from siglum.tracking.sql.pages import PageQuery
from siglum.tracking.sql.port import Row, Sql, marks
from siglum.tracking.sql.run_search import SCHEMA, TIE_BREAK
from siglum.tracking.table import Cell, RunTable


def page(
    sql: Sql,
    experiment_ids: Sequence[str],
    columns: Sequence[str],
    *,
    filter_string: str,
    view_type: ViewType,
    max_results: int,
    order_by: Sequence[str],
    page_token: str | None,
) -> RunTable:
    """Return one page; order and token are as in a search for runs."""
    if len(columns) > limits.TABLE_COLUMNS:
        raise InvalidInputError(
            f"A table can have at most {limits.TABLE_COLUMNS} columns; this one has {len(columns)}."
        )
    fields = [parse_column(text, RUNS) for text in columns]
    keys = compile_order([parse_order(text, RUNS) for text in order_by], SCHEMA, (), TIE_BREAK)
    condition = compile_filter(parse_filter(filter_string, RUNS), SCHEMA)
    ids = sorted({parse_experiment_id(text) for text in experiment_ids})
    if not ids:
        return RunTable(columns=tuple(columns), rows=(), total=0)
    conditions = [
        (f"r.experiment_id IN ({marks(len(ids))})", tuple(ids)),
        *view_condition(view_type, "r.lifecycle_stage"),
        condition,
    ]
    wanted = [_expressions(field) for field in fields]
    rows, token = PageQuery(
        columns=", ".join(["r.run_id", *(expression for expression, _ in wanted)]),
        column_values=[value for _, values in wanted for value in values],
        source="runs r",
        conditions=conditions,
        keys=keys,
        digest=query_digest("runs", ids, int(view_type), filter_string, list(order_by)),
        max_results=max_results,
        page_token=page_token,
    ).run(sql)
    return RunTable(
        columns=tuple(columns),
        rows=tuple((row[0], tuple(_cells(fields, row[1:]))) for row in rows),
        total=_count(sql, conditions),
        next_token=token,
    )


def _count(sql: Sql, conditions: Sequence[Fragment]) -> int:
    row = sql.one(
        f"SELECT count(*) FROM runs r WHERE {' AND '.join(condition for condition, _ in conditions)}",  # noqa: S608
        [value for _, bound in conditions for value in bound],
    )
    assert row is not None, "count(*) has a row"
    return int(row[0])


def _expressions(field: Field) -> Fragment:
    """Return what to select for a field: its value, and for a metric first whether it is there, since NaN is NULL."""
    if field.kind is FieldKind.ATTRIBUTE:
        return SCHEMA.attributes[field.name], ()
    if field.aggregate is not None:
        return SCHEMA.sort_aggregates[field.aggregate], (field.name,)
    value = SCHEMA.sort_values[field.kind]
    if field.kind is FieldKind.METRIC:
        there = f"CASE WHEN EXISTS ({SCHEMA.relations[field.kind].select}) THEN 1 ELSE 0 END"
        return f"{there}, {value}", (field.name, field.name)
    return value, (field.name,)


def _cells(fields: Sequence[Field], values: Row) -> list[Cell]:
    cells: list[Cell] = []
    left: list[Any] = list(reversed(values))
    for field in fields:
        if field.kind is FieldKind.METRIC and field.aggregate is None:
            there, value = left.pop(), left.pop()
            cells.append(math.nan if there and value is None else value)
        else:
            cells.append(left.pop())
    return cells
