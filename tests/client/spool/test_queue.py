"""The spool of a process: order, batches, refusals, a store that is away, threads, signals, forks."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from siglum.client.spool import refused, run_spool, worker
from siglum.client.spool.delivery import Delivery
from siglum.client.spool.inventory import spool_paths
from siglum.client.spool.leftovers import send_leftovers
from siglum.client.spool.queue import SpoolQueue
from siglum.client.spool.records import File, Header, Params, Tags
from siglum.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.core.limits import BATCH_METRICS
from siglum.tracking.entities import Experiment, Metric, Param, Run, Tag
from siglum.tracking.store import Page, TrackingStore

URL = "http://store"


class Store:
    """Keeps what it is sent, each batch once by its key; refuses what `refuses` says, fails while `failure` is set."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, tuple[Metric, ...]]] = []
        self.params: dict[str, str] = {}
        self.failure: Exception | None = None
        self.fails_after_storing = False
        self.refuses: Callable[[str, Sequence[Param]], SiglumError | None] = lambda _run, _params: None
        self.keys: dict[str, object] = {}
        self.tried = threading.Event()
        self.slow_for: str | None = None
        self.gate = threading.Event()

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[Tag] = (),
        idempotency_key: str | None = None,
    ) -> None:
        self.tried.set()
        if run_id == self.slow_for:
            assert self.gate.wait(60)
        if self.failure is not None and not self.fails_after_storing:
            raise self.failure
        if (refusal := self.refuses(run_id, params)) is not None:
            raise refusal
        if not (metrics or params or tags):
            return
        batch = (run_id, tuple(metrics), tuple(params), tuple(tags))
        assert idempotency_key is not None
        assert self.keys.setdefault(idempotency_key, batch) == batch, "one key for two batches"
        if self.keys[idempotency_key] is batch:
            self.batches.append((run_id, tuple(metrics)))
            self.params |= {param.key: param.value for param in params}
        if self.failure is not None:
            raise self.failure

    def get_run(self, run_id: str) -> None:
        if self.failure is not None:
            raise self.failure

    def search_experiments(self) -> Page[Experiment]:
        return Page(())

    def search_runs(self, _experiments: Sequence[str], *, filter_string: str) -> Page[Run]:
        assert filter_string
        return Page(())

    def values(self, run_id: str) -> list[float]:
        return [point.value for run, points in self.batches if run == run_id for point in points]


def delivery_to(store: Store) -> Delivery:
    return Delivery(cast("TrackingStore", store), cast("Any", None))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def queue(store: Store, tmp_path: Path) -> Iterator[SpoolQueue]:
    made = SpoolQueue(delivery_to(store), URL, str(tmp_path / "spool"))
    yield made
    store.failure = None
    made.close()


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


def point(value: float) -> Metric:
    return Metric("loss", value, 1, int(value))


def test_points_arrive_in_order_and_in_batches(store: Store, queue: SpoolQueue) -> None:
    for number in range(2 * BATCH_METRICS + 7):
        queue.put("r", point(number))
    queue.flush()
    assert store.values("r") == list(range(2 * BATCH_METRICS + 7))
    assert max(len(points) for _, points in store.batches) <= BATCH_METRICS


def test_the_thread_sends_without_a_flush(store: Store, queue: SpoolQueue) -> None:
    queue.put("r", point(1))
    assert store.tried.wait(30)
    queue.flush()
    assert store.values("r") == [1]


def test_a_refusal_is_raised_once_and_names_the_run(store: Store, queue: SpoolQueue) -> None:
    store.refuses = lambda _run, _params: ConflictError("The run r has been deleted.", hint="Restore it.")
    queue.put("r", point(1))
    queue.put("r", point(2))
    queue.put("other", point(3))
    with pytest.raises(ConflictError, match="2 metric points of run r could not be stored: The run r has been deleted"):
        queue.flush("r")
    store.refuses = lambda _run, _params: None
    queue.flush("r")
    queue.put("r", point(4))
    queue.flush("r")
    assert store.values("r") == [4]
    queue.discard("other")


