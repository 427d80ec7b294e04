"""Reading metric points from the database: summaries, and series from segments and the journal of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import msgspec

from siglum.tracking.segment import decode_segment
from siglum.tracking.series import Point, point_order
from siglum.tracking.sql.port import Row, Sql
from siglum.tracking.sql.segments import read_journal

SUMMARY_TYPES: Final = {
    "count": "BIGINT",
    "last_step": "BIGINT",
    "last_timestamp": "BIGINT",
    "last_value": "DOUBLE PRECISION",
    "min_value": "DOUBLE PRECISION",
    "min_step": "BIGINT",
    "max_value": "DOUBLE PRECISION",
    "max_step": "BIGINT",
}
SUMMARY_COLUMNS: Final = ", ".join(SUMMARY_TYPES)


class MetricSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A series in a few numbers. `last_*` is the greatest point by (step, timestamp, value), NaN as 0, as in MLflow.

    Minimum and maximum leave NaN out and are None when there is nothing else; their steps are the first that came.
    """

    count: int
    last_step: int
    last_timestamp: int
    last_value: float
    min_value: float | None = None
    min_step: int | None = None
    max_value: float | None = None
    max_step: int | None = None


def from_column(value: float | None) -> float:
    """Return a value as it was logged: the database keeps NaN as NULL."""
    return math.nan if value is None else value


def read_summaries(sql: Sql, run_key: int) -> dict[str, MetricSummary]:
    """Return the summaries of all series of a run, by key."""
    rows = sql.all(
        f"""SELECT k.key, {SUMMARY_COLUMNS} FROM metric_summaries s JOIN metric_keys k ON k.key_id = s.key_id
            WHERE s.run_key = ? ORDER BY k.key""",  # noqa: S608
        (run_key,),
    )
    return {
        key: MetricSummary(
            count=count,
            last_step=step,
            last_timestamp=timestamp,
            last_value=from_column(value),
            min_value=low,
            min_step=low_step,
            max_value=high,
            max_step=high_step,
        )
        for key, count, step, timestamp, value, low, low_step, high, high_step in rows
    }


def read_series(sql: Sql, run_key: int, key: str, after: Point | None, limit: int | None) -> list[Point]:
    """Return points in `point_order`, those after `after`, at most `limit` of them; no more is unpacked than needed."""
    row = sql.one("SELECT key_id FROM metric_keys WHERE key = ?", (key,))
    if row is None:
        return []
    key_id = row[0]
    waiting = [(step, timestamp, value) for of, step, timestamp, value in read_journal(sql, run_key) if of == key_id]
    segments = sql.all(
        """SELECT segment_id, min_timestamp FROM metric_segments
           WHERE run_key = ? AND key_id = ? AND max_timestamp >= ? ORDER BY min_timestamp""",
        (run_key, key_id, after[1] if after else -(2**63)),
    )
    return _merge(sql, segments, waiting, after, limit)


def _merge(
    sql: Sql, segments: Iterable[Row], waiting: list[Point], after: Point | None, limit: int | None
) -> list[Point]:
    done: list[Point] = []
    low = point_order(after) if after else None
    waiting = [p for p in waiting if low is None or point_order(p) > low]
    for segment_id, begins in segments:
        # what is older than all segments to come is in its final place
        waiting.sort(key=point_order)
        ready = next((i for i, p in enumerate(waiting) if p[1] >= begins), len(waiting))
        done.extend(waiting[:ready])
        del waiting[:ready]
        if limit is not None and len(done) >= limit:
            return done[:limit]
        row = sql.one("SELECT data FROM metric_segments WHERE segment_id = ?", (segment_id,))
        assert row is not None, "read in the same snapshot"
        points = decode_segment(row[0])
        waiting.extend(points if low is None else (p for p in points if point_order(p) > low))
    done.extend(sorted(waiting, key=point_order))
    return done if limit is None else done[:limit]
