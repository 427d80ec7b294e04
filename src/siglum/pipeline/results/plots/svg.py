"""A chart as SVG that needs no script, font or network. Colours are classes that the page defines. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from siglum.pipeline.results.plots.chart import Chart, ChartKind, Series
from siglum.pipeline.results.plots.markup import CHARACTER, label, line, picture, short, text, upright
from siglum.pipeline.results.plots.scales import Axis, axis_of, number
from siglum.pipeline.results.plots.svg_matrix import svg_of_matrix

WIDTH, HEIGHT = 520, 340
_TOP, _RIGHT, _BOTTOM = 12, 16, 46
COLOURS = 8
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "12 5", "4 2", "1 4")
_MARKS = ("circle", "square", "triangle", "diamond")
_BAR = 16


def svg_of(chart: Chart) -> str:
    """Return a chart as one `<svg>` element, or one for each revision of a confusion matrix."""
    if chart.matrices:
        return "".join(svg_of_matrix(chart, matrix) for matrix in chart.matrices)
    if chart.kind in (ChartKind.BARS, ChartKind.SORTED_BARS):
        return _bars(chart)
    return _lines(chart)


def legend_of(chart: Chart) -> str:
    """Return the names of the lines as HTML; empty where there is only one."""
    if chart.matrices or len(chart.series) < 2:
        return ""
    items = []
    for series in chart.series:
        key = _key(chart, series)
        items.append(
            f'<span class="entry"><svg width="26" height="12" aria-hidden="true">{key}</svg>{text(series.name)}</span>'
        )
    return f'<div class="legend">{"".join(items)}</div>'


def _lines(chart: Chart) -> str:
    points = [point for series in chart.series for point in (*series.points, *series.faint)]
    x = _category_axis(chart.x_names) if chart.x_names is not None else axis_of((p[0] for p in points), 6)
    y = axis_of((p[1] for p in points), 5)
    frame = _Frame(chart, x, y)
    body = [frame.axes()]
    with_marks = chart.kind is ChartKind.POINTS
    for series in chart.series:
        values = _values(series, named=len(chart.series) > 1)
        colour, dash = series.revision % COLOURS, _DASHES[series.group % len(_DASHES)]
        if with_marks:
            marks = "".join(_mark(series.group, *frame.at(*p)) for p in series.points if not math.isnan(p[1]))
            body.append(f'<g class="mark c{colour}"{values}>{marks}</g>')
            continue
        if series.faint:
            body.append(f'<path class="line faint c{colour}" d="{frame.path(series.faint)}"/>')
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        body.append(f'<path class="line c{colour}"{dashed}{values} d="{frame.path(series.points)}"/>')
        body += [f'<circle class="dot c{colour}" cx="{a}" cy="{b}" r="3"/>' for a, b in frame.lone(series.points)]
    return frame.svg("".join(body))


def _bars(chart: Chart) -> str:
    names = chart.y_names or ()
    values = [point[0] for series in chart.series for point in series.points]
    across = axis_of(values, 5, zero=True)
    left = 30 + CHARACTER * max((len(short(name)) for name in names), default=1)
    thick = max(4.0, min(_BAR, 40 / max(1, len(chart.series))))
    slot = thick * len(chart.series) + 10
    height = _TOP + slot * len(names) + _BOTTOM
    plot = WIDTH - left - _RIGHT

    def at(value: float) -> float:
        return left + across.place(value) * plot

    body = [line("grid", at(tick), _TOP, at(tick), height - _BOTTOM) for tick in across.ticks]
    body += [
        label(at(tick), height - _BOTTOM + 16, words, "middle")
        for tick, words in zip(across.ticks, across.labels, strict=True)
    ]
    for i, name in enumerate(names):
        body.append(label(left - 8, _TOP + slot * (i + 0.5) + 4, short(name), "end", full=name))
    for n, series in enumerate(chart.series):
        for value, place in series.points:
            top = _TOP + slot * place + 5 + thick * n
            start, end = sorted((at(0), at(value)))
            name = f"<title>{text(f'{series.name}: {names[int(place)]} {number(value)}')}</title>"
            body.append(
                f'<rect class="bar c{series.revision % COLOURS} g{series.group % 4}" x="{start:.1f}" y="{top:.1f}" '
                f'width="{max(end - start, 0.5):.1f}" height="{thick - 1:.1f}">{name}</rect>'
            )
    body.append(line("axis", at(0), _TOP, at(0), height - _BOTTOM))
    body.append(label(left + plot / 2, height - 8, chart.x_label, "middle", "name"))
    return picture(chart.title, WIDTH, height, "".join(body))


class _Frame:
    """The room of a chart with two axes: margins, ticks, and where a point lies."""

    def __init__(self, chart: Chart, x: Axis, y: Axis) -> None:
        self._chart, self._x, self._y = chart, x, y
        self._left = 34 + CHARACTER * max((len(words) for words in y.labels), default=1)
        self._width = WIDTH - self._left - _RIGHT
        self._height = HEIGHT - _TOP - _BOTTOM

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (
            round(self._left + self._x.place(x) * self._width, 1),
            round(_TOP + (1 - self._y.place(y)) * self._height, 1),
        )

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """Return points as a path that breaks off where there is no y."""
        parts, started = [], False
        for x, y in points:
            if math.isnan(y):
                started = False
                continue
            a, b = self.at(x, y)
            parts.append(f"{'L' if started else 'M'}{a:g} {b:g}")
            started = True
        return "".join(parts)

    def lone(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return the points that no line reaches, and all points where they are few."""
        known = [not math.isnan(y) for _, y in points]
        few = sum(known) <= 30
        return [
            self.at(*point)
            for i, point in enumerate(points)
            if known[i] and (few or not ((i and known[i - 1]) or (i + 1 < len(points) and known[i + 1])))
        ]

    def axes(self) -> str:
        bottom = HEIGHT - _BOTTOM
        parts = []
        for tick, words in zip(self._y.ticks, self._y.labels, strict=True):
            _, y = self.at(self._x.low, tick)
            parts.append(line("grid", self._left, y, WIDTH - _RIGHT, y) + label(self._left - 8, y + 4, words, "end"))
        for tick, words in zip(self._x.ticks, self._x.labels, strict=True):
            x, _ = self.at(tick, self._y.low)
            parts.append(line("axis", x, bottom, x, bottom + 4) + label(x, bottom + 17, words, "middle"))
        parts.append(line("axis", self._left, bottom, WIDTH - _RIGHT, bottom))
        parts.append(label(self._left + self._width / 2, HEIGHT - 8, self._chart.x_label, "middle", "name"))
        parts.append(upright(12, _TOP + self._height / 2, self._chart.y_label))
        return "".join(parts)

    def svg(self, body: str) -> str:
        x, y = self._x, self._y
        frame = (self._left, _TOP, self._width, self._height, x.low, x.high, y.low, y.high)
        data = {"frame": json.dumps(frame), "x": self._chart.x_label}
        if self._chart.x_names is not None:
            data["names"] = json.dumps(self._chart.x_names)
        if self._chart.kind is ChartKind.POINTS:
            data["single"] = "true"
        return picture(self._chart.title, WIDTH, HEIGHT, body, data)


