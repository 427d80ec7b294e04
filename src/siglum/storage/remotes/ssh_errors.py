"""What an SSH server, or the way to it, says, in the port's errors: one sentence for a person, without secrets."""

from __future__ import annotations

import errno
import os
import re
import socket

import asyncssh

from siglum.core.errors import (
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.storage.remotes.ssh_options import SSH_PORT, SshPlace

FULL = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
_FULL_WORDS = ("no space left", "quota exceeded")
MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


class NotReachedError(ConnectionError):
    """Another task has just tried to connect, and could not; `why` says what came of it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def is_lost(error: BaseException) -> bool:
    """Whether an error is one of a connection, which may go better with another one, not of what was asked over it."""
    if isinstance(error, asyncssh.DisconnectError):
        final = (asyncssh.HostKeyNotVerifiable, asyncssh.PermissionDenied, asyncssh.KeyExchangeFailed)
        return not isinstance(error, (*final, asyncssh.IllegalUserName))
    if isinstance(error, OSError):
        return error.filename is None  # with a file's name, it is of this machine's disk
    return isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection | asyncssh.ChannelOpenError)


def never_there(error: BaseException) -> bool:
    """Whether an error on the first connection means that another try is no use: nobody is there to be busy."""
    busy = ConnectionResetError | BrokenPipeError | ConnectionAbortedError
    return isinstance(error, OSError | asyncssh.ChannelOpenError) and not isinstance(error, busy)


def unavailable(name: str, place: SshPlace, error: BaseException) -> UnavailableError:
    """Return the error for a host that does not answer, or not any more."""
    host = f"{place.host}:{place.port}" if place.port else place.host
    return UnavailableError(
        f"Remote {name!r} is not there: {host} {why_lost(place, error)}.",
        hint="Look whether the host is up and can be reached, then try again: what arrived is not sent again.",
    )


def login_refused(name: str, place: SshPlace) -> UnauthenticatedError:
    """Return the error for a login that the host does not accept."""
    return UnauthenticatedError(
        f"Remote {name!r}: {place.host} does not accept the login{f' of {place.user}' if place.user else ''}.",
        hint=f"Set user, keyfile, password or ask_password: siglum remote modify --local {name} OPTION VALUE",
    )


def not_trusted(name: str, place: SshPlace, key: str | None, reason: str, *, changed: bool) -> PermissionDeniedError:
    """Return the error for a host key that known_hosts does not have. `reason` stands in where the key is not known."""
    port = f" -p {place.port}" if place.port else ""
    user = f"{place.user}@" if place.user else ""
    if changed:
        named = f"[{place.host}]:{place.port}" if place.port and place.port != SSH_PORT else place.host
        return PermissionDeniedError(
            f"Remote {name!r}: the key of {place.host} is not the one in known_hosts, but {key}: "
            "somebody may be in between.",
            hint=f"Ask whoever runs the host. If the key did change, forget the old one: ssh-keygen -R {named!r}",
        )
    return PermissionDeniedError(
        f"Remote {name!r}: the key of {place.host} is not known: {key or reason}.",
        hint=f"Compare it with the host's own. If it is the same, accept it: ssh{port} {user}{place.host}",
    )


def key_file_error(name: str, place: SshPlace, error: Exception) -> SiglumError:
    """Return the error for a private key that cannot be read, or not with the passphrase that was given."""
    what = place.keyfile or "the private key"
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"Remote {name!r}: there is no key file {what}.", hint=_keyfile_hint(name))
    if isinstance(error, PermissionError):
        return PermissionDeniedError(f"Remote {name!r}: {what} may not be read.", hint="Check who owns it.")
    ask = f"Set ask_passphrase: siglum remote modify {name} ask_passphrase true"
    if place.passphrase:
        return InvalidInputError(f"Remote {name!r}: {what} is no private key that the passphrase opens.", hint=ask)
    if isinstance(error, asyncssh.KeyEncryptionError) or "passphrase" in str(error).lower():
        return InvalidInputError(f"Remote {name!r}: {what} needs a passphrase, and none is set.", hint=ask)
    return InvalidInputError(f"Remote {name!r}: {what} is not a private key.", hint=_keyfile_hint(name))


def refused(name: str, error: Exception, path: str) -> SiglumError:
    """Return the error for something that the server did not do."""
    if isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
        return PermissionDeniedError(
            f"Remote {name!r}: permission denied: {path}.", hint="Ask its owner for the rights, or use another remote."
        )
    if isinstance(error, FULL) or any(word in str(error).lower() for word in _FULL_WORDS):
        return full(name, path)
    if isinstance(error, MISSING):
        return NotFoundError(f"Remote {name!r} does not have {path}.")
    reason = str(error).strip().rstrip(".") or type(error).__name__
    return SiglumError(f"Remote {name!r}: {path}: {reason}.", hint="Look at the server's own log for more.")


def full(name: str, path: str) -> StorageFullError:
    """Return the error for a host without room."""
    return StorageFullError(f"Remote {name!r}: no room left at {path}.", hint="Free some space, then try again.")


def why_lost(place: SshPlace, error: BaseException) -> str:
    """Return what a host does, as the end of a sentence that begins with its name."""
    if isinstance(error, NotReachedError):
        return error.why
    if isinstance(error, socket.gaierror):
        return "is not the name of a host that is known here"
    if isinstance(error, TimeoutError):
        return f"did not answer within {place.timeout:g} seconds"
    if isinstance(error, asyncssh.ChannelOpenError):
        return f"opens no channel ({error.reason.rstrip('.')})"
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return "has no cipher or key type in common with us"
    # Of several addresses that were tried, asyncio names each in one text.
    number = re.search(r"\[Errno (\d+)\]", str(error)) if isinstance(error, OSError) else None
    if number is None:
        return "broke the connection off"
    if int(number[1]) == errno.ECONNREFUSED:
        return "refuses connections"
    return f"cannot be reached ({os.strerror(int(number[1]))})"


def _keyfile_hint(name: str) -> str:
    return f"Correct it: siglum remote modify {name} keyfile PATH"
