"""Recorded stores of the real MLflow, and all that a store of Siglum's holds as plain values to compare."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

from siglum.client.artifact_folder import files_below
from siglum.client.stores import Stores, open_stores
from siglum.migration.outcome import Outcome
from siglum.migration.reader import Reader
from siglum.migration.siglum_sink import database_of
from siglum.migration.sources import open_mlflow
from siglum.migration.target import write_to
from siglum.registry.sql.bulk import audit_rows, webhook_rows
from siglum.tracking.entities import Experiment, Run, ViewType
from siglum.tracking.sql import bulk

RECORDED = Path(__file__).parent / "recorded"


def unpack(name: str, folder: Path) -> Path:
    """Put a recorded store into a folder."""
    with tarfile.open(RECORDED / name) as archive:
        archive.extractall(folder, filter="data")
    return folder


def answers() -> Any:
    """Return what MLflow's own client said of the store in `server.tar.gz`."""
    return json.loads((RECORDED / "server.json").read_bytes())


def migrate(source: str, target: str, folder: Path, *, files: bool = True, artifacts: str | None = None) -> Outcome:
    """Bring a store of MLflow's over, as the command does."""
    with closing(open_mlflow(source, str(folder), artifacts)) as reader:
        return bring(reader, target, folder, files=files)


def bring(reader: Reader, target: str, folder: Path, *, files: bool = True) -> Outcome:
    """Bring over what a reader yields."""
    return write_to(reader, target, str(folder), None, files=files, progress=lambda _: None)


def state_of(uri: str, folder: Path) -> dict[str, Any]:
    """Return every record of a store of Siglum's, NaN as a text, so that equal states are equal values."""
    with closing(open_stores(uri, str(folder))) as stores:
        return state(stores)


def state(stores: Stores) -> dict[str, Any]:
    database = database_of(stores)
    found: dict[str, Any] = {}
    for experiment in all_experiments(stores):
        own = experiment.experiment_id
        for run in all_runs(stores, own):
            found[f"run {run.info.run_id}"] = run, {key: history(stores, run, key) for key in run.data.metrics}
            found[f"files of {run.info.run_id}"] = files(stores, run.info.artifact_uri)
        for model, deleted in database.read(lambda sql, own=own: bulk.logged_models_of(sql, own)):  # type: ignore[misc]
            found[f"model {model.model_id}"] = model, deleted
            found[f"files of {model.model_id}"] = files(stores, model.artifact_location)
        found[f"experiment {own}"] = experiment
        found[f"deleted in {own}"] = database.read(lambda sql, own=own: bulk.deleted_times(sql, own))  # type: ignore[misc]
    for registered in stores.registry.search_registered_models().items:
        found[f"registered {registered.name}"] = registered
    for version in stores.registry.search_model_versions().items:
        place = stores.registry.get_download_uri(version.name, version.version)
        found[f"version {version.name}@{version.version}"] = version, place
    found["webhooks"] = database.read(webhook_rows)
    found["audit"] = database.read(audit_rows)
    counters = database.read(lambda sql: sql.all("SELECT name, next_version FROM version_counters ORDER BY name"))
    found["counters"] = counters
    return {key: repr(value) for key, value in found.items()}


def all_experiments(stores: Stores) -> list[Experiment]:
    return sorted(
        stores.tracking.search_experiments(view_type=ViewType.ALL).items, key=lambda each: int(each.experiment_id)
    )


def all_runs(stores: Stores, experiment_id: str) -> list[Run]:
    return [*stores.tracking.search_runs([experiment_id], view_type=ViewType.ALL).items]


def history(stores: Stores, run: Run, key: str) -> list[list[Any]]:
    """Return step, time and value (as a text) of each point."""
    points = stores.tracking.metric_history(run.info.run_id, key).items
    return [[point.step, point.timestamp, str(point.value)] for point in points]


def files(stores: Stores, uri: str) -> dict[str, str]:
    """Return the hash of each file below an artifact URI."""
    folder = stores.artifacts_for(uri)
    found = {}
    for entry in files_below(folder):
        with folder.open(entry.path) as file:
            found[entry.path] = hashlib.sha256(file.read()).hexdigest()
    return found


def everything_in(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder with their bytes."""
    return {
        os.path.relpath(os.path.join(top, name), folder): (Path(top) / name).read_bytes()
        for top, _, names in os.walk(folder)
        for name in names
    }
