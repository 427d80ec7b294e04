"""`resolve`: files of ours that a merge left in conflict, merged from the three states that Git's index has of them."""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Mapping, Sequence

import msgspec

from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError
from siglum.pipeline.definition.stages import LOCK_FILE
from siglum.pipeline.records.merge_lock import Side, merge_locks, say_conflict
from siglum.workspace.documents import decoded, has_conflict, read_bytes, write_atomic
from siglum.workspace.merge import merge_pointers
from siglum.workspace.pointers import is_pointer
from siglum.workspace.repository import Repository
from siglum.workspace.staging import stage

_CHOOSE = "Take one side of them with --ours or --theirs; 'siglum repro' then makes what does not fit."


class Resolved(msgspec.Struct, frozen=True):
    """A file that was merged, by its path from the repository's root.

    `taken` are the stages that came from the other side, `chosen` those that both had changed.
    """

    path: str
    taken: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()


class Resolution(msgspec.Struct, frozen=True):
    """What was merged, and what Git should be told of (from the repository's root)."""

    files: tuple[Resolved, ...]
    git_files: tuple[str, ...]


def resolve(repo: Repository, targets: Sequence[str] = (), side: Side | None = None) -> Resolution:
    """Merge the `dvc.lock` and `.dvc` files in conflict, all of them or `targets` (relative to the current folder).

    With `side`, that one is taken where both changed the same. Nothing is written unless all of them can be.
    The caller holds the lock.

    Raises:
        NotFoundError: There is no such file in conflict.
        ConflictError: Both sides changed the same, and no `side` was chosen; or one removed a file the other changed.
        InvalidInputError: The repository is not in Git, or a file was resolved by hand already.
        FileFormatError: One of the three states is not what it should be.
    """
    if repo.git is None:
        raise InvalidInputError("This repository is not kept in Git.", hint="There are no merges without it.")
    prefix = repo.git_prefix
    unmerged = {
        path[len(prefix) :]: stages
        for path, stages in repo.git.unmerged().items()
        if path.startswith(prefix) and (posixpath.basename(path) == LOCK_FILE or is_pointer(path))
    }
    wanted = _wanted(repo, targets, unmerged)
    states = repo.git.blobs(oid for path in wanted for oid in unmerged[path].values())
    merged = [_merge(repo, path, {n: states[oid] for n, oid in unmerged[path].items()}, side) for path in wanted]
    for resolved, data in merged:
        write_atomic(os.path.join(repo.root, resolved.path), data)
    return Resolution(tuple(resolved for resolved, _ in merged), stage(repo, wanted))


def _wanted(repo: Repository, targets: Sequence[str], unmerged: Mapping[str, object]) -> list[str]:
    keys = [repo.key_of(os.path.abspath(target)) for target in targets]
    for key, target in zip(keys, targets, strict=True):
        if key not in unmerged:
            raise NotFoundError(
                f"Git knows of no conflict in {target}.",
                hint=f"Where it holds markers all the same, 'git checkout --merge {target}' brings the conflict back.",
            )
    if not unmerged:
        raise NotFoundError(
            "No dvc.lock and no .dvc file is in conflict.",
            hint="'git checkout --merge FILE' brings a conflict back that was told as resolved too early.",
        )
    return list(dict.fromkeys(keys)) or list(unmerged)


def _merge(repo: Repository, path: str, states: Mapping[int, bytes], side: Side | None) -> tuple[Resolved, bytes]:
    """Return what came of one file, and its bytes. Git calls the common state 1, ours 2 and theirs 3."""
    shown = repo.shown(path)
    if 2 not in states or 3 not in states:
        raise ConflictError(
            f"{shown} was removed on one side and changed on the other.", hint="Decide with 'git rm' or 'git add'."
        )
    here = read_bytes(os.path.join(repo.root, path), shown)
    if not has_conflict(decoded(here, shown)):
        raise InvalidInputError(
            f"{shown} holds no conflict markers any more.", hint=f"Tell Git that it is resolved with 'git add {shown}'."
        )
    if posixpath.basename(path) != LOCK_FILE:
        return Resolved(path), _merge_pointer(repo, states, side)
    merged = merge_locks(states.get(1, b""), states[2], states[3], shown, side=side)
    if merged.conflicts and side is None:
        raise ConflictError(say_conflict(shown, merged.conflicts), hint=_CHOOSE)
    return Resolved(path, merged.taken, merged.conflicts), merged.text.encode()


def _merge_pointer(repo: Repository, states: Mapping[int, bytes], side: Side | None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, str(number)) for number in (1, 2, 3)]
        for number, path in enumerate(paths, 1):
            write_atomic(path, states.get(number, b""))
        try:
            merge_pointers(repo, *paths)
        except ConflictError:
            if side is None:
                raise
            return states[2 if side is Side.OURS else 3]
        return read_bytes(paths[1])
