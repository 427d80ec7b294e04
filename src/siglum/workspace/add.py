"""`add`: put files and folders under version control."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Sequence

import msgspec

from siglum.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.storage.durability import temporary_name
from siglum.storage.manifest import make_manifest
from siglum.storage.tree import scan_file, scan_tree
from siglum.workspace.commit import Recorded, record, updated
from siglum.workspace.outputs import PathState, add_to_gitignore, hash_path, remove_from_gitignore, remove_path
from siglum.workspace.placement import check_git, check_place
from siglum.workspace.pointers import DataFile, OutputSpec, Pointer, pointer_of, write_pointer
from siglum.workspace.repository import Repository
from siglum.workspace.staging import stage
from siglum.workspace.targets import TrackedOutput, all_outputs, find_output


class AddResult(msgspec.Struct, frozen=True):
    """What was recorded, and which files Git should be told of (relative to the repository's root)."""

    recorded: tuple[Recorded, ...]
    git_files: tuple[str, ...]


def add(
    repo: Repository,
    targets: Sequence[str],
    *,
    to_cache: bool = True,
    out: str | None = None,
    force: bool = False,
    relink: bool = True,
) -> AddResult:
    """Record files and folders (paths relative to the current folder), each in a `.dvc` file beside it.

    A path inside a tracked folder updates that folder. With `out`, one source is copied there first. The user's file
    is never absent: its content is durable in the cache, then the `.dvc` file is written. Targets are checked before
    any is recorded; a failure leaves those before it recorded. The caller holds the lock.

    Raises:
        NotFoundError: A target does not exist.
        InvalidInputError: A target is outside the repository, is hidden by a rule, or cannot be tracked.
        ConflictError: A target is tracked by Git, or overlaps with what is tracked already.
    """
    if out is not None:
        targets = [_bring_in(repo, targets, out, force=force)]
    tracked = all_outputs(repo)
    plans = [_plan(repo, target, tracked) for target in targets]
    recorded: list[Recorded] = []
    git_files: set[str] = set()
    for plan in plans:
        if plan.within:
            recorded.append(_add_inside(repo, plan))
            git_files.add(plan.pointer.path)
            continue
        path = os.path.join(repo.root, plan.key)
        changed_ignore = add_to_gitignore(repo, path) if plan.spec.cache else None
        try:
            recorded += record(repo, plan.pointer, to_cache=to_cache, relink=relink)
        except BaseException:
            if changed_ignore:
                remove_from_gitignore(repo, path)
            raise
        git_files.add(plan.pointer.path)
        if changed_ignore:
            git_files.add(repo.key_of(changed_ignore))
    return AddResult(tuple(recorded), stage(repo, git_files))


def _plan(repo: Repository, target: str, tracked: Sequence[TrackedOutput]) -> TrackedOutput:
    """Decide which `.dvc` file a target belongs to; raises what speaks against tracking it."""
    path = os.path.abspath(target)
    shown = os.path.relpath(path)
    key = repo.key_of(path)
    found = find_output(tracked, key)
    if found is not None and key != found.pointer.path:
        _check_target(repo, path, shown)
        return found
    if key.endswith(".dvc") and found is not None:
        raise InvalidInputError(f"{shown} is a .dvc file.", hint=f"Add {repo.shown(found.key)} instead.")
    _check_target(repo, path, shown)
    if key == ".":
        raise InvalidInputError(f"{shown} is the repository itself.", hint="Add the folders and files in it.")
    inside = [each.key for each in tracked if each.key.startswith(key + "/")]
    if inside:
        raise ConflictError(
            f"{shown} contains {repo.shown(inside[0])}, which is tracked on its own.",
            hint="Delete the .dvc file that tracks it, or add what is beside it.",
        )
    check_git(repo, path, shown, pointer_of(path))
    pointer = Pointer(pointer_of(key), DataFile(outs=[OutputSpec(path=posixpath.basename(key), hash="md5")]))
    return TrackedOutput(pointer, pointer.file.outs[0], key)


def _check_target(repo: Repository, path: str, shown: str) -> None:
    if not os.path.lexists(path):
        raise NotFoundError(f"{shown} does not exist.")
    check_place(repo, path, shown)


def _bring_in(repo: Repository, targets: Sequence[str], out: str, *, force: bool) -> str:
    """Copy the one source to `out`, inside the repository, under a temporary name first."""
    if len(targets) != 1:
        raise InvalidInputError("--out takes exactly one target.")
    source, target = targets[0], out
    if not os.path.lexists(source):
        raise NotFoundError(f"{source} does not exist.")
    if not force and _same_content(repo, source, target):
        return target  # copied by a command that did not come to its end
    if os.path.isdir(target):
        target = os.path.join(target, os.path.basename(os.path.abspath(source)))
    if os.path.lexists(target) and not force:
        raise AlreadyExistsError(f"{target} exists already.", hint="Use --force to replace it.")
    folder = os.path.dirname(os.path.abspath(target))
    os.makedirs(folder, exist_ok=True)
    staging = repo.staging_for(folder) or folder
    staged, replaced = f"{staging}/{temporary_name()}", f"{staging}/{temporary_name()}"
    try:
        if os.path.isdir(source):
            shutil.copytree(source, staged)
        else:
            shutil.copyfile(source, staged)
        if os.path.isdir(target) and not os.path.islink(target):
            os.rename(target, replaced)
        os.replace(staged, target)
    finally:
        remove_path(staged)
        remove_path(replaced)
    return target


def _same_content(repo: Repository, source: str, target: str) -> bool:
    if not os.path.lexists(target) or os.path.isdir(source) != os.path.isdir(target):
        return False
    return hash_path(repo, os.path.abspath(source)).hash == hash_path(repo, os.path.abspath(target)).hash


def _add_inside(repo: Repository, output: TrackedOutput) -> Recorded:
    """Record one part of a tracked folder; the rest stays as it was recorded, whatever the workspace holds."""
    path = os.path.join(repo.root, output.key, output.within)
    data = output.spec.data
    before = repo.cache.read_manifest(data.oid).entries if data is not None else ()
    kept = {
        entry.relpath: entry.oid
        for entry in before
        if entry.relpath != output.within and not entry.relpath.startswith(output.within + "/")
    }
    with repo.cache.batch() as batch:
        if os.path.isdir(path):
            tree = scan_tree(path, repo.index, repo.ignore, batch)
            kept |= {f"{output.within}/{entry.relpath}": entry.oid for entry in tree.entries}
        else:
            kept[output.within] = scan_file(path, repo.index, batch).oid
        manifest = make_manifest(list(kept.items()))
        batch.add_bytes(manifest.encode(), manifest.oid)
        batch.commit()
    state = PathState(DataHash(manifest.oid), _size_of(repo, kept), len(kept))
    outs = [updated(spec, state) if spec == output.spec else spec for spec in output.pointer.file.outs]
    write_pointer(os.path.join(repo.root, output.pointer.path), msgspec.structs.replace(output.pointer.file, outs=outs))
    changed = data != state.hash
    return Recorded(output.key, output.pointer.path, state.hash, state.size, state.nfiles, changed)


def _size_of(repo: Repository, files: dict[str, str]) -> int:
    return sum(repo.cache.size_of(oid) for oid in files.values() if repo.cache.has(oid))
