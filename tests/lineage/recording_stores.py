"""Stores for tests of what is written into them: a real embedded one, and wrappers that fail as servers do."""

from __future__ import annotations

import threading
from typing import Any

from siglum.client.stores import Stores
from siglum.core.errors import NotSupportedError, UnavailableError
from siglum.registry.store import RegistryStore
from siglum.storage.artifacts.base import ArtifactStore
from siglum.tracking.store import TrackingStore


class Source:
    """The stores of a database with something between them and who uses them."""

    def __init__(self, stores: Stores, tracking: TrackingStore | None = None) -> None:
        self._stores = stores
        self.tracking: TrackingStore = tracking or stores.tracking

    @property
    def registry(self) -> RegistryStore:
        return self._stores.registry

    def artifacts_for(self, artifact_uri: str, /) -> ArtifactStore:
        return self._stores.artifacts_for(artifact_uri)


class Between:
    """A tracking store whose calls pass through `_before`."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._store, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            self._before(name, options)
            return inner(*arguments, **options)

        return call

    def _before(self, name: str, options: dict[str, Any]) -> None:
        """Do nothing."""


class Failing(Between):
    """Does not answer from its n-th call on, as long as `down`."""

    def __init__(self, store: TrackingStore, after: int) -> None:
        super().__init__(store)
        self.after = after
        self.down = True

    def _before(self, name: str, options: dict[str, Any]) -> None:
        if self.down and len(self.calls) > self.after:
            raise UnavailableError("No server answers.")


class ChoosingIds(Between):
    """Gives runs ids itself, as MLflow's server does."""

    def _before(self, name: str, options: dict[str, Any]) -> None:
        if name == "create_run" and options["run_id"] is not None:
            raise NotSupportedError("The server does not let a client choose a run's id.")


class Stuck(Between):
    """Answers no call of some name before it is released."""

    def __init__(self, store: TrackingStore, name: str) -> None:
        super().__init__(store)
        self._name = name
        self.released = threading.Event()

    def _before(self, name: str, options: dict[str, Any]) -> None:
        if name == self._name:
            self.released.wait(60)
