"""The rows of a plot's data file, by row and by column, and values as numbers. Pure.

Lines of CSV are kept by column: a million of them then take a third of the memory that as many mappings take.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

Row = dict[str, Any]


class Table(Protocol):
    """The rows of a file, never none. What it returns is not to be changed."""

    @property
    def last_field(self) -> str:
        """The field that is y when none is named: the last of the first row."""
        ...

    def __len__(self) -> int: ...

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield the rows as mappings."""
        ...

    def column(self, field: str) -> Sequence[Any]:
        """Return the values of a field, None where a row has none."""
        ...

    def has(self, field: str) -> bool:
        """Whether any row has a field."""
        ...

    def fields(self) -> list[str]:
        """Return the fields of the first rows."""
        ...


class RowTable:
    """Rows as JSON, YAML and TOML have them: each with fields of its own. Implements `Table`."""

    _LOOKED_AT = 100

    def __init__(self, rows: list[Row], last_field: str) -> None:
        self._rows = rows
        self.last_field = last_field

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> Iterator[Row]:
        return iter(self._rows)

    def column(self, field: str) -> list[Any]:
        return [row.get(field) for row in self._rows]

    def has(self, field: str) -> bool:
        return any(field in row for row in self._rows)

    def fields(self) -> list[str]:
        return list(dict.fromkeys(key for row in self._rows[: self._LOOKED_AT] for key in row))


class ColumnTable:
    """Rows as CSV and TSV have them: all with the same fields. Implements `Table`."""

    def __init__(self, names: Sequence[str], columns: Sequence[list[Any]]) -> None:
        self._columns = dict(zip(names, columns, strict=True))  # of two of one name the later one counts
        self.last_field = names[-1]

    def __len__(self) -> int:
        return len(self._columns[self.last_field])

    def rows(self) -> Iterator[Row]:
        names = list(self._columns)
        for cells in zip(*self._columns.values(), strict=True):
            yield dict(zip(names, cells, strict=True))

    def column(self, field: str) -> list[Any]:
        return self._columns.get(field) or [None] * len(self)

    def has(self, field: str) -> bool:
        return field in self._columns

    def fields(self) -> list[str]:
        return list(self._columns)


def as_number(value: Any) -> float:
    """Return a value as a number to draw; NaN for what is none. Text of numbers counts, as CSV has it."""
    if isinstance(value, int | float | str):
        try:
            return float(value)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf if isinstance(value, int) and value > 0 else -math.inf
    return math.nan


def as_numbers(values: Sequence[Any]) -> array[float]:
    """Return values as numbers to draw, as `as_number` does."""
    try:
        return array("d", map(float, values))
    except (ValueError, TypeError, OverflowError):
        return array("d", map(as_number, values))
