"""A series as one word: eight heights of blocks, or nothing but its ends where these cannot be printed. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_GAP = " "


def sparkline(values: Sequence[float], width: int) -> str:
    """Return a series in at most `width` characters; each is the mean of its stretch, a gap where nothing is finite.

    A series that does not change is drawn at half the height.
    """
    if not values or width < 1:
        return ""
    columns = min(width, len(values))
    means = [_mean(values[i * len(values) // columns : (i + 1) * len(values) // columns]) for i in range(columns)]
    known = [mean for mean in means if mean is not None]
    if not known:
        return _GAP * columns
    low, high = min(known), max(known)
    return "".join(_GAP if mean is None else _BLOCKS[_height(mean, low, high)] for mean in means)


def _height(mean: float, low: float, high: float) -> int:
    # Halved first: the distance of the largest numbers there are is infinite.
    span = high / 2 - low / 2
    return 3 if span == 0 else min(7, int((mean / 2 - low / 2) / span * 8))


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(value / len(finite) for value in finite) if finite else None
