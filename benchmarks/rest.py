"""The client of all server benchmarks: MLflow's REST API over keep-alive connections, the same bytes to each server.

`Client` asks one thing after the other. `drive` keeps one request under way on each of several connections from a
single thread, so that on a small machine it takes as little as possible of what the server needs.
"""

from __future__ import annotations

import http.client
import json
import selectors
import socket
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlencode

MAX_RECONNECTS = 20
API = "/api/2.0/mlflow/"
Script: TypeAlias = Generator[bytes, bytes, None]
"""One client: yields a request, is sent the body of the answer, yields the next."""


def free_port() -> int:
    """Return a port that is free on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(self, method: str, target: str, body: object = None) -> Any:
        """Send one request and return the answer's JSON; anything but 200 stops the benchmark."""
        return json.loads(self.fetch(method, target, body) or b"{}")

    def fetch(self, method: str, target: str, body: object = None) -> bytes:
        """Do as `ask` and return the answer as it is, so that reading it is not part of the time."""
        data = None if body is None else json.dumps(body)
        for _ in range(MAX_RECONNECTS):
            try:
                answer = self._exchange(method, target, data)
                break
            except (http.client.RemoteDisconnected, ConnectionError):  # it was idle for too long
                self._connection.close()
        else:
            sys.exit(f"{method} {target}: the server closes connections instead of answering")
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"{method} {target}: {answer.status} {text[:300]!r}")
        return text

    def _exchange(self, method: str, target: str, data: str | None) -> http.client.HTTPResponse:
        self._connection.request(method, target, data, {"Content-Type": "application/json"})
        return self._connection.getresponse()

    def post(self, path: str, body: object) -> Any:
        """Send one request of MLflow's API."""
        return self.ask("POST", API + path, body)

    def get(self, path: str, **query: object) -> Any:
        """Ask for something of MLflow's API."""
        return self.ask("GET", f"{API}{path}?{urlencode(query)}")

    def new_run(self, **fields: object) -> str:
        """Create a run and return its id."""
        made = self.post("runs/create", {"experiment_id": "0", "start_time": 1, **fields})
        return str(made["run"]["info"]["run_id"])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def request(path: str, body: bytes | object) -> bytes:
    """Return a whole POST request of MLflow's API."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"POST {API}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    return b"%s%d\r\n\r\n%s" % (head.encode(), len(data), data)


class _Connection:
    """One client of `drive`."""

    def __init__(self, port: int, script: Script) -> None:
        self._port = port
        self._script = script
        self._received = b""
        self._sent = b""
        self._reconnects = 0
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def begin(self) -> None:
        self._send(next(self._script))

    def _send(self, following: bytes) -> None:
        self._sent = following
        self.socket.sendall(following)

    def is_closed(self) -> bool:
        """Whether the server has closed it before the first byte of an answer."""
        return not self._received and not self.socket.recv(1, socket.MSG_PEEK)

    def repeat(self) -> None:
        """Send a request again on a new connection: MLflow closes busy ones as idle when its loop was held up."""
        self._reconnects += 1
        if self._reconnects > MAX_RECONNECTS:
            sys.exit("the server closes connections instead of answering")
        self.socket.close()
        self.socket = self._connect()
        self.socket.sendall(self._sent)

    def receive(self) -> bytes | None:
        """Take what has arrived; return the body once the answer is whole. A failed request stops the benchmark."""
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            sys.exit(f"the server closed a connection after {self._received[:300]!r}")
        self._received += chunk
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or not _is_whole(head.lower(), body):
            return None
        if b" 200 " not in head[:15]:
            sys.exit(f"a request failed: {self._received[:600]!r}")
        self._received = b""
        return body

    def go_on(self, body: bytes) -> bool:
        """Send the next request; whether there was one."""
        try:
            following = self._script.send(body)
        except StopIteration:
            return False
        self._send(following)
        return True


def _is_whole(head: bytes, body: bytes) -> bool:
    _, found, rest = head.partition(b"content-length:")
    if found:
        return len(body) >= int(rest.partition(b"\r\n")[0])
    return body.endswith(b"0\r\n\r\n")


def drive(port: int, scripts: Sequence[Script], seconds: float = 600) -> tuple[int, float]:
    """Run scripts at once, each on its connection, until all end or the time is over.

    Returns how many requests were answered, and the seconds it took. Connecting is not part of that.
    """
    connections = [_Connection(port, script) for script in scripts]
    answered = 0
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        start = time.perf_counter()
        for connection in connections:
            connection.begin()
        running = len(connections)
        while running:
            for key, _ in selector.select():
                if key.data.is_closed():
                    selector.unregister(key.fileobj)
                    key.data.repeat()
                    selector.register(key.data.socket, selectors.EVENT_READ, key.data)
                    continue
                body = key.data.receive()
                if body is None:
                    continue
                answered += 1
                if time.perf_counter() - start > seconds or not key.data.go_on(body):
                    selector.unregister(key.fileobj)
                    running -= 1
        elapsed = time.perf_counter() - start
    for connection in connections:
        connection.socket.close()
    return answered, elapsed


def replay(requests: Iterable[bytes]) -> Script:
    """Return a script that sends these requests, whatever is answered."""
    for each in requests:  # noqa: UP028  `yield from` would hand the answers on to `requests`
        yield each
