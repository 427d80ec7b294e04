"""What one stage needs: looked at, restored from an earlier run, verified, or found to have to run. Records it, too.

Everything here is done in one thread, which holds the repository's lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from siglum.core.errors import ConflictError, IntegrityError, NotFoundError
from siglum.pipeline.definition.files import WorkspaceFiles
from siglum.pipeline.definition.stages import Output, Stage
from siglum.pipeline.execution.clearing import keep_content
from siglum.pipeline.execution.options import Options
from siglum.pipeline.execution.record import Recorder
from siglum.pipeline.execution.stage_run import StageRun
from siglum.pipeline.graph.load import Pipeline
from siglum.pipeline.records.lock import LockedPath, StageLock
from siglum.pipeline.records.run_cache import FoundRun, RunCache, can_be_cached, may_be_saved
from siglum.pipeline.status.events import (
    CommandRun,
    CommandStarted,
    OnEvent,
    Outcome,
    OutputKept,
    StageFinished,
    StageRestored,
    StageResult,
    StageStarted,
    StageUnchanged,
    StageVerified,
)
from siglum.pipeline.status.fresh_params import FreshParams
from siglum.pipeline.status.observe import Inputs, lock_inputs, observe_inputs, recorded_lock, why_inputs, why_outputs
from siglum.pipeline.status.staleness import Cause, Change, Reason
from siglum.storage.links import LinkType
from siglum.workspace.commit import record
from siglum.workspace.outputs import is_cached, is_lost_link
from siglum.workspace.pointers import Pointer, read_pointer
from siglum.workspace.repository import Repository
from siglum.workspace.restore import checkout_path

# Gets the content of outputs, with what is recorded of each, into the cache from where a remote has it.
Pull = Callable[[Sequence[tuple[Output, LockedPath]]], None]


def pull_nothing(outs: Sequence[tuple[Output, LockedPath]]) -> None:
    """Leave what is missing missing."""


class Performer:
    """Brings the stages of one pipeline up to date as far as that takes no command."""

    def __init__(
        self,
        repo: Repository,
        pipeline: Pipeline,
        options: Options,
        on_event: OnEvent,
        recorder: Recorder,
        pull: Pull = pull_nothing,
    ) -> None:
        self._repo = repo
        self._pipeline = pipeline
        self._options = options
        self._on_event = on_event
        self._locks = dict(pipeline.locks)
        self._recorder = recorder
        self._pull = pull
        self._params = FreshParams(WorkspaceFiles(repo))
        self._run_cache = RunCache(repo.run_cache_dir)
        self._has_changed = options.dry

    def look(self, stage: Stage, *, forced: bool = False, upstream: str | None = None) -> StageResult | StageRun:
        """Do what is needed for one stage; return what became of it, or its run when it has to run.

        Args:
            stage: The stage; what it needs was looked at before.
            forced: Whether it is to run in any case.
            upstream: In a dry run, a stage whose outputs would change first.

        Raises:
            NotFoundError: An input is missing.
            SiglumError: What reading and writing files raises; nothing of the stage is recorded then.
        """
        lock = recorded_lock(self._locks, stage)
        # Parameters files are read anew for every stage: the one before may have written them.
        inputs = observe_inputs(self._repo, stage, self._params, lock)
        reasons = self._reasons(stage, lock, inputs, forced)
        if not reasons and upstream is not None:
            reasons = (Reason(Cause.UPSTREAM, upstream),)
        if not reasons:
            shown = None if stage.is_data else lock
            self._on_event(StageUnchanged(stage, shown))
            return StageResult(stage.address, Outcome.UNCHANGED, lock=shown)
        if self._options.confirm is not None and not self._options.confirm(stage):
            raise ConflictError(f"Stage '{stage.address}' was not to be run: nothing more is done.")
        self._before_change()
        if stage.is_import and (
            stage.is_promise
            or reasons[0].cause is Cause.DEPENDENCY
            or (not stage.frozen and self._is_lost(stage, lock))
        ):
            return self._renew(stage, reasons)
        if stage.is_data or stage.frozen:
            return self._verify(stage, reasons, inputs)
        if self._options.dry and upstream is not None:
            return self._announce(stage, reasons, None)  # its inputs are not there yet, or are not what they will be
        if self._pull_inputs(stage, inputs):
            inputs = observe_inputs(self._repo, stage, self._params, lock)
        return self._restore(stage, reasons, lock, inputs, forced) or self._prepare(stage, reasons, inputs)

    def _before_change(self) -> None:
        if not self._has_changed and self._options.before_change is not None:
            self._options.before_change()
        self._has_changed = True

    def _reasons(self, stage: Stage, lock: StageLock | None, inputs: Inputs, forced: bool) -> tuple[Reason, ...]:
        if forced and not stage.is_data:
            return (Reason(Cause.FORCED),)
        if stage.is_data:
            found = self._why_renew(stage) or why_outputs(self._repo, stage, lock)
        else:
            found = why_inputs(stage, lock, inputs)
            if self._options.allow_missing:
                found = tuple(reason for reason in found if not self._is_only_missing(stage, lock, reason))
            found = found or why_outputs(self._repo, stage, lock)
        if self._options.allow_missing:
            found = tuple(reason for reason in found if not self._is_only_missing(stage, lock, reason))
        return found

    def _is_only_missing(self, stage: Stage, lock: StageLock | None, reason: Reason) -> bool:
        """Whether a reason is that recorded data is not here, and what it is made from did not change."""
        if reason.cause is Cause.OUTPUT:
            return reason.change in (Change.DELETED, Change.NOT_IN_CACHE)
        if reason.cause is not Cause.DEPENDENCY or reason.change is not Change.DELETED or lock is None:
            return False
        recorded = next((lock.dep(dep.path) for dep in stage.deps if dep.key == reason.path), None)
        made = self._recorded_of(reason.path or "")
        return recorded is not None and (made is None or made[1].md5 == recorded.md5)

    def _recorded_of(self, key: str) -> tuple[Output, LockedPath] | None:
        """Return the output at a path, or the one that it lies in, with what is recorded of it now."""
        while key:
            owner = self._owners.get(key)
            if owner is not None:
                stage, out = owner
                lock = recorded_lock(self._locks, stage)
                recorded = None if lock is None else lock.out(out.path)
                return None if recorded is None else (out, recorded)
            key = key.rpartition("/")[0]
        return None

    @cached_property
    def _owners(self) -> dict[str, tuple[Stage, Output]]:
        return {out.key: (stage, out) for stage in self._pipeline.stages.values() for out in stage.outs}

    # What is never run

    def _why_renew(self, stage: Stage) -> tuple[Reason, ...]:
        if not stage.is_import or stage.frozen:
            return ()
        # Imported here, as below: it brings all that speaks to remotes, and few pipelines have an import that follows.
        from siglum.pipeline.execution.renew import why_renew

        return why_renew(self._repo, stage)

    def _renew(self, stage: Stage, reasons: tuple[Reason, ...]) -> StageResult:
        """Take an import from its source."""
        if not self._options.dry:
            from siglum.pipeline.execution.renew import renew

            renew(self._repo, stage)
        self._on_event(StageVerified(stage, reasons))
        return StageResult(stage.address, Outcome.WOULD_RUN if self._options.dry else Outcome.VERIFIED, reasons)

    def _verify(self, stage: Stage, reasons: tuple[Reason, ...], inputs: Inputs) -> StageResult:
        """Record what a `.dvc` file or a frozen stage stands for as it is now; bring it back where it is missing."""
        lock = recorded_lock(self._locks, stage)
        outcome = Outcome.VERIFIED
        for out in stage.outs:
            recorded = None if lock is None else lock.out(out.path)
            if not self._is_gone(out):
                continue
            outcome = Outcome.WOULD_RUN if self._options.dry else outcome  # what is below cannot be looked at yet
            data = None if recorded is None else recorded.data_hash
            self._pull([] if recorded is None else [(out, recorded)])
            if data is None or not is_cached(self._repo, data):
                raise NotFoundError(
                    f"'{out.key}' of '{stage.address}' does not exist, and the cache does not hold it.",
                    hint="Run 'siglum pull', or put the data back.",
                )
            if not self._options.dry:
                assert lock is not None
                self._check_out(stage, out, lock)
        if not self._options.dry:
            if stage.is_data:
                pointer = os.path.join(self._repo.root, stage.file)
                record(
                    self._repo, Pointer(stage.file, read_pointer(pointer, stage.file)), to_cache=self._options.commit
                )
            else:
                self.record(stage, lock_inputs(stage, inputs))
        lock = self._locks.get(stage.address)
        self._on_event(StageVerified(stage, reasons, lock))
        return StageResult(stage.address, outcome, reasons, lock)

    # What is missing

    def _is_gone(self, out: Output) -> bool:
        return not os.path.lexists(self._path(out)) or is_lost_link(self._repo, self._path(out))

    def _is_lost(self, stage: Stage, lock: StageLock | None) -> bool:
        """Whether an output is neither in the workspace nor in the cache."""
        recorded = {out.path: None if lock is None else lock.out(out.path) for out in stage.outs}
        hashes = {path: None if entry is None else entry.data_hash for path, entry in recorded.items()}
        return any(
            self._is_gone(out) and ((data := hashes[out.path]) is None or not is_cached(self._repo, data))
            for out in stage.outs
        )

    def _pull_inputs(self, stage: Stage, inputs: Inputs) -> bool:
        """With `pull`, bring back dependencies that are missing; return whether there was one."""
        if not self._options.pull or self._options.dry:
            return False
        missing = [dep.key for dep in stage.deps if not dep.is_remote and inputs.deps.get(dep.key) is None]
        found = [each for key in missing if (each := self._recorded_of(key)) is not None]
        self._pull(found)
        for out, recorded in found:
            data = recorded.data_hash
            if data is not None and is_cached(self._repo, data):
                self._check_out(stage, out, StageLock("", outs=(recorded,)))
        return bool(found)

    # Results of earlier runs

    def _restore(
        self, stage: Stage, reasons: tuple[Reason, ...], lock: StageLock | None, inputs: Inputs, forced: bool
    ) -> StageResult | None:
        """Bring a stage's outputs back from an earlier run with the same command and inputs, if there is one."""
        if forced or not can_be_cached(stage):
            return None
        wanted = lock_inputs(stage, inputs)
        for found, source in self._candidates(stage, lock, wanted, reasons):
            if not self._is_complete(stage, found):
                continue
            if self._options.dry:
                self._on_event(StageRestored(stage, reasons, found, source))
                return StageResult(stage.address, Outcome.RESTORED, reasons, found)
            try:
                for out in stage.outs:
                    self._check_out(stage, out, found)
            except (IntegrityError, NotFoundError):
                continue  # a damaged object: another run may have left the same, else the stage makes it again
            entry = self.record(stage, wanted)
            self._on_event(StageRestored(stage, reasons, entry, source))
            return StageResult(stage.address, Outcome.RESTORED, reasons, entry)
        return None

    def _candidates(
        self, stage: Stage, lock: StageLock | None, wanted: StageLock, reasons: tuple[Reason, ...]
    ) -> Iterator[FoundRun]:
        if lock is not None and all(reason.cause is Cause.OUTPUT for reason in reasons):
            yield FoundRun(lock, None)
        if self._options.run_cache:
            yield from self._run_cache.find_named(wanted, [out.path for out in stage.outs])

    def _is_complete(self, stage: Stage, entry: StageLock) -> bool:
        recorded = [entry.out(out.path) for out in stage.outs]
        self._pull([(out, each) for out, each in zip(stage.outs, recorded, strict=True) if each is not None])
        hashes = [None if each is None else each.data_hash for each in recorded]
        return all(data is not None and is_cached(self._repo, data) for data in hashes)

    def _check_out(self, stage: Stage, out: Output, entry: StageLock) -> None:
        """Bring one output to what an entry says; content that is nowhere else is kept in the cache first."""
        recorded = entry.out(out.path)
        assert recorded is not None
        data = recorded.data_hash
        assert data is not None
        path = self._path(out)
        self._repo.store_of(data).verify(data.oid)
        kept = keep_content(self._repo, out)
        if kept is not None:
            self._on_event(OutputKept(stage, kept.path, kept.where))
        types = None if out.cache else (LinkType.COPY,)  # what Git tracks must not be a link into the cache
        checkout_path(self._repo, path, data, is_exec=bool(recorded.isexec), force=True, types=types)
        if out.cache and not data.legacy:
            self._repo.placed.note(out.key, data.oid)

    # Runs

    def _prepare(self, stage: Stage, reasons: tuple[Reason, ...], inputs: Inputs) -> StageResult | StageRun:
        wanted = lock_inputs(stage, inputs)
        if not os.path.isdir(os.path.join(self._repo.root, stage.wdir)):
            raise NotFoundError(f"Stage '{stage.address}' runs in '{stage.wdir}', which is not a folder.")
        self._recorder.rules.check_untracked(stage)
        if self._options.dry:
            return self._announce(stage, reasons, wanted)
        return StageRun(self._repo, self._params, stage, reasons, wanted)

    def _announce(self, stage: Stage, reasons: tuple[Reason, ...], inputs: StageLock | None) -> StageResult:
        self._on_event(StageStarted(stage, reasons, inputs, time.time()))
        for command in stage.shown_commands():
            self._on_event(CommandStarted(stage, command))
        return StageResult(stage.address, Outcome.WOULD_RUN, reasons)

    def finish(self, run: StageRun, inputs: StageLock, commands: CommandRun) -> StageResult:
        """Take over what a stage made. Its event follows when that is recorded, by the recorder's next flush."""
        stage, reasons = run.stage, run.reasons

        def report() -> None:
            self._on_event(StageFinished(stage, entry, reasons, commands))

        entry = self.record(stage, inputs, report)
        return StageResult(stage.address, Outcome.RAN, reasons, entry, run=commands)

    def record(self, stage: Stage, inputs: StageLock, then: Callable[[], None] | None = None) -> StageLock:
        """Save a stage's outputs and its entry; durable with the recorder's next flush."""
        keep_run = self._options.commit and may_be_saved(stage)
        entry = self._recorder.add(
            stage,
            inputs,
            to_cache=self._options.commit,
            small_too=keep_run,
            run_cache=self._run_cache if keep_run else None,
            then=then,
        )
        self._locks[stage.address] = entry
        return entry

    def _path(self, out: Output) -> str:
        return os.path.join(self._repo.root, out.key)
