"""Readers that never deliver damaged bytes as if they were whole."""

from __future__ import annotations

import hashlib
import io
import os
from typing import BinaryIO, cast

from siglum.core.errors import IntegrityError
from siglum.storage.hashing import BLOCK_SIZE

# Up to this size a file is read and checked before its first byte is delivered.
CHECKED_FIRST = 8 << 20


def damaged(where: str) -> IntegrityError:
    """Return the error for a file whose bytes are not those on record."""
    return IntegrityError(
        f"Artifact {where} is damaged: its bytes are not those that were stored.",
        hint="Restore it from a backup, or log it again.",
    )


def verified_reader(fd: int, size: int, sha256: str, where: str) -> BinaryIO:
    """Return a reader over `fd`, which it owns, that delivers exactly the bytes with this size and SHA-256.

    A small file is checked before its first byte; of a large one the last block is held back until all are checked.
    Raises IntegrityError then.
    """
    try:
        if os.fstat(fd).st_size != size:
            raise damaged(where)
        if size > CHECKED_FIRST:
            raw = _CheckingReader(fd, size, sha256, where)
            return cast("BinaryIO", io.BufferedReader(raw, BLOCK_SIZE))
        with os.fdopen(os.dup(fd), "rb") as file:
            data = file.read()
        if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            raise damaged(where)
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return io.BytesIO(data)


class _CheckingReader(io.RawIOBase):
    """Hashes what passes through and raises, in place of the last block, when it is not what it should be."""

    def __init__(self, fd: int, size: int, sha256: str, where: str) -> None:
        super().__init__()
        self._fd = fd
        self._left = size
        self._sha256 = sha256
        self._where = where
        self._hasher = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed: any buffer
        with memoryview(buffer) as view:
            n = os.readv(self._fd, [view[: self._left]]) if self._left else 0
            self._hasher.update(view[:n])
            self._left -= n
            if (n == 0 and self._left) or (n and not self._left and self._hasher.hexdigest() != self._sha256):
                view[:n] = bytes(n)
                raise damaged(self._where)
        return n

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()
