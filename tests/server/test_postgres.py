"""Several server processes on one PostgreSQL, killed and cut off while clients write."""

from __future__ import annotations

import http.client
import threading
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.postgres import PostgresServer

from siglum.client.rest.session import RestSession
from siglum.client.rest.tracking import RestTrackingStore
from siglum.core.errors import SiglumError
from siglum.testing.server import ServerProcess
from siglum.tracking.entities import Metric, Tag

pytestmark = pytest.mark.slow

STEPS = 60
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'siglum'"


def start(folder: Path, uri: str) -> ServerProcess:
    return ServerProcess(folder, "--backend-store-uri", uri, "--default-artifact-root", str(folder / "files")).start()


def test_each_server_tells_what_the_others_did(
    tmp_path: Path, postgres: PostgresServer, request: pytest.FixtureRequest
) -> None:
    uri, elsewhere = postgres.new_schema(), postgres.new_schema()
    servers = [start(tmp_path / str(n), u) for n, u in enumerate((uri, uri, elsewhere))]
    for server in servers:
        request.addfinalizer(server.stop)
    while postgres.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") != "3":
        pass
    heard = http.client.HTTPConnection("localhost", servers[0].port, timeout=60)
    heard.request("GET", "/api/siglum/1/events")
    response = heard.getresponse()

    def next_event() -> tuple[str, Any]:
        while not (line := response.readline()).startswith(b"event: "):
            assert line
        while not (data := response.readline()).startswith(b"data: "):
            pass
        kind = line[7:].decode().strip()
        return next_event() if kind == "reset" and not cut else (kind, msgspec.json.decode(data[6:]))

    cut: list[bool] = []
    assert next_event()[0] == "open"
    sessions = [RestSession(server.url) for server in servers]
    mine, theirs, strange = map(RestTrackingStore, sessions)
    strange.create_experiment("of another store")
    made = [theirs.create_experiment("b"), mine.create_experiment("a")]
    assert {told["experiment_id"] for _, told in (next_event(), next_event())} == set(made)
    cut.append(True)
    postgres.run(CUT)
    assert next_event()[0] == "reset"
    found = theirs.create_run("0").info.run_id
    theirs.log_batch(found, metrics=[Metric(f"{n:0200}", 1.0, 1, 1) for n in range(90)])  # too long for one notice
    assert next_event()[1]["run_id"] == found
    assert next_event() == ("metrics", {"kind": "metrics", "action": "logged", "run_id": found, "more": True})
    for session in sessions:
        session.close()
    assert [server.stop() for server in servers] == [0, 0, 0]
    assert response.read() == b"\n"
    heard.close()
    assert [server.log for server in servers] == ["", "", ""]


def test_what_was_acknowledged_is_there_once(tmp_path: Path, postgres: PostgresServer) -> None:
    uri = postgres.new_schema()
    servers = [start(tmp_path / str(n), uri) for n in range(2)]
    sessions = [RestSession(server.url) for server in servers]
    run = RestTrackingStore(sessions[0]).create_run("0").info.run_id
    acknowledged: dict[str, list[int]] = {}
    half = threading.Barrier(5)

    def write(number: int) -> None:
        session = RestSession(servers[number % 2].url)
        store = RestTrackingStore(session)
        done = acknowledged[f"m{number}"] = []
        for step in range(STEPS):
            if step == STEPS // 2:
                half.wait(60)
            try:
                store.log_batch(
                    run,
                    metrics=[Metric(f"m{number}", float(step), step, step), Metric("shared", float(step), step, step)],
                    tags=[Tag(f"t{number}", str(step))],
                    idempotency_key=uuid.uuid4().hex,
                )
            except SiglumError:
                continue
            done.append(step)
        session.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    half.wait(60)
    postgres.run(CUT)
    servers[1].kill()
    servers[1].start()
    postgres.run(CUT)
    for thread in threads:
        thread.join()
    for session in sessions:
        store = RestTrackingStore(session)
        for key, done in acknowledged.items():
            found = [point.step for point in store.metric_history(run, key).items]
            assert len(found) == len(set(found))
            assert set(done) <= set(found)
            assert len(done) >= STEPS // 2
        assert len(store.metric_history(run, "shared").items) <= STEPS
        tags = store.get_run(run).data.tags
        assert all(int(tags[f"t{number}"]) >= acknowledged[f"m{number}"][-1] for number in range(4))
        session.close()
    assert [server.stop() for server in servers] == [0, 0]
    assert servers[0].log == "", "no traceback, whatever was cut"
