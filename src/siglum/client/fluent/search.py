"""Searches: all pages together, as pandas tables where pandas is installed."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from typing import Any

from siglum.client import run_tables, state
from siglum.client.arguments import as_experiment_id, as_view_type
from siglum.client.fluent.experiments import current_experiment_id
from siglum.client.paging import Listed, collect
from siglum.core.errors import InvalidInputError
from siglum.core.text import did_you_mean
from siglum.registry.entities import ModelVersion, RegisteredModel
from siglum.tracking.entities import ViewType
from siglum.tracking.store import DatasetFilter, LoggedModelOrder

MAX_RUNS = 100_000

_log = logging.getLogger("siglum")


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
        output_format: `pandas` or `polars` (a table with a column for each metric, parameter and tag) or `list`; by
            default a pandas table where pandas is installed.
        search_all_experiments: Search every active experiment, when none is named.
        experiment_names: Search these experiments; not together with `experiment_ids`. One that there is not is
            warned of, with the names that are near, and has no runs.
    """
    chosen = _output_format(output_format)
    session = state.session()
    session.queue.catch_up()
    ids = _experiments(session, experiment_ids, experiment_names, search_all_experiments)
    runs = collect(
        lambda size, token: session.stores.tracking.search_runs(
            ids,
            filter_string=filter_string or "",
            view_type=as_view_type(run_view_type),
            max_results=size,
            order_by=order_by or (),
            page_token=token,
        ),
        max_results,
    )
    return run_tables.MAKERS[chosen](runs)


def search_logged_models(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    datasets: Sequence[dict[str, str]] | None = None,
    max_results: int | None = None,
    order_by: Sequence[dict[str, Any]] | None = None,
    output_format: str | None = None,
) -> Any:
    """Return the logged models that match, by default those of the current experiment, the newest first."""
    chosen = _output_format(output_format)
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
    return run_tables.MODEL_MAKERS[chosen](models)


def search_registered_models(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[RegisteredModel]:
    """Return the registered models that match, by default by name."""
    registry = state.session().stores.registry
    found = collect(
        lambda size, token: registry.search_registered_models(
            filter_string=filter_string or "", max_results=size, order_by=order_by or (), page_token=token
        ),
        max_results,
    )
    return Listed(found)


def search_model_versions(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[ModelVersion]:
    """Return the model versions that match, by default the last updated first."""
    registry = state.session().stores.registry
    found = collect(
        lambda size, token: registry.search_model_versions(
            filter_string=filter_string or "", max_results=size, order_by=order_by or (), page_token=token
        ),
        max_results,
    )
    return Listed(found)


def _experiments(
    session: state.Session, ids: Sequence[str] | None, names: Sequence[str] | None, everywhere: bool
) -> list[str]:
    if ids and names:
        raise InvalidInputError("Give either experiment_ids or experiment_names.")
    if ids:
        return [ids] if isinstance(ids, str) else list(map(as_experiment_id, ids))
    store = session.stores.tracking
    if names:
        found = []
        for name in names:
            experiment = store.get_experiment_by_name(name)
            if experiment is None:
                known = [each.name for each in store.search_experiments().items]
                _log.warning("There is no experiment %r. %s", name, did_you_mean(name, known) or "")
                continue  # as with MLflow, whose scripts look for the runs of experiments that are not made yet
            found.append(experiment.experiment_id)
        return found
    if everywhere:
        all_of_them = collect(lambda size, token: store.search_experiments(max_results=size, page_token=token), None)
        return [each.experiment_id for each in all_of_them]
    return [current_experiment_id()]


def _output_format(asked: str | None) -> str:
    if asked is None:
        return "pandas" if importlib.util.find_spec("pandas") is not None else "list"
    if asked not in run_tables.MAKERS:
        raise InvalidInputError(
            f"{asked!r} is not an output format.", hint=f"Use one of {', '.join(map(repr, run_tables.MAKERS))}."
        )
    return asked
