"""Hashing every object of a store or a remote again, whatever is remembered of it, on all cores."""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import msgspec

from siglum.core.errors import NotFoundError, SiglumError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.bulk import FileToRead, read_many
from siglum.storage.hashing import LARGE_FILE, md5_object
from siglum.storage.index import Status
from siglum.storage.legacy import LegacyStore, legacy_md5_file
from siglum.storage.objects import ObjectStore
from siglum.storage.remote_objects import is_sound
from siglum.storage.remotes.base import Remote

_AT_ONCE = 4096

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (objects done, bytes done)."""


class Condition(enum.StrEnum):
    """What was found of an object."""

    SOUND = "sound"
    DAMAGED = "damaged"
    MISSING = "missing"


class Checked(msgspec.Struct, frozen=True, gc=False):
    """One object: its name, its condition and its size as it is there."""

    oid: str
    condition: Condition
    size: int = 0


def check_store(store: ObjectStore, oids: Iterable[str], progress: Progress | None = None) -> Iterator[Checked]:
    """Yield the condition of each object, in no order. What is sound is remembered in the store's index."""
    done = size = 0
    pending = list(oids)
    for start in range(0, len(pending), _AT_ONCE):
        for checked in _check_some(store, pending[start : start + _AT_ONCE]):
            done, size = done + 1, size + checked.size
            yield checked
        if progress is not None:
            progress(done, size)


def require_sound(store: ObjectStore, oids: Iterable[str]) -> None:
    """Raise NotFoundError or IntegrityError unless each object's bytes are what its name says.

    Reads what is not on record as verified; damaged objects stay where they are.
    """
    unknown = [oid for oid in dict.fromkeys(oids) if not _is_on_record(store, oid)]
    for checked in check_store(store, unknown):
        if checked.condition is Condition.MISSING:
            raise store.not_found(checked.oid)
        if checked.condition is Condition.DAMAGED:
            raise store.damaged(checked.oid)


def _is_on_record(store: ObjectStore, oid: str) -> bool:
    if store.index is None:
        return False
    try:
        return store.index.is_sound(os.stat(store.path_of(oid)), oid)
    except FileNotFoundError:
        return False


def _check_some(store: ObjectStore, oids: Sequence[str]) -> Iterator[Checked]:
    small: list[FileToRead] = []
    other: list[tuple[str, Status]] = []
    is_legacy = isinstance(store, LegacyStore)
    for oid in oids:
        path = store.path_of(oid)
        try:
            status = os.stat(path)
        except OSError:
            yield Checked(oid, Condition.MISSING)
            continue
        if is_legacy or status.st_size >= LARGE_FILE:
            other.append((oid, status))
        else:
            small.append(FileToRead(oid, path, status))
    read_at = time.time_ns()
    for file, found in zip(small, read_many(small), strict=True):
        if found is None:
            other.append((file.relpath, file.status))
        else:
            yield _judged(store, file.relpath, file.status, found, read_at)
    yield from _check_each(store, other)


def _check_each(store: ObjectStore, objects: Sequence[tuple[str, Status]]) -> Iterator[Checked]:
    """Hash on threads: hashing a large block gives the interpreter lock back."""
    digest = _legacy_md5 if isinstance(store, LegacyStore) else md5_object

    def check(each: tuple[str, Status]) -> Checked:
        oid, status = each
        read_at = time.time_ns()
        try:
            found = digest(store.path_of(oid))
        except FileNotFoundError:
            return Checked(oid, Condition.MISSING)
        except PermissionError:
            raise
        except (OSError, SiglumError):
            # A disk that cannot read it, or something that is no file: nobody can use it.
            return Checked(oid, Condition.DAMAGED, status.st_size)
        return _judged(store, oid, status, found, read_at)

    if len(objects) < 2:
        yield from map(check, objects)
        return
    with ThreadPoolExecutor(max_workers=min(len(objects), os.cpu_count() or 1)) as pool:
        yield from pool.map(check, objects)


def _legacy_md5(path: str) -> str:
    return legacy_md5_file(path).oid


def _judged(store: ObjectStore, oid: str, status: Status, found: str, read_at: int) -> Checked:
    if found != oid.removesuffix(DIR_SUFFIX):
        if store.index is not None:
            store.index.forget(status, oid)
        return Checked(oid, Condition.DAMAGED, status.st_size)
    if store.index is not None and not isinstance(store, LegacyStore):
        store.index.note_sound(status, oid, read_at)
    return Checked(oid, Condition.SOUND, status.st_size)


def check_remote(
    remote: Remote, objects: Iterable[tuple[str, str]], jobs: int, progress: Progress | None = None
) -> Iterator[tuple[str, Checked]]:
    """Yield (algorithm, condition) of each object (algorithm, oid) of a remote, in order. Every byte is fetched."""

    def check(each: tuple[str, str]) -> tuple[str, Checked]:
        algorithm, oid = each
        try:
            sound = is_sound(remote, algorithm, oid)
        except NotFoundError:
            return algorithm, Checked(oid, Condition.MISSING)
        return algorithm, Checked(oid, Condition.SOUND if sound else Condition.DAMAGED)

    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for number, checked in enumerate(pool.map(check, objects), 1):
            yield checked
            if progress is not None:
                progress(number, 0)
