"""What the stores ask of a database driver, so that SQLite and PostgreSQL look alike to them.

Statements use `?` for bound values and what both databases understand: `RETURNING`, `ON CONFLICT`, window functions.
`LIKE` is case-sensitive and has no escape character; `fold(text)` returns lower case by Unicode's rules. Texts compare
by code points. Floats: NaN is stored as NULL.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from siglum.core.errors import UnavailableError

Row: TypeAlias = tuple[Any, ...]


class Dialect(enum.StrEnum):
    """The databases there are; the value is part of the names of migrations that are for one of them only."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class TransactionLostError(UnavailableError):
    """The connection broke, or did not come about, and nothing of the transaction is stored: it may be run again."""


class Sql(Protocol):
    """One transaction. What was read in it is one snapshot."""

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        ...

    def one(self, statement: str, values: Sequence[Any] = ()) -> Row | None:
        """Run one statement and return its first row, or None."""
        ...

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run one statement for its effect."""
        ...

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement once for each row of values. Rows of an `ON CONFLICT DO UPDATE` have different keys."""
        ...

    def update(
        self, table: str, columns: Mapping[str, str], keys: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Set columns of many rows. Each of `rows` has the values of `columns` (name to type), then those of `keys`.

        Keys are whole numbers.
        """
        ...

    def discarded(self, table: str, size: int) -> None:
        """Say that rows of about so many bytes have been deleted from a table that is soon written to again."""
        ...

    def continue_numbers(self, table: str, column: str) -> None:
        """Have the numbers that the database gives to new rows go on above the highest, after one was given to it."""
        ...


class Session(Sql, Protocol):
    """A connection, as the database module drives it."""

    @property
    def dialect(self) -> Dialect:
        """Which database this is."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; some errors end one."""
        ...

    def begin(self) -> None:
        """Open a transaction: a reader's on one snapshot, a writer's once no other writer has one open."""
        ...

    def commit(self) -> None:
        """Make the transaction durable. Raises TransactionLostError when it is known that nothing is stored."""
        ...

    def rollback(self) -> None:
        """End the transaction and undo it."""
        ...

    def tables(self) -> set[str]:
        """Return the names of all tables."""
        ...

    def script(self, statements: str) -> None:
        """Run many statements that bind no values, written for SQLite."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class Backend(Protocol):
    """One database: where it is, and how to connect to it."""

    @property
    def place(self) -> str:
        """How messages name it; no password is in it."""
        ...

    @property
    def readers(self) -> int:
        """How many may read at once."""
        ...

    @property
    def upgrades_itself(self) -> bool:
        """Whether opening may bring its schema up to date, or only the administrator."""
        ...

    def connect(self, *, writes: bool, on_statement: Callable[[], None]) -> Session:
        """Open a connection. Raises TransactionLostError when the database does not answer now."""
        ...

    def back_up(self, version: int) -> str | None:
        """Keep a copy of the database before its schema is changed, and return where; None where others do it.

        It is called inside the transaction of the change, before anything is changed.
        """
        ...


def marks(count: int) -> str:
    """Return `?, ?, ?` for `count` bound values. Without any, nothing is in the list: PostgreSQL takes no empty one."""
    return ", ".join("?" * count) or "NULL"


@functools.cache
def update_statement(table: str, columns: tuple[str, ...], keys: tuple[str, ...]) -> str:
    """Return the statement that sets columns of the row that has these keys."""
    values, conditions = ", ".join(f"{c} = ?" for c in columns), " AND ".join(f"{k} = ?" for k in keys)
    return f"UPDATE {table} SET {values} WHERE {conditions}"  # noqa: S608  names of ours
