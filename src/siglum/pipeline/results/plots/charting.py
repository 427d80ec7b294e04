"""From the points of a plot to what is drawn of them: thinned out, smoothed, sorted, counted. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from siglum.core.errors import FileFormatError
from siglum.core.text import count
from siglum.pipeline.results.plots.chart import Chart, ChartKind, Matrix, Series
from siglum.pipeline.results.plots.fields import Line, PlotData
from siglum.pipeline.results.plots.table import as_number, as_numbers
from siglum.pipeline.results.plots.thinning import loess, thinned

MAX_POINTS = 2000
"""Of one line; a chart is some hundred pixels wide."""
MAX_CATEGORIES = 60


def chart_of(data: PlotData, kind: ChartKind) -> Chart:
    """Return a plot as what is to be drawn. Raises FileFormatError when a field that is to be drawn has no number."""
    if kind in (ChartKind.MATRIX, ChartKind.NORMALIZED_MATRIX):
        return _matrix_chart(data, kind)
    if kind in (ChartKind.BARS, ChartKind.SORTED_BARS):
        return _bar_chart(data, kind)
    return _line_chart(data, kind)


def _line_chart(data: PlotData, kind: ChartKind) -> Chart:
    places, notes = _Places(data), _Notes()
    x_names = _categories(chain.from_iterable(line.xs() for line in data.lines))
    place_of = None if x_names is None else {name: float(i) for i, name in enumerate(x_names)}
    series, left_out = [], 0
    columns = [(line, line.field, as_numbers(line.ys())) for line in data.lines]
    for line, ys in _drawable(columns, places, notes):
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
    columns = [(line, data.x_label, as_numbers(line.xs())) for line in data.lines]
    for line, numbers in _drawable(columns, places, notes):
        names = [_text(y) for y in line.ys()]
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


def _drawable(
    columns: Sequence[tuple[Line, str, Sequence[float]]], places: _Places, notes: _Notes
) -> list[tuple[Line, Sequence[float]]]:
    """Return the lines that have a number to draw, and tell of the others. Raises FileFormatError when none has."""
    found = []
    for line, _, numbers in columns:
        if any(map(math.isfinite, numbers)):
            found.append((line, numbers))
        else:
            notes.add(f"Nothing is drawn of {places.name(line)}: it has no finite number.")
    if not found:
        line, field, _ = columns[0]
        raise FileFormatError(
            line.file,
            f"the field {field!r} has no number to draw",
            hint="Name another one with -y, or as y in dvc.yaml.",
        )
    return found


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
