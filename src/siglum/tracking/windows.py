"""A series for a chart of some width: one range of steps for each pixel, or the points themselves while few."""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from siglum.tracking.sampling import within
from siglum.tracking.series import Column, Point, step_order
from siglum.tracking.table import Window

_Bounds: TypeAlias = tuple[float | None, float | None]


class _Range(msgspec.Struct):
    """What is known of the points in one range of steps."""

    first_step: int
    last: Point
    low: float | None
    high: float | None
    count: int

    def add(self, other: _Range) -> None:
        self.first_step = min(self.first_step, other.first_step)
        if other.last[0] > self.last[0] or step_order(other.last) > step_order(self.last):
            self.last = other.last
        if other.low is not None and (self.low is None or other.low < self.low):
            self.low = other.low
        if other.high is not None and (self.high is None or other.high > self.high):
            self.high = other.high
        self.count += other.count


class WindowBuilder:
    """The points from `first` to `last` step, put into at most `buckets` ranges of equally many steps.

    Segments are taken by columns, without making a point of each row, which is what makes long series cheap.
    """

    def __init__(self, first: int, last: int, buckets: int) -> None:
        self._first = first
        self._last = last
        self._width = -(-(last - first + 1) // buckets)
        self._ranges: dict[int, _Range] = {}

    def add_points(self, points: Iterable[Point]) -> None:
        """Add points in any order, those outside left out."""
        for point in points:
            step, _, value = point
            if self._first <= step <= self._last:
                number = None if value != value else value
                self._put((step - self._first) // self._width, _Range(step, point, number, number, 1))

    def add_whole(self, first_step: int, last: Point, low: float | None, high: float | None, count: int) -> bool:
        """Add all points from `first_step` to `last` by what is known of them; whether they are in one range."""
        number = (first_step - self._first) // self._width
        if first_step < self._first or last[0] > self._last or (last[0] - self._first) // self._width != number:
            return False
        self._put(number, _Range(first_step, last, low, high, count))
        return True

    def add_segment(
        self,
        steps: Column,
        timestamps: Column,
        values: array[float],
        bounds: _Bounds | None = None,
    ) -> None:
        """Add the points of a segment, which is sorted by time; `bounds` are its least and greatest value, if known."""
        numbers = steps.numbers()
        if not steps.grows:
            self.add_points(zip(numbers, timestamps.numbers(), values, strict=True))
            return
        begin, stop = bisect_left(numbers, self._first), bisect_right(numbers, self._last)
        places = [begin]
        while places[-1] < stop:
            number = (numbers[places[-1]] - self._first) // self._width
            places.append(bisect_left(numbers, self._first + (number + 1) * self._width, places[-1], stop))
        extremes = _extremes(values, places, None if stop - begin < len(values) else bounds)
        for begin, end, (low, high) in zip(places, places[1:], extremes, strict=False):
            last = numbers[end - 1], timestamps.at(end - 1), values[end - 1]
            number = (numbers[begin] - self._first) // self._width
            self._put(number, _Range(numbers[begin], last, low, high, end - begin))

    def _put(self, number: int, found: _Range) -> None:
        known = self._ranges.get(number)
        if known is None:
            self._ranges[number] = found
        else:
            known.add(found)

    def build(self) -> Window:
        """Return the window."""
        ranges = [self._ranges[number] for number in sorted(self._ranges)]
        return _window(ranges, exact=False)


def _extremes(values: array[float], places: Sequence[int], whole: _Bounds | None) -> list[_Bounds]:
    """Return the least and the greatest of each part of `values`; of all of them that is `whole`, where it is known.

    Where a segment is in two parts, it most often is enough to look at the smaller one.
    """
    parts = list(itertools.pairwise(places))
    if len(parts) != 2 or whole is None:
        return [_bounds(values[begin:end]) for begin, end in parts]
    small, large = sorted(range(2), key=lambda i: parts[i][1] - parts[i][0])
    low, high = _bounds(values[slice(*parts[small])])
    rest = _numbers(values[slice(*parts[large])]) if low == whole[0] or high == whole[1] else []
    of_large = (
        min(rest, default=None) if low == whole[0] else whole[0],
        max(rest, default=None) if high == whole[1] else whole[1],
    )
    return [(low, high), of_large] if small == 0 else [of_large, (low, high)]


def _bounds(values: array[float]) -> _Bounds:
    part = _numbers(values)
    return min(part, default=None), max(part, default=None)


def _numbers(values: array[float]) -> list[float]:
    """Return values to be compared: NaN is neither less nor greater than any, so only the first can lead astray."""
    part = values.tolist()  # of an array, each look would make the float anew
    return part if part[0] == part[0] else [value for value in part if value == value]


def window(points: Iterable[Point], buckets: int, start_step: int | None = None, end_step: int | None = None) -> Window:
    """Return the points from `start_step` to `end_step` in at most `buckets` ranges, exactly when they are no more."""
    found = within(points, start_step, end_step)
    if len(found) <= buckets:
        numbers = [None if point[2] != point[2] else point[2] for point in found]
        return _window(
            [_Range(point[0], point, number, number, 1) for point, number in zip(found, numbers, strict=True)],
            exact=True,
        )
    first = found[0][0] if start_step is None else start_step
    builder = WindowBuilder(first, found[-1][0] if end_step is None else end_step, buckets)
    builder.add_points(found)
    return builder.build()


def _window(ranges: Sequence[_Range], *, exact: bool) -> Window:
    return Window(
        exact=exact,
        count=sum(each.count for each in ranges),
        first_step=[each.first_step for each in ranges],
        last_step=[each.last[0] for each in ranges],
        last_timestamp=[each.last[1] for each in ranges],
        last_value=[each.last[2] for each in ranges],
        min_value=[each.low for each in ranges],
        max_value=[each.high for each in ranges],
        points=[each.count for each in ranges],
    )
