"""A folder as a target: what `siglum migrate export` writes. The format is in `export_format`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import msgspec

from siglum import __version__
from siglum.core.errors import AlreadyExistsError
from siglum.core.failures import file_errors
from siglum.migration import export_format as names
from siglum.migration.local_files import proxied_path
from siglum.migration.outcome import RegistryAdded
from siglum.migration.point_files import JsonPointWriter, ParquetPointWriter, PointWriter
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.registry.sql.bulk import ModelRecord
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactStore
from siglum.storage.artifacts.paths import parse_artifact_path
from siglum.tracking.entities import Experiment, Run, RunData

_PARTS = (names.EXPERIMENTS, names.RUNS, names.LOGGED_MODELS, names.REGISTERED_MODELS)
_ALL = {*_PARTS, names.POINTS, names.POINTS_PARQUET, names.REGISTRY, names.ARTIFACTS}
_MARK = f"{names.MANIFEST}.incomplete"


class ExportSink:
    """Implements `Sink`. The folder is new or empty, or holds an export that was not completed: that starts anew."""

    def __init__(self, folder: str, *, parquet: bool, artifacts: bool) -> None:
        self._folder = folder
        self._manifest = names.Manifest(format=names.FORMAT, siglum=__version__, parquet=parquet, artifacts=artifacts)
        with file_errors(folder):
            _make_room(folder)
        self._points: PointWriter = ParquetPointWriter(folder) if parquet else JsonPointWriter(folder)
        self._files: dict[str, BinaryIO] = {}
        for name in _PARTS:
            self._files[name] = open(os.path.join(folder, name), "wb")  # noqa: SIM115  closed by `close`
        self.points_added: int | None = 0

    def _write(self, name: str, record: Any) -> None:
        with file_errors(name):
            self._files[name].write(msgspec.json.encode(record) + b"\n")

    def add_experiment(self, experiment: Experiment, location: str | None) -> tuple[str, bool]:
        number = experiment.experiment_id
        place = f"mlflow-artifacts:/{number}" if location is None else location
        self._write(names.EXPERIMENTS, msgspec.structs.replace(experiment, artifact_location=place))
        return number, True

    def add_run(self, record: RunRecord, points: Iterator[Series]) -> bool:
        position, total = self._points.position, 0
        for series in points:
            self._points.add(record.run.info.run_id, series)
            total += sum(map(len, series.values()))
        data = RunData(params=record.run.data.params, tags=record.run.data.tags)
        run = msgspec.structs.replace(record.run, data=data)
        self._write(names.RUNS, msgspec.structs.replace(record, run=run, points=total, position=position))
        self.points_added = (self.points_added or 0) + total
        return True

    def add_logged_model(self, record: LoggedModelRecord) -> bool:
        self._write(names.LOGGED_MODELS, names.logged_model_line(record))
        return True

    def link_models(self, run: Run) -> None:
        """Do nothing: the line of a run says it."""

    def add_registry(self, records: Sequence[ModelRecord], history: RegistryHistory | None) -> RegistryAdded:
        for record in records:
            self._write(names.REGISTERED_MODELS, record)
        path = os.path.join(self._folder, names.REGISTRY)
        with file_errors(path), open(path, "wb", opener=_private) as file:
            file.write(msgspec.json.encode(history or RegistryHistory()) + b"\n")
        return RegistryAdded(models=len(records), versions=sum(len(record.versions) for record in records))

    def add_file(self, folder: str, entry: ArtifactEntry, source: ArtifactStore) -> bool:
        below = "/".join(part for part in (proxied_path(folder), entry.path) if part)
        target = os.path.join(self._folder, names.ARTIFACTS, *parse_artifact_path(below))
        with file_errors(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with source.open(entry.path) as file, open(target, "wb") as copy:
                shutil.copyfileobj(file, copy, 1024 * 1024)
        return True

    def finish(self) -> None:
        """Write the manifest, which says that all is there."""
        self.close()
        path = os.path.join(self._folder, names.MANIFEST)
        with file_errors(path):
            mark = os.path.join(self._folder, _MARK)
            with open(mark, "wb") as file:
                file.write(msgspec.json.encode(self._manifest) + b"\n")
            os.replace(mark, path)

    def close(self) -> None:
        """Close all files. Repeating it changes nothing."""
        self._points.close()
        for file in self._files.values():
            file.close()


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner may read: it may hold secrets of webhooks."""
    return os.open(path, flags, 0o600)


def _make_room(folder: str) -> None:
    """Have an empty folder, but for the mark of an export that is not completed."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    there = os.listdir(folder)
    mark = os.path.join(folder, _MARK)
    if there and _MARK not in there:
        raise AlreadyExistsError(f"{folder} is not empty.", hint="Name a folder that is, or that there is not yet.")
    with open(mark, "wb"):
        pass
    for name in _ALL.intersection(there):
        path = os.path.join(folder, name)
        if name == names.ARTIFACTS:
            shutil.rmtree(path)
        else:
            os.unlink(path)
