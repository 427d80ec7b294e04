"""Live updates: an answer that goes on, with an event for each change. The format is that of server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from siglum.core.errors import NotFoundError, PermissionDeniedError
from siglum.server.errors import RefusedError
from siglum.server.exchange import DOWNLOAD_HEADERS, ClientGoneError, Exchange
from siglum.server.guard import is_foreign
from siglum.server.live.events import EVENT_STREAM, Wanted, frame
from siglum.server.live.hub import Hub
from siglum.server.live.ring import Told
from siglum.server.route import Services
from siglum.tracking.messages import Message

MAX_LISTENERS: Final = 1_000
HEARTBEAT_SECONDS: Final = 15.0
"""How long a listener hears nothing at most: proxies and clients take a silent connection for a dead one."""
SEND_SECONDS: Final = 60.0
"""How long a listener may take nothing of what it is sent before its connection is cut."""
RETRY_MS: Final = 2_000
_HEADERS: Final = (
    (b"content-type", EVENT_STREAM.encode()),
    (b"content-disposition", b"attachment"),
    (b"x-accel-buffering", b"no"),
    *DOWNLOAD_HEADERS,
)


class Listen(Message, kw_only=True):
    """GET events: of these runs, experiments and registered models, each may repeat; of all without any of them.

    `last_event_id` is for clients that cannot send the header. `seconds` is how long to listen, for ever without it;
    with 0 the answer is what has happened since.
    """

    run_id: list[str] = []
    experiment_id: list[str] = []
    name: list[str] = []
    last_event_id: str | None = None
    seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None


async def events(services: Services, request: Listen, exchange: Exchange) -> None:
    """Tell what changes while it changes, as server-sent events."""
    hub = services.live
    if is_foreign(exchange.headers):  # it could not read the answer, but hold many open
        raise PermissionDeniedError("Live updates are not for web pages of other sites.")
    if hub.closed:
        raise RefusedError(503, "TEMPORARILY_UNAVAILABLE", "The server is about to stop.")
    if hub.listeners >= MAX_LISTENERS:
        raise RefusedError(429, "REQUEST_LIMIT_EXCEEDED", f"{MAX_LISTENERS:,} clients listen already.")
    wanted = Wanted(frozenset(request.run_id), frozenset(request.experiment_id), frozenset(request.name))
    signal = hub.listen(exchange.abort)
    gone = asyncio.ensure_future(_disconnect(exchange))
    try:
        last = exchange.headers.last_event_id or request.last_event_id
        stream = _Stream(services, exchange, wanted, last)
        await stream.open()
        await _follow(stream, hub, signal, gone, request.seconds)
        await exchange.send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        hub.leave(signal)


async def _follow(
    stream: _Stream, hub: Hub, signal: asyncio.Event, gone: asyncio.Future[None], seconds: int | None
) -> None:
    """Send events until the client goes, its time is over, or the server stops."""
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    if seconds == 0:
        hub.settle()
    while True:
        signal.clear()
        await stream.send_new()
        left = HEARTBEAT_SECONDS if end is None else min(HEARTBEAT_SECONDS, end - loop.time())
        if hub.closed or gone.done() or left <= 0 or stream.exchange.is_head:
            return
        woken = asyncio.ensure_future(signal.wait())
        done, _ = await asyncio.wait((woken, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()
        if not done:
            await stream.beat()


class _Stream:
    """One listener's answer, and how far it has come."""

    def __init__(self, services: Services, exchange: Exchange, wanted: Wanted, last: str | None) -> None:
        self.exchange = exchange
        self._services = services
        self._hub = services.live
        self._wanted = wanted
        known = self._hub.ring.newest if last is None else self._hub.ring.number_of(last)
        self._lost = known is None
        self._number = self._hub.ring.newest if known is None else known

    async def open(self) -> None:
        """Begin the answer; the first event's id is where a client that comes back at once goes on."""
        await self.exchange.start(200, _HEADERS)
        await self._send(b"retry: %d\n" % RETRY_MS + self._frame("open"))
        if self._lost:
            await self._send(self._frame("reset"))

    async def send_new(self) -> None:
        """Send what has happened since the last time, or say that it is too much."""
        found = self._hub.after(self._number)
        if found is None:
            self._number = self._hub.ring.newest
            await self._send(self._frame("reset"))
            return
        parts = [
            frame(told.event.kind, self._hub.ring.identity(told.number), told.data) for told in await self._own(found)
        ]
        if found:
            self._number = found[-1].number
        if parts:
            await self._send(b"".join(parts))

    async def beat(self) -> None:
        """Send a sign of life, which also tells how far the client has come."""
        await self._send(b"id: %s\n: alive\n\n" % self._hub.ring.identity(self._number).encode())

    async def _own(self, found: Sequence[Told]) -> list[Told]:
        if self._wanted.experiments:
            for run_id in {told.event.run_id for told in found if self._hub.experiment_of(told.event) is None}:
                if run_id is not None and run_id not in self._wanted.runs:
                    await self.exchange.in_thread(self._look_up, run_id)
        return [told for told in found if self._wanted.takes(told.event, self._hub.experiment_of(told.event))]

    def _look_up(self, run_id: str) -> None:
        try:
            info = self._services.tracking.get_run(run_id).info
        except NotFoundError:  # removed for good meanwhile
            return
        self._hub.remember(run_id, info.experiment_id)

    def _frame(self, name: str) -> bytes:
        return frame(name, self._hub.ring.identity(self._number), b"{}")

    async def _send(self, body: bytes) -> None:
        message = {"type": "http.response.body", "body": body, "more_body": True}
        try:
            await asyncio.wait_for(self.exchange.send(message), SEND_SECONDS)
        except TimeoutError:
            self.exchange.abort()
            raise ClientGoneError from None


async def _disconnect(exchange: Exchange) -> None:
    """Return once the client has gone."""
    while (await exchange.receive())["type"] != "http.disconnect":
        pass
