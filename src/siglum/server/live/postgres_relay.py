"""Live updates between the servers of one PostgreSQL database: each tells the others by NOTIFY and hears by LISTEN.

A thread with a connection of its own does both, so that no request waits for it. When the connection breaks it is made
again; what happened meanwhile is lost to the listeners of other servers, who are told to begin anew.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
import psycopg

from siglum.core.errors import UnavailableError
from siglum.server.live.hub import Hub

MAX_PAYLOAD: Final = 7_900
"""Bytes that one notification holds; PostgreSQL takes 8,000."""
MAX_UNSENT: Final = 4_096
RETRY_SECONDS: Final = 1.0
# Channels are a database's, and a database may hold several stores, each in a schema.
_CHANNEL: Final = "SELECT 'siglum_live_' || md5(current_schema())"

_log = logging.getLogger("siglum.server.live")


class PostgresRelay:
    """Connects a hub with those of the other servers. `connect` opens a connection in autocommit mode."""

    def __init__(self, hub: Hub, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._hub = hub
        self._connect = connect
        self._own = secrets.token_hex(6)
        self._unsent: deque[str] = deque()
        self._stopping = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._work, name="siglum-live", daemon=True)
        hub.relay_through(self.send)
        self._thread.start()

    def send(self, events: bytes) -> None:
        """Have events, a list as JSON, sent soon. Does not wait."""
        if len(self._unsent) < MAX_UNSENT:  # else the database has been away for long
            self._unsent.extend(_payloads(self._own, events))
        self._wake()

    def close(self) -> None:
        """End the thread. Repeating it changes nothing."""
        if self._stopping.is_set():
            return
        self._hub.relay_through(None)
        self._stopping.set()
        self._wake()
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it is awake
            os.write(self._wake_write, b"x")

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    self._relay(connection)
            except (psycopg.Error, UnavailableError):
                pass  # the database is away: requests say so, and listeners are told to begin anew when it is back
            except Exception:  # noqa: BLE001  whatever it was, live updates must not stay away for ever
                _log.exception("Live updates between servers failed because of a bug.")
            self._stopping.wait(RETRY_SECONDS)

    def _relay(self, connection: psycopg.Connection[Any]) -> None:
        (channel,) = connection.execute(_CHANNEL).fetchone() or ("",)
        connection.add_notify_handler(self._take)
        connection.execute(f'LISTEN "{channel}"'.encode())
        self._hub.forget()  # what others told before this, nobody here has heard
        while not self._stopping.is_set():
            while self._unsent:
                connection.execute("SELECT pg_notify($1, $2)", (channel, self._unsent[0]))
                self._unsent.popleft()
            ready, _, _ = select.select([connection.fileno(), self._wake_read], [], [])
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
            if connection.fileno() in ready:
                connection.execute("SELECT 1")  # reads what has come, or finds that the connection is gone

    def _take(self, notice: psycopg.Notify) -> None:
        sender, _, events = notice.payload.partition(" ")
        if sender != self._own:
            self._hub.receive(events)


def _payloads(sender: str, events: bytes) -> list[str]:
    """Return notifications that hold these events; one that is too long for any is sent without its points."""
    found: list[str] = []
    part: list[bytes] = []
    size = 0
    for raw in msgspec.json.decode(events, type=list[msgspec.Raw]):
        event = bytes(raw)
        if len(event) > MAX_PAYLOAD - 20:
            fields = msgspec.json.decode(event)
            event = msgspec.json.encode(fields | {"metrics": [], "more": True})
            if len(event) > MAX_PAYLOAD - 20:  # a name of thousands of characters
                continue
        if size + len(event) > MAX_PAYLOAD - 20:
            found.append(f"{sender} [{b','.join(part).decode()}]")
            part, size = [], 0
        part.append(event)
        size += len(event) + 1
    if part:
        found.append(f"{sender} [{b','.join(part).decode()}]")
    return found
