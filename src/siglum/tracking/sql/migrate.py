"""Bring a database's schema up to date: numbered `.sql` files, each applied once, all in one transaction."""

from __future__ import annotations

import functools
import os
import re

import msgspec

from siglum.core.clock import Clock
from siglum.core.errors import ConflictError, FileFormatError, InternalError
from siglum.tracking.sql.port import Session, Sql

_FOLDER = os.path.join(os.path.dirname(__file__), "migrations")
_NAME = re.compile(r"(\d{4})_\w+\.sql\Z")


class Migration(msgspec.Struct, frozen=True, order=True):
    """One step of the schema: its number, its file's name, its statements."""

    version: int
    name: str
    statements: str


@functools.cache
def known_migrations() -> tuple[Migration, ...]:
    """Return the migrations that this version of Siglum brings, in order, numbered from 1 without a gap."""
    found = []
    for name in sorted(os.listdir(_FOLDER)):
        if match := _NAME.match(name):
            with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
                found.append(Migration(int(match[1]), name, file.read()))
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise InternalError(f"{_FOLDER}: migrations are not numbered 1, 2, 3, …")
    return tuple(found)


def schema_version(sql: Sql, where: str) -> int:
    """Return the number of the last migration that was applied, 0 for an empty database.

    Raises FileFormatError for a database of something else, such as MLflow's own.
    """
    tables = {name for (name,) in sql.all("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "siglum_schema" not in tables:
        if "alembic_version" in tables:
            raise FileFormatError(
                where, "this is the database of another tool, such as MLflow.", hint="Give Siglum a file of its own."
            )
        if tables:
            raise FileFormatError(where, "this database holds tables that are not Siglum's.")
        return 0
    row = sql.one("SELECT max(version) FROM siglum_schema")
    return int(row[0]) if row and row[0] is not None else 0


def migrate(session: Session, where: str, clock: Clock) -> None:
    """Apply what is missing. Several processes may do this at once: one migrates, the others wait and find it done.

    Raises ConflictError when a newer Siglum has written the database.
    """
    migrations = known_migrations()
    if schema_version(session, where) == len(migrations):
        return
    session.run("BEGIN IMMEDIATE")
    try:
        found = schema_version(session, where)
        if found > len(migrations):
            raise ConflictError(
                f"{where}: the database has schema version {found}, this Siglum knows up to {len(migrations)}.",
                hint="Upgrade Siglum: pip install --upgrade siglum",
            )
        if found == 0:
            session.run("CREATE TABLE siglum_schema (version INTEGER PRIMARY KEY, name TEXT, applied_at BIGINT)")
        for migration in migrations[found:]:
            session.script(migration.statements)
            session.run("INSERT INTO siglum_schema VALUES (?, ?, ?)", (migration.version, migration.name, clock()))
        if found == 0:
            _add_default_experiment(session, clock())
        session.run("COMMIT")
    except BaseException:
        if session.in_transaction:
            session.run("ROLLBACK")
        raise


def _add_default_experiment(sql: Sql, now: int) -> None:
    sql.run(
        "INSERT INTO experiments (experiment_id, name, artifact_location, creation_time, last_update_time)"
        " VALUES (0, 'Default', 'mlflow-artifacts:/0', ?, ?)",
        (now, now),
    )
