"""What the artifact store knows of its files without reading them: path, size in bytes, SHA-256."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from siglum.storage.artifacts.index import UPLOAD
from siglum.tracking.sql.database import Database
from siglum.tracking.sql.port import Sql, marks

_AT_ONCE: Final = 500


class SqlArtifactIndex:
    """Implements the artifact store's index on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, path: str, size: int, sha256: str) -> None:
        """Remember a file; what was remembered under that path is replaced."""
        self._database.write(
            lambda sql: sql.run(
                """INSERT INTO artifact_index (path, size, sha256) VALUES (?, ?, ?)
                   ON CONFLICT (path) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256""",
                (path, size, sha256),
            )
        )

    def get(self, path: str) -> tuple[int, str] | None:
        """Return size and SHA-256 of the file at `path`, None when they are not known."""
        row = self._database.read(
            lambda sql: sql.one("SELECT size, sha256 FROM artifact_index WHERE path = ?", (path,))
        )
        return (row[0], row[1]) if row and not row[1].startswith(UPLOAD) else None

    def get_many(self, paths: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Return size and SHA-256 of those that are known, by path."""

        def read(sql: Sql) -> dict[str, tuple[int, str]]:
            found: dict[str, tuple[int, str]] = {}
            for start in range(0, len(paths), _AT_ONCE):
                part = paths[start : start + _AT_ONCE]
                select = f"SELECT path, size, sha256 FROM artifact_index WHERE path IN ({marks(len(part))})"  # noqa: S608
                found |= {path: (size, own) for path, size, own in sql.all(select, part) if not own.startswith(UPLOAD)}
            return found

        return self._database.read(read) if paths else {}

    def remove(self, path_prefix: str) -> None:
        """Forget the file at this path and all files below it as a folder."""
        below = path_prefix + "/"
        # '0' is the character after '/': a range of the primary key, where LIKE would read every row
        self._database.write(
            lambda sql: sql.run(
                "DELETE FROM artifact_index WHERE path = ? OR (path >= ? AND path < ?)",
                (path_prefix, below, path_prefix + "0"),
            )
        )
