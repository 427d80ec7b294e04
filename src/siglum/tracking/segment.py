"""Points of one series packed into a segment, and back. Pure functions; the format is private to the database.

A segment holds points in columns, sorted by (step, timestamp, value): steps and timestamps as a first value and
differences of the least width that holds them, values as doubles, whose first bytes are packed together, their second
bytes, and so on. So that a chart can cut it at any step without unpacking the rest, it is divided into blocks of 64
points, and says of each where the columns stand there, its least and its greatest value. 1,000 points with regular
steps take 7 to 9 bytes each.

    segment  = version u8 (4) | crc32 of the rest u32 | count u32 | flags u8 (1: by time, too; 2: NaN is there)
             | column steps | column timestamps | values | least of each block, doubles | greatest of each, doubles
    column   = width u8 (0, 1, 2, 4 or 8) | first i64 | least difference i64 | (count - 1) × width offsets to it
             | what each block but the first begins with, i64, unless the width is 0
             | width u8 (255) | count × i64, when the differences do not fit
    values   = 0 u8 | doubles
             | 1 u8 | length u16 of each block | the doubles of each, deflated where that is shorter (version 2 only)
             | 2 u8 | length u32 of each plane | planes
    plane    = one byte, when it is the same for all | a byte of each value | these bytes deflated
             | in place of the first four, the last three of which have length 0: four bytes of each value

NaN is neither least nor greatest: both are NaN where there is nothing else. Version 2 had no planes. There is no 3,
which one flipped bit makes of 2. Version 1 had no order, which was always that of (timestamp, step, value), and no
blocks; its values were deflated as one.
"""

from __future__ import annotations

import math
import operator
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from siglum.core.errors import IntegrityError
from siglum.tracking.packed_column import BLOCK, Column, encode_column, little_endian, open_column
from siglum.tracking.packed_values import Values, encode_values, open_plain_values, open_values
from siglum.tracking.series import Point, in_point_order, point_order, step_order

Bounds: TypeAlias = tuple[float | None, float | None]
"""The least and the greatest value; None when all are NaN."""

_HEAD: Final = 9
_VERSION: Final = 4
_IN_BLOCKS: Final = (2, _VERSION)
_BY_TIME: Final = 1
_HAS_NAN: Final = 2


