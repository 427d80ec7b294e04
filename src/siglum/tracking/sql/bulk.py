"""Moving whole stores into the database: records as they are, with their ids, times and life-cycle stages.

What is there already stays as it is, and what it lacks is added; so the same records may come again. Only a run that
had not ended is brought up to date. Each function runs inside a transaction that its caller holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from siglum.core.names import parse_experiment_id
from siglum.tracking.entities import Experiment, LifecycleStage, LoggedModel, Metric, Run, RunStatus
from siglum.tracking.series import Point
from siglum.tracking.sql import logged_models, runs
from siglum.tracking.sql.appending import append_points
from siglum.tracking.sql.port import Row, Sql
from siglum.tracking.sql.segments import pack_ended_run
from siglum.tracking.validation import exact_value

_KEEP_TAG: Final = "INSERT INTO {table} ({owner}, key, value) VALUES (?, ?, ?) ON CONFLICT ({owner}, key) DO NOTHING"


def _keep(sql: Sql, table: str, owner: str, key: int, values: Mapping[str, str]) -> None:
    statement = _KEEP_TAG.format(table=table, owner=owner)
    sql.many(statement, [(key, name, value) for name, value in values.items()])


# -- experiments -------------------------------------------------------------------------------------------------------
def place_of_experiment(sql: Sql, experiment_id: str, name: str) -> str | None:
    """Return the id that an experiment has here: of the one with its name, else its own; None when that is taken."""
    row = sql.one("SELECT experiment_id FROM experiments WHERE name = ?", (name,))
    if row is not None:
        return str(row[0])
    number = parse_experiment_id(experiment_id)
    return None if sql.one("SELECT 1 FROM experiments WHERE experiment_id = ?", (number,)) else experiment_id


def has_experiment(sql: Sql, name: str) -> bool:
    """Whether an experiment of that name is here."""
    return sql.one("SELECT 1 FROM experiments WHERE name = ?", (name,)) is not None


def add_experiment(sql: Sql, experiment: Experiment, location: str | None) -> tuple[str, bool]:
    """Insert an experiment under its own id where that is free; return its id here and whether it is new.

    An experiment of the same name is the same one. `location` is where its files are to be; None means where the
    store keeps them.
    """
    row = sql.one("SELECT experiment_id FROM experiments WHERE name = ?", (experiment.name,))
    new = row is None
    if row is None:
        values = (experiment.name, location or "", experiment.lifecycle_stage.value)
        times = (experiment.creation_time, experiment.last_update_time)
        columns = "name, artifact_location, lifecycle_stage, creation_time, last_update_time"
        if place_of_experiment(sql, experiment.experiment_id, experiment.name) is None:
            row = sql.one(
                f"INSERT INTO experiments ({columns}) VALUES (?, ?, ?, ?, ?) RETURNING experiment_id",  # noqa: S608
                (*values, *times),
            )
        else:
            row = sql.one(
                f"""INSERT INTO experiments (experiment_id, {columns}) VALUES (?, ?, ?, ?, ?, ?)
                    RETURNING experiment_id""",  # noqa: S608
                (parse_experiment_id(experiment.experiment_id), *values, *times),
            )
            sql.continue_numbers("experiments", "experiment_id")
        assert row is not None, "INSERT … RETURNING returns the row"
        if location is None:
            sql.run(
                "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
                (f"mlflow-artifacts:/{row[0]}", row[0]),
            )
    elif row[0] == 0 and sql.one("SELECT 1 FROM runs WHERE experiment_id = 0") is None:
        _take_times(sql, experiment)
    _keep(sql, "experiment_tags", "experiment_id", row[0], experiment.tags)
    return str(row[0]), new


def _take_times(sql: Sql, experiment: Experiment) -> None:
    """Give the default experiment, which every store has from its start, what the source's has."""
    sql.run(
        "UPDATE experiments SET creation_time = ?, last_update_time = ?, lifecycle_stage = ? WHERE experiment_id = 0",
        (experiment.creation_time, experiment.last_update_time, experiment.lifecycle_stage.value),
    )


# -- runs --------------------------------------------------------------------------------------------------------------
def points_of(sql: Sql, run_id: str) -> int | None:
    """Return how many points a run has here; None when it is not here."""
    row = sql.one("SELECT run_key FROM runs WHERE run_id = ?", (run_id,))
    return None if row is None else _count_points(sql, row[0])


def _count_points(sql: Sql, run_key: int) -> int:
    row = sql.one("SELECT coalesce(sum(count), 0) FROM metric_summaries WHERE run_key = ?", (run_key,))
    assert row is not None, "an aggregate returns one row"
    return int(row[0])


def add_run(sql: Sql, run: Run, deleted_time: int) -> bool:
    """Insert a run with its parameters, tags and data sets; of points and models nothing. Return whether it is new."""
    info = run.info
    row = sql.one("SELECT run_key, status, lifecycle_stage FROM runs WHERE run_id = ?", (info.run_id,))
    if row is None:
        key = _insert_run(sql, run)
    else:
        key = row[0]
        if row[2] == LifecycleStage.DELETED:
            return False
        if not RunStatus(row[1]).is_final:
            sql.run(
                "UPDATE runs SET status = ?, end_time = ? WHERE run_key = ?", (info.status.value, info.end_time, key)
            )
    _keep(sql, "run_params", "run_key", key, run.data.params)
    _keep(sql, "run_tags", "run_key", key, run.data.tags)
    runs.log_inputs(sql, info.run_id, run.inputs.dataset_inputs, ())
    if row is None and info.lifecycle_stage is LifecycleStage.DELETED:
        sql.run("UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ? WHERE run_key = ?", (deleted_time, key))
    return row is None


