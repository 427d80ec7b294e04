"""`TrackingStore` on a database: checks what comes in, then runs one transaction for each call."""

from __future__ import annotations

import functools
import random
import uuid
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from siglum.core import limits
from siglum.core.errors import InvalidInputError
from siglum.core.names import (
    check_experiment_name,
    check_int64,
    check_key,
    check_logged_model_name,
    check_new_run_id,
    check_page_size,
    check_text,
)
from siglum.tracking.entities import (
    DatasetInput,
    DatasetSummary,
    Experiment,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    Run,
    RunInfo,
    RunStatus,
    Tag,
    ViewType,
)
from siglum.tracking.messages import RunMessage
from siglum.tracking.run_names import random_run_name
from siglum.tracking.search.paging import decode_token, encode_token, query_digest
from siglum.tracking.series import Point
from siglum.tracking.sql import (
    collect,
    data_versions,
    dataset_summaries,
    experiments,
    logged_models,
    metric_window,
    model_history,
    points,
    run_loading,
    run_search,
    run_table,
    runs,
    series_columns,
)
from siglum.tracking.sql.collect import DeletedRun, RemovedRun
from siglum.tracking.sql.database import Database
from siglum.tracking.sql.points import MetricSummary
from siglum.tracking.sql.port import Row, Sql
from siglum.tracking.sql.run_search import RunQuestion
from siglum.tracking.store import DatasetFilter, LoggedModelOrder, Page
from siglum.tracking.table import Columns, DataVersion, RunTable, Window
from siglum.tracking.validation import (
    check_batch_sizes,
    check_dataset_input,
    check_idempotency_key,
    check_params,
    check_tag,
    check_tags,
    exact_value,
    group_metrics,
)

T = TypeVar("T")


