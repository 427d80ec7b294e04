"""Adding metric points: to a summary of each (run, key), and to the journal of the run.

A batch is written as one journal entry, however many keys it has; `segments` packs what gathers there, and what is long
enough from the start. So an append rewrites nothing but summaries. Batches of several runs are written in as many
statements as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from siglum.tracking.segment import decode_segment
from siglum.tracking.series import Point, point_bytes
from siglum.tracking.sql.points import SUMMARY_COLUMNS, SUMMARY_TYPES, from_column
from siglum.tracking.sql.port import Row, Sql, marks
from siglum.tracking.sql.segments import FINAL_POINTS, add_segments, add_to_journal, pack_long_journal, read_journal

LOOK_EVERY: Final = 16
"""After so many points of a series it is looked whether the journal of its run is long, which takes counting it."""
_SPARSE: Final = 4
"""Rows of so many keys are passed by rather than to look for one."""

_ADD_SUMMARY: Final = f"""
    INSERT INTO metric_summaries ({SUMMARY_COLUMNS}, run_key, key_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608  only constants


class _Changes(msgspec.Struct):
    """What is written for some runs: rows of summaries, and points, by run, for segments and for the journal."""

    added: list[tuple[object, ...]] = []
    changed: list[tuple[object, ...]] = []
    long: dict[int, dict[int, list[Point]]] = {}
    records: dict[int, list[tuple[int, int, int, float]]] = {}
    looked_at: list[int] = []


def append_points(
    sql: Sql, points: Mapping[int, Mapping[str, Sequence[Point]]], known_keys: Mapping[str, int]
) -> dict[str, int]:
    """Add points to series, by the key of the run and of the series, exact duplicates once.

    Returns ids of keys that `known_keys` did not have.
    """
    unknown = dict.fromkeys(key for series in points.values() for key in series if key not in known_keys)
    new_keys = _intern_keys(sql, list(unknown))
    key_ids = {**known_keys, **new_keys} if new_keys else known_keys
    by_run = {run_key: {key_ids[key]: of_key for key, of_key in series.items()} for run_key, series in points.items()}
    changes = _Changes()
    for run_key, stored in _read_states(sql, by_run).items():
        _plan(sql, run_key, by_run[run_key], stored, changes)
    if changes.added:
        sql.many(_ADD_SUMMARY, changes.added)
    if changes.changed:
        # apart from adding, which has to look up what the row refers to: most points continue a series
        sql.update("metric_summaries", SUMMARY_TYPES, ("run_key", "key_id"), changes.changed)
    for run_key, long in changes.long.items():
        add_segments(sql, run_key, long)
    if changes.records:
        add_to_journal(sql, changes.records)
    for run_key in changes.looked_at:
        pack_long_journal(sql, run_key)
    return new_keys


def _plan(
    sql: Sql, run_key: int, by_id: Mapping[int, Sequence[Point]], stored: Mapping[int, Row], changes: _Changes
) -> None:
    """Add to `changes` what the points of one run come to."""
    changed, records, others = _continued(run_key, by_id, stored)
    look = len(changed) >= LOOK_EVERY
    long: dict[int, list[Point]] = {}
    for key_id, series in _without_duplicates(sql, run_key, others, stored).items():
        row = stored.get(key_id)
        (changes.added if row is None else changed).append((*_summarise(row, series), run_key, key_id))
        look = look or row is None or len(series) >= LOOK_EVERY
        if len(series) >= FINAL_POINTS:
            long[key_id] = list(series)  # as long as a segment gets: no need to wait for more
        else:
            records.extend([(key_id, *point) for point in series])
    changes.changed += changed
    if long:
        changes.long[run_key] = long
    if records:
        changes.records[run_key] = records
        if look or any(_passes_a_look(stored[key_id][0], len(by_id[key_id]), key_id) for key_id in by_id):
            changes.looked_at.append(run_key)


def _passes_a_look(before: int, added: int, key_id: int) -> bool:
    """Whether it is this many-th point of a series after which is looked. The series of a run take turns."""
    return (before + key_id - 1) // LOOK_EVERY != (before + added + key_id - 1) // LOOK_EVERY


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


def _read_states(sql: Sql, by_run: Mapping[int, Mapping[int, object]]) -> dict[int, dict[int, Row]]:
    """Return the columns of summaries by run and key; of others, too, where reading through them takes less."""
    if len(by_run) == 1:
        (run_key,) = by_run
        which, values = _keys_of_one(run_key, list(by_run[run_key]))
    else:
        wanted = [(run_key, key_id) for run_key, key_ids in by_run.items() for key_id in key_ids]
        which = f"(run_key, key_id) IN (VALUES {', '.join(['(?, ?)'] * len(wanted))})"
        values = [number for pair in wanted for number in pair]
    found: dict[int, dict[int, Row]] = {run_key: {} for run_key in by_run}
    select = f"SELECT {SUMMARY_COLUMNS}, key_id, run_key FROM metric_summaries WHERE {which}"  # noqa: S608
    for row in sql.all(select, values):
        found[row[9]][row[8]] = row
    return found


def _keys_of_one(run_key: int, key_ids: Sequence[int]) -> tuple[str, list[int]]:
    first, last = min(key_ids, default=0), max(key_ids, default=0)
    if last - first < _SPARSE * len(key_ids):
        return "run_key = ? AND key_id BETWEEN ? AND ?", [run_key, first, last]
    return f"run_key = ? AND key_id IN ({marks(len(key_ids))})", [run_key, *key_ids]


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
        count, last_step, last_timestamp, _, low, low_step, high, high_step, _, _ = row
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
