"""A field of characters on which lines are drawn: fine dots (braille patterns), or one character a place. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

_BRAILLE = 0x2800
# The bit of each dot in a braille pattern, by column and row, as Unicode numbers them.
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


class Span(msgspec.Struct, frozen=True):
    """A piece of a line of text, and the number of the colour it has, if any; `strong` is for titles."""

    text: str
    colour: int | None = None
    strong: bool = False


Spans = tuple[Span, ...]


class Canvas:
    """`width` times `height` characters. Places are given as fractions: 0 is left and low, 1 right and high."""

    def __init__(self, width: int, height: int, *, fine: bool) -> None:
        self._width, self._height = width, height
        self._across, self._down = (2, 4) if fine else (1, 1)
        self._dots: dict[tuple[int, int], tuple[int, int]] = {}
        self._marks: dict[tuple[int, int], tuple[str, int]] = {}

    def line(self, points: Iterable[tuple[float, float] | None], mark: str, colour: int) -> None:
        """Join points by straight lines; None breaks off. `mark` is what is drawn where there are no fine dots."""
        before: tuple[int, int] | None = None
        for point in points:
            here = None if point is None else self._dot(*point)
            if here is not None:
                for dot in _between(before or here, here):
                    self._set(dot, mark, colour)
            before = here

    def mark(self, x: float, y: float, mark: str, colour: int) -> None:
        """Put a character at a place."""
        across, down = self._dot(x, y)
        self._marks[across // self._across, down // self._down] = (mark, colour)

    def rows(self) -> Iterator[Spans]:
        """Yield the lines of text from top to bottom, without the blanks at their ends."""
        for row in range(self._height):
            yield tuple(_joined([self._at(column, row) for column in range(self._width)]))

    def _dot(self, x: float, y: float) -> tuple[int, int]:
        wide, high = self._width * self._across, self._height * self._down
        return min(wide - 1, max(0, round(x * (wide - 1)))), min(high - 1, max(0, round((1 - y) * (high - 1))))

    def _set(self, dot: tuple[int, int], mark: str, colour: int) -> None:
        (column, across), (row, down) = divmod(dot[0], self._across), divmod(dot[1], self._down)
        if self._across == 1:
            self._marks[column, row] = (mark, colour)
            return
        bits, _ = self._dots.get((column, row), (0, colour))
        self._dots[column, row] = (bits | _BITS[across][down], colour)

    def _at(self, column: int, row: int) -> tuple[str, int | None]:
        if (column, row) in self._marks:
            return self._marks[column, row]
        if (column, row) in self._dots:
            bits, colour = self._dots[column, row]
            return chr(_BRAILLE + bits), colour
        return " ", None


def _between(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the dots of a straight line, both ends included (Bresenham, 1965)."""
    (x, y), (x1, y1) = start, end
    dx, dy = abs(x1 - x), -abs(y1 - y)
    step_x, step_y = (1 if x < x1 else -1), (1 if y < y1 else -1)
    error = dx + dy
    while True:
        yield x, y
        if (x, y) == (x1, y1):
            return
        doubled = 2 * error
        if doubled >= dy:
            error += dy
            x += step_x
        if doubled <= dx:
            error += dx
            y += step_y


def _joined(cells: list[tuple[str, int | None]]) -> Iterator[Span]:
    while cells and cells[-1][0] == " ":
        cells.pop()
    start = 0
    for i in range(1, len(cells) + 1):
        if i == len(cells) or cells[i][1] != cells[start][1]:
            yield Span("".join(text for text, _ in cells[start:i]), cells[start][1])
            start = i