def test_all_refusals_since_the_last_flush_are_one_error(
    store: Store, queue: SpoolQueue, caplog: pytest.LogCaptureFixture
) -> None:
    store.refuses = lambda _run, _params: ConflictError("No.")
    queue.put("r", point(1))
    wait_until(lambda: caplog.messages != [])
    queue.put_record("r", Params({"a": "1"}))
    queue.put("other", point(1))
    queue.finish("other")
    queue.finish("r")  # one of its two records was said before
    queue.close()
    said = "1 {} of run {} could not be stored: No. 'siglum spool list' shows what was refused."
    assert sorted(caplog.messages) == sorted(
        [said.format("metric point", "other"), said.format("metric point", "r"), said.format("record", "r")]
    )
    with pytest.raises(ConflictError, match=r"2 records of run r \(and 1 record of 1 other run\) could not be stored"):
        queue.flush()
    queue.flush()
    assert len(caplog.messages) == 3


def test_what_is_beside_a_refused_record_is_stored(store: Store, queue: SpoolQueue) -> None:
    store.refuses = lambda _run, params: ConflictError("No.") if any(each.key == "bad" for each in params) else None
    with queue.open("r").sending:  # so that all goes in one batch
        queue.put("r", point(1))
        queue.put_record("r", Params({"good": "1"}))
        queue.put_record("r", Params({"bad": "2"}))
        queue.put_record("r", Tags({"t": "v"}))
        queue.put("r", point(2))
    with pytest.raises(ConflictError, match=r"1 record of run r could not be stored: No\."):
        queue.flush()
    assert store.values("r") == [1, 2]
    assert store.params == {"good": "1"}


def test_a_parameter_that_two_records_have_is_sent_once(store: Store, queue: SpoolQueue) -> None:
    def refuse(_run: str, params: Sequence[Param]) -> SiglumError | None:
        return None if len({each.key for each in params}) == len(params) else ConflictError("Twice.")

    store.refuses = refuse
    with queue.open("r").sending:  # so that all goes in one batch, which servers refuse when it says a thing twice
        queue.put_record("r", Params({"a": "1"}))
        queue.put_record("r", Params({"a": "1", "b": "2"}))
    queue.flush()
    assert store.params == {"a": "1", "b": "2"}
    assert len(store.keys) == 1


def test_a_bug_in_the_store_is_heard_and_loses_nothing(store: Store, queue: SpoolQueue) -> None:
    store.failure = RuntimeError("boom")
    queue.put("r", point(1))
    with pytest.raises(UnavailableError, match="RuntimeError: boom"):
        queue.flush(patience=0)
    store.failure = None
    queue.flush()
    assert store.values("r") == [1]


def test_points_wait_for_a_store_that_is_away(store: Store, queue: SpoolQueue, tmp_path: Path) -> None:
    store.failure = UnavailableError("No server answers.")
    for number in range(10):
        queue.put("r", point(number))
    with pytest.raises(UnavailableError, match="10 records could not be sent to http://store yet: No server answers"):
        queue.flush(patience=0.15)
    assert not queue.settle("r")  # does not raise
    store.failure = None
    queue.flush()
    assert store.values("r") == list(range(10))
    queue.end("r")
    assert spool_paths(str(tmp_path / "spool")) == []


def test_a_slow_store_holds_up_neither_the_training_nor_another_run(store: Store, queue: SpoolQueue) -> None:
    store.slow_for = "slow"
    queue.put("slow", point(0))
    assert store.tried.wait(30)
    for number in range(1, 3000):
        queue.put("slow", point(number))
        queue.put("other", point(number))
    queue.flush("other")
    assert store.values("slow") == []
    assert store.values("other") == list(range(1, 3000))
    store.gate.set()
    queue.flush()
    assert store.values("slow") == list(range(3000))


def test_a_long_run_does_not_fill_the_disk(
    store: Store, queue: SpoolQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_spool, "RENEWED_BYTES", 100_000)
    for number in range(20_000):
        queue.put("r", point(number))
        if number % 1000 == 999:
            queue.flush()
    assert store.values("r") == list(range(20_000))
    (path,) = spool_paths(str(tmp_path / "spool"))
    assert os.path.getsize(path) < 500_000


def test_a_batch_whose_answer_was_lost_is_stored_once(store: Store, queue: SpoolQueue) -> None:
    """The store took it and died: it is sent again as it was, whatever was put behind it meanwhile."""
    store.failure, store.fails_after_storing = UnavailableError("Gone."), True
    for number in range(5):
        queue.put("r", point(number))
    assert not queue.settle("r")
    for number in range(5, 9):
        queue.put("r", point(number))
    assert store.values("r")
    store.failure = None
    queue.flush()
    assert store.values("r") == list(range(9))


