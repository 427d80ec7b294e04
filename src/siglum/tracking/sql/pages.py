"""One page of a search: filter, order, keyset and limit put together into one statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from siglum.tracking.search.compile import Fragment, SortKey
from siglum.tracking.search.paging import after, decode_token, encode_token
from siglum.tracking.sql.port import Row, Sql


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A search that is ready to run. `source` is what follows FROM; `columns` what is wanted of each row.

    `column_values` are what the columns bind.
    """

    columns: str
    source: str
    conditions: Sequence[Fragment]
    keys: Sequence[SortKey]
    digest: bytes
    max_results: int
    page_token: str | None
    column_values: Sequence[Any] = ()

    def run(self, sql: Sql) -> tuple[list[Row], str | None]:
        """Return the wanted columns of the rows of the page, and the token of the next page."""
        conditions = list(self.conditions)
        if self.page_token:
            conditions.append(after(self.keys, decode_token(self.page_token, self.digest, len(self.keys))))
        width = len(self.keys)
        statement = (
            f"SELECT {', '.join(key.expression for key in self.keys)}, {self.columns} FROM {self.source} "  # noqa: S608
            f"WHERE {' AND '.join(condition for condition, _ in conditions) or '1 = 1'} "
            f"ORDER BY {', '.join(f'{i} DESC' if k.descending else str(i) for i, k in enumerate(self.keys, 1))} LIMIT ?"
        )
        values: list[Any] = [*(v for key in self.keys for v in key.values), *self.column_values]
        values += [v for _, bound in conditions for v in bound]
        rows = sql.all(statement, (*values, self.max_results + 1))
        page = rows[: self.max_results]
        token = encode_token(self.digest, page[-1][:width]) if len(rows) > len(page) else None
        return [row[width:] for row in page], token


def grouped(rows: Sequence[Row], make: Callable[..., Any]) -> dict[Any, list[Any]]:
    """Return `make` of the rest of each row, by the row's first column."""
    found: dict[Any, list[Any]] = {}
    for first, *rest in rows:
        found.setdefault(first, []).append(make(*rest))
    return found
