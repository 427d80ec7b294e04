"""Which reader a source needs, by how it is written."""

from __future__ import annotations

import os
import re

from siglum.client.stores import open_stores
from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.migration.local_files import local_folder
from siglum.migration.mlflow_database import MlflowDatabaseReader
from siglum.migration.mlflow_folder import MlflowFolderReader
from siglum.migration.reader import Reader
from siglum.migration.source_database import SourceDatabase, SqliteSource
from siglum.migration.store_reader import StoreReader
from siglum.tracking.sql.database import parse_sqlite_path
from siglum.tracking.sql.postgres_uri import is_postgres_uri

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):")
_KINDS = "Name a database (sqlite:///mlflow.db, postgresql://user@host/name), a folder (mlruns) or a server (http://host:5000)."


def open_mlflow(source: str, cwd: str, artifact_root: str | None) -> Reader:
    """Open a store of MLflow's for reading. `artifact_root` is where its server keeps files, if it is not the usual.

    Raises:
        NotFoundError: There is nothing at `source`.
        InvalidInputError: A scheme that there is not, or a store of another tool.
        FileFormatError: A database of an unknown schema.
    """
    match = _SCHEME.match(source)
    scheme = match["scheme"].lower() if match else ""
    root = None if artifact_root is None else _existing_folder(artifact_root, cwd)
    if scheme == "sqlite" or is_postgres_uri(source):
        database = _database(source, cwd)
        try:
            return MlflowDatabaseReader(database, root)
        except BaseException:
            database.close()
            raise
    if scheme in ("http", "https"):
        return _server(source, cwd)
    if scheme == "file" or (source and not scheme):
        folder = local_folder(source, cwd)
        assert folder is not None, "it has no other scheme"
        return MlflowFolderReader(folder)
    raise InvalidInputError(f"{source!r} is nothing that runs can be read from.", hint=_KINDS)


def _database(source: str, cwd: str) -> SourceDatabase:
    if is_postgres_uri(source):
        # the driver is an extra, and takes its time to import
        from siglum.migration.postgres_source import PostgresSource

        return PostgresSource(source)
    return SqliteSource(os.path.normpath(os.path.join(cwd, parse_sqlite_path(source))))


def _server(url: str, cwd: str) -> Reader:
    stores = open_stores(url, cwd)
    try:
        stores.tracking.search_experiments(max_results=1)  # so that one that does not answer is noticed at once
    except BaseException:
        stores.close()
        raise
    return StoreReader(stores)


def _existing_folder(path: str, cwd: str) -> str:
    folder = os.path.normpath(os.path.join(cwd, path))
    if not os.path.isdir(folder):
        raise NotFoundError(f"There is no folder {folder}.")
    return folder
