"""What is asked of a server about runs: after what this process has written to them has been sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from siglum.client.spool.queue import SpoolQueue
from siglum.client.spool.records import NAMED
from siglum.core.errors import UnavailableError
from siglum.tracking.entities import Experiment, Metric, Run, ViewType
from siglum.tracking.store import Page, TrackingStore
from siglum.tracking.table import RunTable, Window


class AskedStore:
    """The reading part of a `TrackingStore`. What stands in no method here is asked of the store itself, at once."""

    def __init__(self, store: TrackingStore, queue: SpoolQueue) -> None:
        self._store = store
        self._queue = queue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get_run(self, run_id: str) -> Run:
        self._sent(run_id)
        run = self._store.get_run(run_id)
        self._queue.learn_params(run_id, run.data.params)
        return run

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter_string: str = "",
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[Run]:
        self._sent(None)
        return self._store.search_runs(
            experiment_ids,
            filter_string=filter_string,
            view_type=view_type,
            max_results=max_results,
            order_by=order_by,
            page_token=page_token,
        )

    def run_table(
        self,
        experiment_ids: Sequence[str],
        columns: Sequence[str],
        *,
        filter_string: str = "",
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> RunTable:
        self._sent(None)
        return self._store.run_table(
            experiment_ids,
            columns,
            filter_string=filter_string,
            view_type=view_type,
            max_results=max_results,
            order_by=order_by,
            page_token=page_token,
        )

    def metric_history(
        self, run_id: str, key: str, *, max_results: int | None = None, page_token: str | None = None
    ) -> Page[Metric]:
        self._sent(run_id)
        return self._store.metric_history(run_id, key, max_results=max_results, page_token=page_token)

    def metric_window(
        self, run_id: str, key: str, buckets: int, *, start_step: int | None = None, end_step: int | None = None
    ) -> Window:
        self._sent(run_id)
        return self._store.metric_window(run_id, key, buckets, start_step=start_step, end_step=end_step)

    def delete_run(self, run_id: str) -> None:
        self._sent(run_id)
        self._store.delete_run(run_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return an experiment; when the server does not answer, one that is looked up or made when it does."""
        try:
            return self._store.get_experiment_by_name(name)
        except UnavailableError as error:
            self._queue.note_away(error)
            return Experiment(
                experiment_id=NAMED + name, name=name, artifact_location="", creation_time=0, last_update_time=0
            )

    def _sent(self, run_id: str | None) -> None:
        self._queue.send(run_id)
