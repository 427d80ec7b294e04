"""Runs in the database: making, reading, changing, deleting. Metrics are in `points`, search in `run_search`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from siglum.core import limits
from siglum.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from siglum.tracking import listed_artifacts
from siglum.tracking.entities import (
    Dataset,
    DatasetInput,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunStatus,
)
from siglum.tracking.series import Point
from siglum.tracking.sql.appending import append_points
from siglum.tracking.sql.batch_keys import is_repeated
from siglum.tracking.sql.experiments import require_active
from siglum.tracking.sql.pins import refuse_if_run_is_pinned
from siglum.tracking.sql.port import Sql, marks
from siglum.tracking.sql.run_loading import RUN_COLUMNS, info_of, load
from siglum.tracking.sql.segments import pack_ended_run

RUN_NAME_TAG: Final = "mlflow.runName"
REPLACED_PARAMS_TAG: Final = "siglum.params.replaced"
_REMEMBERED_CHARACTERS: Final = 6_000
_PUT_TAG: Final = """
    INSERT INTO run_tags (run_key, key, value) VALUES (?, ?, ?)
    ON CONFLICT (run_key, key) DO UPDATE SET value = excluded.value"""


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to be made, checked and complete."""

    run_id: str
    experiment_id: str
    run_name: str
    user_id: str
    start_time: int
    tags: dict[str, str]


# -- writing -----------------------------------------------------------------------------------------------------------
def create(sql: Sql, new: NewRun) -> Run:
    """Insert a run in status RUNNING."""
    number, location = require_active(sql, new.experiment_id)
    artifact_uri = f"{location.rstrip('/')}/{new.run_id}/artifacts"
    if sql.one("SELECT 1 FROM runs WHERE run_id = ?", (new.run_id,)):
        raise AlreadyExistsError(f"Run {new.run_id!r} already exists.")
    row = sql.one(
        """INSERT INTO runs (run_id, experiment_id, run_name, user_id, status, start_time, artifact_uri)
           VALUES (?, ?, ?, ?, 'RUNNING', ?, ?) RETURNING run_key""",
        (new.run_id, number, new.run_name, new.user_id, new.start_time, artifact_uri),
    )
    assert row is not None, "INSERT … RETURNING returns the row"
    tags = new.tags | {RUN_NAME_TAG: new.run_name}
    _put_tags(sql, row[0], tags)
    info = RunInfo(
        run_id=new.run_id,
        run_name=new.run_name,
        experiment_id=str(number),
        user_id=new.user_id,
        status=RunStatus.RUNNING,
        start_time=new.start_time,
        artifact_uri=artifact_uri,
    )
    return Run(info=info, data=RunData(tags=dict(sorted(tags.items()))))


def require_run(sql: Sql, run_id: str) -> tuple[int, int, LifecycleStage]:
    """Return key, experiment and life-cycle stage of a run."""
    row = sql.one("SELECT run_key, experiment_id, lifecycle_stage FROM runs WHERE run_id = ?", (run_id,))
    if row is None:
        raise _not_found(sql, run_id)
    return row[0], row[1], LifecycleStage(row[2])


def _not_found(sql: Sql, run_id: str) -> NotFoundError:
    hint = "See 'siglum runs list' for the runs there are."
    if len(run_id) >= 4 and run_id.isalnum():
        rows = sql.all("SELECT run_id FROM runs WHERE run_id LIKE ? LIMIT 2", (run_id + "%",))
        if len(rows) == 1:
            hint = f"Did you mean {rows[0][0]!r}?"
    return NotFoundError(f"Run with id={run_id} not found.", hint=hint)


def require_active_run(sql: Sql, run_id: str) -> tuple[int, int]:
    """Return key and experiment of a run. Raises ConflictError when it has been deleted."""
    key, experiment_id, stage = require_run(sql, run_id)
    _require_active(run_id, stage)
    return key, experiment_id


