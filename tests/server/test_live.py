"""Live updates: what listeners are told, how they come back, what they cost, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.asgi import ask, ask_in_loop
from tests.server.conftest import stores

from siglum.client.rest.session import RestSession
from siglum.client.rest.tracking import RestTrackingStore
from siglum.server.app import ServerConfig, create_app
from siglum.server.dispatch import Dispatcher
from siglum.server.handlers import live
from siglum.server.live import ring
from siglum.server.live.events import MAX_METRICS, Kind, LiveEvent
from siglum.server.live.hub import KEEP_SECONDS, Hub
from siglum.server.live.news import NEWS, UNTOLD
from siglum.server.live.ring import MAX_EVENTS
from siglum.server.routes import ROUTES
from siglum.testing.server import ServerProcess
from siglum.tracking.entities import Metric

API = "/api/2.0/mlflow"
EVENTS = "/api/siglum/1/events"


class Told(msgspec.Struct, frozen=True):
    """One event as a listener gets it."""

    name: str
    id: str
    data: Any


class Listener:
    """A client of the application in process that listens: `next` waits for an event."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Told] = asyncio.Queue()
        self.alive = asyncio.Event()
        self.gone = asyncio.Event()
        self._rest = b""

    async def next(self) -> Told:
        return await asyncio.wait_for(self.events.get(), 60)

    async def send(self, message: MutableMapping[str, Any]) -> None:
        body = message.get("body", b"")
        if body.endswith(b"\n: alive\n\n"):
            self.alive.set()
        self._rest += body
        *blocks, self._rest = self._rest.split(b"\n\n")
        for told in map(parse, blocks):
            if told is not None:
                self.events.put_nowait(told)

    async def receive(self) -> MutableMapping[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}


def parse(block: bytes) -> Told | None:
    """Return the event of a block, None for one that only keeps the connection alive."""
    fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":"))
    return Told(fields["event"], fields["id"], msgspec.json.decode(fields["data"])) if "event" in fields else None


@asynccontextmanager
async def listening(app: Dispatcher, query: str = "", last: str | None = None) -> AsyncIterator[Listener]:
    listener = Listener()
    headers = [(b"host", b"localhost")] + ([(b"last-event-id", last.encode())] if last else [])
    scope = {"type": "http", "method": "GET", "path": EVENTS, "raw_path": EVENTS.encode(), "client": None,
             "query_string": query.encode(), "headers": headers}  # fmt: skip
    task = asyncio.ensure_future(app(scope, listener.receive, listener.send))
    try:
        assert (await listener.next()).name == "open"
        yield listener
    finally:
        listener.gone.set()
        await asyncio.wait_for(task, 60)


async def post(app: Dispatcher, path: str, body: dict[str, object]) -> Any:
    answer = await ask_in_loop(app, "POST", f"{API}/{path}", body)
    assert answer.status == 200, answer.body
    return answer.json


def test_every_route_that_changes_something_tells_it() -> None:
    handlers = {route.handler for route in ROUTES if route.changes and route.handler is not None}
    silent = {handler for handler in handlers if handler.__module__.rpartition(".")[2] in UNTOLD}
    assert handlers - silent == set(NEWS)


def test_the_life_of_a_run_and_a_model(app: Dispatcher) -> None:
    async def scenario() -> list[tuple[str, dict[str, Any]]]:
        async with listening(app) as listener:
            found = []

            async def told() -> None:
                event = await listener.next()
                found.append((event.name, event.data))

            run_id = (await post(app, "runs/create", {"experiment_id": "0"}))["run"]["info"]["run_id"]
            await told()
            points = [{"key": "loss", "value": 1.0 / step, "timestamp": step, "step": step} for step in (1, 2, 4)]
            points.append({"key": "odd", "value": "NaN", "timestamp": 1, "step": 1})
            await post(app, "runs/log-batch", {"run_id": run_id, "metrics": points})
            await told()
            await post(app, "runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": 5})
            await told()
            await post(app, "registered-models/create", {"name": "m"})
            await told()
            await post(app, "model-versions/create", {"name": "m", "source": "s3://b/m"})
            await told()
            await post(app, "registered-models/alias", {"name": "m", "alias": "champion", "version": "1"})
            await told()
            for _, data in found:
                assert data.pop("run_id", run_id) == run_id
            return found

    loss = {"key": "loss", "value": 0.25, "timestamp": 4, "step": 4}
    odd = {"key": "odd", "value": "NaN", "timestamp": 1, "step": 1}
    assert asyncio.run(scenario()) == [
        ("run", {"kind": "run", "action": "created", "experiment_id": "0", "status": "RUNNING"}),
        ("metrics", {"kind": "metrics", "action": "logged", "metrics": [loss, odd]}),
        ("run", {"kind": "run", "action": "changed", "experiment_id": "0", "status": "FINISHED"}),
        ("registered_model", {"kind": "registered_model", "action": "created", "name": "m"}),
        ("model_version", {"kind": "model_version", "action": "created", "name": "m", "version": "1"}),
        (
            "registered_model",
            {"kind": "registered_model", "action": "changed", "name": "m", "version": "1", "alias": "champion"},
        ),
    ]


