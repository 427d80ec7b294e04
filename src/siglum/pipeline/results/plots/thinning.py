"""Fewer points that look the same, and a line through the middle of many. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]

_SPAN = 0.3  # of all points, for one local fit
_FITS = 200


def thinned(xs: Sequence[float], ys: Sequence[float], limit: int, *, lines: bool = True) -> list[Point]:
    """Return points, in order, at most about `limit`. Those without an x go; without a y they are gaps: y is NaN.

    Of a line, each stretch keeps its first, lowest, highest and last point, so that no spike is lost; of single points
    every n-th is kept, beside the extremes of each stretch.
    """
    if len(ys) <= limit:
        return [(x, y if math.isfinite(y) else math.nan) for x, y in zip(xs, ys, strict=True) if math.isfinite(x)]
    buckets = max(1, limit // 4)
    size = len(ys) / buckets
    kept: list[Point] = []
    for i in range(buckets):
        kept += _telling(xs, ys, range(int(i * size), min(int((i + 1) * size), len(ys))), ends=lines)
    return kept


def _telling(xs: Sequence[float], ys: Sequence[float], stretch: range, *, ends: bool) -> list[Point]:
    known = [j for j in stretch if math.isfinite(xs[j])]
    finite = [j for j in known if math.isfinite(ys[j])]
    if not finite:
        return [(xs[j], math.nan) for j in known[:1]]  # the gap stays a gap
    chosen = {min(finite, key=ys.__getitem__), max(finite, key=ys.__getitem__)}
    chosen |= {finite[0], finite[-1]} if ends else {finite[0], finite[len(finite) // 2]}
    return [(xs[j], ys[j]) for j in sorted(chosen)]


def loess(points: Sequence[Point], span: float = _SPAN) -> list[Point]:
    """Return a smoothed line: at each of up to 200 places a straight fit to the nearest points, nearer ones weigh more.

    Local regression of degree one with tricube weights (Cleveland, 1979, without the robust iterations). Fewer than
    three points are returned as they are.
    """
    known = sorted(point for point in points if not math.isnan(point[1]))
    if len(known) < 3:
        return list(points)
    window = min(len(known), max(3, round(span * len(known))))
    step = max(1, len(known) // _FITS)
    places = [x for x, _ in known[::step]]
    if places[-1] != known[-1][0]:
        places.append(known[-1][0])
    fitted, start = [], 0
    for x in dict.fromkeys(places):
        while start + window < len(known) and known[start + window][0] - x < x - known[start][0]:
            start += 1
        fitted.append((x, _local(known[start : start + window], x)))
    return fitted


def _local(near: Sequence[Point], x: float) -> float:
    reach = max(abs(near[0][0] - x), abs(near[-1][0] - x)) * 1.0001
    weights = [(1 - (abs(px - x) / reach) ** 3) ** 3 if reach else 1.0 for px, _ in near]
    total = sum(weights)
    mean_x = sum(w * px for w, (px, _) in zip(weights, near, strict=True)) / total
    mean_y = sum(w * py for w, (_, py) in zip(weights, near, strict=True)) / total
    spread = sum(w * (px - mean_x) ** 2 for w, (px, _) in zip(weights, near, strict=True))
    if spread <= 0:
        return mean_y
    slope = sum(w * (px - mean_x) * (py - mean_y) for w, (px, py) in zip(weights, near, strict=True)) / spread
    return mean_y + slope * (x - mean_x)
