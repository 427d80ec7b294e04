"""Searches: all pages together, as pandas tables where pandas is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from siglum.client import state
from siglum.client.fluent.experiments import current_experiment_id
from siglum.client.paging import collect
from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.text import did_you_mean
from siglum.registry.entities import ModelVersion, RegisteredModel
from siglum.tracking.entities import LoggedModel, Metric, Run, ViewType
from siglum.tracking.store import DatasetFilter, LoggedModelOrder

MAX_RUNS = 100_000


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = MAX_RUNS,
    order_by: Sequence[str] | None = None,
    output_format: str | None = None,
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> Any:
    """Return the runs that match, by default those of the current experiment, the latest started first.

    Args:
        experiment_ids: Search these experiments.
        filter_string: Such as `metrics.accuracy > 0.9 AND params.depth = '3'`.
        run_view_type: Active runs, deleted ones, or all.
        max_results: At most so many.
        order_by: Such as `metrics.accuracy DESC`.
        output_format: `pandas` (a table with a column for each metric, parameter and tag) or `list`; by default a
            table where pandas is installed.
        search_all_experiments: Search every active experiment, when none is named.
        experiment_names: Search these experiments; not together with `experiment_ids`.
    """
    as_table = _wants_table(output_format)
    session = state.session()
    session.queue.flush()
    ids = _experiments(session, experiment_ids, experiment_names, search_all_experiments)
    runs = collect(
        lambda size, token: session.stores.tracking.search_runs(
            ids,
            filter_string=filter_string or "",
            view_type=ViewType(run_view_type),
            max_results=size,
            order_by=order_by or (),
            page_token=token,
        ),
        max_results,
    )
    return _runs_table(runs) if as_table else runs


def search_logged_models(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    datasets: Sequence[dict[str, str]] | None = None,
    max_results: int | None = None,
    order_by: Sequence[dict[str, Any]] | None = None,
    output_format: str | None = None,
) -> Any:
    """Return the logged models that match, by default those of the current experiment, the newest first."""
    as_table = _wants_table(output_format)
    session = state.session()
    models = collect(
        lambda size, token: session.stores.tracking.search_logged_models(
            experiment_ids or [current_experiment_id()],
            filter_string=filter_string or "",
            datasets=[DatasetFilter(**entry) for entry in datasets or ()],
            max_results=size,
            order_by=[LoggedModelOrder(**entry) for entry in order_by or ()],
            page_token=token,
        ),
        max_results,
    )
    return _models_table(models) if as_table else models


def search_registered_models(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[RegisteredModel]:
    """Return the registered models that match, by default by name."""
    registry = state.session().stores.registry
    return collect(
        lambda size, token: registry.search_registered_models(
            filter_string=filter_string or "", max_results=size, order_by=order_by or (), page_token=token
        ),
        max_results,
    )


def search_model_versions(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[ModelVersion]:
    """Return the model versions that match, by default the last updated first."""
    registry = state.session().stores.registry
    return collect(
        lambda size, token: registry.search_model_versions(
            filter_string=filter_string or "", max_results=size, order_by=order_by or (), page_token=token
        ),
        max_results,
    )


def _experiments(
    session: state.Session, ids: Sequence[str] | None, names: Sequence[str] | None, everywhere: bool
) -> list[str]:
    if ids and names:
        raise InvalidInputError("Give either experiment_ids or experiment_names.")
    if ids:
        return [str(each) for each in ids]
    store = session.stores.tracking
    if names:
        found = []
        for name in names:
            experiment = store.get_experiment_by_name(name)
            if experiment is None:
                known = [each.name for each in store.search_experiments().items]
                raise NotFoundError(f"There is no experiment {name!r}.", hint=did_you_mean(name, known))
            found.append(experiment.experiment_id)
        return found
    if everywhere:
        all_of_them = collect(lambda size, token: store.search_experiments(max_results=size, page_token=token), None)
        return [each.experiment_id for each in all_of_them]
    return [current_experiment_id()]


def _wants_table(output_format: str | None) -> bool:
    if output_format is None:
        return importlib.util.find_spec("pandas") is not None
    if output_format not in ("pandas", "list"):
        raise InvalidInputError(f"{output_format!r} is not an output format.", hint="Use 'pandas' or 'list'.")
    return output_format == "pandas"


def _runs_table(runs: Sequence[Run]) -> Any:
    import pandas  # optional: only for who asks for a table

    table: dict[str, Any] = {
        "run_id": [run.info.run_id for run in runs],
        "experiment_id": [run.info.experiment_id for run in runs],
        "status": [str(run.info.status) for run in runs],
        "artifact_uri": [run.info.artifact_uri for run in runs],
        "start_time": _times(run.info.start_time for run in runs),
        "end_time": _times(run.info.end_time for run in runs),
    }
    table |= _columns("metrics", [run.data.metrics for run in runs], float("nan"))
    table |= _columns("params", [run.data.params for run in runs], None)
    table |= _columns("tags", [run.data.tags for run in runs], None)
    return pandas.DataFrame(table)


def _times(times: Iterable[int | None]) -> Any:
    import pandas  # optional: only for who asks for a table

    return pandas.to_datetime(pandas.Series(list(times), dtype="Int64"), unit="ms", utc=True)


def _models_table(models: Sequence[LoggedModel]) -> Any:
    import pandas  # optional: only for who asks for a table

    plain: dict[str, Callable[[LoggedModel], Any]] = {
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
    return pandas.DataFrame({name: [read(model) for model in models] for name, read in plain.items()})


def _values(metrics: Sequence[Metric]) -> dict[str, float]:
    return {metric.key: metric.value for metric in metrics}


def _columns(prefix: str, rows: Sequence[dict[str, Any]], missing: Any) -> dict[str, list[Any]]:
    keys = dict.fromkeys(key for row in rows for key in row)
    return {f"{prefix}.{key}": [row.get(key, missing) for row in rows] for key in keys}
