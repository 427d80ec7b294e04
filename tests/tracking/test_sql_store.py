"""What the SQL store promises beyond the contract: exact infinities, summaries, pins, a bounded count of statements."""

from __future__ import annotations

import math
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError
from siglum.registry.entities import Change
from siglum.registry.sql.store import SqlRegistryStore
from siglum.testing.tracking_fixtures import unique
from siglum.tracking.entities import (
    Dataset,
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunStatus,
    Tag,
)
from siglum.tracking.segment import Segment, open_segment
from siglum.tracking.sql import appending, metric_window, point_batches, segments
from siglum.tracking.sql.artifact_index import SqlArtifactIndex
from siglum.tracking.sql.database import Database, open_database
from siglum.tracking.sql.point_batches import PointBatch
from siglum.tracking.sql.points import MetricSummary
from siglum.tracking.sql.port import Sql
from siglum.tracking.sql.segments import FINAL_POINTS, JOURNAL_ENTRIES, JOURNAL_POINTS
from siglum.tracking.sql.store import SqlTrackingStore
from siglum.tracking.wire import write_run


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/siglum.db")
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> SqlTrackingStore:
    return SqlTrackingStore(database)


@pytest.fixture
def sql_count(database: Database) -> Callable[[Callable[[], object]], int]:
    """How many SQL statements a call takes."""

    def count(call: Callable[[], object]) -> int:
        before = database.statements
        call()
        return database.statements - before

    return count


# -- metrics -----------------------------------------------------------------------------------------------------------
def test_infinities_are_exact(store: SqlTrackingStore) -> None:
    run = store.create_run("0").info.run_id
    store.log_batch(run, metrics=[Metric("m", math.inf, 1, 1), Metric("m", -math.inf, 2, 2)])
    assert [p.value for p in store.metric_history(run, "m").items] == [math.inf, -math.inf]
    assert store.get_run(run).data.metrics == {"m": -math.inf}
    page = store.search_runs(["0"], order_by=["metrics.m"], max_results=1)
    assert len(page.items) == 1


def test_orders_by_infinite_values_page(store: SqlTrackingStore) -> None:
    experiment = store.create_experiment("e")
    for i, value in enumerate([math.inf, 1.0, -math.inf, math.nan]):
        run = store.create_run(experiment, run_name=str(i)).info.run_id
        store.log_batch(run, metrics=[Metric("m", value, 1)])
    names, token = "", None
    for _ in range(4):
        page = store.search_runs([experiment], order_by=["metrics.m DESC"], max_results=1, page_token=token)
        names += page.items[0].info.run_name
        token = page.next_token
    assert names == "0123"


def test_summaries(store: SqlTrackingStore) -> None:
    run = store.create_run("0").info.run_id
    store.log_batch(
        run, metrics=[Metric("m", v, 1, step) for step, v in enumerate([3.0, math.nan, -1.0, 7.0, -1.0, 2.0])]
    )
    store.log_batch(run, metrics=[Metric("m", 7.0, 9, 0), Metric("only-nan", math.nan, 1)])
    summaries = store.metric_summaries(run)
    assert summaries["m"] == MetricSummary(
        count=7, last_step=5, last_timestamp=1, last_value=2.0, min_value=-1.0, min_step=2, max_value=7.0, max_step=3
    )
    assert summaries["only-nan"].min_value is None
    assert summaries["only-nan"].count == 1


