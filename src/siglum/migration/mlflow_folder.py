"""MLflow's file store (`mlruns/`) as a source: a folder for each experiment, run and model, a file for each value."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.migration.folder_files import Meta, lines_of, read_meta, subfolders, values_below
from siglum.migration.local_files import is_known_here, local_folder
from siglum.migration.mlflow_records import (
    DELETED_VERSION,
    RUN_NAME_TAG,
    logged_model_of,
    model_status,
    run_status,
)
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.registry.entities import ModelVersion, RegisteredModel, Stage
from siglum.registry.sql.bulk import ModelRecord, VersionRecord
from siglum.storage.artifacts.base import ArtifactStore
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.tracking.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    Tag,
)
from siglum.tracking.series import Point

_TRASH: Final = ".trash"
_REGISTRY: Final = "models"
_NO_RUNS: Final = frozenset({"datasets", "models", "tags", "traces"})
_PORTION: Final = 50_000


class MlflowFolderReader:
    """Reads a file store. Files of runs are taken from the folder itself, even if it was moved since."""

    def __init__(self, root: str) -> None:
        self.place = root
        if not os.path.isdir(root):
            raise NotFoundError(f"There is no folder {root}.")
        self._folders = {
            os.path.basename(folder): folder
            for top in (root, os.path.join(root, _TRASH))
            for folder in subfolders(top)
            if os.path.basename(folder).isdigit()
        }
        if not self._folders:
            raise FileFormatError(root, "this is no file store of MLflow's: no experiment is in it.")

    def close(self) -> None:
        """Do nothing: no file stays open."""

    @property
    def root(self) -> str | None:
        return None

    def history(self) -> RegistryHistory | None:
        return None

    # -- experiments -------------------------------------------------------------------------------------------
    def experiments(self) -> Iterator[Experiment]:
        for number, folder in sorted(self._folders.items(), key=lambda each: int(each[0])):
            meta = read_meta(folder)
            created = meta.number("creation_time")
            yield Experiment(
                experiment_id=number,
                name=meta.text("name"),
                artifact_location=meta.text("artifact_location"),
                lifecycle_stage=LifecycleStage(meta.text("lifecycle_stage") or "active"),
                creation_time=created,
                last_update_time=meta.number("last_update_time") or created,
                tags=values_below(os.path.join(folder, "tags")),
            )

    # -- runs --------------------------------------------------------------------------------------------------
    def runs(self, experiment_id: str) -> Iterator[RunRecord]:
        top = self._folders[experiment_id]
        found = [(read_meta(folder), folder) for folder in subfolders(top) if os.path.basename(folder) not in _NO_RUNS]
        datasets = {os.path.basename(folder): _dataset(read_meta(folder)) for folder in subfolders(top, "datasets")}
        for meta, folder in sorted(found, key=lambda each: (each[0].number("start_time"), each[1])):
            tags = values_below(os.path.join(folder, "tags"))
            info = RunInfo(
                run_id=os.path.basename(folder),
                run_name=meta.text("run_name") or meta.text("name") or tags.get(RUN_NAME_TAG, ""),
                experiment_id=experiment_id,
                user_id=meta.text("user_id"),
                status=run_status(meta.values.get("status")),
                start_time=meta.number("start_time"),
                end_time=meta.values.get("end_time"),
                artifact_uri=meta.text("artifact_uri"),
                lifecycle_stage=LifecycleStage(meta.text("lifecycle_stage") or "active"),
            )
            run = Run(
                info=info,
                data=RunData(params=values_below(os.path.join(folder, "params")), tags=tags),
                inputs=_inputs(folder, datasets),
                outputs=_outputs(folder),
            )
            points = sum(sum(1 for _ in lines_of(path)) for _, path in self._series(folder))
            yield RunRecord(run=run, deleted_time=meta.values.get("deleted_time"), points=points)

    def _series(self, folder: str) -> list[tuple[str, str]]:
        """Return key and file of each series of a run."""
        return list(_files_below(os.path.join(folder, "metrics")))

    def points(self, record: RunRecord) -> Iterator[Series]:
        info = record.run.info
        folder = os.path.join(self._folders[info.experiment_id], info.run_id)
        part: dict[str, list[Point]] = {}
        size = 0
        for key, path in self._series(folder):
            for number, fields in lines_of(path):
                part.setdefault(key, []).append(_point(path, number, fields))
                size += 1
                if size >= _PORTION:
                    yield part
                    part, size = {}, 0
        if part:
            yield part

    # -- logged models -----------------------------------------------------------------------------------------
    def logged_models(self, experiment_id: str) -> Iterator[LoggedModelRecord]:
        found = [(read_meta(folder), folder) for folder in subfolders(self._folders[experiment_id], "models")]
        for meta, folder in sorted(found, key=lambda each: (each[0].number("creation_timestamp"), each[1])):
            model_id = meta.text("model_id")
            model = LoggedModel(
                experiment_id=experiment_id,
                model_id=model_id,
                name=meta.text("name"),
                artifact_location=meta.text("artifact_location"),
                creation_timestamp=meta.number("creation_timestamp"),
                last_updated_timestamp=meta.number("last_updated_timestamp"),
                model_type=meta.values.get("model_type"),
                source_run_id=meta.values.get("source_run_id"),
                status=model_status(meta.number("status")),
                status_message=meta.values.get("status_message"),
                tags=values_below(os.path.join(folder, "tags")),
                params=values_below(os.path.join(folder, "params")),
                metrics=tuple(
                    _model_point(model_id, key, path, number, fields)
                    for key, path in self._series(folder)
                    for number, fields in lines_of(path)
                ),
            )
            yield LoggedModelRecord(model, deleted=meta.text("lifecycle_stage") == LifecycleStage.DELETED)

    # -- registry ----------------------------------------------------------------------------------------------
    def registered_models(self) -> Iterator[ModelRecord]:
        for folder in subfolders(self.place, _REGISTRY):
            meta = read_meta(folder)
            model = RegisteredModel(
                name=meta.text("name"),
                creation_timestamp=meta.number("creation_timestamp"),
                last_updated_timestamp=meta.number("last_updated_timestamp"),
                description=meta.text("description"),
                tags=values_below(os.path.join(folder, "tags")),
                aliases=values_below(os.path.join(folder, "aliases")),
            )
            found = [read_meta(each) for each in subfolders(folder) if os.path.basename(each).startswith("version-")]
            versions = sorted(found, key=lambda each: each.number("version"))
            yield ModelRecord(
                model=model,
                versions=tuple(_version(each) for each in versions if each.text("current_stage") != DELETED_VERSION),
                next_version=max((each.number("version") for each in versions), default=0) + 1,
            )

    # -- files -------------------------------------------------------------------------------------------------
    def artifacts(self, artifact_uri: str) -> ArtifactStore | None:
        folder = local_folder(artifact_uri, os.path.dirname(self.place))
        if folder is None:
            return None
        here = self._here(folder)
        if here is not None:
            return LocalArtifactStore(here)
        return LocalArtifactStore(folder) if is_known_here(folder) else None

    def _here(self, folder: str) -> str | None:
        """Return the folder in this store that another path of it names, wherever the store was when that was noted."""
        parts = folder.split("/")
        for start in range(len(parts) - 1, max(0, len(parts) - 5), -1):
            experiment = self._folders.get(parts[start])
            if experiment is not None:
                return os.path.join(experiment, *parts[start + 1 :])
        return None


def _files_below(folder: str) -> Iterator[tuple[str, str]]:
    for top, names, files in os.walk(folder):
        names.sort()
        for name in sorted(files):
            path = os.path.join(top, name)
            yield os.path.relpath(path, folder).replace(os.sep, "/"), path


def _point(path: str, line: int, fields: list[str]) -> Point:
    try:
        return int(fields[2]) if len(fields) > 2 else 0, int(fields[0]), float(fields[1])
    except (ValueError, IndexError):
        raise FileFormatError(path, "this is not a time, a value and a step.", line=line) from None


def _model_point(model_id: str, key: str, path: str, line: int, fields: list[str]) -> Metric:
    step, time, value = _point(path, line, fields)
    if len(fields) < 4:
        raise FileFormatError(path, "no run is named after time, value and step.", line=line)
    name, digest = (" ".join(fields[4:-1]), fields[-1]) if len(fields) > 5 else (None, None)
    return Metric(key, value, time, step, model_id, name, digest, fields[3])


def _dataset(meta: Meta) -> Dataset:
    return Dataset(
        name=meta.text("name"),
        digest=meta.text("digest"),
        source_type=meta.text("source_type"),
        source=meta.text("source"),
        schema=meta.values.get("schema"),
        profile=meta.values.get("profile"),
    )


def _inputs(folder: str, datasets: dict[str, Dataset]) -> RunInputs:
    read: list[DatasetInput] = []
    models: list[LoggedModelInput] = []
    for meta in map(read_meta, subfolders(folder, "inputs")):
        source = meta.text("source_id")
        if meta.text("source_type") == "DATASET":
            if source not in datasets:
                raise FileFormatError(meta.path, f"there is no data set {source!r} in its experiment.")
            tags: dict[str, Any] = meta.values.get("tags") or {}
            own = tuple(Tag(key, str(value)) for key, value in sorted(tags.items()))
            read.append(DatasetInput(dataset=datasets[source], tags=own))
        else:
            models.append(LoggedModelInput(model_id=source))
    read.sort(key=lambda each: (each.dataset.name, each.dataset.digest))
    return RunInputs(dataset_inputs=tuple(read), model_inputs=tuple(models))


def _outputs(folder: str) -> RunOutputs:
    metas = map(read_meta, subfolders(folder, "outputs"))
    return RunOutputs(
        model_outputs=tuple(
            LoggedModelOutput(model_id=meta.text("destination_id"), step=meta.number("step")) for meta in metas
        )
    )


def _version(meta: Meta) -> VersionRecord:
    source = meta.text("source")
    version = ModelVersion(
        name=meta.text("name"),
        version=str(meta.number("version")),
        creation_timestamp=meta.number("creation_timestamp"),
        last_updated_timestamp=meta.number("last_updated_timestamp"),
        user_id=meta.text("user_id"),
        current_stage=Stage(meta.text("current_stage") or "None"),
        description=meta.text("description"),
        source=source,
        run_id=meta.text("run_id"),
        run_link=meta.text("run_link"),
        status=meta.text("status") or "READY",
        status_message=meta.text("status_message"),
        tags=values_below(os.path.join(os.path.dirname(meta.path), "tags")),
        model_id=meta.values.get("model_id") or logged_model_of(source),
    )
    return VersionRecord(version, meta.text("storage_location") or source)
