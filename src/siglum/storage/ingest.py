"""Many files into the object store: one pass over the bytes, one barrier, then all become visible."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from siglum.core.errors import ConflictError, NotFoundError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.background_write import hash_and_write
from siglum.storage.durability import Temporaries, write_all
from siglum.storage.durable_batch import DurableBatch
from siglum.storage.hashing import (
    BLOCK_SIZE,
    LARGE_FILE,
    FileHash,
    check_unchanged,
    hash_descriptor,
    md5,
    md5_bytes,
    open_regular,
)
from siglum.storage.index import StatIndex
from siglum.storage.soundness import sound_each
from siglum.storage.written_objects import WrittenObjects, digest_of

if TYPE_CHECKING:
    from siglum.storage.objects import ObjectStore

OBJECT_MODE = 0o444
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class IngestBatch:
    """Objects on their way into a store. Nothing is visible before `commit`; leaving without it undoes everything."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._files = DurableBatch(store.root)
        self._oids: set[str] = set()
        # Names of the store's folders as they were when first asked for: one listing is cheaper than many misses. An
        # object that another process adds meanwhile is written once more, which is harmless.
        self._listed: dict[str, frozenset[str]] = {}
        self._umask_spares_mode: bool | None = None
        self._written = WrittenObjects()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._files.close()

    def __len__(self) -> int:
        return len(self._files)

    def has(self, oid: str) -> bool:
        """Whether the object is in this batch already, or sound in the store."""
        return oid in self._oids or self._is_there(oid)

    def has_each(self, oids: Sequence[str]) -> list[bool]:
        """Do as `has` for many objects."""
        known = sound_each(self._store, oids)
        return [there or self.has(oid) for oid, there in zip(oids, known, strict=True)]

    def add_file(self, path: str, expected: str | None = None) -> FileHash:
        """Copy a file into the batch and hash it in the same pass; return its hash.

        Raises ConflictError when it changes meanwhile or does not hash to `expected`.
        """
        return self.add_and_stat(path, expected)[0]

    def add_and_stat(
        self, path: str, expected: str | None = None, index: StatIndex | None = None
    ) -> tuple[FileHash, os.stat_result]:
        """Do as `add_file`; return the stat that goes with the bytes too, and remember both in `index`."""
        read_at = time.time_ns()
        fd, before = open_regular(path)
        try:
            if before.st_size < BLOCK_SIZE:
                data = os.read(fd, before.st_size + 1)
                after = os.fstat(fd)
                check_unchanged(path, before, after, len(data))
                found = FileHash(md5_bytes(data), len(data))
                _check_expected(path, found, expected)
                self.add_bytes(data, found.oid)
            else:
                found = self._copy_large(path, fd, before, expected)
        finally:
            os.close(fd)
        if index is not None:
            index.put(before, found.oid, read_at)
        return found, before

    def add_bytes(self, data: bytes, oid: str) -> None:
        """Put bytes that are known to hash to `oid` into the batch."""
        if self.has(oid):
            return
        # Every temporary of a batch is in the store's root: new files of one folder lie together on the disk, which
        # makes creating and flushing 20,000 of them a fifth cheaper than when they are spread over 256 folders.
        temporary = self._files.temporary_for(self._store.root)
        self.write(temporary, data)
        self.stage(temporary, oid)
        self._written.add(oid)

    def reserve(self, count: int, worker: int = 0) -> Temporaries:
        """Return paths for `write`; what was written is then to be `stage`d, and the rest `release`d, or is removed.

        Those for each worker are in a folder of its own: the kernel makes files of one folder one after the other, so
        that two processes would get no more done there than one.
        """
        self._files.new_folders(self._store.root)  # before there are forked processes that ask
        folder = self._store.root
        if worker:
            folder = f"{folder}/{worker:02x}"
            os.makedirs(folder, exist_ok=True)
        return self._files.reserve(folder, count)

    def places_for(self, oids: Iterable[str]) -> list[str]:
        """Return where to write objects, each to be handed to `receive_each` then; else it is removed at the end.

        Raises InvalidInputError for what is not an oid: they may come from a file that somebody else wrote.
        """
        return self._files.places_for(map(self._store.path_of, oids))

    def flush_ahead(self) -> None:
        """Begin to flush what is in the batch, while more is prepared; `commit` flushes the rest."""
        self._files.flush_ahead()

    def await_flush(self) -> None:
        """Wait for the flush that was begun, if one was. Raises OSError when it failed."""
        self._files.await_flush()

    def release(self, reserved: Temporaries) -> None:
        """Give back reserved paths: what was written was staged."""
        self._files.release(reserved)

    def write(self, temporary: str, data: bytes) -> None:
        """Write an object's bytes to a reserved path. A forked process may do this for its parent."""
        fd = os.open(temporary, _CREATE, OBJECT_MODE)
        try:
            write_all(fd, data)
            self._make_read_only(fd)
        finally:
            os.close(fd)

    def write_aside(self, data: bytes, oid: str) -> bytes | None:
        """Write an object into a new folder of the store; return what is to be handed to `stage_aside`.

        None when it has no new folder, or another process has written it there. A forked process may do this.
        """
        path = self._files.new_folders(self._store.root).place_for(oid[:2], oid[2:])
        if path is None:
            return None
        try:
            fd = os.open(path, _CREATE, OBJECT_MODE)
        except FileExistsError:
            return None
        try:
            write_all(fd, data)
            self._make_read_only(fd)
            status = os.fstat(fd)
        finally:
            os.close(fd)
        return digest_of(status, oid)

    def stage_aside(self, digests: Mapping[str, bytes]) -> None:
        """Have `commit` put the new folders in place in which objects were written, given as `write_aside` did."""
        new = self._files.new_folders(self._store.root)
        for oid in digests:
            new.stage(oid[:2], oid[2:])
        self._oids.update(digests)
        self._written.add_aside(digests.values())

    def _make_read_only(self, fd: int) -> None:
        if self._umask_spares_mode is None:
            self._umask_spares_mode = os.fstat(fd).st_mode & 0o777 == OBJECT_MODE
        if not self._umask_spares_mode:
            os.fchmod(fd, OBJECT_MODE)

    def stage(self, temporary: str, oid: str) -> None:
        """Have `commit` make what was written at a place that this batch gave the object `oid`."""
        self._oids.add(oid)
        self._files.stage(temporary, f"{self._store.root}/{oid[:2]}/{oid[2:]}")

    def receive(self, oid: str, fetch: Callable[[str], int]) -> int:
        """Have `fetch` write the object to the new file whose path it is given, verified; return what it returns.

        May be called from several threads at once.
        """
        self._store.path_of(oid)  # raises when it is not one: it may come from a file that somebody else wrote
        temporary = self._files.temporary_for(self._store.root)
        try:
            size = fetch(temporary)
            os.chmod(temporary, OBJECT_MODE)
        except BaseException:
            self._files.drop(temporary)
            raise
        self.stage(temporary, oid)
        return size

    def receive_each(self, written: Iterable[tuple[str, str]]) -> None:
        """Take in objects (oid, place) that were written where `places_for` or `reserve` said.

        Whoever wrote them has verified that they have their bytes.
        """
        received = list(written)
        for _, place in received:
            if os.stat(place).st_mode & 0o777 != OBJECT_MODE:  # a look is cheaper than a change
                os.chmod(place, OBJECT_MODE)
        self._oids.update(oid for oid, _ in received)
        self._files.stage_each((place, f"{self._store.root}/{oid[:2]}/{oid[2:]}") for oid, place in received)

    def commit(self) -> None:
        """Make everything durable and visible: new folders first, then all else in the order it was added."""
        self._files.commit()
        if self._store.index is not None:
            self._written.remember(self._store, self._store.index, self._files.renamed_at_ns)

    def _copy_large(self, path: str, fd: int, before: os.stat_result, expected: str | None) -> FileHash:
        temporary = self._files.temporary_for(self._store.root)
        hasher = md5()
        out = os.open(temporary, _CREATE, OBJECT_MODE)
        try:
            if before.st_size >= LARGE_FILE:
                size = hash_and_write(fd, hasher.update, out)
            else:
                size = hash_descriptor(fd, hasher, lambda block: write_all(out, block))
            self._make_read_only(out)
        finally:
            os.close(out)
        check_unchanged(path, before, os.fstat(fd), size)
        found = FileHash(hasher.hexdigest(), size)
        _check_expected(path, found, expected)
        if self.has(found.oid):
            self._files.drop(temporary)
        else:
            self.stage(temporary, found.oid)
            self._written.add(found.oid)
        return found

    def _is_there(self, oid: str) -> bool:
        """Whether a sound object is in the store; a damaged one is moved away, so that this batch heals it."""
        names = self._listed.get(oid[:2])
        if names is None:
            names = self._listed[oid[:2]] = self._store.names_below(oid[:2])
        if oid[2:] not in names:
            return False
        if self._store.is_sound(oid):
            return True
        with contextlib.suppress(NotFoundError):  # another thread or process moved it just now
            self._store.quarantine(oid)
        return False


def _check_expected(path: str, found: FileHash, expected: str | None) -> None:
    if expected is not None and found.oid != expected.removesuffix(DIR_SUFFIX):
        raise ConflictError(
            f"{path} changed: it was to have MD5 {expected} and has {found.oid}.",
            hint="Wait until nothing writes to it, then try again.",
        )
