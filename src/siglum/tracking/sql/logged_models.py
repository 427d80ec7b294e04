"""Logged models in the database. Each function runs inside a transaction that its caller holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from siglum.core.errors import NotFoundError
from siglum.core.names import parse_experiment_id
from siglum.tracking.entities import LifecycleStage, LoggedModel, LoggedModelStatus, Metric
from siglum.tracking.search.compile import Relation, SearchSchema, SortKey, compile_filter, compile_order
from siglum.tracking.search.grammar import LOGGED_MODELS
from siglum.tracking.search.paging import query_digest
from siglum.tracking.search.parser import parse_filter, parse_order
from siglum.tracking.search.tree import FieldKind
from siglum.tracking.sql.experiments import require_active
from siglum.tracking.sql.pages import PageQuery, grouped
from siglum.tracking.sql.pins import refuse_if_logged_model_is_pinned
from siglum.tracking.sql.points import from_column
from siglum.tracking.sql.port import Row, Sql, marks
from siglum.tracking.store import DatasetFilter, LoggedModelOrder, Page

_CHUNK: Final = 10_000
_COLUMNS: Final = (
    "m.model_key, m.model_id, m.experiment_id, m.name, m.artifact_location, m.creation_timestamp, "
    "m.last_updated_timestamp, m.model_type, m.source_run_id, m.status, m.status_message"
)
_TEXTS: Final = ("name", "model_id", "model_type", "source_run_id", "creation_timestamp", "last_updated_timestamp")
_STATUS_NUMBER: Final = f"""CASE m.status WHEN '{LoggedModelStatus.PENDING.wire_name}' THEN 1
                            WHEN '{LoggedModelStatus.READY.wire_name}' THEN 2
                            WHEN '{LoggedModelStatus.FAILED.wire_name}' THEN 3 ELSE 0 END"""


class NewLoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A logged model to be made, checked and complete."""

    model_id: str
    experiment_id: str
    name: str
    source_run_id: str | None
    model_type: str | None
    tags: dict[str, str]
    params: dict[str, str]


def create(sql: Sql, new: NewLoggedModel, now: int) -> LoggedModel:
    """Insert a logged model in status PENDING."""
    number, location = require_active(sql, new.experiment_id)
    if new.source_run_id and sql.one("SELECT 1 FROM runs WHERE run_id = ?", (new.source_run_id,)) is None:
        raise NotFoundError(f"Run with id={new.source_run_id} not found.")
    row = sql.one(
        """INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp,
               last_updated_timestamp, model_type, source_run_id, status)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING model_key""",
        (
            new.model_id,
            number,
            new.name,
            f"{location.rstrip('/')}/models/{new.model_id}/artifacts",
            now,
            now,
            new.model_type,
            new.source_run_id,
            LoggedModelStatus.PENDING.wire_name,
        ),
    )
    assert row is not None, "INSERT … RETURNING returns the row"
    _put(sql, "logged_model_tags", row[0], new.tags)
    _put(sql, "logged_model_params", row[0], new.params)
    return get(sql, new.model_id)


def _put(sql: Sql, table: str, model_key: int, values: dict[str, str]) -> None:
    sql.many(
        f"""INSERT INTO {table} (model_key, key, value) VALUES (?, ?, ?)
            ON CONFLICT (model_key, key) DO UPDATE SET value = excluded.value""",  # noqa: S608
        [(model_key, key, value) for key, value in values.items()],
    )


