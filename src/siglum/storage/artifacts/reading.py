"""Readers that never deliver damaged bytes as if they were whole."""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Protocol, cast

from siglum.core.errors import IntegrityError
from siglum.storage.durability import discard, temporary_name
from siglum.storage.hashing import BLOCK_SIZE

# Up to this size a file is read and checked before its first byte is delivered.
CHECKED_FIRST = 8 << 20
# A large object of an object store comes in ranges of this size, some of them ahead of the reader.
RANGE = 4 << 20
_RANGES_AHEAD = 3


class Blocks(Protocol):
    """A large file's bytes, in their order from where it was last moved to."""

    def fill(self, view: memoryview) -> int:
        """Put the next bytes into `view`, at least one unless the file ends here; return how many."""
        ...

    def move(self, position: int) -> None:
        """Go on at this position."""
        ...

    def close(self) -> None:
        """Release what is held."""
        ...


def damaged(where: str) -> IntegrityError:
    """Return the error for a file whose bytes are not those on record."""
    return IntegrityError(
        f"Artifact {where} is damaged: its bytes are not those that were stored.",
        hint="Restore it from a backup, or log it again.",
    )


def save_whole(reader: BinaryIO, local_path: str) -> None:
    """Write all that `reader` yields to a local file, which takes its name only when it is whole."""
    temporary = f"{os.path.dirname(local_path) or '.'}/{temporary_name()}"
    try:
        with open(temporary, "xb") as file:
            while block := reader.read(BLOCK_SIZE):
                file.write(block)
        os.replace(temporary, local_path)
    except BaseException:
        discard(temporary)
        raise


def verified_reader(fd: int, size: int, sha256: str, where: str) -> BinaryIO:
    """Return a reader over `fd`, which it owns, that delivers exactly the bytes with this size and SHA-256.

    A small file is checked before its first byte; of a large one the last block is held back until all are checked.
    Raises IntegrityError then. Of a large file that is read from elsewhere than its beginning, nothing is checked.
    """
    try:
        if os.fstat(fd).st_size != size:
            raise damaged(where)
        if size > CHECKED_FIRST:
            return buffered(FileBlocks(fd), size, sha256, where)
        with os.fdopen(os.dup(fd), "rb") as file:
            data = file.read()
        reader = checked_bytes(data, size, sha256, where)
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return reader


def checked_bytes(data: bytes, size: int, sha256: str | None, where: str) -> BinaryIO:
    """Return a reader over all bytes of a file. Raises IntegrityError when they are not those on record."""
    if len(data) != size or (sha256 is not None and hashlib.sha256(data).hexdigest() != sha256):
        raise damaged(where)
    return io.BytesIO(data)


def buffered(blocks: Blocks, size: int, sha256: str | None, where: str) -> BinaryIO:
    """Return a reader over a large file; with a SHA-256, its last block is held back until all are checked."""
    return cast("BinaryIO", io.BufferedReader(_CheckingReader(blocks, size, sha256, where), BLOCK_SIZE))


class FileBlocks:
    """A local file by its descriptor, which it owns."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fill(self, view: memoryview) -> int:
        return os.readv(self._fd, [view])

    def move(self, position: int) -> None:
        os.lseek(self._fd, position, os.SEEK_SET)

    def close(self) -> None:
        os.close(self._fd)


class RangeBlocks:
    """A file that comes in ranges, some of which are asked for before they are needed."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._next = 0
        self._coming: deque[Future[bytes]] = deque()
        self._held = memoryview(b"")
        self._pool = ThreadPoolExecutor(_RANGES_AHEAD, "siglum-ranges")

    def fill(self, view: memoryview) -> int:
        if not self._held:
            self._ask()
            if not self._coming:
                return 0
            self._held = memoryview(self._coming.popleft().result())
            self._ask()
        n = min(len(view), len(self._held))
        view[:n] = self._held[:n]
        self._held = self._held[n:]
        return n

    def move(self, position: int) -> None:
        self._drop()
        self._next = position

    def close(self) -> None:
        self._drop()
        self._pool.shutdown(wait=False)

    def _ask(self) -> None:
        while len(self._coming) < _RANGES_AHEAD and self._next < self._size:
            stop = min(self._next + RANGE, self._size)
            self._coming.append(self._pool.submit(self._fetch, self._next, stop))
            self._next = stop

    def _drop(self) -> None:
        for each in self._coming:
            each.cancel()
        self._coming.clear()
        self._held = memoryview(b"")


class _CheckingReader(io.RawIOBase):
    """Hashes what passes through and raises, in place of the last block, when it is not what it should be."""

    def __init__(self, blocks: Blocks, size: int, sha256: str | None, where: str) -> None:
        super().__init__()
        self._blocks = blocks
        self._size = size
        self._at = 0
        self._sha256 = sha256
        self._where = where
        self._hasher = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        target = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if target < 0:
            raise ValueError("a file has no bytes before its beginning")
        if target != self._at:
            self._blocks.move(target)
            self._at = target
            self._hasher = hashlib.sha256()
            if target:  # who leaves out a part cannot know what it was
                self._sha256 = None
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed: any buffer
        left = max(self._size - self._at, 0)
        with memoryview(buffer) as view:
            n = self._blocks.fill(view[:left]) if left else 0
            if self._sha256 is not None:
                self._hasher.update(view[:n])
            wrong = n == left and n > 0 and self._sha256 not in (None, self._hasher.hexdigest())
            if (n == 0 and left) or wrong:
                view[:n] = bytes(n)
                raise damaged(self._where)
            self._at += n
        return n

    def close(self) -> None:
        if not self.closed:
            self._blocks.close()
        super().close()
