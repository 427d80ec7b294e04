"""A real PostgreSQL for the tests: one server for each test process, and in it a schema for whoever asks for one."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import uuid
import warnings
from pathlib import Path
from typing import Self
from urllib.parse import quote

# Not below pytest's folder, which the user that the server runs as may not enter.
PARENT = tempfile.gettempdir()


class PostgresServer:
    """A server on a socket in a folder of its own, from the wheel `pgserver`. Everybody who connects is trusted."""

    def __init__(self, *, fsync: bool = False) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is told where no runtime folder of the user is set
            from pgserver.postgres_server import PostgresServer as Server

        self.folder = Path(tempfile.mkdtemp(prefix="siglum-postgres-", dir=PARENT))
        self._server = Server(self.folder, cleanup_mode="stop")
        self.admin_uri = f"postgresql://postgres@/postgres?host={quote(str(self.folder))}"
        # no test pulls the plug of the machine; what the server itself survives does not need it
        if not fsync:
            self.run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")

    def run(self, *statements: str) -> None:
        """Run statements as the administrator, each in a transaction of its own."""
        import psycopg

        with psycopg.connect(self.admin_uri, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def new_schema(self) -> str:
        """Make an empty schema, and return the URI of a database that has nothing but it."""
        name = f"s{uuid.uuid4().hex}"
        self.run(f"CREATE SCHEMA {name}")
        return f"{self.admin_uri}&options=-csearch_path%3D{name}"

    def new_database(self) -> str:
        """Make an empty database, and return its URI."""
        name = f"d{uuid.uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        return self.admin_uri.replace("/postgres?", f"/{name}?")

    def value(self, query: str) -> str:
        """Return the one value that a query gives."""
        import psycopg

        with psycopg.connect(self.admin_uri, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return str(row[0])

    def control(self, *arguments: str) -> None:
        """Run `pg_ctl` with arguments such as `restart -m immediate`."""
        from pgserver._commands import pg_ctl  # type: ignore[attr-defined]  # it is made at run time

        pg_ctl(list(arguments), pgdata=self.folder, user=self._server.system_user)

    def start(self) -> None:
        """Start the server again after `control("stop")`."""
        options = f'-h "" -k {self.folder}'
        self.control("start", "-w", "-l", str(self.folder / "log"), "-o", options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.control("stop", "-m", "immediate")
        atexit.unregister(self._server._cleanup)  # it would stop it once more
        shutil.rmtree(self.folder, ignore_errors=True)
