"""The points of runs in MLflow's database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from siglum.migration.mlflow_records import stored_value
from siglum.migration.reader import RunRecord, Series
from siglum.migration.source_database import SourceDatabase
from siglum.tracking.series import Point

PORTION: Final = 50_000
"""Points that are read at once; a run of more is read key by key."""


def read_points(database: SourceDatabase, record: RunRecord) -> Iterator[Series]:
    """Yield the points of a run in portions."""
    run_id = record.run.info.run_id
    # without an order: SQLite would take the index that has it, and read the points of all runs
    select = "SELECT key, step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ?"
    if (record.points or 0) <= PORTION:
        yield _series(database.all(select, (run_id,)))
        return
    for (key,) in database.all("SELECT DISTINCT key FROM metrics WHERE run_uuid = ? ORDER BY key", (run_id,)):
        rows = database.all(f"{select} AND key = ?", (run_id, key))
        rows.sort(key=lambda row: row[2])
        for start in range(0, len(rows), PORTION):
            yield _series(rows[start : start + PORTION])


def _series(rows: Sequence[tuple[Any, ...]]) -> Series:
    """Return points by key, of rows of key, step, time, value and whether it is NaN."""
    series: dict[str, list[Point]] = {}
    for key, step, time, value, is_nan in rows:
        series.setdefault(key, []).append((step, time, stored_value(value, is_nan)))
    return series
