"""Recording what a stage made: its outputs into the cache, then its entry in dvc.lock, which names them."""

from __future__ import annotations

import os

import msgspec

from siglum.pipeline.lock import StageLock, encode_entry
from siglum.pipeline.lock_text import LockWriter
from siglum.pipeline.observe import locked_path
from siglum.pipeline.schema import OutputKind
from siglum.pipeline.stages import Output, Stage
from siglum.workspace.outputs import PathState, add_to_gitignore, hash_path, save_path
from siglum.workspace.repository import Repository


class Recorder:
    """Writes entries of lock files, each atomically; a lock file is read once."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._writers: dict[str, LockWriter] = {}

    def record(
        self, stage: Stage, inputs: StageLock, *, to_cache: bool = True, small_too: bool = False, relink: bool = True
    ) -> StageLock:
        """Save a stage's outputs and write its entry: outputs first, so that no entry names what is not there.

        `inputs` is the entry without outputs. With `small_too`, metrics and plots that Git keeps are copied to the
        cache as well, so that the run cache can bring them back.
        """
        outs = tuple(locked_path(out.path, self._save(out, to_cache, small_too, relink)) for out in stage.outs)
        entry = msgspec.structs.replace(inputs, outs=outs)
        self._writer(stage).put(stage.name, encode_entry(entry))
        return entry

    def _save(self, out: Output, to_cache: bool, small_too: bool, relink: bool) -> PathState:
        path = os.path.join(self._repo.root, out.key)
        if out.cache and not out.is_outside:
            add_to_gitignore(self._repo, path)
        if to_cache and out.cache:
            state = save_path(self._repo, path, relink=relink)
            self._repo.placed.note(out.key, state.hash.oid)
            return state
        if small_too and out.kind is not OutputKind.OUTS:
            return save_path(self._repo, path, relink=False)
        return hash_path(self._repo, path)

    def _writer(self, stage: Stage) -> LockWriter:
        path = stage.lock_path
        if path not in self._writers:
            self._writers[path] = LockWriter(os.path.join(self._repo.root, path), path)
        return self._writers[path]