def test_a_series_takes_few_rows_and_few_bytes(database: Database, store: SqlTrackingStore) -> None:
    run = store.create_run("0").info.run_id
    rng = random.Random(7)
    for start in range(0, 70_000, 1000):
        times = [(i, 1_700_000_000_000 + i * 1000) for i in range(start, start + 1000)]
        store.log_batch(run, metrics=[Metric("m", rng.random(), timestamp, step) for step, timestamp in times])
    for step in range(JOURNAL_ENTRIES + 50):
        store.log_batch(run, metrics=[Metric("n", float(step), step, step)])

    def measure(sql: Sql) -> tuple[int, int, int, int]:
        (segments,) = sql.all("SELECT count(*), sum(count), sum(length(data)) FROM metric_segments")
        (journal,) = sql.all("SELECT coalesce(sum(count), 0) FROM metric_journal")
        return *segments, journal[0]

    rows, points, size, journal = database.read(measure)
    assert points + journal == 70_000 + JOURNAL_ENTRIES + 50
    assert journal < JOURNAL_POINTS
    assert rows <= points / 1000 + 3
    assert size / points <= 12
    history = store.metric_history(run, "n").items
    assert [p.step for p in history] == list(range(JOURNAL_ENTRIES + 50))


@pytest.mark.parametrize("keys", [1, 7, 100])
def test_a_journal_does_not_get_long_whatever_is_logged_to_it(
    database: Database, store: SqlTrackingStore, keys: int
) -> None:
    run = store.create_run("0").info.run_id
    points = JOURNAL_ENTRIES + 20 * keys + 100
    longest = 0
    for i in range(points):
        store.log_batch(run, metrics=[Metric(f"m{i % keys}", float(i), i, i)])
        if i % 50 == 0:
            longest = max(longest, *database.read(lambda sql: sql.all("SELECT count(*) FROM metric_journal"))[0])
    assert JOURNAL_ENTRIES - 50 <= longest < JOURNAL_ENTRIES + 50, "it is packed, and not sooner than it has to be"
    assert sum(len(store.metric_history(run, f"m{key}").items) for key in range(keys)) == points


def test_an_ended_run_is_packed(database: Database, store: SqlTrackingStore) -> None:
    run = store.create_run("0").info.run_id

    def rows() -> dict[str, list[int]]:
        def read(sql: Sql) -> dict[str, list[int]]:
            return {
                table: sorted(count for (count,) in sql.all(f"SELECT count FROM {table}"))
                for table in ("metric_segments", "metric_journal")
            }

        return database.read(read)

    for step in range(JOURNAL_ENTRIES * 2 + 40):
        few = [Metric(f"few-{step}", 1.0, step, step)] if step % 260 == 0 else []
        store.log_batch(run, metrics=[Metric("m", float(step), step, step), *few])
    assert len(rows()["metric_journal"]) == 40
    store.update_run(run, status=RunStatus.FINISHED)
    packed = {"metric_segments": [1, 1, 1, 1, 40, JOURNAL_ENTRIES, JOURNAL_ENTRIES], "metric_journal": [1]}
    assert rows() == packed
    before = database.statements
    store.update_run(run, status=RunStatus.FINISHED)
    assert database.statements - before <= 8, "a run that is packed is left alone"
    assert rows() == packed
    assert [p.step for p in store.metric_history(run, "m").items] == list(range(JOURNAL_ENTRIES * 2 + 40))


def test_series_take_turns_to_be_merged(
    database: Database, store: SqlTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("JOURNAL_ENTRIES", 50), ("SEGMENT_POINTS", 100), ("MERGED_POINTS", 150)):
        monkeypatch.setattr(segments, name, value)
    monkeypatch.setattr(appending, "LOOK_EVERY", 1)
    run = store.create_run("0").info.run_id

    def counts() -> list[int]:
        return database.read(lambda sql: sorted(c for (c,) in sql.all("SELECT count FROM metric_segments")))

    for step in range(100):
        store.log_batch(run, metrics=[Metric(f"m{key}", float(key + step), step, step) for key in range(10)])
    assert counts() == [50] * 6 + [100] * 7, "not many more are merged than are packed"
    writes: list[list[int]] = []
    write = database.write

    def watched(work: Callable[[Sql], object], weight: int = 1) -> object:
        result = write(work, weight)
        writes.append(counts())
        return result

    monkeypatch.setattr(database, "write", watched)
    store.update_run(run, status=RunStatus.FINISHED)
    assert writes == [[50] * 2 + [100] * 9, [100] * 10], "two at once, others may write in between"
    for key in range(10):
        assert [p.value for p in store.metric_history(run, f"m{key}").items] == [float(key + s) for s in range(100)]


