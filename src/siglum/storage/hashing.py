"""Hashes of files on disk: MD5 as DVC 3 computes it (of the bytes as they are), and SHA-256.

A file is looked at before and after it is read. One that changed in between has no hash: ConflictError, never a hash
of a mixture of two contents. What may be remembered about a hash is the business of `storage.index`.
"""

from __future__ import annotations

import hashlib
import os
import stat as stat_bits
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from siglum.core.errors import ConflictError, InvalidInputError

BLOCK_SIZE = 1 << 20
# Above this, a file is worth a thread of its own: hashlib gives the interpreter lock back only while it digests.
LARGE_FILE = 4 << 20
# Never waits, whatever the path turns out to be.
READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

Hasher: TypeAlias = Any  # hashlib's classes have no public name


class FileHash(msgspec.Struct, frozen=True, gc=False):
    """What a file's bytes hash to (lower-case hex), and how many there were."""

    oid: str
    size: int


def md5() -> Hasher:
    """Return a new MD5 hasher: DVC's address, not a proof (see architecture.md, Identity)."""
    return hashlib.md5(usedforsecurity=False)


def open_regular(path: str) -> tuple[int, os.stat_result]:
    """Open a regular file for reading and return its descriptor and state; links are followed.

    Never waits: a FIFO, socket or device raises InvalidInputError at once, as does a link that leads nowhere. The
    caller closes the descriptor. Other failures are OSErrors with the path in them.
    """
    try:
        fd = os.open(path, READ_FLAGS)
    except OSError as e:
        if isinstance(e, FileNotFoundError) and os.path.islink(path):
            raise InvalidInputError(
                f"{path} is a link to {os.readlink(path)!r}, which is not there.", hint="Repair or remove the link."
            ) from None
        if e.errno in (6, 102):  # ENXIO, EOPNOTSUPP: what opening a socket gives
            raise not_regular(path, os.stat(path)) from None
        raise
    status = os.fstat(fd)
    if not stat_bits.S_ISREG(status.st_mode):
        os.close(fd)
        if stat_bits.S_ISDIR(status.st_mode):
            raise IsADirectoryError(21, "Is a directory", path)
        raise not_regular(path, status)
    return fd, status


def not_regular(path: str, status: os.stat_result) -> InvalidInputError:
    """Return the error that says what `path` is instead of a file."""
    kinds = {
        stat_bits.S_IFIFO: "a FIFO",
        stat_bits.S_IFSOCK: "a socket",
        stat_bits.S_IFCHR: "a device",
        stat_bits.S_IFBLK: "a device",
    }
    kind = kinds.get(stat_bits.S_IFMT(status.st_mode), "not a regular file")
    return InvalidInputError(
        f"{path} is {kind}; only files and folders can be tracked.", hint="Remove it, or name it in .dvcignore."
    )


def check_unchanged(path: str, before: os.stat_result, after: os.stat_result, read: int) -> None:
    """Raise ConflictError when the file changed between the two looks at it, or `read` bytes are not all of it.

    A ctime that went on because the file got or lost another name, as an object does that is linked elsewhere, says
    nothing about its bytes.
    """
    if (
        read != after.st_size
        or before.st_mtime_ns != after.st_mtime_ns
        or (before.st_ctime_ns != after.st_ctime_ns and before.st_nlink == after.st_nlink)
        or before.st_size != after.st_size
    ):
        raise ConflictError(
            f"{path} changed while it was read.", hint="Wait until nothing writes to it, then try again."
        )


def hash_descriptor(fd: int, hasher: Hasher, sink: Callable[[memoryview], object] | None = None) -> int:
    """Feed all that `fd` yields to `hasher`, and to `sink` if given; return the number of bytes."""
    # Clearing a whole block would take longer than reading a small file.
    buffer = bytearray(min(BLOCK_SIZE, os.fstat(fd).st_size + 1))
    view = memoryview(buffer)
    total = 0
    while n := os.readv(fd, [buffer]):
        block = view[:n]
        hasher.update(block)
        if sink is not None:
            sink(block)
        total += n
    return total


def hash_file(path: str, hasher: Hasher) -> tuple[FileHash, os.stat_result]:
    """Feed a file to `hasher`; return its hash and the stat that its bytes go with. Raises as `md5_file` does."""
    fd, before = open_regular(path)
    try:
        if before.st_size < BLOCK_SIZE:
            # One read for a small file; a second one that finds nothing would only cost time, since check_unchanged
            # compares the count with the size afterwards.
            data = os.read(fd, before.st_size + 1)
            hasher.update(data)
            size = len(data)
        else:
            size = hash_descriptor(fd, hasher)
        check_unchanged(path, before, os.fstat(fd), size)
    finally:
        os.close(fd)
    return FileHash(hasher.hexdigest(), size), before


def md5_file(path: str) -> FileHash:
    """Return the MD5 of a file's bytes. Raises ConflictError when it changes meanwhile, OSError when unreadable."""
    return hash_file(path, md5())[0]


def md5_object(path: str) -> str:
    """Return the MD5 of the file of an object, which nobody writes to: whether it changes meanwhile is not asked."""
    return _digest(path, md5())


def sha256_object(path: str) -> str:
    """Return the SHA-256 of the file of an object; see `md5_object`."""
    return _digest(path, hashlib.sha256())


def _digest(path: str, hasher: Hasher) -> str:
    fd, _ = open_regular(path)
    try:
        hash_descriptor(fd, hasher)
    finally:
        os.close(fd)
    return str(hasher.hexdigest())


def md5_bytes(data: bytes) -> str:
    """Return the MD5 of `data` in hex."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def md5_digest(data: bytes) -> bytes:
    """Return the MD5 of `data` as its 16 bytes."""
    return hashlib.md5(data, usedforsecurity=False).digest()
