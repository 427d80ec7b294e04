"""A server that answers as a real one did, and a proxy that writes down what a real one answers.

The times, hosts and packages of a request differ from run to run, so a request is known by method and address alone;
ids in addresses come from earlier answers. Answers to one address are given in their order, the last again and again:
how many batches a background thread makes is its own affair.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

KEPT_HEADERS = ("Content-Type", "ETag")


class Answers:
    """Recorded answers by request; `missing` are the requests that nobody recorded."""

    def __init__(self, exchanges: list[dict[str, Any]]) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self.missing: list[str] = []
        for each in exchanges:
            self._waiting.setdefault(each["request"], []).append(each)

    def take(self, request: str) -> dict[str, Any] | None:
        """Return the next answer to a request."""
        with self._lock:
            waiting = self._waiting.get(request)
            if not waiting:
                self.missing.append(request)
                return None
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def load(path: Path) -> Answers:
    """Read recorded answers."""
    return Answers(json.loads(path.read_text()))


@contextmanager
def replaying(answers: Answers) -> Iterator[str]:
    """Serve recorded answers on loopback; yield the URL."""

    class Handler(_Handler):
        def answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            if self.path.startswith("/api/siglum/"):  # which MLflow's server answers with a page that says so
                return 404, {"Content-Type": "text/html"}, b"<!doctype html><title>404 Not Found</title>"
            found = answers.take(f"{self.command} {self.path}")
            if found is None:
                said = {"error_code": "ENDPOINT_NOT_FOUND", "message": f"not recorded: {self.command} {self.path}"}
                return 404, {"Content-Type": "application/json"}, json.dumps(said).encode()
            return found["status"], found["headers"], _bytes(found)

    with _serving(Handler) as url:
        yield url


@contextmanager
def recording(real: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Hand requests on to a real server; yield the URL and the list of what was asked and answered."""
    exchanges: list[dict[str, Any]] = []
    host = urlsplit(real).netloc

    class Handler(_Handler):
        def answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(host, timeout=60)
            skipped = ("host", "connection", "transfer-encoding", "content-length", "accept-encoding")
            headers = {key: value for key, value in self.headers.items() if key.lower() not in skipped}
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            data = response.read()
            kept = {name: value for name in KEPT_HEADERS if (value := response.getheader(name))}
            connection.close()
            exchanges.append(_exchange(f"{self.command} {self.path}", response.status, kept, data))
            return response.status, kept, data

    with _serving(Handler) as url:
        yield url, exchanges


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        raise AssertionError("a subclass answers")

    def _respond(self) -> None:
        status, headers, data = self.answer(self._body())
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while length := int(self.rfile.readline(), 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, *_args: Any) -> None:
        pass


@contextmanager
def _serving(handler: type[_Handler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _exchange(request: str, status: int, headers: dict[str, str], data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"request": request, "status": status, "headers": headers}
    if "json" in headers.get("Content-Type", ""):
        return {**found, "json": json.loads(data)}
    try:
        return {**found, "text": data.decode()}
    except UnicodeDecodeError:
        return {**found, "base64": base64.b64encode(data).decode()}


def _bytes(exchange: dict[str, Any]) -> bytes:
    if "json" in exchange:
        return json.dumps(exchange["json"]).encode()
    if "text" in exchange:
        return str(exchange["text"]).encode()
    return base64.b64decode(exchange["base64"])
