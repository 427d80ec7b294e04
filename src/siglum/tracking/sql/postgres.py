"""PostgreSQL through psycopg: connections with the right settings. Errors are in `postgres_errors`.

All writers of a database, in however many servers, take turns: a transaction that writes begins by taking one advisory
lock, which PostgreSQL gives back when it ends. So the stores see what SQLite shows them, one writer and many readers,
and a server shares the cost of a flush by committing in groups.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from siglum.core.errors import BusyError, InvalidInputError, NotSupportedError, UnavailableError
from siglum.tracking.sql.port import Dialect, Row, TransactionLostError, update_statement
from siglum.tracking.sql.postgres_uri import parse_postgres_uri
from siglum.tracking.sql.postgres_words import as_schema, update_from_arrays, with_numbered_marks, with_rows

try:
    import psycopg
    from psycopg.abc import Buffer
    from psycopg.pq import TransactionStatus
    from psycopg.types.numeric import FloatBinaryDumper, Int8BinaryDumper, NumericBinaryLoader
except ImportError as error:
    raise NotSupportedError(
        "PostgreSQL needs the extra 'postgres'.", hint="Install it: pip install 'siglum[postgres]'"
    ) from error

from siglum.tracking.sql.postgres_arrays import (
    BigintArray,
    BigintArrayDumper,
    DoubleArray,
    DoubleArrayDumper,
    array_of,
)
from siglum.tracking.sql.postgres_errors import connection_error, is_lost, translate

READERS: Final = 10
"""Connections of one process that read at once; a server takes 100 of all processes unless told otherwise."""
CONNECT_SECONDS: Final = 10
RECLAIMED_BYTES: Final = 2_000_000
"""So much of a table has to be deleted before its room is reclaimed at once."""
MARKS: Final = 20_000
"""Values that one statement binds at most; the protocol has 65,535."""
# A writer that hangs in a transaction is ended before the others give up waiting for it.
_READER_SETTINGS: Final = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '300s'"
_WRITER_SETTINGS: Final = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '15s'"
_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# Acknowledged means flushed, whatever the server's default. One lock for each schema. The id of the transaction is what
# tells later whether it was committed.
_BEGIN_WRITING: Final = """
    BEGIN; SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
    SELECT pg_advisory_xact_lock(736951172, hashtext(current_schema())); SELECT txid_current()"""
_OUTCOME_ATTEMPTS: Final = 5
_OUTCOME_SECONDS: Final = 0.5


class _NanIsNull(FloatBinaryDumper):
    """Floats; NaN becomes NULL, as SQLite has it."""

    def dump(self, obj: float) -> Buffer | None:
        return None if obj != obj else super().dump(obj)


class _WholeNumber(NumericBinaryLoader):
    """Sums of whole numbers, which PostgreSQL returns as decimals."""

    def load(self, data: Buffer) -> Any:
        value = super().load(data)
        return int(value) if value == value.to_integral_value() else float(value)


class PostgresBackend:
    """A database on a server. Its schema is brought up to date by command only: several servers may use it."""

    readers = READERS
    upgrades_itself = False

    def __init__(self, uri: str) -> None:
        self.uri = parse_postgres_uri(uri)

    @property
    def place(self) -> str:
        return self.uri.shown

    def connect(self, *, writes: bool, on_statement: Callable[[], None]) -> PostgresSession:
        return PostgresSession(self, writes=writes, on_statement=on_statement)

    def back_up(self, version: int) -> None:  # noqa: ARG002  an administrator's own, with pg_dump
        return None

    def open_connection(self, settings: str) -> psycopg.Connection[Row]:
        """Return a new connection. Raises TransactionLostError when the server does not answer now."""
        try:
            connection = psycopg.connect(
                self.uri.connection,
                autocommit=True,
                cursor_factory=psycopg.RawCursor,
                application_name="siglum",
                client_encoding="utf8",
                connect_timeout=CONNECT_SECONDS,
                # a server that vanished is noticed within a minute
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
            )
            connection.execute(settings)
        except psycopg.Error as error:
            raise connection_error(error, self.uri) from None
        connection.adapters.register_dumper(int, Int8BinaryDumper)
        connection.adapters.register_dumper(float, _NanIsNull)
        connection.adapters.register_dumper(BigintArray, BigintArrayDumper)
        connection.adapters.register_dumper(DoubleArray, DoubleArrayDumper)
        connection.adapters.register_loader("numeric", _WholeNumber)
        return connection


class PostgresSession:
    """One connection. `on_statement` is called before each statement, for those who count."""

    dialect = Dialect.POSTGRESQL

    def __init__(self, backend: PostgresBackend, *, writes: bool, on_statement: Callable[[], None]) -> None:
        self._backend = backend
        self._place = backend.place
        self._writes = writes
        self._count = on_statement
        self._transaction: int | None = None
        self._discarded: dict[str, int] = {}
        self._connection = backend.open_connection(_WRITER_SETTINGS if writes else _READER_SETTINGS)

    @property
    def in_transaction(self) -> bool:
        status = self._connection.info.transaction_status
        return status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)

    def begin(self) -> None:
        if not self._writes:
            self.run(_BEGIN_READING)
            return
        self._count()
        try:
            cursor = self._connection.execute(_BEGIN_WRITING)
            while cursor.nextset():
                pass
            self._transaction = int(cursor.fetchall()[0][0])
        except psycopg.Error as error:
            if self.in_transaction:
                self.rollback()
            raise self._translated(error) from error

    def commit(self) -> None:
        self._count()
        try:
            self._connection.execute("COMMIT")
        except psycopg.Error as error:
            if not is_lost(error, self._connection):
                raise self._translated(error) from error
            self._find_outcome()
        else:
            self._reclaim()

    def _find_outcome(self) -> None:
        """Return when the transaction whose COMMIT was not answered is stored, raise when it is not.

        The new connection takes the lock of writers first: then the session of the old one has come to its end.
        """
        for _ in range(_OUTCOME_ATTEMPTS):
            other = None
            try:
                other = PostgresSession(self._backend, writes=True, on_statement=self._count)
                other.begin()
                row = other.one("SELECT txid_status(?)", (self._transaction,))
            except (UnavailableError, BusyError):
                time.sleep(_OUTCOME_SECONDS)
                continue
            finally:
                if other is not None:
                    other.close()
            if row == ("committed",):
                return
            raise TransactionLostError(f"{self._place}: the connection to PostgreSQL was lost; nothing was stored.")
        raise UnavailableError(
            f"{self._place}: the connection broke while a change was being committed.",
            hint="The change may have been stored; look before repeating it.",
        )

    def rollback(self) -> None:
        self.run("ROLLBACK")

    def tables(self) -> set[str]:
        rows = self.all("SELECT current_schema(), current_setting('server_encoding')")
        schema, encoding = rows[0]
        if schema is None:
            raise InvalidInputError(f"{self._place}: there is no schema to put tables into.")
        if encoding != "UTF8":
            raise InvalidInputError(
                f"{self._place}: the database is encoded in {encoding}.", hint="Create one with: createdb -E UTF8"
            )
        return {name for (name,) in self.all("SELECT tablename::text FROM pg_tables WHERE schemaname = ?", (schema,))}

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        self._count()
        try:
            cursor = self._connection.execute(with_numbered_marks(statement), values or None, binary=True)
            return cursor.fetchall() if cursor.description else []
        except (psycopg.Error, UnicodeEncodeError, OverflowError) as error:
            raise self._translated(error) from error

    def one(self, statement: str, values: Sequence[Any] = ()) -> Row | None:
        rows = self.all(statement, values)
        return rows[0] if rows else None

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        self.all(statement, values)

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        given = list(rows)
        if not given:
            return
        at_once = MARKS // max(1, len(given[0]))
        one_insert = with_rows(statement, min(len(given), at_once))
        if len(given) == 1 or one_insert is None or len(given) > at_once:
            self._one_by_one(statement, given)
        else:
            self.run(one_insert, [value for row in given for value in row])

    def _one_by_one(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if len(rows) == 1:
            self.run(statement, rows[0])
            return
        self._count()
        try:
            with self._connection.cursor() as cursor:
                cursor.executemany(with_numbered_marks(statement), rows)
        except (psycopg.Error, UnicodeEncodeError, OverflowError) as error:
            raise self._translated(error) from error

    def update(
        self, table: str, columns: Mapping[str, str], keys: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        if len(rows) == 1:
            self.run(update_statement(table, tuple(columns), tuple(keys)), rows[0])
            return
        types = [*columns.values(), *(["BIGINT"] * len(keys))]
        try:
            arrays = [array_of(*column) for column in zip(types, zip(*rows, strict=True), strict=True)]
        except OverflowError as error:
            raise self._translated(error) from error
        self.run(update_from_arrays(table, columns, keys), arrays)

    def discarded(self, table: str, size: int) -> None:
        self._discarded[table] = self._discarded.get(table, 0) + size

    def _reclaim(self) -> None:
        """Make room for new rows where many were deleted: the database itself looks once a minute at most.

        The transaction is committed, and nobody has to hear of it when this fails.
        """
        for table in [table for table, size in self._discarded.items() if size >= RECLAIMED_BYTES]:
            del self._discarded[table]
            with contextlib.suppress(psycopg.Error):
                self._connection.execute(f"VACUUM (SKIP_LOCKED) {table}".encode())

    def continue_numbers(self, table: str, column: str) -> None:
        highest = f"(SELECT max({column}) FROM {table})"  # noqa: S608  names of ours
        name = f"pg_get_serial_sequence('{table}', '{column}')"
        self.run(f"SELECT setval({name}, {highest}) WHERE {highest} IS NOT NULL")

    def script(self, statements: str) -> None:
        self._count()
        try:
            self._connection.execute(as_schema(statements))
        except psycopg.Error as error:
            raise self._translated(error) from error

    def close(self) -> None:
        self._connection.close()

    def _translated(self, error: Exception) -> Exception:
        return translate(error, self._place, lost=is_lost(error, self._connection))
