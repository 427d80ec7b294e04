"""Packing metric points: from the journal of a run to a segment for each series, and small segments to large ones.

When the journal of a run is long, its points are moved to a small segment for each key; when the small segments of a
series hold enough points, they are merged into one that stays as it is. So each point is packed about twice in its
life. When a run ends, all that is left small is merged, and series of a few points become one journal entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from siglum.tracking.segment import decode_segment, encode_segment
from siglum.tracking.series import (
    RECORD_BYTES,
    Point,
    decode_journal,
    encode_journal,
    point_order,
    summary_of,
)
from siglum.tracking.sql.port import Sql, marks

JOURNAL_ENTRIES: Final = 512
JOURNAL_POINTS: Final = 65_536
"""How long the journal of a run gets: reading a series has to look through all of it."""

SEGMENT_POINTS: Final = 1_000
FINAL_POINTS: Final = 500
"""A segment with this many points is never merged again."""
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
    series: dict[int, list[Point]] = {}
    for key_id, step, timestamp, value in read_journal(sql, run_key):
        series.setdefault(key_id, []).append((step, timestamp, value))
    return series


def pack_long_journal(sql: Sql, run_key: int) -> None:
    """Move the journal of a run to segments, once it is long."""
    row = sql.one("SELECT count(*), sum(count) FROM metric_journal WHERE run_key = ?", (run_key,))
    if row is None or (row[0] < JOURNAL_ENTRIES and row[1] < JOURNAL_POINTS):
        return
    for key_id, points in _journal_by_key(sql, run_key).items():
        add_segments(sql, run_key, key_id, points)
    _clear_journal(sql, run_key, *row)


def pack_ended_run(sql: Sql, run_key: int) -> None:
    """Pack what a run that has ended left small. It may go on later; then this is done again."""
    row = sql.one(
        "SELECT count(*), coalesce(max(count), 0), coalesce(sum(count), 0) FROM metric_journal WHERE run_key = ?",
        (run_key,),
    )
    small: dict[int, int] = dict(
        sql.all(
            f"SELECT key_id, count(*) FROM metric_segments WHERE run_key = ? AND {_SMALL} GROUP BY key_id",  # noqa: S608
            (run_key,),
        )
    )
    if row is None or (row[0] <= 1 and row[1] < SPARSE_POINTS and all(count == 1 for count in small.values())):
        return
    waiting = _journal_by_key(sql, run_key)
    sparse = {
        key_id: points for key_id, points in waiting.items() if len(points) < SPARSE_POINTS and key_id not in small
    }
    for key_id in (waiting.keys() | small.keys()) - sparse.keys():
        if key_id in waiting or small[key_id] > 1:
            add_segments(sql, run_key, key_id, waiting.get(key_id, []), merge_all=True)
    if len(sparse) < len(waiting) or row[0] > 1:
        _clear_journal(sql, run_key, row[0], row[2])
        _write_journal(sql, run_key, sparse)


def _clear_journal(sql: Sql, run_key: int, entries: int, points: int) -> None:
    sql.run("DELETE FROM metric_journal WHERE run_key = ?", (run_key,))
    sql.discarded("metric_journal", entries * _ENTRY_BYTES + points * RECORD_BYTES)


def _write_journal(sql: Sql, run_key: int, series: Mapping[int, list[Point]]) -> None:
    records = [(key_id, *point) for key_id, points in series.items() for point in points]
    for start in range(0, len(records), JOURNAL_POINTS):
        add_to_journal(sql, run_key, records[start : start + JOURNAL_POINTS])


def add_to_journal(sql: Sql, run_key: int, records: list[tuple[int, int, int, float]]) -> None:
    """Append points, each after the id of its key, as one entry."""
    sql.run(
        "INSERT INTO metric_journal (run_key, count, data) VALUES (?, ?, ?)",
        (run_key, len(records), encode_journal(records)),
    )


def add_segments(sql: Sql, run_key: int, key_id: int, points: list[Point], *, merge_all: bool = False) -> None:
    """Store points as segments, merged with the small ones once they are enough together, or in any case."""
    small = sql.all(
        f"SELECT segment_id, count FROM metric_segments WHERE run_key = ? AND key_id = ? AND {_SMALL}",  # noqa: S608
        (run_key, key_id),
    )
    enough = len(points) < FINAL_POINTS and sum(count for _, count in small) + len(points) >= SEGMENT_POINTS
    if small and (enough or merge_all):
        ids = [segment_id for segment_id, _ in small]
        where = f"WHERE segment_id IN ({marks(len(ids))})"
        for (data,) in sql.all(f"SELECT data FROM metric_segments {where}", ids):  # noqa: S608
            points.extend(decode_segment(data))
        sql.run(f"DELETE FROM metric_segments {where}", ids)  # noqa: S608
    points.sort(key=point_order)
    pieces = max(1, round(len(points) / SEGMENT_POINTS))
    size = -(-len(points) // pieces)
    for start in range(0, len(points), size):
        piece = points[start : start + size]
        steps = [p[0] for p in piece]
        (_, last_timestamp, last_value), low, high = summary_of(piece, steps)
        sql.run(
            """INSERT INTO metric_segments
               (run_key, key_id, count, min_step, max_step, min_timestamp, max_timestamp, data,
                last_timestamp, last_value, min_value, max_value)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                *(run_key, key_id, len(piece), min(steps), max(steps), piece[0][1], piece[-1][1]),
                *(encode_segment(piece), last_timestamp, last_value, low, high),
            ),
        )
