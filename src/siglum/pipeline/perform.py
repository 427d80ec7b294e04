"""One stage brought up to date: looked at, restored from an earlier run, or run and recorded.

The order is what keeps a lock file true: inputs are hashed before the commands run and compared afterwards, outputs
are in the cache before the entry that names them is written, and nothing at all is written of a stage that failed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Self

import msgspec

from siglum.core.errors import (
    BusyError,
    ConflictError,
    IntegrityError,
    NotFoundError,
    NotSupportedError,
    StageFailedError,
)
from siglum.pipeline.clearing import cleared_outputs, keep_content
from siglum.pipeline.commands import Execution, execute, stage_environment
from siglum.pipeline.events import (
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
from siglum.pipeline.files import WorkspaceFiles
from siglum.pipeline.load import ParamsReader, Pipeline
from siglum.pipeline.lock import StageLock
from siglum.pipeline.observe import (
    Inputs,
    differs_in_bytecode_only,
    folder_listings,
    lock_inputs,
    observe_inputs,
    recorded_lock,
    why_inputs,
    why_outputs,
)
from siglum.pipeline.record import Recorder
from siglum.pipeline.run_cache import RunCache, can_be_cached, may_be_saved
from siglum.pipeline.stages import Output, Stage
from siglum.pipeline.staleness import Cause, Change, Reason
from siglum.storage.links import LinkType
from siglum.workspace.busy import working_on
from siglum.workspace.commit import record
from siglum.workspace.outputs import is_cached
from siglum.workspace.pointers import Pointer, read_pointer
from siglum.workspace.repository import Repository
from siglum.workspace.restore import checkout_path


class Options(msgspec.Struct, frozen=True):
    """How stages are brought up to date. `output` is the descriptor for the commands' standard output."""

    force: bool = False
    dry: bool = False
    run_cache: bool = True
    commit: bool = True
    output: int | None = None


class HeldLock:
    """The repository's lock, held except while a stage's commands run (they may use the repository themselves)."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._repo.lock())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Let go of the lock for a while; take it back however long another holds it, since work would be lost."""
        self._stack.close()
        try:
            yield
        finally:
            self._take_back()

    def _take_back(self) -> None:
        while True:
            with contextlib.suppress(BusyError):  # raised after some seconds of trying
                self._stack.enter_context(self._repo.lock())
                return


