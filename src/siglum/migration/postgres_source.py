"""A PostgreSQL database of a source, through the driver that the stores use: read only, on one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from siglum.tracking.sql.port import Row
from siglum.tracking.sql.postgres import PostgresBackend


class PostgresSource:
    """Implements `SourceDatabase`. Raises what `PostgresBackend` raises when it cannot be reached."""

    folder: str | None = None

    def __init__(self, uri: str) -> None:
        backend = PostgresBackend(uri)
        self.place = backend.place
        self._session = backend.connect(writes=False, on_statement=lambda: None)
        # the transaction waits while what was read is written
        self._session.run("SET idle_in_transaction_session_timeout = 0")
        self._session.begin()

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._session.all(statement, values)

    def columns(self, table: str) -> set[str]:
        rows = self.all(
            """SELECT column_name::text FROM information_schema.columns
               WHERE table_schema = current_schema() AND table_name = ?""",
            (table,),
        )
        return {name for (name,) in rows}

    def close(self) -> None:
        self._session.close()
