"""How model versions were made, as `siglum trace` and `siglum diff` tell it, from what the server keeps."""

from __future__ import annotations

from typing import Final

import msgspec

from siglum.client.artifact_folder import ArtifactFolder
from siglum.core.errors import NotSupportedError
from siglum.registry.store import RegistryStore
from siglum.server.lineage_wire import (
    TraceAnswer,
    VersionDiffAnswer,
    VersionPair,
    VersionReference,
    write_diff,
    write_version,
)
from siglum.server.route import Call, Services
from siglum.server.sources import artifact_path_of
from siglum.tracking import own_calls
from siglum.tracking.store import TrackingStore

DEFAULT_PAGE: Final = 100


class _Records(msgspec.Struct, frozen=True):
    """The server's stores, as lineage reads them: files that another place keeps are not opened."""

    services: Services

    @property
    def tracking(self) -> TrackingStore:
        return self.services.tracking

    @property
    def registry(self) -> RegistryStore:
        return self.services.registry

    def artifacts_for(self, artifact_uri: str) -> ArtifactFolder:
        path = artifact_path_of(artifact_uri)
        if path is None:
            raise NotSupportedError(f"The files at {artifact_uri} are not kept by this server.")
        return ArtifactFolder(self.services.artifacts, path, artifact_uri)


def trace(services: Services, request: VersionReference, _call: Call) -> TraceAnswer:
    """Return all that is on record of a model version: its code, data, parameters, environment and files."""
    # brings the reading of pipelines and Git along, which a server that is not asked can do without
    from siglum.lineage.trace import read_version

    return TraceAnswer(version=write_version(read_version(_Records(services), None, request.reference)))


def diff(services: Services, request: VersionPair, _call: Call) -> VersionDiffAnswer:
    """Return what differs between two model versions, from code and data to the environment and the model itself."""
    from siglum.lineage.diff import diff_versions  # as above

    return VersionDiffAnswer(diff=write_diff(diff_versions(_Records(services), None, request.old, request.new)))


def data_versions(services: Services, request: own_calls.DataVersions, _call: Call) -> own_calls.DataVersionsAnswer:
    """Return the contents of data sets that runs read, the latest used first, and the models that came of them."""
    page = services.tracking.data_versions(
        request.experiment_id,
        name=request.name,
        path=request.data_path,
        max_results=DEFAULT_PAGE if request.max_results is None else request.max_results,
        page_token=request.page_token or None,
    )
    return own_calls.DataVersionsAnswer(versions=list(page.items), next_page_token=page.next_token)
