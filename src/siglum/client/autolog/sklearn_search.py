"""Searches for hyperparameters on record: the best, all results as a table, and a child run for each good candidate."""

from __future__ import annotations

import csv
import io
from typing import Any

from siglum.client import active
from siglum.client.autolog.training import AUTOLOG_TAG, Training
from siglum.client.fluent.experiments import as_tags
from siglum.client.fluent.files import log_text
from siglum.client.fluent.starting import PARENT_TAG
from siglum.core import limits
from siglum.core.clock import now_ms
from siglum.tracking.entities import Metric, Param, RunStatus


def is_search(estimator: Any) -> bool:
    """Whether an estimator is a search for hyperparameters."""
    from sklearn.model_selection._search import BaseSearchCV  # the user has imported it

    return isinstance(estimator, BaseSearchCV)


def log(training: Training, search: Any) -> None:
    """Put a finished search on record."""
    results: dict[str, Any] = search.cv_results_
    if hasattr(search, "best_params_"):
        training.params({f"best_{key}": value for key, value in search.best_params_.items()})
    if hasattr(search, "best_score_"):
        training.metrics({"best_cv_score": search.best_score_})
    training.part("cv_results.csv", lambda: log_text(_as_csv(results), "cv_results.csv"))
    candidates = _by_rank(results)
    chosen = candidates[: training.settings.max_tuning_runs]
    training.part("child runs", lambda: _log_children(training, search, results, chosen))


def _by_rank(results: dict[str, Any]) -> list[int]:
    """Return the numbers of the candidates, the best first."""
    ranks = next((values for key, values in results.items() if key.startswith("rank_test_")), None)
    everything = range(len(results["params"]))
    return list(everything) if ranks is None else sorted(everything, key=lambda number: ranks[number])


def _log_children(training: Training, search: Any, results: dict[str, Any], chosen: list[int]) -> None:
    from sklearn.base import clone  # the user has imported it

    scope = active.current()
    assert scope is not None, "the training has a run"
    store, parent = scope.session.stores.tracking, scope.run
    kind = type(search.estimator)
    tags = {
        PARENT_TAG: parent.info.run_id,
        AUTOLOG_TAG: training.library,
        "estimator_name": kind.__name__,
        "estimator_class": f"{kind.__module__}.{kind.__qualname__}",
        **training.settings.extra_tags,
    }
    for rank, number in enumerate(chosen, 1):
        candidate = clone(search.estimator).set_params(**results["params"][number])
        now = now_ms()
        made = store.create_run(
            parent.info.experiment_id,
            user_id=parent.info.user_id,
            run_name=f"{parent.info.run_name}-{rank}"[: limits.RUN_NAME],
            start_time=now,
            tags=as_tags(tags),
        )
        params = [Param(str(key), str(value)) for key, value in candidate.get_params(deep=True).items()]
        metrics = [Metric(key, value, now) for key, value in _numbers_of(results, number).items()]
        for start in range(0, max(len(params), 1), limits.BATCH_PARAMS):
            store.log_batch(
                made.info.run_id,
                params=params[start : start + limits.BATCH_PARAMS],
                metrics=metrics if start == 0 else (),
            )
        store.update_run(made.info.run_id, status=RunStatus.FINISHED, end_time=now_ms())


def _numbers_of(results: dict[str, Any], number: int) -> dict[str, float]:
    """Return what was measured of a candidate, without the scores of single splits."""
    found = {}
    for key, values in results.items():
        if not key.startswith(("param", "split")):
            found[key] = float(values[number])
    return found


def _as_csv(results: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(results)
    for number in range(len(results["params"])):
        writer.writerow([values[number] for values in results.values()])
    return text.getvalue()
