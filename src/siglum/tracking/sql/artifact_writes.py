"""What the artifact store remembers of files that several processes add to: `ArtifactWrites` on a database.

Numbers of writers that have written nothing for `KEPT_MS` are forgotten, as idempotency keys are.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from siglum.storage.artifacts.replacing import NumberedWrite, PendingWrite
from siglum.tracking.sql.batch_keys import KEPT_MS
from siglum.tracking.sql.database import Database
from siglum.tracking.sql.port import Sql


class SqlArtifactWrites:
    """Implements `ArtifactWrites`. May be used from several threads and, on PostgreSQL, machines at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def exclusive(self, path: str) -> AbstractContextManager[None]:
        return self._database.exclusive(f"artifact {path}")

    def pending(self, path: str) -> PendingWrite | None:
        row = self._database.read(
            lambda sql: sql.one(
                "SELECT writer, number, sha256 FROM artifact_writes WHERE path = ? AND pending = 1", (path,)
            )
        )
        return PendingWrite(NumberedWrite(row[0], row[1]), row[2]) if row is not None else None

    def begin(self, path: str, pending: PendingWrite) -> None:
        now = self._database.clock()

        def work(sql: Sql) -> None:
            sql.run("DELETE FROM artifact_writes WHERE time < ?", (now - KEPT_MS,))
            sql.run(
                """INSERT INTO artifact_writes (path, writer, number, sha256, pending, time) VALUES (?, ?, ?, ?, 1, ?)
                   ON CONFLICT (path, writer) DO UPDATE
                   SET number = excluded.number, sha256 = excluded.sha256, pending = 1, time = excluded.time""",
                (path, pending.write.writer, pending.write.number, pending.sha256, now),
            )

        self._database.write(work)

    def settle(self, path: str, write: NumberedWrite, *, stored: bool) -> None:
        # What was not stored goes whole: the writer asks for that number again, and never for an earlier one.
        statement = (
            "UPDATE artifact_writes SET pending = 0 WHERE path = ? AND writer = ?"
            if stored
            else "DELETE FROM artifact_writes WHERE path = ? AND writer = ?"
        )
        self._database.write(lambda sql: sql.run(statement, (path, write.writer)))

    def has(self, path: str, write: NumberedWrite) -> bool:
        row = self._database.read(
            lambda sql: sql.one(
                "SELECT 1 FROM artifact_writes WHERE path = ? AND writer = ? AND pending = 0 AND number >= ?",
                (path, write.writer, write.number),
            )
        )
        return row is not None
