"""Why a spool waits, as whoever last tried to send it has noted beside it: for those who look at it from elsewhere."""

from __future__ import annotations

import contextlib
import enum
import os

import msgspec

from siglum.client.rest.server_errors import ServerFailedError, ServerUnavailableError
from siglum.core.clock import now_ms
from siglum.core.errors import (
    BusyError,
    NotFoundError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.core.text import timestamp


class Reason(enum.StrEnum):
    """What keeps records from being sent."""

    UNREACHABLE = "unreachable"
    LOGIN = "login"
    RIGHTS = "rights"
    SERVER_ERROR = "server-error"
    FULL = "full"
    NO_RUN = "no-run"
    OFFLINE = "offline"
    BEING_SENT = "being-sent"
    NOT_TRIED = "not-tried"
    UNREADABLE = "unreadable"
    OTHER = "other"


_SAID = {
    Reason.UNREACHABLE: "the server does not answer",
    Reason.LOGIN: "the server takes no login, or not this one (401)",
    Reason.RIGHTS: "this login may not write there (403)",
    Reason.SERVER_ERROR: "the server failed",
    Reason.FULL: "there is no room left",
    Reason.NO_RUN: "the run is not there yet",
    Reason.OTHER: "it was not taken",
}


class Why(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reason, the error behind it, and when it was met, in milliseconds."""

    reason: Reason
    message: str = ""
    at: int | None = None

    @property
    def text(self) -> str:
        """What to tell a person, and what to do."""
        if self.reason not in _SAID:
            return self.message
        when = f", last tried {timestamp(self.at)}" if self.at is not None else ""
        return f"{_SAID[self.reason]}{when}: {self.message}"


def why_of(error: SiglumError) -> Why:
    """Return why something was not sent."""
    return Why(reason=_reason_of(error), message=error.message, at=now_ms())


def _reason_of(error: SiglumError) -> Reason:
    if isinstance(error, StorageFullError):
        return Reason.FULL
    if isinstance(error, UnauthenticatedError):
        return Reason.LOGIN
    if isinstance(error, PermissionDeniedError):
        return Reason.RIGHTS
    if isinstance(error, ServerUnavailableError | ServerFailedError | BusyError):
        return Reason.SERVER_ERROR
    if isinstance(error, UnavailableError):
        return Reason.UNREACHABLE
    return Reason.NO_RUN if isinstance(error, NotFoundError) else Reason.OTHER


_BEING_SENT = Why(reason=Reason.BEING_SENT, message="its process runs, and sends it")
_NOT_TRIED = Why(reason=Reason.NOT_TRIED, message="nobody has tried since its process ended: run 'siglum sync'")
_UNNAMED = Why(reason=Reason.OFFLINE, message="recorded with SIGLUM_OFFLINE: run 'siglum sync --to URL'")
_LOST_ADDRESS = Why(
    reason=Reason.UNREADABLE, message="which server it was for cannot be read: run 'siglum sync --to URL'"
)
OFFLINE = Why(reason=Reason.OFFLINE, message="recorded with SIGLUM_OFFLINE: run 'siglum sync'")


def note(path: str, why: Why) -> None:
    """Put down why a spool waits. Never raises: where there is no room, it is not known."""
    with contextlib.suppress(OSError):
        descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(why))
        os.replace(f"{path}.new", path)


def forget(path: str) -> None:
    """Take a note away."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def read(path: str) -> Why | None:
    """Return what was noted; None when nothing was, or it cannot be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError), open(path, "rb") as file:
        return msgspec.json.decode(file.read(), type=Why)
    return None


def current(noted: Why | None, *, alive: bool, uri: str, recovered: bool = False) -> Why:
    """Return why a spool waits now, by what was noted and whether its process runs.

    No `uri`: no server was named, or, of one that was `recovered`, it cannot be read.
    """
    if not uri:
        return _LOST_ADDRESS if recovered else _UNNAMED
    if noted is None:
        return _BEING_SENT if alive else _NOT_TRIED
    return noted
