"""Points of metric series: their orders, and how the ones that came last wait in the database. Pure functions.

A *journal entry* is a row of 28-byte records (key, step, timestamp, value; little-endian) of one batch: cheap to
write. Its format is private to the database. Older points are in a `segment`.
"""

from __future__ import annotations

import itertools
import operator
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from siglum.core.errors import IntegrityError

Point: TypeAlias = tuple[int, int, float]
"""(step, timestamp, value)."""

_RECORD: Final = struct.Struct("<Iqqd")
RECORD_BYTES: Final = _RECORD.size
_POINT: Final = struct.Struct("<qqd")


def point_order(point: Point) -> tuple[int, int, float, bool]:
    """Sort key of a history: by timestamp, step, value; NaN as 0 and after it, as in MLflow."""
    step, timestamp, value = point
    nan = value != value
    return timestamp, step, 0.0 if nan else value, nan


def in_point_order(points: Sequence[Point]) -> Sequence[Point]:
    """Return points sorted by `point_order`. Most often they are, by their times alone, which is quick to see."""
    times = [point[1] for point in points]
    return points if all(map(operator.lt, times, times[1:])) else sorted(points, key=point_order)


def step_order(point: Point) -> tuple[int, int, float, bool]:
    """Sort key of a chart's points: by step, timestamp, value; NaN counts as 0, and comes after it, as in MLflow."""
    step, timestamp, value = point
    nan = value != value
    return step, timestamp, 0.0 if nan else value, nan


def point_bytes(point: Point) -> bytes:
    """Return what makes a point the same as another: its exact bits, so that NaN equals NaN."""
    return _POINT.pack(*point)


def encode_journal(points: Iterable[tuple[int, int, int, float]]) -> bytes:
    """Pack points, each after the id of its key."""
    return b"".join(itertools.starmap(_RECORD.pack, points))


def decode_journal(data: bytes) -> Iterator[tuple[int, int, int, float]]:
    """Unpack a journal entry. Raises IntegrityError when it is damaged."""
    if len(data) % _RECORD.size:
        raise IntegrityError("A metric series in the database is damaged: its journal has a broken record.")
    return _RECORD.iter_unpack(data)
