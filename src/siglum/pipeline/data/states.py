"""States of tracked data as values to compare: what an inventory records, and what the workspace has in its places."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from siglum.core.hashes import DataHash
from siglum.pipeline.data.changes import Snapshot, is_within
from siglum.pipeline.definition.paths import parents
from siglum.pipeline.inventory.inventory import Inventory, InventoryItem
from siglum.storage.legacy import legacy_hash_of, legacy_manifest
from siglum.storage.manifest import encode_entries, make_manifest
from siglum.storage.manifest_diff import oids_of, read_listing
from siglum.workspace.folder_contents import FolderContents
from siglum.workspace.outputs import hash_path, scan_folder
from siglum.workspace.repository import Repository


def touched(inventory: Inventory, within: Sequence[str]) -> list[InventoryItem]:
    """Return the outputs that `within` (paths from the root) names, contains or reaches into; all when it is empty."""
    if not within:
        return list(inventory.items)
    above = {folder for path in within for folder in parents(path)}
    return [item for item in inventory.items if is_within(item.path, within) or item.path in above]


def recorded_snapshot(items: Iterable[InventoryItem], contents: FolderContents) -> Snapshot:
    """Return what is recorded as a state. Manifests are read when they are asked for."""
    by_path = {item.path: item for item in items}

    def manifest(path: str) -> bytes | None:
        item = by_path[path]
        if item.files is not None:
            return make_manifest(list(item.files)).encode()
        return None if item.hash is None else contents.manifest(item.hash, item.remote)

    return Snapshot({path: item.hash for path, item in by_path.items()}, manifest)


def workspace_snapshot(repo: Repository, items: Iterable[InventoryItem]) -> Snapshot:
    """Return what the workspace has at the paths of these outputs, hashed; what the index knows is not read.

    What is not there, or is a link that leads nowhere, is not in it. Raises InvalidInputError and ConflictError as
    `hash_path` does.
    """
    outputs: dict[str, DataHash | None] = {}
    legacy: dict[str, bytes] = {}
    for item in items:
        path = os.path.join(repo.root, item.path)
        if not os.path.exists(path):
            continue
        if item.hash is None or not item.hash.legacy:
            outputs[item.path] = hash_path(repo, path).hash
        elif os.path.isdir(path):
            made = legacy_manifest(path, repo.index, repo.ignore)
            outputs[item.path], legacy[item.path] = DataHash(made.oid, legacy=True), made.encode()
        else:
            outputs[item.path] = DataHash(legacy_hash_of(path, repo.index), legacy=True)

    def manifest(path: str) -> bytes | None:
        known = legacy.get(path)
        # What was hashed just now is on record: this costs another stat of each file, where files are asked for.
        return encode_entries(scan_folder(repo, os.path.join(repo.root, path)).entries) if known is None else known

    return Snapshot(outputs, manifest)


def not_in_cache(
    repo: Repository, state: Snapshot, *, granular: bool, within: Sequence[str] = ()
) -> list[tuple[str, DataHash]]:
    """Return what of a state the cache does not have (path, hash), sorted by path.

    With `granular` also the files of folders, as far as their manifests are to be had.
    """
    found: list[tuple[str, DataHash]] = []
    for path, data in state.outputs.items():
        if data is None:
            continue
        if not repo.store_of(data).has(data.oid):
            found.append((path, data))
        if granular and data.is_dir:
            found += _files_not_in_cache(repo, path, data, state.manifest(path))
    return sorted(each for each in found if not within or is_within(each[0], within))


def _files_not_in_cache(
    repo: Repository, folder: str, data: DataHash, manifest: bytes | None
) -> list[tuple[str, DataHash]]:
    if manifest is None:
        return []
    store = repo.store_of(data)

    def oids() -> Iterable[str]:
        yield from oids_of(manifest, folder)

    if store.has_all(data.oid, oids()):
        return []
    listed = read_listing(manifest, folder)
    missing = set(store.missing(listed.values()))
    return [(f"{folder}/{name}", DataHash(oid, data.legacy)) for name, oid in listed.items() if oid in missing]
