"""Many files into the object store: one pass over the bytes, one barrier, then all become visible."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from siglum.core.errors import ConflictError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.durability import DurableBatch, write_all
from siglum.storage.hashing import BLOCK_SIZE, FileHash, check_unchanged, hash_descriptor, md5, md5_bytes, open_regular
from siglum.storage.index import StatIndex
from siglum.storage.manifest import Manifest, decode_manifest

if TYPE_CHECKING:
    from siglum.storage.objects import ObjectStore

_OBJECT_MODE = 0o444
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class IngestBatch:
    """Objects on their way into a store. Nothing is visible before `commit`; leaving without it undoes everything."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._files = DurableBatch(store.root)
        self._folders: set[str] = set()

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
        final = self._store.path_of(oid)
        return final in self._files or self._is_there(oid, final)

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
        final = self._store.path_of(oid)
        if self.has(oid):
            return
        temporary = self._files.temporary_for(self._folder_of(oid))
        fd = os.open(temporary, _CREATE, _OBJECT_MODE)
        try:
            write_all(fd, data)
            os.fchmod(fd, _OBJECT_MODE)
        finally:
            os.close(fd)
        self._files.stage(temporary, final)

    def receive(self, oid: str, fetch: Callable[[str], int]) -> int:
        """Have `fetch` write the object to the new file whose path it is given, verified; return what it returns.

        May be called from several threads at once.
        """
        temporary = self._files.temporary_for(self._folder_of(oid))
        try:
            size = fetch(temporary)
            os.chmod(temporary, _OBJECT_MODE)
        except BaseException:
            self._files.drop(temporary)
            raise
        self._files.stage(temporary, self._store.path_of(oid))
        return size

    def peek_manifest(self, oid: str, fetch: Callable[[str], int]) -> Manifest:
        """Have `fetch` write a manifest to a new file, and return it decoded without storing it."""
        temporary = self._files.temporary_for(self._store.root)
        try:
            fetch(temporary)
            with open(temporary, "rb") as file:
                return decode_manifest(file.read(), oid)
        finally:
            self._files.drop(temporary)

    def commit(self) -> None:
        """Make everything durable and visible, in the order it was added."""
        self._files.commit()

    def _copy_large(self, path: str, fd: int, before: os.stat_result, expected: str | None) -> FileHash:
        # Its folder is known only when it is read; the store's root is on the same file system.
        temporary = self._files.temporary_for(self._store.root)
        hasher = md5()
        out = os.open(temporary, _CREATE, _OBJECT_MODE)
        try:
            size = hash_descriptor(fd, hasher, lambda block: write_all(out, block))
            os.fchmod(out, _OBJECT_MODE)
        finally:
            os.close(out)
        check_unchanged(path, before, os.fstat(fd), size)
        found = FileHash(hasher.hexdigest(), size)
        _check_expected(path, found, expected)
        if self.has(found.oid):
            self._files.drop(temporary)
        else:
            self._folder_of(found.oid)
            self._files.stage(temporary, self._store.path_of(found.oid))
        return found

    def _is_there(self, oid: str, final: str) -> bool:
        """Whether a sound object is in the store; a damaged one is moved away, so that this batch heals it."""
        if not os.path.exists(final):
            return False
        if self._store.is_sound(oid):
            return True
        self._store.quarantine(oid)
        return False

    def _folder_of(self, oid: str) -> str:
        folder = f"{self._store.root}/{oid[:2]}"
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)
        return folder


def _check_expected(path: str, found: FileHash, expected: str | None) -> None:
    if expected is not None and found.oid != expected.removesuffix(DIR_SUFFIX):
        raise ConflictError(
            f"{path} changed: it was to have MD5 {expected} and has {found.oid}.",
            hint="Wait until nothing writes to it, then try again.",
        )
