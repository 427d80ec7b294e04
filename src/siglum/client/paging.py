"""Lists that come in pages: one page with its token as MLflow gives it, and all pages together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from siglum.client.notebook_view import charts_of
from siglum.core.html import escaped, table
from siglum.tracking.entities import Run
from siglum.tracking.store import Page

T = TypeVar("T")

PAGE_SIZE = 1000


class Listed(list[T]):
    """Results: a list that shows itself as a table in a notebook, of parameters those that differ; of runs, charts."""

    def _repr_html_(self) -> str:
        rows = [each.table_row() for each in self if hasattr(each, "table_row")]
        if not rows or len(rows) < len(self):
            return f"<code>{escaped(list(self))}</code>"
        columns = dict.fromkeys(column for row in rows for column in row)
        shown = [
            column
            for column in columns
            if not column.startswith("params.") or len(rows) == 1 or len({row.get(column) for row in rows}) > 1
        ]
        drawn = charts_of([each for each in self if isinstance(each, Run)])
        return table(shown, ([row.get(column, "") for column in shown] for row in rows)) + drawn


class PagedList(Listed[T]):
    """One page of results; `token` is None on the last."""

    def __init__(self, page: Page[T]) -> None:
        super().__init__(page.items)
        self.token = page.next_token

    def to_list(self) -> list[T]:
        """Return the results without their token."""
        return list(self)


def collect(
    fetch: Callable[[int, str | None], Page[T]], max_results: int | None, page_size: int = PAGE_SIZE
) -> list[T]:
    """Return all results, at most `max_results`; `fetch` takes a page's size and token."""
    found: list[T] = []
    token: str | None = None
    while max_results is None or len(found) < max_results:
        wanted = page_size if max_results is None else min(page_size, max_results - len(found))
        page = fetch(wanted, token)
        found.extend(page.items)
        token = page.next_token
        if token is None:
            break
    return found
