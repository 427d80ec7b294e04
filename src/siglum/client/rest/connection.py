"""Connections that are kept open, one for each thread, on the standard library's HTTP client."""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import ssl
import threading
import time
from urllib.parse import urlsplit

from siglum.core.errors import InvalidInputError

CONNECT_SECONDS = 5.0
PROBED_SECONDS = 7.0
"""How long an answer is waited for before the server is asked whether it is there."""
PROBE_SECONDS = 3.0


class ConnectionPool:
    """Connections to one server. A thread has its own, so that no request waits for another's answer.

    After a fork the child starts without connections; those of the parent stay the parent's.
    """

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.query or parts.fragment:
            raise InvalidInputError(f"{url!r} is not the URL of a server.", hint="Use http://host:port.")
        if parts.username is not None:
            raise InvalidInputError(
                "The server's URL holds a user name.",
                hint="Set SIGLUM_TRACKING_USERNAME and SIGLUM_TRACKING_PASSWORD instead.",
            )
        self._host = parts.hostname
        self._port = port
        self._context = ssl.create_default_context() if parts.scheme == "https" else None
        self._timeout = timeout
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._local = threading.local()
        self._all: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()

    def take(self) -> tuple[http.client.HTTPConnection, bool]:
        """Return this thread's connection, connected, and whether it is new.

        One that the server has closed meanwhile is replaced here, before anything is sent on it: what was sent on a
        dead connection might have been done, and then could not be repeated.
        """
        if self._pid != os.getpid():
            self._reset()
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is not None:
            if found.sock is not None and not _has_input(found):
                return found, False
            self.drop()
        connection = self._connect()
        self._local.connection = connection
        with self._lock:
            self._all.add(connection)
        return connection, True

    def wait(self, connection: http.client.HTTPConnection) -> None:
        """Return when an answer begins. Raises TimeoutError when none does, or the server does not even answer a probe.

        One that works on a long answer is waited for; one that takes connections and never answers is given up soon.
        """
        deadline = time.monotonic() + self._timeout
        while not _has_input(connection, PROBED_SECONDS):
            if time.monotonic() > deadline or not self._is_alive():
                raise TimeoutError

    def _is_alive(self) -> bool:
        """Whether the server answers anything at all, on a connection of its own."""
        with contextlib.suppress(http.client.HTTPException, OSError), contextlib.closing(self._connect()) as probe:
            probe.sock.settimeout(PROBE_SECONDS)
            probe.request("GET", "/health")
            probe.getresponse()
            return True
        return False

    def drop(self) -> None:
        """Close this thread's connection."""
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is not None:
            self._local.connection = None
            with self._lock:
                self._all.discard(found)
            found.close()

    def close(self) -> None:
        """Close the connections of all threads."""
        if self._pid != os.getpid():
            return
        with self._lock:
            connections, self._all = self._all, set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if self._context is not None:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_SECONDS, context=self._context
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(self._timeout)
        return connection


def _has_input(connection: http.client.HTTPConnection, seconds: float = 0) -> bool:
    """Whether a connection has something to read: an answer or, when it is idle, its end as a rule."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
