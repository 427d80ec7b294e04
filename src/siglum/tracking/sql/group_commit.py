"""Many writers, one transaction: how a write comes to be acknowledged only when it is committed and flushed.

Callers queue units of work. One thread takes what has gathered, runs all units in one transaction, commits once, and
only then tells the callers. While it waits for the disk, the next group gathers, so the cost of a flush is shared by as
many as are waiting, and that of statements by units that do the same, see `Joint`. Where a unit fails, or a connection
is lost before the commit, the group is run again. So a unit may run more than once, and must not change anything but
the database.

A caller who finds nobody writing runs its unit itself: handing it to the thread and being woken by it would cost a lone
client more than the statements do.
"""

from __future__ import annotations

import functools
import itertools
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Final, Generic, TypeVar

from siglum.core.errors import ConflictError, InternalError, SiglumError
from siglum.tracking.sql.port import Session, Sql, TransactionLostError
from siglum.tracking.sql.retry import retried

T = TypeVar("T")
V = TypeVar("V")

GROUP_WEIGHT: Final = 20_000
"""A group is closed when its units weigh this much, so that nobody waits long for the units of others."""
GROUP_UNITS: Final = 500
"""And when it has so many: PostgreSQL keeps each version of a row until the transaction ends, and passes them all."""


class Joint(Generic[V, T]):
    """Work that is done for many values in about the time that it takes for one.

    Units of a group that follow each other and do the same are done at once. `for_many` returns a result for each
    value, in order.
    """

    __slots__ = ("for_many", "value")

    def __init__(self, for_many: Callable[[Sql, Sequence[V]], Sequence[T]], value: V) -> None:
        self.for_many = for_many
        self.value = value

    def __call__(self, sql: Sql) -> T:
        """Do it for this value alone."""
        return self.for_many(sql, [self.value])[0]


class _Unit:
    """One piece of work and the caller who waits for it."""

    __slots__ = ("failure", "future", "result", "weight", "work")

    def __init__(self, work: Callable[[Sql], Any], weight: int) -> None:
        self.work = work
        self.weight = weight
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.failure: BaseException | None = None

    def resolve(self) -> None:
        """Tell the caller."""
        if self.failure is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.failure)


class GroupCommit:
    """The writer thread. `session` yields the connection to write with; it is entered once for each group."""

    def __init__(self, session: Callable[[], AbstractContextManager[Session]], name: str) -> None:
        self._session = session
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._turn = threading.Lock()
        """Held by who writes: the thread, or a caller with nobody beside it."""
        self._wanted = False
        """Whether the thread waits for its turn, which nobody may take from it."""
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Sql], T], weight: int = 1) -> Future[T]:
        """Queue a unit. Its future is resolved once the unit is durable, or has failed and changed nothing."""
        unit = _Unit(work, weight)
        unit.future.set_running_or_notify_cancel()  # it can no longer be cancelled
        with self._closing:
            if self._closed:
                raise _closed()
            self._queue.put(unit)
        return unit.future

    def run(self, work: Callable[[Sql], T], weight: int = 1) -> T:
        """Do as `submit` would and wait, in this thread when nobody else writes.

        Not in the main thread, though: what interrupts a program is raised there, wherever it is at that moment.
        """
        alone = threading.current_thread() is not threading.main_thread() and not self._wanted and self._queue.empty()
        if not alone or not self._turn.acquire(blocking=False):
            return self.submit(work, weight).result()
        try:
            if self._closed:
                raise _closed()
            unit = _Unit(work, weight)
            retried(functools.partial(self._commit, [unit]))
        finally:
            self._turn.release()
        result: T = unit.result
        return result

    def close(self) -> None:
        """Finish all that was queued, then end the thread."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()
            with self._turn:
                pass  # who writes without the thread has ended, too, and nobody begins any more

    def _work(self) -> None:
        open_for_more = True
        while open_for_more:
            first = self._queue.get()
            if first is None:
                return
            self._wanted = True
            with self._turn:
                self._wanted = False
                group, open_for_more = self._gather(first)
                try:
                    retried(functools.partial(self._commit, group))
                except BaseException as error:  # noqa: BLE001  whatever it was, the callers must hear of it
                    _fail(group, error)
            for unit in group:
                unit.resolve()

    def _commit(self, group: list[_Unit]) -> None:
        for unit in group:
            unit.result = unit.failure = None  # of an attempt whose transaction was lost
        with self._session() as session:
            _commit_group(session, group)

    def _gather(self, first: _Unit) -> tuple[list[_Unit], bool]:
        group, weight = [first], first.weight
        while weight < GROUP_WEIGHT and len(group) < GROUP_UNITS:
            try:
                unit = self._queue.get_nowait()
            except queue.Empty:
                break
            if unit is None:
                return group, False
            group.append(unit)
            weight += unit.weight
        return group, True


def _closed() -> ConflictError:
    return ConflictError("The database has been closed.")


class _UnitFailedError(Exception):
    """A unit of a group that runs without savepoints has failed."""


def _commit_group(session: Session, group: list[_Unit]) -> None:
    """Run all units in one transaction; where one fails, again with savepoints, to undo that one only.

    Failures are rare, and two more statements for each unit are not cheap where the database is another process.
    """
    if len(group) == 1:
        _in_transaction(session, lambda: _run_alone(session, group[0]))
        return
    try:
        _in_transaction(session, lambda: _run_all(session, group))
    except _UnitFailedError:
        _in_transaction(session, lambda: _run_each(session, group))


def _in_transaction(session: Session, run: Callable[[], None]) -> None:
    session.begin()
    try:
        run()
        session.commit()
    except BaseException:
        if session.in_transaction:
            session.rollback()
        raise


def _run_alone(session: Session, unit: _Unit) -> None:
    unit.result = unit.work(session)  # the transaction itself is the savepoint


def _run_all(session: Session, group: list[_Unit]) -> None:
    for joint, units in itertools.groupby(group, key=_joint_work):
        try:
            if joint is None:
                for unit in units:
                    unit.result = unit.work(session)
            else:
                joined = list(units)
                values = [unit.work.value for unit in joined if isinstance(unit.work, Joint)]
                for unit, result in zip(joined, joint(session, values), strict=True):
                    unit.result = result
        except TransactionLostError:
            raise
        except Exception as error:
            raise _UnitFailedError from error


def _joint_work(unit: _Unit) -> Callable[[Sql, Sequence[Any]], Sequence[Any]] | None:
    return unit.work.for_many if isinstance(unit.work, Joint) else None


def _run_each(session: Session, group: list[_Unit]) -> None:
    """Run units; the failure of one undoes what it did and nothing else. Raises when the whole transaction is gone."""
    for unit in group:
        unit.result = None
        session.run("SAVEPOINT unit")
        try:
            unit.result = unit.work(session)
        except Exception as error:
            if not session.in_transaction:
                raise  # a full disk or a broken file ends the transaction, and the work of all units in it
            unit.failure = error
            session.run("ROLLBACK TO unit")
        session.run("RELEASE unit")


def _fail(group: list[_Unit], error: BaseException) -> None:
    """Give each caller an exception object of its own: their threads will write tracebacks into it."""
    for unit in group:
        if unit.failure is None or len(group) == 1:
            unit.failure = error if len(group) == 1 else _copy(error)


def _copy(error: BaseException) -> BaseException:
    if isinstance(error, SiglumError):
        copy = error.__class__.__new__(error.__class__)
        copy.__dict__.update(error.__dict__)
        copy.args = error.args
    else:
        copy = InternalError(f"{type(error).__name__}: {error}")
    copy.__cause__ = error
    return copy
