"""The queue between `log_metric` and a store: the caller pays for an append, a thread sends batches.

Points are sent in the order in which they were put. What a store refuses for good (a deleted run) is counted and
raised at the next flush; while a store does not answer, points are kept in memory and tried again. A spool on disk
would take the place of that memory: it needs `put`, `flush` and the sender's `Outcome`, nothing else of this module.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from siglum.core.errors import BusyError, InternalError, SiglumError, UnavailableError
from siglum.core.text import count
from siglum.tracking.entities import Metric

Send: TypeAlias = Callable[[str, Sequence[Metric]], None]

BATCH_POINTS = 1000
"""Points in one request: the limit of MLflow's log-batch."""

GATHER_SECONDS = 0.05
FLUSH_PATIENCE_SECONDS = 10.0
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


class MetricQueue:
    """Metric points on their way to one store.

    `put` is cheap and never blocks on the store. Any method may be called from any thread, and the queue may be used
    after a fork: the child starts with an empty queue and a thread of its own, the parent sends what was put before.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._reset()
        _QUEUES.add(self)

    def _reset(self) -> None:
        self._points: deque[tuple[str, Metric]] = deque()
        self._wake = threading.Event()
        self._full = threading.Event()
        self._sending = threading.Lock()  # held by whoever takes points out, so that order is kept
        self._starting = threading.Lock()
        self._lost: dict[str, tuple[int, SiglumError]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, run_id: str, point: Metric) -> None:
        """Take one point. It reaches the store within about 50 ms, or when `flush` returns."""
        self._points.append((run_id, point))
        if not self._wake.is_set():
            if self._thread is None:
                self._start()
            self._wake.set()
        elif len(self._points) >= BATCH_POINTS and not self._full.is_set():
            self._full.set()

    def put_many(self, run_id: str, points: Sequence[Metric]) -> None:
        """Take several points of one run."""
        for point in points:
            self.put(run_id, point)

    def flush(self, run_id: str | None = None, *, patience: float = FLUSH_PATIENCE_SECONDS) -> None:
        """Return when all points put before are in the store.

        Raises:
            UnavailableError: The store did not answer for `patience` seconds; the points are kept and tried again.
            SiglumError: The store refused points for good, of `run_id` or, when None, of any run. Raised once.
        """
        deadline = time.monotonic() + patience
        if not self._sending.acquire(timeout=patience):
            raise self._unsent(UnavailableError("the store has not answered yet."))
        try:
            for attempt in itertools.count():
                waiting_for = self._drain()
                if waiting_for is None:
                    break
                pause = _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)]
                if time.monotonic() + pause > deadline:
                    raise self._unsent(waiting_for) from waiting_for
                time.sleep(pause)
        finally:
            self._sending.release()
        self._raise_lost(run_id)

    def _unsent(self, reason: SiglumError) -> UnavailableError:
        return UnavailableError(
            f"{count(len(self._points), 'metric point')} could not be sent yet: {reason.message}",
            hint="They are kept in memory and tried again while this process runs.",
        )

    def close(self) -> None:
        """Flush and end the thread. Points that could not be sent are lost; the error says how many."""
        try:
            self.flush()
        finally:
            self._closed = True
            self._wake.set()
            self._full.set()
            _QUEUES.discard(self)

    # -- the thread ------------------------------------------------------------------------------------------
    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="siglum-metrics", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        failures = 0
        while not self._closed:
            self._wake.wait()
            self._full.wait(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1] if failures else GATHER_SECONDS)
            with self._sending:
                self._wake.clear()
                self._full.clear()
                failures = failures + 1 if self._drain() is not None else 0
            if self._points:
                self._wake.set()

    def _drain(self) -> SiglumError | None:
        """Send everything; return why the store does not answer, with the points put back, or None when done."""
        while self._points:
            groups = self._take()
            while groups:
                run_id, points = next(iter(groups.items()))
                try:
                    self._send(run_id, points)
                except (UnavailableError, BusyError) as error:
                    self._put_back(groups)
                    return error
                except SiglumError as error:
                    self._remember(run_id, len(points), error)
                except Exception as error:  # noqa: BLE001  -- nothing may end the thread unheard: raised at flush
                    self._remember(run_id, len(points), InternalError(f"{type(error).__name__}: {error}"))
                except BaseException:
                    self._put_back(groups)
                    raise
                del groups[run_id]
        return None

    def _take(self) -> dict[str, list[Metric]]:
        """Take up to one batch of points out, grouped by run, each run's in order."""
        groups: dict[str, list[Metric]] = {}
        points = self._points
        for _ in range(min(len(points), BATCH_POINTS)):
            run_id, point = points.popleft()
            groups.setdefault(run_id, []).append(point)
        return groups

    def _put_back(self, groups: dict[str, list[Metric]]) -> None:
        back = [(run_id, point) for run_id, points in groups.items() for point in points]
        self._points.extendleft(reversed(back))

    def _remember(self, run_id: str, points: int, error: SiglumError) -> None:
        before = self._lost.get(run_id)
        self._lost[run_id] = (before[0] + points, before[1]) if before else (points, error)

    def _raise_lost(self, run_id: str | None) -> None:
        found = [run_id] if run_id in self._lost else list(self._lost) if run_id is None else []
        if not found:
            return
        lost = {each: self._lost.pop(each) for each in found if each is not None}
        first, (points, error) = next(iter(lost.items()))
        others = f" (and of {count(len(lost) - 1, 'other run')})" if len(lost) > 1 else ""
        raise _same_kind(
            error, f"{count(points, 'metric point')} of run {first}{others} could not be stored: {error.message}"
        ) from error


def _same_kind(error: SiglumError, message: str) -> SiglumError:
    """Return an error of the same class as `error`, with its hint and another message."""
    made = error.__class__.__new__(error.__class__)
    SiglumError.__init__(made, message, hint=error.hint)
    return made


_QUEUES: weakref.WeakSet[MetricQueue] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    # Locks may be held by threads that the child does not have, and the parent sends what is queued.
    for queue in list(_QUEUES):
        queue._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
