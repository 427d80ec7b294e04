"""One request and its answer, for handlers that stream: the body as a blocking file, the answer from one."""

from __future__ import annotations

import asyncio
import io
import threading
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, TypeAlias, TypeVar

import msgspec

from siglum.core.names import read_digits
from siglum.server.errors import RefusedError
from siglum.server.guard import Headers

Scope: TypeAlias = MutableMapping[str, Any]
ASGIMessage: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[ASGIMessage]]
Send: TypeAlias = Callable[[ASGIMessage], Awaitable[None]]
HeaderList: TypeAlias = tuple[tuple[bytes, bytes], ...]

T = TypeVar("T")

CHUNK = 256 * 1024
AHEAD = 2 * 1024 * 1024
"""How much of an upload may have arrived before it is wanted."""
IDLE_SECONDS = 60
"""How long a client may send nothing in the middle of an upload, which occupies a thread."""

ABORT = "siglum.abort"
CUT = "cut"
"""Siglum's extension of a scope: what cuts the connection, for an answer whose client takes nothing any more."""

COMMON_HEADERS: HeaderList = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

# A browser that is sent to it must neither guess a type nor run what a user stored.
DOWNLOAD_HEADERS: HeaderList = ((b"content-security-policy", b"sandbox; default-src 'none'"),)


class Exchange(msgspec.Struct):
    """A request with what is needed to answer it. `files` is the pool for threads that wait for disk and client.

    `route` is the path of the row that answers, `status` what was answered: both are for the statistics. `is_head` is
    set when only the headers of the answer are wanted.
    """

    headers: Headers
    receive: Receive
    send: Send
    files: Executor
    started: bool = False
    route: str = ""
    status: int = 0
    is_head: bool = False
    abort: Callable[[], None] = lambda: None
    """Cut the connection at once, whatever waits to be sent; nothing without a connection, as in tests."""

    async def respond(self, status: int, body: bytes, headers: HeaderList = ()) -> None:
        """Answer at once with a whole body."""
        await self.start(status, (*headers, (b"content-length", str(len(body)).encode())))
        await self.send({"type": "http.response.body", "body": body})

    async def start(self, status: int, headers: HeaderList) -> None:
        """Send status and headers; from here on an error can only cut the connection."""
        self.started = True
        self.status = status
        all_headers = [*COMMON_HEADERS, *headers]
        await self.send({"type": "http.response.start", "status": status, "headers": all_headers})

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run something that waits for the disk."""
        return await asyncio.get_running_loop().run_in_executor(self.files, function, *arguments)

    async def with_body(self, function: Callable[[BinaryIO], T]) -> T:
        """Run `function` in a thread with the request's body as a file that is read as it arrives."""
        body = _Body(self, asyncio.get_running_loop())
        receiving = asyncio.create_task(body.receive())
        try:
            return await self.in_thread(function, io.BufferedReader(body, CHUNK))
        finally:
            receiving.cancel()

    async def read_body(self, limit: int) -> bytes:
        """Return the whole body. Raises RefusedError as soon as it is known to be longer than `limit` bytes."""
        declared = self.headers.content_length
        if declared is not None and declared.isdecimal():
            announced = read_digits(declared)
            if announced is None or announced > limit:
                raise _too_large(limit)
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def respond_file(
        self, opened: AbstractContextManager[BinaryIO], size: int, headers: HeaderList, *, etag: str | None
    ) -> None:
        """Answer with a file's bytes, or with the one range of them that was asked for.

        An error in the middle cuts the connection before the announced length, so that no client takes a damaged
        file for a whole one.
        """
        source = await self.in_thread(opened.__enter__)
        try:
            span = _range(self.headers.range, size) if source.seekable() else None
            start, stop = span or (0, size)
            announced: list[tuple[bytes, bytes]] = [*headers, (b"content-length", str(stop - start).encode())]
            if source.seekable():
                announced.append((b"accept-ranges", b"bytes"))
            if etag:
                announced.append((b"etag", f'"{etag}"'.encode()))
            if span:
                announced.append((b"content-range", f"bytes {start}-{stop - 1}/{size}".encode()))
                source.seek(start)
            await self.start(206 if span else 200, tuple(announced))
            left = stop - start
            while left > 0:
                chunk = await self.in_thread(source.read, min(CHUNK, left))
                if not chunk:
                    raise EOFError("a file became shorter while it was sent")
                left -= len(chunk)
                await self.send({"type": "http.response.body", "body": chunk, "more_body": True})
            # One more read lets a store that verifies what it delivers see the end before the client does.
            if span is None:
                await self.in_thread(source.read, 1)
            await self.send({"type": "http.response.body", "body": b""})
        finally:
            await self.in_thread(opened.__exit__, None, None, None)


class ClientGoneError(Exception):
    """The client closed the connection before its request was whole. There is nobody to answer."""


class _Body(io.RawIOBase):
    """A request's body, read from a thread while the event loop receives it, somewhat ahead of the reader."""

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = exchange
        self._loop = loop
        self._arrived = threading.Condition()
        self._chunks: deque[memoryview] = deque()
        self._waiting = 0
        self._ended = False
        self._failure: Exception | None = None
        self._room = asyncio.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = 0
        with self._arrived:
            while not self._chunks and not self._ended:
                if not self._arrived.wait(IDLE_SECONDS):
                    raise RefusedError(408, "DEADLINE_EXCEEDED", "The upload stopped before its end.")
            if not self._chunks and self._failure is not None:
                raise self._failure
            was_full = self._waiting > AHEAD
            while self._chunks and count < len(buffer):
                chunk = self._chunks[0]
                size = min(len(buffer) - count, len(chunk))
                buffer[count : count + size] = chunk[:size]
                count += size
                if size == len(chunk):
                    self._chunks.popleft()
                else:
                    self._chunks[0] = chunk[size:]
            self._waiting -= count
            if was_full and self._waiting <= AHEAD:
                self._loop.call_soon_threadsafe(self._room.set)
        return count

    async def receive(self) -> None:
        """Take what arrives, until the end; more than `AHEAD` bytes wait at the client."""
        try:
            while await self._receive_one():
                pass
        except Exception as error:  # noqa: BLE001  the thread that reads raises it
            self._failure = error
        finally:
            with self._arrived:
                self._ended = True
                self._arrived.notify_all()

    async def _receive_one(self) -> bool:
        message = await self._exchange.receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self._room.clear()
        with self._arrived:
            if chunk := message.get("body", b""):
                self._chunks.append(memoryview(chunk))
                self._waiting += len(chunk)
                self._arrived.notify_all()
            full = self._waiting > AHEAD
        more = bool(message.get("more_body", False))
        if full and more:
            await self._room.wait()
        return more


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, "INVALID_PARAMETER_VALUE", f"The request's body is larger than {limit:,} bytes.")


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes (start, stop) that a Range header asks for; None for the whole file.

    Only a single range is understood; several are answered with the whole file, as RFC 9110 allows.
    """
    unit, _, spec = (header or "").partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip().lower() != "bytes" or not dash or any(part and read_digits(part) is None for part in (first, last)):
        return None
    if not first:
        if not last:
            return None
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= stop:
        raise RefusedError(416, "INVALID_PARAMETER_VALUE", f"The file has {size} bytes; the range lies behind them.")
    return start, stop