def test_small_segments_are_found_by_their_index(database: Database) -> None:
    plans = database.read(
        lambda sql: [
            sql.all(
                f"EXPLAIN QUERY PLAN SELECT count FROM metric_segments WHERE run_key = 1 {more} AND count < {small}"
            )
            for more in ("", "AND key_id = 1")
            for small in (FINAL_POINTS, FINAL_POINTS + 1)
        ]
    )
    uses = ["metric_segments_small" in str(plan) for plan in plans]
    assert uses == [True, False, True, False]


def test_a_window_unpacks_only_what_is_in_two_ranges(
    database: Database, store: SqlTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bytes] = []

    def counted(data: bytes) -> Segment:
        opened.append(data)
        return open_segment(data)

    monkeypatch.setattr(metric_window, "open_segment", counted)
    run = store.create_run("0").info.run_id
    for start in range(0, 20_000, 1_000):
        steps = range(start, start + 1_000)
        store.log_batch(run, metrics=[Metric("m", math.nan if s % 7 else s % 97, s, s) for s in steps])
    whole = store.metric_window(run, "m", 10)
    assert (opened, whole.points, whole.max_value) == ([], [2_000] * 10, [96.0] * 10)
    parted = store.metric_window(run, "m", 9, start_step=100, end_step=18_099)
    assert 8 <= len(opened) <= 10
    # a database of an older Siglum has no summaries of segments
    database.write(
        lambda sql: sql.run("UPDATE metric_segments SET last_timestamp = NULL, min_value = NULL, max_value = NULL")
    )
    opened.clear()
    assert repr(store.metric_window(run, "m", 10)) == repr(whole)  # as text, NaN is the same as NaN
    assert len(opened) == 20
    assert repr(store.metric_window(run, "m", 9, start_step=100, end_step=18_099)) == repr(parted)


def test_summaries_of_segments_are_read_from_their_index(database: Database) -> None:
    (plan,) = database.read(
        lambda sql: sql.all(
            """EXPLAIN QUERY PLAN
               SELECT segment_id, count, min_step, max_step, last_timestamp, last_value, min_value, max_value
               FROM metric_segments WHERE run_key = 1 AND key_id = 1 AND max_step >= 5 AND min_step <= 9"""
        )
    )
    assert "USING COVERING INDEX metric_segments_by_step" in str(plan)


def test_random_batches_against_a_set(store: SqlTrackingStore) -> None:
    """Many shapes of batches, with repetitions and old points, against a plain set."""
    rng = random.Random(11)
    run = store.create_run("0").info.run_id
    known: dict[str, set[tuple[int, int, float]]] = {key: set() for key in "abc"}
    for _ in range(150):
        batch = [
            (rng.choice("abc"), rng.randrange(-5, 40), rng.randrange(60), float(rng.randrange(3)))
            for _ in range(rng.choice([1, 2, 50, 900]))
        ]
        store.log_batch(run, metrics=[Metric(k, v, ts, step) for k, step, ts, v in batch])
        for key, step, ts, value in batch:
            known[key].add((ts, step, value))
    data = store.get_run(run).data
    for key, points in known.items():
        history = [(p.timestamp, p.step, p.value) for p in store.metric_history(run, key).items]
        assert history == sorted(points)
        assert data.metrics[key] == max((s, t, v) for t, s, v in points)[2]
        assert store.metric_summaries(run)[key].count == len(points)


