"""Packing metric points: from the journal of a run to a segment for each series, and small segments to large ones.

When the journal of a run is long, its points are moved to a small segment for each key; when the small segments of a
series hold enough points, they are merged into one that stays as it is. So each point is packed about twice in its
life. When a run ends, all that is left small is merged, and series of a few points become one journal entry. Others
cannot write meanwhile, so that no more is merged at once than takes a moment: the series of a run take turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from siglum.tracking.segment import decode_segment, pack
from siglum.tracking.series import (
    RECORD_BYTES,
    Point,
    decode_journal,
    encode_journal,
    in_point_order,
)
from siglum.tracking.sql.port import Sql, marks

JOURNAL_ENTRIES: Final = 512
JOURNAL_POINTS: Final = 65_536
"""How long the journal of a run gets: reading a series has to look through all of it."""

SEGMENT_POINTS: Final = 1_000
FINAL_POINTS: Final = 500
"""A segment with this many points is never merged again."""
MERGED_POINTS: Final = 32_768
"""So many points are merged at once, or somewhat more than are packed at the same time."""
_SMALL: Final = f"count < {FINAL_POINTS}"  # as the index on small segments has it, which no bound value would match

_ENTRY_BYTES: Final = 100
"""What an entry of the journal takes besides its points, with its place in two indexes."""

SPARSE_POINTS: Final = 32
"""A series of fewer points stays in the journal when its run ends: a segment of its own would take more room."""


def read_journal(sql: Sql, run_key: int) -> Iterator[tuple[int, int, int, float]]:
    """Yield key, step, timestamp and value of each point that is not packed yet."""
    for (data,) in sql.all("SELECT data FROM metric_journal WHERE run_key = ?", (run_key,)):
        yield from decode_journal(data)


def _journal_by_key(sql: Sql, run_key: int) -> dict[int, list[Point]]:
    series: defaultdict[int, list[Point]] = defaultdict(list)
    for (data,) in sql.all("SELECT data FROM metric_journal WHERE run_key = ?", (run_key,)):
        for key_id, step, timestamp, value in decode_journal(data):
            series[key_id].append((step, timestamp, value))
    return series


def pack_long_journal(sql: Sql, run_key: int) -> None:
    """Move the journal of a run to segments, once it is long."""
    row = sql.one("SELECT count(*), sum(count) FROM metric_journal WHERE run_key = ?", (run_key,))
    if row is None or (row[0] < JOURNAL_ENTRIES and row[1] < JOURNAL_POINTS):
        return
    add_segments(sql, run_key, _journal_by_key(sql, run_key))
    _clear_journal(sql, run_key, *row)


def pack_ended_run(sql: Sql, run_key: int) -> bool:
    """Pack a part of what a run that has ended left small, and return whether there is more.

    The run may go on later; then this is done again.
    """
    row = sql.one(
        "SELECT count(*), coalesce(max(count), 0), coalesce(sum(count), 0) FROM metric_journal WHERE run_key = ?",
        (run_key,),
    )
    small = _small_segments(sql, run_key)
    if row is None or (row[0] <= 1 and row[1] < SPARSE_POINTS and all(len(of_key) == 1 for of_key in small.values())):
        return False
    waiting = _journal_by_key(sql, run_key)
    sparse = {
        key_id: points for key_id, points in waiting.items() if len(points) < SPARSE_POINTS and key_id not in small
    }
    parted = {key_id for key_id, of_key in small.items() if len(of_key) > 1}
    ending = {key_id: waiting.get(key_id, []) for key_id in sorted((waiting.keys() | parted) - sparse.keys())}
    merged = add_segments(sql, run_key, ending, merge_all=True)
    if len(sparse) < len(waiting) or row[0] > 1:
        _clear_journal(sql, run_key, row[0], row[2])
        _write_journal(sql, run_key, sparse)
    return any(key_id in small and key_id not in merged for key_id in ending)


def _clear_journal(sql: Sql, run_key: int, entries: int, points: int) -> None:
    sql.run("DELETE FROM metric_journal WHERE run_key = ?", (run_key,))
    sql.discarded("metric_journal", entries * _ENTRY_BYTES + points * RECORD_BYTES)


def _write_journal(sql: Sql, run_key: int, series: Mapping[int, list[Point]]) -> None:
    records = [(key_id, *point) for key_id, points in series.items() for point in points]
    for start in range(0, len(records), JOURNAL_POINTS):
        add_to_journal(sql, {run_key: records[start : start + JOURNAL_POINTS]})


def add_to_journal(sql: Sql, records: Mapping[int, list[tuple[int, int, int, float]]]) -> None:
    """Append points, each after the id of its key, as one entry for each run."""
    sql.many(
        "INSERT INTO metric_journal (run_key, count, data) VALUES (?, ?, ?)",
        [(run_key, len(of_run), encode_journal(of_run)) for run_key, of_run in records.items()],
    )


def add_segments(sql: Sql, run_key: int, series: Mapping[int, list[Point]], *, merge_all: bool = False) -> set[int]:
    """Store points of some keys as segments, merged with the small ones once they are enough together, or in any case.

    Returns the keys that were merged, which are not all of these when that would take long. The lists may be changed.
    """
    small = _small_segments(sql, run_key, next(iter(series)) if len(series) == 1 else None)
    turn = _whose_turn(series, small, merge_all=merge_all)
    merged: list[int] = []
    rows: list[tuple[object, ...]] = []
    for key_id, points in series.items():
        if key_id in turn:
            ids = [segment_id for segment_id, _ in small[key_id]]
            select = f"SELECT data FROM metric_segments WHERE segment_id IN ({marks(len(ids))})"  # noqa: S608
            for (data,) in sql.all(select, ids):
                points.extend(decode_segment(data))
            merged += ids
        if points:
            rows += ((run_key, key_id, *columns) for columns in _packed(points))
    sql.many("DELETE FROM metric_segments WHERE segment_id = ?", [(segment_id,) for segment_id in merged])
    sql.many(
        """INSERT INTO metric_segments
           (run_key, key_id, count, min_step, max_step, min_timestamp, max_timestamp, data,
            last_timestamp, last_value, min_value, max_value)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        rows,
    )
    return turn


