"""Runs at a server: what they are, and searching them."""

from __future__ import annotations

from collections.abc import Sequence

from siglum.client.rest.parts.base import RUNS, StorePart
from siglum.client.rest.session import SIGLUM
from siglum.core.errors import NotSupportedError
from siglum.tracking import calls, own_calls, wire
from siglum.tracking.entities import (
    Run,
    RunInfo,
    RunStatus,
    Tag,
    ViewType,
)
from siglum.tracking.search.grammar import RUNS as RUN_FIELDS
from siglum.tracking.search.parser import parse_column
from siglum.tracking.search.tree import FieldKind
from siglum.tracking.store import Page
from siglum.tracking.table import RunTable


class Runs(StorePart):
    """Runs by id, and searches among them."""

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
        """Create a run. Raises NotSupportedError for a `run_id` that the server does not take, as MLflow's."""
        request = calls.CreateRun(
            experiment_id=experiment_id,
            user_id=user_id or None,
            run_name=run_name,
            start_time=start_time,
            tags=wire.write_tags(tags),
            run_id=run_id,
        )
        run = wire.read_run(self._session.call("POST", f"{RUNS}create", request, calls.RunAnswer, idempotent=False).run)
        if run_id is not None and run.info.run_id != run_id:
            self.delete_run(run.info.run_id)
            raise NotSupportedError(f"The server at {self._session.url} does not let a client choose a run's id.")
        return run

    def get_run(self, run_id: str) -> Run:
        request = calls.RunIdRequest(run_id=run_id, run_uuid=run_id)
        return wire.read_run(self._session.call("GET", f"{RUNS}get", request, calls.RunAnswer).run)

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        request = calls.UpdateRun(
            run_id=run_id, status=None if status is None else status.value, end_time=end_time, run_name=run_name
        )
        return wire.read_run_info(self._session.call("POST", f"{RUNS}update", request, calls.RunInfoAnswer).run_info)

    def delete_run(self, run_id: str) -> None:
        self._send(f"{RUNS}delete", calls.RunIdRequest(run_id=run_id))

    def restore_run(self, run_id: str) -> None:
        self._send(f"{RUNS}restore", calls.RunIdRequest(run_id=run_id))

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
        request = calls.SearchRuns(
            experiment_ids=list(experiment_ids),
            filter=filter_string or None,
            run_view_type=view_type.name,
            max_results=max_results,
            order_by=list(order_by),
            page_token=page_token,
        )
        answer = self._session.call("POST", f"{RUNS}search", request, calls.RunsAnswer)
        return Page(tuple(map(wire.read_run, answer.runs)), answer.next_page_token or None)

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
        fields = [parse_column(text, RUN_FIELDS) for text in columns]
        request = own_calls.RunPage(
            experiment_ids=list(experiment_ids),
            columns=list(columns),
            filter=filter_string or None,
            view_type=view_type.name,
            max_results=max_results,
            order_by=list(order_by),
            page_token=page_token,
        )
        answer = self._session.call("POST", f"{SIGLUM}runs/page", request, own_calls.RunPageAnswer)
        return own_calls.read_table(answer, [field.kind is FieldKind.METRIC for field in fields])