def test_only_what_is_wanted(app: Dispatcher, config: ServerConfig) -> None:
    other = config.tracking.create_experiment("other")
    mine, theirs = (config.tracking.create_run(number).info.run_id for number in ("0", other))

    async def scenario() -> list[list[str]]:
        queries = [f"run_id={mine}", f"experiment_id={other}", "name=m", f"run_id={mine}&name=m"]
        found: list[list[str]] = []
        for query in queries:
            async with listening(app, query) as listener:
                for run_id in (mine, theirs):
                    point = {"run_id": run_id, "key": "a", "value": 1, "timestamp": 1}
                    await post(app, "runs/log-metric", point)
                for name in ("m", "n"):
                    path = f"{API}/registered-models/update"
                    if not found:
                        await post(app, "registered-models/create", {"name": name})
                    await ask_in_loop(app, "PATCH", path, {"name": name, "description": query})
                await post(app, "runs/delete", {"run_id": mine})  # a mark that all but one get
                await post(app, "runs/restore", {"run_id": mine})
                await post(app, "runs/delete", {"run_id": theirs})
                await post(app, "runs/restore", {"run_id": theirs})
                await post(app, "registered-models/set-tag", {"name": "m", "key": "end", "value": "1"})
                app._services.live.settle()
                await asyncio.sleep(0)
                got = []
                wanted = {"run_id": 3, "experiment_id": 3, "name": 1 if found else 2}
                for _ in range(wanted[query.partition("=")[0]] + (1 if "&" in query else 0)):
                    event = await listener.next()
                    got.append(event.data.get("run_id") or event.data.get("name"))
                found.append(got)
                assert listener.events.empty()
        return found

    by_run, by_experiment, by_model, by_both = asyncio.run(scenario())
    assert set(by_run) == {mine}
    assert set(by_experiment) == {theirs}
    assert set(by_model) == {"m"}
    assert set(by_both) == {mine, "m"}


def test_a_listener_that_comes_back_misses_nothing(app: Dispatcher) -> None:
    async def scenario() -> None:
        async with listening(app) as listener:
            await post(app, "experiments/create", {"name": "a"})
            first = await listener.next()
        await post(app, "experiments/create", {"name": "b"})
        await post(app, "experiments/create", {"name": "c"})
        async with listening(app, last=first.id) as listener:
            missed = [await listener.next(), await listener.next()]
            assert [event.data["experiment_id"] for event in missed] == ["2", "3"]
        answer = await ask_in_loop(app, "GET", f"{EVENTS}?seconds=0&last_event_id={missed[0].id}")
        assert [event.data["experiment_id"] for event in events_of(answer.body)[1:]] == ["3"]

    asyncio.run(scenario())


def events_of(body: bytes) -> list[Told]:
    return [told for told in map(parse, body.split(b"\n\n")[:-1]) if told is not None]


@pytest.mark.parametrize("last", ["another-1", "0123456789ab-0", "\xff", "x" * 5_000])
def test_a_listener_of_another_server_is_told_to_begin_anew(shared_app: Dispatcher, last: str) -> None:
    answer = ask(shared_app, "GET", f"{EVENTS}?seconds=0", headers={"last-event-id": last})
    assert [event.name for event in events_of(answer.body)] == ["open", "reset"]


def test_a_hub_keeps_a_bounded_part_and_says_when_it_is_not_enough() -> None:
    async def scenario() -> None:
        now = [0.0]
        hub = Hub(clock=lambda: now[0])
        signal = hub.listen()
        start = hub.ring.newest
        for number in range(MAX_EVENTS + 10):
            hub.tell(LiveEvent(kind=Kind.EXPERIMENT, action="created", experiment_id=str(number)))
            hub.settle()
        assert hub.after(start) is None
        kept = hub.after(hub.ring.newest - MAX_EVENTS)
        assert kept is not None
        assert [kept[0].event.experiment_id, kept[-1].event.experiment_id] == ["10", str(MAX_EVENTS + 9)]
        # a thousand points of a run at once are one event, and 150 series are named in part
        before = hub.ring.newest
        for step in range(1_000):
            hub.tell_points("r", [Metric("loss", float(step), step, step)])
        hub.tell_points("r", [Metric(f"m{number}", 0.0, 1, 1) for number in range(150)])
        hub.settle()
        (told,) = hub.after(before) or ()
        said = msgspec.json.decode(told.data)
        assert (said["metrics"][0]["step"], len(said["metrics"]), said["more"]) == (999, MAX_METRICS, True)
        # nobody has listened for a while: nothing is kept, and who comes back later is told so
        known = hub.ring.newest
        hub.leave(signal)
        now[0] = KEEP_SECONDS + 1
        hub.tell(LiveEvent(kind=Kind.EXPERIMENT, action="created", experiment_id="unseen"))
        assert hub.ring.newest == known
        hub.listen()
        assert hub.after(known) is None

    asyncio.run(scenario())


