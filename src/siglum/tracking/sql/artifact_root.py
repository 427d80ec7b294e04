"""Where the files of a database's runs and models are, as the last server that was started said."""

from __future__ import annotations

from siglum.storage.artifacts.base import ArtifactLayout
from siglum.tracking.sql.database import Database


def recorded_root(database: Database) -> tuple[str, ArtifactLayout] | None:
    """Return the place (a URI or absolute path) and layout on record; None for the folder beside the database."""
    row = database.read(lambda sql: sql.one("SELECT place, layout FROM artifact_root"))
    return (row[0], ArtifactLayout(row[1])) if row is not None else None


def record_root(database: Database, place: str | None, layout: ArtifactLayout) -> None:
    """Put a place on record, None for the folder that goes with the database."""
    if recorded_root(database) == (None if place is None else (place, layout)):
        return
    if place is None:
        database.write(lambda sql: sql.run("DELETE FROM artifact_root"))
    else:
        database.write(
            lambda sql: sql.run(
                """INSERT INTO artifact_root VALUES (1, ?, ?)
                   ON CONFLICT (only_one) DO UPDATE SET place = excluded.place, layout = excluded.layout""",
                (place, layout.value),
            )
        )
