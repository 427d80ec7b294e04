"""The port to experiments and runs. `tracking.sql` implements it on a database, `client.rest` over HTTP.

Contract, checked by `siglum.testing.TrackingStoreContract`:

- A mutating call that returns has been committed and flushed; one that raises has changed nothing.
- `log_batch` is all or nothing: a batch with one bad entry stores none of it.
- Unknown ids raise NotFoundError; a write to something deleted raises ConflictError; bad names, sizes and values
  raise InvalidInputError; a parameter that was logged with another value raises ConflictError.
- Pages are bounded by `max_results`; a page token is opaque, survives inserts, and belongs to its query.
- Any method may be called from any thread. Calls block the calling thread only.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Generic, Protocol, TypeVar

import msgspec

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
from siglum.tracking.series import Point
from siglum.tracking.table import Columns, DataVersion, RunTable, Window

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of results; `next_token` is None on the last."""

    items: tuple[T, ...]
    next_token: str | None = None


class LoggedModelOrder(msgspec.Struct, frozen=True):
    """One clause of the order of a search for logged models."""

    field_name: str
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None


class DatasetFilter(msgspec.Struct, frozen=True):
    """Restrict metric clauses of a search for logged models to one data set."""

    dataset_name: str
    dataset_digest: str | None = None


class TrackingStore(Protocol):
    """Experiments, runs, metrics and logged models. See the module's contract."""

    # -- experiments -----------------------------------------------------------------------------------------
    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Sequence[Tag] = ()) -> str:
        """Create an experiment and return its id. Raises AlreadyExistsError, also for a deleted one's name."""
        ...

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment, deleted or not."""
        ...

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of that name, deleted or not, or None."""
        ...

    def search_experiments(
        self,
        *,
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """Return experiments that match; by default the newest first."""
        ...

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Rename an active experiment."""
        ...

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and all its runs as deleted."""
        ...

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo `delete_experiment`, runs included."""
        ...

    def set_experiment_tag(self, experiment_id: str, tag: Tag) -> None:
        """Set or replace one tag."""
        ...

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove one tag. Raises NotFoundError when it is not there."""
        ...

    # -- runs ------------------------------------------------------------------------------------------------
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
        """Create a run in status RUNNING. A `run_id` is 32 hex digits and must not be taken."""
        ...

    def get_run(self, run_id: str) -> Run:
        """Return a run with all it logged, deleted or not."""
        ...

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change what is not None. A new name also becomes the tag `mlflow.runName`."""
        ...

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted; repeating it changes nothing."""
        ...

    def restore_run(self, run_id: str) -> None:
        """Undo `delete_run`; repeating it changes nothing."""
        ...

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
        """Return runs that match; by default the latest started first."""
        ...

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
        """Return a page of runs as `search_runs` would, with these columns only, and how many runs match in all."""
        ...

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[Tag] = (),
        idempotency_key: str | None = None,
    ) -> None:
        """Store metric points, parameters and tags of one run, all or nothing.

        A batch that comes again with the same `idempotency_key`, which the client chooses, is stored once; another
        batch with the same key raises ConflictError. A key belongs to its run and is remembered for a week at least.
        To the tag `mlflow.loggedArtifacts`, a list, entries are only added: several clients write it.
        """
        ...

    def replace_params(self, run_id: str, params: Sequence[Param]) -> None:
        """Store parameters in place of those that were logged, all or nothing.

        What they were before is appended to the tag `siglum.params.replaced`: JSON of `key`, `old`, `new` and `time`
        of each change. Raises NotSupportedError where the server is not Siglum's.
        """
        ...

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove one tag. Raises NotFoundError when it is not there."""
        ...

    def metric_history(
        self, run_id: str, key: str, *, max_results: int | None = None, page_token: str | None = None
    ) -> Page[Metric]:
        """Return the points of one key, ordered by (timestamp, step, value), duplicates once."""
        ...

    def metric_window(
        self, run_id: str, key: str, buckets: int, *, start_step: int | None = None, end_step: int | None = None
    ) -> Window:
        """Return the points of one key between two steps in at most `buckets` ranges, or one by one while they fit."""
        ...

    def log_inputs(
        self,
        run_id: str,
        *,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[LoggedModelInput] = (),
    ) -> None:
        """Record what a run read. The same data set again changes nothing."""
        ...

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record what a run made. The same model again changes nothing."""
        ...

    def log_model_history(self, run_id: str, model: dict[str, Any]) -> None:
        """Add a model, as the JSON object that MLflow 2 describes it with, to the run's tag of logged models."""
        ...

    def search_datasets(self, experiment_ids: Sequence[str]) -> tuple[DatasetSummary, ...]:
        """Return the first 1,000 data sets that runs of these experiments read, by name, once for each context."""
        ...

    def data_versions(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        name: str | None = None,
        path: str | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[DataVersion]:
        """Return the contents of data sets that active runs read, the latest used first; of all experiments by default.

        Raises NotSupportedError where the server is not Siglum's.
        """
        ...

    # -- logged models ---------------------------------------------------------------------------------------
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
        """Create a logged model in status PENDING; its files go to `artifact_location`."""
        ...

    def get_logged_model(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        """Return a logged model."""
        ...

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Set the status once its files are all there, or are known to be missing."""
        ...

    def delete_logged_model(self, model_id: str) -> None:
        """Mark a logged model as deleted; repeating it changes nothing."""
        ...

    def set_logged_model_tags(self, model_id: str, tags: Sequence[Tag]) -> None:
        """Set or replace tags."""
        ...

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove one tag. Raises NotFoundError when it is not there."""
        ...

    def log_logged_model_params(self, model_id: str, params: Sequence[Param]) -> None:
        """Add parameters."""
        ...

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
        """Return logged models that match; by default the newest first."""
        ...

    def close(self) -> None:
        """Finish what was accepted and release files and threads. Repeating it changes nothing."""
        ...


class ServedTrackingStore(TrackingStore, Protocol):
    """What a server needs beyond that: not to wait for what is logged, and runs without a detour over entities."""

    def queue_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[Tag] = (),
        idempotency_key: str | None = None,
    ) -> Future[Any]:
        """Begin what `log_batch` does, and return at once. What is wrong with the batch itself is raised now.

        The future ends as `log_batch` would: once all is committed and flushed, or with what it raises. It cannot be
        cancelled.
        """
        ...

    def metric_columns(self, run_id: str, key: str, *, after: Point | None, limit: int) -> Columns:
        """Return about `limit` points of a series in columns, in the order of its history, those after `after`."""
        ...

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
        """Return what `search_runs` does, each run as the message that it is answered as."""
        ...
