"""What the stores ask of a database driver, so that SQLite and PostgreSQL look alike to them.

Statements use `?` for bound values and what both databases understand: `RETURNING`, `ON CONFLICT`, window functions.
`LIKE` is case-sensitive; `fold(text)` returns lower case by Unicode's rules. Floats: NaN is stored as NULL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

Row: TypeAlias = tuple[Any, ...]


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
        """Run one statement once for each row of values."""
        ...


class Session(Sql, Protocol):
    """A connection, as the database module drives it."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; some errors end one."""
        ...

    def script(self, statements: str) -> None:
        """Run many statements that bind no values."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


def marks(count: int) -> str:
    """Return `?, ?, ?` for `count` bound values."""
    return ", ".join("?" * count)
