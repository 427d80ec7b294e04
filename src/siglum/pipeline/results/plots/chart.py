"""What is drawn, as numbers: lines, points, bars or a matrix, whatever they are drawn with. Pure.

Vega-Lite says how a chart looks in a browser that has Vega. Where there is none (a page that must work offline, a
terminal), the kind of chart is read off the template and drawn from these values.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec


class ChartKind(StrEnum):
    """How values are shown."""

    LINES = "lines"
    SMOOTH = "smooth"
    POINTS = "points"
    BARS = "bars"
    SORTED_BARS = "sorted-bars"
    MATRIX = "matrix"
    NORMALIZED_MATRIX = "normalized-matrix"


class Series(msgspec.Struct, frozen=True):
    """One line. `revision` and `group` are its places in the chart's lists: colour and dash."""

    name: str
    revision: int
    group: int
    points: tuple[tuple[float, float], ...]
    """With y NaN where the line breaks off. Of bars: x is the value, y the category's place."""
    faint: tuple[tuple[float, float], ...] = ()
    """Of a smoothed line, what it was made from."""


class Matrix(msgspec.Struct, frozen=True):
    """How often each pair was met, at one revision: `cells[row][column]`."""

    name: str
    revision: int
    cells: tuple[tuple[int, ...], ...]

    def shares(self, *, by_row: bool) -> list[list[float]]:
        """Return each number as a part of the largest one, or of its row's sum."""
        largest = max((max(row, default=0) for row in self.cells), default=0)
        totals = [sum(row) if by_row else largest for row in self.cells]
        return [
            [number / total if total else 0.0 for number in row] for row, total in zip(self.cells, totals, strict=True)
        ]


class Chart(msgspec.Struct, frozen=True):
    """A chart. `x_names` and `y_names` are the categories where an axis has these in place of numbers."""

    kind: ChartKind
    title: str
    x_label: str
    y_label: str
    revisions: tuple[str, ...]
    groups: tuple[str, ...]
    series: tuple[Series, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    x_names: tuple[str, ...] | None = None
    y_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    """What is not as it would be expected: thinned out, left out. Sentences."""


_KINDS = {
    "smooth": ChartKind.SMOOTH,
    "scatter": ChartKind.POINTS,
    "scatter_jitter": ChartKind.POINTS,
    "bar_horizontal": ChartKind.BARS,
    "bar_horizontal_sorted": ChartKind.SORTED_BARS,
    "confusion": ChartKind.MATRIX,
    "confusion_normalized": ChartKind.NORMALIZED_MATRIX,
}
_MARKS = {"bar": ChartKind.BARS, "rect": ChartKind.MATRIX, "point": ChartKind.POINTS, "circle": ChartKind.POINTS}


def kind_of_template(name: str, template: Any, *, built_in: bool) -> ChartKind:
    """Return what comes nearest to a template: by its name, for one of the user's own by its first known mark."""
    if built_in:
        return _KINDS.get(name, ChartKind.LINES)
    marks = list(_marks(template))
    if "line" in marks:
        return ChartKind.LINES  # whatever else is there belongs to it
    return next((_MARKS[mark] for mark in marks if mark in _MARKS), ChartKind.LINES)


def _marks(template: Any) -> Iterable[str]:
    if isinstance(template, dict):
        mark = template.get("mark")
        if isinstance(mark, dict):
            mark = mark.get("type")
        if isinstance(mark, str):
            yield mark
        for each in template.values():
            yield from _marks(each)
    elif isinstance(template, list):
        for each in template:
            yield from _marks(each)
