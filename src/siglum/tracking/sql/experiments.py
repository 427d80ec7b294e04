"""Experiments in the database. Each function runs inside a transaction that its caller holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from siglum.core.errors import AlreadyExistsError, ConflictError, NotFoundError
from siglum.core.names import parse_experiment_id
from siglum.core.text import did_you_mean
from siglum.tracking.entities import Experiment, LifecycleStage, Tag, ViewType
from siglum.tracking.search.compile import Fragment, Relation, SearchSchema, SortKey, compile_filter, compile_order
from siglum.tracking.search.grammar import EXPERIMENTS
from siglum.tracking.search.paging import query_digest
from siglum.tracking.search.parser import parse_filter, parse_order
from siglum.tracking.search.tree import FieldKind
from siglum.tracking.sql.pages import PageQuery
from siglum.tracking.sql.pins import refuse_if_experiment_is_pinned
from siglum.tracking.sql.port import Row, Sql, marks
from siglum.tracking.store import Page

_COLUMNS: Final = "e.experiment_id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time, e.last_update_time"
_SCHEMA: Final = SearchSchema(
    attributes={
        "name": "e.name",
        "experiment_id": "CAST(e.experiment_id AS TEXT)",
        "creation_time": "e.creation_time",
        "last_update_time": "e.last_update_time",
    },
    relations={
        FieldKind.TAG: Relation(
            "SELECT 1 FROM experiment_tags t WHERE t.experiment_id = e.experiment_id AND t.key = ?", "t.value"
        )
    },
)
_BY_ID: Final = SortKey("e.experiment_id")
_TIE_BREAK: Final = (SortKey("e.experiment_id", descending=True),)
_NEWEST_FIRST: Final = (SortKey("e.creation_time", descending=True),)
_PUT_TAG: Final = """
    INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?)
    ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value"""


def view_condition(view_type: ViewType, column: str) -> list[Fragment]:
    """Return the condition that a view type puts on a life-cycle column."""
    if view_type is ViewType.ALL:
        return []
    stage = LifecycleStage.ACTIVE if view_type is ViewType.ACTIVE_ONLY else LifecycleStage.DELETED
    return [(f"{column} = ?", (stage.value,))]


def create(sql: Sql, name: str, artifact_location: str | None, tags: dict[str, str], now: int) -> str:
    """Insert an experiment and return its id."""
    row = sql.one("SELECT lifecycle_stage FROM experiments WHERE name = ?", (name,))
    if row is not None:
        deleted = row[0] == LifecycleStage.DELETED
        raise AlreadyExistsError(
            f"Experiment {name!r} already exists{', in deleted state' if deleted else ''}.",
            hint="Restore it, or choose another name." if deleted else None,
        )
    row = sql.one(
        """INSERT INTO experiments (name, artifact_location, creation_time, last_update_time)
           VALUES (?, ?, ?, ?) RETURNING experiment_id""",
        (name, artifact_location or "", now, now),
    )
    assert row is not None, "INSERT … RETURNING returns the row"
    experiment_id = row[0]
    if artifact_location is None:
        sql.run(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
            (f"mlflow-artifacts:/{experiment_id}", experiment_id),
        )
    sql.many(_PUT_TAG, [(experiment_id, key, value) for key, value in tags.items()])
    return str(experiment_id)


def get(sql: Sql, experiment_id: str) -> Experiment:
    """Return an experiment, deleted or not."""
    row = sql.one(
        f"SELECT {_COLUMNS} FROM experiments e WHERE e.experiment_id = ?",  # noqa: S608
        (parse_experiment_id(experiment_id),),
    )
    if row is None:
        raise _not_found(sql, experiment_id)
    return _load(sql, [row])[0]


def get_by_name(sql: Sql, name: str) -> Experiment | None:
    """Return the experiment of that name, deleted or not, or None."""
    row = sql.one(f"SELECT {_COLUMNS} FROM experiments e WHERE e.name = ?", (name,))  # noqa: S608
    return _load(sql, [row])[0] if row else None


def _not_found(sql: Sql, experiment_id: str) -> NotFoundError:
    names = [name for (name,) in sql.all("SELECT name FROM experiments ORDER BY last_update_time DESC LIMIT 1000")]
    return NotFoundError(f"No Experiment with id={experiment_id} exists.", hint=did_you_mean(experiment_id, names))


def _load(sql: Sql, rows: Sequence[Row]) -> list[Experiment]:
    tags: dict[int, dict[str, str]] = {}
    for start in range(0, len(rows), 10_000):
        ids = [row[0] for row in rows[start : start + 10_000]]
        for experiment_id, key, value in sql.all(
            f"SELECT * FROM experiment_tags WHERE experiment_id IN ({marks(len(ids))}) ORDER BY key",  # noqa: S608
            ids,
        ):
            tags.setdefault(experiment_id, {})[key] = value
    return [
        Experiment(
            experiment_id=str(experiment_id),
            name=name,
            artifact_location=location,
            lifecycle_stage=LifecycleStage(stage),
            creation_time=created,
            last_update_time=updated,
            tags=tags.get(experiment_id, {}),
        )
        for experiment_id, name, location, stage, created, updated in rows
    ]


def require_active(sql: Sql, experiment_id: str) -> tuple[int, str]:
    """Return id and artifact location of an experiment. Raises ConflictError when it has been deleted."""
    number = parse_experiment_id(experiment_id)
    row = sql.one("SELECT artifact_location, lifecycle_stage FROM experiments WHERE experiment_id = ?", (number,))
    if row is None:
        raise _not_found(sql, experiment_id)
    if row[1] != LifecycleStage.ACTIVE:
        raise ConflictError(
            f"Experiment '{experiment_id}' must be in the 'active' state; it has been deleted.",
            hint="Restore it first.",
        )
    return number, row[0]


def search(
    sql: Sql,
    *,
    view_type: ViewType,
    max_results: int,
    filter_string: str,
    order_by: Sequence[str],
    page_token: str | None,
) -> Page[Experiment]:
    """Return one page of experiments."""
    tree = parse_filter(filter_string, EXPERIMENTS)
    clauses = [parse_order(text, EXPERIMENTS) for text in order_by]
    schema = _SCHEMA
    default, tie_break = ((*_NEWEST_FIRST, _BY_ID), ()) if not clauses else ((), _TIE_BREAK)
    rows, token = PageQuery(
        columns=_COLUMNS,
        source="experiments e",
        conditions=[*view_condition(view_type, "e.lifecycle_stage"), compile_filter(tree, schema)],
        keys=compile_order(clauses, schema, default, tie_break),
        digest=query_digest("experiments", int(view_type), filter_string, list(order_by)),
        max_results=max_results,
        page_token=page_token,
    ).run(sql)
    return Page(tuple(_load(sql, rows)), token)


def rename(sql: Sql, experiment_id: str, new_name: str, now: int) -> None:
    """Rename an active experiment."""
    number, _ = require_active(sql, experiment_id)
    row = sql.one("SELECT experiment_id FROM experiments WHERE name = ?", (new_name,))
    if row is not None and row[0] != number:
        raise AlreadyExistsError(f"Experiment {new_name!r} already exists.")
    sql.run("UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?", (new_name, now, number))


def delete(sql: Sql, experiment_id: str, now: int) -> None:
    """Mark an active experiment and its active runs as deleted."""
    number = parse_experiment_id(experiment_id)
    row = sql.one("SELECT lifecycle_stage FROM experiments WHERE experiment_id = ?", (number,))
    if row is None or row[0] != LifecycleStage.ACTIVE:
        raise (
            _not_found(sql, experiment_id)
            if row is None
            else NotFoundError(f"No active Experiment with id={experiment_id} exists: it has been deleted already.")
        )
    refuse_if_experiment_is_pinned(sql, number)
    _set_stage(sql, number, LifecycleStage.DELETED, now)
    sql.run(
        """UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ?
           WHERE experiment_id = ? AND lifecycle_stage = 'active'""",
        (now, number),
    )


def restore(sql: Sql, experiment_id: str, now: int) -> None:
    """Undo `delete`, for all runs of the experiment."""
    number = parse_experiment_id(experiment_id)
    row = sql.one("SELECT lifecycle_stage FROM experiments WHERE experiment_id = ?", (number,))
    if row is None or row[0] != LifecycleStage.DELETED:
        raise (
            _not_found(sql, experiment_id)
            if row is None
            else NotFoundError(f"No deleted Experiment with id={experiment_id} exists: it is active.")
        )
    _set_stage(sql, number, LifecycleStage.ACTIVE, now)
    sql.run("UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE experiment_id = ?", (number,))


def _set_stage(sql: Sql, number: int, stage: LifecycleStage, now: int) -> None:
    sql.run(
        "UPDATE experiments SET lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ?",
        (stage.value, now, number),
    )


def set_tag(sql: Sql, experiment_id: str, tag: Tag, now: int) -> None:
    """Set or replace one tag of an active experiment."""
    number, _ = require_active(sql, experiment_id)
    sql.run(_PUT_TAG, (number, tag.key, tag.value))
    sql.run("UPDATE experiments SET last_update_time = ? WHERE experiment_id = ?", (now, number))


def delete_tag(sql: Sql, experiment_id: str, key: str, now: int) -> None:
    """Remove one tag of an active experiment."""
    number, _ = require_active(sql, experiment_id)
    gone = sql.one("DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ? RETURNING key", (number, key))
    if gone is None:
        raise NotFoundError(f"No tag with name: {key} in experiment with id {experiment_id}.")
    sql.run("UPDATE experiments SET last_update_time = ? WHERE experiment_id = ?", (now, number))
