"""The queue of metric points: order, batches, refusals, a store that is away, forks."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import pytest

from siglum.client.metric_queue import BATCH_POINTS, MetricQueue
from siglum.core.errors import ConflictError, InternalError, UnavailableError
from siglum.tracking.entities import Metric


class Store:
    """Keeps what it is sent; fails while `failure` is set."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, tuple[Metric, ...]]] = []
        self.failure: Exception | None = None
        self.attempts = 0
        self.tried = threading.Event()

    def send(self, run_id: str, points: Sequence[Metric]) -> None:
        self.attempts += 1
        self.tried.set()
        if self.failure is not None:
            raise self.failure
        self.batches.append((run_id, tuple(points)))

    def values(self, run_id: str) -> list[float]:
        return [point.value for run, points in self.batches if run == run_id for point in points]


def point(value: float) -> Metric:
    return Metric("loss", value, 1, int(value))


def test_points_arrive_in_order_and_in_batches() -> None:
    store = Store()
    queue = MetricQueue(store.send)
    for number in range(2 * BATCH_POINTS + 7):
        queue.put("r", point(number))
    queue.flush()
    assert store.values("r") == list(range(2 * BATCH_POINTS + 7))
    assert max(len(points) for _, points in store.batches) <= BATCH_POINTS
    queue.close()


def test_the_thread_sends_without_a_flush() -> None:
    store = Store()
    queue = MetricQueue(store.send)
    queue.put("r", point(1))
    assert store.tried.wait(30)
    queue.close()
    assert store.values("r") == [1]


def test_runs_that_take_turns_share_batches() -> None:
    store = Store()
    queue = MetricQueue(store.send)
    with queue._sending:  # so that all points are taken out at once
        for number in range(500):
            queue.put("a", point(number))
            queue.put("b", point(number))
    queue.flush()
    assert store.values("a") == store.values("b") == list(range(500))
    assert len(store.batches) <= 4
    queue.close()


def test_a_refusal_is_raised_once_and_names_the_run() -> None:
    store = Store()
    queue = MetricQueue(store.send)
    store.failure = ConflictError("The run r has been deleted.", hint="Restore it.")
    queue.put("r", point(1))
    queue.put("r", point(2))
    with pytest.raises(ConflictError, match="2 metric points of run r could not be stored: The run r has been deleted"):
        queue.flush("r")
    store.failure = None
    queue.flush("r")
    queue.put("r", point(3))
    queue.flush("r")
    assert store.values("r") == [3]
    queue.close()


def test_a_refusal_is_kept_for_the_run_that_it_is_about() -> None:
    store = Store()
    queue = MetricQueue(store.send)
    store.failure = ConflictError("no")
    queue.put("gone", point(1))
    queue.flush("other")
    store.failure = None
    with pytest.raises(ConflictError):
        queue.flush("gone")
    queue.close()


def test_a_bug_in_the_store_is_not_lost_either() -> None:
    store = Store()
    queue = MetricQueue(store.send)
    store.failure = RuntimeError("boom")
    queue.put("r", point(1))
    with pytest.raises(InternalError, match="RuntimeError: boom"):
        queue.flush()
    queue.close()


def test_points_wait_for_a_store_that_is_away() -> None:
    store = Store()
    queue = MetricQueue(store.send)
    store.failure = UnavailableError("No server answers.")
    for number in range(10):
        queue.put("r", point(number))
    with pytest.raises(UnavailableError, match="10 metric points could not be sent yet: No server answers"):
        queue.flush(patience=0.15)
    assert store.attempts > 0
    store.failure = None
    queue.flush()
    assert store.values("r") == list(range(10))
    queue.close()


def test_closing_says_what_is_lost() -> None:
    store = Store()
    queue = MetricQueue(store.send)
    store.failure = ConflictError("no")
    queue.put("r", point(1))
    with pytest.raises(ConflictError):
        queue.close()


def test_many_threads() -> None:
    store = Store()
    queue = MetricQueue(store.send)

    def work(run: str) -> None:
        for number in range(1000):
            queue.put(run, point(number))

    threads = [threading.Thread(target=work, args=(str(run),)) for run in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.flush()
    for run in range(4):
        assert store.values(str(run)) == list(range(1000))
    queue.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_empty_and_works() -> None:
    store = Store()
    queue = MetricQueue(store.send)
    with queue._sending:  # held by this thread, as a sending thread may hold it at any fork
        queue.put("r", point(1))
        child = os.fork()
        if child == 0:
            status = 2
            try:
                queue.put("r", point(2))
                queue.flush(patience=5)
                status = 0 if store.values("r") == [2] else 1
            finally:
                os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    queue.flush()
    assert store.values("r") == [1]
    queue.close()
