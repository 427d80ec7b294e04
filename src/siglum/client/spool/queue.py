"""All runs' spools of a process on their way to one store: the caller pays for an append, a thread sends batches.

    log_metric ─→ put ─→ RunSpool (a file) ─→ the thread, or who flushes ─→ Delivery ─→ the store

What a store refuses for good (a deleted run) is noted, said once, and raised at the next flush; while it does not
answer, the records wait on disk. A spool is removed when all of it was sent and its run has ended here.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence

from siglum.client.spool.delivery import Delivery
from siglum.client.spool.leftovers import adopt
from siglum.client.spool.open_spools import OpenSpools
from siglum.client.spool.records import Record, encode, encode_point
from siglum.client.spool.run_spool import RunSpool
from siglum.client.spool.sender import PATIENCE_SECONDS, Sender
from siglum.client.spool.worker import Worker
from siglum.core.errors import NotFoundError, SiglumError, UnavailableError
from siglum.tracking.entities import Metric, Run


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
        self.folder = folder
        self._uri = uri
        self._open = OpenSpools(folder, uri, each=each, offline=offline)
        self._sender = Sender(delivery, uri, folder, offline=offline, spools=self._open)
        self._worker = Worker(self._sender, self._open)
        _QUEUES.add(self)

    def _forget(self) -> None:
        """Begin anew, in a forked child."""
        self._open.forget()
        self._sender.forget()
        self._worker = Worker(self._sender, self._open)

    # -- writing ---------------------------------------------------------------------------------------------
    def open(self, run_id: str, *, owner: bool = False, each: bool | None = None) -> RunSpool:
        """Return the spool of a run; with `owner`, of one that begins here, and is KILLED when this process is."""
        return self._open.open(run_id, owner=owner, each=each)

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
        spool = self._open.by_run.get(run_id)
        while spool is None or not spool.append(contents):
            spool = self._open.open(run_id)
        if not self._worker.rung:
            self._worker.ring()
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
        for spool in self._open.chosen(run_id):
            try:
                self._sender.flush(spool, patience if problem is None else 0)
            except SiglumError as error:
                problem = problem or error
        self._sender.losses.raise_all(run_id)
        if problem is not None:
            raise problem

    def catch_up(self, run_id: str | None = None) -> None:
        """Do what `flush` does, before something is asked of the store; not for long while it is known to be away.

        What was refused is said, if it is the first of a run, and left for `flush` to raise.
        """
        self.send(run_id)
        self._sender.losses.warn()

    def send(self, run_id: str | None = None) -> None:
        """Do what `flush` does before something is asked of the store; what was refused is left for `flush` to say."""
        for spool in self._open.chosen(run_id):
            try:
                self._sender.flush(spool, 0 if self.is_away else PATIENCE_SECONDS)
            except UnavailableError as error:
                if not isinstance(spool.problem, NotFoundError):
                    raise self._sender.unanswered(spool) from None
                self._sender.say(error)  # it answers, and does not know a run that somebody named

    def settle(self, run_id: str | None = None) -> bool:
        """Wait for the store as long as it answers, and return whether it has all; never raise because it is away.

        Raises:
            SiglumError: The store refused something for good; as `flush`.
        """
        problems = [problem for spool in self._open.chosen(run_id) if (problem := self._sender.attempt(spool))]
        for problem in problems:
            self._sender.say(problem)
        self._sender.losses.raise_all(run_id)
        return not problems

    def finish(self, run_id: str) -> None:
        """Do what `settle` does for a run that ends; what was refused is said instead of raised."""
        for spool in self._open.chosen(run_id):
            if (problem := self._sender.attempt(spool)) is not None:
                self._sender.say(problem)
        self._sender.losses.say(run_id)

    def settle_named(self, run_id: str) -> None:
        """Do what `settle` does, for a run that somebody named: one that the store does not know is said at once.

        Raises:
            NotFoundError: There is no such run; what was written to it is forgotten.
            SiglumError: As `settle`.
        """
        spool = self._open.by_run.get(run_id)
        problem = None if spool is None else self._sender.attempt(spool)
        if spool is not None and problem is not None:
            if isinstance(spool.problem, NotFoundError) and spool.is_untaken:
                self.discard(run_id)
                raise spool.problem
            self._sender.say(problem)
        self._sender.losses.raise_all(run_id)

    def settle_new(self, run_id: str) -> SiglumError | None:
        """Wait for the store to make a run; return why it has not. What it refuses is forgotten, if it has answered."""
        spool = self._open.open(run_id)
        said = self._sender.attempt(spool)
        if said is None:
            return None
        problem = spool.problem if spool.problem is not None and not self.offline else said
        if isinstance(problem, UnavailableError):
            self._sender.say(said)
        else:
            self.discard(run_id)
        return problem

    @property
    def is_away(self) -> bool:
        """Whether the store is known not to answer."""
        return self._sender.is_away

    def note_away(self, error: UnavailableError) -> None:
        """Take note that the store did not answer somebody else: nothing is sent for some seconds."""
        self._sender.note_away(error)

    # -- runs that end ---------------------------------------------------------------------------------------
    def end(self, run_id: str) -> None:
        """Expect nothing more of a run; its spool goes when all of it was sent. Also send what dead workers left."""
        spool = self._open.by_run.get(run_id)
        if spool is None:
            return
        if not self.offline and not self.is_away:
            adopt(self.folder, self._uri, run_id, self._sender.delivery, self._sender.losses.add)
        spool.ended = True
        self._open.tidy(spool)

    def discard(self, run_id: str) -> None:
        """Forget a run that the store does not want."""
        spool = self._open.by_run.pop(run_id, None)
        if spool is not None:
            spool.remove()
        self._sender.losses.forget(run_id)

    def made(self, run_id: str) -> Run | None:
        """Return a run as the store made it; None when it has not yet, or was asked for before."""
        return self._sender.delivery.made.pop(run_id, None)

    def known_params(self, run_id: str) -> dict[str, str]:
        """Return the parameters that a run is known to have here. Whoever logs some adds them."""
        return self._open.open(run_id).params

    def learn_params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Take note of what the store says about a run that is written to."""
        spool = self._open.by_run.get(run_id)
        if spool is not None:
            spool.params.update(params)

    def keep_copy(self, run_id: str, write: Callable[[str], None]) -> str:
        """Have a file written beside a run's spool, and return its name there. Raises OSError."""
        return self._open.open(run_id).keep_copy(write)

    def close(self, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Send what waits, and end the thread. What could not be sent stays on disk.

        A store that does not answer is waited for so long, in all; one that was known to be away is tried once.

        Raises:
            UnavailableError: Something could not be sent; says how much, and how to send it.
        """
        try:
            deadline, problem = time.monotonic() + (0 if self.is_away else seconds), None
            for spool in self._open.all():
                try:
                    if problem is None or not self.is_away or not spool.waits:
                        self._sender.flush(spool, max(0.0, deadline - time.monotonic()))
                except SiglumError as error:
                    problem = error
            self._sender.losses.say()
            if problem is not None:
                raise problem
        finally:
            self._worker.stop()
            _QUEUES.discard(self)
            for spool in self._open.all():
                if spool.waits:
                    spool.flush_to_disk()
                    spool.close()
                else:
                    spool.remove()


_QUEUES: weakref.WeakSet[SpoolQueue] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for queue in list(_QUEUES):
        queue._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
