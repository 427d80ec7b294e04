"""Whole runs out of the database, many at once: as entities, or as the messages that a server answers with.

A page of a thousand runs has tens of thousands of values, so each is made once, as what is asked for: an entity only to
make a message of it would double the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

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
    RunInputs,
    RunOutputs,
    RunStatus,
    Tag,
)
from siglum.tracking.messages import (
    MetricMessage,
    ModelInputMessage,
    ModelOutputMessage,
    ParamMessage,
    RunDataMessage,
    RunInfoMessage,
    RunInputsMessage,
    RunMessage,
    RunOutputsMessage,
    TagMessage,
)
from siglum.tracking.sql.pages import grouped
from siglum.tracking.sql.points import from_column
from siglum.tracking.sql.port import Row, Sql, marks
from siglum.tracking.wire import write_dataset_input, write_value

T = TypeVar("T")

RUN_COLUMNS: Final = (
    "r.run_key, r.run_id, r.run_name, r.experiment_id, r.user_id, r.status, r.start_time, r.end_time, r.artifact_uri, "
    "r.lifecycle_stage"
)
_CHUNK: Final = 10_000


def load(sql: Sql, rows: Sequence[Row]) -> list[Run]:
    """Return whole runs for rows of RUN_COLUMNS, in a number of statements that does not grow with them."""
    return [run for chunk in _chunks(rows) for run in _load_entities(sql, chunk)]


def load_messages(sql: Sql, rows: Sequence[Row]) -> list[RunMessage]:
    """Do as `load`, and return what `write_run` makes of each."""
    return [run for chunk in _chunks(rows) for run in _load_messages(sql, chunk)]


def _chunks(rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


def _load_entities(sql: Sql, rows: Sequence[Row]) -> list[Run]:
    keys = [row[0] for row in rows]
    metrics = _load_metrics(sql, keys, Metric, from_column)
    params, tags = (_load_texts(sql, table, keys, lambda *pair: pair) for table in ("run_params", "run_tags"))
    inputs = _load_datasets(sql, keys)
    model_inputs = _load_models(sql, "run_model_inputs", "", keys, lambda i: LoggedModelInput(model_id=i))
    outputs = _load_models(
        sql, "run_model_outputs", ", o.step", keys, lambda i, step: LoggedModelOutput(model_id=i, step=step)
    )
    return [
        Run(
            info=info_of(row),
            data=RunData(
                metrics={m.key: m.value for m in metrics.get(row[0], ())},
                params=dict(params.get(row[0], ())),
                tags=dict(tags.get(row[0], ())),
                latest=tuple(metrics.get(row[0], ())),
            ),
            inputs=RunInputs(
                dataset_inputs=tuple(inputs.get(row[0], ())), model_inputs=tuple(model_inputs.get(row[0], ()))
            ),
            outputs=RunOutputs(model_outputs=tuple(outputs.get(row[0], ()))),
        )
        for row in rows
    ]


def _load_messages(sql: Sql, rows: Sequence[Row]) -> list[RunMessage]:
    keys = [row[0] for row in rows]
    metrics = _load_metrics(sql, keys, MetricMessage, lambda value: write_value(from_column(value)))
    params = _load_texts(sql, "run_params", keys, ParamMessage)
    tags = _load_texts(sql, "run_tags", keys, TagMessage)
    datasets = _load_datasets(sql, keys)
    models = _load_models(sql, "run_model_inputs", "", keys, lambda i: ModelInputMessage(model_id=i))
    outputs = _load_models(
        sql, "run_model_outputs", ", o.step", keys, lambda i, step: ModelOutputMessage(model_id=i, step=step)
    )
    return [
        RunMessage(
            info=_info_message(row),
            data=RunDataMessage(
                metrics=metrics.get(row[0], []), params=params.get(row[0], []), tags=tags.get(row[0], [])
            ),
            inputs=RunInputsMessage(
                dataset_inputs=[write_dataset_input(given) for given in datasets.get(row[0], ())],
                model_inputs=models.get(row[0], []),
            ),
            outputs=RunOutputsMessage(model_outputs=outputs.get(row[0], [])),
        )
        for row in rows
    ]


def _load_metrics(
    sql: Sql, keys: Sequence[int], make: Callable[[str, Any, int, int], T], odd: Callable[[float | None], Any]
) -> dict[int, list[T]]:
    """Return the last points of runs by run, sorted by key. `odd` says what to make of a value that is not finite."""
    rows = sql.all(
        f"""SELECT run_key, key_id, last_value, last_timestamp, last_step FROM metric_summaries
            WHERE run_key IN ({marks(len(keys))}) ORDER BY run_key, key_id""",  # noqa: S608
        keys,
    )
    names = _names(sql, sorted({row[1] for row in rows}))
    if list(names.values()) != sorted(names.values()):
        rows.sort(key=lambda row: names[row[1]])
    found: dict[int, list[T]] = defaultdict(list)
    for run_key, key_id, value, timestamp, step in rows:
        shown = value if value is not None and value - value == 0 else odd(value)  # infinity less itself is NaN
        found[run_key].append(make(names[key_id], shown, timestamp, step))
    return found


def _names(sql: Sql, key_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of metrics, in the order of their ids."""
    names: dict[int, str] = {}
    for start in range(0, len(key_ids), _CHUNK):
        ids = key_ids[start : start + _CHUNK]
        names.update(
            sql.all(f"SELECT key_id, key FROM metric_keys WHERE key_id IN ({marks(len(ids))}) ORDER BY key_id", ids)  # noqa: S608
        )
    return names


