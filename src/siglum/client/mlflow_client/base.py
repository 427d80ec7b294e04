"""What the parts of MlflowClient share: their stores, and the files of runs."""

from __future__ import annotations

import os

from siglum.client import state
from siglum.client.artifact_folder import ArtifactFolder
from siglum.registry.store import RegistryStore
from siglum.tracking.store import TrackingStore


class ClientBase:
    """The stores behind a tracking and a registry URI, shared with the fluent API of this process."""

    def __init__(self, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        """Speak to the stores at these URIs; None: those in force now.

        Raises:
            InvalidInputError: A scheme that there is not.
            NotSupportedError: A file store, or a database other than SQLite.
        """
        found = state.session(
            None if tracking_uri is None else os.fspath(tracking_uri),
            None if registry_uri is None else os.fspath(registry_uri),
        )
        self._uris = found.uris
        self._found = found
        self._generation = state.generation()

    @property
    def tracking_uri(self) -> str:
        """Where runs are kept."""
        return self._uris[0]

    @property
    def _session(self) -> state.Session:
        if self._generation != state.generation():  # closed, or this is a forked child
            self._found = state.session(*self._uris)
            self._generation = state.generation()
        return self._found

    @property
    def _tracking(self) -> TrackingStore:
        return self._session.stores.tracking

    @property
    def _registry(self) -> RegistryStore:
        return self._session.stores.registry

    def _flush(self, run_id: str) -> None:
        """Send what the fluent API has queued, so that what was logged before is seen."""
        self._session.queue.catch_up(run_id)

    def _settle(self, run_id: str) -> None:
        """Wait until a server has what was written to a run; not while it is away: the spool keeps it."""
        self._session.queue.settle_named(run_id)

    def _run_files(self, run_id: str) -> ArtifactFolder:
        return self._session.stores.files_of_run(run_id)

    def _model_files(self, model_id: str) -> ArtifactFolder:
        return self._session.stores.artifacts_for(self._tracking.get_logged_model(model_id).artifact_location)
