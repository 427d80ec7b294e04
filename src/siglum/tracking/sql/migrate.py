"""Bring a database's schema up to date: numbered `.sql` files, each applied once, all in one transaction.

`0002_registry.sql` is for every database, in SQLite's words; `0002_registry.sqlite.sql` and
`0002_registry.postgresql.sql` hold what only one of them understands, and run after it.
"""

from __future__ import annotations

import functools
import os
import re

import msgspec

from siglum.core.clock import Clock
from siglum.core.errors import ConflictError, FileFormatError, InternalError, NotFoundError
from siglum.tracking.sql.port import Backend, Dialect, Session, Sql

_FOLDER = os.path.join(os.path.dirname(__file__), "migrations")
_NAME = re.compile(r"(?P<version>\d{4})_\w+(\.(?P<dialect>sqlite|postgresql))?\.sql\Z")


class Migration(msgspec.Struct, frozen=True, order=True):
    """One step of the schema: its number, its file's name, its statements for every database and for one only."""

    version: int
    name: str
    statements: str
    own: dict[Dialect, str] = {}

    def apply(self, session: Session) -> None:
        """Run the statements."""
        session.script(self.statements)
        if own := self.own.get(session.dialect):
            session.script(own)


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of schema did, or would do: from which version, which migrations, and where the copy is."""

    before: int
    after: int
    migrations: tuple[str, ...] = ()
    backup: str | None = None


@functools.cache
def known_migrations() -> tuple[Migration, ...]:
    """Return the migrations that this version of Siglum brings, in order, numbered from 1 without a gap."""
    found: dict[int, Migration] = {}
    for name in sorted(os.listdir(_FOLDER), key=lambda each: (each.count("."), each)):
        if match := _NAME.match(name):
            with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
                statements = file.read()
            version = int(match["version"])
            if match["dialect"] is None:
                found[version] = Migration(version, name, statements)
            else:
                found[version].own[Dialect(match["dialect"])] = statements
    if list(found) != list(range(1, len(found) + 1)):
        raise InternalError(f"{_FOLDER}: migrations are not numbered 1, 2, 3, …")
    return tuple(found.values())


def schema_version(session: Session, where: str) -> int:
    """Return the number of the last migration that was applied, 0 for an empty database.

    Raises FileFormatError for a database of something else, such as MLflow's own.
    """
    tables = session.tables()
    if "siglum_schema" not in tables:
        if "alembic_version" in tables:
            raise FileFormatError(
                where,
                "this is the database of another tool, such as MLflow.",
                hint="Give Siglum a database of its own.",
            )
        if tables:
            raise FileFormatError(where, "this database holds tables that are not Siglum's.")
        return 0
    row = session.one("SELECT max(version) FROM siglum_schema")
    return int(row[0]) if row and row[0] is not None else 0


def migrate(
    session: Session,
    backend: Backend,
    clock: Clock,
    *,
    create: bool = True,
    upgrade: bool = False,
    dry_run: bool = False,
) -> Upgrade:
    """Apply what is missing. Several processes may do this at once: one migrates, the others wait and find it done.

    An empty database gets its schema when `create` is set. A `dry_run` does it all, and undoes it.

    Raises NotFoundError for an empty database without `create`, ConflictError when a newer Siglum has written the
    database, or when an older one has and neither the database may be changed by opening it nor `upgrade` is asked for.
    """
    migrations = known_migrations()
    current = Upgrade(before=len(migrations), after=len(migrations))
    if schema_version(session, backend.place) == len(migrations):
        return current
    session.begin()
    try:
        found = schema_version(session, backend.place)
        if found == len(migrations):  # another process was faster
            session.rollback()
            return current
        if found == 0 and not create:
            raise NotFoundError(
                f"{backend.place}: the database is empty.",
                hint="Check its name; a server, or a script that logs to it, makes the tables.",
            )
        _check_version(backend, found, len(migrations), upgrade)
        backup = backend.back_up(found) if found and not dry_run else None
        _apply(session, migrations[found:], clock())
        session.rollback() if dry_run else session.commit()
    except BaseException:
        if session.in_transaction:
            session.rollback()
        raise
    names = tuple(migration.name for migration in migrations[found:])
    return Upgrade(before=found, after=len(migrations), migrations=names, backup=backup)


def _check_version(backend: Backend, found: int, known: int, upgrade: bool) -> None:
    if found > known:
        raise ConflictError(
            f"{backend.place}: the database has schema version {found}, this Siglum knows up to {known}.",
            hint="Upgrade Siglum: pip install --upgrade siglum",
        )
    if found and not (upgrade or backend.upgrades_itself):
        raise ConflictError(
            f"{backend.place}: the database has schema version {found}, this Siglum needs {known}.",
            hint="Back it up, stop the servers that use it, and run: siglum db upgrade URI",
        )


def _apply(session: Session, migrations: tuple[Migration, ...], now: int) -> None:
    if migrations[0].version == 1:
        session.script("CREATE TABLE siglum_schema (version INTEGER PRIMARY KEY, name TEXT, applied_at BIGINT)")
    for migration in migrations:
        migration.apply(session)
        session.run("INSERT INTO siglum_schema VALUES (?, ?, ?)", (migration.version, migration.name, now))
    if migrations[0].version == 1:
        _add_default_experiment(session, now)


def _add_default_experiment(sql: Sql, now: int) -> None:
    sql.run(
        "INSERT INTO experiments (experiment_id, name, artifact_location, creation_time, last_update_time)"
        " VALUES (0, 'Default', 'mlflow-artifacts:/0', ?, ?)",
        (now, now),
    )
