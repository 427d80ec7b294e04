"""`cache migrate --dvc-files`: entries of `.dvc` and lock files that DVC 2 wrote, in DVC 3's form."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from siglum.core.errors import NotFoundError, SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import load_pipeline
from siglum.pipeline.records.lock import LockedPath, StageLock, encode_entry
from siglum.pipeline.records.lock_writer import LockWriter
from siglum.pipeline.records.run_cache import RunCache, may_be_saved
from siglum.storage.manifest import make_manifest
from siglum.storage.migration import Migration, migrate_objects
from siglum.workspace.outputs import hash_path, save_path
from siglum.workspace.pointers import OutputSpec, Pointer, write_pointer
from siglum.workspace.repository import Repository


class MigratedFiles(msgspec.Struct, frozen=True):
    """The `.dvc` and lock files that were (or would be) changed, and the paths whose content is nowhere to be had."""

    changed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def migrate_cache(repo: Repository, *, dry: bool = False) -> Migration:
    """Give every object of DVC 2 its name in DVC 3's layout. The caller holds the lock."""
    return migrate_objects(repo.legacy_cache, repo.cache, sorted(repo.legacy_cache.oids()), dry=dry)


def migrate_files(repo: Repository, migration: Migration, *, dry: bool = False) -> MigratedFiles:
    """Rewrite the entries that DVC 2 wrote, the content of each safe in the cache first. The caller holds the lock.

    What lies in the workspace as recorded is recorded as it lies there; else as the cache has it. An entry whose
    content is in neither place stays as it is.
    """
    work = _Work(repo, migration.names, dry)
    for pointer in repo.pointers():
        work.pointer(pointer)
    pipeline = load_pipeline(repo)
    for address, lock in pipeline.locks.items():
        work.stage(pipeline.stages[address], lock)
    return MigratedFiles(tuple(sorted(work.changed)), tuple(sorted(work.left)))


class _Work:
    def __init__(self, repo: Repository, names: Mapping[str, str], dry: bool) -> None:
        self._repo = repo
        self._names = names
        self._dry = dry
        self._writers: dict[str, LockWriter] = {}
        self.changed: set[str] = set()
        self.left: set[str] = set()

    def pointer(self, pointer: Pointer) -> None:
        """Migrate a `.dvc` file."""
        outs = [self._out(pointer.key_of(spec), spec) for spec in pointer.file.outs]
        if outs != pointer.file.outs:
            self.changed.add(pointer.path)
            if not self._dry:
                path = os.path.join(self._repo.root, pointer.path)
                write_pointer(path, msgspec.structs.replace(pointer.file, outs=outs))

    def stage(self, stage: Stage, lock: StageLock) -> None:
        """Migrate a stage's entry in its lock file."""
        keys = {out.path: (out.key, out.cache) for out in stage.outs}
        keys |= {dep.path: (dep.key, False) for dep in stage.deps}
        new = StageLock(
            lock.command,
            tuple(self._locked(keys, dep) for dep in lock.deps),
            lock.params,
            tuple(self._locked(keys, out) for out in lock.outs),
        )
        if new == lock:
            return
        self.changed.add(stage.lock_path)
        if self._dry:
            return
        path = os.path.join(self._repo.root, stage.lock_path)
        writer = self._writers.setdefault(path, LockWriter(path, self._repo.shown(stage.lock_path)))
        writer.put(stage.name, encode_entry(new))
        writer.flush()
        # As DVC does: what this stage made of these inputs can be found by their new hashes, too.
        if may_be_saved(stage) and all(each.hash is not None for each in (*new.deps, *new.outs)):
            RunCache(self._repo.run_cache_dir).save(new)

    def _out(self, key: str, spec: OutputSpec) -> OutputSpec:
        if spec.data is None or not spec.data.legacy:
            return spec
        found = self._new_hash(key, spec.data, keep=spec.cache)
        return spec if found is None else msgspec.structs.replace(spec, md5=found.oid, hash="md5")

    def _locked(self, keys: Mapping[str, tuple[str, bool]], entry: LockedPath) -> LockedPath:
        if entry.data_hash is None or not entry.data_hash.legacy or entry.path not in keys:
            return entry
        key, cached = keys[entry.path]
        found = self._new_hash(key, entry.data_hash, keep=cached)
        return entry if found is None else msgspec.structs.replace(entry, md5=found.oid, hash="md5")

    def _new_hash(self, key: str, data: DataHash, *, keep: bool) -> DataHash | None:
        """Return the hash by DVC 3's way of what an entry stands for; `keep` has it in the cache, too."""
        path = os.path.join(self._repo.root, key)
        try:
            if hash_path(self._repo, path, legacy=True).hash == data:
                found = save_path(self._repo, path, relink=False) if keep and not self._dry else None
                return (found or hash_path(self._repo, path)).hash
        except NotFoundError:
            pass
        found_in_cache = self._from_cache(data)
        if found_in_cache is None:
            self.left.add(key)
        return found_in_cache

    def _from_cache(self, data: DataHash) -> DataHash | None:
        if not data.is_dir:
            return DataHash(self._names[data.oid]) if data.oid in self._names else None
        try:
            entries = self._repo.legacy_cache.read_manifest(data.oid).entries
        except SiglumError:
            return None
        if any(entry.oid not in self._names for entry in entries):
            return None
        manifest = make_manifest([(entry.relpath, self._names[entry.oid]) for entry in entries])
        if not self._dry:
            self._repo.cache.write_manifest(manifest)
        return DataHash(manifest.oid)
