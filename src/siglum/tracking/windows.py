"""A series for a chart of some width: one range of steps for each pixel, or the points themselves while few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from siglum.tracking.sampling import within
from siglum.tracking.series import Point
from siglum.tracking.table import Window


def window(points: Iterable[Point], buckets: int, start_step: int | None = None, end_step: int | None = None) -> Window:
    """Return the points from `start_step` to `end_step` in at most `buckets` ranges, exactly when they are no more."""
    found = within(points, start_step, end_step)
    if len(found) <= buckets:
        return _window([[point] for point in found], exact=True)
    first, last = found[0][0], found[-1][0]
    width = -(-(last - first + 1) // buckets)
    ranges: list[list[Point]] = []
    begun = None
    for point in found:
        number = (point[0] - first) // width
        if number != begun:
            begun = number
            ranges.append([])
        ranges[-1].append(point)
    return _window(ranges, exact=False)


def _window(ranges: Sequence[Sequence[Point]], *, exact: bool) -> Window:
    numbers = [[value for _, _, value in each if value == value] for each in ranges]
    return Window(
        exact=exact,
        count=sum(map(len, ranges)),
        first_step=[each[0][0] for each in ranges],
        last_step=[each[-1][0] for each in ranges],
        last_timestamp=[each[-1][1] for each in ranges],
        last_value=[each[-1][2] for each in ranges],
        min_value=[min(each, default=None) for each in numbers],
        max_value=[max(each, default=None) for each in numbers],
        points=[len(each) for each in ranges],
    )
