"""`add`: put files and folders under version control."""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Iterable, Sequence

import msgspec

from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError
from siglum.workspace.add_part import add_part, is_recorded_part
from siglum.workspace.commit import Recorded, record
from siglum.workspace.outputs import add_to_gitignore, remove_from_gitignore
from siglum.workspace.placement import check_git, check_not_in_git, check_place
from siglum.workspace.pointers import DataFile, OutputSpec, Pointer, pointer_of
from siglum.workspace.repository import Repository
from siglum.workspace.staging import stage
from siglum.workspace.targets import TrackedOutput, all_outputs, find_output


class AddResult(msgspec.Struct, frozen=True):
    """What was recorded, and which files Git should be told of (relative to the repository's root)."""

    recorded: tuple[Recorded, ...]
    git_files: tuple[str, ...]


def matching(patterns: Iterable[str]) -> list[str]:
    """Return the paths that glob patterns match (`**` for any folders), relative to the current folder, each once.

    They come in the order of the folders, as DVC adds them: `.gitignore` gets its lines in this order. Raises
    NotFoundError when nothing matches.
    """
    found = list(dict.fromkeys(path for pattern in patterns for path in glob.glob(pattern, recursive=True)))
    if not found:
        raise NotFoundError("No file or folder matches the pattern.")
    return found


def add(repo: Repository, targets: Sequence[str], *, to_cache: bool = True, relink: bool = True) -> AddResult:
    """Record files and folders (paths relative to the current folder), each in a `.dvc` file beside it.

    A path inside a tracked folder updates that folder; one that is gone there leaves its record. The user's file is
    never absent: its content is durable in the cache, then the `.dvc` file is written. Targets are checked before any
    is recorded; a failure leaves those before it recorded. The caller holds the lock.

    Raises:
        NotFoundError: A target does not exist.
        InvalidInputError: A target is outside the repository, is hidden by a rule, or cannot be tracked.
        ConflictError: A target is tracked by Git, or overlaps with what is tracked already.
    """
    recorded: dict[str, Recorded] = {}
    git_files: set[str] = set()
    for plan in _plans(repo, targets):
        if plan.within:
            recorded[plan.key] = add_part(repo, plan, to_cache=to_cache, relink=relink)
            git_files.add(plan.pointer.path)
            continue
        path = os.path.join(repo.root, plan.key)
        changed_ignore = add_to_gitignore(repo, path) if plan.spec.cache else None
        try:
            recorded |= {each.path: each for each in record(repo, plan.pointer, to_cache=to_cache, relink=relink)}
        except BaseException:
            if changed_ignore:
                remove_from_gitignore(repo, path)
            raise
        git_files.add(plan.pointer.path)
        if changed_ignore:
            git_files.add(repo.key_of(changed_ignore))
    return AddResult(tuple(recorded.values()), stage(repo, git_files))


def plan_target(repo: Repository, target: str, tracked: Sequence[TrackedOutput]) -> TrackedOutput:
    """Decide which `.dvc` file a path belongs to, whether something is there or not.

    Raises what speaks against tracking it.
    """
    path = os.path.abspath(target)
    shown = os.path.relpath(path)
    key = repo.key_of(path)
    found = find_output(tracked, key)
    if found is not None and key != found.pointer.path:
        check_place(repo, path, shown)
        if found.spec.cache:
            check_not_in_git(repo, path, shown)
        return found
    if key.endswith(".dvc") and found is not None:
        raise InvalidInputError(f"{shown} is a .dvc file.", hint=f"Add {repo.shown(found.key)} instead.")
    check_place(repo, path, shown)
    if key == ".":
        raise InvalidInputError(f"{shown} is the repository itself.", hint="Add the folders and files in it.")
    inside = [each for each in tracked if each.key.startswith(key + "/")]
    if inside:
        name = repo.shown(inside[0].pointer.path)
        raise ConflictError(
            f"{shown} contains {repo.shown(inside[0].key)}, which is tracked on its own.",
            hint=f"End that with 'siglum remove {name}', or add what is beside it.",
        )
    check_git(repo, path, shown, pointer_of(path))
    pointer = Pointer(pointer_of(key), DataFile(outs=[OutputSpec(path=posixpath.basename(key), hash="md5")]))
    return TrackedOutput(pointer, pointer.file.outs[0], key)


def _plans(repo: Repository, targets: Sequence[str]) -> list[TrackedOutput]:
    """Return what to record, each once. One target may lie in another one that comes before it."""
    tracked = all_outputs(repo)
    plans: dict[tuple[str, str], TrackedOutput] = {}
    for target in targets:
        shown = os.path.relpath(os.path.abspath(target))
        there = os.path.lexists(os.path.abspath(target))  # without the slash that completion puts after a name
        if not there and not _was_recorded(repo, target, tracked):
            raise NotFoundError(f"{shown} does not exist.")
        plan = plan_target(repo, target, tracked)
        if not plan.within and plan not in tracked:
            tracked.append(plan)
        plans.setdefault((plan.key, plan.within), plan)
    return list(plans.values())


def _was_recorded(repo: Repository, target: str, tracked: Sequence[TrackedOutput]) -> bool:
    """Whether a path is part of a tracked folder by its record."""
    found = find_output(tracked, repo.key_of(os.path.abspath(target)))
    return found is not None and bool(found.within) and is_recorded_part(repo, found)
