"""The way to a PostgreSQL: passwords, what is not there, what is another's, and the driver that is an extra."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres import PostgresServer

from siglum.client.stores import open_stores
from siglum.core.errors import (
    ConflictError,
    FileFormatError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)
from siglum.tracking.sql import retry
from siglum.tracking.sql.database import open_database

SECRET = "s3cr3t"


@pytest.fixture(scope="module")
def guarded(postgres: PostgresServer) -> Iterator[str]:
    """The URI of a user who needs a password."""
    rules = postgres.folder / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("local all guarded scram-sha-256\n" + before)
    postgres.run(
        f"CREATE USER guarded PASSWORD '{SECRET}@x'",
        "SELECT pg_reload_conf()",
        "CREATE SCHEMA guarded AUTHORIZATION guarded",
    )
    yield postgres.admin_uri.replace("postgres@", "guarded:PASSWORD@")
    rules.write_text(before)
    postgres.run("SELECT pg_reload_conf()")


def test_the_right_password(guarded: str) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg2"):
        uri = guarded.replace("postgresql:", f"{scheme}:").replace("PASSWORD", f"{SECRET}%40x")
        database = open_database(uri)
        assert SECRET not in database.place
        database.close()


@pytest.mark.parametrize("password", [f"{SECRET}-wrong", ""])
def test_a_wrong_password_is_never_repeated(guarded: str, password: str) -> None:
    uri = guarded.replace("PASSWORD", password)
    with pytest.raises(PermissionDeniedError, match="user 'guarded'") as caught:
        open_database(uri)
    assert "password is wrong or missing" in str(caught.value)
    assert SECRET not in str(caught.value)
    command = [sys.executable, "-m", "siglum.cli", "runs", "list", "--tracking-uri", uri]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stdout + done.stderr


def test_what_is_not_there(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "DELAYS", ())
    with pytest.raises(NotFoundError, match=r'database "nowhere" does not exist.*createdb nowhere'):
        open_database(postgres.admin_uri.replace("/postgres?", "/nowhere?"))
    with pytest.raises(UnavailableError, match="does not answer"):
        open_database(f"postgresql://ann:{SECRET}@localhost:1/x")
    with pytest.raises(InvalidInputError, match="option"):
        open_database(f"{postgres.admin_uri}&no_such_option=1")
    with pytest.raises(InvalidInputError, match="no schema"):
        open_database(f"{postgres.admin_uri}&options=-csearch_path%3Dnowhere")


def test_a_database_of_something_else(postgres: PostgresServer) -> None:
    for table, words in (("alembic_version", "another tool, such as MLflow"), ("customers", "not Siglum's")):
        uri = postgres.new_schema()
        schema = uri.rpartition("%3D")[2]
        postgres.run(f"CREATE TABLE {schema}.{table} (x BIGINT)")
        with pytest.raises(FileFormatError, match=words):
            open_database(uri)


def test_who_only_looks_makes_no_tables(postgres: PostgresServer, tmp_path: Path) -> None:
    uri = postgres.new_schema()
    with pytest.raises(NotFoundError, match="is empty"):
        open_stores(uri, str(tmp_path), create=False)
    open_stores(uri, str(tmp_path)).close()
    open_stores(uri, str(tmp_path), create=False).close()


def test_a_newer_schema(postgres: PostgresServer) -> None:
    uri = postgres.new_schema()
    open_database(uri).close()
    postgres.run(f"INSERT INTO {uri.rpartition('%3D')[2]}.siglum_schema VALUES (9999, 'later', 0)")
    with pytest.raises(ConflictError, match="pgrade"):
        open_database(uri)


def test_without_the_extra(uri: str) -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None; from siglum.cli.app import run; "
        f"sys.exit(run(['runs', 'list', '--tracking-uri', {uri!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: PostgreSQL needs the extra 'postgres'. Install it: pip install 'siglum[postgres]'\n"


def test_nobody_else_imports_the_driver(tmp_path: Path) -> None:
    code = (
        "import sys, siglum.tracking.sql.database as d; d.open_database('sqlite:///x.db').close(); "
        "import siglum.server.run, siglum.client.stores; sys.exit('psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path).returncode == 0
