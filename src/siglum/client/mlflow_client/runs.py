"""MlflowClient: runs and what they log. A call waits for the store; the fluent API does not.

What is written to a server goes through the spool all the same: while the server is away, the call returns, and what it
wrote is sent later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from siglum.client import parameters
from siglum.client.active import parse_status
from siglum.client.arguments import as_experiment_id, as_integer, as_number, as_view_type
from siglum.client.batching import batches
from siglum.client.mlflow_client.base import ClientBase
from siglum.client.paging import PagedList, collect
from siglum.client.pending import PendingWrites, handle
from siglum.core.clock import now_ms
from siglum.lineage.capture import user_name
from siglum.tracking.entities import (
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    Tag,
    ViewType,
)

_HISTORY_PAGE = 25_000


class RunMethods(ClientBase):
    """Runs by id. What is logged is stored on return, if the store answers; `synchronous=False` returns a handle."""

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Create a run that is not active anywhere; nothing is captured for it."""
        return self._tracking.create_run(
            as_experiment_id(experiment_id),
            user_id=(tags or {}).get("mlflow.user") or user_name(),
            run_name=None if run_name is None else str(run_name),
            start_time=now_ms() if start_time is None else start_time,
            tags=[Tag(key, str(value)) for key, value in (tags or {}).items()],
        )

    def get_run(self, run_id: str) -> Run:
        """Return a run with all it logged, deleted or not. Raises NotFoundError."""
        self._flush(run_id)
        return self._tracking.get_run(run_id)

    def get_parent_run(self, run_id: str) -> Run | None:
        """Return the run that `run_id` is nested in, or None."""
        parent = self.get_run(run_id).data.tags.get("mlflow.parentRunId")
        return None if parent is None else self.get_run(parent)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """Return one page of runs that match, by default the latest started first."""
        self._session.queue.catch_up()
        return PagedList(
            self._tracking.search_runs(
                [experiment_ids] if isinstance(experiment_ids, str) else list(map(as_experiment_id, experiment_ids)),
                filter_string=filter_string or "",
                view_type=as_view_type(run_view_type),
                max_results=max_results,
                order_by=order_by or (),
                page_token=page_token,
            )
        )

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Return all points of a metric, ordered by (timestamp, step, value)."""
        self._flush(run_id)
        return collect(
            lambda size, token: self._tracking.metric_history(run_id, key, max_results=size, page_token=token),
            None,
            _HISTORY_PAGE,
        )

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: float,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> PendingWrites | None:
        """Log one point and return when it is stored. For many points use `log_batch` or the fluent API."""
        self._settle(run_id)
        point = Metric(
            key,
            as_number(value, key),
            now_ms() if timestamp is None else as_integer(timestamp, "timestamp"),
            as_integer(step or 0, "step"),
            model_id,
            dataset_name,
            dataset_digest,
        )
        self._tracking.log_batch(run_id, metrics=[point])
        self._settle(run_id)
        return handle(self._session, run_id, synchronous)

    def log_param(
        self,
        run_id: str,
        key: str,
        value: Any,
        synchronous: bool | None = None,
        *,
        on_conflict: parameters.OnConflict = "error",
    ) -> Any:
        """Log a parameter and return its value.

        `on_conflict` says what to do when it was logged with another value: `error` raises ConflictError, `keep`
        leaves that value, `replace` takes the new one and keeps the old in the tag `siglum.params.replaced`.
        """
        parameters.log(self._tracking, run_id, {key: value}, on_conflict)
        self._settle(run_id)
        return handle(self._session, run_id, synchronous) or value

    def set_tag(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> PendingWrites | None:
        """Set or replace a tag."""
        self._tracking.log_batch(run_id, tags=[Tag(key, str(value))])
        self._settle(run_id)
        return handle(self._session, run_id, synchronous)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag. Raises NotFoundError when it is not there."""
        self._tracking.delete_tag(run_id, key)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[Tag] = (),
        synchronous: bool | None = None,
    ) -> PendingWrites | None:
        """Log points, parameters and tags of one run: what fits one request, 1,000 in all, all or nothing."""
        self._settle(run_id)
        for points, named, tagged in batches(metrics, params, tags):
            self._tracking.log_batch(run_id, metrics=points, params=named, tags=tagged)
        self._settle(run_id)
        return handle(self._session, run_id, synchronous)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] | None = None,
        models: Sequence[LoggedModelInput] | None = None,
    ) -> None:
        """Record what a run read."""
        self._tracking.log_inputs(run_id, datasets=datasets or (), models=models or ())
        self._settle(run_id)

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record which logged models a run made."""
        self._tracking.log_outputs(run_id, models)
        self._settle(run_id)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change a run's status, its name or both."""
        self._tracking.update_run(run_id, status=None if status is None else parse_status(status), run_name=name)
        self._settle(run_id)

    def set_terminated(self, run_id: str, status: str | None = None, end_time: int | None = None) -> None:
        """End a run, FINISHED when no status is given, now when no time is."""
        self._settle(run_id)
        self._tracking.update_run(
            run_id, status=parse_status(status or "FINISHED"), end_time=now_ms() if end_time is None else end_time
        )
        self._settle(run_id)
        self._session.queue.end(run_id)

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted; it can be restored."""
        self._flush(run_id)
        self._tracking.delete_run(run_id)

    def restore_run(self, run_id: str) -> None:
        """Undo `delete_run`."""
        self._tracking.restore_run(run_id)
