"""SQLite through apsw: connections with the right settings, and errors that say what to do.

All that is SQLite's own stands here: pragmas, file names, result codes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import apsw

from siglum.core.errors import (
    BusyError,
    FileFormatError,
    IntegrityError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnavailableError,
)
from siglum.core.failures import file_errors
from siglum.storage.durability import fsync_path
from siglum.tracking.search import functions
from siglum.tracking.sql.port import Dialect, Row, update_statement

BUSY_TIMEOUT_MS: Final = 30_000
_JOURNAL_ATTEMPTS: Final = 200


class SqliteBackend:
    """A file. Readers are not limited; its schema is brought up to date when it is opened."""

    readers = 1_000
    upgrades_itself = True

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def place(self) -> str:
        return self.path

    def connect(self, *, writes: bool, on_statement: Callable[[], None]) -> SqliteSession:
        return SqliteSession(self.path, writes=writes, on_statement=on_statement)

    def back_up(self, version: int) -> str:
        """Copy the file, as it is before the open transaction, to `siglum.db.before-schema-3` or the next free name."""
        target = first = f"{self.path}.before-schema-{version + 1}"
        number = 1
        while os.path.exists(target):
            number += 1
            target = f"{first}-{number}"
        partial = f"{target}.partial"
        try:
            if os.path.exists(partial):
                os.unlink(partial)  # of an attempt that was killed
            source = apsw.Connection(self.path, flags=apsw.SQLITE_OPEN_READONLY)
            try:
                source.execute("VACUUM INTO ?", (partial,))
            finally:
                source.close()
            with file_errors(partial):
                os.chmod(partial, os.stat(self.path).st_mode & 0o777)
                fsync_path(partial)
                os.rename(partial, target)
                fsync_path(os.path.dirname(target))
        except apsw.Error as error:
            raise translate(error, partial) from error
        return target


class SqliteSession:
    """One connection to one file. `on_statement` is called before each statement, for those who count."""

    dialect = Dialect.SQLITE

    def __init__(self, path: str, *, writes: bool, on_statement: Callable[[], None]) -> None:
        self._path = path
        self._count = on_statement
        self._begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder):
            raise NotFoundError(
                f"{path}: the folder of the database does not exist.", hint=f"Create it: mkdir -p {folder}"
            )
        try:
            self._connection = apsw.Connection(path)
            self._configure(writes)
        except apsw.Error as error:
            raise translate(error, path) from error

    def _configure(self, writes: bool) -> None:
        connection = self._connection
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        for function in (functions.fold, functions.number_of, functions.data_path):
            connection.create_scalar_function(function.__name__, function, 1, deterministic=True)
        connection.create_scalar_function("rlike", functions.rlike, 2, deterministic=True)
        connection.pragma("case_sensitive_like", True)
        connection.pragma("foreign_keys", True)
        connection.pragma("synchronous", "FULL")
        if writes:
            self._use_wal()
        else:
            connection.pragma("query_only", True)

    def _use_wal(self) -> None:
        # SQLite does not wait for others when the journal mode changes, so several processes that open a new
        # file at once have to take turns here.
        for attempt in range(_JOURNAL_ATTEMPTS):
            try:
                self._connection.pragma("journal_mode", "wal")
            except apsw.BusyError:
                if attempt == _JOURNAL_ATTEMPTS - 1:
                    raise
                apsw.sleep(25)
            else:
                return

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def begin(self) -> None:
        self.run(self._begin)

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        self.run("ROLLBACK")

    def tables(self) -> set[str]:
        return {name for (name,) in self.all("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        self._count()
        try:
            return self._connection.execute(statement, values).fetchall()
        except (apsw.Error, UnicodeEncodeError, OverflowError) as error:
            raise translate(error, self._path) from error

    def one(self, statement: str, values: Sequence[Any] = ()) -> Row | None:
        rows = self.all(statement, values)
        return rows[0] if rows else None

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        self.all(statement, values)

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._count()
        try:
            self._connection.executemany(statement, rows).fetchall()
        except (apsw.Error, UnicodeEncodeError, OverflowError) as error:
            raise translate(error, self._path) from error

    def update(
        self, table: str, columns: Mapping[str, str], keys: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        self.many(update_statement(table, tuple(columns), tuple(keys)), rows)

    def discarded(self, table: str, size: int) -> None:
        """Do nothing: the next rows take the room."""

    def continue_numbers(self, table: str, column: str) -> None:
        """Do nothing: AUTOINCREMENT goes on above the highest by itself."""

    def script(self, statements: str) -> None:
        self.all(statements)

    def close(self) -> None:
        self._connection.close()


def translate(error: Exception, path: str) -> SiglumError:
    """Return the error of ours that says what SQLite's means for the user of the file at `path`."""
    match error:
        case apsw.FullError() | apsw.IOError() if isinstance(error, apsw.FullError) or _is_full(path):
            return StorageFullError(
                f"{path}: no room left on the disk{_although_free(path)}; the change was not stored.",
                hint="Make room and repeat the command; what was stored before is whole.",
            )
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return PermissionDeniedError(
                f"{path}: the database cannot be written.", hint="Check who owns the file and its folder."
            )
        case apsw.CantOpenError():
            return NotFoundError(
                f"{path}: the database cannot be opened.", hint="Check that it is a file and that you may read it."
            )
        case apsw.NotADBError():
            return FileFormatError(path, "this is not an SQLite database, or it is encrypted.")
        case apsw.CorruptError():
            return IntegrityError(
                f"{path}: the database is damaged ({error}).",
                hint="Keep a copy of the file, then restore a backup or try `sqlite3 FILE .recover`.",
            )
        case apsw.BusyError() | apsw.LockedError():
            return BusyError(
                f"{path}: another process has kept the database locked for {BUSY_TIMEOUT_MS // 1000} seconds.",
                hint="Wait for it to finish, or end it, and try again.",
            )
        case apsw.IOError():
            return UnavailableError(f"{path}: reading or writing failed ({error}).", hint="Check the disk.")
        case UnicodeEncodeError():
            return InvalidInputError("A text holds half of a surrogate pair, which is no character.")
        case OverflowError():
            return InvalidInputError("A number does not fit 64 bits.")
        case apsw.TooBigError():
            return InvalidInputError("A text or value is too long for the database.")
        case _:
            return InternalError(f"{path}: {type(error).__name__}: {error}")


_SHARED_MEMORY = 32 * 1024
_NOTABLE = 100_000_000


def _is_full(path: str) -> bool:
    """Whether not even the memory file of the write-ahead log fits: SQLite calls that an I/O error, not a full disk."""
    free = _free_bytes(path)
    return free is not None and free < _SHARED_MEMORY


def _although_free(path: str) -> str:
    """Return what to add where there is room now: others have freed some, or a quota is what was met."""
    free = _free_bytes(path)
    if free is None or free < _NOTABLE:
        return ""
    return f" (now {free / 1e9:.1f} GB are free: others took them for a moment, or a quota is reached)"


def _free_bytes(path: str) -> int | None:
    try:
        found = os.statvfs(os.path.dirname(path) or ".")
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
