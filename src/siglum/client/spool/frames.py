"""Records in a file, behind one another, each with its length and CRC-32; and finding them again behind damage.

A length of zero is the end: what is behind it has not been written. Where a record cannot be read, the next one that
can is found by what records begin with and by its checksum, so that a damaged length hides nothing behind it.
"""

from __future__ import annotations

import os
import re
import struct
from typing import Final, TypeAlias
from zlib import crc32

Found: TypeAlias = "list[tuple[bytes | None, int]]"
"""Records, each with where it ends. None for one that cannot be read; it begins where the one before it ends."""

FRAME: Final = struct.Struct("<II")
SIZE: Final = FRAME.size
_BLOCK: Final = 256 * 1024
# A short MessagePack array whose first element is the number of a kind of record.
_BEGINS: Final = re.compile(rb"[\x91-\x9f][\x00-\x1f]")


def packed(content: bytes) -> bytes:
    """Return a record as it is in the file."""
    return FRAME.pack(len(content), crc32(content)) + content


def read(fd: int, start: int, stop: int, most: int) -> Found:
    """Return up to `most` records from `start` to `stop`."""
    found: Found = []
    while start < stop and len(found) < most:
        block = os.pread(fd, min(_BLOCK, stop - start), start)
        at = 0
        while at + SIZE <= len(block) and len(found) < most:
            length, checksum = FRAME.unpack_from(block, at)
            content = block[at + SIZE : at + SIZE + length]
            if not length or len(content) < length or crc32(content) != checksum:
                break
            at += SIZE + length
            found.append((content, start + at))
        if at == 0:
            found.append(_read_one(fd, start, stop))
            at = found[-1][1] - start
        start += at
    return found


def find_ends(fd: int, start: int, size: int) -> tuple[int, int]:
    """Return where the last record ends that can be read, or has one behind it, and where what was written ends.

    What is between the two was not written to its end, or is damaged.
    """
    at = start
    while some := read(fd, at, size, 10_000):
        for content, end in some:
            if content is None and end == size:
                return at, _written(fd, at, size)
            at = end
    return at, at


def _read_one(fd: int, start: int, stop: int) -> tuple[bytes | None, int]:
    """Read a record that is larger than a block, or cannot be read: then say where the next one begins."""
    content = _content(fd, start, stop)
    if content is not None:
        return content, start + SIZE + len(content)
    length, _ = FRAME.unpack(os.pread(fd, SIZE, start).ljust(SIZE, b"\0"))
    behind = start + SIZE + length
    if length and (behind == stop or _content(fd, behind, stop) is not None):
        return None, behind
    return None, _next(fd, start + 1, stop)


def _content(fd: int, at: int, stop: int) -> bytes | None:
    """Return the record that begins here, if one does."""
    head = os.pread(fd, SIZE, at) if at + SIZE < stop else b""
    if len(head) < SIZE:
        return None
    length, checksum = FRAME.unpack(head)
    if not 0 < length <= stop - at - SIZE:
        return None
    content = os.pread(fd, length, at + SIZE)
    return content if len(content) == length and crc32(content) == checksum else None


def _next(fd: int, at: int, stop: int) -> int:
    """Return where the next record begins that can be read; `stop` when there is none."""
    while at + SIZE < stop:
        block = os.pread(fd, min(_BLOCK, stop - at), at)
        for match in _BEGINS.finditer(block, SIZE):
            start = at + match.start() - SIZE
            if _content(fd, start, stop) is not None:
                return start
        if len(block) < _BLOCK:
            break
        at += len(block) - SIZE - 1  # one may begin at the end of this block
    return stop


def _written(fd: int, start: int, stop: int) -> int:
    """Return where the zeros begin that nothing was written over."""
    last = start
    while start < stop and (block := os.pread(fd, min(_BLOCK, stop - start), start)):
        if kept := block.rstrip(b"\0"):
            last = start + len(kept)
        start += len(block)
    return last