def get(sql: Sql, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
    """Return a logged model."""
    stages = "" if allow_deleted else " AND m.lifecycle_stage = 'active'"
    row = sql.one(f"SELECT {_COLUMNS} FROM logged_models m WHERE m.model_id = ?{stages}", (model_id,))  # noqa: S608
    if row is None:
        raise NotFoundError(f"Logged model with ID {model_id!r} not found.")
    return _load(sql, [row])[0]


def _require_key(sql: Sql, model_id: str) -> int:
    row = sql.one("SELECT model_key FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'active'", (model_id,))
    if row is None:
        raise NotFoundError(f"Logged model with ID {model_id!r} not found.")
    return int(row[0])


def _touch(sql: Sql, model_key: int, now: int) -> None:
    sql.run("UPDATE logged_models SET last_updated_timestamp = ? WHERE model_key = ?", (now, model_key))


def finalize(sql: Sql, model_id: str, status: LoggedModelStatus, now: int) -> LoggedModel:
    """Set the status."""
    key = _require_key(sql, model_id)
    sql.run("UPDATE logged_models SET status = ? WHERE model_key = ?", (status.wire_name, key))
    _touch(sql, key, now)
    return get(sql, model_id)


def delete(sql: Sql, model_id: str, now: int) -> None:
    """Mark a logged model as deleted; repeating it changes nothing."""
    row = sql.one("SELECT lifecycle_stage FROM logged_models WHERE model_id = ?", (model_id,))
    if row is not None and row[0] == LifecycleStage.DELETED:
        return
    key = _require_key(sql, model_id)
    refuse_if_logged_model_is_pinned(sql, model_id)
    sql.run("UPDATE logged_models SET lifecycle_stage = ? WHERE model_key = ?", (LifecycleStage.DELETED.value, key))
    _touch(sql, key, now)


def set_tags(sql: Sql, model_id: str, tags: dict[str, str], now: int) -> None:
    """Set or replace tags."""
    key = _require_key(sql, model_id)
    _put(sql, "logged_model_tags", key, tags)
    _touch(sql, key, now)


def delete_tag(sql: Sql, model_id: str, tag: str, now: int) -> None:
    """Remove one tag."""
    key = _require_key(sql, model_id)
    if sql.one("DELETE FROM logged_model_tags WHERE model_key = ? AND key = ? RETURNING key", (key, tag)) is None:
        raise NotFoundError(f"No tag with key {tag!r} found for logged model with ID {model_id!r}.")
    _touch(sql, key, now)


def add_params(sql: Sql, model_id: str, params: dict[str, str], now: int) -> None:
    """Add or replace parameters."""
    key = _require_key(sql, model_id)
    _put(sql, "logged_model_params", key, params)
    _touch(sql, key, now)


def _load(sql: Sql, rows: Sequence[Row]) -> list[LoggedModel]:
    models: list[LoggedModel] = []
    for start in range(0, len(rows), _CHUNK):
        models.extend(_load_chunk(sql, rows[start : start + _CHUNK]))
    return models


def _load_chunk(sql: Sql, rows: Sequence[Row]) -> list[LoggedModel]:
    keys = [row[0] for row in rows]
    these = f"model_key IN ({marks(len(keys))})"
    tags = grouped(sql.all(f"SELECT * FROM logged_model_tags WHERE {these} ORDER BY key", keys), _pair)  # noqa: S608
    params = grouped(sql.all(f"SELECT * FROM logged_model_params WHERE {these} ORDER BY key", keys), _pair)  # noqa: S608
    metrics = grouped(
        sql.all(
            f"""SELECT x.model_key, m.model_id, x.key, x.value, x.timestamp, x.step, x.dataset_name, x.dataset_digest,
                    r.run_id
                FROM logged_model_metrics x JOIN runs r ON r.run_key = x.run_key
                JOIN logged_models m ON m.model_key = x.model_key
                WHERE x.{these} ORDER BY x.key, x.timestamp, x.step""",  # noqa: S608
            keys,
        ),
        _metric,
    )
    return [_logged_model(row, tags.get(row[0], ()), params.get(row[0], ()), metrics.get(row[0], ())) for row in rows]


def _logged_model(
    row: Row, tags: Sequence[tuple[str, str]], params: Sequence[tuple[str, str]], metrics: Sequence[Metric]
) -> LoggedModel:
    _, model_id, experiment_id, name, location, created, updated, model_type, source_run_id, status, message = row
    return LoggedModel(
        experiment_id=str(experiment_id),
        model_id=model_id,
        name=name,
        artifact_location=location,
        creation_timestamp=created,
        last_updated_timestamp=updated,
        model_type=model_type,
        source_run_id=source_run_id,
        status=LoggedModelStatus.from_wire(status),
        status_message=message,
        tags=dict(tags),
        params=dict(params),
        metrics=tuple(metrics),
    )


def _pair(key: str, value: str) -> tuple[str, str]:
    return key, value


def _metric(
    model_id: str, key: str, value: float | None, timestamp: int, step: int, name: str, digest: str, run_id: str
) -> Metric:
    return Metric(
        key,
        from_column(value),
        timestamp,
        step,
        model_id=model_id,
        dataset_name=name or None,
        dataset_digest=digest or None,
        run_id=run_id,
    )


# -- search ------------------------------------------------------------------------------------------------------------
def search(
    sql: Sql,
    experiment_ids: Sequence[str],
    *,
    filter_string: str,
    datasets: Sequence[DatasetFilter],
    max_results: int,
    order_by: Sequence[LoggedModelOrder],
    page_token: str | None,
) -> Page[LoggedModel]:
    """Return one page of active logged models. A metric clause holds when any point on the data sets fulfils it."""
    tree = parse_filter(filter_string, LOGGED_MODELS)
    ids = sorted({parse_experiment_id(text) for text in experiment_ids})
    schema = _schema(datasets)
    keys = _order(order_by, schema)
    if not ids:
        return Page(())
    conditions = [
        (f"m.experiment_id IN ({marks(len(ids))})", tuple(ids)),
        ("m.lifecycle_stage = 'active'", ()),
        compile_filter(tree, schema),
    ]
    if datasets:
        on_datasets, bound = _on_datasets(datasets)
        conditions.append(
            (f"EXISTS (SELECT 1 FROM logged_model_metrics x WHERE x.model_key = m.model_key{on_datasets})", bound)  # noqa: S608
        )
    rows, token = PageQuery(
        columns=_COLUMNS,
        source="logged_models m",
        conditions=conditions,
        keys=keys,
        digest=query_digest("logged models", ids, filter_string, list(datasets), list(order_by)),
        max_results=max_results,
        page_token=page_token,
    ).run(sql)
    return Page(tuple(_load(sql, rows)), token)


def _on_datasets(datasets: Sequence[DatasetFilter]) -> tuple[str, tuple[str, ...]]:
    """Return the end of a condition on `logged_model_metrics x`: any digest is meant where none is given."""
    if not datasets:
        return "", ()
    parts = []
    bound: list[str] = []
    for dataset in datasets:
        digest = "" if dataset.dataset_digest is None else " AND x.dataset_digest = ?"
        parts.append(f"(x.dataset_name = ?{digest})")
        bound.append(dataset.dataset_name)
        if dataset.dataset_digest is not None:
            bound.append(dataset.dataset_digest)
    return f" AND ({' OR '.join(parts)})", tuple(bound)


def _schema(datasets: Sequence[DatasetFilter]) -> SearchSchema:
    on_datasets, bound = _on_datasets(datasets)
    points = f"FROM logged_model_metrics x WHERE x.model_key = m.model_key{on_datasets} AND x.key = ?"
    return SearchSchema(
        attributes={name: f"m.{name}" for name in _TEXTS}
        | {"experiment_id": "CAST(m.experiment_id AS TEXT)", "status": _STATUS_NUMBER},
        relations={
            FieldKind.METRIC: Relation(f"SELECT 1 {points}", "x.value", values=bound, nan=True),
            FieldKind.PARAM: Relation(
                "SELECT 1 FROM logged_model_params p WHERE p.model_key = m.model_key AND p.key = ?", "p.value"
            ),
            FieldKind.TAG: Relation(
                "SELECT 1 FROM logged_model_tags t WHERE t.model_key = m.model_key AND t.key = ?", "t.value"
            ),
        },
        sort_values={FieldKind.METRIC: f"(SELECT x.value {points} ORDER BY x.timestamp DESC, x.step DESC LIMIT 1)"},
        sort_bound=bound,
    )


def _order(order_by: Sequence[LoggedModelOrder], schema: SearchSchema) -> tuple[SortKey, ...]:
    tie_break = (SortKey("m.creation_timestamp", descending=True), SortKey("m.model_id"))
    keys: list[SortKey] = []
    for order in order_by:
        clause = msgspec.structs.replace(parse_order(order.field_name, LOGGED_MODELS), descending=not order.ascending)
        named = order.dataset_name
        own = _schema([DatasetFilter(named, order.dataset_digest)]) if named else schema
        keys.extend(compile_order([clause], own, (), ()))
    return (*keys, *tie_break)
