"""The artifacts that a server serves: looked at before it starts, with what clients may do around it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import msgspec

from siglum.client.artifact_places import is_in_object_store
from siglum.client.artifact_root import local_folder, open_artifact_root
from siglum.storage.artifacts.base import ArtifactLayout, ArtifactStore, DirectTransfers
from siglum.tracking.sql.artifact_root import record_root
from siglum.tracking.sql.content_index import SqlContentIndex
from siglum.tracking.sql.database import Database


class ServedArtifacts(msgspec.Struct, frozen=True):
    """A store, and the transfers around the server that it allows, if any."""

    store: ArtifactStore
    direct: DirectTransfers | None = None


def check_artifacts(root: str, cwd: str) -> None:
    """See that artifacts can be kept at a folder or URI. An object store is written to, and what is written removed.

    Raises as `open_artifact_root`, and UnavailableError or PermissionDeniedError when an object store does not work.
    """
    if not is_in_object_store(root):
        local_folder(root, cwd)
        return
    # Needs an optional extra.
    from siglum.storage.artifacts.object_remote import open_artifact_remote
    from siglum.storage.artifacts.objects import ObjectArtifactStore

    ObjectArtifactStore(open_artifact_remote(root, os.environ, patient=False)).check()


@contextlib.contextmanager
def open_served_artifacts(
    root: str, cwd: str, database: Database, layout: ArtifactLayout, *, usual: str, presigned: bool
) -> Iterator[ServedArtifacts]:
    """Open the artifacts at a folder or URI that was looked at by `check_artifacts`.

    Unless that is the `usual` folder, it is put on record for those who open the database without this server.
    """
    store = open_artifact_root(root, cwd, database, layout)
    if not is_in_object_store(root):
        folder = local_folder(root, cwd)
        record_root(database, None if folder == os.path.normpath(usual) else folder, layout)
        yield ServedArtifacts(store)
        return
    # Needs an optional extra.
    from siglum.storage.artifacts.objects import ObjectArtifactStore
    from siglum.storage.artifacts.transfers import ObjectTransfers
    from siglum.storage.artifacts.upkeep import Upkeep

    assert isinstance(store, ObjectArtifactStore)
    assert store.contents is not None
    record_root(database, root, layout)
    upkeep = Upkeep(store.remote, SqlContentIndex(database), store.contents)
    upkeep.start()
    direct = ObjectTransfers(store, upkeep)
    try:
        yield ServedArtifacts(store, direct if presigned and direct.signs else None)
    finally:
        upkeep.close()
