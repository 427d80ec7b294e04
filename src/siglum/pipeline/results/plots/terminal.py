"""A chart as text for a terminal, readable without colour: each line of a chart has a mark of its own. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from siglum.pipeline.results.plots.canvas import Canvas, Span, Spans
from siglum.pipeline.results.plots.chart import Chart, ChartKind, Series
from siglum.pipeline.results.plots.scales import Axis, axis_of
from siglum.pipeline.results.plots.terminal_tables import bar_lines, matrix_lines
from siglum.pipeline.results.plots.terminal_words import FINE, PLAIN, Alphabet, columns, cut, padded, sentences

HEIGHT = 14
Place = tuple[float, float]
_LEAST_WIDTH = 20
_MARKS_APART, _SHIFT = 12, 3


def lines_of_chart(chart: Chart, width: int, *, fine: bool = True) -> list[Spans]:
    """Return a chart as lines no wider than `width`, which is at least 40.

    Without `fine` only ASCII is used, where a terminal shows no other characters.
    """
    alphabet = FINE if fine else PLAIN
    lines: list[Spans] = [(Span(cut(chart.title, width), strong=True),)]
    if not chart.matrices:
        lines += _legend(chart.series, alphabet, width)
    if chart.matrices:
        lines += matrix_lines(chart, alphabet, width)
    elif chart.kind in (ChartKind.BARS, ChartKind.SORTED_BARS):
        lines += bar_lines(chart, alphabet, width)
    else:
        lines += _plot(chart, alphabet, width)
    return [*lines, *sentences(chart.notes, width)]


def _legend(series: Sequence[Series], alphabet: Alphabet, width: int) -> Iterator[Spans]:
    """Yield the lines that say which mark is whose; none for a single line."""
    row: list[Span] = []
    used = 0
    for i, each in enumerate(series if len(series) > 1 else ()):
        entry = cut(f"{alphabet.mark(i)} {each.name}", width - 2)
        if row and used + 2 + columns(entry) > width:
            yield tuple(row)
            row, used = [], 0
        row += [Span("  "), Span(entry, each.revision)]
        used += 2 + columns(entry)
    if row:
        yield tuple(row)


def _plot(chart: Chart, alphabet: Alphabet, width: int) -> Iterator[Spans]:
    points = [point for series in chart.series for point in series.points]
    y = axis_of((point[1] for point in points), 4)
    labels = max(map(len, y.labels))
    room = max(_LEAST_WIDTH, width - labels - 3)
    x = _names_axis(chart.x_names) if chart.x_names is not None else axis_of((p[0] for p in points), room // 14)
    at_row = {round((1 - y.place(tick)) * (HEIGHT - 1)): label for tick, label in zip(y.ticks, y.labels, strict=True)}
    if chart.y_label:
        yield (Span(cut(chart.y_label, width)),)
    for i, row in enumerate(_drawn(chart, x, y, alphabet, room).rows()):
        label = at_row.get(i)
        yield (Span(f"{label or '':>{labels}} {alphabet.tick if label else alphabet.side}"), *row)
    yield from _below(x, chart.x_label, alphabet, labels + 2, room)


def _drawn(chart: Chart, x: Axis, y: Axis, alphabet: Alphabet, room: int) -> Canvas:
    canvas = Canvas(room, HEIGHT, fine=alphabet.is_fine)
    several = len(chart.series) > 1
    for i, series in enumerate(chart.series):
        places = [
            None if math.isnan(py) or not math.isfinite(px) else (x.place(px), y.place(py)) for px, py in series.points
        ]
        mark = alphabet.mark(i)
        if chart.kind is ChartKind.POINTS:
            marked = [place for place in places if place is not None]
            if alphabet.is_fine and not several and len(marked) > room:  # many points in a cloud: fine dots say more
                for place in marked:
                    canvas.line([place], mark, series.revision)
                continue
        else:
            canvas.line(places, mark, series.revision)
            marked = [*_lone(places), *(_spread(places, room, i, len(chart.series)) if several else ())]
        for place in marked:
            canvas.mark(*place, mark, series.revision)
    return canvas


def _lone(places: Sequence[Place | None]) -> Iterator[Place]:
    """Yield the points that no line reaches."""
    padded_places = [None, *places, None]
    for before, here, after in zip(padded_places, places, padded_places[2:], strict=False):
        if here is not None and before is None and after is None:
            yield here


def _spread(places: Sequence[Place | None], room: int, number: int, lines: int) -> Iterator[Place]:
    """Yield a place of a line every few columns, shifted by its number: marks of lines that coincide take turns."""
    apart = max(_MARKS_APART, _SHIFT * lines)
    following = 1 + _SHIFT * number
    for start, end in pairwise(places):
        if start is None or end is None:
            continue
        while start[0] * room <= following < end[0] * room:
            part = (following / room - start[0]) / (end[0] - start[0])
            yield following / room, start[1] + part * (end[1] - start[1])
            following += apart
        if end[0] * room > following:  # a line that starts further right
            following += apart * (1 + int((end[0] * room - following) // apart))


def _below(x: Axis, name: str, alphabet: Alphabet, indent: int, room: int) -> Iterator[Spans]:
    """Yield the axis with its ticks, their labels as far as these do not touch, and the axis' name."""
    ruler = [alphabet.floor] * room
    words = [" "] * room
    free = 0
    for tick, label in zip(x.ticks, x.labels, strict=True):
        column = round(x.place(tick) * (room - 1))
        start = min(max(0, column - columns(label) // 2), room - columns(label))
        if start < free:
            continue
        ruler[column] = alphabet.foot
        words[start : start + columns(label)] = [label, *[""] * (columns(label) - 1)]
        free = start + columns(label) + 1
    yield (Span(" " * (indent - 1) + alphabet.corner + "".join(ruler)),)
    yield (Span((" " * indent + "".join(words)).rstrip()),)
    shown = cut(name, room)
    yield (Span(" " * indent + padded(shown, (room + columns(shown)) // 2, right=True)),)


def _names_axis(names: Sequence[str]) -> Axis:
    ends = (-0.5, 0.5) if len(names) == 1 else (0.0, len(names) - 1.0)
    return Axis(*ends, tuple(float(i) for i in range(len(names))), tuple(cut(name, 12) for name in names))
