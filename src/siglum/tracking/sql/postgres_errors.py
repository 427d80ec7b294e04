"""What PostgreSQL and the way to it can refuse, as errors of ours that say what to do. None holds a password."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import errors

from siglum.core.errors import (
    BusyError,
    IntegrityError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnavailableError,
)
from siglum.tracking.sql.port import TransactionLostError
from siglum.tracking.sql.postgres_uri import PostgresUri

_LOST: Final = ("08", "57P01", "57P02", "57P03", "25P03")
"""The connection ended, or the server was stopped or is starting, or ended a session that did nothing."""


def is_lost(error: Exception, connection: psycopg.Connection[object]) -> bool:
    """Whether the connection, and with it the open transaction, is gone."""
    if not isinstance(error, psycopg.Error):
        return False
    return connection.closed or (error.sqlstate or "").startswith(_LOST)


def connection_error(error: psycopg.Error, uri: PostgresUri) -> SiglumError:
    """Return the error for a connection that did not come about."""
    text = str(error)
    who = f"user {uri.user!r}" if uri.user else "the user"
    if any(sign in text for sign in ("password authentication failed", "no password supplied", "pg_hba.conf")):
        return PermissionDeniedError(
            f"{uri.shown}: PostgreSQL does not let {who} in: the password is wrong or missing, or the login is closed.",
            hint="Check user and password in the URI (a sign such as @ in it as %40), and the server's pg_hba.conf.",
        )
    if "does not exist" in text and "FATAL" in text:
        reason = text.rpartition("FATAL:")[2].strip()
        return NotFoundError(f"{uri.shown}: {reason}.", hint=f"Create it on the server, such as: createdb {uri.name}")
    if "too many" in text or "remaining connection slots" in text:
        return TransactionLostError(
            f"{uri.shown}: PostgreSQL has no connection left.", hint="Raise its max_connections, or run fewer servers."
        )
    if isinstance(error, psycopg.ProgrammingError):
        return InvalidInputError(
            f"{uri.shown}: the URI has an option that PostgreSQL does not know.", hint="Such as ?sslmode=require."
        )
    # what took its time-out already is not tried again
    kind = UnavailableError if isinstance(error, psycopg.errors.ConnectionTimeout) else TransactionLostError
    return kind(
        f"{uri.shown}: PostgreSQL does not answer ({_reason(text)}).",
        hint="Check host and port, and that the server runs.",
    )


def _reason(text: str) -> str:
    last = text.strip().splitlines()[-1] if text.strip() else "no reason given"
    for sign in ("FATAL:", "failed:", "error:"):
        last = last.rpartition(sign)[2]
    return last.strip()[:200]


def translate(error: Exception, place: str, *, lost: bool) -> SiglumError:
    """Return the error of ours that says what PostgreSQL's means for the user of the database at `place`."""
    if lost:
        return TransactionLostError(
            f"{place}: the connection to PostgreSQL was lost; the change was not stored.",
            hint="Check that the server runs, and repeat the command.",
        )
    match error:
        case errors.DiskFull() | errors.OutOfMemory():
            return StorageFullError(
                f"{place}: the database server has no room left; the change was not stored.",
                hint="Make room and repeat the command; what was stored before is whole.",
            )
        case errors.ReadOnlySqlTransaction() | errors.InsufficientPrivilege():
            return PermissionDeniedError(
                f"{place}: the database cannot be written ({_reason(str(error))}).",
                hint="Check the rights of the user, and that this is not a standby server.",
            )
        case errors.LockNotAvailable() | errors.QueryCanceled() | errors.DeadlockDetected():
            return BusyError(
                f"{place}: another session has kept the database locked for too long.",
                hint="Wait for it to finish, or end it, and try again.",
            )
        case errors.DataCorrupted() | errors.IndexCorrupted():
            return IntegrityError(f"{place}: the database is damaged ({_reason(str(error))}).")
        case UnicodeEncodeError():
            return InvalidInputError("A text holds half of a surrogate pair, which is no character.")
        case OverflowError() | errors.NumericValueOutOfRange():
            return InvalidInputError("A number does not fit 64 bits.")
        case errors.ProgramLimitExceeded():
            return InvalidInputError("A text or value is too long for the database.")
        case psycopg.DataError():
            # such as the character NUL, which no text of PostgreSQL can hold
            return InvalidInputError(f"A value cannot be stored by PostgreSQL: {_reason(str(error))}.")
        case _:
            return InternalError(f"{place}: {type(error).__name__}: {_reason(str(error))}")
