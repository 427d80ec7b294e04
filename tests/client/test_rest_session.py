"""Requests to servers that are away, busy, broken or of another kind: a small real server that misbehaves."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from siglum.client.rest import connection as connection_module
from siglum.client.rest import session as session_module
from siglum.client.rest.artifacts import RestArtifactStore
from siglum.client.rest.registry import RestRegistryStore
from siglum.client.rest.session import Credentials, RestSession
from siglum.client.rest.tracking import RestTrackingStore
from siglum.core.errors import (
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    SiglumError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.registry.entities import AliasMove, Change

ANN = Change(actor="ann", reason="why not")


class Scripted:
    """Answers each request with the next of its answers; None closes the connection without one."""

    def __init__(self, answers: list[bytes | None]) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while self._answers:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                while self._answers and (request := self._read(connection)):
                    self.requests.append(request)
                    answer = self._answers.pop(0)
                    if answer is None:
                        break
                    connection.sendall(answer)

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65_536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next((int(h[15:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0)
        while len(body) < length:
            body += connection.recv(65_536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._answers.clear()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def answer(status: str, body: bytes = b"{}", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


OK = answer("200 OK")
BUSY = answer("503 Service Unavailable")
HTML_404 = answer("404 Not Found", b"<html>not here</html>")

Start = Callable[..., Scripted]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(session_module, "DELAYS", (0.0, 0.0, 0.0))
    running: list[Scripted] = []

    def begin(*answers: bytes | None) -> Scripted:
        running.append(Scripted(list(answers)))
        return running[-1]

    yield begin
    for server in running:
        server.close()


@pytest.fixture
def sessions() -> Iterator[Callable[..., RestSession]]:
    opened: list[RestSession] = []

    def make(url: str, credentials: Credentials | None = None) -> RestSession:
        opened.append(RestSession(url, credentials, timeout=10))
        return opened[-1]

    yield make
    for session in opened:
        session.close()


Sessions = Callable[..., RestSession]


def test_nobody_there(start: Start, sessions: Sessions) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    with pytest.raises(UnavailableError) as failed:
        RestTrackingStore(sessions(url)).get_experiment("0")
    assert str(failed.value) == (
        f"No server answers at {url} (connection refused). "
        "Its answer is needed here: start it with 'siglum server', check the tracking URI, or repeat this later."
    )


def test_one_that_takes_every_connection_and_answers_none(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once, and then whether it is there at all."""
    monkeypatch.setattr(connection_module, "PROBED_SECONDS", 0.05)
    monkeypatch.setattr(connection_module, "PROBE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(UnavailableError, match="no answer in time"):
            RestTrackingStore(sessions(f"http://127.0.0.1:{silent.getsockname()[1]}")).get_experiment("0")
        asked = []
        silent.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                with silent.accept()[0] as connection:
                    asked.append(connection.recv(1000).split()[1])
    assert asked == [b"/api/2.0/mlflow/experiments/get?experiment_id=0", b"/health"]


def test_a_long_answer_is_waited_for(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the server answers others: here until it has been asked three times whether it is there."""
    monkeypatch.setattr(connection_module, "PROBED_SECONDS", 0.05)
    probes = threading.Semaphore(0)

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health":
                probes.release()
            else:
                for _ in range(3):
                    probes.acquire()
            body = b'{"experiment": {"experiment_id": "0", "name": "slow", "lifecycle_stage": "active"}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}"
            assert RestTrackingStore(sessions(url)).get_experiment("0").name == "slow"
        finally:
            server.shutdown()
            thread.join()


def test_what_is_safe_is_repeated(start: Start, sessions: Sessions) -> None:
    server = start(BUSY, None, OK)
    RestTrackingStore(sessions(server.url)).delete_run("a")
    assert len(server.requests) == 3


def test_what_is_not_safe_is_not_repeated(start: Start, sessions: Sessions) -> None:
    for first in (BUSY, None):
        server = start(first, OK)
        with pytest.raises(UnavailableError):
            RestTrackingStore(sessions(server.url)).create_experiment("x")
        assert len(server.requests) == 1


def test_repetition_ends(start: Start, sessions: Sessions) -> None:
    server = start(*[BUSY] * 10)
    with pytest.raises(UnavailableError):
        RestTrackingStore(sessions(server.url)).get_experiment("0")
    assert len(server.requests) == 1 + len(session_module.DELAYS)


def test_a_connection_that_the_server_closed_is_replaced_before_anything_is_sent(
    start: Start, sessions: Sessions
) -> None:
    """Even for a call that must not be repeated."""
    made = answer("200 OK", b'{"experiment_id": "1"}', "Connection: close")
    server = start(made, None, made)
    session = sessions(server.url)
    store = RestTrackingStore(session)
    assert store.create_experiment("a") == "1"
    with pytest.raises(UnavailableError):
        store.create_experiment("b")
    assert store.create_experiment("c") == "1"


def test_redirects_are_not_followed(start: Start, sessions: Sessions) -> None:
    elsewhere = start(OK)
    server = start(answer("302 Found", b"", f"Location: {elsewhere.url}/x"))
    with pytest.raises(UnavailableError, match="redirects"):
        RestTrackingStore(sessions(server.url, Credentials(token="secret"))).get_experiment("0")
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        ("404 Not Found", b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No."}', NotFoundError, "No."),
        ("400 Bad Request", b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "Bad."}', InvalidInputError, "Bad."),
        ("404 Not Found", b"<html>", NotSupportedError, "does not have this call.*Check that this is the address"),
        ("401 Unauthorized", b"You are not authenticated", UnauthenticatedError, "Check user name"),
        ("418 I'm a teapot", b"", SiglumError, "418"),
        ("500 Internal Server Error", b"[]", UnavailableError, "500.*Check that this is the address"),
        ("200 OK", b"<html>a login page</html>", SiglumError, "not what was asked for"),
    ],
)
def test_answers_of_other_servers(
    start: Start, sessions: Sessions, status: str, body: bytes, kind: type[SiglumError], said: str
) -> None:
    server = start(answer(status, body))
    with pytest.raises(kind, match=said) as raised:
        RestTrackingStore(sessions(server.url)).get_experiment("0")
    assert server.url in str(raised.value)  # whose answer it is
    assert len(server.requests) == 1  # an answer that is final is not asked for again


def test_an_answer_that_is_cut_off(start: Start, sessions: Sessions) -> None:
    server = start(answer("200 OK", b'{"experiment', length=100))
    with pytest.raises(UnavailableError, match="broke"):
        RestTrackingStore(sessions(server.url)).get_experiment("0")


def test_a_download_that_is_cut_off(start: Start, sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> None:
    server = start(answer("200 OK", b"half", length=100))
    target = tmp_path_factory.mktemp("down") / "file"
    with pytest.raises(UnavailableError, match="96 bytes before"):
        RestArtifactStore(sessions(server.url)).get_file("a", str(target))
    assert not target.exists()


def test_a_server_of_mlflow_lacks_what_is_siglums_own(start: Start, sessions: Sessions) -> None:
    model = b'{"registered_model": {"name": "m", "creation_timestamp": 1, "aliases": [{"alias": "a", "version": "1"}]}}'
    server = start(HTML_404, HTML_404, HTML_404, answer("200 OK", model), OK)
    store = RestRegistryStore(sessions(server.url))
    with pytest.raises(NotSupportedError, match="nothing can be rolled back"):
        store.rollback("m", "a", change=ANN)
    with pytest.raises(NotSupportedError, match="keeps no audit log"):
        store.audit_log()
    assert store.set_alias("m", "a", "2", change=ANN) == AliasMove("m", "a", "1", "2")
    assert server.requests[-1].startswith(b"POST /api/2.0/mlflow/registered-models/alias ")


def test_what_goes_along(start: Start, sessions: Sessions) -> None:
    server, other = start(OK), start(OK)
    store = RestRegistryStore(sessions(f"{server.url}/base%20path/", Credentials("ann", "pass")))
    store.delete_registered_model("ü", change=Change(actor="größe", reason="a\nb"))
    head = server.requests[0]
    assert head.startswith(b"DELETE /base%20path/api/2.0/mlflow/registered-models/delete HTTP/1.1")
    assert b"Authorization: Basic YW5uOnBhc3M=" in head
    assert b"X-Siglum-User: gr%C3%B6%C3%9Fe" in head
    assert b"X-Siglum-Reason: a%0Ab" in head
    RestTrackingStore(sessions(other.url, Credentials("ann", "pass", "token"))).delete_run("a")
    assert b"Authorization: Bearer token" in other.requests[0]


def test_credentials_from_the_environment() -> None:
    environ = {"MLFLOW_TRACKING_USERNAME": "m", "SIGLUM_TRACKING_USERNAME": "s", "MLFLOW_TRACKING_PASSWORD": "p"}
    assert Credentials.from_environment(environ) == Credentials("s", "p", None)
    assert Credentials.from_environment({}).header is None


@pytest.mark.parametrize(
    "url", ["localhost:5000", "ftp://x", "http://", "http://h:x", "http://h:99999", "http://u:p@h", "http://h/?a=1"]
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(InvalidInputError):
        RestSession(url)
