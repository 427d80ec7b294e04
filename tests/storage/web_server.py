"""A web server on loopback whose answers a test can shape."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec


class Page(msgspec.Struct):
    """What is at an address: its bytes, and headers beside `Content-Length`."""

    body: bytes
    headers: dict[str, str] = {}
    cut_after: list[int] = []
    """After how many bytes each of the next answers breaks off."""
    ranges: bool = True
    status: int = 200


class Web:
    """Pages by path, and the requests that came: method, path and the header `Range`."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.authorizations: list[str | None] = []
        self.url = ""


@contextmanager
def serve() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            web.requests.append((self.command, self.path, self.headers.get("Range")))
            web.authorizations.append(self.headers.get("Authorization"))
            page = web.pages.get(self.path)
            if page is None:
                self.send_error(404)
                return
            start = 0
            wanted = self.headers.get("Range", "")
            condition = self.headers.get("If-Range")
            same = condition in (None, page.headers.get("ETag"), page.headers.get("Last-Modified"))
            if wanted and page.ranges and same:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(page.body) - 1}/{len(page.body)}")
            body = page.body[start:]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if not with_body:
                return
            if page.cut_after:
                self.wfile.write(body[: page.cut_after.pop(0)])
                self.close_connection = True
            else:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
