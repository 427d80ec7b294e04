"""The servers that `benchmarks.server` measures: how each is started on a folder, and what it uses."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.postgres import PostgresServer

from benchmarks.harness import SIGLUM, peer
from benchmarks.rest import Client, free_port

SIGLUM_NAME, MLFLOW, FASTTRACKML = "siglum", "mlflow", "fasttrackml"
SQLITE_FILE = "bench.db"
START_SECONDS = 120


@dataclass(frozen=True)
class Side:
    """One server on one kind of database. `postgres` is the server that its databases are made in."""

    name: str
    postgres: PostgresServer | None = None

    def new_store(self, folder: Path) -> Store:
        """Make an empty folder, and an empty database in it or on the PostgreSQL server."""
        folder.mkdir(parents=True)
        if self.postgres is None:
            return Store(self.name, folder, f"sqlite:///{SQLITE_FILE}")
        return Store(self.name, folder, self.postgres.new_database(), self.postgres)


@dataclass(frozen=True)
class Store:
    """A database with a folder for artifacts, and the name of the server that reads it."""

    server: str
    folder: Path
    uri: str
    postgres: PostgresServer | None = None

    def command(self, port: int) -> list[str]:
        """Return the command that serves it, on one port of loopback."""
        if self.server == FASTTRACKML:
            listen = ["--listen-address", f"127.0.0.1:{port}", "--log-level", "error"]
            uri = self.uri.replace("sqlite:///", "sqlite://")
            return [str(peer(FASTTRACKML) / "fml"), "server", *listen, "--database-uri", uri]
        start = [SIGLUM, "server"]
        if self.server == MLFLOW:
            start = [str(peer(MLFLOW) / "mlflow"), "server", "--disable-security-middleware"]
        root = "--default-artifact-root" if self.server == SIGLUM_NAME else "--artifacts-destination"
        return [*start, "--backend-store-uri", self.uri, root, "./files", "--host", "127.0.0.1", "--port", str(port)]

    def insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert rows into a table that is named with its columns."""
        if self.postgres is not None:
            import psycopg

            command = f"COPY {table} FROM STDIN".encode()
            with psycopg.connect(self.uri) as database, database.cursor().copy(command) as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join("?" * len(rows[0]))
        with sqlite3.connect(self.folder / SQLITE_FILE) as connection:
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.close()

    def bytes_used(self) -> int:
        """Return the size of the database. Nobody may have it open."""
        if self.postgres is not None:
            name = urlsplit(self.uri).path.removeprefix("/")
            return int(self.postgres.value(f"SELECT pg_database_size('{name}')"))
        file = self.folder / SQLITE_FILE
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return file.stat().st_size

    def durability(self) -> str:
        """Say how this server writes to its database: what can be asked is asked, the rest is known of the server."""
        if self.postgres is not None:
            names = ("fsync", "synchronous_commit", "wal_sync_method")
            return ", ".join(f"{name}={self.postgres.value(f'SHOW {name}')}" for name in names)
        with sqlite3.connect(self.folder / SQLITE_FILE) as connection:
            mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        connection.close()
        return f"journal_mode={mode}, synchronous={_SYNCHRONOUS[self.server]}"


_SYNCHRONOUS = {
    SIGLUM_NAME: "FULL (set by Siglum: flushed before it answers)",
    MLFLOW: "FULL (SQLite's default, which it leaves)",
    FASTTRACKML: "NORMAL (its driver's default: in WAL mode nothing is flushed before it answers)",
}


class Running:
    """A server process on a store, from its start to its first answer on /health, and until the block ends."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.port = free_port()
        self.started_in = 0.0

    def __enter__(self) -> Self:
        begun = time.perf_counter()
        log = (self.store.folder / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self.store.command(self.port), cwd=self.store.folder, stdout=log, stderr=log, start_new_session=True
            )
        try:
            while not self._answers():
                if self._process.poll() is not None or time.perf_counter() - begun > START_SECONDS:
                    sys.exit(f"{self.store.server} did not start:\n{self._log()[-2000:]}")
                time.sleep(0.005)
        except BaseException:
            self._stop()
            raise
        self.started_in = time.perf_counter() - begun
        return self

    def _log(self) -> str:
        return (self.store.folder / "server.log").read_text(errors="replace")

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def client(self) -> Client:
        """Return a connection to it."""
        return Client(self.port)

    @property
    def pids(self) -> list[int]:
        """The process and all below it."""
        return _with_children(self._process.pid)

    def memory(self) -> float:
        """Return the MB of the whole process tree, memory that processes share counted once."""
        return sum(_kilobytes(pid, "smaps_rollup", "Pss:") for pid in self.pids) / 1000

    def peak_memory(self) -> float:
        """Return the MB that the process which used most ever used."""
        return max(_kilobytes(pid, "status", "VmHWM:") for pid in self.pids) / 1000

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _with_children(pid: int) -> list[int]:
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in below for each in _with_children(int(child)))]


def _kilobytes(pid: int, file: str, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)


def sides(names: Sequence[str], postgres: PostgresServer | None = None) -> list[Side]:
    """Return the servers of these names; FastTrackML is measured on SQLite only."""
    return [Side(name, postgres) for name in names if postgres is None or name != FASTTRACKML]
