"""Runs and logged models as tables of pandas or polars, with MLflow's column names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from siglum.client.paging import Listed
from siglum.tracking.entities import LoggedModel, Metric, Run


def pandas_runs(runs: Sequence[Run]) -> Any:
    """Return runs as a pandas table: what they are, and a column for each metric, parameter and tag."""
    import pandas  # optional: only for who asks for a table

    table = _plain(runs)
    for column in ("start_time", "end_time"):
        table[column] = pandas.to_datetime(pandas.Series(table[column], dtype="Int64"), unit="ms", utc=True)
    return pandas.DataFrame(
        table | _columns("metrics", [run.data.metrics for run in runs], float("nan")) | _texts(runs)
    )


def polars_runs(runs: Sequence[Run]) -> Any:
    """Return runs as a polars table; metrics are floats, parameters and tags strings, what is missing is null."""
    import polars  # optional: only for who asks for a table

    times = ("start_time", "end_time")
    metrics = _columns("metrics", [run.data.metrics for run in runs], None)
    table = _plain(runs) | metrics | _texts(runs)
    types = {
        name: polars.Float64 if name in metrics else polars.Int64 if name in times else polars.String for name in table
    }
    made = polars.DataFrame(table, schema=types)
    return made.with_columns(polars.col(name).cast(polars.Datetime("ms")).dt.replace_time_zone("UTC") for name in times)


def pandas_models(models: Sequence[LoggedModel]) -> Any:
    """Return logged models as a pandas table."""
    import pandas  # optional: only for who asks for a table

    return pandas.DataFrame({name: [read(model) for model in models] for name, read in _MODEL_COLUMNS.items()})


def polars_models(models: Sequence[LoggedModel]) -> Any:
    """Return logged models as a polars table; what is a mapping becomes a list of `key` and `value`."""
    import polars  # optional: only for who asks for a table

    table: dict[str, list[Any]] = {}
    for name, read in _MODEL_COLUMNS.items():
        values = [read(model) for model in models]
        table[name] = [
            [{"key": k, "value": v} for k, v in each.items()] if isinstance(each, dict) else each for each in values
        ]
    return polars.DataFrame(table)


def _plain(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "run_id": [run.info.run_id for run in runs],
        "experiment_id": [run.info.experiment_id for run in runs],
        "status": [str(run.info.status) for run in runs],
        "artifact_uri": [run.info.artifact_uri for run in runs],
        "start_time": [run.info.start_time for run in runs],
        "end_time": [run.info.end_time for run in runs],
    }


def _texts(runs: Sequence[Run]) -> dict[str, list[Any]]:
    params, tags = [run.data.params for run in runs], [run.data.tags for run in runs]
    return _columns("params", params, None) | _columns("tags", tags, None)


def _columns(prefix: str, rows: Sequence[dict[str, Any]], missing: Any) -> dict[str, list[Any]]:
    keys = dict.fromkeys(key for row in rows for key in row)
    return {f"{prefix}.{key}": [row.get(key, missing) for row in rows] for key in keys}


def _values(metrics: Iterable[Metric]) -> dict[str, float]:
    return {metric.key: metric.value for metric in metrics}


_MODEL_COLUMNS: dict[str, Callable[[LoggedModel], Any]] = {
    "experiment_id": lambda model: model.experiment_id,
    "model_id": lambda model: model.model_id,
    "name": lambda model: model.name,
    "artifact_location": lambda model: model.artifact_location,
    "creation_timestamp": lambda model: model.creation_timestamp,
    "last_updated_timestamp": lambda model: model.last_updated_timestamp,
    "model_type": lambda model: model.model_type,
    "source_run_id": lambda model: model.source_run_id,
    "status": lambda model: str(model.status),
    "tags": lambda model: model.tags,
    "params": lambda model: model.params,
    "metrics": lambda model: _values(model.metrics),
}

MAKERS: dict[str, Callable[[Sequence[Run]], Any]] = {"pandas": pandas_runs, "polars": polars_runs, "list": Listed}
MODEL_MAKERS: dict[str, Callable[[Sequence[LoggedModel]], Any]] = {
    "pandas": pandas_models, "polars": polars_models, "list": Listed,
}  # fmt: skip
