"""Rows as aligned text, in the two layouts that DVC prints: plain columns, and Markdown as GitHub reads it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest

_LEAST = 6
"""Columns of a terminal that a column of a table keeps, however narrow that is."""


def plain_table(rows: Sequence[Sequence[str]], *, right: bool = False, keep_blanks: bool = False) -> list[str]:
    """Return rows as lines of columns two blanks apart; with `right` the first column is aligned to the right.

    Blanks around a cell's text are dropped unless `keep_blanks`.
    """
    cells = [[cell if keep_blanks else cell.strip() for cell in row] for row in rows]
    widths = _widths(cells)
    lines = []
    for parts in _physical(cells):
        padded = [_pad(part, widths[i], right=right and i == 0) for i, part in enumerate(parts)]
        lines.append("  ".join(padded).rstrip())
    return lines


def table_lines(rows: Sequence[Sequence[str]], room: int | None = None) -> list[str]:
    """Return rows of one line each as columns two blanks apart, not wider than `room` if that can be.

    What is too wide is cut at its end: the widest columns first, none to less than a few letters; the first one, by
    which a row is asked for, only when that is not enough.
    """
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    if room is not None:
        room -= 2 * (len(widths) - 1)
        widths = widths[:1] + _narrowed(widths[1:], room - widths[0])
        widths = _narrowed(widths, room)
    return [
        "  ".join(_pad(cut(cell, width), width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _narrowed(widths: Sequence[int], room: int) -> list[int]:
    """Return widths that together take no more than `room`, where the widest give way first."""
    narrowed = list(widths)
    while sum(narrowed) > room and max(narrowed, default=0) > _LEAST:
        widest = max(narrowed)
        # Down to the next widest column, or as far as is needed.
        columns = [i for i, width in enumerate(narrowed) if width == widest]
        below = max((width for width in narrowed if width < widest), default=_LEAST)
        step = min(widest - max(below, _LEAST), max(1, (sum(narrowed) - room) // len(columns)))
        for i in columns:
            narrowed[i] -= max(step, 1)
    return narrowed


def cut(text: str, width: int) -> str:
    """Return a text that takes no more than `width` columns of a terminal, with an ellipsis where it was longer."""
    if _width(text) <= width:
        return text
    kept = ""
    for character in text:
        if _width(kept + character) > width - 1:
            break
        kept += character
    return kept + "…"


def headed_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines of columns under a header, spaced as DVC spaces them: a title takes two columns more."""
    cells = [[cell.strip() for cell in row] for row in rows]
    titles = [_width(title) + 2 for title in header]
    widths = [max(pair) for pair in zip(titles, _widths(cells) or titles, strict=True)]
    parts = [header, *_physical(cells)]
    return ["  ".join(_pad(part, width) for part, width in zip(row, widths, strict=True)).rstrip() for row in parts]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as the lines of a Markdown table."""
    cells = [[cell.strip() for cell in row] for row in rows]
    # Two columns more than the title need no less: so does DVC, whose tables are compared as text.
    titles = [len(title) + 2 for title in header]
    widths = [max(pair) for pair in zip(titles, _widths(cells) or titles, strict=True)]
    lines = [_markdown_row(header, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    return lines + [_markdown_row(parts, widths) for parts in _physical(cells)]


def _markdown_row(parts: Sequence[str], widths: Sequence[int]) -> str:
    return "|" + "|".join(f" {_pad(part, width)} " for part, width in zip(parts, widths, strict=True)) + "|"


def _physical(rows: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Yield the lines of each row: a cell with line breaks in it takes several."""
    for row in rows:
        yield from zip_longest(*(cell.split("\n") for cell in row), fillvalue="")


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(_width(part) for cell in column for part in cell.split("\n")) for column in zip(*rows, strict=True)]


def _pad(text: str, width: int, *, right: bool = False) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
