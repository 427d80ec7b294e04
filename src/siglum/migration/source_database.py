"""The database of a source, SQLite or PostgreSQL, opened for reading one state of it only."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Sequence
from typing import Any, Protocol

import apsw

from siglum.core.errors import NotFoundError
from siglum.tracking.sql.port import Row
from siglum.tracking.sql.sqlite import BUSY_TIMEOUT_MS, translate


class SourceDatabase(Protocol):
    """What the reader of a database asks of its driver. Statements have `?` for bound values."""

    @property
    def place(self) -> str:
        """How messages name it."""
        ...

    @property
    def folder(self) -> str | None:
        """The folder it is in, where it is a file."""
        ...

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        ...

    def columns(self, table: str) -> set[str]:
        """Return the names of a table's columns; none when it is not there."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class SqliteSource:
    """An SQLite file, read only, in one transaction. Raises NotFoundError when it is not there."""

    def __init__(self, path: str) -> None:
        self.place = path
        self.folder: str | None = os.path.dirname(path)
        if not os.path.isfile(path):
            raise NotFoundError(f"There is no database {path}.", hint="Check the path: sqlite:///relative/path.db.")
        try:
            uri = f"file:{urllib.parse.quote(path)}?mode=ro"
            self._connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            self._connection.execute("BEGIN").fetchall()
        except apsw.Error as error:
            raise translate(error, path) from error

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise translate(error, self.place) from error

    def columns(self, table: str) -> set[str]:
        return {name for (name,) in self.all("SELECT name FROM pragma_table_info(?)", (table,))}

    def close(self) -> None:
        self._connection.close()