class Segment:
    """An open segment: its points by their place in `step_order`."""

    __slots__ = ("_bounds", "_flags", "_values", "count", "steps", "timestamps")

    def __init__(self, steps: Column, timestamps: Column, values: Values, bounds: array[float], flags: int) -> None:
        self.steps = steps
        self.timestamps = timestamps
        self.count = steps.count
        self._values = values
        self._bounds = bounds
        self._flags = flags

    def at(self, place: int) -> Point:
        """Return one point."""
        return self.steps.at(place), self.timestamps.at(place), self._values.part(place, place + 1)[0]

    def bounds(self, begin: int, end: int) -> Bounds:
        """Return the least and the greatest value from one place to before another."""
        known, blocks = self._bounds, len(self._bounds) // 2
        first, last = -(-begin // BLOCK), blocks if end == self.count else end // BLOCK
        if first > last:
            values = self._values.part(begin, end)
            return _whole(values, values, self._flags)
        ends = [(first - 1, begin, first * BLOCK)] if begin % BLOCK else []
        if last * BLOCK < end:
            ends.append((last, last * BLOCK, end))
        lows, highs = known[first:last].tolist(), known[blocks + first : blocks + last].tolist()
        for block, edge, stop in ends:
            # a part of a block is looked at when the block may hold the least or the greatest, or NaN
            if not lows or not min(lows) <= known[block] or not known[blocks + block] <= max(highs):
                values = self._values.part(edge, stop)
                lows += values
                highs += values
        return _whole(lows, highs, self._flags)

    def by_step(self) -> Iterator[Point]:
        """Yield all points, sorted by `step_order`."""
        return zip(self.steps.numbers(), self.timestamps.numbers(), self._values.all(), strict=True)

    def points(self) -> list[Point]:
        """Return all points, sorted by `point_order`."""
        points = list(self.by_step())
        if not self._flags & _BY_TIME:
            points.sort(key=point_order)
        return points

    def columns(self) -> tuple[Sequence[int], Sequence[int], Sequence[float]]:
        """Return the steps, timestamps and values of all points, sorted by `point_order`."""
        if self._flags & _BY_TIME:
            return self.steps.numbers(), self.timestamps.numbers(), self._values.all()
        steps, timestamps, values = zip(*self.points(), strict=True)
        return steps, timestamps, values


class Packed(msgspec.Struct, frozen=True, gc=False):
    """A segment in bytes, and what is known of it without opening it; `last` is its last point by `step_order`."""

    data: bytes
    first_step: int
    last: Point
    times: tuple[int, int]
    bounds: Bounds


def pack(points: Sequence[Point]) -> Packed:
    """Pack at least one point as a segment."""
    by_time = in_point_order(points)
    steps, times, values = zip(*by_time, strict=True)
    ends = times[0], times[-1]
    flags = _HAS_NAN if _has_nan(values) else 0
    if _grow(steps):
        flags |= _BY_TIME
    else:
        steps, times, values = zip(*sorted(points, key=step_order), strict=True)
    lows, highs = _bounds_of_blocks(values, flags)
    body = b"".join(
        (
            len(points).to_bytes(4, "little"),
            flags.to_bytes(1, "little"),
            encode_column(steps),
            encode_column(times),
            encode_values(values),
            little_endian(array("d", lows + highs)).tobytes(),
        )
    )
    data = _VERSION.to_bytes(1, "little") + zlib.crc32(body).to_bytes(4, "little") + body
    last = steps[-1], times[-1], values[-1]
    return Packed(data, steps[0], last, ends, _whole(lows, highs, flags))


def encode_segment(points: Sequence[Point]) -> bytes:
    """Return a segment's bytes alone."""
    return pack(points).data


def open_segment(data: bytes) -> Segment:
    """Open a packed segment. Raises IntegrityError when it is damaged."""
    if len(data) < _HEAD or zlib.crc32(memoryview(data)[5:]) != int.from_bytes(data[1:5], "little"):
        raise IntegrityError("A metric series in the database is damaged: a segment's checksum does not match.")
    count = int.from_bytes(data[5:9], "little")
    if data[0] in _IN_BLOCKS:
        steps, position = open_column(data, _HEAD + 1, count)
        timestamps, position = open_column(data, position, count)
        values, position = open_values(memoryview(data), position, count)
        return Segment(steps, timestamps, values, little_endian(array("d", data[position:])), data[_HEAD])
    if data[0] == 1:
        return _open_first_version(data, count)
    raise IntegrityError("A metric series in the database is damaged: it has a segment of unknown version.")


def decode_segment(data: bytes) -> list[Point]:
    """Unpack a segment, sorted by `point_order`. Raises IntegrityError when it is damaged."""
    return open_segment(data).points()


def _open_first_version(data: bytes, count: int) -> Segment:
    steps, position = open_column(data, _HEAD, count, blocks=False)
    timestamps, position = open_column(data, position, count, blocks=False)
    packed = memoryview(data)[position + 1 :]
    values = open_plain_values(zlib.decompress(packed) if data[position] else packed)
    numbers, doubles = steps.numbers(), values.all()
    if _grow(numbers):
        flags = _BY_TIME | (_HAS_NAN if _has_nan(doubles) else 0)
        lows, highs = _bounds_of_blocks(doubles, flags)
        return Segment(steps, timestamps, values, array("d", lows + highs), flags)
    return open_segment(encode_segment(list(zip(numbers, timestamps.numbers(), doubles, strict=True))))


def _grow(numbers: Sequence[int]) -> bool:
    return all(map(operator.le, numbers, numbers[1:]))


def _has_nan(values: Iterable[float]) -> bool:
    return math.isnan(sum(values)) and any(map(math.isnan, values))


def _bounds_of_blocks(values: Sequence[float], flags: int) -> tuple[list[float], list[float]]:
    """Return the least value of each block, and the greatest of each."""
    blocks = [values[start : start + BLOCK] for start in range(0, len(values), BLOCK)]
    if flags & _HAS_NAN:
        blocks = [[value for value in block if value == value] or [math.nan] for block in blocks]
    return list(map(min, blocks)), list(map(max, blocks))


def _whole(lows: list[float], highs: list[float], flags: int) -> Bounds:
    """Return the least and the greatest of all: NaN compares with nothing."""
    if flags & _HAS_NAN:
        lows, highs = [low for low in lows if low == low], [high for high in highs if high == high]
    return min(lows, default=None), max(highs, default=None)
