"""A dry run: count what a source holds, and what of it the target lacks, without a change to either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from siglum.client.stores import Stores
from siglum.migration.outcome import RegistryAdded, plus
from siglum.migration.present import Present
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.migration.sink import has_file
from siglum.registry.sql.bulk import ModelRecord
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore
from siglum.storage.artifacts.paths import parse_artifact_path
from siglum.tracking.entities import Experiment, Run


class DrySink:
    """A target that only looks at what it has; without stores, it has nothing."""

    def __init__(self, stores: Stores | None, present: Present | None) -> None:
        self._stores = stores
        self._present = present
        self.points_added: int | None = 0

    def add_experiment(self, experiment: Experiment, location: str | None) -> tuple[str, bool]:  # noqa: ARG002
        if self._present is None:
            return experiment.experiment_id, True
        place, known = self._present.place_of(experiment)
        return place or "the next free id", not known

    def add_run(self, record: RunRecord, points: Iterator[Series]) -> bool:  # noqa: ARG002
        here = None if self._present is None else self._present.points_of(record.run.info.run_id)
        more = None if record.points is None else max(0, record.points - (here or 0))
        self.points_added = plus(self.points_added, more)
        return here is None

    def add_logged_model(self, record: LoggedModelRecord) -> bool:
        return self._present is None or not self._present.has_logged_model(record.model.model_id)

    def link_models(self, run: Run) -> None:
        """Do nothing: a link is no record of its own."""

    def add_registry(self, records: Sequence[ModelRecord], history: RegistryHistory | None) -> RegistryAdded:  # noqa: ARG002
        names = [record.model.name for record in records]
        versions = [each.version for record in records for each in record.versions]
        if self._present is None:
            return RegistryAdded(models=len(names), versions=len(versions))
        missing = self._present.count_missing(names, versions)
        return RegistryAdded(models=missing[0], versions=missing[1])

    def add_file(self, folder: str, entry: ArtifactEntry, source: ArtifactStore) -> bool:  # noqa: ARG002
        parse_artifact_path(entry.path)
        return self._stores is None or not has_file(self._stores.artifacts_for(folder), entry)

    def finish(self) -> None:
        """Do nothing: nothing was stored."""
