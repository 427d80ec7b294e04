"""A series in columns is the history of its metric, however it is kept and in whatever portions it is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from siglum.core.errors import NotFoundError
from siglum.tracking.entities import Metric
from siglum.tracking.series import Point
from siglum.tracking.sql import series_columns
from siglum.tracking.sql.database import open_database
from siglum.tracking.sql.store import SqlTrackingStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlTrackingStore]:
    database = open_database(f"sqlite:///{tmp_path}/siglum.db")
    yield SqlTrackingStore(database)
    database.close()


def steady(count: int, start: int = 0) -> list[Point]:
    return [(i, 10 * i, math.nan if i % 97 == 0 else float(i % 13)) for i in range(start, start + count)]


CASES = {
    "in order, the end in the journal": [steady(1000), steady(1000, 1000), steady(30, 2000)],
    "one time for all": [[(step, 5, value) for step, _, value in steady(1000, start)] for start in (0, 1000)],
    "segments that overlap": [steady(1000), [(step, time - 4000, value) for step, time, value in steady(1000, 1000)]],
    "a straggler in the journal": [steady(1000), steady(1000, 1000), [(7, 3, 0.25)]],
    "steps that go back": [[(-step, time, value) for step, time, value in steady(1000)], steady(1000, 1000)],
    "few": [steady(3)],
    "none": [],
}


@pytest.mark.parametrize("batches", CASES.values(), ids=CASES)
@pytest.mark.parametrize("limit", [1, 700, 5000])
def test_the_history(store: SqlTrackingStore, batches: list[list[Point]], limit: int) -> None:
    run_id = store.create_run("0").info.run_id
    for batch in batches:
        store.log_batch(run_id, metrics=[Metric("loss", value, time, step) for step, time, value in batch])
    expected = [(p.step, p.timestamp, repr(p.value)) for p in store.metric_history(run_id, "loss").items]
    found: list[tuple[int, int, str]] = []
    after: Point | None = None
    # point by point through thousands would take long, and a few show it
    while len(found) < (len(expected) if limit > 1 else 25):
        columns = store.metric_columns(run_id, "loss", after=after, limit=limit)
        after = columns.last
        if after is None:
            break
        assert len(columns.values) < limit + 1000
        points = zip(columns.steps, columns.timestamps, columns.values, strict=True)
        found += [(step, time, repr(value)) for step, time, value in points]
    assert found == expected[: len(found)]
    if limit > 1 or after is None:
        assert found == expected
    with pytest.raises(NotFoundError):
        store.metric_columns("0" * 32, "loss", after=None, limit=limit)


def test_a_steady_series_is_read_without_making_points(
    store: SqlTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run("0").info.run_id
    for start in (0, 1000, 2000):
        store.log_batch(
            run_id, metrics=[Metric("loss", value, time, step) for step, time, value in steady(1000, start)]
        )
    monkeypatch.setattr(series_columns, "read_series", lambda *_: pytest.fail("point by point"))
    first = store.metric_columns(run_id, "loss", after=None, limit=1500)
    assert (len(first.values), first.last and first.last[:2]) == (2000, (1999, 19_990))
    rest = store.metric_columns(run_id, "loss", after=first.last, limit=1500)
    assert list(rest.steps) == list(range(2000, 3000))
