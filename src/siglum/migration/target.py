"""Opening the target of a migration: a database of Siglum's and the folder of its files, or a server of Siglum's."""

from __future__ import annotations

import os
from contextlib import closing

from siglum.client.artifact_root import open_artifact_root
from siglum.client.change import change_from_here
from siglum.client.rest.imports import RestImports
from siglum.client.rest.tracking import RestTrackingStore
from siglum.client.stores import Stores, open_stores
from siglum.client.tracking_uri import DatabaseLocation, ServerLocation, default_tracking_uri, parse_tracking_uri
from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.migration.export_sink import ExportSink
from siglum.migration.outcome import Outcome
from siglum.migration.plan import DrySink
from siglum.migration.present import PresentAtServer, PresentInDatabase
from siglum.migration.reader import Reader
from siglum.migration.server_sink import ServerSink
from siglum.migration.siglum_reader import SiglumReader
from siglum.migration.siglum_sink import SiglumSink, database_of
from siglum.migration.sink import Sink
from siglum.migration.transfer import Progress, execute
from siglum.registry.webhook_secrets import VARIABLES, SecretBox


def write_to(
    reader: Reader,
    uri: str | None,
    cwd: str,
    artifact_root: str | None,
    *,
    files: bool,
    progress: Progress,
    webhook_key: str | None = None,
) -> Outcome:
    """Store what a source holds in what `uri` names, made if need be; None is the default one.

    `webhook_key` is the file with the key of the source's webhooks, if it is not that in the environment.
    """
    with closing(_open(uri, cwd, artifact_root)) as stores:
        change = change_from_here(f"migrated from {reader.place}")
        imports = _imports(stores)
        if imports is None:
            sink: Sink = SiglumSink(stores, change)
        else:
            sink = ServerSink(stores, imports, change, _secrets(webhook_key))
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
        imports = _imports(stores)
        present = PresentInDatabase(database_of(stores)) if imports is None else PresentAtServer(stores, imports)
        return execute(reader, DrySink(stores, present), files=files, progress=progress)


def _secrets(key_file: str | None) -> SecretBox | None:
    """Return what opens the source's secrets: with the key of a file or the environment, None without either."""
    if key_file is not None:
        return SecretBox(key_file, {})
    return SecretBox("", os.environ) if any(os.environ.get(name) for name in VARIABLES) else None


def _imports(stores: Stores) -> RestImports | None:
    """Return how to fill a server; None for a database."""
    return RestImports(stores.tracking.session) if isinstance(stores.tracking, RestTrackingStore) else None


def _open(uri: str | None, cwd: str, artifact_root: str | None, *, create: bool = True) -> Stores:
    stores = open_stores(uri, cwd, create=create)
    if artifact_root is None:
        return stores
    if _imports(stores) is not None:
        stores.close()
        raise InvalidInputError(
            f"{stores.uri} is a server, which keeps files where it keeps them.", hint="Leave out --to-artifacts."
        )
    artifacts = open_artifact_root(artifact_root, cwd, database_of(stores))
    return Stores(stores.uri, stores.tracking, stores.registry, artifacts, (stores,))
