"""Errors of a server that has answered. They stand by themselves: who tells them apart need not speak to one."""

from __future__ import annotations

from siglum.core.errors import InternalError, UnavailableError


class ServerUnavailableError(UnavailableError):
    """The server has answered, that it cannot: not the same as one that does not answer."""


class ServerFailedError(InternalError):
    """A bug, or another program than a tracking server, at the other end."""
