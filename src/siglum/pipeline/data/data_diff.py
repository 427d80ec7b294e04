"""`diff` of Git revisions: how tracked data changed between two of them, or since one in the workspace."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence

import msgspec

from siglum.core.errors import NotFoundError
from siglum.core.hashes import DataHash
from siglum.core.text import did_you_mean
from siglum.pipeline.data.changes import Changes, compare, is_within
from siglum.pipeline.data.states import not_in_cache, recorded_snapshot, touched, workspace_snapshot
from siglum.pipeline.inventory.inventory import Inventory, read_inventory
from siglum.workspace.folder_contents import FolderContents
from siglum.workspace.repository import Repository


class DataDiff(msgspec.Struct, frozen=True):
    """What changed, and what of the old state the cache does not have (only where the new one is the workspace)."""

    changes: Changes
    not_in_cache: tuple[tuple[str, DataHash], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        found = self.changes
        return not (found.added or found.deleted or found.modified or found.renamed or self.not_in_cache)


def diff_data(
    repo: Repository,
    contents: FolderContents,
    old: str = "HEAD",
    new: str | None = None,
    targets: Sequence[str] = (),
) -> DataDiff:
    """Return how tracked data changed from the revision `old` to `new`, or to the workspace when that is None.

    `targets` (paths relative to the current folder, `.dvc` files, stages) confine the answer. Before the first commit
    nothing changed. Raises NotFoundError for a revision that is not there, and for a target that neither state has.
    """
    if repo.git is None:
        raise NotFoundError(f"{repo.root} is not in a Git repository, so that there are no revisions to compare.")
    if repo.git.head_commit() is None:
        return DataDiff(Changes())
    before = resolve_revision(repo, old)
    after = None if new is None else resolve_revision(repo, new)
    if before == after:
        return DataDiff(Changes())
    was = read_inventory(repo, before, cached_only=True)
    now = read_inventory(repo, after, cached_only=True)
    within = _targeted(repo, contents, (was, now), targets)
    old_state = recorded_snapshot(touched(was, within), contents)
    if after is not None:
        return DataDiff(compare(old_state, recorded_snapshot(touched(now, within), contents), within=within))
    changes = compare(old_state, workspace_snapshot(repo, touched(now, within)), within=within)
    return DataDiff(changes, tuple(not_in_cache(repo, old_state, granular=True, within=within)))


def resolve_revision(repo: Repository, revision: str) -> str:
    """Return the commit that a revision names. Raises NotFoundError with near names of branches and tags."""
    git = repo.git
    found = git.resolve(revision) if git is not None else None
    if git is None or found is None:
        names = [] if git is None else [*git.branches(), *git.tags()]
        hint = did_you_mean(revision, names) or "See 'git log --all' and 'git tag'."
        raise NotFoundError(f"Git has no revision {revision!r}.", hint=hint)
    return found


def _targeted(
    repo: Repository, contents: FolderContents, states: Sequence[Inventory], targets: Sequence[str]
) -> list[str]:
    """Return the paths from the root that `targets` mean in any of the states."""
    within: list[str] = []
    for target in targets:
        key = repo.key_of(os.path.abspath(target))
        key = "" if key == "." else key
        named = [item.path for state in states for item in state.named(_address(repo, target, key))]
        if named:
            within += named
        elif any(state.below(key) or _may_hold(repo, contents, state, key) for state in states):
            within.append(key)
        else:
            known = {repo.shown(item.path) for state in states for item in state.items}
            raise NotFoundError(
                f"{target!r} is not tracked in either state.",
                hint=did_you_mean(target, _and_pointers(known)) or "See 'siglum list --dvc-only -R .' for what is.",
            )
    return list(dict.fromkeys(within))


def _may_hold(repo: Repository, contents: FolderContents, state: Inventory, key: str) -> bool:
    """Whether a path lies in an output of a state: in its folder, as far as is known what that has."""
    item = state.holding(key)
    if item is None or not item.is_dir or item.hash is None:
        return False
    if state.revision is None and os.path.lexists(os.path.join(repo.root, key)):
        return True
    entries = dict(item.files) if item.files is not None else contents.entries(item.hash, item.remote)
    inside = key[len(item.path) + 1 :]
    return entries is None or any(is_within(path, [inside]) for path in entries)


def _address(repo: Repository, target: str, key: str) -> str:
    """Return how the inventory calls a target: a `.dvc` or `dvc.yaml` file's path, else a stage's address."""
    if target.endswith(".dvc") or posixpath.basename(key) == "dvc.yaml":
        return key
    file, colon, stage = target.rpartition(":")
    folder = repo.key_of(os.path.abspath(file or "dvc.yaml"))
    return stage if folder == "dvc.yaml" else f"{folder}{colon or ':'}{stage}"


def _and_pointers(paths: Iterable[str]) -> list[str]:
    return [name for path in sorted(paths) for name in (path, f"{path}.dvc")]
