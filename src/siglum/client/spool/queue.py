"""All runs' spools of a process on their way to one store: the caller pays for an append, a thread sends batches.

    log_metric ─→ put ─→ RunSpool (a file) ─→ the thread, or who flushes ─→ Delivery ─→ the store

What a store refuses for good (a deleted run) is counted and raised at the next flush; while it does not answer, the
records wait on disk. A spool is removed when all of it was taken and its run has ended here.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import SimpleQueue
from typing import Final

from siglum.client import progress
from siglum.client.spool.delivery import Delivery
from siglum.client.spool.leftovers import adopt
from siglum.client.spool.records import Header, Point, Record, encode, encode_point
from siglum.client.spool.run_spool import RunSpool
from siglum.core.clock import now_ms
from siglum.core.errors import InternalError, NotFoundError, SiglumError, UnavailableError
from siglum.core.text import count
from siglum.tracking.entities import Metric, Run

GATHER_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 10.0
"""How long a flush waits for a store that does not answer, or takes nothing more."""
_RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
_MOST_OPEN: Final = 128

_log = logging.getLogger("siglum")


class _Lost:
    """What the store refused of a run, and why the first of it."""

    def __init__(self, error: SiglumError) -> None:
        self.error = error
        self.records = 0
        self.points = 0


class SpoolQueue:
    """What one process writes to the runs of one store.

    Any method may be called from any thread. After a fork the child begins with nothing of the parent's, which sends
    what was put before.

    Args:
        delivery: Where records go.
        uri: What the spools say of that; empty when it is to be said later.
        folder: Where the spools are.
        offline: Send nothing.
        each: Whether each call waits for the store, where a run is not told otherwise.
    """

    def __init__(self, delivery: Delivery, uri: str, folder: str, *, offline: bool = False, each: bool = False) -> None:
        self.offline = offline
        self._delivery = delivery
        self._uri = uri
        self.folder = folder
        self._each = each
        self._reset()
        _QUEUES.add(self)

    def _reset(self) -> None:
        self._spools: dict[str, RunSpool] = {}
        self._opening = threading.RLock()
        self._bell: SimpleQueue[None] = SimpleQueue()  # unlike an event, it may be rung by a signal handler that
        self._rung = False  # interrupts a ring
        self._nudge = threading.Event()  # ends a pause of the thread
        self._lost: dict[str, _Lost] = {}
        self._away_until = 0.0
        self._was_said = False
        self._thread: threading.Thread | None = None
        self._closed = False

    # -- writing ---------------------------------------------------------------------------------------------
    def open(self, run_id: str, *, owner: bool = False, each: bool | None = None) -> RunSpool:
        """Return the spool of a run; with `owner`, of one that begins here, and is KILLED when this process is."""
        with self._opening:
            found = self._spools.get(run_id)
            if found is None or found.closed:
                if len(self._spools) >= _MOST_OPEN:
                    self._close_idle()
                header = Header(
                    spool_id=uuid.uuid4().hex,
                    uri=self._uri,
                    run_id=run_id,
                    owner=owner,
                    pid=os.getpid(),
                    host=socket.gethostname(),
                    program=" ".join(sys.argv[:1]),
                    started=now_ms(),
                )
                found = self._opened(RunSpool(self.folder, header, each=self._each))
            if each is not None:
                found.each = each
            return found

    def _opened(self, made: RunSpool) -> RunSpool:
        """Return the spool of a run, which a signal handler may have opened while this one was made."""
        other = self._spools.get(made.run_id)
        if other is not None and not other.closed:
            made.remove()
            return other
        self._spools[made.run_id] = made
        return made

    def put(self, run_id: str, point: Metric) -> None:
        """Take one point. It is on its way to the store within about 50 ms."""
        self._append(run_id, (encode_point(point),))

    def put_many(self, run_id: str, points: Iterable[Metric]) -> None:
        """Take several points of one run."""
        self._append(run_id, [encode_point(point) for point in points])

    def put_record(self, run_id: str, record: Record) -> None:
        """Take a record of any kind."""
        self._append(run_id, (encode(record),))

    def _append(self, run_id: str, contents: Sequence[bytes]) -> None:
        spool = self._spools.get(run_id)
        while spool is None or not spool.append(contents):
            spool = self.open(run_id)
        if not self._rung:
            self._rung = True
            self._bell.put(None)
            if self._thread is None and not self.offline:
                self._start()
        if spool.each:
            self.settle(run_id)

    # -- waiting ---------------------------------------------------------------------------------------------
    def flush(self, run_id: str | None = None, *, patience: float = PATIENCE_SECONDS) -> None:
        """Return when all that was put before is in the store.

        Raises:
            UnavailableError: The store took nothing for `patience` seconds; the rest is kept and tried again.
            SiglumError: The store refused something for good, of `run_id` or, when None, of any run. Raised once.
        """
        problem: SiglumError | None = None
        for spool in self._chosen(run_id):
            try:
                self._flush(spool, patience if problem is None else 0)
            except SiglumError as error:
                problem = problem or error
        self._raise_lost(run_id)
        if problem is not None:
            raise problem

    def catch_up(self, run_id: str | None = None) -> None:
        """Do what `flush` does, before something is asked of the store; not for long while it is known to be away."""
        self.flush(run_id, patience=0 if self._is_away else PATIENCE_SECONDS)

    def send(self, run_id: str | None = None) -> None:
        """Do what `flush` does before something is asked of the store; what was refused is left for `flush` to say."""
        for spool in self._chosen(run_id):
            self._flush(spool, 0 if self._is_away else PATIENCE_SECONDS)

    def settle(self, run_id: str | None = None) -> bool:
        """Wait for the store as long as it answers, and return whether it has all; never raise because it is away.

        Raises:
            SiglumError: The store refused something for good; as `flush`.
        """
        problems = [problem for spool in self._chosen(run_id) if (problem := self._attempt(spool)) is not None]
        for problem in problems:
            self._say(problem)
        self._raise_lost(run_id)
        return not problems

    def settle_named(self, run_id: str) -> None:
        """Do what `settle` does, for a run that somebody named: one that the store does not know is said at once.

        Raises:
            NotFoundError: There is no such run; what was written to it is forgotten.
            SiglumError: As `settle`.
        """
        spool = self._spools.get(run_id)
        problem = None if spool is None else self._attempt(spool)
        if spool is not None and problem is not None:
            if isinstance(spool.problem, NotFoundError) and spool.is_untaken:
                self.discard(run_id)
                raise spool.problem
            self._say(problem)
        self._raise_lost(run_id)

    def settle_new(self, run_id: str) -> SiglumError | None:
        """Wait for the store to make a run; return why it has not. What it refuses is forgotten, if it has answered."""
        spool = self.open(run_id)
        said = self._attempt(spool)
        if said is None:
            return None
        problem = spool.problem if spool.problem is not None and not self.offline else said
        if isinstance(problem, UnavailableError):
            self._say(said)
        else:
            self.discard(run_id)
        return problem

    def _attempt(self, spool: RunSpool) -> SiglumError | None:
        """Send once what waits, unless the store is known to be away; return why that failed."""
        if self._is_away and spool.waits:
            return spool.problem or UnavailableError("The store does not answer.")
        try:
            self._flush(spool, 0)
        except SiglumError as error:
            return error
        return None

    @property
    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def _chosen(self, run_id: str | None) -> list[RunSpool]:
        if run_id is None:
            return list(self._spools.values())
        found = self._spools.get(run_id)
        return [] if found is None else [found]

    def _flush(self, spool: RunSpool, patience: float) -> None:
        if not spool.waits and not spool.sending.locked():
            spool.tidy()
            return
        if self.offline:
            raise self._unsent(UnavailableError("SIGLUM_OFFLINE is set."))
        with progress.waiting():
            self._send_now(spool, patience)

    def _send_now(self, spool: RunSpool, patience: float) -> None:
        self._acquire(spool, max(patience, PATIENCE_SECONDS))
        try:
            deadline, last = time.monotonic() + patience, spool.acked
            for attempt in itertools.count():
                error = self._drain(spool)
                if error is None:
                    return
                if spool.acked != last:
                    deadline, last = time.monotonic() + patience, spool.acked
                pause = _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)]
                if time.monotonic() + pause > deadline:
                    raise self._unsent(error) from error
                time.sleep(pause)
        finally:
            spool.sending.release()

    def _acquire(self, spool: RunSpool, patience: float) -> None:
        """Take a spool for sending; wait for the thread that sends it as long as it gets on."""
        last = -1
        while not spool.sending.acquire(timeout=patience):
            if spool.acked == last:
                raise self._unsent(spool.problem or UnavailableError("the store has not answered yet."))
            last = spool.acked

    def _unsent(self, reason: SiglumError) -> UnavailableError:
        waiting = sum(spool.count_waiting() for spool in list(self._spools.values()))
        kept, it = ("It is", "it") if waiting == 1 else ("They are", "them")
        kept = f"{kept} kept in {self.folder}"
        if self.offline:
            wait = "waits" if waiting == 1 else "wait"
            return UnavailableError(
                f"{count(waiting, 'record')} {wait} to be sent: SIGLUM_OFFLINE is set.",
                hint=f"{kept}; 'siglum sync --to URL' sends {it}.",
            )
        return UnavailableError(
            f"{count(waiting, 'record')} could not be sent to {self._shown()} yet: {reason.message}",
            hint=f"{kept} until then; 'siglum sync' sends {it}, too.",
        )

    def _shown(self) -> str:
        return self._uri.rpartition("@")[2] or "a server"

    def note_away(self, error: UnavailableError) -> None:
        """Take note that the store did not answer somebody else: nothing is sent for some seconds."""
        self._away_until = time.monotonic() + _RETRY_SECONDS[-1]
        hint = f"What is logged is kept in {self.folder} until it does."
        self._say(UnavailableError(error.message, hint=hint))

    def _say(self, error: SiglumError) -> None:
        """Say once that the store is away, until it has answered again."""
        if not self._was_said and not self.offline:
            self._was_said = True
            _log.warning("%s The training goes on.", error)

    # -- runs that end ---------------------------------------------------------------------------------------
    def end(self, run_id: str) -> None:
        """Expect nothing more of a run; its spool goes when all of it was sent. Also send what dead workers left."""
        spool = self._spools.get(run_id)
        if spool is None:
            return
        if not self.offline and not self._is_away:
            adopt(self.folder, self._uri, run_id, self._delivery)
        spool.ended = True
        self._tidy(spool)

    def discard(self, run_id: str) -> None:
        """Forget a run that the store does not want."""
        spool = self._spools.pop(run_id, None)
        if spool is not None:
            spool.remove()
        self._lost.pop(run_id, None)

    def made(self, run_id: str) -> Run | None:
        """Return a run as the store made it; None when it has not yet, or was asked for before."""
        return self._delivery.made.pop(run_id, None)

    def known_params(self, run_id: str) -> dict[str, str]:
        """Return the parameters that a run is known to have here. Whoever logs some adds them."""
        return self.open(run_id).params

    def learn_params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Take note of what the store says about a run that is written to."""
        spool = self._spools.get(run_id)
        if spool is not None:
            spool.params.update(params)

    def keep_copy(self, run_id: str, write: Callable[[str], None]) -> str:
        """Have a file written beside a run's spool, and return its name there. Raises OSError."""
        return self.open(run_id).keep_copy(write)

    def _tidy(self, spool: RunSpool) -> None:
        if spool.tidy() and self._spools.get(spool.run_id) is spool:
            del self._spools[spool.run_id]

    def _close_idle(self) -> None:
        """Let go of spools of which all was sent: files may not be open without limit."""
        for spool in list(self._spools.values()):
            if not spool.waits and not spool.sending.locked():
                spool.ended = True
                self._tidy(spool)

    def close(self, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Send what waits, and end the thread. What could not be sent stays on disk.

        A store that does not answer is waited for so long, in all; one that was known to be away is tried once.

        Raises:
            UnavailableError: Something could not be sent; says how much, and how to send it.
            SiglumError: As `flush`.
        """
        try:
            deadline, problem = time.monotonic() + (0 if self._is_away else seconds), None
            for spool in list(self._spools.values()):
                try:
                    if problem is None or not self._is_away or not spool.waits:
                        self._flush(spool, max(0.0, deadline - time.monotonic()))
                except SiglumError as error:
                    problem = error
            self._raise_lost(None)
            if problem is not None:
                raise problem
        finally:
            self._closed = True
            self._bell.put(None)
            self._nudge.set()
            _QUEUES.discard(self)
            for spool in list(self._spools.values()):
                if spool.waits:
                    spool.close()
                else:
                    spool.remove()

    # -- the thread ------------------------------------------------------------------------------------------
    def _start(self) -> None:
        with self._opening:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="siglum-spool", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        failures = 0
        while not self._closed:
            self._bell.get()
            while not self._bell.empty():
                self._bell.get()
            self._nudge.wait(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1] if failures else GATHER_SECONDS)
            self._rung = False
            problem = self._drain_all()
            failures = failures + 1 if problem is not None else 0
            if problem is not None:
                if not self._was_said:
                    self._say(self._unsent(problem))
                self._bell.put(None)

    def _drain_all(self) -> SiglumError | None:
        problem = None
        for spool in list(self._spools.values()):
            if self._closed or not spool.waits or not spool.sending.acquire(blocking=False):
                continue
            try:
                problem = self._drain(spool) or problem
            finally:
                spool.sending.release()
            if isinstance(problem, UnavailableError):
                break
        return problem

    def _drain(self, spool: RunSpool) -> SiglumError | None:
        """Send all of a spool; return why the rest has to wait, or None when done. Under `spool.sending`."""

        def refused(record: Record, error: SiglumError) -> None:
            lost = self._lost.setdefault(spool.run_id, _Lost(error))
            lost.records += 1
            lost.points += isinstance(record, Point)

        problem: SiglumError | None = None
        try:
            self._delivery.send(spool, refused, go_on=lambda: not spool.closed)
        except SiglumError as error:
            problem = error
        except Exception as error:  # noqa: BLE001  -- nothing may end the thread unheard: said, and tried again
            problem = InternalError(f"{type(error).__name__}: {error}")
        spool.problem = problem
        if problem is None:
            self._away_until, self._was_said = 0.0, False
            self._tidy(spool)
        elif isinstance(problem, UnavailableError):
            self._away_until = time.monotonic() + _RETRY_SECONDS[-1]
        return problem

    def _raise_lost(self, run_id: str | None) -> None:
        found = [run_id] if run_id in self._lost else list(self._lost) if run_id is None else []
        if not found:
            return
        lost = {each: self._lost.pop(each) for each in found if each is not None}
        first, what = next(iter(lost.items()))
        noun = "metric point" if what.points == what.records else "record"
        others = f" (and of {count(len(lost) - 1, 'other run')})" if len(lost) > 1 else ""
        text = f"{count(what.records, noun)} of run {first}{others} could not be stored: {what.error.message}"
        raise _same_kind(what.error, text) from what.error


def _same_kind(error: SiglumError, message: str) -> SiglumError:
    """Return an error of the same class as `error`, with its hint and another message."""
    made = error.__class__.__new__(error.__class__)
    SiglumError.__init__(made, message, hint=error.hint)
    return made


_QUEUES: weakref.WeakSet[SpoolQueue] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for queue in list(_QUEUES):
        for spool in queue._spools.values():
            spool.forget()
        queue._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