def _require_active(run_id: str, stage: LifecycleStage) -> None:
    if stage is not LifecycleStage.ACTIVE:
        raise ConflictError(
            f"The run {run_id} must be in the 'active' state; it has been deleted.", hint="Restore it first."
        )


def update(
    sql: Sql, run_id: str, *, status: RunStatus | None, end_time: int | None, run_name: str | None
) -> tuple[RunInfo, bool]:
    """Change what is not None; an empty name is no name. The second tells whether there is more to `pack`."""
    row = sql.one(f"SELECT {RUN_COLUMNS} FROM runs r WHERE r.run_id = ?", (run_id,))  # noqa: S608
    if row is None:
        raise _not_found(sql, run_id)
    key, info = row[0], info_of(row)
    _require_active(run_id, info.lifecycle_stage)
    changes: dict[str, Any] = {"status": status, "end_time": end_time, "run_name": run_name or None}
    changes = {column: value for column, value in changes.items() if value is not None}
    if changes:
        assignments = ", ".join(f"{column} = ?" for column in changes)
        sql.run(f"UPDATE runs SET {assignments} WHERE run_key = ?", (*changes.values(), key))  # noqa: S608
    if run_name:
        _put_tags(sql, key, {RUN_NAME_TAG: run_name})
    unpacked = status is not None and status.is_final and pack_ended_run(sql, key)
    return msgspec.structs.replace(info, **changes), unpacked


def pack(sql: Sql, run_id: str) -> bool:
    """Pack more of a run that has ended, and return whether there is still more. The run may be gone meanwhile."""
    row = sql.one("SELECT run_key FROM runs WHERE run_id = ?", (run_id,))
    return row is not None and pack_ended_run(sql, row[0])


def delete(sql: Sql, run_id: str, now: int) -> None:
    """Mark a run as deleted."""
    key, _, stage = require_run(sql, run_id)
    if stage is LifecycleStage.ACTIVE:
        refuse_if_run_is_pinned(sql, run_id)
        sql.run("UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ? WHERE run_key = ?", (now, key))


