"""A file or folder of the workspace brought to what is recorded, from the cache.

Nothing of the workspace is touched before all that is needed is known to be there and sound, and nothing is replaced or
removed that is kept nowhere else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from siglum.core.errors import ConflictError, IntegrityError, InvalidInputError, NotFoundError, WouldLoseDataError
from siglum.core.hashes import DataHash
from siglum.core.text import count
from siglum.storage.durability import discard, temporary_name
from siglum.storage.links import LinkType
from siglum.storage.objects import ObjectStore
from siglum.storage.placing import Placement, place_many
from siglum.storage.soundness import on_record
from siglum.storage.tree import TreeEntry
from siglum.workspace.busy import check_not_busy
from siglum.workspace.hidden import check_nothing_hidden, check_ways
from siglum.workspace.outputs import PathState, hash_path, is_cached, is_executable, place_object, scan_folder
from siglum.workspace.repository import Repository


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
        BusyError: A stage of another process works on it.
    """
    check_not_busy(repo.tmp_dir, path)
    wanted_types = tuple(types or repo.link_types)
    if not data.is_dir:
        return _checkout_file(repo, path, data, is_exec, force, wanted_types, relink)
    return _checkout_folder(repo, path, data, force, wanted_types, relink)


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
        if not force and not same:
            _check_kept(repo, path, found)
        if os.path.isdir(path) and not os.path.islink(path):
            if not force:
                check_nothing_hidden(repo, path)
            _set_aside_folder(repo, path)
    place_object(repo, data, path, types, is_exec)
    return changes


def _found(repo: Repository, path: str, legacy: bool) -> PathState | None:
    """Return what is at a path, None when that cannot be tracked at all."""
    try:
        return hash_path(repo, path, legacy=legacy)
    except (InvalidInputError, ConflictError, NotFoundError):
        return None


def _checkout_folder(
    repo: Repository, path: str, data: DataHash, force: bool, types: tuple[LinkType, ...], relink: bool
) -> Changes:
    store = repo.store_of(data)
    wanted = {entry.relpath: entry.oid for entry in store.read_manifest(data.oid).entries}
    have = _files_of(repo, path, force, data.legacy)
    to_place = {name: oid for name, oid in wanted.items() if relink or name not in have or have[name].oid != oid}
    to_remove = [name for name in have if name not in wanted]
    _check_objects(path, store, to_place.values())
    if not force:
        replaced = [name for name, oid in to_place.items() if name in have and have[name].oid != oid]
        _check_objects_kept(path, store, {f"{path}/{name}": have[name].oid for name in (*replaced, *to_remove)})
        if os.path.isdir(path):
            check_ways(repo, path, to_place, have)
    if os.path.lexists(path) and not os.path.isdir(path):
        discard(path)
    os.makedirs(path, exist_ok=True)
    _clear_ways(repo, path, to_place, have)
    # A folder's manifest has no place for the x bit: a file that has it keeps it.
    executable = {name for name in to_place if name in have and is_executable(have[name].stat)}
    if data.legacy:
        for name, oid in to_place.items():
            place_object(repo, DataHash(oid, True), f"{path}/{name}", types, name in executable)
    else:
        placements = [
            Placement(oid, f"{path}/{name}", name in executable, have[name].stat if name in have else None)
            for name, oid in to_place.items()
        ]
        place_many(store, placements, types, repo.staging_for(path))
    _remove_files(path, to_remove)
    relinked = sum(name in have and have[name].oid == oid for name, oid in to_place.items())
    modified = sum(name in have for name in to_place) - relinked
    return Changes(len(to_place) - modified - relinked, modified, len(to_remove), relinked)


def _check_objects(path: str, store: ObjectStore, oids: Iterable[str]) -> None:
    """Raise unless all objects are there and sound, so that nothing is begun that cannot be ended."""
    needed = list(dict.fromkeys(oids))
    missing = store.missing(needed)
    if missing:
        raise NotFoundError(
            f"{count(len(missing), 'file')} of {os.path.relpath(path)} cannot be brought back: "
            f"the cache does not have {missing[0]}.",
            hint="Run 'siglum pull' to get it from a remote.",
        )
    _require_sound(store, needed)


