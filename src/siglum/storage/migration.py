"""From DVC 2's cache to DVC 3's: every old object gets a second name, by the hash of its bytes as they are."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable

import msgspec

from siglum.core.errors import SiglumError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.durability import fsync_path
from siglum.storage.hashing import md5_object
from siglum.storage.objects import ObjectStore


class Migration(msgspec.Struct, frozen=True):
    """What became of old objects: `names` maps the old name of each sound one to its new one.

    `added` are new names that were not there before. `damaged` ones were left alone: a second name, by the hash of
    their wrong bytes, would make them look right.
    """

    names: dict[str, str]
    added: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def migrate_objects(old: ObjectStore, new: ObjectStore, oids: Iterable[str], *, dry: bool = False) -> Migration:
    """Give objects of `old` a name in `new`, durably. A dry run only hashes them. Can be repeated.

    The name is a hard link, so that no room is needed; a copy where the file system has none. A manifest keeps its
    name and, until pointers are migrated, its files' old names.
    """
    names: dict[str, str] = {}
    damaged: list[str] = []
    missing: list[str] = []
    for oid in oids:
        try:
            path = old.verify(oid)
            name = oid if oid.endswith(DIR_SUFFIX) else _hash_of(new, path)
        except SiglumError:
            damaged.append(oid)
            continue
        names[oid] = name
        if not new.has(name):
            missing.append(oid)
    added = list(dict.fromkeys(names[oid] for oid in missing))
    if not dry:
        _add({names[oid]: old.path_of(oid) for oid in missing}, new)
    return Migration(names, tuple(added), tuple(damaged))


def _hash_of(store: ObjectStore, path: str) -> str:
    status = os.stat(path)
    known = None if store.index is None else store.index.get(status)
    if known is not None:
        return known.removesuffix(DIR_SUFFIX)
    read_at = time.time_ns()
    found = md5_object(path)
    if store.index is not None:
        store.index.put(status, found, read_at)
    return found


def _add(paths: dict[str, str], store: ObjectStore) -> None:
    copies: dict[str, str] = {}
    folders = set()
    for oid, path in paths.items():
        target = store.path_of(oid)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            os.chmod(path, 0o444)
            os.link(path, target)
        except FileExistsError:
            continue
        except OSError:
            copies[oid] = path
        folders.add(os.path.dirname(target))
    for folder in folders:
        fsync_path(folder)
    if copies:
        with store.batch() as batch:
            for oid, path in copies.items():
                batch.receive(oid, lambda temporary, source=path: _copy(source, temporary))  # type: ignore[misc]
            batch.commit()


def _copy(source: str, target: str) -> int:
    shutil.copyfile(source, target)
    return os.stat(target).st_size
