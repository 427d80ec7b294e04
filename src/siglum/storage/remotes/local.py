"""A remote that is a folder: a disk, a mounted share. Layout and mode (0444) are those of DVC's local remotes.

Bytes are hashed on their way, both ways; they are flushed before they get their final name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from siglum.core.errors import (
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    StorageFullError,
    UnavailableError,
)
from siglum.core.temporary_names import is_temporary
from siglum.storage.background_write import hash_and_write
from siglum.storage.copying import Copy, copy_many
from siglum.storage.durability import discard, write_all
from siglum.storage.durable_batch import DurableBatch
from siglum.storage.hashing import LARGE_FILE, check_unchanged, hash_descriptor, md5, open_regular
from siglum.storage.remotes.base import Download, Outcome, Upload

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_OBJECT_MODE = 0o444
# What the run cache holds is no object: DVC leaves it writable.
_RUNS, _RUN_MODE = "runs/", 0o666
_FULL = (27, 28, 122)  # EFBIG, ENOSPC, EDQUOT
_ABSENT = (FileNotFoundError, NotADirectoryError)
# From so many keys on, listing their folders is cheaper than asking for each.
_LIST_FROM = 512


class LocalRemote:
    """Objects below the folder `url`; the first `put` creates it if the one above it exists.

    Implements `Remote`, `BulkRemote`, `MovingRemote` and `RangedRemote`.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url.rstrip("/") or "/"

    def check(self) -> None:
        if not os.path.isdir(self.url):
            raise UnavailableError(
                f"Remote {self.name!r} is not there: {self.url} is not a folder.",
                hint="Mount or create it, or correct its URL with `siglum remote modify`.",
            )

    # A disk is fastest when asked for one thing after the other, so that `jobs`, an upper bound, never bounds.
    def exists(self, keys: Iterable[str], jobs: int | None = None) -> set[str]:  # noqa: ARG002
        asked = list(keys)
        self._check_can_be_made()
        with self._errors():
            if len(asked) < _LIST_FROM:
                return {key for key in asked if _is_file(self._path(key))}
            listed: dict[str, frozenset[str]] = {}
            found = set()
            for key in asked:
                folder, _, name = key.rpartition("/")
                names = listed.get(folder)
                if names is None:
                    names = listed[folder] = _names_in(os.path.dirname(self._path(key)))
                if name in names:
                    found.add(key)
            return found

    def list(self, prefix: str) -> Iterator[str]:
        self.check()
        top = self._path(prefix.rstrip("/")) if prefix.strip("/") else self.url
        with self._errors():
            for folder, folders, names in os.walk(top, onerror=_raise_unless_absent):
                folders[:] = [name for name in folders if not is_temporary(name)]
                below = os.path.relpath(folder, self.url)
                for name in names:
                    if not is_temporary(name):
                        yield name if below == "." else f"{below}/{name}"

    def put(self, source: str, key: str, oid: str | None) -> int:
        with self._errors(), self._batch() as batch:
            size = self._stage(batch, source, key, oid)
            batch.commit()
        return size

    def put_many(self, uploads: Sequence[Upload], jobs: int | None = None) -> Sequence[Outcome]:  # noqa: ARG002
        with self._errors(), self._batch() as batch:
            outcomes = self._stage_many(batch, uploads)
            batch.commit()
        return outcomes

    def _stage_many(self, batch: DurableBatch, uploads: Sequence[Upload]) -> Sequence[Outcome]:
        finals = [self._path(upload.key) for upload in uploads]
        places = batch.places_for(finals)
        sizes = copy_many(
            [
                Copy(upload.source, place, upload.oid, _OBJECT_MODE)
                for upload, place in zip(uploads, places, strict=True)
            ]
        )
        batch.stage_each(
            (place, final) for place, final, size in zip(places, finals, sizes, strict=True) if size is not None
        )
        outcomes: list[Outcome] = []
        for upload, size in zip(uploads, sizes, strict=True):
            if size is not None:
                outcomes.append(size)
                continue
            try:
                outcomes.append(self._stage(batch, upload.source, upload.key, upload.oid))
            except (IntegrityError, NotFoundError, ConflictError, FileNotFoundError) as e:
                # One bad object does not keep the others from being sent; a full disk does.
                outcomes.append(e)
        return outcomes

    def get(self, key: str, target: str, oid: str | None) -> int:
        path = self._path(key)
        try:
            with self._errors():
                fd, before = open_regular(path)
        except FileNotFoundError:
            self.check()
            raise NotFoundError(f"Remote {self.name!r} does not have {key}.") from None
        try:
            size = self._copy(fd, target, oid, f"Remote {self.name!r}: {path}")
            check_unchanged(path, before, os.fstat(fd), size)
        except BaseException as e:
            if not isinstance(e, FileExistsError):
                discard(target)
            raise
        finally:
            os.close(fd)
        return size

    def get_many(self, downloads: Sequence[Download], jobs: int | None = None) -> Sequence[Outcome]:  # noqa: ARG002
        sizes = copy_many([Copy(self._path(each.key), each.target, each.oid, _OBJECT_MODE) for each in downloads])
        outcomes: list[Outcome] = []
        for download, size in zip(downloads, sizes, strict=True):
            try:
                outcomes.append(size if size is not None else self.get(download.key, download.target, download.oid))
            except (IntegrityError, NotFoundError, ConflictError) as e:
                outcomes.append(e)
        return outcomes

    def get_range(self, key: str, start: int, length: int) -> bytes:
        try:
            with self._errors(), open(self._path(key), "rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            self.check()
            raise NotFoundError(f"Remote {self.name!r} does not have {key}.") from None

    def size_of(self, key: str) -> int | None:
        try:
            with self._errors():
                return os.path.getsize(self._path(key))
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        with self._errors():
            discard(self._path(key))

    def move(self, key: str, target: str) -> None:
        """Rename an object; see `MovingRemote`."""
        new = self._path(target)
        with self._errors():
            os.makedirs(os.path.dirname(new), exist_ok=True)
            try:
                os.rename(self._path(key), new)
            except FileNotFoundError:
                raise NotFoundError(f"Remote {self.name!r} does not have {key}.") from None

    def _path(self, key: str) -> str:
        parts = key.split("/")
        if "" in parts or "." in parts or ".." in parts or "\0" in key:
            raise InvalidInputError(f"{key!r} is not a key of an object.")
        return f"{self.url}/{key}"

    def _check_can_be_made(self) -> None:
        parent = os.path.dirname(self.url)
        if os.path.lexists(self.url):
            self.check()  # a file, or a link to nothing, is in the way
        elif not os.path.isdir(parent):
            raise UnavailableError(
                f"Remote {self.name!r} is not there: neither {self.url} nor the folder above it exists.",
                hint="Mount or create it, or correct its URL with `siglum remote modify`.",
            )

    def _batch(self) -> DurableBatch:
        self._check_can_be_made()
        return DurableBatch(self.url)

    def _stage(self, batch: DurableBatch, source: str, key: str, oid: str | None) -> int:
        final = self._path(key)
        folder = os.path.dirname(final)
        os.makedirs(folder, exist_ok=True)
        temporary = batch.temporary_for(folder)
        fd, before = open_regular(source)
        try:
            size = self._copy(fd, temporary, oid, source, _RUN_MODE if key.startswith(_RUNS) else _OBJECT_MODE)
            check_unchanged(source, before, os.fstat(fd), size)
        except BaseException:
            batch.drop(temporary)
            raise
        finally:
            os.close(fd)
        batch.stage(temporary, final)
        return size

    def _copy(self, fd: int, target: str, oid: str | None, where: str, mode: int = 0o666) -> int:
        hasher = md5()
        out = os.open(target, _CREATE, mode)
        try:
            if os.fstat(fd).st_size >= LARGE_FILE:
                size = hash_and_write(fd, hasher.update, out)
            else:
                size = hash_descriptor(fd, hasher, lambda block: write_all(out, block))
            if mode == _OBJECT_MODE:
                os.fchmod(out, mode)
        finally:
            os.close(out)
        if oid is not None and hasher.hexdigest() != oid.removesuffix(".dir"):
            raise IntegrityError(f"{where} is damaged: its bytes do not hash to {oid}.")
        return size

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what the folder's file system says into the port's errors."""
        try:
            yield
        except PermissionError as e:
            raise PermissionDeniedError(
                f"Remote {self.name!r}: permission denied: {e.filename or self.url}.",
                hint="Ask its owner for the rights, or use another remote.",
            ) from e
        except OSError as e:
            if e.errno in _FULL:
                raise StorageFullError(
                    f"Remote {self.name!r}: no room left at {self.url}.", hint="Free some space, then try again."
                ) from e
            raise


# What may not be looked at is not absent, as `os.path` and `os.walk` have it: it would be sent again, or be lost.
def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except _ABSENT:
        return False


def _names_in(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except _ABSENT:
        return frozenset()


def _raise_unless_absent(error: OSError) -> None:
    if not isinstance(error, _ABSENT):
        raise error
