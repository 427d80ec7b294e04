"""A folder that `siglum migrate export` wrote, as a source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar

import msgspec

from siglum.core.errors import FileFormatError, NotFoundError, NotSupportedError
from siglum.core.failures import file_errors
from siglum.migration import export_format as names
from siglum.migration.local_files import proxied_path
from siglum.migration.point_files import JsonPointReader, ParquetPointReader, PointReader
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.registry.sql.bulk import ModelRecord
from siglum.storage.artifacts.base import ArtifactStore
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.tracking.entities import Experiment

T = TypeVar("T")


class ExportReader:
    """Implements `Reader`. Raises NotFoundError when there is no export, or one that was not completed."""

    def __init__(self, folder: str) -> None:
        self.place = folder
        path = os.path.join(folder, names.MANIFEST)
        if not os.path.isfile(path):
            raise NotFoundError(
                f"{folder} holds no export, or one that was not completed: there is no {names.MANIFEST} in it.",
                hint="Write one: siglum migrate export FOLDER",
            )
        self._manifest = _decode(path, _read(path), names.Manifest)
        if self._manifest.format != names.FORMAT:
            raise NotSupportedError(
                f"{folder} is an export of format {self._manifest.format}, which this version of Siglum does not know.",
                hint=f"Siglum {self._manifest.siglum} wrote it.",
            )
        self._points: PointReader = ParquetPointReader(folder) if self._manifest.parquet else JsonPointReader(folder)

    @property
    def root(self) -> str | None:
        return "mlflow-artifacts:/" if self._manifest.artifacts else None

    def close(self) -> None:
        self._points.close()

    def experiments(self) -> Iterator[Experiment]:
        yield from self._lines(names.EXPERIMENTS, Experiment)

    @cached_property
    def _runs(self) -> dict[str, list[int]]:
        """Where the line of each run begins, by experiment."""
        found: dict[str, list[int]] = {}
        path = os.path.join(self.place, names.RUNS)
        at = 0
        with file_errors(path), open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                record = _decode(path, line, RunRecord, number)
                found.setdefault(record.run.info.experiment_id, []).append(at)
                at += len(line)
        return found

    def runs(self, experiment_id: str) -> Iterator[RunRecord]:
        path = os.path.join(self.place, names.RUNS)
        with file_errors(path), open(path, "rb") as file:
            for position in self._runs.get(experiment_id, ()):
                file.seek(position)
                yield _decode(path, file.readline(), RunRecord)

    def points(self, record: RunRecord) -> Iterator[Series]:
        yield from self._points.read(record.run.info.run_id, record.position or 0, record.points or 0)

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModelRecord]:
        for line in self._lines(names.LOGGED_MODELS, names.LoggedModelLine):
            if line.model.experiment_id == experiment_id:
                yield line.record()

    def registered_models(self) -> Iterator[ModelRecord]:
        yield from self._lines(names.REGISTERED_MODELS, ModelRecord)

    def history(self) -> RegistryHistory | None:
        path = os.path.join(self.place, names.REGISTRY)
        return _decode(path, _read(path), RegistryHistory)

    def artifacts(self, artifact_uri: str) -> ArtifactStore | None:
        path = proxied_path(artifact_uri)
        if path is None or not self._manifest.artifacts:
            return None
        return LocalArtifactStore(os.path.join(self.place, names.ARTIFACTS, path))

    def _lines(self, name: str, kind: type[T]) -> Iterator[T]:
        path = os.path.join(self.place, name)
        with file_errors(path), open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                yield _decode(path, line, kind, number)


def _read(path: str) -> bytes:
    with file_errors(path), open(path, "rb") as file:
        return file.read()


def _decode(path: str, data: bytes, kind: type[T], line: int | None = None) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FileFormatError(path, f"{error}.", line=line) from None
