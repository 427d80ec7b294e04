"""The bytes of one file of a repository, wherever they are, without getting more of them than are asked for."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
import threading
from typing import BinaryIO

from siglum.core.errors import IntegrityError, NotFoundError
from siglum.pipeline.sources.bring import bring
from siglum.pipeline.sources.external import DataPlace, ExternalRepo, Externals, Listing, Part
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.base import RangedRemote, Remote
from siglum.storage.transfer import key_of
from siglum.workspace.remotes import open_configured_remote


class RemoteParts:
    """An object on a remote that gives parts. `size` is in bytes. Several threads may read.

    Bytes read from the start on, without a gap, are hashed: who reads to the end is never given the end of an object
    that is damaged. Of single parts nobody can say whether they are right.
    """

    def __init__(self, remote: RangedRemote, where: str, key: str, oid: str, size: int) -> None:
        self.size = size
        self._remote = remote
        self._where = where
        self._key = key
        self._oid = oid
        self._hasher = hashlib.md5(usedforsecurity=False)
        self._hashed = 0
        self._lock = threading.Lock()

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`. Raises IntegrityError, and what the remote raises."""
        end = min(end, self.size)
        if start >= end:
            if self.size == 0:
                self._check_whole()
            return b""
        data = self._remote.get_range(self._key, start, end - start)
        if len(data) != end - start:
            raise IntegrityError(f"{self._where} is damaged: it ends after {start + len(data)} of {self.size} bytes.")
        with self._lock:
            if start <= self._hashed < end:
                self._hasher.update(memoryview(data)[self._hashed - start :])
                self._hashed = end
                self._check_whole()
        return data

    def _check_whole(self) -> None:
        if self._hashed == self.size and self._hasher.hexdigest() != self._oid:
            raise IntegrityError(f"{self._where} is damaged: its bytes do not hash to {self._oid}.")


class PartContents:
    """Opens files of one repository."""

    def __init__(self, externals: Externals, repo: ExternalRepo) -> None:
        self._externals = externals
        self._repo = repo

    def find(self, listing: Listing) -> BinaryIO | RemoteParts:
        """Return the content of the one file that a listing stands for: open, or to be read in parts.

        A file of the workspace is as it is there. What was recorded comes from the cache, verified; else in parts from
        a remote that gives parts; else, verified, from wherever it can be had. Raises NotFoundError, IntegrityError
        when there are damaged copies only, UnavailableError.
        """
        (part,) = listing.parts
        if part.leaf is not None:
            return self._of_tree(part)
        assert part.oid is not None
        assert part.place is not None
        found = self._cached(part.oid, part.place)
        if found is not None:
            return found
        parts = self._in_parts(part.oid, part.place)
        return parts if parts is not None else self._brought(listing, part.oid)

    def size_of(self, listing: Listing) -> int | None:
        """Return the size of the recorded file that a listing stands for, where a remote can tell; it is not read."""
        (part,) = listing.parts
        if part.oid is None or part.place is None:
            return None
        parts = self._in_parts(part.oid, part.place)
        return None if parts is None else parts.size

    def _of_tree(self, part: Part) -> BinaryIO:
        assert part.leaf is not None
        if part.leaf.file is not None:
            return open(part.leaf.file, "rb")
        assert self._repo.git is not None
        assert part.leaf.blob is not None
        return io.BytesIO(self._repo.git.blobs([part.leaf.blob])[part.leaf.blob])

    def _cached(self, oid: str, place: DataPlace) -> BinaryIO | None:
        repo = self._repo.repository(place.owner)
        for store in (repo.cache, repo.legacy_cache):
            # A damaged copy is none: another may be sound, and if there is no other, getting it says so.
            with contextlib.suppress(NotFoundError, IntegrityError):
                return open(store.verify(oid), "rb")
        return None

    def _in_parts(self, oid: str, place: DataPlace) -> RemoteParts | None:
        remote: Remote
        try:
            remote = open_configured_remote(self._repo.repository(place.owner), place.remote)
        except NotFoundError:
            return None
        if not isinstance(remote, RangedRemote):
            return None
        key = key_of(oid)
        size = remote.size_of(key)
        return None if size is None else RemoteParts(remote, f"Remote {remote.name!r}: {key}", key, oid, size)

    def _brought(self, listing: Listing, oid: str) -> BinaryIO:
        """Get a whole, verified copy; it goes when the file is closed."""
        folder = tempfile.mkdtemp(prefix="siglum-read-")
        try:
            store = ObjectStore(os.path.join(folder, "files", "md5"))
            bring(self._externals, self._repo, listing, store)
            return open(store.path_of(oid), "rb")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
