"""Recording what stages made: outputs into the cache, then the entries in dvc.lock that name them.

Stages that end at about the same time share a flush. The order stays what keeps a lock file true: objects are durable
before an entry names them; until then nothing of the stage is on record, and after a crash it simply runs again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

import msgspec

from siglum.pipeline.data.output_rules import OutputRules
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.definition.stages import Output, Stage
from siglum.pipeline.records.lock import StageLock, encode_entry
from siglum.pipeline.records.lock_writer import LockWriter
from siglum.pipeline.records.run_cache import RunCache
from siglum.pipeline.status.folder_lists import FolderLists
from siglum.pipeline.status.observe import locked_path
from siglum.storage.ingest import IngestBatch
from siglum.workspace.outputs import PathState, StagedPath, hash_path, settle_path, stage_path
from siglum.workspace.repository import Repository


class Recorder:
    """Writes entries of lock files, each file atomically and read once.

    `stages` are those that may be recorded, in the order that the files are to show.
    """

    def __init__(self, repo: Repository, stages: Iterable[Stage]) -> None:
        ordered = list(stages)
        self._repo = repo
        self._ranks = {stage.address: rank for rank, stage in enumerate(ordered)}
        self.rules = OutputRules(repo, ordered)
        self._folders = FolderLists(repo)
        self._writers: dict[str, LockWriter] = {}
        self._batch: IngestBatch | None = None
        self._staged: list[StagedPath] = []
        self._runs: list[tuple[RunCache, StageLock]] = []
        self._placed: list[tuple[str, str]] = []
        self._added: list[tuple[Stage, StageLock]] = []
        self._told: list[Callable[[], None]] = []
        self.waiting_since: float | None = None
        """Since when (`time.monotonic`) something waits for a flush; None when nothing does."""

    def record(
        self, stage: Stage, inputs: StageLock, *, to_cache: bool = True, small_too: bool = False, relink: bool = True
    ) -> StageLock:
        """Save a stage's outputs and write its entry at once; see `add`."""
        try:
            entry = self.add(stage, inputs, to_cache=to_cache, small_too=small_too, relink=relink)
            self.flush()
        except BaseException:
            self.drop()
            raise
        return entry

    def add(
        self,
        stage: Stage,
        inputs: StageLock,
        *,
        to_cache: bool = True,
        small_too: bool = False,
        relink: bool = True,
        run_cache: RunCache | None = None,
        then: Callable[[], None] | None = None,
    ) -> StageLock:
        """Read a stage's outputs on their way into the cache; return its entry, which the next `flush` writes.

        `inputs` is the entry without outputs. With `small_too`, metrics and plots that Git keeps are copied to the
        cache as well, so that the run cache can bring them back; with `run_cache`, the entry goes there, too. `then`
        is called when all is written.
        """
        rank = self._ranks[stage.address]
        outs = tuple(locked_path(out.path, self._save(out, rank, to_cache, small_too, relink)) for out in stage.outs)
        entry = msgspec.structs.replace(inputs, outs=outs)
        self._added.append((stage, entry))
        self._writer(stage).put(stage.name, encode_entry(entry), rank)
        if run_cache is not None:
            self._runs.append((run_cache, entry))
        if then is not None:
            self._told.append(then)
        if self.waiting_since is None:
            self.waiting_since = time.monotonic()
        return entry

    def flush(self) -> None:
        """Make durable and visible what was added: objects, `.gitignore`, run cache, lock files; in this order."""
        if self.waiting_since is None:
            return
        if self._batch is not None:
            with self._batch as batch:
                batch.commit()
            self._batch = None
        for staged in self._staged:
            settle_path(self._repo, staged)
        for key, oid in self._placed:
            self._repo.placed.note(key, oid)
        self.rules.flush()
        for run_cache, entry in self._runs:
            run_cache.save(entry)
        for writer in self._writers.values():
            writer.flush()
        for stage, entry in self._added:
            self._folders.remember(stage, entry)
        told = self._told
        self._forget()
        for tell in told:
            tell()

    def drop(self) -> None:
        """Give up what was added and not written."""
        if self._batch is not None:
            with self._batch:
                self._batch = None
        for writer in self._writers.values():
            writer.drop()
        self._forget()

    def _forget(self) -> None:
        self._staged, self._runs, self._placed, self._added, self._told = [], [], [], [], []
        self.waiting_since = None

    def _save(self, out: Output, rank: int, to_cache: bool, small_too: bool, relink: bool) -> PathState:
        path = os.path.join(self._repo.root, out.key)
        if out.cache and not out.is_outside:
            self.rules.ignore(out.key, rank)
        if to_cache and out.cache:
            state = self._stage(path, relink)
            self._placed.append((out.key, state.hash.oid))
            return state
        if small_too and out.kind is not OutputKind.OUTS:
            return self._stage(path, False)
        return hash_path(self._repo, path)

    def _stage(self, path: str, relink: bool) -> PathState:
        if self._batch is None:
            self._batch = self._repo.cache.batch()
        staged = stage_path(self._repo, path, self._batch, relink=relink)
        self._staged.append(staged)
        return staged.state

    def _writer(self, stage: Stage) -> LockWriter:
        path = stage.lock_path
        if path not in self._writers:
            self._writers[path] = LockWriter(os.path.join(self._repo.root, path), path)
        return self._writers[path]
