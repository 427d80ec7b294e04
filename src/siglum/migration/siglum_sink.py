"""Siglum's database and files as a target. Writes are queued, so that many runs share one flush."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Final

from siglum.client.stores import Stores
from siglum.core.errors import InvalidInputError
from siglum.migration.outcome import RegistryAdded
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.migration.sink import has_file
from siglum.registry.entities import Change
from siglum.registry.sql import bulk as registry_bulk
from siglum.registry.sql import foreign_audit
from siglum.registry.sql.audit import AuditLog
from siglum.registry.sql.bulk import ModelRecord
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore
from siglum.tracking.entities import Experiment, Run
from siglum.tracking.sql import bulk
from siglum.tracking.sql.database import Database
from siglum.tracking.sql.port import Sql
from siglum.tracking.sql.store import SqlTrackingStore

_WAITING: Final = 64


def database_of(stores: Stores) -> Database:
    """Return the database behind stores. Raises InvalidInputError when a server stands before it."""
    if not isinstance(stores.tracking, SqlTrackingStore):
        raise InvalidInputError(
            f"{stores.uri} is a server, which does not tell all that an export holds.",
            hint="Name its database, where the server runs: sqlite:///path.db or postgresql://user@host/name.",
        )
    return stores.tracking.database


class SiglumSink:
    """Implements `Sink`. `change` says who migrates, for the audit log."""

    def __init__(self, stores: Stores, change: Change) -> None:
        self._stores = stores
        self._change = change
        self._database = database_of(stores)
        self._waiting: deque[Future[int | None]] = deque()
        self.points_added = 0

    def add_experiment(self, experiment: Experiment, location: str | None) -> tuple[str, bool]:
        return self._database.write(lambda sql: bulk.add_experiment(sql, experiment, location))

    def add_run(self, record: RunRecord, points: Iterator[Series]) -> bool:
        run = record.run
        # where nobody knows when, the time of grace before it may be removed for good begins now
        deleted_time = self._database.clock() if record.deleted_time is None else record.deleted_time
        run_id = run.info.run_id
        before = self._database.read(lambda sql: bulk.points_of(sql, run_id))
        if record.points is not None and record.points == (before or 0):
            points = iter(())
        portion = next(points, {})

        def add(sql: Sql) -> int:
            bulk.add_run(sql, run, deleted_time)
            return bulk.add_points(sql, run_id, portion) if portion else 0

        self._queue(add, 50 + _size(portion))
        for series in points:
            self.finish()  # a long run: its portions one by one
            self._queue(functools.partial(bulk.add_points, run_id=run_id, series=series), _size(series))
        if portion:
            self._queue(lambda sql: bulk.pack_run(sql, run_id), 1)
        return before is None

    def add_logged_model(self, record: LoggedModelRecord) -> bool:
        return self._database.write(lambda sql: bulk.add_logged_model(sql, record.model, deleted=record.deleted))

    def link_models(self, run: Run) -> None:
        self._queue(lambda sql: bulk.link_models(sql, run), 5)

    def add_registry(self, records: Sequence[ModelRecord], history: RegistryHistory | None) -> RegistryAdded:
        now = self._database.clock()

        def add(sql: Sql) -> RegistryAdded:
            new = sum(not registry_bulk.has_model(sql, record.model.name) for record in records)
            log = AuditLog(sql, self._change, now)
            if history is None:
                return RegistryAdded(
                    models=new, versions=sum(registry_bulk.add_model(sql, log, record) for record in records)
                )
            if registry_bulk.is_empty(sql):
                versions = registry_bulk.restore(sql, records, history.audit, history.counters)
                entries = len(history.audit)
            else:
                versions = sum(registry_bulk.add_model(sql, log, record) for record in records)
                foreign_audit.add_counters(sql, history.counters)
                entries = foreign_audit.add_entries(sql, log, foreign_audit.read_rows(history.audit))
            webhooks = registry_bulk.restore_webhooks(sql, history.webhooks, history.webhook_events)
            return RegistryAdded(models=new, versions=versions, audit_entries=entries, webhooks=webhooks)

        return self._database.write(add, 1_000)

    def add_file(self, folder: str, entry: ArtifactEntry, source: ArtifactStore) -> bool:
        target = self._stores.artifacts_for(folder)
        if has_file(target, entry):
            return False
        with source.open(entry.path) as file:
            target.put(entry.path, file)
        return True

    def finish(self) -> None:
        while self._waiting:
            self._take_result()

    def _queue(self, work: Callable[[Sql], int | None], weight: int) -> None:
        self._waiting.append(self._database.submit(work, weight))
        while len(self._waiting) > _WAITING:
            self._take_result()

    def _take_result(self) -> None:
        """Wait for the oldest write; it tells how many points were new."""
        self.points_added += self._waiting.popleft().result() or 0


def _size(series: Series) -> int:
    return sum(map(len, series.values()))