def test_big_events_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "MAX_BYTES", 10_000)

    async def scenario() -> None:
        hub = Hub()
        hub.listen()
        start = hub.ring.newest
        for number in range(100):
            hub.tell(LiveEvent(kind=Kind.REGISTERED_MODEL, action="changed", name=f"{number:0500}"))
            hub.settle()
        assert hub.after(start) is None
        kept = hub.after(hub.ring.newest - 15)
        assert kept is not None
        assert len(kept) == 15

    asyncio.run(scenario())


def test_a_sign_of_life_and_no_more_listeners_than_there_is_room_for(
    app: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(live, "MAX_LISTENERS", 3)

    async def scenario() -> None:
        async with listening(app) as first, listening(app), listening(app):
            await asyncio.wait_for(first.alive.wait(), 60)
            assert (await ask_in_loop(app, "GET", EVENTS)).status == 429
        async with listening(app):
            assert (await ask_in_loop(app, "GET", f"{EVENTS}?seconds=0")).status == 200
        assert app._services.live.listeners == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_no_foreign_page_holds_an_answer_open(shared_app: Dispatcher, headers: dict[str, str]) -> None:
    assert ask(shared_app, "GET", f"{EVENTS}?seconds=0", headers=headers).status == 403
    own = {"origin": "http://localhost:5000", "sec-fetch-site": "same-origin"}
    assert ask(shared_app, "GET", f"{EVENTS}?seconds=0", headers=own).status == 200


@pytest.mark.parametrize("query", ["seconds=-1", "seconds=x", "seconds=86401"])
def test_what_no_listener_can_ask(shared_app: Dispatcher, query: str) -> None:
    assert ask(shared_app, "GET", f"{EVENTS}?{query}").status == 400


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server") as running:
        yield running


@pytest.mark.slow
def test_hundreds_listen_to_a_real_server_and_it_still_stops_at_once(server: ServerProcess) -> None:
    def connect() -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("localhost", server.port, timeout=60)
        connection.request("GET", EVENTS)
        response = connection.getresponse()
        assert response.getheader("content-type") == "text/event-stream"
        assert response.readline().startswith(b"retry: ")
        return connection, response

    listeners = [connect() for _ in range(300)]
    with_listeners = memory_of(server.pid)
    body = msgspec.json.encode({"name": "seen by all"})
    connection = http.client.HTTPConnection("localhost", server.port, timeout=60)
    connection.request("POST", f"{API}/experiments/create", body, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    for _, response in listeners:
        while response.readline() != b"event: experiment\n":
            pass
    assert memory_of(server.pid) - with_listeners < 30_000_000
    stopped = threading.Thread(target=server.stop)
    stopped.start()
    for opened, response in listeners:
        response.read()  # to the end, which comes although the client stays
        opened.close()
    connection.close()
    stopped.join(60)
    assert server.log == ""


@pytest.mark.slow
def test_who_listens_and_takes_nothing_holds_nothing_up(server: ServerProcess) -> None:
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.connect(("127.0.0.1", server.port))
    stuck.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % EVENTS.encode())
    assert stuck.recv(12) == b"HTTP/1.1 200"
    session = RestSession(server.url)
    store = RestTrackingStore(session)
    points = [Metric(f"{number:0200}", 0.5, 1, 1) for number in range(MAX_METRICS)]
    last = ""
    for _ in range(150):  # 30 KB each
        last = store.create_run("0").info.run_id
        store.log_batch(last, metrics=points)
    session.close()
    assert server.stop() == 0
    assert server.log == ""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := stuck.recv(1 << 20):
            received += data
    stuck.close()
    assert last.encode() not in received, "it was stuck before the end"


def memory_of(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def test_a_server_that_stops_takes_no_listener(tmp_path: Path) -> None:
    with stores(tmp_path) as config:
        app = create_app(config)
        app.end_streams()
        assert ask(app, "GET", EVENTS).status == 503
        app.close()
