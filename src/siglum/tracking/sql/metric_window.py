"""A metric for a chart: its points between two steps in so many ranges, without making a point of each row."""

from __future__ import annotations

from typing import Final

from siglum.tracking.series import Point, decode_segment, open_segment
from siglum.tracking.sql.port import Sql
from siglum.tracking.sql.runs import require_run
from siglum.tracking.sql.segments import read_journal
from siglum.tracking.table import Window
from siglum.tracking.windows import WindowBuilder, window

FEW: Final = 5_000
"""So many points are read one by one whatever is asked."""


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
    segments: list[bytes] = [
        data
        for (data,) in sql.all(
            "SELECT data FROM metric_segments WHERE run_key = ? AND key_id = ? AND max_step >= ? AND min_step <= ?",
            (run_key, key_id, first, last),
        )
    ]
    if first > last:
        return window([], buckets)
    opened = [open_segment(data) for data in segments]
    if sum(len(values) for _, _, values in opened) + len(waiting) > max(FEW, buckets):
        builder = WindowBuilder(first, last, buckets)
        builder.add_points(waiting)
        for steps, timestamps, values in opened:
            builder.add_segment(steps, timestamps, values)
        found = builder.build()
        if found.count > buckets:
            return found
    points: list[Point] = [*waiting, *(point for data in segments for point in decode_segment(data))]
    return window(points, buckets, first, last)
