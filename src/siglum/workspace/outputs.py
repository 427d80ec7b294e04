"""A file or folder of the workspace and the cache: hashed, saved, brought back. What all verbs are made of.

The order is the same everywhere: the content is durable in the cache before anything may replace what the user has.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import time
from collections.abc import Sequence

import msgspec

from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError, WouldLoseDataError
from siglum.core.hashes import DataHash
from siglum.core.text import count
from siglum.storage.durability import discard, temporary_name
from siglum.storage.links import LinkType, place
from siglum.storage.tree import TreeState, scan_file, scan_tree, summarize_tree
from siglum.workspace import gitignore
from siglum.workspace.hidden import check_nothing_hidden, check_ways
from siglum.workspace.ignore import IGNORE_FILE
from siglum.workspace.repository import Repository

_COPIES = (LinkType.REFLINK, LinkType.COPY)


class PathState(msgspec.Struct, frozen=True):
    """What is at a path: its hash, its bytes in all, how many files (1 for a file), and a file's owner's x bit."""

    hash: DataHash
    size: int
    nfiles: int
    is_exec: bool = False


class Changes(msgspec.Struct, frozen=True):
    """What a checkout did, in files: placed where none was, given other content, removed, linked again as they were."""

    added: int = 0
    modified: int = 0
    deleted: int = 0
    relinked: int = 0

    @property
    def total(self) -> int:
        """How many files were touched."""
        return self.added + self.modified + self.deleted + self.relinked


def hash_path(repo: Repository, path: str, *, legacy: bool = False) -> PathState:
    """Return the state of the absolute `path`; what the index knows is not read. With `legacy`, by DVC 2's hash.

    Raises NotFoundError when there is nothing, ConflictError when it changes meanwhile, InvalidInputError for what
    cannot be tracked (a FIFO, a link that leads nowhere, a name that is not UTF-8).
    """
    _check_exists(path)
    if legacy:
        return _legacy_state(repo, path)
    if os.path.isdir(path):
        summary = summarize_tree(path, repo.index, repo.ignore)
        return PathState(DataHash(summary.oid), summary.size, summary.nfiles)
    entry = scan_file(path, repo.index)
    return PathState(DataHash(entry.oid), entry.size, 1, _is_executable(entry.stat))


def _legacy_state(repo: Repository, path: str) -> PathState:
    # Imported here: few repositories have records of DVC 2, and every status would wait for it.
    from siglum.storage.legacy import legacy_hash_of, legacy_manifest

    if not os.path.isdir(path):
        status = os.stat(path)
        return PathState(DataHash(legacy_hash_of(path, repo.index), True), status.st_size, 1, _is_executable(status))
    manifest = legacy_manifest(path, repo.index, repo.ignore)
    size = sum(os.stat(f"{path}/{entry.relpath}").st_size for entry in manifest.entries)
    return PathState(DataHash(manifest.oid, True), size, len(manifest.entries))


def scan_folder(repo: Repository, path: str) -> TreeState:
    """Return the files of the absolute folder `path` with their hashes; what the index knows is not read."""
    return scan_tree(path, repo.index, repo.ignore)


def save_path(
    repo: Repository, path: str, *, relink: bool = True, types: Sequence[LinkType] | None = None
) -> PathState:
    """Put the absolute `path` into the cache, durably, and return its state. Raises as `hash_path` does.

    With `relink`, the workspace then gets what `cache.type` asks for: a link of another kind than a copy, or, with the
    default types, a single file with the default mode (as DVC leaves it). Each file is swapped by a rename.
    """
    _check_exists(path)
    with repo.cache.batch() as batch:
        if os.path.isdir(path):
            tree = scan_tree(path, repo.index, repo.ignore, batch)
            _check_no_rules_inside(tree)
            batch.add_bytes(tree.manifest_bytes, tree.oid)
            state = _folder_state(tree)
        else:
            entry = scan_file(path, repo.index, batch)
            state = PathState(DataHash(entry.oid), entry.size, 1, _is_executable(entry.stat))
        batch.commit()
    if relink:
        _relink(repo, path, state, types or repo.link_types)
    return state


def is_cached(repo: Repository, data: DataHash) -> bool:
    """Whether the cache has an object, and for a folder every file of it. Not whether they are sound."""
    store = repo.store_of(data)
    return store.has_all(data.oid) if data.is_dir else store.has(data.oid)


def checkout_path(
    repo: Repository,
    path: str,
    data: DataHash,
    *,
    is_exec: bool = False,
    force: bool = False,
    types: Sequence[LinkType] | None = None,
    relink: bool = False,
) -> Changes:
    """Bring the absolute `path` to `data` from the cache; return what was changed.

    Nothing of the workspace is touched before all objects are known to be there and sound. Content that is in no cache
    is not overwritten without `force`.

    Raises:
        NotFoundError: An object is not in the cache.
        IntegrityError: An object is damaged.
        WouldLoseDataError: Something would be lost that is kept nowhere else.
    """
    wanted_types = tuple(types or repo.link_types)
    if not data.is_dir:
        return _checkout_file(repo, path, data, is_exec, force, wanted_types, relink)
    return _checkout_folder(repo, path, data, force, wanted_types, relink)


def unprotect(repo: Repository, path: str) -> None:
    """Make the absolute `path` safe to edit: links into the cache become copies, write-protected files writable."""
    for file in _files_below(path):
        status = os.lstat(file)
        if stat.S_ISLNK(status.st_mode) or status.st_nlink > 1 or not status.st_mode & stat.S_IWUSR:
            known, copied_at = repo.index.get(os.stat(file)), time.time_ns()
            staging = repo.staging_for(os.path.dirname(file))
            place(os.path.realpath(file), file, _COPIES, bool(status.st_mode & stat.S_IXUSR), staging)
            if known is not None:
                repo.index.put(os.stat(file), known, copied_at)


def remove_path(path: str) -> None:
    """Remove a file, link or folder if it is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        discard(path)


