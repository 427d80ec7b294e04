"""An HTTP server in a thread of this process, for tests of what talks HTTP: fast, with latency and faults on demand.

    with HttpServer(handle) as server:
        server.faults.append(Fault("cut", method="GET", times=2))

It keeps connections open and answers one request of a connection at a time. A fault counts how often it took place.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Literal, Self, TypeAlias, cast
from urllib.parse import unquote

import httptools
import msgspec

FaultKind: TypeAlias = Literal[
    "status",  # answered with `status`, and nothing is done
    "stall",  # never answered
    "stall body",  # half of the answer's body, then nothing
    "cut",  # the connection is closed instead of an answer, and nothing is done
    "cut answer",  # what is asked for is done, then the connection is closed instead of an answer
    "cut body",  # the connection is closed after half of the answer's body
    "short",  # half of the body, and a Content-Length that says that this is all
    "wrong",  # one byte of the answer's body differs
    "wrong upload",  # one byte of the request's body differs when it is stored
]


class Fault(msgspec.Struct, kw_only=False):
    """Something that goes wrong with requests whose method and path fit, `times` times. `hits` counts how often."""

    kind: FaultKind
    method: str | None = None
    path: str = ""
    times: int = 1
    status: int = 503
    skip: int = 0
    headers: dict[str, str] = {}
    hits: int = 0

    def strikes(self, request: Request) -> bool:
        """Whether it hits this request; if so, it is counted."""
        if self.hits >= self.times or self.method not in (None, request.method):
            return False
        if not re.search(self.path, f"{request.path}?{request.query}" if request.query else request.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.hits += 1
        return True


class Request(msgspec.Struct):
    """What was asked. `raw_path` is as it was sent, `path` without percent signs; header names are lower case."""

    method: str
    raw_path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path as text."""
        return unquote(self.raw_path)


class Response(msgspec.Struct):
    """What is answered. A HEAD request gets the same headers without the body."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""


Handler: TypeAlias = Callable[[Request], Response]
ErrorBody: TypeAlias = Callable[[int], bytes]


class HttpServer:
    """Answers on a free port of the loopback device from `start` to `stop`, or within a `with` statement.

    `handle` runs in the server's thread. `latency` is in seconds, from a request's last byte to its answer's first.
    """

    def __init__(
        self,
        handle: Handler,
        *,
        latency: float = 0.0,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        error_body: ErrorBody = lambda _: b"",
    ) -> None:
        self.handle = handle
        self.latency = latency
        self.faults: list[Fault] = []
        self.log: list[Request] = []
        self.keep_log = True
        self.busy = 0
        self.most_busy = 0
        self.connections: set[_Connection] = set()
        self.error_body = error_body
        self._tls = tls
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port, once started; it stays the same when started again."""
        return self._port

    @property
    def url(self) -> str:
        """The server's address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to answer."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="http-server", daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Close all connections and stop answering."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = None

    def count(self, method: str, pattern: str = "") -> int:
        """Return how many requests there were of this method whose path and query hold the pattern."""
        return sum(r.method == method and bool(re.search(pattern, f"{r.path}?{r.query}")) for r in self.log)

    def _run(self, ready: threading.Event) -> None:
        import uvloop  # only where a server is started

        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(
            loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port, ssl=self._tls, backlog=1024)
        )
        self._port = cast("asyncio.Server", server).sockets[0].getsockname()[1]
        self._loop = loop
        ready.set()
        try:
            loop.run_forever()
        finally:
            server.close()
            for connection in list(self.connections):
                connection.abort()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


class _Connection(asyncio.Protocol):
    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  -- as asyncio calls it
        self._server.connections.discard(self)
        self._transport = None

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._target, self._headers, self._body = b"", {}, []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("ascii").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._target.decode("ascii").partition("?")
        request = Request(self._parser.get_method().decode(), path, query, self._headers, b"".join(self._body))
        server = self._server
        if server.keep_log:
            server.log.append(request)
        fault = next((fault for fault in server.faults if fault.strikes(request)), None) if server.faults else None
        if fault is not None and fault.kind == "stall":
            return
        if fault is not None and fault.kind == "cut":
            self.abort()
            return
        server.busy += 1
        server.most_busy = max(server.most_busy, server.busy)
        if fault is not None and fault.kind == "status":
            response = Response(fault.status, dict(fault.headers), server.error_body(fault.status))
            fault = None
        else:
            if fault is not None and fault.kind == "wrong upload":
                request.headers["x-test-wrong-upload"] = "1"
            response = server.handle(request)
        if server.latency:
            asyncio.get_running_loop().call_later(server.latency, self._answer, request, response, fault)
        else:
            self._answer(request, response, fault)

    def _answer(self, request: Request, response: Response, fault: Fault | None) -> None:
        self._server.busy -= 1
        if self._transport is None:
            return
        body, kind = response.body, fault.kind if fault is not None else None
        if kind == "cut answer":
            self.abort()
            return
        if kind == "short":
            body = body[: len(body) // 2]
        elif kind == "wrong":
            body = flipped(body)
        headers = {"content-length": str(len(body)), **response.headers}
        reason = HTTPStatus(response.status).phrase
        lines = [f"HTTP/1.1 {response.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if request.method == "HEAD" or response.status in (204, 304):
            self._transport.write(head)
        elif kind in ("cut body", "stall body"):
            self._transport.write(head + body[: len(body) // 2])
            if kind == "cut body":
                self._transport.close()
        else:
            self._transport.write(head + body)
        if not self._parser.should_keep_alive():
            self._transport.close()


def flipped(data: bytes) -> bytes:
    """Return `data` with one bit of its middle byte changed; a byte where there is none."""
    if not data:
        return b"?"
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
