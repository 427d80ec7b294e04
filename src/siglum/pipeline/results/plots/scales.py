"""Axes: round numbers for ticks, how they are written, and where a value lies. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec


class Axis(msgspec.Struct, frozen=True):
    """A stretch of numbers with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def place(self, value: float) -> float:
        """Return where a value lies: 0 at the low end, 1 at the high end."""
        span = self.high - self.low
        if math.isinf(span):  # wider than a float can say
            return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return (value - self.low) / span


def axis_of(values: Iterable[float], ticks: int, *, zero: bool = False) -> Axis:
    """Return an axis that holds all finite values, with about `ticks` round ticks; with `zero` it holds that, too.

    Where all values are whole numbers, so are the ticks.
    """
    finite = [value for value in values if math.isfinite(value)]
    whole = all(value.is_integer() for value in finite)
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        room = abs(low) * 0.1 or 0.5
        low, high = low - room, high + room
    step = _round_step((high - low) / max(1, ticks))
    if whole and low < high:
        step = max(1.0, step)
    if not math.isfinite(step) or step == 0 or not math.isfinite(high / step) or not math.isfinite(low / step):
        return _ends(low, high)
    first, last = math.floor(low / step * (1 + 1e-12)), math.ceil(high / step * (1 - 1e-12))
    if not 0 < last - first <= 4 * ticks:
        return _ends(low, high)
    placed = tuple(i * step for i in range(first, last + 1))
    return Axis(min(placed[0], low), max(placed[-1], high), placed, tuple(_labels(placed, step)))


def _ends(low: float, high: float) -> Axis:
    """Return the axis of numbers too near to each other, or too far apart, for rounding."""
    return Axis(low, high, (low, high), (number(low), number(high)))


def number(value: float) -> str:
    """Return a number as short as it can be read: six digits."""
    if value == 0:
        return "0"
    text = f"{value:.6g}"
    return text.replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough)) if 0 < rough < math.inf else 0.0
    if power == 0 or not math.isfinite(power):
        return rough
    return next((power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9)), power * 10)


def _labels(ticks: tuple[float, ...], step: float) -> Iterable[str]:
    largest = max(abs(tick) for tick in ticks)
    if largest >= 1e6 or largest < 1e-4:
        yield from (
            number(round(tick, 15 - math.ceil(math.log10(largest))) if largest < 1e15 else tick) for tick in ticks
        )
        return
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step * 10**digits, 6) != int(round(step * 10**digits, 6)):
        digits += 1  # steps of 2.5
    yield from (f"{tick + 0.0:.{digits}f}" if abs(tick) > step / 2 else "0" for tick in ticks)