def add_to_gitignore(repo: Repository, path: str) -> str | None:
    """Have Git ignore the absolute `path`; return the `.gitignore` that changed, if any. Nothing without Git."""
    return gitignore.ignore(repo.git, path) if repo.git is not None else None


def remove_from_gitignore(repo: Repository, path: str) -> str | None:
    """Undo `add_to_gitignore`."""
    return gitignore.stop_ignoring(path) if repo.git is not None else None


def _check_exists(path: str) -> None:
    if os.path.exists(path):
        return
    if os.path.islink(path):
        raise InvalidInputError(f"{path} is a link to {os.readlink(path)!r}, which is not there.")
    raise NotFoundError(f"{os.path.relpath(path)} does not exist.")


def _check_no_rules_inside(tree: TreeState) -> None:
    """Refuse a `.dvcignore` inside tracked data: it would hide files of it from one command and not from another."""
    for entry in tree.entries:
        if entry.relpath.endswith(IGNORE_FILE) and posixpath.basename(entry.relpath) == IGNORE_FILE:
            raise InvalidInputError(
                f"{os.path.relpath(tree.root)}/{entry.relpath} is inside tracked data.",
                hint=f"Move its rules to the {IGNORE_FILE} of a folder above.",
            )


def _folder_state(tree: TreeState) -> PathState:
    return PathState(DataHash(tree.oid), tree.size, tree.nfiles)


def _is_executable(status: os.stat_result) -> bool:
    return bool(status.st_mode & stat.S_IXUSR)


def _is_executable_file(path: str) -> bool:
    return os.path.isfile(path) and _is_executable(os.lstat(path))


def _relink(repo: Repository, path: str, state: PathState, types: Sequence[LinkType]) -> None:
    if types[0] is LinkType.COPY:
        return
    if not state.hash.is_dir:
        _place(repo, state.hash, path, types, state.is_exec)
    elif types[0] is not LinkType.REFLINK:
        for entry in repo.cache.read_manifest(state.hash.oid).entries:
            file = f"{path}/{entry.relpath}"
            _place(repo, DataHash(entry.oid), file, types, _is_executable(os.lstat(file)))


def _place(repo: Repository, data: DataHash, path: str, types: Sequence[LinkType], executable: bool) -> None:
    """Put an object at `path` and remember what is there, so that the next status does not read it."""
    repo.store_of(data).place(data.oid, path, tuple(types), executable, repo.staging_for(os.path.dirname(path)))
    if not data.legacy:
        repo.index.put(os.stat(path), data.oid, time.time_ns())


def _checkout_file(
    repo: Repository, path: str, data: DataHash, is_exec: bool, force: bool, types: Sequence[LinkType], relink: bool
) -> Changes:
    changes = Changes(added=1)
    if os.path.lexists(path):
        found = _found(repo, path, data.legacy)
        same = found is not None and found.hash == data and found.is_exec == is_exec
        if same and not relink:
            return Changes()
        changes = Changes(relinked=1) if same else Changes(modified=1)
        repo.store_of(data).verify(data.oid)
        if not force and (found is None or not is_cached(repo, found.hash)):
            raise _would_lose(path)
        if os.path.isdir(path) and not os.path.islink(path):
            if not force:
                check_nothing_hidden(repo, path)
            _set_aside_folder(repo, path)
    _place(repo, data, path, types, is_exec)
    return changes


