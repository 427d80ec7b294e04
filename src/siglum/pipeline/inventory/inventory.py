"""What a repository records, in the workspace or at a Git revision: every tracked output, of `.dvc` files and stages.

One reader for all that only look (diff, list, status, gc, file systems). No data is touched: what is in a recorded
folder is asked of `workspace.folder_contents`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from functools import cached_property

import msgspec

from siglum.core.hashes import DataHash
from siglum.pipeline.definition.files import Files, open_files
from siglum.pipeline.definition.paths import is_outside, parents
from siglum.pipeline.definition.stages import LOCK_FILE, PIPELINE_FILE, Output
from siglum.pipeline.graph.load import flag_style, read_pipeline
from siglum.pipeline.records.lock import LockedPath
from siglum.storage.manifest import make_manifest
from siglum.workspace.pointers import DependencySpec, FileVersion, OutputSpec, Pointer, parse_pointer
from siglum.workspace.repository import Repository


class InventoryItem(msgspec.Struct, frozen=True):
    """One tracked output. `path` is posix, from the root; `source` is its `.dvc` file or its stage's address."""

    path: str
    hash: DataHash | None
    """None before the first commit, and where only a remote's own checksum is known."""
    source: str
    size: int | None = None
    nfiles: int | None = None
    is_exec: bool = False
    cached: bool = True
    """Whether it belongs in the cache; else Git keeps it, or nobody."""
    push: bool = True
    remote: str | None = None
    files: tuple[tuple[str, str], ...] | None = None
    """The files of a folder (path below it, oid) where they stand in the record itself, as with versioned remotes."""
    partial: bool = False
    """Whether it was imported without its data, so that `hash` is what the source had, and no cache need have it."""
    imported: DependencySpec | None = None
    """Where it was imported from: where its data is, if that is another repository, or if it is `partial`."""

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder, as far as that is recorded."""
        return self.nfiles is not None if self.hash is None else self.hash.is_dir


class Inventory(msgspec.Struct, frozen=True, dict=True):
    """All tracked outputs of one state, sorted by path; `revision` is None for the workspace."""

    revision: str | None
    items: tuple[InventoryItem, ...] = ()

    @cached_property
    def by_path(self) -> dict[str, InventoryItem]:
        """The outputs by their paths."""
        return {item.path: item for item in self.items}

    def holding(self, path: str) -> InventoryItem | None:
        """Return the output that `path` is, or lies in."""
        for candidate in (path, *reversed(parents(path))):
            found = self.by_path.get(candidate)
            if found is not None:
                return found
        return None

    def below(self, path: str) -> list[InventoryItem]:
        """Return the outputs that `path` (from the root, "" for the root) is or is a folder above of."""
        return [item for item in self.items if not path or item.path == path or item.path.startswith(path + "/")]

    def named(self, target: str) -> list[InventoryItem]:
        """Return the outputs of the `.dvc` file, stage or `dvc.yaml` that `target` (from the root) names."""
        return [item for item in self.items if item.source == target or item.source.startswith(f"{target}:")]


def read_inventory(repo: Repository, revision: str | None = None, *, cached_only: bool = False) -> Inventory:
    """Return what the workspace or a Git revision records; with `cached_only` just what belongs in the cache.

    Raises NotFoundError for a revision that is not there, FileFormatError for a file that cannot be read.
    """
    return Inventory(revision, items_of(repo, open_files(repo, revision), cached_only=cached_only))


class _PipelineFiles(msgspec.Struct, frozen=True):
    """A repository's files without its `.dvc` files, which are read for themselves."""

    files: Files
    pipelines: list[str]

    def read(self, path: str) -> bytes | None:
        return self.files.read(path)

    def metafiles(self) -> list[str]:
        return self.pipelines


def items_of(repo: Repository, files: Files, *, cached_only: bool) -> tuple[InventoryItem, ...]:
    """Return what `files` record, sorted by path; see `read_inventory`."""
    found: list[InventoryItem] = []
    pipelines: list[str] = []
    for path in files.metafiles():
        if posixpath.basename(path) == PIPELINE_FILE:
            pipelines.append(path)
        else:
            found += _of_pointer(Pointer(path, parse_pointer(files.read(path) or b"", path)))
    if pipelines:
        pipeline = read_pipeline(_PipelineFiles(files, pipelines), flag_style(repo))
        for address, stage in pipeline.stages.items():
            lock = pipeline.locks.get(address)
            for out in stage.outs:
                if not is_outside(out.key):
                    found.append(_of_stage(address, out, lock.out(out.path) if lock is not None else None))
    kept = {item.path: item for item in found if item.cached or not cached_only}
    return tuple(sorted(kept.values(), key=lambda item: item.path))


def _of_pointer(pointer: Pointer) -> Iterable[InventoryItem]:
    for spec in pointer.file.outs:
        files = _versions(spec.files)
        yield InventoryItem(
            pointer.key_of(spec),
            _recorded_hash(pointer, spec, files),
            pointer.path,
            spec.size if spec.files is None else sum(file.size or 0 for file in spec.files),
            spec.nfiles if spec.files is None else len(spec.files),
            spec.isexec,
            spec.cache,
            spec.push,
            spec.remote,
            files=files,
            partial=spec.data is None and files is None,
            imported=pointer.file.deps[0] if pointer.file.deps else None,
        )


def _recorded_hash(pointer: Pointer, spec: OutputSpec, files: tuple[tuple[str, str], ...] | None) -> DataHash | None:
    if spec.data is not None:
        return spec.data
    if files is not None:
        return DataHash(make_manifest(list(files)).oid)
    # An import whose data was not downloaded: what is known of the source is known of it.
    deps = pointer.file.deps
    return DataHash(deps[0].md5) if deps and deps[0].repo is None and deps[0].md5 is not None else None


def _versions(files: Sequence[FileVersion] | None) -> tuple[tuple[str, str], ...] | None:
    if files is None or any(file.md5 is None for file in files):
        return None
    return tuple((file.relpath, file.md5) for file in files if file.md5 is not None)


def _of_stage(address: str, out: Output, locked: LockedPath | None) -> InventoryItem:
    recorded = locked or LockedPath(out.path)
    return InventoryItem(
        out.key,
        recorded.data_hash,
        address,
        recorded.size,
        recorded.nfiles,
        bool(recorded.isexec),
        out.cache,
        out.push,
        out.remote,
        files=_locked_versions(recorded),
    )


def _locked_versions(recorded: LockedPath) -> tuple[tuple[str, str], ...] | None:
    files = [(each.get("relpath"), each.get("md5")) for each in recorded.files or () if isinstance(each, dict)]
    named = tuple((path, oid) for path, oid in files if isinstance(path, str) and isinstance(oid, str))
    return named if named and len(named) == len(recorded.files or ()) else None


def lock_of(item: InventoryItem) -> str:
    """Return the file that records an output: its `.dvc` file, or the lock file beside its stage's `dvc.yaml`."""
    file, stage, _ = item.source.rpartition(f"{PIPELINE_FILE}:")
    if item.source.endswith(".dvc") and not stage:
        return item.source
    return posixpath.join(file, LOCK_FILE)
