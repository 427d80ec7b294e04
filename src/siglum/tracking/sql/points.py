"""Metric points in the database: what is added goes to a summary of each (run, key) and to the journal of the run.

A batch is written as one journal entry, however many keys it has; `segments` packs what gathers there, and what is long
enough from the start. So an append rewrites nothing but summaries.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from siglum.tracking.segment import decode_segment
from siglum.tracking.series import Point, point_bytes, point_order
from siglum.tracking.sql.port import Row, Sql, marks
from siglum.tracking.sql.segments import FINAL_POINTS, add_segments, add_to_journal, pack_long_journal, read_journal

_SUMMARY_TYPES: Final = {
    "count": "BIGINT",
    "last_step": "BIGINT",
    "last_timestamp": "BIGINT",
    "last_value": "DOUBLE PRECISION",
    "min_value": "DOUBLE PRECISION",
    "min_step": "BIGINT",
    "max_value": "DOUBLE PRECISION",
    "max_step": "BIGINT",
}
_SUMMARY_COLUMNS: Final = ", ".join(_SUMMARY_TYPES)
_SPARSE: Final = 4
"""Rows of so many keys are passed by rather than to look for one."""

_ADD_SUMMARY: Final = f"""
    INSERT INTO metric_summaries ({_SUMMARY_COLUMNS}, run_key, key_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608  only constants


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


def append_points(
    sql: Sql, run_key: int, points: Mapping[str, Sequence[Point]], known_keys: Mapping[str, int]
) -> dict[str, int]:
    """Add points to series of one run, exact duplicates once. Returns ids of keys that `known_keys` did not have."""
    new_keys = _intern_keys(sql, [key for key in points if key not in known_keys])
    key_ids = {**known_keys, **new_keys} if new_keys else known_keys
    by_id = {key_ids[key]: series for key, series in points.items()}
    stored = _read_states(sql, run_key, list(by_id))
    added: list[tuple[object, ...]] = []
    changed, records, others = _continued(run_key, by_id, stored)
    long: dict[int, list[Point]] = {}
    for key_id, series in _without_duplicates(sql, run_key, others, stored).items():
        row = stored.get(key_id)
        (added if row is None else changed).append((*_summarise(row, series), run_key, key_id))
        if len(series) >= FINAL_POINTS:
            long[key_id] = list(series)  # as long as a segment gets: no need to wait for more
        else:
            records.extend([(key_id, *point) for point in series])
    if added:
        sql.many(_ADD_SUMMARY, added)
    if changed:
        # apart from adding, which has to look up what the row refers to: most points continue a series
        sql.update("metric_summaries", _SUMMARY_TYPES, ("run_key", "key_id"), changed)
    if long:
        add_segments(sql, run_key, long)
    if records:
        add_to_journal(sql, run_key, records)
        pack_long_journal(sql, run_key)
    return new_keys


def _intern_keys(sql: Sql, keys: Sequence[str]) -> dict[str, int]:
    if not keys:
        return {}
    select = f"SELECT key, key_id FROM metric_keys WHERE key IN ({marks(len(keys))})"  # noqa: S608
    found: dict[str, int] = dict(sql.all(select, keys))
    missing = [key for key in keys if key not in found]
    if missing:
        sql.many("INSERT INTO metric_keys (key) VALUES (?)", ((key,) for key in missing))
        found = dict(sql.all(select, keys))
    return found


def _read_states(sql: Sql, run_key: int, key_ids: Sequence[int]) -> dict[int, Row]:
    """Return the columns of summaries by key; of others, too, where reading through them takes less."""
    first, last = min(key_ids, default=0), max(key_ids, default=0)
    if last - first < _SPARSE * len(key_ids):
        which, values = "key_id BETWEEN ? AND ?", [first, last]
    else:
        which, values = f"key_id IN ({marks(len(key_ids))})", list(key_ids)
    rows = sql.all(
        f"SELECT {_SUMMARY_COLUMNS}, key_id FROM metric_summaries WHERE run_key = ? AND {which}",  # noqa: S608
        (run_key, *values),
    )
    return {row[8]: row for row in rows}


def _without_duplicates(
    sql: Sql, run_key: int, by_id: Mapping[int, Sequence[Point]], stored: Mapping[int, Row]
) -> dict[int, Sequence[Point]]:
    """Return the points that are not stored yet, each once, in the order given; keys without any are left out."""
    fresh: dict[int, Sequence[Point]] = {}
    suspects: dict[int, dict[bytes, Point]] = {}
    for key_id, series in by_id.items():
        row = stored.get(key_id)
        # no stored point is above the last (step, timestamp), so what is beyond it cannot be a duplicate
        if len(series) == 1 and (row is None or series[0][:2] > (row[1], row[2])):
            fresh[key_id] = series
            continue
        distinct = {point_bytes(point): point for point in series}
        if row is not None and min(distinct.values())[:2] <= (row[1], row[2]):
            suspects[key_id] = distinct
        else:
            fresh[key_id] = list(distinct.values())
    if suspects:
        for key_id, step, timestamp, value in read_journal(sql, run_key):
            if key_id in suspects:
                suspects[key_id].pop(point_bytes((step, timestamp, value)), None)
        for key_id, distinct in suspects.items():
            _drop_stored(sql, run_key, key_id, distinct)
            if distinct:
                fresh[key_id] = list(distinct.values())
    return fresh


def _drop_stored(sql: Sql, run_key: int, key_id: int, distinct: dict[bytes, Point]) -> None:
    """Take out of `distinct` what segments hold already."""
    if not distinct:
        return
    steps, timestamps = [p[0] for p in distinct.values()], [p[1] for p in distinct.values()]
    rows = sql.all(
        """SELECT data FROM metric_segments WHERE run_key = ? AND key_id = ?
           AND min_step <= ? AND max_step >= ? AND min_timestamp <= ? AND max_timestamp >= ?""",
        (run_key, key_id, max(steps), min(steps), max(timestamps), min(timestamps)),
    )
    for (data,) in rows:
        for point in decode_segment(data):
            distinct.pop(point_bytes(point), None)


def _last_order(point: Point) -> tuple[int, int, float]:
    """Sort key of what is the last point: MLflow compares NaN as 0, and keeps the first of two that are equal so."""
    step, timestamp, value = point
    return step, timestamp, value if value == value else 0.0


def _continued(
    run_key: int, by_id: Mapping[int, Sequence[Point]], stored: Mapping[int, Row]
) -> tuple[list[tuple[object, ...]], list[tuple[int, int, int, float]], dict[int, Sequence[Point]]]:
    """Take the common case, one more point of a series, later than all before: changed summaries, and what to store.

    The third is all that is left to look at: whether it is new, and what it makes of its summary.
    """
    changed: list[tuple[object, ...]] = []
    records: list[tuple[int, int, int, float]] = []
    others: dict[int, Sequence[Point]] = {}
    for key_id, series in by_id.items():
        row = stored.get(key_id)
        if row is None or len(series) != 1:
            others[key_id] = series
            continue
        count, last_step, last_timestamp, _, low, low_step, high, high_step, _ = row
        step, timestamp, value = series[0]
        if low is None or step < last_step or (step == last_step and timestamp <= last_timestamp):
            others[key_id] = series
            continue
        if value < low:  # NaN is neither below nor above anything
            low, low_step = value, step
        if value > high:
            high, high_step = value, step
        changed.append((count + 1, step, timestamp, value, low, low_step, high, high_step, run_key, key_id))
        records.append((key_id, step, timestamp, value))
    return changed, records, others


def _summarise(row: Row | None, fresh: Sequence[Point]) -> tuple[object, ...]:
    """Return the summary's columns with the points added."""
    if row is None and len(fresh) == 1:
        step, timestamp, value = fresh[0]
        if value != value:
            return 1, step, timestamp, value, None, None, None, None
        return 1, step, timestamp, value, value, step, value, step
    last = fresh[0] if len(fresh) == 1 else max(fresh, key=_last_order)
    if row is None:
        count, low, low_step, high, high_step = 0, None, None, None, None
    else:
        count, low, low_step, high, high_step = row[0], row[4], row[5], row[6], row[7]
        stored_last = (row[1], row[2], from_column(row[3]))
        if last[:2] <= stored_last[:2]:
            last = max(stored_last, last, key=_last_order)
    for step, _, value in fresh:
        # NaN compares false with everything, so it gets in only where nothing stands yet
        if value < low if low is not None else value == value:
            low, low_step = value, step
        if value > high if high is not None else value == value:
            high, high_step = value, step
    return count + len(fresh), *last, low, low_step, high, high_step


# -- reading -----------------------------------------------------------------------------------------------------------
def read_summaries(sql: Sql, run_key: int) -> dict[str, MetricSummary]:
    """Return the summaries of all series of a run, by key."""
    rows = sql.all(
        f"""SELECT k.key, {_SUMMARY_COLUMNS} FROM metric_summaries s JOIN metric_keys k ON k.key_id = s.key_id
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
