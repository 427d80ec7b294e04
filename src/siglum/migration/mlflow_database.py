"""MLflow's database as a source: its tables from MLflow 2.0 to 3.17, told apart by what they have."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from siglum.core.errors import InvalidInputError
from siglum.migration.local_files import is_known_here, local_folder, proxied_path
from siglum.migration.mlflow_records import (
    DELETED_VERSION,
    RUN_NAME_TAG,
    logged_model_of,
    model_status,
    run_status,
    stored_value,
)
from siglum.migration.mlflow_tables import MlflowTables
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.migration.source_database import SourceDatabase
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

_RUNS: Final = "SELECT run_uuid FROM runs WHERE experiment_id = ?"
_PORTION: Final = 50_000


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
        tags = _by_first(self._all("SELECT experiment_id, key, value FROM experiment_tags"))
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
                tags=_texts(tags[number]),
            )

    # -- runs --------------------------------------------------------------------------------------------------
    def runs(self, experiment_id: str) -> Iterator[RunRecord]:
        own = (int(experiment_id),)
        params = _by_first(self._all(f"SELECT run_uuid, key, value FROM params WHERE run_uuid IN ({_RUNS})", own))  # noqa: S608
        tags = _by_first(self._all(f"SELECT run_uuid, key, value FROM tags WHERE run_uuid IN ({_RUNS})", own))  # noqa: S608
        counts = dict(
            self._all(f"SELECT run_uuid, count(*) FROM metrics WHERE run_uuid IN ({_RUNS}) GROUP BY run_uuid", own)  # noqa: S608
        )
        datasets = self._dataset_inputs(own)
        read, made = self._model_links(own)
        deleted = self._tables.optional("runs", "deleted_time")
        for run_id, name, user, status, start, end, stage, uri, deleted_time in self._all(
            f"""SELECT run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, {deleted}
                FROM runs WHERE experiment_id = ? ORDER BY start_time, run_uuid""",  # noqa: S608
            own,
        ):
            own_tags = _texts(tags[run_id])
            info = RunInfo(
                run_id=run_id,
                run_name=name or own_tags.get(RUN_NAME_TAG, ""),
                experiment_id=experiment_id,
                user_id=user or "",
                status=run_status(status),
                start_time=start or 0,
                end_time=end,
                artifact_uri=uri or "",
                lifecycle_stage=LifecycleStage(stage or "active"),
            )
            yield RunRecord(
                run=Run(
                    info=info,
                    data=RunData(params=_texts(params[run_id]), tags=own_tags),
                    inputs=RunInputs(dataset_inputs=tuple(datasets[run_id]), model_inputs=tuple(read[run_id])),
                    outputs=RunOutputs(model_outputs=tuple(made[run_id])),
                ),
                deleted_time=deleted_time,
                points=counts.get(run_id, 0),
            )

    def _dataset_inputs(self, own: tuple[int]) -> defaultdict[str, list[DatasetInput]]:
        found: defaultdict[str, list[DatasetInput]] = defaultdict(list)
        if not self._tables.has("datasets"):
            return found
        tags = _by_first(self._all("SELECT input_uuid, name, value FROM input_tags"))
        for run_id, input_id, name, digest, kind, source, schema, profile in self._all(
            f"""SELECT i.destination_id, i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source,
                    d.dataset_schema, d.dataset_profile
                FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
                WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id IN ({_RUNS})
                ORDER BY d.name, d.digest""",  # noqa: S608
            own,
        ):
            dataset = Dataset(name=name, digest=digest, source_type=kind, source=source, schema=schema, profile=profile)
            own_tags = tuple(Tag(key, value) for key, value in sorted(tags[input_id].items()))
            found[run_id].append(DatasetInput(dataset=dataset, tags=own_tags))
        return found

    def _model_links(
        self, own: tuple[int]
    ) -> tuple[defaultdict[str, list[LoggedModelInput]], defaultdict[str, list[LoggedModelOutput]]]:
        read: defaultdict[str, list[LoggedModelInput]] = defaultdict(list)
        made: defaultdict[str, list[LoggedModelOutput]] = defaultdict(list)
        if self._tables.has("inputs"):
            step = self._tables.optional("inputs", "step", "0")
            for run_id, kind, model_id, at in self._all(
                f"""SELECT source_id, destination_type, destination_id, {step} FROM inputs
                    WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id IN ({_RUNS})
                    ORDER BY destination_id""",  # noqa: S608
                own,
            ):
                if kind == "MODEL_INPUT":
                    read[run_id].append(LoggedModelInput(model_id=model_id))
                else:
                    made[run_id].append(LoggedModelOutput(model_id=model_id, step=at))
        return read, made

    def points(self, record: RunRecord) -> Iterator[Series]:
        run_id = record.run.info.run_id
        # without an order: SQLite would take the index that has it, and read the points of all runs
        select = "SELECT key, step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ?"
        if (record.points or 0) <= _PORTION:
            yield _series(self._all(select, (run_id,)))
            return
        for (key,) in self._all("SELECT DISTINCT key FROM metrics WHERE run_uuid = ? ORDER BY key", (run_id,)):
            rows = self._all(f"{select} AND key = ?", (run_id, key))
            rows.sort(key=lambda row: row[2])
            for start in range(0, len(rows), _PORTION):
                yield _series(rows[start : start + _PORTION])

    # -- logged models -----------------------------------------------------------------------------------------
    def logged_models(self, experiment_id: str) -> Iterator[LoggedModelRecord]:
        if not self._tables.has("logged_models"):
            return
        own = (int(experiment_id),)
        where = "WHERE experiment_id = ?"
        tags = _by_first(self._all(f"SELECT model_id, tag_key, tag_value FROM logged_model_tags {where}", own))  # noqa: S608
        params = _by_first(self._all(f"SELECT model_id, param_key, param_value FROM logged_model_params {where}", own))  # noqa: S608
        metrics: defaultdict[str, list[Metric]] = defaultdict(list)
        for model_id, key, value, time, step, run_id, name, digest in self._all(
            f"""SELECT model_id, metric_name, metric_value, metric_timestamp_ms, metric_step, run_id, dataset_name,
                    dataset_digest
                FROM logged_model_metrics {where} ORDER BY metric_name, metric_timestamp_ms, metric_step""",  # noqa: S608
            own,
        ):
            metrics[model_id].append(
                Metric(key, stored_value(value), time, step, model_id, name or None, digest or None, run_id)
            )
        for model_id, name, location, made, changed, status, stage, kind, run_id, message in self._all(
            f"""SELECT model_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status,
                    lifecycle_stage, model_type, source_run_id, status_message
                FROM logged_models {where} ORDER BY creation_timestamp_ms, model_id""",  # noqa: S608
            own,
        ):
            model = LoggedModel(
                experiment_id=experiment_id,
                model_id=model_id,
                name=name,
                artifact_location=location,
                creation_timestamp=made,
                last_updated_timestamp=changed,
                model_type=kind,
                source_run_id=run_id,
                status=model_status(status),
                status_message=message,
                tags=_texts(tags[model_id]),
                params=_texts(params[model_id]),
                metrics=tuple(metrics[model_id]),
            )
            yield LoggedModelRecord(model, deleted=stage == LifecycleStage.DELETED)

    # -- registry ----------------------------------------------------------------------------------------------
    def registered_models(self) -> Iterator[ModelRecord]:
        tags = _by_first(self._all("SELECT name, key, value FROM registered_model_tags"))
        aliases: defaultdict[str, dict[str, str]] = defaultdict(dict)
        if self._tables.has("registered_model_aliases"):
            for name, alias, number in self._all("SELECT name, alias, version FROM registered_model_aliases"):
                aliases[name][alias] = str(number)
        for name, created, updated, description in self._all(
            "SELECT name, creation_time, last_updated_time, description FROM registered_models ORDER BY name"
        ):
            versions, highest = self._versions(name)
            model = RegisteredModel(
                name=name,
                creation_timestamp=created or 0,
                last_updated_timestamp=updated or 0,
                description=description or "",
                tags=_texts(tags[name]),
                aliases=aliases[name],
            )
            yield ModelRecord(model=model, versions=versions, next_version=highest + 1)

    def _versions(self, name: str) -> tuple[tuple[VersionRecord, ...], int]:
        tags: defaultdict[int, dict[str, Any]] = _by_first(
            self._all("SELECT version, key, value FROM model_version_tags WHERE name = ?", (name,))
        )
        run_link = self._tables.optional("model_versions", "run_link")
        location = self._tables.optional("model_versions", "storage_location")
        found: list[VersionRecord] = []
        highest = 0
        for (
            number,
            created,
            updated,
            text,
            user,
            stage,
            source,
            run_id,
            status,
            message,
            link,
            place,
        ) in self._all(
            f"""SELECT version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id,
                    status, status_message, {run_link}, {location}
                FROM model_versions WHERE name = ? ORDER BY version""",  # noqa: S608
            (name,),
        ):
            highest = max(highest, number)
            if stage == DELETED_VERSION:
                continue
            version = ModelVersion(
                name=name,
                version=str(number),
                creation_timestamp=created or 0,
                last_updated_timestamp=updated or 0,
                user_id=user or "",
                current_stage=Stage(stage or "None"),
                description=text or "",
                source=source or "",
                run_id=run_id or "",
                run_link=link or "",
                status=status or "READY",
                status_message=message or "",
                tags=_texts(tags[number]),
                model_id=logged_model_of(source or ""),
            )
            found.append(VersionRecord(version, place or source or ""))
        return tuple(found), highest

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


def _series(rows: Sequence[tuple[Any, ...]]) -> Series:
    """Return points by key, of rows of key, step, time, value and whether it is NaN."""
    series: dict[str, list[Point]] = {}
    for key, step, time, value, is_nan in rows:
        series.setdefault(key, []).append((step, time, stored_value(value, is_nan)))
    return series


def _by_first(rows: Sequence[tuple[Any, ...]]) -> defaultdict[Any, dict[str, Any]]:
    """Return key and value of each row, by what stands first in it."""
    found: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for owner, key, value in rows:
        found[owner][key] = value
    return found


def _texts(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value or "" for key, value in sorted(values.items())}