class SqlTrackingStore:
    """Experiments, runs and logged models in a database, which it shares with others and does not own.

    Closing the store closes the database. `source` makes ids and names: a test passes one with a seed.
    """

    def __init__(self, database: Database, source: random.Random | None = None) -> None:
        self.database = database
        self._clock = database.clock
        self._random = source or random.SystemRandom()
        self._key_ids: dict[str, int] = {}
        """Ids of metric keys that are committed; they never change."""

    def _new_id(self) -> str:
        return uuid.UUID(int=self._random.getrandbits(128), version=4).hex

    # -- experiments -------------------------------------------------------------------------------------------
    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Sequence[Tag] = ()) -> str:
        check_experiment_name(name)
        check_text(artifact_location or "", "artifact_location", limits.ARTIFACT_LOCATION)
        by_key = check_tags(tags, limits.EXPERIMENT_TAG_VALUE)
        now = self._clock()
        return self.database.write(lambda sql: experiments.create(sql, name, artifact_location or None, by_key, now))

    def get_experiment(self, experiment_id: str) -> Experiment:
        return self.database.read(lambda sql: experiments.get(sql, experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        return self.database.read(lambda sql: experiments.get_by_name(sql, name))

    def search_experiments(
        self,
        *,
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[Experiment]:
        check_page_size(max_results, limits.EXPERIMENTS_PAGE)
        return self.database.read(
            functools.partial(
                experiments.search,
                view_type=view_type,
                max_results=max_results,
                filter_string=filter_string,
                order_by=order_by,
                page_token=page_token,
            )
        )

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        check_experiment_name(new_name)
        now = self._clock()
        self.database.write(lambda sql: experiments.rename(sql, experiment_id, new_name, now))

    def delete_experiment(self, experiment_id: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: experiments.delete(sql, experiment_id, now))

    def restore_experiment(self, experiment_id: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: experiments.restore(sql, experiment_id, now))

    def set_experiment_tag(self, experiment_id: str, tag: Tag) -> None:
        check_tag(tag, limits.EXPERIMENT_TAG_VALUE)
        now = self._clock()
        self.database.write(lambda sql: experiments.set_tag(sql, experiment_id, tag, now))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: experiments.delete_tag(sql, experiment_id, key, now))

    # -- runs --------------------------------------------------------------------------------------------------
    def create_run(
        self,
        experiment_id: str,
        *,
        user_id: str = "",
        run_name: str | None = None,
        start_time: int | None = None,
        tags: Sequence[Tag] = (),
        run_id: str | None = None,
    ) -> Run:
        by_key = check_tags(tags, limits.RUN_TAG_VALUE)
        name = runs.resolve_name(run_name, by_key, lambda: random_run_name(self._random))
        new = runs.NewRun(
            run_id=self._new_id() if run_id is None else check_new_run_id(run_id),
            experiment_id=experiment_id,
            run_name=check_text(name, "run_name", limits.RUN_NAME),
            user_id=check_text(user_id, "user_id", limits.USER_ID),
            start_time=self._clock() if start_time is None else check_int64(start_time, "start_time"),
            tags=by_key,
        )
        return self.database.write(lambda sql: runs.create(sql, new))

    def get_run(self, run_id: str) -> Run:
        return self.database.read(lambda sql: runs.get(sql, run_id))

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        check_int64(end_time or 0, "end_time")
        check_text(run_name or "", "run_name", limits.RUN_NAME)
        return self.database.write(
            lambda sql: runs.update(sql, run_id, status=status, end_time=end_time, run_name=run_name)
        )

    def delete_run(self, run_id: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: runs.delete(sql, run_id, now))

    def restore_run(self, run_id: str) -> None:
        self.database.write(lambda sql: runs.restore(sql, run_id))

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
        question = RunQuestion(experiment_ids, filter_string, view_type, max_results, order_by, page_token)
        return self._search_runs(question, run_loading.load)

    def search_run_messages(
        self,
        experiment_ids: Sequence[str],
        *,
        filter_string: str = "",
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[RunMessage]:
        question = RunQuestion(experiment_ids, filter_string, view_type, max_results, order_by, page_token)
        return self._search_runs(question, run_loading.load_messages)

    def _search_runs(self, question: RunQuestion, load: Callable[[Sql, Sequence[Row]], list[T]]) -> Page[T]:
        check_page_size(question.max_results, limits.RUNS_PAGE)
        return self.database.read(lambda sql: run_search.search(sql, question, load))

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
        check_page_size(max_results, limits.RUNS_PAGE)
        return self.database.read(
            lambda sql: run_table.page(
                sql,
                experiment_ids,
                columns,
                filter_string=filter_string,
                view_type=view_type,
                max_results=max_results,
                order_by=order_by,
                page_token=page_token,
            )
        )

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
        known, now = self._key_ids, self._clock()
        return lambda sql: runs.log_batch(sql, run_id, batch, known, now)

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

    def search_datasets(self, experiment_ids: Sequence[str]) -> tuple[DatasetSummary, ...]:
        if not 1 <= len(experiment_ids) <= limits.DATASET_EXPERIMENTS:
            raise InvalidInputError(
                f"SearchDatasets request must specify 1 to {limits.DATASET_EXPERIMENTS} experiment_ids. "
                f"Received {len(experiment_ids)} experiment_ids."
            )
        return self.database.read(lambda sql: dataset_summaries.search(sql, experiment_ids, limits.DATASET_SUMMARIES))

    def data_versions(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        name: str | None = None,
        path: str | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[DataVersion]:
        check_page_size(max_results, limits.DATA_VERSIONS_PAGE)
        return self.database.read(
            lambda sql: data_versions.search(
                sql, experiment_ids, name=name, path=path, max_results=max_results, page_token=page_token
            )
        )

    # -- removing runs for good --------------------------------------------------------------------------------
    def deleted_runs(
        self, *, before: int, run_ids: Collection[str] = (), experiment_ids: Sequence[str] = ()
    ) -> list[DeletedRun]:
        """Return the runs that were deleted before a time, and which model versions need them."""
        return self.database.read(
            lambda sql: collect.deleted_runs(sql, before=before, run_ids=run_ids, experiment_ids=experiment_ids)
        )

    def remove_runs(self, run_ids: Sequence[str], *, before: int) -> None:
        """Remove deleted runs, but not their files. Raises ConflictError when a model version needs one of them."""
        now = self._clock()
        self.database.write(lambda sql: collect.remove(sql, run_ids, before, now), weight=100 * len(run_ids))

    def removed_runs(self) -> list[RemovedRun]:
        """Return the runs that are gone, but whose files may be there still."""
        return self.database.read(collect.removed_runs)

    def forget_removed_run(self, run_id: str) -> None:
        """Say that the files of a removed run are gone."""
        self.database.write(lambda sql: collect.forget(sql, run_id))

    # -- logged models -----------------------------------------------------------------------------------------
    def create_logged_model(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Sequence[Tag] = (),
        params: Sequence[Param] = (),
        model_type: str | None = None,
    ) -> LoggedModel:
        check_text(model_type or "", "model_type", limits.MODEL_TYPE)
        new = logged_models.NewLoggedModel(
            model_id=f"m-{self._new_id()}",
            experiment_id=experiment_id,
            name=random_run_name(self._random) if name is None else check_logged_model_name(name),
            source_run_id=source_run_id or None,
            model_type=model_type,
            tags=check_tags(tags, limits.LOGGED_MODEL_TAG_VALUE),
            params=check_params(params),
        )
        now = self._clock()
        return self.database.write(lambda sql: logged_models.create(sql, new, now))

    def get_logged_model(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        return self.database.read(lambda sql: logged_models.get(sql, model_id, allow_deleted=allow_deleted))

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        now = self._clock()
        return self.database.write(lambda sql: logged_models.finalize(sql, model_id, status, now))

    def delete_logged_model(self, model_id: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: logged_models.delete(sql, model_id, now))

    def set_logged_model_tags(self, model_id: str, tags: Sequence[Tag]) -> None:
        by_key = check_tags(tags, limits.LOGGED_MODEL_TAG_VALUE)
        now = self._clock()
        self.database.write(lambda sql: logged_models.set_tags(sql, model_id, by_key, now))

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: logged_models.delete_tag(sql, model_id, key, now))

    def log_logged_model_params(self, model_id: str, params: Sequence[Param]) -> None:
        by_key = check_params(params)
        now = self._clock()
        self.database.write(lambda sql: logged_models.add_params(sql, model_id, by_key, now))

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        *,
        filter_string: str = "",
        datasets: Sequence[DatasetFilter] = (),
        max_results: int = 100,
        order_by: Sequence[LoggedModelOrder] = (),
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        check_page_size(max_results, limits.LOGGED_MODELS_PAGE)
        return self.database.read(
            lambda sql: logged_models.search(
                sql,
                experiment_ids,
                filter_string=filter_string,
                datasets=datasets,
                max_results=max_results,
                order_by=order_by,
                page_token=page_token,
            )
        )

    def close(self) -> None:
        self.database.close()


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
