"""Recording what is in the workspace: content into the cache, then the `.dvc` file that names it."""

from __future__ import annotations

import os

import msgspec

from siglum.core.errors import NotFoundError
from siglum.core.hashes import DataHash
from siglum.workspace.outputs import PathState, hash_path, save_path
from siglum.workspace.pointers import DependencySpec, OutputSpec, Pointer, with_checksum, write_pointer
from siglum.workspace.repository import Repository


class Recorded(msgspec.Struct, frozen=True):
    """One output whose content was recorded. Paths are relative to the repository's root; sizes in bytes."""

    path: str
    pointer: str
    hash: DataHash | None
    size: int
    nfiles: int
    changed: bool


def record(
    repo: Repository, pointer: Pointer, *, to_cache: bool = True, relink: bool = True, refresh: bool = False
) -> list[Recorded]:
    """Bring one `.dvc` file up to date with the workspace. The caller holds the lock.

    The content is durable in the cache before the file names it. With `refresh`, an import's local sources are recorded
    as they are now, too, and its checksum. Raises NotFoundError when an output, or such a source, is missing.
    """
    file = pointer.file
    if refresh:
        file = msgspec.structs.replace(file, deps=[_refreshed(repo, pointer, dep) for dep in file.deps])
    done, outs = [], []
    for spec in pointer.file.outs:
        key = pointer.key_of(spec)
        path = os.path.join(repo.root, key)
        if not os.path.lexists(path):
            raise NotFoundError(
                f"{repo.shown(key)} does not exist, though {repo.shown(pointer.path)} tracks it.",
                hint="Bring it back with 'siglum checkout'.",
            )
        keep = to_cache and spec.cache
        if spec.data is not None and spec.data.legacy:
            state = hash_path(repo, path, legacy=True)
            if state.hash == spec.data and state.is_exec == spec.isexec:
                # As DVC 2 recorded it: there is nothing new to record.
                outs.append(spec)
                done.append(Recorded(key, pointer.path, state.hash, state.size, state.nfiles, changed=False))
                continue
        state = save_path(repo, path, relink=relink) if keep else hash_path(repo, path)
        if keep:
            repo.placed.note(key, state.hash.oid)
        outs.append(updated(spec, state))
        done.append(Recorded(key, pointer.path, state.hash, state.size, state.nfiles, spec.data != state.hash))
    file = msgspec.structs.replace(file, outs=outs)
    write_pointer(os.path.join(repo.root, pointer.path), with_checksum(file) if refresh else file)
    return done


def updated(spec: OutputSpec, state: PathState) -> OutputSpec:
    """Return an output's entry for new content. An unchanged entry of an older format stays as it is."""
    if spec.data == state.hash and spec.isexec == state.is_exec:
        return spec
    return msgspec.structs.replace(
        spec,
        md5=state.hash.oid,
        size=state.size,
        nfiles=state.nfiles if state.hash.is_dir else None,
        isexec=state.is_exec,
        hash="md5",
        etag=None,
        checksum=None,
        version_id=None,
        cloud=None,
        files=None,
    )


def changed_sources(repo: Repository, pointer: Pointer) -> dict[str, str]:
    """Return which local sources of an import are not what it records: `modified` or `deleted`, by their path.

    What lies in another repository or behind a URL is not looked at.
    """
    found = {}
    for dep in pointer.file.deps:
        path = _local_source(repo, pointer, dep)
        if path is None:
            continue
        if not os.path.lexists(path):
            found[os.path.relpath(path)] = "deleted"
        elif dep.md5 != hash_path(repo, path).hash.oid:
            found[os.path.relpath(path)] = "modified"
    return found


def _local_source(repo: Repository, pointer: Pointer, dep: DependencySpec) -> str | None:
    """Return the absolute path of what was imported, when that is a file or folder of this machine."""
    if dep.repo is not None or dep.db is not None or "://" in dep.path:
        return None
    folder = os.path.join(repo.root, os.path.dirname(pointer.path), pointer.file.wdir or "")
    return os.path.normpath(os.path.join(folder, dep.path))


def _refreshed(repo: Repository, pointer: Pointer, dep: DependencySpec) -> DependencySpec:
    path = _local_source(repo, pointer, dep)
    if path is None:
        return dep
    state = hash_path(repo, path)
    if dep.md5 == state.hash.oid:
        return dep
    return msgspec.structs.replace(
        dep, md5=state.hash.oid, size=state.size, nfiles=state.nfiles if state.hash.is_dir else None, hash="md5"
    )
