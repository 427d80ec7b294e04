"""What is drawn, as numbers: lines, points, bars or a matrix, whatever they are drawn with. Pure.

Vega-Lite says how a chart looks in a browser that has Vega. Where there is none (a page that must work offline, a
terminal), the kind of chart is read off the template and drawn from these values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import chain
from typing import Any

import msgspec

from siglum.core.errors import FileFormatError
from siglum.core.text import count
from siglum.pipeline.plots.fields import Line, PlotData
from siglum.pipeline.plots.table import as_number, as_numbers
from siglum.pipeline.plots.thinning import loess, thinned

MAX_POINTS = 2000
"""Of one line; a chart is some hundred pixels wide."""
MAX_CATEGORIES = 60


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


def chart_of(data: PlotData, kind: ChartKind) -> Chart:
    """Return a plot as what is to be drawn. Raises FileFormatError when a field that is to be drawn has no number."""
    if kind in (ChartKind.MATRIX, ChartKind.NORMALIZED_MATRIX):
        return _matrix_chart(data, kind)
    if kind in (ChartKind.BARS, ChartKind.SORTED_BARS):
        return _bar_chart(data, kind)
    return _line_chart(data, kind)


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


def _line_chart(data: PlotData, kind: ChartKind) -> Chart:
    places, notes = _Places(data), _Notes()
    x_names = _categories(chain.from_iterable(line.xs() for line in data.lines))
    place_of = None if x_names is None else {name: float(i) for i, name in enumerate(x_names)}
    series, left_out = [], 0
    for line in data.lines:
        ys = as_numbers(line.ys())
        _check_numbers(line, line.field, ys)
        xs = as_numbers(line.xs() if place_of is None else [place_of[_text(x)] for x in line.xs()])
        shown = tuple(thinned(xs, ys, MAX_POINTS, lines=kind is not ChartKind.POINTS))
        lost = sum(not (math.isfinite(x) and math.isfinite(y)) for x, y in zip(xs, ys, strict=True))
        notes.skipped(lost)
        left_out += max(0, len(ys) - len(shown) - lost)
        fitted = tuple(loess(shown)) if kind is ChartKind.SMOOTH else ()
        series.append(Series(places.name(line), *places.of(line), fitted or shown, faint=shown if fitted else ()))
    if left_out:
        total = sum(len(line.table) for line in data.lines)
        notes.add(f"Thinned out: {total - left_out:,} of {total:,} points are drawn, highs and lows among them.")
    return places.chart(kind, series=tuple(series), x_names=x_names, notes=notes.sentences())


def _bar_chart(data: PlotData, kind: ChartKind) -> Chart:
    places = _Places(data)
    notes = _Notes()
    values: list[tuple[Line, dict[str, float]]] = []
    for line in data.lines:
        names = [_text(y) for y in line.ys()]
        numbers = as_numbers(line.xs())
        _check_numbers(line, data.x_label, numbers)
        notes.skipped(sum(not math.isfinite(number) for number in numbers))
        values.append((line, {n: v for n, v in zip(names, numbers, strict=True) if math.isfinite(v)}))
    categories = list(dict.fromkeys(name for _, each in values for name in each))
    if kind is ChartKind.SORTED_BARS:
        highest = {name: max(each[name] for _, each in values if name in each) for name in categories}
        categories.sort(key=lambda name: -highest[name])
    else:
        categories = _in_order(categories)
    categories = _bounded(categories, notes, data.y_label)
    series = tuple(
        Series(
            places.name(line),
            *places.of(line),
            tuple((each[n], float(i)) for i, n in enumerate(categories) if n in each),
        )
        for line, each in values
    )
    return places.chart(kind, series=series, y_names=tuple(categories), notes=notes.sentences())


def _matrix_chart(data: PlotData, kind: ChartKind) -> Chart:
    places, notes = _Places(data), _Notes()
    pairs = [
        (
            line,
            [(_text(x), _text(y)) for x, y in zip(line.xs(), line.ys(), strict=True)],
        )
        for line in data.lines
    ]
    columns = _bounded(_in_order({x for _, each in pairs for x, _ in each}), notes, data.x_label)
    rows = _bounded(_in_order({y for _, each in pairs for _, y in each}), notes, data.y_label)
    matrices = []
    for line, each in pairs:
        counted: dict[tuple[str, str], int] = {}
        for pair in each:
            counted[pair] = counted.get(pair, 0) + 1
        cells = tuple(tuple(counted.get((x, y), 0) for x in columns) for y in rows)
        matrices.append(Matrix(places.name(line), places.of(line)[0], cells))
    return places.chart(
        kind, matrices=tuple(matrices), x_names=tuple(columns), y_names=tuple(rows), notes=notes.sentences()
    )


class _Places:
    """Where revisions and groups stand in a chart's lists."""

    def __init__(self, data: PlotData) -> None:
        self._data = data
        self._groups = [name for name in dict.fromkeys(data.names.values()) if name]

    def of(self, line: Line) -> tuple[int, int]:
        group = self._data.names[line.file, line.field]
        return self._data.revisions.index(line.revision), self._groups.index(group) if group else 0

    def name(self, line: Line) -> str:
        group = self._data.names[line.file, line.field]
        if group and len(self._data.revisions) == 1:
            return group
        return f"{line.revision}, {group}" if group else line.revision

    def chart(self, kind: ChartKind, **more: Any) -> Chart:
        data = self._data
        return Chart(kind, data.title, data.x_label, data.y_label, data.revisions, tuple(self._groups), **more)


class _Notes:
    """Sentences on what is not shown."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self._skipped = 0

    def add(self, sentence: str) -> None:
        self._sentences.append(sentence)

    def skipped(self, number: int) -> None:
        self._skipped += number

    def sentences(self) -> tuple[str, ...]:
        skipped = f"Not shown, because not a finite number: {count(self._skipped, 'value')}."
        return tuple(self._sentences) + ((skipped,) if self._skipped else ())


def _categories(values: Iterable[Any]) -> tuple[str, ...] | None:
    """Return the names of an axis whose values are not numbers, in order of appearance; None when they are."""
    names: dict[str, None] = {}
    for value in values:
        if not math.isnan(as_number(value)):
            return None
        names[_text(value)] = None
    return tuple(names)


def _check_numbers(line: Line, field: str, numbers: Sequence[float]) -> None:
    if not any(math.isfinite(number) for number in numbers):
        raise FileFormatError(
            line.file,
            f"the field {field!r} has no number to draw",
            hint="Name another one with -y, or as y in dvc.yaml.",
        )


def _in_order(names: Iterable[str]) -> list[str]:
    """Return names sorted, those that are all numbers by their values."""
    listed = sorted(names)
    numbers = [as_number(name) for name in listed]
    return listed if any(map(math.isnan, numbers)) else sorted(listed, key=float)


def _bounded(names: list[str], notes: _Notes, axis: str) -> list[str]:
    if len(names) > MAX_CATEGORIES:
        notes.add(f"Only the first {MAX_CATEGORIES} of {len(names):,} values of {axis!r} are shown.")
    return names[:MAX_CATEGORIES]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return "true" if value is True else "false" if value is False else str(value)
