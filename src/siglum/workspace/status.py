"""What differs between `.dvc` files and the workspace or the cache, in the shape of DVC's `status --json`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from siglum.core.errors import NotFoundError
from siglum.workspace.outputs import hash_path, is_cached
from siglum.workspace.repository import Repository
from siglum.workspace.targets import TrackedOutput, select_outputs

Verdict: TypeAlias = Literal["modified", "deleted", "not in cache"]
Status: TypeAlias = dict[str, list[Any]]


def data_status(repo: Repository, targets: Sequence[str] = (), *, updates: bool = True) -> Status:
    """Return, by `.dvc` file, what differs from what it records; nothing for those that do not.

    Paths are relative to the current folder. An unchanged file costs one stat. With `updates`, the sources of imports
    from other repositories are asked for what they have now. Raises what `import_changes` raises.
    """
    return outputs_status(repo, select_outputs(repo, targets), updates=updates)


def outputs_status(repo: Repository, outputs: Sequence[TrackedOutput], *, updates: bool = True) -> Status:
    """Do as `data_status` for these outputs."""
    changed: dict[str, dict[str, str]] = {}
    for output in outputs:
        verdict = verdict_of(repo, output)
        if verdict is not None:
            changed.setdefault(output.pointer.path, {})[repo.shown(output.key)] = verdict
    pointers = {output.pointer.path: output.pointer for output in outputs}
    sources: dict[str, list[Any]] = {}
    if any(pointer.file.deps for pointer in pointers.values()):
        # Imported here: most repositories have no imports, and their status starts the faster for it.
        from siglum.workspace.import_status import import_entries

        sources = import_entries(repo, pointers.values(), updates=updates)
    found: Status = {}
    for path in pointers:
        outs = [{"changed outs": changed[path]}] if path in changed else []
        deps = [entry for entry in sources.get(path, ()) if not isinstance(entry, str)]
        words = [entry for entry in sources.get(path, ()) if isinstance(entry, str)]
        if deps or outs or words:
            found[repo.shown(path)] = [*deps, *outs, *words]
    return found


def verdict_of(repo: Repository, output: TrackedOutput) -> Verdict | None:
    """Return how an output differs from its record, None when it does not. That the cache lacks it goes before all."""
    recorded = output.spec.data
    path = os.path.join(repo.root, output.key)
    if recorded is None:
        return "modified" if os.path.lexists(path) else "deleted"
    if output.spec.cache and not is_cached(repo, recorded):
        return "not in cache"
    try:
        state = hash_path(repo, path, legacy=recorded.legacy)
    except NotFoundError:
        return "deleted"
    return None if state.hash == recorded else "modified"
