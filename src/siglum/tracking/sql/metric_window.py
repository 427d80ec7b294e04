"""A metric for a chart: its points between two steps in so many ranges, without making a point of each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from siglum.tracking.segment import decode_segment, open_segment
from siglum.tracking.series import Point
from siglum.tracking.sql.points import from_column
from siglum.tracking.sql.port import Sql, marks
from siglum.tracking.sql.runs import require_run
from siglum.tracking.sql.segments import read_journal
from siglum.tracking.table import Window
from siglum.tracking.windows import WindowBuilder, window

FEW: Final = 5_000
"""So many points are read one by one whatever is asked."""
_AT_ONCE: Final = 500


def read(sql: Sql, run_id: str, key: str, buckets: int, start_step: int | None, end_step: int | None) -> Window:
    """Return the points of one key from `start_step` to `end_step`."""
    run_key, _, _ = require_run(sql, run_id)
    row = sql.one("SELECT key_id FROM metric_keys WHERE key = ?", (key,))
    if row is None:
        return window([], buckets)
    key_id = row[0]
    waiting = [(step, time, value) for of, step, time, value in read_journal(sql, run_key) if of == key_id]
    bounds = sql.one(
        "SELECT min(min_step), max(max_step) FROM metric_segments WHERE run_key = ? AND key_id = ?", (run_key, key_id)
    )
    edges = [step for step, _, _ in waiting] + [step for step in bounds or () if step is not None]
    if not edges:
        return window([], buckets)
    first = min(edges) if start_step is None else max(min(edges), start_step)
    last = max(edges) if end_step is None else min(max(edges), end_step)
    if first > last:
        return window([], buckets)
    segments = [
        _Segment(*row)
        for row in sql.all(
            """SELECT segment_id, count, min_step, max_step, last_timestamp, last_value, min_value, max_value
               FROM metric_segments WHERE run_key = ? AND key_id = ? AND max_step >= ? AND min_step <= ?""",
            (run_key, key_id, first, last),
        )
    ]
    if sum(segment.count for segment in segments) + len(waiting) > max(FEW, buckets):
        builder = WindowBuilder(first, last, buckets)
        builder.add_points(waiting)
        parted = {segment.segment_id: segment.last for segment in segments if not segment.add_to(builder)}
        for segment_id, data in _packed(sql, list(parted)):
            builder.add_segment(open_segment(data), parted[segment_id])
        found = builder.build()
        if found.count > buckets:
            return found
    points: list[Point] = list(waiting)
    for _, data in _packed(sql, [segment.segment_id for segment in segments]):
        points.extend(decode_segment(data))
    return window(points, buckets, first, last)


class _Segment(msgspec.Struct, frozen=True):
    """What is known of a segment without unpacking it; one of an older Siglum has nothing in the last four."""

    segment_id: int
    count: int
    min_step: int
    max_step: int
    last_timestamp: int | None
    last_value: float | None
    min_value: float | None
    max_value: float | None

    @property
    def last(self) -> Point | None:
        """Its last point by step, where that is known."""
        if self.last_timestamp is None:
            return None
        return self.max_step, self.last_timestamp, from_column(self.last_value)

    def add_to(self, builder: WindowBuilder) -> bool:
        """Add it as a whole; whether that was possible."""
        last = self.last
        return last is not None and builder.add_whole(self.min_step, last, self.min_value, self.max_value, self.count)


def _packed(sql: Sql, segment_ids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(segment_ids), _AT_ONCE):
        ids = segment_ids[start : start + _AT_ONCE]
        yield from sql.all(
            f"SELECT segment_id, data FROM metric_segments WHERE segment_id IN ({marks(len(ids))})",  # noqa: S608
            ids,
        )
