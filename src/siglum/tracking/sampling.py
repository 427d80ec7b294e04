"""Fewer points than a series has, for charts. Pure functions on points that are whole in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from siglum.tracking.series import Point, step_order


def within(points: Iterable[Point], start_step: int | None, end_step: int | None) -> list[Point]:
    """Return the points from `start_step` to `end_step`, both included, in `step_order`."""
    low = -(2**63) if start_step is None else start_step
    high = 2**63 - 1 if end_step is None else end_step
    return sorted((p for p in points if low <= p[0] <= high), key=step_order)


def sample(points: Sequence[Point], count: int) -> list[Point]:
    """Return at most `count` points of a sorted series: the first of each of `count` equal parts, and the very last.

    The parts are those of SQL's `NTILE(count)`: the first ones hold one point more where the division leaves a rest.
    """
    if len(points) <= count:
        return list(points)
    size, rest = divmod(len(points), count)
    starts = [part * size + min(part, rest) for part in range(count)]
    return [*(points[start] for start in starts[:-1]), points[-1]]
