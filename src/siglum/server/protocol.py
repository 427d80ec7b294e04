"""HTTP/1.1 as uvicorn speaks it, with an answer's head and body in one packet.

uvicorn writes them one after the other, which uvloop passes on at once: two system calls here, and two at a client that
waits for the first bytes.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from siglum.server.exchange import ABORT, CUT

MOST_HELD_BACK: Final = 64 * 1024
"""Bytes that wait for more at most: a file's chunks are passed on as they come."""


class JoinedWrites:
    """A transport that sends together what is written to it in one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` in this turn of the loop, after what was written before."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size > MOST_HELD_BACK:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        if waiting:
            self._transport.writelines(waiting)

    def close(self) -> None:
        """Send what waits, then close."""
        self._flush()
        self._transport.close()


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]  # all that is asked of one

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {CUT: self.transport.abort}}