def _insert_run(sql: Sql, run: Run) -> int:
    info = run.info
    row = sql.one(
        """INSERT INTO runs (run_id, experiment_id, run_name, user_id, status, start_time, end_time, artifact_uri)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING run_key""",
        (
            *(info.run_id, parse_experiment_id(info.experiment_id), info.run_name, info.user_id, info.status.value),
            *(info.start_time, info.end_time, info.artifact_uri),
        ),
    )
    assert row is not None, "INSERT … RETURNING returns the row"
    return int(row[0])


def add_points(sql: Sql, run_id: str, series: Mapping[str, Sequence[Point]]) -> int:
    """Add points to a run, deleted or not, those that are here already once. Returns how many were new."""
    key, _, _ = runs.require_run(sql, run_id)
    before = _count_points(sql, key)
    exact = {name: [(step, time, exact_value(value)) for step, time, value in own] for name, own in series.items()}
    append_points(sql, {key: exact}, {})
    return _count_points(sql, key) - before


def pack_run(sql: Sql, run_id: str) -> None:
    """Pack the points of a run that all came at once."""
    key, _, _ = runs.require_run(sql, run_id)
    while pack_ended_run(sql, key):
        pass


def link_models(sql: Sql, run: Run) -> None:
    """Record which logged models a run read and made; those that are not here are left out."""
    key, _, _ = runs.require_run(sql, run.info.run_id)
    wanted = {m.model_id for m in run.inputs.model_inputs} | {m.model_id for m in run.outputs.model_outputs}
    keys = _known_models(sql, wanted)
    sql.many(
        "INSERT INTO run_model_inputs (run_key, model_key) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(key, keys[m.model_id]) for m in run.inputs.model_inputs if m.model_id in keys],
    )
    sql.many(
        "INSERT INTO run_model_outputs (run_key, model_key, step) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(key, keys[m.model_id], m.step) for m in run.outputs.model_outputs if m.model_id in keys],
    )


def _known_models(sql: Sql, model_ids: Iterable[str]) -> dict[str, int]:
    found = {}
    for model_id in model_ids:
        row = sql.one("SELECT model_key FROM logged_models WHERE model_id = ?", (model_id,))
        if row is not None:
            found[model_id] = int(row[0])
    return found


# -- logged models -----------------------------------------------------------------------------------------------------
def has_logged_model(sql: Sql, model_id: str) -> bool:
    """Whether a logged model is here, deleted or not."""
    return sql.one("SELECT 1 FROM logged_models WHERE model_id = ?", (model_id,)) is not None


def add_logged_model(sql: Sql, model: LoggedModel, *, deleted: bool) -> bool:
    """Insert a logged model with tags, parameters and the points that runs here logged about it."""
    row = sql.one("SELECT model_key FROM logged_models WHERE model_id = ?", (model.model_id,))
    new = row is None
    if row is None:
        stage = LifecycleStage.DELETED if deleted else LifecycleStage.ACTIVE
        row = sql.one(
            """INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp,
                   last_updated_timestamp, model_type, source_run_id, status, status_message, lifecycle_stage)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING model_key""",
            (
                *(model.model_id, parse_experiment_id(model.experiment_id), model.name, model.artifact_location),
                *(model.creation_timestamp, model.last_updated_timestamp, model.model_type, model.source_run_id),
                *(model.status.wire_name, model.status_message, stage.value),
            ),
        )
        assert row is not None, "INSERT … RETURNING returns the row"
    _keep(sql, "logged_model_tags", "model_key", row[0], model.tags)
    _keep(sql, "logged_model_params", "model_key", row[0], model.params)
    for point in model.metrics:
        _add_model_point(sql, row[0], point)
    return new


def _add_model_point(sql: Sql, model_key: int, point: Metric) -> None:
    row = sql.one("SELECT run_key FROM runs WHERE run_id = ?", (point.run_id,))
    if row is not None:
        sql.run(
            """INSERT INTO logged_model_metrics
               (model_key, key, run_key, timestamp, step, dataset_name, dataset_digest, value)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
            (
                *(model_key, point.key, row[0], point.timestamp, point.step, point.dataset_name or ""),
                *(point.dataset_digest or "", exact_value(point.value)),
            ),
        )


# -- reading what the stores do not tell -------------------------------------------------------------------------------
def deleted_times(sql: Sql, experiment_id: str) -> dict[str, int]:
    """Return when each deleted run of an experiment was deleted."""
    rows = sql.all(
        "SELECT run_id, deleted_time FROM runs WHERE experiment_id = ? AND lifecycle_stage = 'deleted'",
        (parse_experiment_id(experiment_id),),
    )
    return {run_id: time or 0 for run_id, time in rows}


def logged_models_of(sql: Sql, experiment_id: str) -> list[tuple[LoggedModel, bool]]:
    """Return the logged models of an experiment as they were made, each with whether it has been deleted."""
    rows: list[Row] = sql.all(
        "SELECT model_id, lifecycle_stage FROM logged_models WHERE experiment_id = ? ORDER BY model_key",
        (parse_experiment_id(experiment_id),),
    )
    return [
        (logged_models.get(sql, model_id, allow_deleted=True), stage == LifecycleStage.DELETED)
        for model_id, stage in rows
    ]
