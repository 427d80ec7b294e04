"""A dry run: count what a source holds, and what of it the target lacks, without a change to either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from siglum.client.stores import Stores
from siglum.migration.outcome import plus
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.migration.sink import has_file
from siglum.registry.sql import bulk as registry_bulk
from siglum.registry.sql.bulk import ModelRecord
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore
from siglum.storage.artifacts.paths import parse_artifact_path
from siglum.tracking.entities import Experiment, Run
from siglum.tracking.sql import bulk
from siglum.tracking.sql.database import Database


class DrySink:
    """A target that only looks at what it has; without stores, it has nothing."""

    def __init__(self, stores: Stores | None, database: Database | None) -> None:
        self._stores = stores
        self._database = database
        self.points_added: int | None = 0

    def add_experiment(self, experiment: Experiment, location: str | None) -> tuple[str, bool]:  # noqa: ARG002
        if self._database is None:
            return experiment.experiment_id, True
        here = self._database.read(
            lambda sql: (
                bulk.place_of_experiment(sql, experiment.experiment_id, experiment.name),
                bulk.has_experiment(sql, experiment.name),
            )
        )
        return here[0] or "the next free id", not here[1]

    def add_run(self, record: RunRecord, points: Iterator[Series]) -> bool:  # noqa: ARG002
        run_id = record.run.info.run_id
        here = None if self._database is None else self._database.read(lambda sql: bulk.points_of(sql, run_id))
        more = None if record.points is None else max(0, record.points - (here or 0))
        self.points_added = plus(self.points_added, more)
        return here is None

    def add_logged_model(self, record: LoggedModelRecord) -> bool:
        if self._database is None:
            return True
        return not self._database.read(lambda sql: bulk.has_logged_model(sql, record.model.model_id))

    def link_models(self, run: Run) -> None:
        """Do nothing: a link is no record of its own."""

    def add_registry(self, records: Sequence[ModelRecord], history: RegistryHistory | None) -> tuple[int, int]:  # noqa: ARG002
        versions = [each.version for record in records for each in record.versions]
        database = self._database
        if database is None:
            return len(records), len(versions)
        return database.read(
            lambda sql: (
                sum(not registry_bulk.has_model(sql, record.model.name) for record in records),
                sum(not registry_bulk.has_version(sql, each.name, each.version) for each in versions),
            )
        )

    def add_file(self, folder: str, entry: ArtifactEntry, source: ArtifactStore) -> bool:  # noqa: ARG002
        parse_artifact_path(entry.path)
        return self._stores is None or not has_file(self._stores.artifacts_for(folder), entry)

    def finish(self) -> None:
        """Do nothing: nothing was stored."""
