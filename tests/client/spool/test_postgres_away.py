"""A PostgreSQL database as the tracking URI, which is away: training goes on as with a server that is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.client.spool.conftest import Command, Script
from tests.postgres import PostgresServer

import siglum
from siglum.client.stores import Stores, open_stores
from siglum.core.errors import ConflictError, NotFoundError, UnavailableError
from siglum.tracking.entities import RunStatus


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that may be stopped."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def uri(own_server: PostgresServer, project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    found = own_server.new_schema()
    monkeypatch.setenv("SIGLUM_TRACKING_URI", found)
    return found


def check(there: Stores, run_id: str, status: RunStatus) -> None:
    run = there.tracking.get_run(run_id)
    assert run.info.status == status
    assert run.data.params == {"depth": "3"}
    assert run.data.tags["team"] == "a"
    points = there.tracking.metric_history(run_id, "loss", max_results=1000).items
    assert [point.step for point in points] == list(range(100))
    with there.artifacts_for(run.info.artifact_uri).open("notes/a.txt") as file:
        assert file.read() == b"hello"


LOG_ALL = """
siglum.log_param("depth", 3)
siglum.set_tag("team", "a")
for step in range(100):
    siglum.log_metric("loss", 1.0, step=step)
siglum.log_text("hello", "notes/a.txt")
"""


def test_while_it_answers_a_call_waits_for_it(uri: str) -> None:
    there = open_stores(uri)
    with siglum.start_run() as run:
        siglum.log_param("depth", 3)
        assert there.tracking.get_run(run.info.run_id).data.params == {"depth": "3"}
        with pytest.raises(ConflictError, match="'depth'"):
            siglum.log_param("depth", 4)
        siglum.log_text("hello", "notes/a.txt")
        assert not list(Path("spool").glob("*.files/*"))
    with pytest.raises(NotFoundError):
        siglum.log_params({"a": 1}, run_id="0" * 32)
    there.close()


def test_a_database_that_is_stopped_during_a_run(
    uri: str, own_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    run = siglum.start_run()
    own_server.control("stop", "-m", "immediate")
    try:
        exec(LOG_ALL, {"siglum": siglum})
        siglum.end_run()
        with pytest.raises(UnavailableError):
            siglum.search_runs()
    finally:
        own_server.start()
    assert sum("The training goes on." in message for message in caplog.messages) == 1
    siglum.flush()
    with closing(open_stores(uri)) as there:
        check(there, run.info.run_id, RunStatus.FINISHED)
    assert not any(name.endswith(".spool") for name in os.listdir("spool"))


def test_a_killed_training_that_never_saw_its_database(
    uri: str, own_server: PostgresServer, script: Script, command: Command
) -> None:
    """Its tables are made when the rest is sent."""
    program = f"import os, siglum\nrun = siglum.start_run()\n{LOG_ALL}print(run.info.run_id, flush=True)\n"
    own_server.control("stop", "-m", "immediate")
    try:
        out, errors = script(program + "os.kill(os.getpid(), 9)\n").communicate(timeout=120)
        assert "The training goes on." in errors
    finally:
        own_server.start()
    for said in ("and marked it KILLED.", "Nothing waits."):
        assert said in command("sync").stdout
    with closing(open_stores(uri)) as there:
        check(there, out.strip(), RunStatus.KILLED)
