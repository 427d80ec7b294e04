"""Opening the target of a migration: a database of Siglum's and the folder of its files."""

from __future__ import annotations

import os
from contextlib import closing

from siglum.client.change import change_from_here
from siglum.client.stores import Stores, open_stores
from siglum.client.tracking_uri import DatabaseLocation, ServerLocation, default_tracking_uri, parse_tracking_uri
from siglum.core.errors import NotFoundError
from siglum.migration.export_sink import ExportSink
from siglum.migration.outcome import Outcome
from siglum.migration.plan import DrySink
from siglum.migration.reader import Reader
from siglum.migration.siglum_reader import SiglumReader
from siglum.migration.siglum_sink import SiglumSink, database_of
from siglum.migration.transfer import Progress, execute
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.tracking.sql.artifact_index import SqlArtifactIndex


def write_to(
    reader: Reader, uri: str | None, cwd: str, artifact_root: str | None, *, files: bool, progress: Progress
) -> Outcome:
    """Store what a source holds in the database that `uri` names, made if need be; None is the default one."""
    with closing(_open(uri, cwd, artifact_root)) as stores:
        sink = SiglumSink(stores, change_from_here(f"migrated from {reader.place}"))
        return execute(reader, sink, files=files, progress=progress)


def export_from(uri: str | None, cwd: str, folder: str, *, parquet: bool, files: bool, progress: Progress) -> Outcome:
    """Write all that a database of Siglum's holds to a new folder."""
    stores = open_stores(uri, cwd, create=False)
    with closing(stores):
        reader = SiglumReader(stores)
        with closing(ExportSink(os.path.normpath(os.path.join(cwd, folder)), parquet=parquet, artifacts=files)) as sink:
            return execute(reader, sink, files=files, progress=progress)


def try_out(
    reader: Reader, uri: str | None, cwd: str, artifact_root: str | None, *, files: bool, progress: Progress
) -> Outcome:
    """Count what `write_to` would do. Nothing is made or changed."""
    location = parse_tracking_uri(uri or default_tracking_uri(os.environ, cwd), cwd)
    if isinstance(location, DatabaseLocation) and not os.path.exists(location.path):
        return execute(reader, DrySink(None, None), files=files, progress=progress)
    try:
        stores = _open(uri, cwd, artifact_root, create=False)
    except NotFoundError:
        if isinstance(location, ServerLocation):
            raise
        return execute(reader, DrySink(None, None), files=files, progress=progress)
    with closing(stores):
        return execute(reader, DrySink(stores, database_of(stores)), files=files, progress=progress)


def _open(uri: str | None, cwd: str, artifact_root: str | None, *, create: bool = True) -> Stores:
    stores = open_stores(uri, cwd, create=create)
    try:
        database = database_of(stores)
    except BaseException:
        stores.close()
        raise
    if artifact_root is None:
        return stores
    folder = os.path.normpath(os.path.join(cwd, artifact_root))
    artifacts = LocalArtifactStore(folder, SqlArtifactIndex(database))
    return Stores(stores.uri, stores.tracking, stores.registry, artifacts, (stores,))