def restore(sql: Sql, run_id: str) -> None:
    """Undo `delete`."""
    key, _, _ = require_run(sql, run_id)
    sql.run("UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE run_key = ?", (key,))


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged at once, checked. `model_points` are (model id, point) of metrics that name a model."""

    series: dict[str, list[Point]]
    params: dict[str, str]
    tags: dict[str, str]
    model_points: Sequence[Metric] = ()
    idempotency_key: str | None = None

    @property
    def is_points_only(self) -> bool:
        """Whether there is nothing but points of series."""
        return not (self.params or self.tags or self.model_points or self.idempotency_key is not None)

    @property
    def weight(self) -> int:
        """About how many rows it writes."""
        return 1 + sum(map(len, self.series.values())) + len(self.params) + len(self.tags)


def log_batch(sql: Sql, run_id: str, batch: Batch, known_keys: dict[str, int], now: int) -> dict[str, int]:
    """Store a batch, unless its idempotency key is known. Returns ids of metric keys that `known_keys` did not have."""
    key, _ = require_active_run(sql, run_id)
    if batch.idempotency_key is not None and is_repeated(sql, key, batch.idempotency_key, batch, now):
        return {}
    if batch.params:
        _add_params(sql, run_id, key, batch.params)
    new_keys = append_points(sql, {key: batch.series}, known_keys) if batch.series else {}
    if batch.model_points:
        _add_model_points(sql, key, batch.model_points)
    if batch.tags:
        if name := batch.tags.get(RUN_NAME_TAG):
            sql.run("UPDATE runs SET run_name = ? WHERE run_key = ?", (name, key))
        _put_tags(sql, key, _with_listed(sql, key, batch.tags))
    return new_keys


def _with_listed(sql: Sql, run_key: int, tags: dict[str, str]) -> dict[str, str]:
    if listed_artifacts.TAG not in tags:
        return tags
    row = sql.one("SELECT value FROM run_tags WHERE run_key = ? AND key = ?", (run_key, listed_artifacts.TAG))
    joined = listed_artifacts.joined(row[0] if row else None, tags[listed_artifacts.TAG])
    return tags | {listed_artifacts.TAG: joined}


def _put_tags(sql: Sql, run_key: int, tags: dict[str, str]) -> None:
    sql.many(_PUT_TAG, [(run_key, key, value) for key, value in tags.items()])


def replace_params(sql: Sql, run_id: str, params: dict[str, str], now: int) -> None:
    """Store parameters whatever was logged before, and keep what that was in a tag of the run."""
    run_key, _ = require_active_run(sql, run_id)
    stored = _stored_params(sql, run_key, params)
    changed = {key: value for key, value in params.items() if stored.get(key, value) != value}
    sql.many(
        "UPDATE run_params SET value = ? WHERE run_key = ? AND key = ?",
        [(value, run_key, key) for key, value in changed.items()],
    )
    _add_params(sql, run_id, run_key, params)
    if changed:
        row = sql.one("SELECT value FROM run_tags WHERE run_key = ? AND key = ?", (run_key, REPLACED_PARAMS_TAG))
        entries = [
            {"key": key, "old": _remembered(stored[key]), "new": _remembered(value), "time": now}
            for key, value in changed.items()
        ]
        _put_tags(sql, run_key, {REPLACED_PARAMS_TAG: _extended(row[0] if row else "", entries)})


def _extended(history: str, entries: list[dict[str, Any]]) -> str:
    """Return a history with entries added. The oldest are dropped when it gets too long; a foreign tag is replaced."""
    try:
        kept = msgspec.json.decode(history or "[]", type=list[dict[str, Any]])
    except msgspec.MsgspecError:
        kept = []
    kept.extend(entries)
    while True:
        text = msgspec.json.encode(kept).decode()
        if len(text) <= limits.RUN_TAG_VALUE:
            return text
        del kept[0]


def _remembered(value: str) -> str:
    return value if len(value) <= _REMEMBERED_CHARACTERS else value[:_REMEMBERED_CHARACTERS] + "…"


def _stored_params(sql: Sql, run_key: int, params: dict[str, str]) -> dict[str, str]:
    if not params:
        return {}
    return dict(
        sql.all(
            f"SELECT key, value FROM run_params WHERE run_key = ? AND key IN ({marks(len(params))})",  # noqa: S608
            (run_key, *params),
        )
    )


def _add_params(sql: Sql, run_id: str, run_key: int, params: dict[str, str]) -> None:
    stored = _stored_params(sql, run_key, params)
    for key, value in params.items():
        if stored.get(key, value) != value:
            raise ConflictError(
                f"Parameter {key!r} of run {run_id} is {_short(stored[key])} and cannot be changed to {_short(value)}.",
                hint="A parameter is logged once; log the other value in a new run, or under another name.",
            )
    sql.many(
        "INSERT INTO run_params (run_key, key, value) VALUES (?, ?, ?)",
        [(run_key, key, value) for key, value in params.items() if key not in stored],
    )


def _short(value: str) -> str:
    return repr(value if len(value) <= 100 else value[:100] + "…")


def _add_model_points(sql: Sql, run_key: int, points: Sequence[Metric]) -> None:
    keys = model_keys(sql, {p.model_id for p in points if p.model_id is not None})
    values: dict[tuple[Any, ...], float] = {}
    for p in points:
        place = (p.key, run_key, p.timestamp, p.step, p.dataset_name or "", p.dataset_digest or "")
        values[keys[p.model_id or ""], *place] = p.value
    sql.many(
        """INSERT INTO logged_model_metrics
           (model_key, key, run_key, timestamp, step, dataset_name, dataset_digest, value)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (model_key, key, run_key, timestamp, step, dataset_name, dataset_digest)
           DO UPDATE SET value = excluded.value""",
        [(*place, value) for place, value in values.items()],
    )


def model_keys(sql: Sql, model_ids: Iterable[str]) -> dict[str, int]:
    """Return the keys of logged models by id. Raises NotFoundError when one is not there."""
    ids = list(model_ids)
    rows = sql.all(f"SELECT model_id, model_key FROM logged_models WHERE model_id IN ({marks(len(ids))})", ids)  # noqa: S608
    found: dict[str, int] = dict(rows)
    for model_id in ids:
        if model_id not in found:
            raise NotFoundError(f"Logged model with ID {model_id!r} not found.")
    return found


def delete_tag(sql: Sql, run_id: str, key: str) -> None:
    """Remove one tag of an active run."""
    run_key, _ = require_active_run(sql, run_id)
    if sql.one("DELETE FROM run_tags WHERE run_key = ? AND key = ? RETURNING key", (run_key, key)) is None:
        raise NotFoundError(f"No tag with name: {key} in run with id {run_id}.")


def log_inputs(sql: Sql, run_id: str, datasets: Sequence[DatasetInput], models: Sequence[LoggedModelInput]) -> None:
    """Record what a run read. What is recorded already stays as it is."""
    run_key, experiment_id = require_active_run(sql, run_id)
    for item in datasets:
        dataset_key = _dataset_key(sql, experiment_id, item.dataset)
        if sql.one("SELECT 1 FROM run_datasets WHERE run_key = ? AND dataset_key = ?", (run_key, dataset_key)):
            continue
        sql.run("INSERT INTO run_datasets (run_key, dataset_key) VALUES (?, ?)", (run_key, dataset_key))
        sql.many(
            "INSERT INTO run_dataset_tags (run_key, dataset_key, key, value) VALUES (?, ?, ?, ?)",
            [(run_key, dataset_key, k, v) for k, v in {t.key: t.value for t in item.tags}.items()],
        )
    if models:
        keys = model_keys(sql, {m.model_id for m in models})
        sql.many(
            "INSERT INTO run_model_inputs (run_key, model_key) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(run_key, key) for key in keys.values()],
        )


def _dataset_key(sql: Sql, experiment_id: int, dataset: Dataset) -> int:
    where = "WHERE experiment_id = ? AND name = ? AND digest = ?"
    known = (experiment_id, dataset.name, dataset.digest)
    row = sql.one(f"SELECT dataset_key FROM datasets {where}", known)  # noqa: S608
    if row is None:
        row = sql.one(
            """INSERT INTO datasets (experiment_id, name, digest, source_type, source, schema, profile)
               VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING dataset_key""",
            (*known, dataset.source_type, dataset.source, dataset.schema, dataset.profile),
        )
    assert row is not None, "INSERT … RETURNING returns the row"
    return int(row[0])


def log_outputs(sql: Sql, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
    """Record what a run made. What is recorded already stays as it is."""
    run_key, _ = require_active_run(sql, run_id)
    keys = model_keys(sql, {m.model_id for m in models})
    sql.many(
        "INSERT INTO run_model_outputs (run_key, model_key, step) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(run_key, keys[m.model_id], m.step) for m in models],
    )


# -- reading -----------------------------------------------------------------------------------------------------------
def get(sql: Sql, run_id: str) -> Run:
    """Return a run with all it logged, deleted or not."""
    row = sql.one(f"SELECT {RUN_COLUMNS} FROM runs r WHERE r.run_id = ?", (run_id,))  # noqa: S608
    if row is None:
        raise _not_found(sql, run_id)
    return load(sql, [row])[0]


def resolve_name(run_name: str | None, tags: dict[str, str], random_name: Callable[[], str]) -> str:
    """Return the name of a new run. Raises InvalidInputError when name and tag disagree."""
    tagged = tags.get(RUN_NAME_TAG)
    if run_name and tagged and run_name != tagged:
        raise InvalidInputError(
            f"The run's name is given twice, as run_name={run_name!r} and as tag {RUN_NAME_TAG}={tagged!r}."
        )
    return run_name or tagged or random_name()
