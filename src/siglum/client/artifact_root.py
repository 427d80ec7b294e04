"""Where the files of runs and models are kept: a folder, or a place in an object store, by what a person gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from siglum.client.artifact_places import is_in_object_store
from siglum.core.addresses import shown_url
from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactLayout, ArtifactStore
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.storage.artifacts.replacing import NumberedWrite, Outcome, replace
from siglum.tracking.sql.artifact_index import SqlArtifactIndex
from siglum.tracking.sql.artifact_root import recorded_root
from siglum.tracking.sql.artifact_writes import SqlArtifactWrites
from siglum.tracking.sql.content_index import SqlContentIndex
from siglum.tracking.sql.database import Database


def open_artifact_root(
    root: str, cwd: str, database: Database, layout: ArtifactLayout = ArtifactLayout.CONTENT
) -> ArtifactStore:
    """Open the files of runs and models that a database has the index of. `root` is a folder or a URI.

    Raises NotSupportedError for another kind of place, InvalidInputError for one that cannot be, UnauthenticatedError
    where credentials are missing.
    """
    if not is_in_object_store(root):
        return LocalArtifactStore(local_folder(root, cwd), SqlArtifactIndex(database), layout)
    # Needs an optional extra.
    from siglum.storage.artifacts.object_remote import open_artifact_remote
    from siglum.storage.artifacts.objects import ObjectArtifactStore

    return ObjectArtifactStore(open_artifact_remote(root, os.environ), SqlContentIndex(database), layout)


def open_recorded_root(folder: str, database: Database) -> ArtifactStore:
    """Return the files of runs and models where no server is: at the place on record, else in `folder`.

    A folder on record counts where it can be: another machine, or a database that was moved, may have no such place.
    Which it is is looked up, and credentials are asked for, when a file is first wanted: most want none.
    """

    def find() -> ArtifactStore:
        recorded = recorded_root(database)
        if recorded is None:
            return LocalArtifactStore(folder, SqlArtifactIndex(database))
        place, layout = recorded
        if not is_in_object_store(place) and not os.path.isdir(os.path.dirname(place)):
            place = folder
        return open_artifact_root(place, folder, database, layout)

    return LateArtifactStore(find, SqlArtifactWrites(database))


class LateArtifactStore:
    """An artifact store that is opened by its first use. Implements `ReplacingStore`, too."""

    def __init__(self, opener: Callable[[], ArtifactStore], writes: SqlArtifactWrites) -> None:
        self._opener = opener
        self._writes = writes

    @cached_property
    def _store(self) -> ArtifactStore:
        return self._opener()

    def put(self, path: str, source: BinaryIO) -> ArtifactEntry:
        return self._store.put(path, source)

    def put_file(self, path: str, local_path: str) -> ArtifactEntry:
        return self._store.put_file(path, local_path)

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        return self._store.open(path)

    def get_file(self, path: str, local_path: str) -> None:
        self._store.get_file(path, local_path)

    def stat(self, path: str) -> ArtifactEntry:
        return self._store.stat(path)

    def list(self, path: str = "") -> Sequence[ArtifactEntry]:
        return self._store.list(path)

    def delete(self, path: str) -> None:
        self._store.delete(path)

    def replace(self, path: str, content: bytes, expected: str | None, write: NumberedWrite | None) -> Outcome:
        return replace(self._store, self._writes, path, content, expected, write)


def local_folder(root: str, cwd: str) -> str:
    """Return the absolute path of a folder given as a path or `file:` URI; it need not be there."""
    scheme = urlsplit(root).scheme
    if scheme not in ("", "file"):
        raise NotSupportedError(
            f"{shown_url(root)!r}: artifacts cannot be kept there.",
            hint="Use a path, or a URI that begins with file:, s3:, gs: or azure:.",
        )
    path = unquote(urlsplit(root).path) if scheme else root
    if not path:
        raise InvalidInputError(f"{root!r} names no folder.")
    folder = os.path.normpath(os.path.join(cwd, path))
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise InvalidInputError(f"{folder} is not a folder: artifacts cannot be kept there.")
    return folder