def _values(series: Series, *, named: bool) -> str:
    """Return a line's values as attributes, for the page's script: x and y in turns, without gaps."""
    values = ",".join(f"{number(x)},{number(y)}" for x, y in series.points if not math.isnan(y))
    return f' data-name="{text(series.name) if named else ""}" data-values="[{values}]"'


def _category_axis(names: Sequence[str]) -> Axis:
    step = max(1, math.ceil(len(names) / 8))
    ticks = range(0, len(names), step)
    labels = tuple(short(names[i], 12) for i in ticks)
    return Axis(-0.5, len(names) - 0.5, tuple(float(i) for i in ticks), labels)


def _key(chart: Chart, series: Series) -> str:
    colour = series.revision % COLOURS
    if chart.kind is ChartKind.POINTS:
        return f'<g class="mark c{colour}">{_mark(series.group, 13, 6)}</g>'
    if chart.kind in (ChartKind.BARS, ChartKind.SORTED_BARS):
        return f'<rect class="bar c{colour} g{series.group % 4}" x="6" y="1" width="14" height="10"/>'
    dash = _DASHES[series.group % len(_DASHES)]
    return (
        f'<path class="line c{colour}"{f" stroke-dasharray={chr(34)}{dash}{chr(34)}" if dash else ""} d="M1 6L25 6"/>'
    )


def _mark(group: int, x: float, y: float) -> str:
    match _MARKS[group % len(_MARKS)]:
        case "square":
            return f'<rect x="{x - 3:g}" y="{y - 3:g}" width="6" height="6"/>'
        case "triangle":
            return f'<path d="M{x:g} {y - 4:g}l4 7h-8z"/>'
        case "diamond":
            return f'<path d="M{x:g} {y - 4.5:g}l4 4.5l-4 4.5l-4 -4.5z"/>'
    return f'<circle cx="{x:g}" cy="{y:g}" r="3.2"/>'