class Performer:
    """Brings the stages of one pipeline up to date, one at a time, in an order that the caller chose."""

    def __init__(
        self,
        repo: Repository,
        pipeline: Pipeline,
        options: Options,
        environment: Mapping[str, str],
        on_event: OnEvent,
        lock: HeldLock,
    ) -> None:
        self._repo = repo
        self._options = options
        self._environment = environment
        self._on_event = on_event
        self._lock = lock
        self._locks = dict(pipeline.locks)
        self._recorder = Recorder(repo)
        self._run_cache = RunCache(repo.run_cache_dir)

    def bring_up_to_date(self, stage: Stage, upstream: str | None = None) -> StageResult:
        """Do what is needed for one stage. `upstream` is a stage whose outputs would change first (in a dry run).

        Raises StageFailedError when a command fails, NotFoundError for inputs that are missing, and what reading and
        writing files raises; nothing of the stage is recorded then.
        """
        lock = recorded_lock(self._locks, stage)
        # Parameters files are read anew for every stage: the one before may have written them.
        inputs = observe_inputs(self._repo, stage, ParamsReader(WorkspaceFiles(self._repo)), lock)
        reasons = self._reasons(stage, lock, inputs)
        if not reasons and upstream is not None:
            reasons = (Reason(Cause.UPSTREAM, upstream),)
        if not reasons:
            self._on_event(StageUnchanged(stage))
            return StageResult(stage.address, Outcome.UNCHANGED, lock=None if stage.is_data else lock)
        unknown = next((reason for reason in reasons if reason.change is Change.UNKNOWN), None)
        if unknown is not None and not stage.frozen:
            raise NotSupportedError(f"Stage '{stage.address}' depends on {unknown.path}, which is not a local path.")
        if stage.is_data or stage.frozen:
            return self._verify(stage, reasons, inputs)
        if self._options.dry and upstream is not None:
            return self._announce(stage, reasons)  # its inputs are not there yet, or are not what they will be
        return self._restore(stage, reasons, lock, inputs) or self._run(stage, reasons, inputs)

    def _reasons(self, stage: Stage, lock: StageLock | None, inputs: Inputs) -> tuple[Reason, ...]:
        if self._options.force and not stage.is_data:
            return (Reason(Cause.FORCED),)
        if stage.is_data:
            return why_outputs(self._repo, stage, lock)
        return why_inputs(stage, lock, inputs) or why_outputs(self._repo, stage, lock)

    # What is never run

    def _verify(self, stage: Stage, reasons: tuple[Reason, ...], inputs: Inputs) -> StageResult:
        """Record what a `.dvc` file or a frozen stage stands for as it is now; bring it back where it is missing."""
        lock = recorded_lock(self._locks, stage)
        for out in stage.outs:
            recorded = None if lock is None else lock.out(out.path)
            if os.path.lexists(self._path(out)):
                continue
            data = None if recorded is None else recorded.data_hash
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
                self._record(stage, lock_inputs(stage, inputs))
        self._on_event(StageVerified(stage, reasons))
        return StageResult(stage.address, Outcome.VERIFIED, reasons, self._locks.get(stage.address))

    # Results of earlier runs

    def _restore(
        self, stage: Stage, reasons: tuple[Reason, ...], lock: StageLock | None, inputs: Inputs
    ) -> StageResult | None:
        """Bring a stage's outputs back from an earlier run with the same command and inputs, if there is one."""
        if self._options.force or not can_be_cached(stage):
            return None
        wanted = lock_inputs(stage, inputs)
        for found in self._candidates(stage, lock, wanted, reasons):
            if not self._is_complete(stage, found):
                continue
            if self._options.dry:
                self._on_event(StageRestored(stage, reasons, found))
                return StageResult(stage.address, Outcome.RESTORED, reasons, found)
            try:
                for out in stage.outs:
                    self._check_out(stage, out, found)
            except (IntegrityError, NotFoundError):
                continue  # a damaged object: another run may have left the same, else the stage makes it again
            entry = self._record(stage, wanted)
            self._on_event(StageRestored(stage, reasons, entry))
            return StageResult(stage.address, Outcome.RESTORED, reasons, entry)
        return None

    def _candidates(
        self, stage: Stage, lock: StageLock | None, wanted: StageLock, reasons: tuple[Reason, ...]
    ) -> Iterator[StageLock]:
        if lock is not None and all(reason.cause is Cause.OUTPUT for reason in reasons):
            yield lock
        if self._options.run_cache:
            yield from self._run_cache.find(wanted, [out.path for out in stage.outs])

    def _is_complete(self, stage: Stage, entry: StageLock) -> bool:
        recorded = [entry.out(out.path) for out in stage.outs]
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

    def _run(self, stage: Stage, reasons: tuple[Reason, ...], inputs: Inputs) -> StageResult:
        wanted = lock_inputs(stage, inputs)
        folder = os.path.join(self._repo.root, stage.wdir)
        if not os.path.isdir(folder):
            raise NotFoundError(f"Stage '{stage.address}' runs in '{stage.wdir}', which is not a folder.")
        self._check_untracked(stage)
        if self._options.dry:
            return self._announce(stage, reasons)
        self._on_event(StageStarted(stage, reasons))
        execution = Execution(
            stage.address,
            stage.shown_commands(),
            folder,
            stage_environment(self._environment, self._repo.root, stage.address),
        )
        listings = folder_listings(self._repo, stage)
        with cleared_outputs(self._repo, stage) as kept:
            for each in kept:
                self._on_event(OutputKept(stage, each.path, each.where))
            with self._claimed(stage), self._lock.released():
                execute(execution, lambda command: self._on_event(CommandStarted(stage, command)), self._options.output)
            wanted = self._checked_after(stage, wanted, listings)
            self._check_produced(stage)
        entry = self._record(stage, wanted)
        self._on_event(StageFinished(stage, entry))
        return StageResult(stage.address, Outcome.RAN, reasons, entry)

    def _claimed(self, stage: Stage) -> contextlib.AbstractContextManager[None]:
        """Keep others, DVC too, from what the stage works on while the repository's lock is free."""
        return working_on(
            self._repo.tmp_dir,
            writes=[os.path.join(self._repo.root, out.key) for out in stage.outs],
            reads=[os.path.join(self._repo.root, dep.key) for dep in stage.deps if not dep.is_remote],
            command=f"siglum repro {stage.address}",
        )

    def _announce(self, stage: Stage, reasons: tuple[Reason, ...]) -> StageResult:
        self._on_event(StageStarted(stage, reasons))
        for command in stage.shown_commands():
            self._on_event(CommandStarted(stage, command))
        return StageResult(stage.address, Outcome.WOULD_RUN, reasons)

    def _check_untracked(self, stage: Stage) -> None:
        git = self._repo.git
        if git is None:
            return
        ours = [out for out in stage.outs if out.cache and not out.is_outside]
        paths = {os.path.relpath(self._path(out), git.root): out.key for out in ours}
        for path in sorted(git.tracked(paths)):
            raise ConflictError(
                f"The output '{paths[path]}' of '{stage.address}' is tracked by Git.",
                hint=f"Run 'git rm -r --cached {paths[path]}', or declare it with 'cache: false'.",
            )

    def _checked_after(self, stage: Stage, before: StageLock, listings: dict[str, dict[str, str]]) -> StageLock:
        """Return the inputs to record after a run; refuse a result that cannot be said to come from what was hashed.

        Bytecode that Python left in a folder of code is no change: then the folder is recorded with it, as DVC does.
        """
        inputs = observe_inputs(self._repo, stage, ParamsReader(WorkspaceFiles(self._repo)))
        changed = [r for r in why_inputs(stage, before, inputs) if r.cause in (Cause.DEPENDENCY, Cause.PARAMETER)]
        if not changed:
            return before
        listed = folder_listings(self._repo, stage)
        for reason in changed:
            key = reason.path or ""
            if key in listings and key in listed and differs_in_bytecode_only(listings[key], listed[key]):
                continue
            raise StageFailedError(
                f"Stage '{stage.address}' ran, but {reason.name or key} changed meanwhile, so nothing was recorded.",
                hint="Run it again when nothing else writes to its inputs; what a stage changes itself belongs in "
                "'outs'.",
            )
        return lock_inputs(stage, inputs)

    def _check_produced(self, stage: Stage) -> None:
        for out in stage.outs:
            if not os.path.exists(self._path(out)):
                raise StageFailedError(
                    f"Stage '{stage.address}' ended without having made its output '{out.key}'.",
                    hint="Correct the command or 'outs'.",
                )

    def _record(self, stage: Stage, inputs: StageLock) -> StageLock:
        """Save a stage's outputs and write its entry: outputs first, so that no entry names what is not there."""
        keep_run = self._options.commit and may_be_saved(stage)
        entry = self._recorder.record(stage, inputs, to_cache=self._options.commit, small_too=keep_run)
        if keep_run:
            self._run_cache.save(entry)
        self._locks[stage.address] = entry
        return entry

    def _path(self, out: Output) -> str:
        return os.path.join(self._repo.root, out.key)
