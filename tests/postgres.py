"""A real PostgreSQL for the tests: one server for each test process, and in it a schema for whoever asks for one."""

from __future__ import annotations

import uuid
import warnings
from pathlib import Path
from urllib.parse import quote


class PostgresServer:
    """A server on a socket in a folder of its own, from the wheel `pgserver`. Everybody who connects is trusted."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is told where no runtime folder of the user is set
            from pgserver.postgres_server import PostgresServer as Server

        folder.mkdir(parents=True, exist_ok=True)
        self._server = Server(folder, cleanup_mode="stop")
        self.folder = folder
        self.admin_uri = f"postgresql://postgres@/postgres?host={quote(str(folder))}"

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

    def control(self, *arguments: str) -> None:
        """Run `pg_ctl` with arguments such as `restart -m immediate`."""
        from pgserver._commands import pg_ctl  # type: ignore[attr-defined]  # it is made at run time

        pg_ctl(list(arguments), pgdata=self.folder, user=self._server.system_user)

    def close(self) -> None:
        """Stop the server."""
        self.control("stop", "-m", "immediate")
        self._server.cleanup_mode = None
        self._server.cleanup()