def test_another_process_sends_the_rest_once(store: Store, tmp_path: Path) -> None:
    folder = str(tmp_path / "spool")
    queue = SpoolQueue(delivery_to(store), URL, folder)
    store.failure, store.fails_after_storing = UnavailableError("Gone."), True
    with queue.open("r").sending:
        for number in range(5):
            queue.put("r", point(number))
    assert not queue.settle("r")
    queue.put("r", point(5))
    with pytest.raises(UnavailableError, match=r"'siglum sync' sends"):
        queue.close()
    store.failure = None
    for records in (6, 0):
        sent = send_leftovers(
            spool_paths(folder), None, lambda _uri: (delivery_to(store), cast("TrackingStore", store))
        )
        assert sum(each.records for each in sent) == records
        assert store.values("r") == list(range(6))
    assert os.listdir(folder) == []


def test_a_run_that_is_not_there_yet_is_waited_for(store: Store, queue: SpoolQueue, monkeypatch: Any) -> None:
    """Another process makes it, which has not been able to send that yet."""
    absent = NotFoundError("Run r not found.")
    store.failure = absent
    queue.put("r", point(1))
    with pytest.raises(UnavailableError, match="Run r not found"):
        queue.flush(patience=0)
    store.failure = None
    queue.flush()
    assert store.values("r") == [1]