def test_runs_as_messages_are_what_runs_are_written_as(store: SqlTrackingStore) -> None:
    for number in range(3):
        run = store.create_run("0", run_name=f"run {number}").info.run_id
        values = {"z": math.nan, "b": math.inf, "a": -math.inf, "ä": 0.5}
        store.log_batch(
            run,
            metrics=[Metric(key, value, 5, number) for key, value in values.items()][number:],
            params=[Param("lr", "0.1"), Param("batch", "")],
            tags=[Tag("team", "ß"), Tag("empty", "")],
        )
        data = Dataset(name=f"d{number}", digest="1", source_type="local", source="{}", schema="{}")
        store.log_inputs(run, datasets=[DatasetInput(dataset=data, tags=(Tag("b", "1"), Tag("a", "2")))])
        model = store.create_logged_model("0", source_run_id=run)
        store.log_inputs(run, models=[LoggedModelInput(model_id=model.model_id)])
        store.log_outputs(run, [LoggedModelOutput(model_id=model.model_id, step=number)])
    store.update_run(run, status=RunStatus.FINISHED, end_time=7)
    store.create_run("0", run_name="empty")
    first, rest = (
        (store.search_runs(["0"], max_results=size), store.search_run_messages(["0"], max_results=size))
        for size in (2, 100)
    )
    for entities, messages in (first, rest):
        assert [msgspec.json.encode(write_run(run)) for run in entities.items] == list(
            map(msgspec.json.encode, messages.items)
        )
        assert entities.next_token == messages.next_token
    assert len(rest[1].items) == 4


# -- how many statements -----------------------------------------------------------------------------------------------
def test_a_page_of_runs_takes_a_constant_number_of_statements(
    store: SqlTrackingStore, sql_count: Callable[[Callable[[], object]], int]
) -> None:
    experiment = store.create_experiment("e")

    def search() -> object:
        return store.search_runs([experiment], filter_string="metrics.m > 0", order_by=["params.p"])

    search()  # opens the connection that the next ones use
    counts = []
    for size in (1, 20):
        for _ in range(size):
            run = store.create_run(experiment).info.run_id
            dataset = Dataset(name="d", digest="1", source_type="local", source="{}")
            store.log_inputs(run, datasets=[DatasetInput(dataset=dataset, tags=(Tag("a", "b"),))])
            store.log_batch(run, metrics=[Metric("m", 1.0, 1)], params=[Param("p", "1")])
        counts.append(sql_count(search))
    assert counts[0] == counts[1] <= 12


def test_logging_takes_a_constant_number_of_statements(
    store: SqlTrackingStore, sql_count: Callable[[Callable[[], object]], int]
) -> None:
    run = store.create_run("0").info.run_id

    def log(size: int) -> int:
        metrics = [Metric(f"{size}-{i}", 1.0, 1) for i in range(size)]
        return sql_count(lambda: store.log_batch(run, metrics=metrics))

    assert log(1) == log(1000) <= 12


def test_points_of_many_clients_are_stored_at_once(
    store: SqlTrackingStore, sql_count: Callable[[Callable[[], object]], int]
) -> None:
    runs = [store.create_run("0").info.run_id for _ in range(20)]
    for run in runs:
        store.log_batch(run, metrics=[Metric("a", 0.0, 0, 0), Metric("b", 0.0, 0, 0)])

    def store_all() -> None:
        batches = [
            PointBatch(run, {key: [(step, step, step / 2)]})
            for step in (1, 2, 1)  # the third has all of the first again
            for run in runs
            for key in "ab"
        ]
        store.database.write(lambda sql: point_batches.store(sql, batches, {}))

    assert sql_count(store_all) <= 12
    for run in runs:
        assert store.get_run(run).data.metrics == {"a": 1.0, "b": 1.0}
        assert [point.step for point in store.metric_history(run, "a").items] == [0, 1, 2]
    gone = runs[3]
    store.delete_run(gone)
    with pytest.raises(ConflictError, match=gone):
        store_all()
    with pytest.raises(NotFoundError, match="nobody"):
        store.queue_batch("nobody", metrics=[Metric("a", 0.0, 0, 0)]).result(60)