def _check_kept(repo: Repository, path: str, found: PathState | None) -> None:
    """Raise WouldLoseDataError unless what is at a path is in the cache, sound."""
    if found is None or not is_cached(repo, found.hash):
        raise _would_lose([path])
    store, files = repo.store_of(found.hash), {path: found.hash.oid}
    if found.hash.is_dir:
        files |= {f"{path}/{entry.relpath}": entry.oid for entry in store.read_manifest(found.hash.oid).entries}
    _check_objects_kept(path, store, files)


def _check_objects_kept(path: str, store: ObjectStore, files: Mapping[str, str]) -> None:
    """Raise WouldLoseDataError unless files that are about to go, given with their hashes, are in the cache, sound."""
    oids = set(files.values())
    missing = frozenset(store.missing(oids))
    if missing:
        raise _would_lose([name for name, oid in files.items() if oid in missing])
    try:
        _require_sound(store, oids)
    except IntegrityError as error:
        raise WouldLoseDataError(
            f"{os.path.relpath(path)} has content whose only good copy it is: {error.message}",
            hint="Run 'siglum commit' to put it into the cache again, or give it up with --force.",
        ) from None


def _require_sound(store: ObjectStore, oids: Collection[str]) -> None:
    """Raise unless all these objects, which are there, are sound; read only those that are not on record as such."""
    asked = list(oids)
    unknown = [oid for oid, known in zip(asked, on_record(store, asked), strict=True) if not known]
    if unknown:
        # Imported here: it brings `logging`, and most checkouts find all on record.
        from siglum.storage.verification import require_sound

        require_sound(store, unknown)


def _files_of(repo: Repository, path: str, force: bool, legacy: bool) -> dict[str, TreeEntry]:
    """Return the files that are in a folder now, with their hashes."""
    if not os.path.lexists(path):
        return {}
    if not os.path.isdir(path):
        if not force:
            _check_kept(repo, path, _found(repo, path, legacy))
        return {}
    try:
        if not legacy:
            return {entry.relpath: entry for entry in scan_folder(repo, path).entries}
        # Imported here: few repositories have records of DVC 2.
        from siglum.storage.legacy import legacy_manifest

        entries = legacy_manifest(path, repo.index, repo.ignore).entries
        return {each.relpath: TreeEntry(each.relpath, each.oid, os.stat(f"{path}/{each.relpath}")) for each in entries}
    except InvalidInputError:
        if not force:
            raise
        return {}


def _clear_ways(repo: Repository, root: str, wanted: Iterable[str], have: dict[str, TreeEntry]) -> None:
    """Make the folders that files are to be placed in, and remove what is in the way: files that nothing needs now."""
    folders: set[str] = {root}
    for name in wanted:
        target = f"{root}/{name}"
        if name in have:
            continue
        folder = os.path.dirname(target)
        if folder not in folders:
            _clear_way(folder, root)
            os.makedirs(folder, exist_ok=True)
            folders.add(folder)
        if not os.path.lexists(target):
            continue
        if os.path.isdir(target) and not os.path.islink(target):
            _set_aside_folder(repo, target)
        else:
            discard(target)


def _clear_way(folder: str, root: str) -> None:
    """Remove a file where a folder must be."""
    while len(folder) > len(root):
        if os.path.lexists(folder) and not os.path.isdir(folder):
            discard(folder)
        folder = os.path.dirname(folder)


def _remove_files(root: str, names: Iterable[str]) -> None:
    for name in names:
        target = f"{root}/{name}"
        # What was cleared away before is gone already: a folder is there now, or a file in place of its folder.
        if os.path.lexists(target) and (os.path.islink(target) or not os.path.isdir(target)):
            discard(target)
            _remove_empty_folders(root, os.path.dirname(target))


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


def _would_lose(paths: Sequence[str]) -> WouldLoseDataError:
    first, others = os.path.relpath(paths[0]), len(paths) - 1
    which = f"{first} and {count(others, 'other file')} have" if others else f"{first} has"
    return WouldLoseDataError(
        f"{which} changes that are in no cache.",
        hint="Keep them with 'siglum add' or 'siglum commit', or give them up with --force.",
    )
