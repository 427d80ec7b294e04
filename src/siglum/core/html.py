"""Values as HTML for a notebook: tables, links and charts, every text escaped, nothing loaded from elsewhere. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

_LONGEST = 300
"""Characters of a value that are shown at most."""
_SHOWN = 50
"""Rows that are shown at most."""

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
_CELL = "text-align:left;vertical-align:top;padding:2px 8px"

Point = tuple[float, float]
_COLOURS = ("#2b6cb0", "#d9480f", "#2f855a", "#805ad5", "#b7791f", "#c2255c", "#0c8599", "#6b7785")
_WIDTH, _HEIGHT, _EDGE = 260, 110, 4


class Link(msgspec.Struct, frozen=True):
    """A text that leads to an address, in a cell of a table."""

    text: str
    url: str


def escaped(text: object) -> str:
    """Return a text that means nothing to a browser but itself; a long one is cut."""
    shown = str(text)
    shown = shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
    return "".join(_ESCAPES.get(character, character) for character in shown)


def card(title: str, subtitle: str, sections: Mapping[str, Mapping[str, object]], drawing: str = "") -> str:
    """Return a thing as HTML: its name, what it is, a drawing, and tables of names and values; empty ones go."""
    parts = [f"<div><strong>{escaped(title)}</strong> <code>{escaped(subtitle)}</code>", drawing]
    for name, values in sections.items():
        if values:
            parts.append(f"<div><em>{escaped(name)}</em></div>{table((), values.items())}")
    return "".join([*parts, "</div>"])


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as an HTML table. Of very many, the first are shown and the others counted."""
    listed = list(rows)
    parts = ["<table>"]
    if header:
        parts.append(f"<thead><tr>{''.join(_cell('th', cell) for cell in header)}</tr></thead>")
    parts.append("<tbody>")
    parts += [f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in listed[:_SHOWN]]
    parts.append("</tbody></table>")
    if len(listed) > _SHOWN:
        parts.append(f"<div>… and {len(listed) - _SHOWN:,} more</div>")
    return "".join(parts)


def charts(series: Mapping[str, Mapping[str, Sequence[Point]]], across: str = "steps") -> str:
    """Return a small line chart for each title, with a line for each name; empty without any line.

    A line breaks off where a value is not finite. What has fewer than two points is no line, and left out. `across`
    says what the points are numbered by.
    """
    drawn = []
    for title, lines in series.items():
        known = {name: points for name, points in lines.items() if sum(math.isfinite(y) for _, y in points) > 1}
        if known:
            drawn.append(_chart(title, known, across))
    return f'<div style="display:flex;flex-wrap:wrap;gap:12px">{"".join(drawn)}</div>' if drawn else ""


def _chart(title: str, lines: Mapping[str, Sequence[Point]], across: str) -> str:
    finite = [(x, y) for points in lines.values() for x, y in points if math.isfinite(y)]
    left, right = min(x for x, _ in finite), max(x for x, _ in finite)
    low, high = min(y for _, y in finite), max(y for _, y in finite)

    def at(x: float, y: float) -> str:
        along = (x - left) / (right - left) if right > left else 0.5
        up = (y / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5  # halves: their difference is finite
        return f"{_EDGE + along * (_WIDTH - 2 * _EDGE):.1f} {_HEIGHT - _EDGE - up * (_HEIGHT - 2 * _EDGE):.1f}"

    paths, legend = [], []
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        steps, pen = [], "M"
        for x, y in points:
            if math.isfinite(y):
                steps.append(pen + at(x, y))
            pen = "L" if math.isfinite(y) else "M"
        paths.append(f'<path d="{"".join(steps)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if len(lines) > 1:
            legend.append(f'<span style="color:{colour}">{escaped(name)}</span>')
    axis = f'<path d="M0 {_HEIGHT}H{_WIDTH}" stroke="currentColor" stroke-opacity="0.3"/>'
    return (
        f'<div style="font-size:90%"><div><strong>{escaped(title)}</strong></div><div>{high:.6g}</div>'
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">{"".join(paths)}{axis}</svg>'
        f"<div>{low:.6g} ({across} {left:.10g} to {right:.10g})</div><div>{' '.join(legend)}</div></div>"
    )


def _cell(tag: str, text: object) -> str:
    shown = _anchor(text) if isinstance(text, Link) else escaped(text)
    return f'<{tag} style="{_CELL}">{shown}</{tag}>'


def _anchor(link: Link) -> str:
    if not link.url.startswith(("http://", "https://")):
        return escaped(link.text)  # whatever else a browser would do with it is not wanted
    address = "".join(_ESCAPES.get(character, character) for character in link.url)
    return f'<a href="{address}" target="_blank" rel="noopener noreferrer">{escaped(link.text)}</a>'
