"""What differs between `.dvc` files and the workspace, the cache or a remote, in the shape of DVC's `status --json`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypeAlias

from siglum.core.errors import NotFoundError
from siglum.core.hashes import DataHash
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import key_of
from siglum.storage.tree import TreeState
from siglum.workspace.outputs import hash_path, is_cached, scan_folder
from siglum.workspace.repository import Repository
from siglum.workspace.targets import TrackedOutput, select_outputs

Verdict: TypeAlias = Literal["modified", "deleted", "not in cache", "new"]
Status: TypeAlias = dict[str, list[dict[str, dict[str, str]]]]


def data_status(repo: Repository, targets: Sequence[str] = ()) -> Status:
    """Return, by `.dvc` file, which outputs differ from what it records; nothing for those that do not.

    Paths are relative to the current folder. An unchanged file costs one stat.
    """
    found: Status = {}
    for output in select_outputs(repo, targets):
        verdict = verdict_of(repo, output)
        if verdict is not None:
            changed = {repo.shown(output.key): verdict}
            entries = found.setdefault(repo.shown(output.pointer.path), [{"changed outs": {}}])
            entries[0]["changed outs"].update(changed)
    return found


def verdict_of(repo: Repository, output: TrackedOutput) -> Verdict | None:
    """Return how an output differs from its record, None when it does not. That the cache lacks it goes before all."""
    recorded = output.spec.data
    if recorded is None:
        return "new"
    path = os.path.join(repo.root, output.key)
    if recorded.is_dir and os.path.isdir(path):
        return _folder_verdict(repo, output.spec.cache, recorded, scan_folder(repo, path))
    if output.spec.cache and not is_cached(repo, recorded):
        return "not in cache"
    try:
        state = hash_path(repo, path)
    except NotFoundError:
        return "deleted"
    return None if state.hash == recorded else "modified"


def _folder_verdict(repo: Repository, cached: bool, recorded: DataHash, tree: TreeState) -> Verdict | None:
    """Compare a folder with its record; the record need not be read where the folder is what it says."""
    if tree.manifest.oid == recorded.oid:
        complete = repo.cache.has(recorded.oid) and not repo.cache.missing(entry.oid for entry in tree.entries)
        return None if complete or not cached else "not in cache"
    return "not in cache" if cached and not is_cached(repo, recorded) else "modified"


def cloud_status(repo: Repository, wanted: Sequence[tuple[str, DataHash]], remote: Remote) -> dict[str, str]:
    """Return, by path, what a remote lacks ("new"), what the cache lacks ("deleted") and what both do ("missing").

    `wanted` holds what is recorded: (path from the root, hash). A folder's files are looked at when its manifest is in
    the cache; a manifest on the remote stands for all its files.
    """
    entries = dict(wanted)
    for path, data in wanted:
        if data.is_dir and repo.cache.has(data.oid):
            manifest = repo.cache.read_manifest(data.oid)
            entries |= {f"{path}/{entry.relpath}": DataHash(entry.oid) for entry in manifest.entries}
    oids = {data.oid for data in entries.values()}
    there = remote.exists(key_of(oid) for oid in oids)
    complete = {path for path, data in wanted if data.is_dir and key_of(data.oid) in there}
    absent_here = set(repo.cache.missing(oids))
    found: dict[str, str] = {}
    for path, data in entries.items():
        here = data.oid not in absent_here
        on_remote = key_of(data.oid) in there or any(path.startswith(folder + "/") for folder in complete)
        if here and not on_remote:
            found[repo.shown(path)] = "new"
        elif on_remote and not here:
            found[repo.shown(path)] = "deleted"
        elif not here:
            found[repo.shown(path)] = "missing"
    return found
