"""Stores on PostgreSQL for the tests of what is its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.postgres import PostgresServer

from siglum.tracking.sql.database import Database, open_database
from siglum.tracking.sql.store import SqlTrackingStore


@pytest.fixture(scope="module")
def uri(postgres: PostgresServer) -> str:
    return postgres.new_schema()


@pytest.fixture
def database(uri: str) -> Iterator[Database]:
    database = open_database(uri)
    database.write(lambda sql: sql.run("CREATE TABLE IF NOT EXISTS t (x BIGINT PRIMARY KEY)"))
    database.write(lambda sql: sql.run("DELETE FROM t"))
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> SqlTrackingStore:
    return SqlTrackingStore(database)
