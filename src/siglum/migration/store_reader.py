"""A tracking server as a source, MLflow's or Siglum's: everything through the ports that all clients use.

A server does not tell of deleted logged models, of when something was deleted, and of numbers of deleted versions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import msgspec

from siglum.client.stores import Stores
from siglum.core.errors import NotSupportedError
from siglum.migration.local_files import is_known_here, local_folder
from siglum.migration.mlflow_records import logged_model_of, stored_value
from siglum.migration.reader import LoggedModelRecord, RegistryHistory, RunRecord, Series
from siglum.registry.entities import ModelVersion
from siglum.registry.sql.bulk import ModelRecord, VersionRecord
from siglum.storage.artifacts.base import ArtifactStore
from siglum.tracking.entities import Experiment, Run, ViewType
from siglum.tracking.series import Point
from siglum.tracking.store import Page

T = TypeVar("T")

_PAGE: Final = 1_000
_RUNS_PAGE: Final = 200
_MODELS_PAGE: Final = 50
_POINTS_PAGE: Final = 25_000


def all_pages(fetch: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """Yield what is on all pages; `fetch` takes a token."""
    token: str | None = None
    while True:
        page = fetch(token)
        yield from page.items
        token = page.next_token
        if token is None:
            return


class StoreReader:
    """Reads the stores behind a tracking URI, which it closes with itself."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    @property
    def place(self) -> str:
        return self._stores.uri

    @property
    def root(self) -> str | None:
        return None

    def close(self) -> None:
        self._stores.close()

    def history(self) -> RegistryHistory | None:
        return None

    # -- tracking ----------------------------------------------------------------------------------------------
    def experiments(self) -> Iterator[Experiment]:
        search = self._stores.tracking.search_experiments
        found = all_pages(lambda token: search(view_type=ViewType.ALL, max_results=_PAGE, page_token=token))
        yield from sorted(found, key=lambda each: int(each.experiment_id))

    def runs(self, experiment_id: str) -> Iterator[RunRecord]:
        search = self._stores.tracking.search_runs
        for run in all_pages(
            lambda token: search(
                [experiment_id],
                view_type=ViewType.ALL,
                max_results=_RUNS_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
        ):
            yield self._run(run)

    def _run(self, run: Run) -> RunRecord:
        return RunRecord(run=run, points=None if run.data.metrics else 0)

    def points(self, record: RunRecord) -> Iterator[Series]:
        run_id, data = record.run.info.run_id, record.run.data
        part: dict[str, list[Point]] = {}
        size = 0
        for key in sorted(data.metrics):
            token: str | None = None
            while True:
                page = self._stores.tracking.metric_history(run_id, key, max_results=_POINTS_PAGE, page_token=token)
                points = [(p.step, p.timestamp, stored_value(p.value, p.value != p.value)) for p in page.items]
                part.setdefault(key, []).extend(points)
                size += len(page.items)
                if size >= _POINTS_PAGE:
                    yield part
                    part, size = {}, 0
                token = page.next_token
                if token is None:
                    break
        if part:
            yield part

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModelRecord]:
        search = self._stores.tracking.search_logged_models
        try:
            found = sorted(
                all_pages(lambda token: search([experiment_id], max_results=_MODELS_PAGE, page_token=token)),
                key=lambda model: (model.creation_timestamp, model.model_id),
            )
        except NotSupportedError:  # MLflow 2
            return
        for model in found:
            yield LoggedModelRecord(model)

    # -- registry ----------------------------------------------------------------------------------------------
    def registered_models(self) -> Iterator[ModelRecord]:
        registry = self._stores.registry
        versions: dict[str, list[ModelVersion]] = {}
        for version in all_pages(lambda token: registry.search_model_versions(max_results=_PAGE, page_token=token)):
            versions.setdefault(version.name, []).append(version)
        for model in all_pages(lambda token: registry.search_registered_models(max_results=_PAGE, page_token=token)):
            own = sorted(versions.get(model.name, ()), key=lambda each: int(each.version))
            yield ModelRecord(
                model=msgspec.structs.replace(model, latest_versions=()),
                versions=tuple(self._version(each) for each in own),
                next_version=max((int(each.version) for each in own), default=0) + 1,
            )

    def _version(self, version: ModelVersion) -> VersionRecord:
        place = self._stores.registry.get_download_uri(version.name, version.version)
        model_id = version.model_id or logged_model_of(version.source)
        return VersionRecord(msgspec.structs.replace(version, model_id=model_id, aliases=()), place)

    # -- files -------------------------------------------------------------------------------------------------
    def artifacts(self, artifact_uri: str) -> ArtifactStore | None:
        folder = local_folder(artifact_uri, os.sep)
        if folder is not None and not is_known_here(folder):
            return None  # of the server's machine
        try:
            return self._stores.artifacts_for(artifact_uri)
        except NotSupportedError:
            return None
