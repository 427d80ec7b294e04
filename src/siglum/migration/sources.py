"""Which reader a source needs, by how it is written."""

from __future__ import annotations

import os
import re

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.migration.mlflow_database import MlflowDatabaseReader
from siglum.migration.reader import Reader
from siglum.migration.source_database import SqliteSource
from siglum.tracking.sql.database import parse_sqlite_path

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):")
_KINDS = "Name a database (sqlite:///mlflow.db)."


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
    if scheme == "sqlite":
        database = SqliteSource(os.path.normpath(os.path.join(cwd, parse_sqlite_path(source))))
        try:
            return MlflowDatabaseReader(database, root)
        except BaseException:
            database.close()
            raise
    raise InvalidInputError(f"{source!r} is nothing that runs can be read from.", hint=_KINDS)


def _existing_folder(path: str, cwd: str) -> str:
    folder = os.path.normpath(os.path.join(cwd, path))
    if not os.path.isdir(folder):
        raise NotFoundError(f"There is no folder {folder}.")
    return folder
