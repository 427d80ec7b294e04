"""MLflow's database as a source: its tables from MLflow 2.0 to 3.17, told apart by what they have."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from siglum.core.errors import InvalidInputError
from siglum.migration.local_files import is_known_here, local_folder, proxied_path
from siglum.migration.mlflow_logged_models import read_logged_models
from siglum.migration.mlflow_points import read_points
from siglum.migration.mlflow_registry import MlflowRegistry
from siglum.migration.mlflow_rows import by_first, texts
from siglum.migration.mlflow_runs import MlflowRuns
from siglum.migration.mlflow_tables import MlflowTables
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.migration.source_database import SourceDatabase
from siglum.registry.sql.bulk import ModelRecord
from siglum.storage.artifacts.base import ArtifactStore
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.tracking.entities import Experiment, LifecycleStage


class MlflowDatabaseReader:
    """Reads MLflow's tables. `artifact_root` is where the server keeps the files it stands before."""

    def __init__(self, database: SourceDatabase, artifact_root: str | None) -> None:
        self._database = database
        self._root = artifact_root or (os.path.join(database.folder, "mlartifacts") if database.folder else None)
        self._tables = MlflowTables(database)
        self._tables.check()

    @property
    def place(self) -> str:
        return self._database.place

    def close(self) -> None:
        self._database.close()

    @property
    def root(self) -> str | None:
        return None

    def history(self) -> RegistryHistory | None:
        return None

    def _all(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._database.all(statement, values)

    # -- experiments -------------------------------------------------------------------------------------------
    def experiments(self) -> Iterator[Experiment]:
        tags = by_first(self._all("SELECT experiment_id, key, value FROM experiment_tags"))
        created = self._tables.optional("experiments", "creation_time")
        updated = self._tables.optional("experiments", "last_update_time")
        for number, name, location, stage, made, changed in self._all(
            f"""SELECT experiment_id, name, artifact_location, lifecycle_stage, {created}, {updated}
                FROM experiments ORDER BY experiment_id"""  # noqa: S608  columns of a fixed list
        ):
            yield Experiment(
                experiment_id=str(number),
                name=name,
                artifact_location=location or "",
                lifecycle_stage=LifecycleStage(stage or "active"),
                creation_time=made or 0,
                last_update_time=changed or made or 0,
                tags=texts(tags[number]),
            )

    # -- what has a room of its own --------------------------------------------------------------------------------
    def runs(self, experiment_id: str) -> Iterator[RunRecord]:
        return MlflowRuns(self._database, self._tables).read(experiment_id)

    def points(self, record: RunRecord) -> Iterator[Series]:
        return read_points(self._database, record)

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModelRecord]:
        if not self._tables.has("logged_models"):
            return iter(())
        return read_logged_models(self._database, experiment_id)

    def registered_models(self) -> Iterator[ModelRecord]:
        return MlflowRegistry(self._database, self._tables).read()

    # -- files -------------------------------------------------------------------------------------------------
    def artifacts(self, artifact_uri: str) -> ArtifactStore | None:
        proxied = proxied_path(artifact_uri)
        if proxied is not None:
            if self._root is None or not os.path.isdir(self._root):
                raise InvalidInputError(
                    f"The files of {self.place} are kept by its server ({artifact_uri}), in a folder it does not name.",
                    hint="Say which: --artifacts FOLDER, as in its --artifacts-destination; or --no-artifacts.",
                )
            return LocalArtifactStore(os.path.join(self._root, proxied))
        folder = local_folder(artifact_uri, self._database.folder or os.getcwd())
        return LocalArtifactStore(folder) if folder is not None and is_known_here(folder) else None
