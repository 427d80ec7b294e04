"""Connections to PostgreSQL that break, hang, or are cut at the worst time."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from tests.postgres import PostgresServer
from tests.tracking.postgres_numbers import insert, numbers

from siglum.core.errors import (
    BusyError,
    UnavailableError,
)
from siglum.tracking.entities import Metric, Tag
from siglum.tracking.sql import retry
from siglum.tracking.sql.database import Database, open_database
from siglum.tracking.sql.port import Sql, TransactionLostError
from siglum.tracking.sql.postgres import PostgresBackend, PostgresSession
from siglum.tracking.sql.store import SqlTrackingStore

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'siglum'"


def test_idle_connections_that_were_cut_are_replaced(postgres: PostgresServer, database: Database) -> None:
    for x in (1, 2):
        database.write(insert(x))
        assert numbers(database)[-1] == x
        postgres.run(TERMINATE)
    database.write(insert(3))
    assert numbers(database) == [1, 2, 3]


def test_a_group_whose_connection_is_lost_is_run_again(postgres: PostgresServer, database: Database) -> None:
    calls: list[int] = []

    def work(sql: Sql) -> int:
        calls.append(len(calls))
        sql.run("INSERT INTO t VALUES (?)", (len(calls),))
        if len(calls) == 1:
            postgres.run(TERMINATE)
        sql.run("INSERT INTO t VALUES (?)", (10 * len(calls),))
        return len(calls)

    assert database.write(work) == 2
    assert numbers(database) == [2, 20], "nothing of the first attempt"


@pytest.mark.parametrize("stored", [True, False])
def test_a_commit_without_an_answer(
    postgres: PostgresServer, database: Database, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """The connection breaks after the server has committed, or before it has seen the COMMIT."""
    database.write(insert(1))
    original: Any = psycopg.Connection.execute
    broken: list[str] = []

    def execute(self: psycopg.Connection[object], query: str, *arguments: object, **options: object) -> object:
        if query != "COMMIT" or broken:
            return original(self, query, *arguments, **options)
        broken.append(query)
        if stored:
            original(self, query)
        postgres.run(TERMINATE)
        return original(self, "SELECT 1")

    monkeypatch.setattr(psycopg.Connection, "execute", execute)
    calls: list[int] = []

    def work(sql: Sql) -> None:
        calls.append(1)
        insert(2)(sql)

    database.write(work)
    assert broken == ["COMMIT"]
    assert len(calls) == (1 if stored else 2)
    assert numbers(database) == [1, 2]


def test_a_commit_whose_outcome_cannot_be_found_out(
    postgres: PostgresServer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("siglum.tracking.sql.postgres._OUTCOME_SECONDS", 0)
    original = PostgresSession.commit

    def commit(self: PostgresSession) -> None:
        def fail(*_: object, **__: object) -> None:
            raise TransactionLostError("no answer")

        postgres.run(TERMINATE)
        monkeypatch.setattr("siglum.tracking.sql.postgres.PostgresSession.begin", fail)
        original(self)

    with monkeypatch.context() as patch:
        patch.setattr(PostgresSession, "commit", commit)
        begin = PostgresSession.begin
        with pytest.raises(UnavailableError, match="may have been stored"):
            database.write(insert(1))
    monkeypatch.setattr(PostgresSession, "begin", begin)
    database.write(insert(2))
    assert numbers(database) == [2]


def test_a_server_that_is_restarted(postgres: PostgresServer, store: SqlTrackingStore) -> None:
    """Killed and started again between writes, and stopped for good for a while."""
    run = store.create_run("0").info.run_id
    store.log_batch(run, metrics=[Metric("m", 1.0, 1)])
    postgres.control("stop", "-m", "immediate")
    postgres.start()
    store.log_batch(run, metrics=[Metric("m", 2.0, 2)])
    assert len(store.metric_history(run, "m").items) == 2
    postgres.control("stop", "-m", "immediate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "DELAYS", (0.0,))
        for call in (lambda: store.log_batch(run, tags=[Tag("a", "b")]), lambda: store.get_run(run)):
            with pytest.raises(UnavailableError, match="does not answer") as caught:
                call()
            assert "\n" not in str(caught.value)
    postgres.start()
    store.log_batch(run, tags=[Tag("a", "c")])
    assert store.get_run(run).data.tags["a"] == "c"


def test_a_writer_that_hangs_is_ended(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is closed by the server, and the others go on. What it then does is run again from the start."""
    database = open_database(uri)
    with monkeypatch.context() as patch:
        patch.setattr(
            "siglum.tracking.sql.postgres._WRITER_SETTINGS", "SET idle_in_transaction_session_timeout = '20ms'"
        )
        hanging = open_database(uri)
    hung, go = threading.Event(), threading.Event()
    calls: list[int] = []

    def hang(sql: Sql) -> list[object]:
        calls.append(1)
        hung.set()
        assert go.wait(30)
        return list(sql.all("SELECT 1"))

    waiting = hanging.submit(hang)
    assert hung.wait(30)
    database.write(lambda sql: sql.run("SELECT 1"))
    go.set()
    assert waiting.result(30) == [(1,)]
    assert len(calls) == 2
    hanging.close()
    database.close()


def test_a_writer_that_holds_the_lock_for_too_long(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = PostgresBackend(uri).connect(writes=True, on_statement=lambda: None)
    held.begin()
    monkeypatch.setattr("siglum.tracking.sql.postgres._WRITER_SETTINGS", "SET lock_timeout = '20ms'")
    database = open_database(uri)
    with pytest.raises(BusyError, match="locked for too long"):
        database.write(lambda sql: sql.run("SELECT 1"))
    held.rollback()
    database.write(lambda sql: sql.run("SELECT 1"))
    held.close()
    database.close()
