"""Puts a `repro` on record: what the pipeline reports as it runs becomes a run, with a run below it for each stage.

    recorder = ReproRecorder(repo, place, …)
    try:
        repro(repo, …, on_event=recorder.on_event, variables=recorder.variables)
    except BaseException as error:
        recorder.end(error)
        raise
    recorder.end()

Nothing here fails the pipeline, or has it wait for longer than `PATIENCE_SECONDS` and, at its end, `CLOSING_SECONDS`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence

from siglum.core.clock import now_ms
from siglum.core.errors import SiglumError
from siglum.lineage.earlier import EarlierRecords, Place
from siglum.lineage.lanes import Later
from siglum.lineage.operations import Operation
from siglum.lineage.pipeline_files import Declared, beside_stages, filled, metrics_of, of_stage
from siglum.lineage.result_makers import ResultMakers, StageOwners
from siglum.lineage.run_writer import RunWriter
from siglum.lineage.running import HeldNote, Note
from siglum.lineage.stage_links import links_of
from siglum.lineage.stage_record import (
    LOG_FILE,
    Circumstances,
    Recorded,
    StageEnd,
    StageRow,
    repro_end,
    repro_run,
    stage_end,
    stage_inputs,
    stage_run,
)
from siglum.lineage.stage_values import flat_params
from siglum.lineage.stage_variables import stage_variables
from siglum.lineage.trace import RecordSource
from siglum.lineage.unsent import Unsent
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import Pipeline
from siglum.pipeline.records.lock import StageLock
from siglum.pipeline.status.events import (
    Event,
    StageFailed,
    StageFinished,
    StageRestored,
    StageSkipped,
    StageStarted,
    StageUnchanged,
    StageVerified,
)
from siglum.tracking.entities import RunStatus
from siglum.workspace.repository import Repository

PATIENCE_SECONDS = 1.0
"""How long a stage waits for its run to be made, so that its script can go on with it."""
CLOSING_SECONDS = 10.0
SILENCE_SECONDS = 2.0
"""How long the end waits for a store that is slow, and for one that does not say a word: the rest is sent later."""
PAUSE_SECONDS = 0.08
"""For so long after stages have started or ended, their record leaves the interpreter to starting the next ones."""


class ReproRecorder:
    """Records one `repro`. Made when the first stage runs; methods are called from one thread.

    Args:
        repo: The repository.
        pipeline: Its pipeline.
        order: The stages that the `repro` goes through.
        place: The store.
        shared: The circumstances of all its runs.
        name: The name of its run.
        environment: That of the stages.
        open_source: Opens the store; called once, in another thread.
    """

    def __init__(
        self,
        repo: Repository,
        pipeline: Pipeline,
        order: Sequence[str],
        place: Place,
        shared: Circumstances,
        name: str,
        environment: Mapping[str, str],
        open_source: Callable[[], RecordSource],
    ) -> None:
        self.run_id = uuid.uuid4().hex
        self._repo = repo
        self._pipeline = pipeline
        self._order = order
        self._place = place
        self._shared = shared
        self._environment = environment
        self._makers = ResultMakers(links_of(repo.tmp_dir, place.uri))
        self._unsent = Unsent(place.unsent, self.run_id, place.written)
        self.earlier = EarlierRecords(place)
        # Stages on servers may wait for their runs to be made there.
        self.writer = RunWriter(open_source, self._unsent, 0.0 if place.is_server else PAUSE_SECONDS)
        self._note = HeldNote(place.underway, Note(self.run_id, place.written))
        self._children: dict[str, str] = {}
        self._running: dict[str, StageStarted] = {}
        self._rows: dict[str, StageRow] = {}
        self._locks: dict[str, StageLock] = {}
        self._owners = StageOwners(pipeline)
        self.writer.create(repro_run(shared, self.run_id, name, now_ms()), self._note_id)
        self.writer.write(self.run_id, self.earlier.send)

    # What is reported

    def on_event(self, event: Event) -> None:
        """Take note of one event."""
        match event:
            case StageStarted():
                self._start(event)
            case StageFinished(stage, lock, reasons, run):
                self._locks[stage.address] = lock
                self._end_stage(StageEnd(stage=stage, reasons=reasons, run=run, lock=lock), "ran")
            case StageFailed(stage, error, reasons, inputs, run):
                end = StageEnd(
                    stage=stage, reasons=reasons, run=run, inputs=inputs, error=error, status=RunStatus.FAILED
                )
                self._end_stage(end, "failed")
            case StageRestored(stage, _, lock):
                self._pass(stage, "restored", lock)
            case StageUnchanged(stage, lock):
                self._pass(stage, "unchanged", lock)
            case StageVerified(stage, _, lock):
                self._pass(stage, "verified", lock)
            case StageSkipped(stage, failed):
                self._rows[stage.address] = StageRow(stage=stage.address, outcome="skipped", error=f"'{failed}' failed")

    def variables(self, stage: Stage) -> dict[str, str]:
        """Return what a stage's commands are told, so that a run which they start becomes a part of the stage's."""
        child = self._children.get(stage.address)
        offered = self.writer.id_of(child) if child is not None and self._is_offered(child) else None
        return stage_variables(self._environment, stage.address, self._place.uri, offered)

    def _is_offered(self, child: str) -> bool:
        """Whether a stage's script can go on with its run. It need not be there yet: the script looks for it a while.

        A server may give runs other ids than were asked for, as MLflow's does; then the run has to be there.
        """
        if not self._place.is_server:
            return self.writer.sends
        if not self.writer.made(self.run_id, PATIENCE_SECONDS):
            return False
        return self.writer.id_of(self.run_id) == self.run_id or self.writer.made(child, PATIENCE_SECONDS)

    def end(self, error: BaseException | None = None) -> Recorded:
        """End all runs that are under way, and return when all is on record or kept for later."""
        killed = error is not None and not isinstance(error, SiglumError)
        for started in tuple(self._running.values()):
            end = StageEnd(stage=started.stage, reasons=started.reasons, inputs=started.inputs, status=RunStatus.KILLED)
            self._end_stage(end, "killed")
        failed = any(row.outcome == "failed" for row in self._rows.values())
        status = RunStatus.KILLED if killed else RunStatus.FAILED if failed or error else RunStatus.FINISHED
        now = now_ms()
        self.writer.write_last(self.run_id, lambda source: self._ended(source, status, now))
        self.writer.close(CLOSING_SECONDS, SILENCE_SECONDS)
        self._unsent.close()
        self._makers.save()
        self._note.close()
        return Recorded(self.writer.id_of(self.run_id), bool(self._unsent.count), self.writer.problem)

    # Stages

    def _start(self, event: StageStarted) -> None:
        stage, child = event.stage, uuid.uuid4().hex
        self._children[stage.address] = child
        self._running[stage.address] = event
        self.writer.create(stage_run(self._shared, child, self.run_id, stage, int(event.started_at * 1000)))
        if event.inputs is not None:
            self.writer.write(child, self._inputs(stage, child, event.inputs))

    def _inputs(self, stage: Stage, child: str, inputs: StageLock) -> Later:
        owners = self._owners.of(dep.key for dep in stage.deps)
        children = {key: self._children.get(owner.address) for key, owner in owners.items()}
        locks = {key: self._locks.get(owner.address) for key, owner in owners.items()}

        def work(source: RecordSource | None) -> list[Operation]:
            makers = {}
            for key, owner in owners.items():
                maker = children[key] or self._makers.maker(locks[key], source)
                makers[key] = (owner.file if owner.is_data else owner.lock_path, maker)
            return stage_inputs(child, stage, inputs, self._shared.code.get("mlflow.source.git.commit"), makers)

        return work

    def _end_stage(self, end: StageEnd, outcome: str) -> None:
        stage = end.stage
        seconds = None if end.run is None else round(end.run.ended_at - end.run.started_at, 3)
        started = self._running.pop(stage.address, None)
        child = None if started is None else self._children[stage.address]
        self._rows[stage.address] = StageRow(
            stage=stage.address, outcome=outcome, run_id=child, seconds=seconds, error=end.error
        )
        if started is None or child is None:
            return
        log = end.run.log if end.run is not None else started.log
        self.writer.write(child, self._stage_ended(child, end, log, now_ms()))

    def _stage_ended(self, child: str, end: StageEnd, log: str | None, now: int) -> Later:
        def work(_: RecordSource | None) -> list[Operation]:
            declared = of_stage(end.stage) if end.lock is not None else Declared()
            metrics, files = declared.values(self._repo.root, now), declared.files(child, self._repo.root)
            if log is not None:
                files += filled(child, LOG_FILE, os.path.join(self._repo.root, log))
            if end.lock is not None:
                self._makers.put(end.lock, self.writer.id_of(child))
            return stage_end(child, end, metrics=metrics, files=files, code=self._shared.code, now=now)

        return work

    def _pass(self, stage: Stage, outcome: str, lock: StageLock | None) -> None:
        if lock is not None:
            self._locks[stage.address] = lock
        if not stage.is_data:
            self._rows[stage.address] = StageRow(stage=stage.address, outcome=outcome)

    # In the writer's thread

    def _note_id(self, _: RecordSource | None) -> tuple[()]:
        self._note.rename(self.writer.id_of(self.run_id))
        return ()

    def _ended(self, source: RecordSource | None, status: RunStatus, now: int) -> list[Operation]:
        rows = [self._rows[address] for address in self._order if address in self._rows]
        linked = self._makers.linked(rows, self._locks, source, self.writer.id_of)
        own = beside_stages(self._pipeline)
        shown = metrics_of(self._pipeline.stages[address] for address in self._order)
        shown.add(own)
        metrics = shown.values(self._repo.root, now)
        params: dict[str, str] = {}
        for entry in self._locks.values():
            params |= flat_params(entry.params)
        files = own.files(self.run_id, self._repo.root)
        return repro_end(self.run_id, linked, params=params, metrics=metrics, files=files, status=status, now=now)
