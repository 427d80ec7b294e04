"""From files' rows to the points of one plot, at one revision and over several: which field is x, y, and a line's name.

Rows keep all their fields, as DVC's do, and get those that templates refer to: `rev`, `step` where nothing is named x,
one column for y (and x) where lines have fields of different names. Pure.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.core.text import did_you_mean
from siglum.pipeline.results.plots.definitions import PlotDefinition
from siglum.pipeline.results.plots.table import Row, Table

STEP = "step"
ANY_Y = "dvc_inferred_y_value"
ANY_X = "dvc_inferred_x_value"
_SHOWN_FIELDS = 12


class Line(msgspec.Struct, frozen=True):
    """The points of one field of one file at one revision."""

    revision: str
    file: str
    field: str
    x_field: str | None
    table: Table
    x_table: Table | None = None
    """Where x comes from another file: that file's rows, as many."""

    def ys(self) -> Sequence[Any]:
        """Return the values of y, row by row; None where a row has none."""
        return self.table.column(self.field)

    def xs(self) -> Sequence[Any]:
        """Return the values of x, row by row; None where a row has none."""
        if self.x_field is None:
            return range(len(self.table))
        return (self.x_table or self.table).column(self.x_field)


class PlotData(msgspec.Struct, frozen=True):
    """What one plot shows. `x` and `y` name columns of `rows()`; `group` is the column that tells lines apart, if any.

    `revisions` are those that have any data, in order; `lines` are in their order.
    """

    lines: tuple[Line, ...]
    revisions: tuple[str, ...]
    x: str
    y: str
    x_label: str
    y_label: str
    title: str
    names: dict[tuple[str, str], str]
    """What the lines are called beside their revision, by file and field: empty text when there is only one."""
    group: str | None = None
    files: dict[str, str] = {}
    """What each file is called: its path below the folder that all of them are in."""

    def rows(self, *, keep: bool = False) -> list[Row]:
        """Return the rows as a template gets them; with `keep` with `filename` and `field` apart."""
        found = []
        for line in self.lines:
            extra: Row = {"rev": line.revision}
            if keep:
                extra |= {"filename": self.files[line.file], "field": line.field}
            elif self.group is not None:
                extra[self.group] = self.names[line.file, line.field]
            for row, x in zip(line.table.rows(), line.xs(), strict=True):
                made = dict(row)
                if self.y == ANY_Y and line.field in row:
                    made[ANY_Y] = row[line.field]
                if x is not None:
                    made[self.x] = x
                made.update(extra)
                found.append(made)
        return found


def lines_of(definition: PlotDefinition, revision: str, tables: Mapping[str, Table]) -> list[Line]:
    """Return the lines of a plot at one revision. `tables` holds those of its files that could be read.

    Raises FileFormatError for a field that a file does not have, InvalidInputError where x and y of two files are not
    equally long.
    """
    lines: list[Line] = []
    number = 0
    for file, named in definition.files.items():
        table = tables.get(file)
        for field in dict.fromkeys(named) if named else [table.last_field] if table else []:
            x_file, x_field = _x_of(definition, file, number)
            number += 1
            if table is None or (x_field is not None and x_file not in tables):
                continue
            if named:
                _check_field(file, table, field)
            if x_field is not None:
                _check_field(x_file, tables[x_file], x_field)
            x_table = None
            if x_file != file and x_field is not None:
                x_table = tables[x_file]
                _check_lengths(x_file, x_field, x_table, file, field, table)
            lines.append(Line(revision, file, field, x_field, table, x_table))
    return lines


def x_files(definition: PlotDefinition) -> list[str]:
    """Return the files that only x comes from."""
    return [path for path in definition.x if path and path not in definition.files]


def plot_data(
    name: str, definition: PlotDefinition, lines: Sequence[Line], shown: Callable[[str], str] = str
) -> PlotData:
    """Bring the lines of all revisions together. There is at least one. `shown` makes a path what people see.

    What lines are called is what the definition says, whether or not all of them are there.
    """
    look = definition.look
    pairs = [
        (file, field)
        for file, named in definition.files.items()
        for field in _unique(named or (line.field for line in lines if line.file == file))
    ]
    files, fields = _unique(file for file, _ in pairs), _unique(field for _, field in pairs)
    x_fields = _unique(definition.x.values())
    y = fields[0] if len(fields) == 1 else ANY_Y
    x = STEP if not x_fields else x_fields[0] if len(x_fields) == 1 else ANY_X
    short = _short_names({file: shown(file) for file in files})
    group = "::".join(part for part, many in (("filename", files), ("field", fields)) if len(many) > 1) or None
    names = {}
    for file, field in pairs:
        parts = [short[file]] * (len(files) > 1) + [field] * (len(fields) > 1)
        names[file, field] = "::".join(parts)
    return PlotData(
        tuple(lines),
        tuple(_unique(line.revision for line in lines)),
        x,
        y,
        x_label=look.x_label or ("x" if x == ANY_X else x),
        y_label=look.y_label or ("y" if y == ANY_Y else y),
        title=look.title or name,
        names=names,
        group=group,
        files=short,
    )


def _x_of(definition: PlotDefinition, file: str, number: int) -> tuple[str, str | None]:
    """Return the file and field that x of a file's lines comes from; no field where rows are counted.

    `number` is the line's place among the plot's lines: where x names as many other files, they go by their order.
    """
    x = definition.x
    if file in x:
        return file, x[file]
    if "" in x:
        return file, x[""]
    if len(x) == 1:
        [(x_file, field)] = x.items()
        return x_file, field
    if not x:
        return file, None
    if len(x) == sum(len(dict.fromkeys(fields)) or 1 for fields in definition.files.values()):
        return list(x.items())[number]
    known = ", ".join(x)
    raise InvalidInputError(f"plots: {definition.name}: x names a field of {known}, and none of {file}.")


def _check_field(file: str, table: Table, field: str) -> None:
    if table.has(field):
        return
    known = table.fields()
    shown = ", ".join(repr(key) for key in known[:_SHOWN_FIELDS]) + (", …" if len(known) > _SHOWN_FIELDS else "")
    near = did_you_mean(field, known)
    raise FileFormatError(
        file, f"there is no field {field!r}", hint=f"{near} It has {shown}." if near else f"It has {shown}."
    )


def _check_lengths(x_file: str, x_field: str, x_table: Table, file: str, field: str, table: Table) -> None:
    if len(x_table) != len(table):
        raise InvalidInputError(
            f"{x_file} has {len(x_table):,} rows and {file} has {len(table):,}: "
            f"{x_field!r} of the one cannot be x of {field!r} of the other."
        )


def _short_names(shown: Mapping[str, str]) -> dict[str, str]:
    """Return the files' names without the folder that all of them are in; one file keeps its path."""
    if len(shown) == 1 or any(path.startswith("/") for path in shown.values()):
        return dict(shown)
    folder = posixpath.commonpath([posixpath.dirname(path) for path in shown.values()])
    return {file: posixpath.relpath(path, folder) if folder else path for file, path in shown.items()}


def _unique(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))
