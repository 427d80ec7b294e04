"""The part of the tracking contract that is about metric series."""

# Fixtures are asked for to be there, and a page token is no secret.

from __future__ import annotations

import math
import threading

import pytest

from siglum.core.errors import (
    InvalidInputError,
    NotFoundError,
)
from siglum.testing.tracking_fixtures import TrackingFixtures
from siglum.tracking.entities import (
    Metric,
    Param,
    RunStatus,
    Tag,
)
from siglum.tracking.store import TrackingStore


class MetricContract(TrackingFixtures):
    """Metric series."""

    def test_last_value_is_the_greatest_by_step_then_timestamp_then_value(
        self, store: TrackingStore, run_id: str
    ) -> None:
        store.log_batch(
            run_id,
            metrics=[
                Metric("m", 9.0, 5, step=1),
                Metric("m", 1.0, 3, step=2),
                Metric("m", 3.0, 3, step=2),
                Metric("m", 2.0, 3, step=2),
                Metric("m", 8.0, 9, step=0),
            ],
        )
        run = store.get_run(run_id)
        assert run.data.metrics == {"m": 3.0}
        assert run.data.latest == (Metric("m", 3.0, 3, step=2),)
        store.log_batch(run_id, metrics=[Metric("m", 0.5, 4, step=2)])
        assert store.get_run(run_id).data.metrics == {"m": 0.5}
        store.log_batch(run_id, metrics=[Metric("m", 7.0, 100, step=-1)])
        assert store.get_run(run_id).data.metrics == {"m": 0.5}

    def test_nan_counts_as_0_where_points_are_compared(self, store: TrackingStore, run_id: str) -> None:
        """As in MLflow: for the last of several points of one step and time, and in the order of a history."""
        for key, values in (
            ("a", (-1.0, math.nan)),
            ("b", (1.0, math.nan)),
            ("c", (math.nan, -1.0)),
            ("d", (math.nan, 1.0)),
        ):
            store.log_batch(run_id, metrics=[Metric(key, values[0], 5, step=1)])
            store.log_batch(run_id, metrics=[Metric(key, values[1], 5, step=1)])
            store.log_batch(run_id, metrics=[Metric(f"{key}-at-once", value, 5, step=1) for value in values])
        found = store.get_run(run_id).data.metrics
        assert [key for key in sorted(found) if math.isnan(found[key])] == ["a", "a-at-once", "c", "c-at-once"]
        assert found["b"] == found["d"] == found["b-at-once"] == found["d-at-once"] == 1.0
        assert math.isnan(store.metric_history(run_id, "a").items[1].value)
        assert math.isnan(store.metric_history(run_id, "b").items[0].value)

    def test_a_run_that_ended_and_goes_on_keeps_its_points(self, store: TrackingStore, run_id: str) -> None:
        expected: list[Metric] = []
        for part in range(4):
            points = [Metric("m", math.cos(i), i, step=i) for i in range(part * 400, part * 400 + 400)]
            few = [Metric("few", float(part), part, step=part)]
            for batch in (points, few):
                store.log_batch(run_id, metrics=batch)
            expected += points
            before = store.get_run(run_id).data.metrics
            store.update_run(run_id, status=RunStatus.FINISHED if part % 2 else RunStatus.KILLED, end_time=part)
            assert store.get_run(run_id).data.metrics == before
            assert store.metric_history(run_id, "m").items == tuple(expected)
        store.log_batch(run_id, metrics=[*expected[600:1400], Metric("few", 2.0, 2, step=2)])
        assert store.metric_history(run_id, "m").items == tuple(expected)
        assert [p.value for p in store.metric_history(run_id, "few").items] == [0.0, 1.0, 2.0, 3.0]

    def test_history_is_ordered_by_timestamp_then_step(self, store: TrackingStore, run_id: str) -> None:
        points = [Metric("m", float(v), ts, step=step) for v, ts, step in [(1, 5, 0), (2, 4, 7), (3, 4, 6), (4, 9, -2)]]
        for point in points:
            store.log_batch(run_id, metrics=[point])
        assert store.metric_history(run_id, "m").items == (points[2], points[1], points[0], points[3])
        assert store.metric_history(run_id, "unknown").items == ()

    def test_exact_duplicates_are_stored_once(self, store: TrackingStore, run_id: str) -> None:
        batch = [Metric("m", float(i % 3), i, step=i) for i in range(300)] + [Metric("n", math.nan, 1)]
        for _ in range(3):
            store.log_batch(run_id, metrics=batch)
        store.log_batch(run_id, metrics=[batch[7], batch[7], batch[299], batch[300], batch[300]])
        assert store.metric_history(run_id, "m").items == tuple(batch[:300])
        assert len(store.metric_history(run_id, "n").items) == 1
        store.log_batch(run_id, metrics=[Metric("m", 0.5, 7, step=7)])
        assert len(store.metric_history(run_id, "m").items) == 301

    def test_nan_is_kept(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, metrics=[Metric("m", 1.0, 1, step=1), Metric("m", math.nan, 2, step=2)])
        assert math.isnan(store.get_run(run_id).data.metrics["m"])
        first, second = store.metric_history(run_id, "m").items
        assert first.value == 1.0
        assert math.isnan(second.value)

    def test_values_are_exact(self, store: TrackingStore, run_id: str) -> None:
        values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -1e-300, 123456789.123456789, 2.0**53 + 2]
        store.log_batch(run_id, metrics=[Metric("m", v, i, step=i) for i, v in enumerate(values)])
        assert [p.value for p in store.metric_history(run_id, "m").items] == values

    def test_extreme_steps_and_times(self, store: TrackingStore, run_id: str) -> None:
        points = [Metric("m", 1.0, 0, step=-(2**63)), Metric("m", 2.0, 2**63 - 1, step=2**63 - 1)]
        points += [Metric("m", 3.0, 2**62 + i, step=i) for i in range(100)]
        store.log_batch(run_id, metrics=points)
        points.sort(key=lambda p: p.timestamp)
        assert store.metric_history(run_id, "m").items == tuple(points)
        for bad in (Metric("m", 1.0, -1), Metric("m", 1.0, 2**63), Metric("m", 1.0, 1, step=2**63)):
            with pytest.raises(InvalidInputError):
                store.log_batch(run_id, metrics=[bad])

    def test_a_batch_is_all_or_nothing(self, store: TrackingStore, run_id: str) -> None:
        with pytest.raises(InvalidInputError):
            store.log_batch(
                run_id,
                metrics=[Metric("good", 1.0, 1), Metric("bad//key", 1.0, 1)],
                params=[Param("p", "1")],
                tags=[Tag("t", "1")],
            )
        data = store.get_run(run_id).data
        assert data.metrics == {}
        assert data.params == {}
        assert "t" not in data.tags

    def test_long_series_in_pages(self, store: TrackingStore, run_id: str) -> None:
        points = [Metric("m", math.sin(i), 1_700_000_000_000 + i * 250 + i % 7, step=i) for i in range(3_500)]
        shuffled = points[1::2] + points[0::2]
        for start in range(0, len(shuffled), 700):
            store.log_batch(run_id, metrics=shuffled[start : start + 700])
        assert store.metric_history(run_id, "m").items == tuple(points)
        found: list[Metric] = []
        token = None
        while True:
            page = store.metric_history(run_id, "m", max_results=999, page_token=token)
            assert len(page.items) <= 999
            found += page.items
            token = page.next_token
            if token is None:
                break
        assert found == points

    def test_small_appends(self, store: TrackingStore, run_id: str) -> None:
        points = [Metric("m", i * 0.5, i, step=i) for i in range(200)]
        for point in points:
            store.log_batch(run_id, metrics=[point])
        assert store.metric_history(run_id, "m").items == tuple(points)
        assert store.get_run(run_id).data.metrics == {"m": 99.5}

    def test_bad_history_tokens(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, metrics=[Metric("m", 1.0, i) for i in range(5)] + [Metric("n", 1.0, 1)])
        token = store.metric_history(run_id, "m", max_results=2).next_token
        assert token is not None
        for key, bad in (("m", "x"), ("m", "§"), ("n", token)):
            with pytest.raises(InvalidInputError):
                store.metric_history(run_id, key, max_results=2, page_token=bad)
        with pytest.raises(InvalidInputError):
            store.metric_history(run_id, "m", max_results=0)

    def test_a_window_of_a_series(self, store: TrackingStore, run_id: str) -> None:
        """Points that are packed and points that are not, in one call."""
        for start in range(0, 9_000, 1_000):
            steps = range(start, start + 1_000)
            store.log_batch(run_id, metrics=[Metric("m", float(step % 100), step, step) for step in steps])
        store.log_batch(run_id, metrics=[Metric("m", math.nan, 9_000, 9_000), Metric("m", -1.0, 9_001, 50)])
        whole = store.metric_window(run_id, "m", 9)
        assert (whole.exact, whole.count) == (False, 9_002)
        assert whole.first_step == list(range(0, 9_000, 1_001))[:9]
        assert whole.min_value == [-1.0] + [0.0] * 8
        assert whole.max_value == [99.0] * 9
        assert math.isnan(whole.last_value[-1])
        few = store.metric_window(run_id, "m", 10, start_step=48, end_step=51)
        assert (few.exact, few.first_step, few.last_value) == (
            True,
            [48, 49, 50, 50, 51],
            [48.0, 49.0, 50.0, -1.0, 51.0],
        )
        assert store.metric_window(run_id, "m", 5, start_step=9_500).count == 0
        assert store.metric_window(run_id, "none", 5).count == 0
        with pytest.raises(InvalidInputError):
            store.metric_window(run_id, "m", 0)
        with pytest.raises(NotFoundError):
            store.metric_window("0" * 32, "m", 5)

    def test_many_threads(self, store: TrackingStore, run_id: str) -> None:
        failures: list[BaseException] = []

        def log(thread: int) -> None:
            try:
                for i in range(20):
                    store.log_batch(
                        run_id,
                        metrics=[
                            Metric("shared", float(thread), i, step=i),
                            Metric(f"own{thread}", float(i), i, step=i),
                        ],
                        params=[Param("same", "value")],
                    )
            except BaseException as error:  # noqa: BLE001  shown by the assertion below
                failures.append(error)

        threads = [threading.Thread(target=log, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(store.metric_history(run_id, "shared").items) == 160
        for n in range(8):
            assert [p.value for p in store.metric_history(run_id, f"own{n}").items] == [float(i) for i in range(20)]
