"""An HTTP server that keeps what it is sent, for webhooks to be delivered to."""

from __future__ import annotations

import http.server
import queue
import threading
from typing import Self

import msgspec


class Received(msgspec.Struct, frozen=True):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class WebhookReceiver:
    """Listens on a free port of 127.0.0.1. `answers` are (status, Location) in turn, then 200 for ever."""

    def __init__(self, answers: list[tuple[int, str]] | None = None) -> None:
        self.received: queue.Queue[Received] = queue.Queue()
        answering = list(answers or [])
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.received.put(Received(self.path, headers, body))
                status, location = answering.pop(0) if answering else (200, "")
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "6")
                self.end_headers()
                self.wfile.write(b"secret")

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next(self) -> Received:
        return self.received.get(timeout=20)
