"""What the URI of a database opens. Imported only by who uses one: its drivers take their time to import."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, Final, cast

from siglum.client.artifact_root import open_recorded_root
from siglum.client.opened import Opened
from siglum.client.tracking_uri import EMBEDDED_FOLDER, DatabaseLocation, PostgresLocation
from siglum.core.errors import UnavailableError
from siglum.core.failures import file_errors
from siglum.registry.sql.store import SqlRegistryStore
from siglum.registry.store import RegistryStore
from siglum.storage.artifacts.base import ArtifactStore
from siglum.tracking.sql.database import open_database
from siglum.tracking.sql.store import SqlTrackingStore
from siglum.tracking.store import TrackingStore

_PAUSE_SECONDS: Final = 5.0
"""How long a database that did not answer is not asked again."""


def open_location(location: DatabaseLocation | PostgresLocation, *, create: bool) -> Opened:
    """Open a database. Raises as `open_database` does."""
    prepare_location(location)
    database = open_database(location.uri, create=create or isinstance(location, DatabaseLocation))
    artifacts = open_recorded_root(location.artifact_root, database)
    return Opened(SqlTrackingStore(database), SqlRegistryStore(database), artifacts, (database,))


def open_late(location: PostgresLocation) -> Opened:
    """Return the stores of a database that need not answer yet: while it is away, their use raises UnavailableError.

    Any other reason why it cannot be opened is raised now, if it answers.
    """
    late = _Late(partial(open_location, location, create=True))
    with contextlib.suppress(UnavailableError):
        late.opened()
    return Opened(
        cast("TrackingStore", _Part(late, "tracking")),
        cast("RegistryStore", _Part(late, "registry")),
        cast("ArtifactStore", _Part(late, "proxied")),
        (late,),
    )


class _Late:
    """Opens a database once, when it answers."""

    def __init__(self, opener: Callable[[], Opened]) -> None:
        self._opener = opener
        self._opened: Opened | None = None
        self._problem: UnavailableError | None = None
        self._not_before = 0.0
        self._opening = threading.Lock()

    def opened(self) -> Opened:
        with self._opening:
            if self._opened is None:
                if self._problem is not None and monotonic() < self._not_before:
                    raise self._problem
                try:
                    self._opened = self._opener()
                except UnavailableError as error:
                    self._problem, self._not_before = error, monotonic() + _PAUSE_SECONDS
                    raise
            return self._opened

    def close(self) -> None:
        if self._opened is not None:
            for each in reversed(self._opened.closing):
                each.close()


class _Part:
    """One of the stores of a database that is opened late, in everything but `close`, which opens nothing."""

    def __init__(self, late: _Late, name: str) -> None:
        self._late = late
        self._name = name

    def close(self) -> None:
        self._late.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self._late.opened(), self._name), name)


def prepare_location(location: DatabaseLocation | PostgresLocation) -> None:
    """Create the folder that a database, or the files that belong to it, are in."""
    path = location.path if isinstance(location, DatabaseLocation) else location.artifact_root
    prepare_folder(os.path.dirname(path))


def prepare_folder(folder: str) -> None:
    """Create the folder of a database; the embedded one keeps itself out of Git."""
    with file_errors(folder):
        os.makedirs(folder, exist_ok=True)
        if os.path.basename(folder) != EMBEDDED_FOLDER:
            return
        ignore = os.path.join(folder, ".gitignore")
        if not os.path.exists(ignore):
            with open(ignore, "w", encoding="utf-8") as file:
                file.write("*\n")