def test_many_threads_and_runs(store: Store, queue: SpoolQueue) -> None:
    def work(thread: int) -> None:
        for number in range(1000):
            queue.put("shared", Metric(f"t{thread}", number, 1, number))
            queue.put(f"own{thread}", point(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.flush()
    shared = [each for run, points in store.batches if run == "shared" for each in points]
    for number in range(4):
        assert store.values(f"own{number}") == list(range(1000))
        assert [each.value for each in shared if each.key == f"t{number}"] == list(range(1000))


def test_a_signal_handler_may_log_in_the_middle_of_a_call(store: Store, queue: SpoolQueue) -> None:
    handled = 0

    def handler(_number: int, _frame: object) -> None:
        nonlocal handled
        queue.put("r", Metric("signal", handled, 1, handled))
        handled += 1

    before = signal.signal(signal.SIGALRM, handler)
    put = 0
    try:
        for number in range(100):
            signal.setitimer(signal.ITIMER_REAL, 0.0005)
            while handled == number:
                queue.put("r", point(put))
                put += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    queue.flush()
    stored = [each for _, points in store.batches for each in points]
    assert [each.value for each in stored if each.key == "signal"] == list(range(100))
    assert [each.value for each in stored if each.key == "loss"] == list(range(put))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_empty_and_works(store: Store, queue: SpoolQueue) -> None:
    spool = queue.open("r")
    with spool.sending, spool._lock:  # held by this thread, as other threads may hold them at any fork
        queue.put("r", point(1))
        child = os.fork()
        if child == 0:
            status = 2
            try:
                queue.put("r", point(2))
                sent_by_the_thread = store.tried.wait(30)
                queue.flush(patience=5)
                status = 0 if sent_by_the_thread and store.values("r") == [2] else 1
            finally:
                os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    queue.flush()
    assert store.values("r") == [1]


def test_what_a_killed_worker_left_is_sent_when_the_run_ends(store: Store, queue: SpoolQueue, tmp_path: Path) -> None:
    queue.open("r", owner=True)
    child = os.fork()
    if child == 0:
        store.failure = UnavailableError("Not now.")
        queue.put("r", point(7))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    queue.put("r", point(1))
    queue.flush()
    queue.end("r")
    assert sorted(store.values("r")) == [1, 7]
    assert spool_paths(str(tmp_path / "spool")) == []


def test_a_record_that_comes_as_its_spool_goes(store: Store, queue: SpoolQueue) -> None:
    spool = queue.open("r")
    spool.ended = True
    assert spool.tidy()  # by another thread, after this one has found the spool
    queue.put("r", point(1))
    queue.flush()
    assert store.values("r") == [1]


def test_files_are_not_held_open_without_limit(store: Store, queue: SpoolQueue) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(700):
        queue.put(f"run{number}", point(number))
        queue.flush(f"run{number}")
    assert len(os.listdir("/proc/self/fd")) < before + 300
    assert all(store.values(f"run{number}") == [number] for number in range(700))


REFUSALS = [
    NotSupportedError("The server does not have this call (404 Not Found)."),
    PermissionDeniedError("You may not."),
    NotFoundError("There is no such thing."),
    InvalidInputError("http://store answered 413 Request Entity Too Large."),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)
def test_a_refused_record_is_said_and_noted_and_holds_up_nothing(
    store: Store, queue: SpoolQueue, tmp_path: Path, caplog: pytest.LogCaptureFixture, refusal: SiglumError
) -> None:
    store.refuses = lambda _run, params: refusal if any(each.key == "bad" for each in params) else None
    queue.put_record("r", Params({"bad": "2"}))
    queue.put("r", point(1))
    wait_until(lambda: store.values("r") == [1])
    wait_until(lambda: caplog.messages != [])
    assert caplog.messages == [
        f"1 record of run r could not be stored: {refusal.message} 'siglum spool list' shows what was refused."
    ]
    with pytest.raises(type(refusal), match="1 record of run r"):
        queue.flush()
    queue.end("r")
    assert spool_paths(str(tmp_path / "spool")) == []
    (note,) = (refused.read(path) for path in refused.refused_paths(str(tmp_path / "spool")))
    assert note is not None
    (kept,) = note.refusals
    assert (note.run_id, kept.what, kept.reason, kept.records) == ("r", "parameter 'bad' = '2'", refusal.message, 1)


@pytest.mark.parametrize(
    "reason",
    [
        UnauthenticatedError("The token has run out."),
        NotSupportedError("404 Not Found"),
        PermissionDeniedError("Forbidden"),
        StorageFullError("Full."),
        SiglumError("INTERNAL_ERROR"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_the_whole_server_refuses_waits(
    store: Store, queue: SpoolQueue, tmp_path: Path, reason: SiglumError
) -> None:
    """A proxy without its server, a token that ran out: nothing is lost of what is logged meanwhile."""
    store.failure = reason
    queue.put("r", point(1))
    with pytest.raises(UnavailableError, match=reason.message):
        queue.flush(patience=0)
    store.failure = None
    queue.flush()
    assert store.values("r") == [1]
    assert refused.refused_paths(str(tmp_path / "spool")) == []


def test_a_refusal_is_noted_once_after_a_crash(tmp_path: Path) -> None:
    path, header = (
        str(tmp_path / "r.refused"),
        Header(spool_id="s", uri=URL, run_id="r", owner=True, pid=1, host="h", program="p", started=1),
    )
    for end in (100, 100, 200):
        refused.note(path, header, [Tags({"t": "v"})], end, ConflictError("No."))
    for number in range(150):
        refused.note(path, header, [Tags({"t": "v"})], 300 + number, ConflictError(f"No {number}."))
    note = refused.read(path)
    assert note is not None
    assert (note.records, len(note.refusals), note.refusals[0].records) == (152, 100, 2)


def test_files_that_were_refused_are_kept(tmp_path: Path) -> None:
    path, header = (
        str(tmp_path / "r.refused"),
        Header(spool_id="s", uri=URL, run_id="r", owner=True, pid=1, host="h", program="p", started=1),
    )
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "c").write_bytes(b"large")
    refused.note(path, header, [File("a/small.txt", b"small")], 10, ConflictError("No."))
    refused.note(path, header, [File("a/big.bin", copy="c")], 20, ConflictError("Too large."), str(tmp_path / "copies"))
    note = refused.read(path)
    assert note is not None
    kept = [each.what.partition(", kept as ")[2] for each in note.refusals]
    assert [Path(each).read_bytes() for each in kept] == [b"small", b"large"]
    refused.remove(path)
    assert os.listdir(tmp_path) == ["copies"]


def test_what_waits_is_given_to_the_disk(
    store: Store, queue: SpoolQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never by who logs; and what was sent at once is not."""
    flushed: list[tuple[str, str]] = []
    real, lock = os.fsync, threading.Lock()

    def fsync(descriptor: int) -> None:
        with lock:
            flushed.append((threading.current_thread().name, os.readlink(f"/proc/self/fd/{descriptor}")))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(worker, "FLUSH_SECONDS", 0.01)
    store.failure = UnavailableError("Gone.")
    queue.put("r", point(1))
    copy = queue.keep_copy("r", lambda path: Path(path).touch())
    (journal,) = spool_paths(str(tmp_path / "spool"))
    copied = os.path.join(journal.removesuffix(".spool") + ".files", copy)
    queue.put("r", point(2))
    wait_until(lambda: {path for _, path in flushed} >= {journal, copied, str(tmp_path / "spool")})
    before = len(flushed)
    queue.put("r", point(3))
    wait_until(lambda: len(flushed) > before)
    assert {name for name, _ in flushed} == {"siglum-spool-disk"}