def _whose_turn(
    series: Mapping[int, Sequence[Point]], small: Mapping[int, Sequence[tuple[int, int]]], *, merge_all: bool
) -> set[int]:
    """Return the keys to merge now: those with the most points first."""
    given = {key_id: len(points) for key_id, points in series.items() if key_id in small}
    if not merge_all:
        given = {key_id: count for key_id, count in given.items() if count < FINAL_POINTS}
    least = 0 if merge_all else SEGMENT_POINTS
    together = {key_id: count + sum(of for _, of in small[key_id]) for key_id, count in given.items()}
    left = max(MERGED_POINTS, sum(map(len, series.values())) * 5 // 4)
    turn: set[int] = set()
    for key_id in sorted(together, key=together.__getitem__, reverse=True):
        if together[key_id] < least or left <= 0:
            break
        turn.add(key_id)
        left -= together[key_id]
    return turn


def _small_segments(sql: Sql, run_key: int, key_id: int | None = None) -> dict[int, list[tuple[int, int]]]:
    """Return the segments that may still be merged, of one key or all: id and count, by key."""
    where, values = ("AND key_id = ?", (run_key, key_id)) if key_id is not None else ("", (run_key,))
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    statement = f"SELECT key_id, segment_id, count FROM metric_segments WHERE run_key = ? {where} AND {_SMALL}"  # noqa: S608
    for of_key, segment_id, count in sql.all(statement, values):
        found[of_key].append((segment_id, count))
    return found


def _packed(points: Sequence[Point]) -> Iterator[tuple[object, ...]]:
    """Yield the columns of a segment's row, from `count` on, for each about 1,000 points."""
    ordered = in_point_order(points)
    pieces = max(1, round(len(ordered) / SEGMENT_POINTS))
    size = -(-len(ordered) // pieces)
    for start in range(0, len(ordered), size):
        piece = ordered[start : start + size]
        packed = pack(piece)
        last_step, last_timestamp, last_value = packed.last
        yield (
            *(len(piece), packed.first_step, last_step, *packed.times, packed.data),
            *(last_timestamp, last_value, *packed.bounds),
        )
