"""A few SFTP sessions to one host, each over a connection of its own, and new ones for those that break.

Everything here runs in one event loop. What is asked of a session is asked again over another one when the connection
was at fault, after a pause that grows; what the server refuses is not.
"""

from __future__ import annotations

import asyncio
import importlib.util
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncssh

from siglum.core.errors import InvalidInputError, NotSupportedError, SiglumError, UnavailableError
from siglum.storage.remotes.ssh_errors import (
    NotReachedError,
    is_lost,
    key_file_error,
    login_refused,
    never_there,
    not_trusted,
    unavailable,
    why_lost,
)
from siglum.storage.remotes.ssh_hosts import HostKeyClient, HostRules, host_rules, known_hosts
from siglum.storage.remotes.ssh_options import SshPlace

T = TypeVar("T")

PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between one try and the next, when a connection was lost. Each is drawn out by up to a half, at random."""
# A server that says nothing has used up its time: asking a second time is enough.
_PAUSES_WHEN_SILENT = 1
# From so many requests at once on, another connection is worth its handshake.
_BUSY = 8
_CONNECT_SECONDS = 30.0
# Fast in hardware everywhere; asyncssh would begin with another one.
_FAST_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"


class Session:
    """An SFTP session over its own connection."""

    def __init__(self, connection: asyncssh.SSHClientConnection, sftp: asyncssh.SFTPClient) -> None:
        self.connection = connection
        self.sftp = sftp
        self.users = 0

    def drop(self) -> None:
        """Close at once, without a word."""
        self.connection.abort()


class Sessions:
    """The sessions of one remote. They are opened when there is work for them."""

    def __init__(self, name: str, place: SshPlace) -> None:
        self.name = name
        self.place = place
        self._open: list[Session] = []
        self._most = place.connections
        self._opening = asyncio.Lock()
        self._was_there = False
        self._failures = 0
        self._failure = ""

    async def perform(
        self, work: Callable[[asyncssh.SFTPClient], Awaitable[T]], progress: Callable[[], int] = int
    ) -> T:
        """Return what `work` returns, given a session; a lost connection has it done again with another.

        While `progress` grows between two failures, the tries are counted from the start. Raises UnavailableError.
        """
        tried = silent = 0
        reached = progress()
        while True:
            try:
                async with self._session() as sftp:
                    return await work(sftp)
            except Exception as e:
                if not is_lost(e):
                    raise
                if progress() > reached:
                    reached, tried, silent = progress(), 0, 0
                silent += isinstance(e, TimeoutError)
                hopeless = not self._was_there and never_there(e)
                if tried >= len(PAUSES) or silent > _PAUSES_WHEN_SILENT or hopeless:
                    raise unavailable(self.name, self.place, e) from None
                await asyncio.sleep(PAUSES[tried] * random.uniform(1, 1.5))  # noqa: S311  -- not a secret
                tried += 1

    async def close(self) -> None:
        """Close all sessions."""
        sessions, self._open = self._open, []
        for session in sessions:
            session.connection.close()
        for session in sessions:
            await session.connection.wait_closed()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncssh.SFTPClient]:
        session = await self._least_used()
        session.users += 1
        try:
            yield session.sftp
        except Exception as e:
            if is_lost(e) and session in self._open:
                self._open.remove(session)
                session.drop()
            raise
        finally:
            session.users -= 1

    async def _least_used(self) -> Session:
        session = self._candidate()
        if session is None:
            failures = self._failures
            async with self._opening:
                session = self._candidate()  # another task may have opened one meanwhile, or tried to
                if session is None and self._failures > failures:
                    raise NotReachedError(self._failure)
                if session is None:
                    session = await self._one_more()
        return session

    def _candidate(self) -> Session | None:
        """Return a session to use as it is, None when another one should be opened."""
        least = min(self._open, key=lambda session: session.users, default=None)
        if least is not None and least.users >= _BUSY and len(self._open) < self._most:
            return None
        return least

    async def _one_more(self) -> Session:
        try:
            session = await self._connect()
        except Exception as e:
            self._failures += 1
            self._failure = why_lost(self.place, e)  # not the error: it would keep all that its traceback names
            if not self._open or (isinstance(e, SiglumError) and not isinstance(e, UnavailableError)):
                raise
            # The server wants no more of them: go on with what there is.
            self._most = len(self._open)
            return min(self._open, key=lambda each: each.users)
        self._was_there = True
        self._open.append(session)
        return session

    async def _connect(self) -> Session:
        """Open a connection and a session. Errors of the connection come as they are, all others as SiglumErrors."""
        place = self.place
        rules = await asyncio.to_thread(host_rules, place.host, place.user, place.port)
        client = HostKeyClient(rules, await asyncio.to_thread(known_hosts, rules))
        try:
            async with asyncio.timeout(place.timeout):
                connection = await asyncssh.connect(
                    place.host, client_factory=lambda: client, known_hosts=client.known, **self._arguments(rules)
                )
        except asyncssh.PermissionDenied:
            raise login_refused(self.name, place) from None
        except asyncssh.HostKeyNotVerifiable as e:
            raise not_trusted(self.name, place, client.refused, str(e), changed=client.changed) from None
        except asyncssh.ConfigParseError as e:
            raise InvalidInputError(f"~/.ssh/config cannot be read: {e}.") from None
        except (ValueError, OSError) as e:
            if is_lost(e):
                raise
            raise key_file_error(self.name, place, e) from None
        try:
            async with asyncio.timeout(place.timeout):
                return Session(connection, await connection.start_sftp_client())
        except BaseException as e:
            connection.abort()
            if isinstance(e, asyncssh.ChannelOpenError):
                raise UnavailableError(
                    f"Remote {self.name!r}: {place.host} does not offer SFTP.",
                    hint="Ask whoever runs it to switch it on (Subsystem sftp in sshd_config), or use another remote.",
                ) from None
            raise

    def _arguments(self, rules: HostRules) -> dict[str, Any]:
        place = self.place
        given: dict[str, Any] = {
            "port": place.port,
            "username": place.user,
            "client_keys": [place.keyfile] if place.keyfile else None,
            "password": place.password,
            "passphrase": place.passphrase,
            "encryption_algs": None if rules.ciphers else _FAST_CIPHERS,
        }
        arguments = {name: value for name, value in given.items() if value is not None}
        if not place.allow_agent:
            arguments["agent_path"] = None
        if not place.gss_auth:
            arguments["gss_host"] = None
        elif importlib.util.find_spec("gssapi") is None:
            raise NotSupportedError(
                f"Remote {self.name!r} sets gss_auth, and the package gssapi is not installed.",
                hint="Install it: pip install gssapi",
            )
        # Data is hardly made smaller by it, and it would block the loop.
        return arguments | {"compression_algs": None, "connect_timeout": min(_CONNECT_SECONDS, place.timeout)}
