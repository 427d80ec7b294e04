"""What runs log: metrics, parameters, tags, data sets and models; and reading the series of metrics."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from siglum.core import limits
from siglum.core.errors import InvalidInputError
from siglum.core.names import (
    check_int64,
    check_key,
    check_text,
)
from siglum.tracking.entities import (
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Tag,
)
from siglum.tracking.search.paging import decode_token, encode_token, query_digest
from siglum.tracking.series import Point
from siglum.tracking.sql import (
    metric_window,
    model_history,
    point_batches,
    points,
    runs,
    series_columns,
)
from siglum.tracking.sql.database import Database
from siglum.tracking.sql.group_commit import Joint
from siglum.tracking.sql.parts.base import StorePart
from siglum.tracking.sql.point_batches import PointBatch
from siglum.tracking.sql.points import MetricSummary
from siglum.tracking.sql.port import Sql
from siglum.tracking.store import Page
from siglum.tracking.table import Columns, Window
from siglum.tracking.validation import (
    check_batch_sizes,
    check_dataset_input,
    check_idempotency_key,
    check_params,
    check_tags,
    exact_value,
    group_metrics,
)


class ValuePart(StorePart):
    """Stores what runs log, and reads series."""

    def __init__(self, database: Database, source: random.Random | None = None) -> None:
        super().__init__(database, source)
        self._key_ids: dict[str, int] = {}
        """Ids of metric keys that are committed; they never change."""

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[Tag] = (),
        idempotency_key: str | None = None,
    ) -> None:
        batch = self._checked_batch(metrics, params, tags, idempotency_key)
        self._remember(self.database.write(self._storing(run_id, batch), batch.weight))

    def queue_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[Tag] = (),
        idempotency_key: str | None = None,
    ) -> Future[Any]:
        batch = self._checked_batch(metrics, params, tags, idempotency_key)
        stored = self.database.submit(self._storing(run_id, batch), batch.weight)
        stored.add_done_callback(lambda done: None if done.exception() else self._remember(done.result()))
        return stored

    def _checked_batch(
        self, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[Tag], idempotency_key: str | None
    ) -> runs.Batch:
        check_batch_sizes(len(metrics), len(params), len(tags))
        return runs.Batch(
            series=group_metrics(metrics, self._key_ids),
            params=check_params(params),
            tags=check_tags(tags, limits.RUN_TAG_VALUE),
            model_points=[_checked_model_point(metric) for metric in metrics if metric.model_id is not None],
            idempotency_key=None if idempotency_key is None else check_idempotency_key(idempotency_key),
        )

    def _storing(self, run_id: str, batch: runs.Batch) -> Callable[[Sql], dict[str, int]]:
        if batch.is_points_only and batch.weight <= point_batches.MOST_POINTS:
            return Joint(self._store_points, PointBatch(run_id, batch.series))
        known, now = self._key_ids, self._clock()
        return lambda sql: runs.log_batch(sql, run_id, batch, known, now)

    def _store_points(self, sql: Sql, batches: Sequence[PointBatch]) -> Sequence[dict[str, int]]:
        return point_batches.store(sql, batches, self._key_ids)

    def _remember(self, new_keys: dict[str, int]) -> None:
        """Note keys of metrics once they are committed: those of a transaction that is undone must not be known."""
        if new_keys:
            self._key_ids.update(new_keys)

    def replace_params(self, run_id: str, params: Sequence[Param]) -> None:
        check_batch_sizes(0, len(params), 0)
        by_key, now = check_params(params), self._clock()
        self.database.write(lambda sql: runs.replace_params(sql, run_id, by_key, now), weight=2 + len(by_key))

    def delete_tag(self, run_id: str, key: str) -> None:
        self.database.write(lambda sql: runs.delete_tag(sql, run_id, key))

    def metric_history(
        self, run_id: str, key: str, *, max_results: int | None = None, page_token: str | None = None
    ) -> Page[Metric]:
        if max_results is not None and max_results < 1:
            raise InvalidInputError(f"Invalid value {max_results} for parameter 'max_results' supplied: not positive.")
        query = query_digest("history", run_id, key)
        after = None
        if page_token:
            step, timestamp, value = decode_token(page_token, query, 3)
            after = (step, timestamp, points.from_column(value))

        def read(sql: Sql) -> list[Point]:
            run_key, _, _ = runs.require_run(sql, run_id)
            return points.read_series(sql, run_key, key, after, None if max_results is None else max_results + 1)

        found = self.database.read(read)
        page = found if max_results is None else found[:max_results]
        token = encode_token(query, page[-1]) if len(found) > len(page) else None
        return Page(tuple(Metric(key, value, timestamp, step) for step, timestamp, value in page), token)

    def metric_columns(self, run_id: str, key: str, *, after: Point | None, limit: int) -> Columns:
        return self.database.read(lambda sql: series_columns.read(sql, run_id, key, after, limit))

    def metric_summaries(self, run_id: str) -> dict[str, MetricSummary]:
        """Return last, least, greatest and count of each series of a run, by key."""

        def read(sql: Sql) -> dict[str, MetricSummary]:
            run_key, _, _ = runs.require_run(sql, run_id)
            return points.read_summaries(sql, run_key)

        return self.database.read(read)

    def metric_window(
        self, run_id: str, key: str, buckets: int, *, start_step: int | None = None, end_step: int | None = None
    ) -> Window:
        if not 1 <= buckets <= limits.WINDOW_BUCKETS:
            raise InvalidInputError(f"buckets must be between 1 and {limits.WINDOW_BUCKETS:,}.")
        return self.database.read(lambda sql: metric_window.read(sql, run_id, key, buckets, start_step, end_step))

    def log_inputs(
        self,
        run_id: str,
        *,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[LoggedModelInput] = (),
    ) -> None:
        for i, item in enumerate(datasets):
            check_dataset_input(item, f"datasets[{i}]")
        self.database.write(lambda sql: runs.log_inputs(sql, run_id, datasets, models))

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        for i, model in enumerate(models):
            check_int64(model.step, f"models[{i}].step")
        self.database.write(lambda sql: runs.log_outputs(sql, run_id, models))

    def log_model_history(self, run_id: str, model: dict[str, Any]) -> None:
        self.database.write(lambda sql: model_history.append(sql, run_id, model))


def _checked_model_point(metric: Metric) -> Metric:
    check_key(metric.key, "key")
    check_text(metric.dataset_name or "", "dataset_name", limits.DATASET_NAME)
    check_text(metric.dataset_digest or "", "dataset_digest", limits.DATASET_DIGEST)
    return Metric(
        metric.key,
        exact_value(metric.value),
        metric.timestamp,
        metric.step,
        model_id=metric.model_id,
        dataset_name=metric.dataset_name,
        dataset_digest=metric.dataset_digest,
    )
