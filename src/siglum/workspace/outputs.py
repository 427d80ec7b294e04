"""A file or folder of the workspace and the cache: hashed, saved, made safe to edit. What all verbs are made of.

The order is the same everywhere: the content is durable in the cache before anything may replace what the user has.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import stat
import time
from collections.abc import Sequence

import msgspec

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.storage.adopt import SavedFile, is_object, save_by_link
from siglum.storage.durability import discard
from siglum.storage.index import Status
from siglum.storage.ingest import IngestBatch
from siglum.storage.links import LinkType, cannot_link, place
from siglum.storage.placing import Placement, place_many
from siglum.storage.tree import TreeState, scan_file, scan_tree, summarize_tree
from siglum.workspace import gitignore
from siglum.workspace.busy import check_not_busy
from siglum.workspace.documents import current_umask
from siglum.workspace.ignore import IGNORE_FILE
from siglum.workspace.repository import Repository

_COPIES = (LinkType.REFLINK, LinkType.COPY)


class PathState(msgspec.Struct, frozen=True):
    """What is at a path: its hash, its bytes in all, how many files (1 for a file), and a file's owner's x bit."""

    hash: DataHash
    size: int
    nfiles: int
    is_exec: bool = False


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
    return PathState(DataHash(entry.oid), entry.size, 1, is_executable(entry.stat))


def _legacy_state(repo: Repository, path: str) -> PathState:
    # Imported here: few repositories have records of DVC 2, and every status would wait for it.
    from siglum.storage.legacy import legacy_hash_of, legacy_manifest

    if not os.path.isdir(path):
        status = os.stat(path)
        return PathState(DataHash(legacy_hash_of(path, repo.index), True), status.st_size, 1, is_executable(status))
    manifest = legacy_manifest(path, repo.index, repo.ignore)
    size = sum(os.stat(f"{path}/{entry.relpath}").st_size for entry in manifest.entries)
    return PathState(DataHash(manifest.oid, True), size, len(manifest.entries))


def scan_folder(repo: Repository, path: str) -> TreeState:
    """Return the files of the absolute folder `path` with their hashes; what the index knows is not read."""
    return scan_tree(path, repo.index, repo.ignore)


class StagedPath(msgspec.Struct, frozen=True):
    """A path whose content is in a batch, and which of its files get another kind of link once that is committed."""

    path: str
    state: PathState
    is_folder: bool
    files: tuple[SavedFile, ...]
    relink: bool
    types: tuple[LinkType, ...]


def save_path(
    repo: Repository, path: str, *, relink: bool = True, types: Sequence[LinkType] | None = None
) -> PathState:
    """Put the absolute `path` into the cache, durably, and return its state.

    Raises as `hash_path` does, and BusyError while a stage of another process works on it.

    With `relink`, the workspace then gets what `cache.type` asks for: a link of another kind than a copy, or, with the
    default types, a single file with the default mode (as DVC leaves it). Each file is swapped by a rename.
    """
    with repo.cache.batch() as batch:
        staged = stage_path(repo, path, batch, relink=relink, types=types)
        batch.commit()
    settle_path(repo, staged)
    return staged.state


def stage_path(
    repo: Repository,
    path: str,
    batch: IngestBatch,
    *,
    relink: bool = True,
    types: Sequence[LinkType] | None = None,
) -> StagedPath:
    """Do the first half of `save_path`: put the absolute `path` into a batch. The caller commits it, then settles."""
    _check_exists(path)
    check_not_busy(repo.tmp_dir, path)
    types = tuple(types or repo.link_types)
    is_folder = os.path.isdir(path)
    adopts = relink and types[0] is LinkType.HARDLINK
    into = None if adopts else batch
    if is_folder:
        tree = scan_tree(path, repo.index, repo.ignore, into)
        _check_no_rules_inside(tree)
        state = PathState(DataHash(tree.oid), tree.size, tree.nfiles)
        wanted = relink and types[0] not in (LinkType.COPY, LinkType.REFLINK)
        files = tuple(SavedFile(f"{path}/{e.relpath}", e.oid, e.stat) for e in tree.entries) if wanted else ()
    else:
        entry = scan_file(path, repo.index, into)
        state = PathState(DataHash(entry.oid), entry.size, 1, is_executable(entry.stat))
        files = (SavedFile(path, entry.oid, entry.stat),)
    if adopts:
        adopted = save_by_link(repo.cache, files, batch)
        files = tuple(file for file in files if file.path not in adopted)
    if is_folder:
        batch.add_bytes(tree.manifest_bytes, tree.oid)
    return StagedPath(path, state, is_folder, files, relink, types)


def settle_path(repo: Repository, staged: StagedPath) -> None:
    """Do the second half of `save_path`, after the batch was committed: give the workspace its links and modes."""
    if not staged.relink or not staged.files:
        return
    folder = staged.path if staged.is_folder else os.path.dirname(staged.path)
    staging = repo.staging_for(folder)
    if not staged.is_folder and _may_stay(repo, staged.files[0], staged.types[0]):
        if staged.types[0] is LinkType.REFLINK and _reflink(repo, staged.files[0], staging):
            return
        if not _is_linked_otherwise(staged):
            _give_default_mode(repo, staged.files[0], is_exec=staged.state.is_exec)
            return
    _relink(repo, staged.files, staged.types, staging)


def _is_linked_otherwise(staged: StagedPath) -> bool:
    """Whether a file becomes another kind of link where there is no reflink; executables and empty files never do."""
    is_next = staged.types[0] is LinkType.REFLINK and staged.types[1:2] not in ((), (LinkType.COPY,))
    return is_next and not staged.state.is_exec and bool(staged.state.size)


def _may_stay(repo: Repository, file: SavedFile, wanted: LinkType) -> bool:
    """Whether a file is what `wanted` asks for if that means a copy: not a link, and no name of its object."""
    if wanted is LinkType.COPY:
        return file.status.st_nlink == 1 or not is_object(repo.cache, file)
    return wanted is LinkType.REFLINK and file.status.st_nlink == 1 and not os.path.islink(file.path)


def _reflink(repo: Repository, file: SavedFile, staging: str | None) -> bool:
    """Have a file share its blocks with its object; False where the disk cannot, and a copy would be made in vain."""
    try:
        _relink(repo, (file,), (LinkType.REFLINK,), staging)
    except OSError as error:
        if not cannot_link(error):
            raise
        return False
    return True


def _give_default_mode(repo: Repository, file: SavedFile, *, is_exec: bool) -> None:
    """Give a file that stays where it is the mode that a copy of it would have, as DVC does."""
    wanted = (0o766 if is_exec else 0o666) & ~current_umask()
    if stat.S_IMODE(os.lstat(file.path).st_mode) != wanted and not os.path.islink(file.path):
        changed_at = time.time_ns()
        with contextlib.suppress(PermissionError):  # somebody else's file, which one may read
            os.chmod(file.path, wanted)
            repo.index.put(os.stat(file.path), file.oid, changed_at)


def is_cached(repo: Repository, data: DataHash) -> bool:
    """Whether the cache has an object, and for a folder every file of it. Not whether they are sound."""
    store = repo.store_of(data)
    return store.has_all(data.oid) if data.is_dir else store.has(data.oid)


def unprotect(repo: Repository, path: str) -> None:
    """Make the absolute `path` safe to edit: links into the cache become copies, write-protected files writable."""
    for file in _files_below(path):
        status = os.lstat(file)
        if stat.S_ISLNK(status.st_mode) or status.st_nlink > 1 or not status.st_mode & stat.S_IWUSR:
            content, copied_at = os.stat(file), time.time_ns()
            known = repo.index.get(content)
            staging = repo.staging_for(os.path.dirname(file))
            place(os.path.realpath(file), file, _COPIES, is_executable(content), staging)
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


def is_lost_link(repo: Repository, path: str) -> bool:
    """Whether the absolute `path` is a link to an object of the cache that is gone: no more than a missing file is."""
    if os.path.exists(path) or not os.path.islink(path):
        return False
    target = os.path.join(os.path.dirname(path), os.readlink(path))
    return os.path.realpath(target).startswith(os.path.join(os.path.realpath(repo.cache_dir), ""))


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


def is_executable(status: Status) -> bool:
    """Whether a file's owner may execute it, which is what a `.dvc` file records."""
    return bool(status.st_mode & stat.S_IXUSR)


def _is_executable_file(path: str) -> bool:
    return os.path.isfile(path) and is_executable(os.lstat(path))


def _relink(repo: Repository, files: Sequence[SavedFile], types: Sequence[LinkType], staging: str | None) -> None:
    """Put what `types` ask for in the place of files that were saved; those that are links of the object stay."""
    placements = [
        Placement(file.oid, file.path, is_executable(file.status), file.status)
        for file in files
        if not (types[0] is LinkType.HARDLINK and is_object(repo.cache, file))
    ]
    place_many(repo.cache, placements, tuple(types), staging)


def place_object(repo: Repository, data: DataHash, path: str, types: Sequence[LinkType], executable: bool) -> None:
    """Put an object at `path` and remember what is there, so that the next status does not read it."""
    repo.store_of(data).place(data.oid, path, tuple(types), executable, repo.staging_for(os.path.dirname(path)))
    if not data.legacy:
        repo.index.put(os.stat(path), data.oid, time.time_ns())


def _files_below(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