# -- pins --------------------------------------------------------------------------------------------------------------
def test_a_batch_that_is_queued_ends_as_one_that_is_logged(database: Database, store: SqlTrackingStore) -> None:
    run = store.create_run("0").info.run_id
    stored = store.queue_batch(run, metrics=[Metric("m", 1.0, 1)], params=[Param("p", "1")])
    assert not stored.cancel()
    stored.result(60)
    assert store.get_run(run).data.metrics == {"m": 1.0}
    refused = store.queue_batch(run, metrics=[Metric("new", 1.0, 1)], params=[Param("p", "2")])
    with pytest.raises(ConflictError, match="cannot be changed"):
        refused.result(60)
    # the key of a metric that was undone is not taken for known
    store.queue_batch(run, metrics=[Metric("new", 2.0, 2)]).result(60)
    assert [point.value for point in store.metric_history(run, "new").items] == [2.0]
    with pytest.raises(InvalidInputError, match="negative"):
        store.queue_batch(run, metrics=[Metric("m", 1.0, -1)])
    database.close()
    with pytest.raises(ConflictError, match="closed"):
        store.queue_batch(run, metrics=[Metric("m", 1.0, 2)])


def test_what_a_model_version_came_from_is_not_deleted(database: Database, store: SqlTrackingStore) -> None:
    registry, change = SqlRegistryStore(database), Change("ann")
    experiment = store.create_experiment("e")
    run = store.create_run(experiment).info.run_id
    model = store.create_logged_model(experiment, source_run_id=run).model_id
    name = unique("churn")
    registry.create_registered_model(name, change=change)
    registry.create_model_version(name, f"models:/{model}", change=change, run_id=run, model_id=model)
    deletions: list[Callable[[], None]] = [
        lambda: store.delete_run(run),
        lambda: store.delete_logged_model(model),
        lambda: store.delete_experiment(experiment),
    ]
    for delete in deletions:
        with pytest.raises(ConflictError, match=f"{name}@1"):
            delete()
    registry.delete_model_version(name, "1", change=change)
    for delete in deletions:
        delete()


# -- the artifact index ------------------------------------------------------------------------------------------------
def test_artifact_index(database: Database) -> None:
    index = SqlArtifactIndex(database)
    for path in ("0/a/m", "0/a/m/x", "0/a/m/y/z", "0/a/m0", "0/a/m-x", "0/a"):
        index.record(path, len(path), "00")
    index.record("0/a/m/x", 7, "11")
    assert index.get("0/a/m/x") == (7, "11")
    assert index.get("0/a/m/") is None
    index.remove("0/a/m")
    found = [p for p in ("0/a/m", "0/a/m/x", "0/a/m/y/z", "0/a/m0", "0/a/m-x", "0/a") if index.get(p)]
    assert found == ["0/a/m0", "0/a/m-x", "0/a"]


# -- power -------------------------------------------------------------------------------------------------------------
KILLED = """
import sys, itertools
from siglum.tracking.entities import Metric
from siglum.tracking.sql.database import open_database
from siglum.tracking.sql.store import SqlTrackingStore
from siglum.tracking.wire import write_run
store = SqlTrackingStore(open_database(sys.argv[1]))
run, start = sys.argv[2], int(sys.argv[3])
for i in itertools.count(start):
    store.log_batch(run, metrics=[Metric(f"m{k}", float(i), i, i) for k in range(5)])
    sys.stdout.write(f"{i}\\n")
    sys.stdout.flush()
"""


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/a.db"
    store = SqlTrackingStore(open_database(uri))
    run = store.create_run("0").info.run_id
    store.close()
    rng = random.Random(3)
    acknowledged: list[int] = []
    for trial in range(20):
        start = trial * 1_000_000
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, uri, run, str(start)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(rng.randrange(1, 80))]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        acknowledged += [int(line) for line in lines if line.endswith("\n")]
    store = SqlTrackingStore(open_database(uri))
    for key in ("m0", "m4"):
        steps = [p.step for p in store.metric_history(run, key).items]
        assert len(steps) == len(set(steps))
        assert set(acknowledged) <= set(steps)
        assert len(steps) - len(acknowledged) <= 20, "at most one unacknowledged batch for each kill"
    store.close()
