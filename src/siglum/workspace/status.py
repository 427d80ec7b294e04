"""What differs between `.dvc` files and the workspace or the cache, in the shape of DVC's `status --json`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypeAlias

from siglum.core.errors import NotFoundError
from siglum.workspace.outputs import hash_path, is_cached
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
    if output.spec.cache and not is_cached(repo, recorded):
        return "not in cache"
    try:
        state = hash_path(repo, path, legacy=recorded.legacy)
    except NotFoundError:
        return "deleted"
    return None if state.hash == recorded else "modified"
