"""Charts of names in a terminal: bars, and confusion matrices as tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from siglum.core.text import count
from siglum.pipeline.results.plots.canvas import Span, Spans
from siglum.pipeline.results.plots.chart import Chart, ChartKind, Matrix
from siglum.pipeline.results.plots.scales import axis_of, number
from siglum.pipeline.results.plots.terminal_words import Alphabet, columns, cut, padded, sentences

_LONGEST_NAME = 20
_LEAST_BAR = 10


def bar_lines(chart: Chart, alphabet: Alphabet, width: int) -> Iterator[Spans]:
    """Yield a line for each bar: its name, the bar from zero on, its value."""
    names = [cut(name, _LONGEST_NAME, alphabet.cut) for name in chart.y_names or ()]
    several = len(chart.series) > 1
    values = [{int(place): value for value, place in series.points} for series in chart.series]
    shown = [number(value) for each in values for value in each.values()]
    indent = max(map(columns, names), default=0)
    room = max(_LEAST_BAR, width - indent - max(map(len, shown), default=0) - 3 - 2 * several)
    axis = axis_of((value for each in values for value in each.values()), 4, zero=True)
    low, high = min(0.0, *(v for each in values for v in each.values()), 0.0), axis.high
    zero = round(-low / (high - low) * room)
    for i, name in enumerate(names):
        words = padded(name, indent)
        for n, series in enumerate(chart.series):
            if i not in values[n]:
                continue
            value = values[n][i]
            end = round((value - low) / (high - low) * room)
            bar = " " * min(zero, end) + alphabet.bar * max(abs(end - zero), 1)
            mark = f"{alphabet.mark(n)} " if several else ""
            yield Span(f"{words} "), Span(f"{mark}{bar}", series.revision), Span(f" {number(value)}")
            words = " " * indent
    yield (Span(f"{' ' * (indent + 1)}{cut(chart.x_label, room)}"),)


def matrix_lines(chart: Chart, alphabet: Alphabet, width: int) -> Iterator[Spans]:
    """Yield a table for each matrix: how often each pair was met, or its part of the row."""
    for i, matrix in enumerate(chart.matrices):
        if len(chart.matrices) > 1:
            if i:
                yield ()
            yield (Span(cut(matrix.name, width), matrix.revision),)
        yield from _table(chart, matrix, alphabet, width)


def _table(chart: Chart, matrix: Matrix, alphabet: Alphabet, width: int) -> Iterator[Spans]:
    cells = _words(matrix, alphabet, normalized=chart.kind is ChartKind.NORMALIZED_MATRIX)
    rows = [cut(name, _LONGEST_NAME, alphabet.cut) for name in chart.y_names or ()]
    heads = [cut(name, _LONGEST_NAME // 2, alphabet.cut) for name in chart.x_names or ()]
    corner = cut(chart.y_label, _LONGEST_NAME, alphabet.cut)
    indent = max(map(columns, [*rows, corner]))
    widths = [max(columns(text) for text in (head, *(row[j] for row in cells))) for j, head in enumerate(heads)]
    fitting = 0
    used = indent + 2
    while fitting < len(widths) and used + widths[fitting] + 2 <= width:
        used += widths[fitting] + 2
        fitting += 1
    yield (Span(f"{' ' * (indent + 2)}{cut(chart.x_label, width - indent - 2, alphabet.cut)}"),)
    for name, texts in zip([corner, *rows], [heads, *cells], strict=True):
        shown = "  ".join(padded(text, widths[j], right=True) for j, text in enumerate(texts[:fitting]))
        yield (Span(f"{padded(name, indent)}  {shown}".rstrip()),)
    if fitting < len(heads):
        yield from sentences([f"{count(len(heads) - fitting, 'more column')} would need a wider terminal."], width)


def _words(matrix: Matrix, alphabet: Alphabet, *, normalized: bool) -> list[list[str]]:
    """Return the cells as they are written. What was never met is hardly visible, so that the diagonal stands out."""
    shares = matrix.shares(by_row=True)
    return [
        [
            (f"{shares[i][j]:.2f}" if normalized else f"{times}") if times else alphabet.nothing
            for j, times in enumerate(row)
        ]
        for i, row in enumerate(matrix.cells)
    ]
