"""A series in columns, portion by portion: whole segments as they are kept, without making a point of each row."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence

from siglum.tracking.segment import open_segment
from siglum.tracking.series import Point, point_bytes, point_order
from siglum.tracking.sql.points import read_series
from siglum.tracking.sql.port import Row, Sql
from siglum.tracking.sql.runs import require_run
from siglum.tracking.sql.segments import read_journal
from siglum.tracking.table import Columns


def read(sql: Sql, run_id: str, key: str, after: Point | None, limit: int) -> Columns:
    """Return about `limit` points in `point_order`, those after `after`; none when there are no more."""
    run_key, _, _ = require_run(sql, run_id)
    row = sql.one("SELECT key_id FROM metric_keys WHERE key = ?", (key,))
    if row is None:
        return Columns.of(())
    since = -(2**63) if after is None else after[1]
    segments = sql.all(
        """SELECT segment_id, min_timestamp, max_timestamp FROM metric_segments
           WHERE run_key = ? AND key_id = ? AND max_timestamp >= ? ORDER BY min_timestamp, max_timestamp""",
        (run_key, row[0], since),
    )
    waiting = [(step, time, value) for of, step, time, value in read_journal(sql, run_key) if of == row[0]]
    if after is not None:
        waiting = [point for point in waiting if point_order(point) > point_order(after)]
        if segments and segments[0][2] == after[1] and _last_of(sql, segments[0][0]) == point_bytes(after):
            del segments[0]  # what the portion before ended with
    if not segments or not _in_order(segments, waiting, after):
        return Columns.of(read_series(sql, run_key, key, after, limit))
    columns = Columns(array("q"), array("q"), array("d"))
    for segment_id, _, _ in segments:
        if len(columns.values) >= limit:
            return columns
        steps, timestamps, values = open_segment(_data(sql, segment_id)).columns()
        columns.steps.extend(steps)
        columns.timestamps.extend(timestamps)
        columns.values.extend(values)
    for step, time, value in sorted(waiting, key=point_order):
        columns.add((step, time, value))
    return columns


def _last_of(sql: Sql, segment_id: int) -> bytes:
    steps, timestamps, values = open_segment(_data(sql, segment_id)).columns()
    return point_bytes((steps[-1], timestamps[-1], values[-1]))


def _data(sql: Sql, segment_id: int) -> bytes:
    found = sql.one("SELECT data FROM metric_segments WHERE segment_id = ?", (segment_id,))
    assert found is not None, "read in the same snapshot"
    return bytes(found[0])


def _in_order(segments: Sequence[Row], waiting: Sequence[Point], after: Point | None) -> bool:
    """Whether each segment is all later than the one before and than `after`, and what waits later than all of them."""
    if after is not None and segments[0][1] <= after[1]:
        return False
    if any(earlier[2] >= later[1] for earlier, later in itertools.pairwise(segments)):
        return False
    return all(time > segments[-1][2] for _, time, _ in waiting)
