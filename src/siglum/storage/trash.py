"""The trash of a cache: what garbage collection took out, in batches that come back whole until they are purged.

    <cache>/trash/<batch>/batch.json           when, until when, by whose command
    <cache>/trash/<batch>/<algorithm>/<oid>    the objects, as they were

Objects are moved by renames, so that each is in the cache or in the trash at any instant, and never in neither. A
manifest leaves before its files and comes back after them: one in the cache says that its files are there. DVC looks
at none of these names.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.durability import discard, fsync_path, temporary_name, write_all
from siglum.storage.objects import ObjectStore

TRASH = "trash"
RECORD = "batch.json"
SECONDS_A_DAY = 86_400


class Batch(msgspec.Struct, frozen=True, order=True):
    """One collection. Times are seconds since the epoch; `scope` says in words what had been kept."""

    id: str
    created: int
    expires: int
    repository: str = ""
    scope: str = ""

    def is_past_grace(self, now: float) -> bool:
        """Whether it may be purged."""
        return now >= self.expires


class Contents(msgspec.Struct, frozen=True):
    """How many objects something holds, and their bytes together."""

    objects: int = 0
    size: int = 0

    def __add__(self, other: Contents) -> Contents:
        return Contents(self.objects + other.objects, self.size + other.size)


class Restored(msgspec.Struct, frozen=True):
    """What of a batch came back, what had been stored anew meanwhile, and the damaged copies put aside for it."""

    batch: Batch
    moved: Contents
    present: int
    quarantined: tuple[str, ...] = ()


def new_batch(now: float, grace_days: float, repository: str, scope: str) -> Batch:
    """Return a batch that begins now. Its name sorts by time."""
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"-{int(now % 1 * 1e6):06d}"
    expires = int(now + grace_days * SECONDS_A_DAY)
    return Batch(f"{moment}-{secrets.token_hex(3)}", int(now), expires, repository, scope)


def manifests_first(oids: Iterable[str]) -> list[str]:
    """Return names of objects in the order in which they may go: folders' manifests, then files."""
    return sorted(oids, key=lambda oid: (not oid.endswith(DIR_SUFFIX), oid))


class Trash:
    """The trash of the cache at `cache_dir`. `stores` are its object stores by their algorithm's name.

    Callers hold the lock of whatever commands use the cache.
    """

    def __init__(self, cache_dir: str, stores: Mapping[str, ObjectStore]) -> None:
        self.root = os.path.join(cache_dir, TRASH)
        self._stores = stores

    def batches(self) -> list[Batch]:
        """Return all batches, the oldest first. One without a readable record (a power cut) counts as just made."""
        found: list[Batch] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root) as entries:
            found.extend(self._read(entry.name) for entry in entries if entry.is_dir(follow_symlinks=False))
        return sorted(found, key=lambda batch: (batch.created, batch.id))

    def contents(self, batch: Batch) -> Contents:
        """Return what is in a batch."""
        sizes = [os.lstat(path).st_size for _, _, path in self._objects(batch)]
        return Contents(len(sizes), sum(sizes))

    def objects(self, batch: Batch) -> list[tuple[str, str]]:
        """Return a batch's objects as (algorithm, oid)."""
        return [(algorithm, oid) for algorithm, oid, _ in self._objects(batch)]

    def find(self, algorithm: str, oid: str) -> str | None:
        """Return the path of an object that some batch holds, None when none does. It is not verified."""
        for batch in reversed(self.batches()):
            path = self._path(batch, algorithm, oid)
            if os.path.exists(path):
                return path
        return None

    def begin(self, batch: Batch) -> None:
        """Write a batch's record, durably, before anything is moved into it."""
        folder = os.path.join(self.root, batch.id)
        os.makedirs(folder)
        temporary = f"{folder}/{temporary_name()}"
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            try:
                write_all(fd, msgspec.json.format(msgspec.json.encode(batch), indent=2) + b"\n")
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(temporary, f"{folder}/{RECORD}")
        except BaseException:
            with contextlib.suppress(OSError):
                discard(temporary)
                os.rmdir(folder)
            raise
        for path in (folder, self.root):
            fsync_path(path)

    def take(self, batch: Batch, algorithm: str, oids: Sequence[str]) -> Contents:
        """Move objects out of the cache; return what was moved. One that is gone already is passed over."""
        store = self._stores[algorithm]
        os.makedirs(os.path.join(self.root, batch.id, algorithm), exist_ok=True)
        moved = size = 0
        for oid in manifests_first(oids):
            source = store.path_of(oid)
            with contextlib.suppress(FileNotFoundError):
                size_of_it = os.lstat(source).st_size
                os.rename(source, self._path(batch, algorithm, oid))
                size += size_of_it
                moved += 1
        return Contents(moved, size)

    def restore(self, batch: Batch, only: frozenset[tuple[str, str]] | None = None) -> Restored:
        """Bring a batch back, or what `only` names of it as (algorithm, oid). Killed half way, it can be repeated.

        An object that was stored again meanwhile stays; where that one is damaged, it goes to quarantine.
        """
        moved = Contents()
        present = 0
        quarantined = []
        objects = [each for each in self._objects(batch) if only is None or each[:2] in only]
        # Files before manifests.
        for algorithm, oid, path in sorted(objects, key=lambda each: each[1].endswith(DIR_SUFFIX)):
            store = self._stores[algorithm]
            if store.has(oid) and not store.is_sound(oid):
                quarantined.append(store.quarantine(oid))
            if store.has(oid):
                discard(path)
                present += 1
                continue
            target = store.path_of(oid)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            moved += Contents(1, os.lstat(path).st_size)
            os.rename(path, target)
        self._remove_if_empty(batch)
        return Restored(batch, moved, present, tuple(quarantined))

    def purge(self, batch: Batch) -> Contents:
        """Delete a batch for good; return what was in it. Killed half way, it can be repeated."""
        purged = Contents()
        objects = self._objects(batch)
        for _, _, path in sorted(objects, key=lambda each: not each[1].endswith(DIR_SUFFIX)):
            purged += Contents(1, os.lstat(path).st_size)
            discard(path)
        self._remove_if_empty(batch)
        return purged

    def _path(self, batch: Batch, algorithm: str, oid: str) -> str:
        return f"{self.root}/{batch.id}/{algorithm}/{oid}"

    def _objects(self, batch: Batch) -> list[tuple[str, str, str]]:
        return list(self._each(batch))

    def _each(self, batch: Batch) -> Iterator[tuple[str, str, str]]:
        for algorithm in self._stores:
            folder = f"{self.root}/{batch.id}/{algorithm}"
            with contextlib.suppress(FileNotFoundError):
                for oid in os.listdir(folder):
                    yield algorithm, oid, f"{folder}/{oid}"

    def _read(self, name: str) -> Batch:
        folder = os.path.join(self.root, name)
        try:
            with open(os.path.join(folder, RECORD), "rb") as file:
                return msgspec.json.decode(file.read(), type=Batch)
        except (FileNotFoundError, msgspec.MsgspecError):
            made = int(os.stat(folder).st_mtime)
            return Batch(name, made, made + 14 * SECONDS_A_DAY)

    def _remove_if_empty(self, batch: Batch) -> None:
        """Remove a batch's folders and, last of all, its record; nothing while it holds an object."""
        folder = f"{self.root}/{batch.id}"
        for algorithm in self._stores:
            try:
                os.rmdir(f"{folder}/{algorithm}")
            except FileNotFoundError:
                continue
            except OSError:
                return
        discard(f"{folder}/{RECORD}")
        with contextlib.suppress(OSError):
            os.rmdir(folder)
            os.rmdir(self.root)
