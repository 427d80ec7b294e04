"""Siglum's own database as a source: what its stores tell, and what only its tables do."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from siglum.client.stores import Stores
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord
from siglum.migration.siglum_sink import database_of
from siglum.migration.store_reader import StoreReader
from siglum.registry.sql import bulk as registry_bulk
from siglum.registry.sql.bulk import ModelRecord
from siglum.tracking.sql import bulk
from siglum.tracking.sql.port import Sql


class SiglumReader(StoreReader):
    """Implements `Reader` for stores on a database. Raises InvalidInputError for a server."""

    def __init__(self, stores: Stores) -> None:
        super().__init__(stores)
        self._database = database_of(stores)

    @property
    def place(self) -> str:
        return self._database.place

    @property
    def root(self) -> str | None:
        return "mlflow-artifacts:/"

    def runs(self, experiment_id: str) -> Iterator[RunRecord]:
        deleted = self._database.read(lambda sql: bulk.deleted_times(sql, experiment_id))
        for record in super().runs(experiment_id):
            run_id = record.run.info.run_id
            count = self._database.read(lambda sql, run_id=run_id: bulk.points_of(sql, run_id))  # type: ignore[misc]
            yield msgspec.structs.replace(record, deleted_time=deleted.get(run_id), points=count)

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModelRecord]:
        for model, deleted in self._database.read(lambda sql: bulk.logged_models_of(sql, experiment_id)):
            yield LoggedModelRecord(model, deleted)

    def registered_models(self) -> Iterator[ModelRecord]:
        keys, counters = self._database.read(registry_bulk.keys_and_counters)
        for record in super().registered_models():
            name = record.model.name
            yield msgspec.structs.replace(record, key=keys[name], next_version=counters[name])

    def history(self) -> RegistryHistory | None:
        def read(sql: Sql) -> RegistryHistory:
            _, counters = registry_bulk.keys_and_counters(sql)
            hooks, events = registry_bulk.webhook_rows(sql)
            audit = tuple(registry_bulk.audit_rows(sql))
            return RegistryHistory(audit=audit, counters=counters, webhooks=tuple(hooks), webhook_events=tuple(events))

        return self._database.read(read)
