"""Writes runs into a tracking store without being waited for, and keeps on disk what the store did not take.

Several threads carry out what is written: one makes runs, which a stage's script may be about to use, the others do
all else, each for runs of its own; so that what is large holds up little, and several writes share a flush. Once the
store does not answer, nothing more is sent: the rest goes to a `Keeper`.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from siglum.core.errors import SiglumError, UnavailableError
from siglum.lineage.lanes import Lane, Later
from siglum.lineage.operations import CreateRun, Operation
from siglum.lineage.store_writer import StoreWriter
from siglum.lineage.trace import RecordSource

_LANES = 4


class Keeper(Protocol):
    """Keeps operations for later; `unsent.Unsent` is one. Called from one thread at a time."""

    def keep(self, operation: Operation) -> None:
        """Keep one."""
        ...


class _State(enum.Enum):
    OPENING = enum.auto()
    SENDING = enum.auto()
    KEEPING = enum.auto()
    """The store does not answer."""
    REFUSED = enum.auto()
    """The store does not want the runs: nothing more is to be written."""


class RunWriter:
    """Carries out operations in order, and never raises: `problem` says what went wrong first.

    Args:
        open_source: Opens the store; called once, in another thread.
        keeper: Gets what the store did not take since it does not answer.
        pause: Seconds for which a thread that was idle leaves the interpreter to the caller; see `Lane`.
    """

    def __init__(self, open_source: Callable[[], RecordSource], keeper: Keeper, pause: float = 0.0) -> None:
        self.problem: str | None = None
        self.was_abandoned = False
        """Whether a thread may still be at work: the store must not be closed then."""
        self._open_source = open_source
        self._keeper = keeper
        self._source: RecordSource | None = None
        self._store: StoreWriter | None = None
        self._change = threading.Condition()  # guards the state and which runs were made
        self._state = _State.OPENING
        self._made: set[str] = set()
        self._waits = True
        self._keeping = threading.Lock()
        self._creates = Lane("makes runs", self._carry_out, pause)
        self._writes = tuple(Lane(f"records {i}", self._carry_out, pause) for i in range(_LANES))
        self._lanes = (self._creates, *self._writes)
        self._lane_of: dict[str, Lane] = {}
        self._creates.put(self._open)
        for lane in self._lanes:
            lane.start()

    def create(self, new: CreateRun, then: Later | None = None) -> None:
        """Have a run made, soon; and what follows from that carried out before any other is made."""
        self._creates.put(new)
        if then is not None:
            self._creates.put(then)

    def write(self, run_id: str, item: Operation | Later) -> None:
        """Have what concerns a run carried out once it was made, soon; in order with all else of this run."""
        lane = self._lane_of.get(run_id)
        if lane is None:
            lane = self._lane_of[run_id] = self._writes[len(self._lane_of) % len(self._writes)]
        lane.put(item)

    def write_last(self, run_id: str, item: Later) -> None:
        """Have what concerns a run carried out when all was that had been written before, of any run."""
        done: set[Lane] = set()

        def mark(lane: Lane) -> Later:
            def work(_: RecordSource | None) -> tuple[()]:
                with self._change:
                    done.add(lane)
                    self._change.notify_all()
                return ()

            return work

        for lane in self._writes:
            lane.put(mark(lane))

        def last(source: RecordSource | None) -> Iterable[Operation]:
            with self._change:
                self._change.wait_for(lambda: self.was_abandoned or len(done) == len(self._writes))
            return item(source)

        self.write(run_id, last)

    def made(self, run_id: str, seconds: float) -> bool:
        """Wait until a run is in the store; return whether it is there after so many seconds.

        A store that was late once is not waited for again.
        """
        with self._change:
            self._waits = self._waits and self._change.wait_for(
                lambda: run_id in self._made or self._state in (_State.KEEPING, _State.REFUSED), seconds
            )
            return run_id in self._made

    @property
    def sends(self) -> bool:
        """Whether the store has taken all so far, and may be expected to take the rest."""
        with self._change:
            return self._state in (_State.OPENING, _State.SENDING)

    def id_of(self, run_id: str) -> str:
        """Return the id that a run has in the store, as far as that is known."""
        return run_id if self._store is None else self._store.id_of(run_id)

    def close(self, seconds: float, silence: float) -> None:
        """Return when everything was carried out or kept.

        What is left after so many seconds is kept; also when the store was silent for so long.
        """
        for lane in self._lanes:
            lane.finish()
        if self._wait(time.monotonic() + seconds, silence):
            return
        with self._keeping, self._change:
            self.was_abandoned = True
            self._change.notify_all()
        left = [item for lane in self._lanes for item in lane.abandon()]
        self._go(_State.KEEPING, "it is too slow")
        for item in left:
            self._keep_left(item)

    def _wait(self, deadline: float, silence: float) -> bool:
        """Wait for all lanes to end; return whether they did."""
        carried_out, latest = -1, 0.0
        while lane := next((lane for lane in self._lanes if lane.is_alive()), None):
            now = time.monotonic()
            if carried_out != (carried_out := sum(each.carried_out for each in self._lanes)):
                latest = now
            if now > deadline or now - latest > silence:
                return False
            lane.join(0.05)
        return True

    # In the threads

    def _open(self, _: RecordSource | None) -> Iterable[Operation]:
        try:
            self._source = self._open_source()
        except (SiglumError, OSError) as error:
            self._go(_State.KEEPING if isinstance(error, UnavailableError) else _State.REFUSED, _reason(error))
            return ()
        self._store = StoreWriter(self._source)
        self._go(_State.SENDING)
        return ()

    def _carry_out(self, item: Operation | Later) -> None:
        if not callable(item):
            self._perform(item)
            return
        with self._change:
            if item != self._open:
                self._change.wait_for(lambda: self._state is not _State.OPENING)
            source = self._source if self._state is _State.SENDING else None
        try:
            operations = list(item(source))
        except Exception as error:  # noqa: BLE001  -- a pipeline never fails because of its record; said at the end
            self._note(_reason(error))
            return
        for operation in operations:
            self._perform(operation)

    def _perform(self, operation: Operation) -> None:
        creates = isinstance(operation, CreateRun)
        with self._change:
            self._change.wait_for(
                lambda: (
                    self._state in (_State.KEEPING, _State.REFUSED)
                    or (self._state is _State.SENDING and (creates or operation.run_id in self._made))
                )
            )
            state = self._state
        if state is _State.REFUSED:
            return
        if state is _State.KEEPING or self._store is None:
            self._keep(operation)
            return
        try:
            self._store.perform(operation)
        except UnavailableError as error:
            self._go(_State.KEEPING, error.message)
            self._keep(operation)
        except (SiglumError, OSError) as error:
            if creates:
                self._go(_State.REFUSED, _reason(error))
            self._note(_reason(error))
        else:
            if creates:
                with self._change:
                    self._made.add(operation.run_id)
                    self._change.notify_all()

    def _keep(self, operation: Operation) -> None:
        with self._keeping:
            if self.was_abandoned:
                return  # the thread that gave up on this one keeps all
            try:
                self._keeper.keep(self._translated(operation))
            except OSError as error:
                self._note(_reason(error))

    def _keep_left(self, item: Operation | Later) -> None:
        try:
            for operation in item(None) if callable(item) else (item,):
                self._keeper.keep(self._translated(operation))
        except Exception as error:  # noqa: BLE001  -- as in `_carry_out`
            self._note(_reason(error))

    def _translated(self, operation: Operation) -> Operation:
        return operation if self._store is None else self._store.translated(operation)

    def _go(self, state: _State, problem: str | None = None) -> None:
        with self._change:
            if self._state is not _State.REFUSED:
                self._state = state
            self._change.notify_all()
        if problem is not None:
            self._note(problem)

    def _note(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem


def _reason(error: Exception) -> str:
    if isinstance(error, SiglumError):
        return error.message
    return str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
