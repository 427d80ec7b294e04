"""Runs: made, found, changed, and removed for good; and the data that they read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from siglum.core import limits
from siglum.core.errors import InvalidInputError
from siglum.core.names import (
    check_int64,
    check_new_run_id,
    check_page_size,
    check_text,
)
from siglum.tracking.entities import (
    DatasetSummary,
    Run,
    RunInfo,
    RunStatus,
    Tag,
    ViewType,
)
from siglum.tracking.messages import RunMessage
from siglum.tracking.run_names import random_run_name
from siglum.tracking.sql import (
    collect,
    data_versions,
    dataset_summaries,
    run_loading,
    run_search,
    run_table,
    runs,
)
from siglum.tracking.sql.collect import DeletedRun, RemovedRun
from siglum.tracking.sql.parts.base import StorePart
from siglum.tracking.sql.port import Row, Sql
from siglum.tracking.sql.run_search import RunQuestion
from siglum.tracking.store import Page
from siglum.tracking.table import DataVersion, RunTable
from siglum.tracking.validation import (
    check_tags,
)

T = TypeVar("T")


class RunPart(StorePart):
    """Makes, finds, changes and removes runs."""

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
        info, unpacked = self.database.write(
            lambda sql: runs.update(sql, run_id, status=status, end_time=end_time, run_name=run_name)
        )
        while unpacked:  # in transactions of its own, for others to write between them
            unpacked = self.database.write(lambda sql: runs.pack(sql, run_id))
        return info

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

    # -- removing for good -------------------------------------------------------------------------------------
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
