"""Where the bytes of an object that is fetched go: into a new file, hashed on the way."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from siglum.core.errors import IntegrityError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.durability import discard, write_all
from siglum.storage.hashing import md5

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def wrong_bytes(where: str, oid: str) -> IntegrityError:
    """Return the error for bytes that are not what their name says."""
    return IntegrityError(f"{where} is damaged: its bytes do not hash to {oid}.")


def digits(oid: str) -> str:
    """Return the MD5 that the bytes named `oid` have."""
    return oid.removesuffix(DIR_SUFFIX)


class Sink:
    """A new file, written and hashed from its first byte to its last, and removed unless it is what it should be."""

    def __init__(self, target: str, oid: str | None, where: str) -> None:
        self._target = target
        self._oid = oid
        self._where = where
        self._hasher = md5()
        self._written = 0
        self._fd = -1

    def __enter__(self) -> Self:
        self._fd = os.open(self._target, _CREATE, 0o666)
        return self

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes. An OSError names the file, which tells a full disk from a lost connection."""
        self._hasher.update(data)
        try:
            write_all(self._fd, data)
        except OSError as e:
            e.filename = self._target
            raise
        self._written += len(data)

    def check(self, size: int) -> None:
        """Raise IntegrityError unless all of `size` bytes came, and are the right ones."""
        if self._written != size:
            raise IntegrityError(f"{self._where}: {self._written} bytes came instead of {size}.")
        if self._oid is not None and self._hasher.hexdigest() != digits(self._oid):
            raise wrong_bytes(self._where, self._oid)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._fd)
        if error is not None:
            discard(self._target)