def _load_texts(sql: Sql, table: str, keys: Sequence[int], make: Callable[[str, str], T]) -> dict[int, list[T]]:
    """Return the parameters or tags of runs by run, sorted by key, in the order that the table has them in."""
    select = f"SELECT run_key, key, value FROM {table} WHERE run_key IN ({marks(len(keys))}) ORDER BY run_key, key"  # noqa: S608
    found: dict[int, list[T]] = defaultdict(list)
    for run_key, key, value in sql.all(select, keys):
        found[run_key].append(make(key, value))
    return found


def _load_models(sql: Sql, table: str, more: str, keys: Sequence[int], make: Callable[..., T]) -> dict[int, list[T]]:
    """Return the logged models that runs read or made, by run, with `more` columns of the table."""
    select = f"""SELECT o.run_key, m.model_id{more} FROM {table} o JOIN logged_models m ON m.model_key = o.model_key
                 WHERE o.run_key IN ({marks(len(keys))}) ORDER BY o.model_key"""  # noqa: S608  names of ours
    return grouped(sql.all(select, keys), make)


def _load_datasets(sql: Sql, keys: Sequence[int]) -> dict[int, list[DatasetInput]]:
    where = f"WHERE run_key IN ({marks(len(keys))})"
    rows = sql.all(
        f"""SELECT i.run_key, i.dataset_key, d.name, d.digest, d.source_type, d.source, d.schema, d.profile
            FROM run_datasets i JOIN datasets d ON d.dataset_key = i.dataset_key
            {where} ORDER BY i.dataset_key""",  # noqa: S608
        keys,
    )
    if not rows:
        return {}
    tags: dict[tuple[int, int], list[Tag]] = defaultdict(list)
    select = f"SELECT run_key, dataset_key, key, value FROM run_dataset_tags {where} ORDER BY key"  # noqa: S608
    for run_key, dataset_key, key, value in sql.all(select, keys):
        tags[run_key, dataset_key].append(Tag(key, value))
    found: dict[int, list[DatasetInput]] = defaultdict(list)
    for run_key, dataset_key, name, digest, source_type, source, schema, profile in rows:
        dataset = Dataset(
            name=name, digest=digest, source_type=source_type, source=source, schema=schema, profile=profile
        )
        found[run_key].append(DatasetInput(dataset=dataset, tags=tuple(tags.get((run_key, dataset_key), ()))))
    return found


def info_of(row: Row) -> RunInfo:
    """Return what a run is, of a row of RUN_COLUMNS."""
    _, run_id, run_name, experiment_id, user_id, status, start_time, end_time, artifact_uri, stage = row
    return RunInfo(
        run_id=run_id,
        run_name=run_name,
        experiment_id=str(experiment_id),
        user_id=user_id,
        status=RunStatus(status),
        start_time=start_time,
        end_time=end_time,
        artifact_uri=artifact_uri,
        lifecycle_stage=LifecycleStage(stage),
    )


def _info_message(row: Row) -> RunInfoMessage:
    _, run_id, run_name, experiment_id, user_id, status, start_time, end_time, artifact_uri, stage = row
    return RunInfoMessage(
        run_id=run_id,
        run_uuid=run_id,
        run_name=run_name,
        experiment_id=str(experiment_id),
        user_id=user_id,
        status=status,
        start_time=start_time,
        end_time=end_time,
        artifact_uri=artifact_uri,
        lifecycle_stage=stage,
    )
