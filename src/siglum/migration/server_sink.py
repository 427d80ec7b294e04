"""A running server of Siglum's as a target, over HTTP: records in batches, so that many share one request and flush.

What a server writes itself stays its own: its audit log says what was brought over, and the entries of the source's log
are there as part of that. Webhooks come with their secrets where the key of these is at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from siglum.client.rest.imports import RestImports
from siglum.client.stores import Stores
from siglum.core.errors import ConflictError, InvalidInputError, NotSupportedError, PermissionDeniedError
from siglum.migration.history_wire import webhooks_of, write_history
from siglum.migration.outcome import RegistryAdded
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.migration.sink import has_file
from siglum.registry.entities import Change
from siglum.registry.sql.bulk import ModelRecord
from siglum.registry.sql.imports import NewRun
from siglum.registry.webhook_secrets import SecretBox
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore
from siglum.tracking.entities import Experiment, Run

_BATCH_WEIGHT: Final = 20_000
_BATCH_MODELS: Final = 100


class ServerSink:
    """Implements `Sink`. `change` says who migrates, for the audit log; `secrets` opens those of webhooks."""

    def __init__(self, stores: Stores, imports: RestImports, change: Change, secrets: SecretBox | None) -> None:
        self._stores = stores
        self._imports = imports
        self._change = change
        self._secrets = secrets
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

    def add_registry(self, records: Sequence[ModelRecord], history: RegistryHistory | None) -> RegistryAdded:
        self.finish()
        plain = [msgspec.structs.replace(record, key=None) for record in records]
        models = versions = 0
        for start in range(0, len(plain), _BATCH_MODELS):
            new = self._imports.add_models(plain[start : start + _BATCH_MODELS], self._change)
            models, versions = models + new[0], versions + new[1]
        if history is None:
            return RegistryAdded(models=models, versions=versions)
        entries = self._imports.add_history(write_history(history), self._change)
        webhooks, left = self._add_webhooks(history)
        return RegistryAdded(
            models=models, versions=versions, audit_entries=entries, webhooks=webhooks, webhooks_left=tuple(left)
        )

    def _add_webhooks(self, history: RegistryHistory) -> tuple[int, list[str]]:
        """Send the webhooks one by one; return how many are new, and why others stay behind."""
        added, left = 0, []
        for webhook, kept in webhooks_of(history):
            if kept and self._secrets is None:
                left.append(f"{webhook.name}: its secret is encrypted; name the file of its key with --webhook-key.")
                continue
            try:
                secret = self._secrets.open(kept) if kept and self._secrets is not None else None
                added += self._imports.add_webhook(webhook, secret)
            except (ConflictError, InvalidInputError, NotSupportedError, PermissionDeniedError) as error:
                left.append(f"{webhook.name}: {error}")
        return added, left

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
