"""`data status`: what differs between the last commit, the recorded data and the workspace; and what Git says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import msgspec

from siglum.core.errors import NotFoundError
from siglum.core.hashes import DataHash
from siglum.core.text import did_you_mean
from siglum.pipeline.data.changes import Changes, Snapshot, compare, is_within
from siglum.pipeline.data.states import not_in_cache, recorded_snapshot, touched, workspace_snapshot
from siglum.pipeline.inventory.inventory import Inventory, InventoryItem, read_inventory
from siglum.storage.legacy import legacy_key_of
from siglum.storage.manifest_diff import read_listing
from siglum.storage.transfer import key_of
from siglum.workspace.folder_contents import FolderContents
from siglum.workspace.remote_index import RemoteIndex
from siglum.workspace.remotes import open_configured_remote
from siglum.workspace.repository import Repository


class GitState(msgspec.Struct, frozen=True):
    """What Git says of its own files; `untracked` (as seen from the current folder) is filled when asked for."""

    is_dirty: bool = False
    is_empty: bool = False
    untracked: tuple[str, ...] = ()


class DataStatus(msgspec.Struct, frozen=True):
    """The state of all tracked data. Paths are from the repository's root, those of folders end in a slash.

    `committed` is what the `.dvc` and lock files say that the last commit did not; `uncommitted` what the workspace
    has that these files do not say. `unchanged` is filled when asked for.
    """

    committed: Changes
    uncommitted: Changes
    not_in_cache: tuple[str, ...] = ()
    not_in_remote: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    git: GitState = GitState()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a status is to tell beyond what changed, and of what (`targets`, relative to the current folder)."""

    targets: Sequence[str] = ()
    granular: bool = False
    unchanged: bool = False
    untracked: bool = False
    not_in_remote: bool = False
    refresh: bool = True
    """Ask the remote; else what it was last seen to have counts."""


def data_status(repo: Repository, contents: FolderContents, asked: Asked, remote: str | None = None) -> DataStatus:
    """Return the state of tracked data. A folder in which nothing changed costs one stat a file.

    `remote` is the one to ask, in place of the default one. Raises NotFoundError for a target that neither is there
    nor is recorded, UnavailableError for a remote that does not answer.
    """
    now = read_inventory(repo, cached_only=True)
    head = repo.git.head_commit() if repo.git is not None else None
    was = read_inventory(repo, head, cached_only=True) if head is not None else Inventory(None)
    within = _within(repo, asked.targets, (was, now))
    items = touched(now, within)
    recorded = recorded_snapshot(items, contents)
    uncommitted = _compare(recorded, workspace_snapshot(repo, items), asked, within)
    committed = Changes()
    unchanged = uncommitted.unchanged
    if repo.git is not None:
        committed = _compare(recorded_snapshot(touched(was, within), contents), recorded, asked, within)
        steady = set(committed.unchanged)
        unchanged = tuple(each for each in unchanged if each in steady)
    return DataStatus(
        committed,
        uncommitted,
        tuple(
            _shown(path, data) for path, data in not_in_cache(repo, recorded, granular=asked.granular, within=within)
        ),
        tuple(_not_in_remote(repo, items, recorded, asked, within, remote)) if asked.not_in_remote else (),
        tuple(_shown(each.path, each.new) for each in unchanged),
        _git_state(repo, asked, head),
    )


def _compare(old: Snapshot, new: Snapshot, asked: Asked, within: Sequence[str]) -> Changes:
    return compare(old, new, granular=asked.granular, by_hash=True, within=within, unchanged=asked.unchanged)


def _within(repo: Repository, targets: Sequence[str], states: Sequence[Inventory]) -> list[str]:
    """Return the paths from the root that the targets mean."""
    within: list[str] = []
    for target in targets:
        key = repo.key_of(os.path.abspath(target))
        key = "" if key == "." else key
        named = [item.path for state in states for item in state.named(key)]
        there = os.path.lexists(target) or any(state.holding(key) or state.below(key) for state in states)
        if not there and not named:
            known = sorted({repo.shown(item.path) for state in states for item in state.items})
            raise NotFoundError(f"{target!r} is neither there nor tracked.", hint=did_you_mean(target, known))
        within += named or [key]
    return list(dict.fromkeys(within))


def _not_in_remote(
    repo: Repository,
    items: Iterable[InventoryItem],
    recorded: Snapshot,
    asked: Asked,
    within: Sequence[str],
    remote: str | None,
) -> list[str]:
    """Return what of the recorded data its remotes do not have: all of what no remote is configured for."""
    default = remote or repo.config.get("core.remote")
    by_remote: dict[str | None, dict[str, DataHash]] = {}
    for item in items:
        if not item.push or item.hash is None:
            continue
        wanted = by_remote.setdefault(item.remote or default, {})
        wanted[item.path] = item.hash
        manifest = recorded.manifest(item.path) if asked.granular and item.hash.is_dir else None
        if manifest is not None:
            for relpath, oid in read_listing(manifest, item.path).items():
                wanted[f"{item.path}/{relpath}"] = DataHash(oid, item.hash.legacy)
    found: list[str] = []
    for name, wanted in by_remote.items():
        if name is None:
            found += [_shown(path, data) for path, data in wanted.items()]
            continue
        there = open_configured_remote(repo, name)
        keys = {path: legacy_key_of(data.oid) if data.legacy else key_of(data.oid) for path, data in wanted.items()}
        index = RemoteIndex(repo, there.url)
        if asked.refresh:
            present = there.exists(keys.values())
            index.update(present, set(keys.values()) - present)
        else:
            present = index.keys()
        found += [_shown(path, wanted[path]) for path, key in keys.items() if key not in present]
    return sorted(path for path in found if not within or is_within(path.rstrip("/"), within))


def _git_state(repo: Repository, asked: Asked, head: str | None) -> GitState:
    if repo.git is None:
        return GitState()
    changed, untracked = repo.git.changes(untracked=asked.untracked)
    prefix = repo.git_prefix
    inside = [path[len(prefix) :] for path in untracked if path.startswith(prefix)]
    keys = [repo.key_of(os.path.abspath(target)) for target in asked.targets]
    return GitState(
        is_dirty=bool(changed or untracked),
        is_empty=head is None,
        untracked=tuple(repo.shown(path) for path in inside if not keys or "." in keys or is_within(path, keys)),
    )


def _shown(path: str, data: DataHash | None) -> str:
    return f"{path}/" if data is not None and data.is_dir else path
