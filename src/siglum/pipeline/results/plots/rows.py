"""Reading a plot's data file: lists of mappings found in JSON, YAML and TOML, lines of CSV and TSV. Pure."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any

from siglum.core.errors import FileFormatError
from siglum.pipeline.results.plots.table import ColumnTable, Row, RowTable, Table
from siglum.workspace.documents import decoded, load_yaml

FORMATS = ("json", "yaml", "yml", "toml", "csv", "tsv")
_LINES_AT_ONCE = 10_000


def parse_table(data: bytes, where: str, *, header: bool = True) -> Table:
    """Return the rows of a data file; `where` is its path, whose suffix says the format.

    In JSON, YAML and TOML all lists of mappings that a top-level mapping holds, however deep, are joined row by row,
    as DVC joins them; where two have a field of one name, the later one counts. Values of CSV and TSV stay text.

    Raises FileFormatError for a format that is none of these, text that is not in its format, and a file without rows.
    """
    suffix = where.rpartition(".")[2].lower()
    if suffix not in FORMATS:
        raise FileFormatError(
            where, "cannot be plotted: not JSON, YAML, TOML, CSV, TSV or a picture", hint="Name it for its format."
        )
    table = _separated(data, where, header) if suffix in ("csv", "tsv") else _nested(_values(data, where, suffix))
    if table is None:
        what = "no line of data" if suffix in ("csv", "tsv") else "no list of rows ({field: value, …})"
        raise FileFormatError(where, f"nothing to plot: it has {what}")
    return table


def _values(data: bytes, where: str, suffix: str) -> Any:
    if suffix in ("yaml", "yml"):
        return load_yaml(data, where)
    text = decoded(data, where)
    try:
        # The standard decoder: training scripts write NaN and Infinity, which strict ones refuse.
        return json.loads(text) if suffix == "json" else tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise FileFormatError(where, f"not JSON: {error.msg}", line=error.lineno, column=error.colno) from None
    except tomllib.TOMLDecodeError as error:
        raise FileFormatError(where, f"not TOML: {error}") from None
    except RecursionError:
        raise FileFormatError(where, "nested too deeply") from None


def _nested(values: Any) -> Table | None:
    lists = [found for each in _lists(values) if (found := _rows_of(each))]
    if not lists:
        return None
    # Lists whose rows have the same fields are what DVC takes; others do where there are none of these.
    chosen = [each for each in lists if _is_even(each)] or lists
    return RowTable(_joined(chosen), next(reversed(chosen[0][0])))


def _joined(lists: list[list[Row]]) -> list[Row]:
    if len(lists) == 1:
        return lists[0]
    joined = []
    for parts in zip_longest(*lists, fillvalue={}):
        row: Row = {}
        for part in parts:
            row.update(part)
        joined.append(row)
    return joined


def _is_even(rows: list[Row]) -> bool:
    fields = rows[0].keys()
    return all(row.keys() <= fields for row in rows)


def _rows_of(items: list[Any]) -> list[Row]:
    """Return a list as rows; nothing when something in it is not a mapping."""
    if not all(isinstance(item, dict) for item in items):
        return []
    return [_named(item) for item in items if item]


def _named(row: dict[Any, Any]) -> Row:
    return {str(key): value for key, value in row.items()}


def _lists(values: Any) -> Iterator[list[Any]]:
    """Yield the lists in nested mappings, in order. Lists in lists are values, not rows."""
    if isinstance(values, dict):
        for each in values.values():
            yield from _lists(each)
    elif isinstance(values, list):
        yield values


def _separated(data: bytes, where: str, header: bool) -> Table | None:
    text = decoded(data, where)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if where.lower().endswith(".tsv") else ",")
    try:
        first = next((cells for cells in reader if cells), None)
        if first is None:
            return None
        width = len(first)
        columns: list[list[Any]] = [[] for _ in first] if header else [[cell] for cell in first]
        lines = (
            cells if len(cells) == width else _fitted(cells, width, where, reader.line_num) for cells in reader if cells
        )
        while several := list(islice(lines, _LINES_AT_ONCE)):
            for column, cells in zip(columns, zip(*several, strict=True), strict=True):
                column.extend(cells)
    except csv.Error as error:
        raise FileFormatError(where, str(error), line=reader.line_num) from None
    names = first if header else [str(i) for i in range(width)]
    return ColumnTable(names, columns) if columns[0] else None


def _fitted(cells: list[Any], width: int, where: str, line: int) -> list[Any]:
    """Return a line's cells as wide as the header: none in place of what lacks, without empty ones behind the last."""
    if len(cells) < width:
        return cells + [None] * (width - len(cells))
    if any(cells[width:]):
        raise FileFormatError(where, f"expected {width} values, found {len(cells)}", line=line)
    return cells[:width]
