"""A running server of Siglum's as a target, over HTTP: records in batches, so that many share one request and flush.

What a server writes itself stays its own: the audit log says what was brought over, and does not become the source's;
webhooks, with their secrets, stay behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from siglum.client.rest.imports import RestImports
from siglum.client.stores import Stores
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.migration.sink import has_file
from siglum.registry.entities import Change
from siglum.registry.sql.bulk import ModelRecord
from siglum.registry.sql.imports import NewRun
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore
from siglum.tracking.entities import Experiment, Run

_BATCH_WEIGHT: Final = 20_000
_BATCH_MODELS: Final = 100


class ServerSink:
    """Implements `Sink`. `change` says who migrates, for the server's audit log."""

    def __init__(self, stores: Stores, imports: RestImports, change: Change) -> None:
        self._stores = stores
        self._imports = imports
        self._change = change
        self._waiting: list[NewRun] = []
        self._weight = 0
        self.points_added: int | None = 0

    def add_experiment(self, experiment: Experiment, location: str | None) -> tuple[str, bool]:
        self.finish()
        return self._imports.add_experiment(experiment, location)

    def add_run(self, record: RunRecord, points: Iterator[Series]) -> bool:
        run_id = record.run.info.run_id
        before = self._imports.points_of(run_id)
        if record.points is not None and record.points == (before or 0):
            points = iter(())
        portion = next(points, {})
        following = next(points, None)
        self._put(NewRun(record.run, record.deleted_time, portion))
        if following is not None:
            self.finish()
        while following is not None:
            portion, following = following, next(points, None)
            self._count(self._imports.add_points(run_id, portion, last=following is None))
        return before is None

    def add_logged_model(self, record: LoggedModelRecord) -> bool:
        self.finish()
        return self._imports.add_logged_model(record.model, deleted=record.deleted)

    def link_models(self, run: Run) -> None:
        self._imports.link_models(run)

    def add_registry(self, records: Sequence[ModelRecord], history: RegistryHistory | None) -> tuple[int, int]:  # noqa: ARG002
        self.finish()
        plain = [msgspec.structs.replace(record, key=None) for record in records]
        models = versions = 0
        for start in range(0, len(plain), _BATCH_MODELS):
            new = self._imports.add_models(plain[start : start + _BATCH_MODELS], self._change)
            models, versions = models + new[0], versions + new[1]
        return models, versions

    def add_file(self, folder: str, entry: ArtifactEntry, source: ArtifactStore) -> bool:
        target = self._stores.artifacts_for(folder)
        if has_file(target, entry):
            return False
        with source.open(entry.path) as file:
            target.put(entry.path, file)
        return True

    def finish(self) -> None:
        waiting, self._waiting, self._weight = self._waiting, [], 0
        if waiting:
            self._count(self._imports.add_runs(waiting))

    def _put(self, new: NewRun) -> None:
        self._waiting.append(new)
        self._weight += new.weight
        if self._weight >= _BATCH_WEIGHT:
            self.finish()

    def _count(self, points: int) -> None:
        self.points_added = (self.points_added or 0) + points
