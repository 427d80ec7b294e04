"""A confusion matrix as SVG: a square for each pair, the darker the more often it was met. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from siglum.pipeline.results.plots.chart import Chart, ChartKind, Matrix
from siglum.pipeline.results.plots.markup import CHARACTER, label, picture, short, text, upright

_CELL, _LARGEST, _READABLE = 46, 420, 26
_TOP = 26


def svg_of_matrix(chart: Chart, matrix: Matrix) -> str:
    """Return one matrix of a chart as an `<svg>` element."""
    columns, rows = chart.x_names or (), chart.y_names or ()
    cell = max(14, min(_CELL, _LARGEST // max(1, len(columns)), _LARGEST // max(1, len(rows))))
    left = 34 + CHARACTER * _longest(rows)
    turned = any(len(name) * CHARACTER > cell for name in columns)
    bottom = _TOP + cell * len(rows)
    width = left + cell * len(columns) + 16
    height = bottom + 54 + (CHARACTER * _longest(columns) if turned else 0)
    body = [label(left, 16, matrix.name, "start", "name")] if len(chart.matrices) > 1 else []
    body += [label(left - 8, _TOP + cell * (i + 0.5) + 4, short(name), "end", full=name) for i, name in enumerate(rows)]
    body += _cells(chart, matrix, left, cell)
    for j, name in enumerate(columns):
        x = left + cell * (j + 0.5)
        body.append(_turned(x + 4, bottom + 8, name) if turned else label(x, bottom + 16, name, "middle"))
    body.append(label(left + cell * len(columns) / 2, height - 8, chart.x_label, "middle", "name"))
    body.append(upright(12, _TOP + cell * len(rows) / 2, chart.y_label))
    return picture(chart.title, width, height, "".join(body))


def _cells(chart: Chart, matrix: Matrix, left: float, cell: int) -> Iterable[str]:
    columns, rows = chart.x_names or (), chart.y_names or ()
    normalized = chart.kind is ChartKind.NORMALIZED_MATRIX
    shares = matrix.shares(by_row=normalized)
    for i, counts in enumerate(matrix.cells):
        for j, number in enumerate(counts):
            share = shares[i][j]
            shown = (f"{share:.2f}" if normalized else str(number)) if cell >= _READABLE else ""
            hover = f"{chart.y_label} {rows[i]}, {chart.x_label} {columns[j]}: {number}"
            title = text(f"{hover} ({share:.1%})" if normalized else hover)
            x, y, side = left + cell * j, _TOP + cell * i, cell - 1
            kind = ' class="over"' if share > 0.5 else ""
            yield (
                f'<g class="cell"><title>{title}</title>'
                f'<rect x="{x:.1f}" y="{y}" width="{side}" height="{side}" style="fill-opacity:{share:.3f}"/>'
                f'<text x="{x + cell / 2:.1f}" y="{y + cell / 2 + 4:.1f}" text-anchor="middle"{kind}>{shown}</text></g>'
            )


def _turned(x: float, y: float, name: str) -> str:
    return (
        f'<text class="tick" text-anchor="end" transform="translate({x:.1f} {y:.1f}) rotate(-90)">'
        f"{text(short(name))}</text>"
    )


def _longest(names: Iterable[str]) -> int:
    return max((len(short(name)) for name in names), default=1)
