"""A series for a chart of some width: one range of steps for each pixel, or the points themselves while few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from siglum.tracking.sampling import within
from siglum.tracking.segment import Segment
from siglum.tracking.series import Point, step_order
from siglum.tracking.table import Window


class _Range(msgspec.Struct, gc=False):
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

    def add_point(self, point: Point) -> None:
        step, _, value = point
        self.count += 1
        if step < self.first_step:
            self.first_step = step
        if step > self.last[0] or (step == self.last[0] and step_order(point) > step_order(self.last)):
            self.last = point
        if value == value:
            if self.low is None or value < self.low:
                self.low = value
            if self.high is None or value > self.high:
                self.high = value


_SCATTERED = 8
"""A segment with fewer points in a range is added point by point, which takes less than to look for the borders."""


class WindowBuilder:
    """The points from `first` to `last` step, put into at most `buckets` ranges of equally many steps.

    Of a segment only what is about the borders of its ranges is unpacked, which is what makes long series cheap.
    """

    def __init__(self, first: int, last: int, buckets: int) -> None:
        self._first = first
        self._last = last
        self._width = -(-(last - first + 1) // buckets)
        self._ranges: dict[int, _Range] = {}

    def add_points(self, points: Iterable[Point]) -> None:
        """Add points in any order, those outside left out."""
        first, final, width, ranges = self._first, self._last, self._width, self._ranges
        for point in points:
            step = point[0]
            if first <= step <= final:
                number = (step - first) // width
                known = ranges.get(number)
                if known is None:
                    value = None if point[2] != point[2] else point[2]
                    ranges[number] = _Range(step, point, value, value, 1)
                else:
                    known.add_point(point)

    def add_whole(self, first_step: int, last: Point, low: float | None, high: float | None, count: int) -> bool:
        """Add all points from `first_step` to `last` by what is known of them; whether they are in one range."""
        number = (first_step - self._first) // self._width
        if first_step < self._first or last[0] > self._last or (last[0] - self._first) // self._width != number:
            return False
        self._put(number, _Range(first_step, last, low, high, count))
        return True

    def add_segment(self, segment: Segment, last: Point | None = None) -> None:
        """Add the points of a segment, those outside left out; `last` is its last one, where it is known."""
        first, width, steps = self._first, self._width, segment.steps
        last = segment.at(segment.count - 1) if last is None else last
        if (last[0] - steps.at(0)) // width * _SCATTERED >= segment.count:
            self.add_points(segment.by_step())
            return
        begin = 0 if steps.at(0) >= first else steps.find(first, 0, segment.count)
        stop = segment.count if last[0] <= self._last else steps.find(self._last + 1, begin, segment.count)
        while begin < stop:
            step = steps.at(begin)
            number = (step - first) // width
            border = first + (number + 1) * width
            end = segment.count if last[0] < border else steps.find(border, begin, segment.count)
            end = min(end, stop)
            of_range = last if end == segment.count else segment.at(end - 1)
            self._put(number, _Range(step, of_range, *segment.bounds(begin, end), end - begin))
            begin = end

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
