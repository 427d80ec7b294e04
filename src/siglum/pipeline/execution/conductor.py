"""A run of a pipeline: starts what may start, waits, judges what ended, and lets the rest start by that.

What may start when is decided by `schedule`, what a stage needs by `perform`, commands are run by an executor; here is
the loop between them, in one thread.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait

from siglum.core.errors import FileFormatError, SiglumError, StageFailedError
from siglum.core.text import count
from siglum.pipeline.execution.commands import stage_environment
from siglum.pipeline.execution.executor import ActionFuture, ActionResult, Executor
from siglum.pipeline.execution.held_lock import HeldLock
from siglum.pipeline.execution.interruption import Interruption
from siglum.pipeline.execution.options import OnError, Options
from siglum.pipeline.execution.perform import Performer
from siglum.pipeline.execution.record import Recorder
from siglum.pipeline.execution.schedule import Schedule
from siglum.pipeline.execution.stage_run import StageRun
from siglum.pipeline.graph.load import Pipeline
from siglum.pipeline.status.events import (
    CommandRun,
    CommandStarted,
    OnEvent,
    Outcome,
    OutputKept,
    StageFailed,
    StageResult,
    StageRetried,
    StageSkipped,
    StageStarted,
)
from siglum.workspace.repository import Repository

# For so long the loop waits for a command with the lock held, and what ended unrecorded: the next may end any moment.
_BRIEFLY_SECONDS = 0.02
# What ended is recorded after so long at the latest, also while other stages end without a break.
_UNRECORDED_SECONDS = 0.25
# The index is written that often, so that a run that is killed leaves what it knows.
_INDEX_SECONDS = 5.0
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 1.0, 60.0
_CHANGES_OUTPUTS = (Outcome.WOULD_RUN, Outcome.RESTORED)
_MADE_ANEW = (Outcome.RAN, Outcome.RESTORED, Outcome.WOULD_RUN, Outcome.VERIFIED)


class Conductor:
    """Brings the stages in `order`, each behind what it needs, up to date."""

    def __init__(
        self,
        repo: Repository,
        pipeline: Pipeline,
        order: Sequence[str],
        options: Options,
        executor: Executor,
        environment: Mapping[str, str],
        on_event: OnEvent,
        lock: HeldLock,
        performer: Performer,
        recorder: Recorder,
    ) -> None:
        self._repo = repo
        self._pipeline = pipeline
        self._order = order
        self._options = options
        self._executor = executor
        self._environment = environment
        self._on_event = on_event
        self._lock = lock
        self._performer = performer
        self._recorder = recorder
        self._needs = {
            address: () if pipeline.stages[address].frozen else pipeline.graph.upstream[address] for address in order
        }
        settings = {address: pipeline.stages[address].settings for address in order}
        # A frozen stage needs nothing, but is not to be looked at while what it reads is being made.
        frozen = {address: pipeline.graph.upstream[address] for address in order if pipeline.stages[address].frozen}
        self._schedule = Schedule(order, self._needs, executor.resources, settings, frozen)
        self._results: dict[str, StageResult] = {}
        self._running: dict[ActionFuture, StageRun] = {}
        self._left: set[ActionFuture] = set()  # have ended and given up their places, but are not judged yet
        self._pausing: list[tuple[float, int, StageRun]] = []
        self._retrying: dict[str, StageRun] = {}
        self._failed: list[str] = []
        self._first_error: SiglumError | None = None
        self._index_saved_at = time.monotonic()

    def run(self) -> tuple[StageResult, ...]:
        """Go through all stages; return what became of each, in order.

        Raises StageFailedError or another SiglumError for what failed, after all that was running has ended; and
        KeyboardInterrupt after all commands were ended.
        """
        with Interruption() as interruption:
            try:
                while True:
                    with interruption.held():
                        self._start_all()
                    if not self._running and not self._pausing:
                        break
                    done = self._wait_briefly()
                    if not done:
                        with interruption.held():
                            self._recorder.flush()
                            self._save_index_when_due()
                        done = self._wait()
                    with interruption.held():
                        self._put_back_due_retries()
                        self._end_all(done)
                        self._flush_when_due()
                with interruption.held():
                    self._recorder.flush()
            except BaseException:
                with interruption.held(self._hurry):
                    self._break_off()
                raise
        self._raise_failures()
        return tuple(self._results[address] for address in self._order if address in self._results)

    # Starting

    def _start_all(self) -> None:
        while (address := self._schedule.start()) is not None:
            stage = self._pipeline.stages[address]
            run = self._retrying.pop(address, None)
            try:
                found = run or self._performer.look(
                    stage, forced=self._is_forced(address), upstream=self._changing(address)
                )
                if isinstance(found, StageRun):
                    self._begin(found)
                    continue
            except SiglumError as error:
                self._schedule.release(address)
                self._fail(address, error)
                continue
            self._schedule.release(address)
            self._finish(found)
            self._flush_when_due()

    def _begin(self, run: StageRun) -> None:
        stage = run.stage
        if not run.attempts:
            self._on_event(StageStarted(stage, run.reasons, run.inputs, time.time(), run.log))
        variables = {} if self._options.variables is None else self._options.variables(stage)
        for each in run.begin():
            self._on_event(OutputKept(stage, each.path, each.where))
        environment = {**stage_environment(self._environment, self._repo.root, stage.address), **variables}
        try:
            action = run.action(environment)
            for command in action.commands:
                self._on_event(CommandStarted(stage, command))
            self._running[self._executor.submit(action)] = run
        except BaseException:
            run.abandon()
            raise

    def _is_forced(self, address: str) -> bool:
        if self._options.force:
            return True
        if not self._options.force_downstream:
            return False
        results = (self._results.get(need) for need in self._needs[address])
        return any(result is not None and result.outcome in _MADE_ANEW for result in results)

    def _changing(self, address: str) -> str | None:
        """Return a stage that this one needs and whose outputs would change in a dry run."""
        if not self._options.dry:
            return None
        results = ((need, self._results.get(need)) for need in self._needs[address])
        changing = (need for need, result in results if result is not None and result.outcome in _CHANGES_OUTPUTS)
        return next(changing, None)

    # Waiting

    def _wait_briefly(self) -> Iterable[ActionFuture]:
        """Return what has ended in a moment, the lock still held and what ended before still unrecorded."""
        if not self._running:
            return ()
        return wait(self._running, self._patience(_BRIEFLY_SECONDS), FIRST_COMPLETED).done

    def _wait(self) -> Iterable[ActionFuture]:
        """Wait until a command has ended or a retry is due, while others may use the repository."""
        with self._lock.released([run.stage for run in self._running.values()]):
            if self._running:
                return wait(self._running, self._patience(None), FIRST_COMPLETED).done
            time.sleep(self._patience(None) or 0.0)
        return ()

    def _put_back_due_retries(self) -> None:
        now = time.monotonic()
        while self._pausing and self._pausing[0][0] <= now:
            _, _, run = heapq.heappop(self._pausing)
            self._retrying[run.stage.address] = run
            self._schedule.put_back(run.stage.address)

    def _patience(self, seconds: float | None) -> float | None:
        if not self._pausing:
            return seconds
        left = max(0.0, self._pausing[0][0] - time.monotonic())
        return left if seconds is None else min(seconds, left)

    def _flush_when_due(self) -> None:
        since = self._recorder.waiting_since
        if since is not None and time.monotonic() - since > _UNRECORDED_SECONDS:
            self._recorder.flush()

    def _save_index_when_due(self) -> None:
        now = time.monotonic()
        if now - self._index_saved_at > _INDEX_SECONDS:
            self._repo.index.save()
            self._repo.placed.save()
            self._index_saved_at = now

    # Ending

    def _end_all(self, done: Iterable[ActionFuture]) -> None:
        for future in done:
            self._make_way()
            self._left.discard(future)
            self._end(self._running.pop(future), future.result())

    def _make_way(self) -> None:
        """Let the next start in the places of what has ended by now, before that is judged, which takes a while.

        Not in the place of one that failed, nor of the only one that runs: one at a time means one after the other.
        """
        ended = [future for future in self._running if future.done() and future not in self._left]
        for future in ended:
            self._schedule.release(self._running[future].stage.address)
        self._left.update(ended)
        if len(self._running) > 1 and ended and all(future.result().error is None for future in self._left):
            self._start_all()

    def _end(self, run: StageRun, result: ActionResult) -> None:
        stage = run.stage
        log = run.log if result.log else None
        commands = CommandRun(result.started_at, result.ended_at, result.exit_status, log, run.attempts)
        try:
            inputs = run.judge(result)
            finished = self._performer.finish(run, inputs, commands)
        except SiglumError as error:
            if isinstance(error, StageFailedError) and run.attempts <= stage.settings.retries:
                self._retry(run, error)
            else:
                self._fail(stage.address, error, run, commands)
            return
        self._finish(finished)

    def _finish(self, result: StageResult) -> None:
        self._results[result.address] = result
        self._schedule.finish(result.address)

    def _retry(self, run: StageRun, error: SiglumError) -> None:
        pause = min(_FIRST_RETRY_SECONDS * 2 ** (run.attempts - 1), _LONGEST_RETRY_SECONDS)
        self._on_event(StageRetried(run.stage, error.message, run.attempts, pause))
        heapq.heappush(self._pausing, (time.monotonic() + pause, id(run), run))

    def _fail(
        self, address: str, error: SiglumError, run: StageRun | None = None, commands: CommandRun | None = None
    ) -> None:
        stage = self._pipeline.stages[address]
        if not stage.is_data and not isinstance(error, FileFormatError):  # which names a place itself
            error.message = f"{self._pipeline.place(address)}: {error.message}"
        reasons, inputs = ((), None) if run is None else (run.reasons, run.inputs)
        self._on_event(StageFailed(stage, str(error), reasons, inputs, commands))
        self._results[address] = StageResult(address, Outcome.FAILED, reasons, error=error.message, run=commands)
        self._failed.append(address)
        self._first_error = self._first_error or error
        if self._options.on_error is OnError.IGNORE:
            self._schedule.finish(address)
            return
        if self._options.on_error is OnError.STOP:
            self._schedule.stop()
            for _, _, waiting in self._pausing:
                self._results.pop(waiting.stage.address, None)
            self._pausing.clear()
        for below in self._schedule.fail(address):
            if self._options.on_error is OnError.KEEP_GOING:
                self._on_event(StageSkipped(self._pipeline.stages[below], address))
            self._results[below] = StageResult(below, Outcome.SKIPPED, error=f"'{address}' failed")

    def _break_off(self) -> None:
        """End all commands and put back what made room for them; what had ended before is recorded."""
        self._executor.shutdown(cancel=True)
        for run in self._running.values():
            run.abandon()
        self._running.clear()
        with contextlib.suppress(SiglumError, OSError):  # what is on its way up says more
            self._recorder.flush()

    def _hurry(self) -> None:
        """Have commands that are being ended feel it: somebody interrupts once more."""
        for future in tuple(self._running):
            future.cancel()

    def _raise_failures(self) -> None:
        if not self._failed or self._options.on_error is OnError.IGNORE:
            return
        if self._options.on_error is OnError.STOP and len(self._failed) == 1 and self._first_error is not None:
            raise self._first_error
        names = ", ".join(f"'{address}'" for address in self._failed)
        logs = [run.log for each in self._failed if (run := self._results[each].run) and run.log]
        hint = None
        if len(logs) == 1:
            hint = f"Its output is in {self._repo.shown(logs[0])}."
        elif logs:
            hint = f"Their output is in {self._repo.shown(os.path.dirname(logs[0]))}."
        raise StageFailedError(f"{count(len(self._failed), 'stage')} failed: {names}.", hint=hint)
