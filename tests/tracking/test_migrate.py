"""From every schema that was released to the newest, on both databases."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from tests.cli.quick import QuickProject
from tests.postgres import PostgresServer

from siglum.core.errors import ConflictError, StorageFullError
from siglum.tracking.sql import migrate
from siglum.tracking.sql.database import Database, open_database
from siglum.tracking.sql.migrate import known_migrations
from siglum.tracking.sql.sqlite import SqliteBackend

NEWEST = len(known_migrations())
OLDER = range(1, NEWEST)
RUN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(params=["sqlite", "postgresql"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/siglum.db"
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return postgres.new_schema()


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    return QuickProject(tmp_path)


@contextlib.contextmanager
def older_siglum(version: int) -> Iterator[None]:
    """Know the first migrations only, as the Siglum that brought them."""
    known = known_migrations()[:version]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "known_migrations", lambda: known)
        yield


def make(uri: str, version: int) -> None:
    """Make a database as a Siglum with fewer migrations made it, with a run in it."""
    with older_siglum(version):
        database = open_database(uri)
    database.write(
        lambda sql: sql.run(
            """INSERT INTO runs (run_id, experiment_id, run_name, user_id, status, start_time, artifact_uri)
               VALUES (?, 0, 'old', 'ann', 'RUNNING', 1, 'mlflow-artifacts:/0/x/artifacts')""",
            (RUN,),
        )
    )
    database.close()


def version_and_runs(database: Database) -> tuple[int, list[str]]:
    return database.read(
        lambda sql: (
            sql.all("SELECT max(version) FROM siglum_schema")[0][0],
            [name for (name,) in sql.all("SELECT run_name FROM runs")],
        )
    )


def shape(database: Database) -> list[object]:
    """Return the tables with their columns, the indexes and the triggers."""
    if database.uri.startswith("sqlite"):
        return database.read(lambda sql: list(sql.all("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")))
    return database.read(
        lambda sql: [
            *sql.all(
                """SELECT table_name::text, column_name::text, data_type::text, is_nullable::text
                   FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2"""
            ),
            *sql.all("SELECT indexname::text FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"),
        ]
    )


@pytest.fixture
def fresh(uri: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    other = f"sqlite:///{tmp_path}/fresh.db"
    if uri.startswith("postgresql"):
        postgres: PostgresServer = request.getfixturevalue("postgres")
        other = postgres.new_schema()
    database = open_database(other)
    yield database
    database.close()


@pytest.mark.parametrize("version", OLDER)
def test_forward_by_command(uri: str, version: int, project: QuickProject, fresh: Database) -> None:
    make(uri, version)
    tried = project.run("db", "upgrade", uri, "--dry-run", "--json")
    assert tried.status == 0, tried
    wanted = [migration.name for migration in known_migrations()[version:]]
    assert json.loads(tried.out)["upgrade"] == {
        "before": version,
        "after": NEWEST,
        "migrations": wanted,
        "backup": None,
    }
    with older_siglum(version):
        unchanged = open_database(uri)
        assert version_and_runs(unchanged) == (version, ["old"])
        unchanged.close()
    done = project.run("db", "upgrade", uri)
    assert done.status == 0, done
    assert f"from schema version {version} to {NEWEST}" in done.out
    assert "which is the newest" in project.run("db", "upgrade", uri).out
    database = open_database(uri)
    assert version_and_runs(database) == (NEWEST, ["old"])
    assert shape(database) == shape(fresh)
    database.close()


def test_sqlite_goes_forward_by_itself_and_keeps_a_copy(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/siglum.db"
    make(uri, 2)
    os.chmod(tmp_path / "siglum.db", 0o640)
    database = open_database(uri)
    assert version_and_runs(database) == (NEWEST, ["old"])
    database.close()
    copy = tmp_path / "siglum.db.before-schema-3"
    assert copy.stat().st_mode & 0o777 == 0o640
    # the copy is the database as the older Siglum knows it, and can be put back
    shutil.copy(copy, tmp_path / "siglum.db")
    with older_siglum(2):
        database = open_database(uri)
        assert version_and_runs(database) == (2, ["old"])
        database.close()
    open_database(uri).close()
    assert (tmp_path / "siglum.db.before-schema-3-2").exists(), "a copy is never written over"
    assert not list(tmp_path.glob("*.partial"))


def test_no_copy_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{tmp_path}/siglum.db"
    make(uri, 1)

    def fail(self: SqliteBackend, version: int) -> str:
        raise StorageFullError(f"no room left for the copy of version {version}")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteBackend, "back_up", fail)
        with pytest.raises(StorageFullError, match="no room left for the copy of version 1"):
            open_database(uri)
    connection = apsw.Connection(str(tmp_path / "siglum.db"))
    assert list(connection.execute("SELECT max(version) FROM siglum_schema")) == [(1,)]
    connection.close()


def test_postgresql_is_not_changed_by_opening_it(postgres: PostgresServer) -> None:
    uri = postgres.new_schema()
    make(uri, 1)
    with pytest.raises(ConflictError, match="siglum db upgrade"):
        open_database(uri)


def test_what_cannot_be_upgraded(project: QuickProject) -> None:
    assert "is a server" in project.run("db", "upgrade", "http://localhost:5000").err
    ended = project.run("db", "upgrade", "sqlite:///nowhere.db")
    assert (ended.status, ended.err.count("\n")) == (1, 1)
    assert not (project.root / "nowhere.db").exists()
