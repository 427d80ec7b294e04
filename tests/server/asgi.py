"""The ASGI application called in process: one request in, one answer out, no socket."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from siglum.server.dispatch import Dispatcher


class Answer(msgspec.Struct, frozen=True):
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def ask(
    app: Dispatcher,
    method: str,
    target: str,
    body: bytes | object = b"",
    headers: dict[str, str] | None = None,
    *,
    chunk: int = 65_536,
) -> Answer:
    """Send one request. `target` is the raw path and query; a body that is not bytes is sent as JSON."""
    return asyncio.run(ask_in_loop(app, method, target, body, headers, chunk=chunk))


async def ask_in_loop(
    app: Dispatcher,
    method: str,
    target: str,
    body: bytes | object = b"",
    headers: dict[str, str] | None = None,
    *,
    chunk: int = 65_536,
) -> Answer:
    """Do as `ask` in the running event loop."""
    all_headers = {"host": "localhost:5000", **(headers or {})}
    if not isinstance(body, bytes):
        body = msgspec.json.encode(body)
        all_headers.setdefault("content-type", "application/json")
    return await _ask(app, method, target, body, all_headers, chunk)


async def _ask(app: Dispatcher, method: str, target: str, body: bytes, headers: dict[str, str], chunk: int) -> Answer:
    raw_path, _, query = target.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": urlsplit(raw_path).path,
        "raw_path": quote(raw_path, safe="/%~!$&'()*+,;=:@\\").encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("192.0.2.7", 4000),
    }
    pieces = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
    incoming = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message.get("body", b"") for message in sent[1:]),
    )