def _found(repo: Repository, path: str, legacy: bool) -> PathState | None:
    """Return what is at a path, None when that cannot be tracked at all."""
    try:
        return hash_path(repo, path, legacy=legacy)
    except (InvalidInputError, ConflictError, NotFoundError):
        return None


def _checkout_folder(
    repo: Repository, path: str, data: DataHash, force: bool, types: Sequence[LinkType], relink: bool
) -> Changes:
    store = repo.store_of(data)
    wanted = {entry.relpath: entry.oid for entry in store.read_manifest(data.oid).entries}
    have = _files_of(repo, path, force, data.legacy)
    to_place = {name: oid for name, oid in wanted.items() if relink or have.get(name) != oid}
    to_remove = [name for name in have if name not in wanted]
    missing = store.missing(to_place.values())
    if missing:
        raise NotFoundError(
            f"{count(len(missing), 'file')} of {os.path.relpath(path)} cannot be brought back: "
            f"the cache does not have {missing[0]}.",
            hint="Run 'siglum pull' to get it from a remote.",
        )
    for oid in dict.fromkeys(to_place.values()):
        store.verify(oid)
    if not force:
        at_risk = {
            have[name] for name in (*to_remove, *(n for n in to_place if n in have)) if have[name] != wanted.get(name)
        }
        if store.missing(at_risk):
            raise _would_lose(path)
        if os.path.isdir(path):
            check_ways(repo, path, to_place, have)
    if os.path.lexists(path) and not os.path.isdir(path):
        discard(path)
    os.makedirs(path, exist_ok=True)
    for name, oid in to_place.items():
        target = f"{path}/{name}"
        _clear_way(repo, path, target)
        # A folder's manifest has no place for the x bit: a file that has it keeps it.
        _place(repo, DataHash(oid, data.legacy), target, types, executable=name in have and _is_executable_file(target))
    for name in to_remove:
        target = f"{path}/{name}"
        # What was cleared away above is gone already: a folder is there now, or a file in place of its folder.
        if os.path.lexists(target) and (os.path.islink(target) or not os.path.isdir(target)):
            discard(target)
            _remove_empty_folders(path, os.path.dirname(target))
    modified = sum(have.get(name, oid) != oid for name, oid in to_place.items())
    relinked = sum(have.get(name) == oid for name, oid in to_place.items())
    return Changes(len(to_place) - modified - relinked, modified, len(to_remove), relinked)


def _files_of(repo: Repository, path: str, force: bool, legacy: bool) -> dict[str, str]:
    """Return the files that are in a folder now, with their hashes."""
    if not os.path.lexists(path):
        return {}
    if not os.path.isdir(path):
        found = _found(repo, path, legacy)
        if not force and (found is None or not is_cached(repo, found.hash)):
            raise _would_lose(path)
        return {}
    try:
        if legacy:
            from siglum.storage.legacy import legacy_manifest

            manifest = legacy_manifest(path, repo.index, repo.ignore)
            return {entry.relpath: entry.oid for entry in manifest.entries}
        tree = scan_folder(repo, path)
    except InvalidInputError:
        if not force:
            raise
        return {}
    return {entry.relpath: entry.oid for entry in tree.entries}


def _clear_way(repo: Repository, root: str, target: str) -> None:
    """Remove what is in the way of a file: a file where a folder must be, or a folder where the file must be."""
    folder = os.path.dirname(target)
    while len(folder) > len(root):
        if os.path.lexists(folder) and not os.path.isdir(folder):
            discard(folder)
        folder = os.path.dirname(folder)
    if os.path.isdir(target) and not os.path.islink(target):
        _set_aside_folder(repo, target)


def _set_aside_folder(repo: Repository, path: str) -> None:
    """Move a folder whose files are in the cache (or were given up by force) out of the way, then remove it."""
    staging = repo.staging_for(os.path.dirname(path))
    if staging is None:  # another file system
        shutil.rmtree(path)
        return
    aside = f"{staging}/{temporary_name()}"
    os.rename(path, aside)
    shutil.rmtree(aside)


def _remove_empty_folders(root: str, folder: str) -> None:
    while len(folder) > len(root):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


def _files_below(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]


def _would_lose(path: str) -> WouldLoseDataError:
    return WouldLoseDataError(
        f"{os.path.relpath(path)} has changes that are in no cache.",
        hint="Keep them with 'siglum add' or 'siglum commit', or give them up with --force.",
    )
