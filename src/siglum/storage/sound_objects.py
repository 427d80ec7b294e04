"""Which objects of a store were verified, each as it is: what spares reading them again, in 16 bytes an object.

An entry stands for "the file with this device, inode, size, mtime and ctime has the bytes that its name says"; the
argument why that holds is that of `storage.index`. It is made when an object is written, and counts for `_DAYS` days:
then the object is read once more.

The file is private, as the stat index is, and is written with it: damaged, it counts as empty.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable

from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.index_file import IndexFile

DIGEST_SIZE = 16
_MAGIC = b"siglum sound objects 2\n"
# The day on which they were verified (since 1970), and how many digests follow.
_BLOCK = struct.Struct("<HI")
_DAYS = 60
# After so many digests were searched for in the file, it is made a set.
_MOST_SEARCHES = 16
_SECONDS_A_DAY = 86_400


def sound_digest(fingerprint: bytes, oid: str) -> bytes:
    """Return what stands for "the file with this fingerprint (see `storage.index`) has the bytes of this object"."""
    kind = b"\1" if oid.endswith(DIR_SUFFIX) else b"\0"
    return hashlib.blake2b(fingerprint + bytes.fromhex(oid[:32]) + kind, digest_size=DIGEST_SIZE).digest()


class SoundObjects:
    """A set of digests. Read on first use, written by `save`."""

    def __init__(self, path: str) -> None:
        self._file = IndexFile(path, _MAGIC)
        self._blocks: list[tuple[int, bytes]] | None = None
        self._new = bytearray()
        self._all: set[bytes] | None = None
        self._searches = 0
        self._forgot = False

    def note(self, digests: bytes) -> None:
        """Add digests, one after the other."""
        self._new += digests
        if self._all is not None:
            self._all.update(_split(digests))

    def forget(self, digest: bytes) -> None:
        """Drop a digest, if it is known."""
        self._blocks = [(day, _without(digest, block)) for day, block in self._read()]
        self._new = bytearray(_without(digest, self._new))
        self._forgot = True
        if self._all is not None:
            self._all.discard(digest)

    def has(self, digest: bytes) -> bool:
        """Whether this one is known."""
        self._searches += 1
        if self._all is None and self._searches <= _MOST_SEARCHES:
            return _is_in(digest, self._new) or any(_is_in(digest, block) for _, block in self._valid())
        return digest in self._loaded()

    def reader(self) -> Callable[[bytes, str], bool]:
        """Return what tells quickly, for many files, whether the one with this fingerprint is sound as this object."""
        known = self._loaded()
        return lambda fingerprint, oid: sound_digest(fingerprint, oid) in known

    def save(self) -> None:
        """Write what is known, less what is too old. Raises OSError."""
        if not self._new and not self._forgot:
            return
        new = [(_today(), bytes(self._new))] if self._new else []
        blocks = [*self._valid(), *new]
        if self._forgot:
            self._file.write(_encode(_by_day(blocks)))
        else:
            self._file.add(_encode(new), lambda: _encode(_by_day(blocks)))
        self._blocks, self._new, self._forgot = blocks, bytearray(), False

    def _loaded(self) -> set[bytes]:
        if self._all is None:
            self._all = {each for _, block in self._valid() for each in _split(block)}
            self._all.update(_split(self._new))
        return self._all

    def _valid(self) -> list[tuple[int, bytes]]:
        today = _today()
        return [block for block in self._read() if block[0] + _DAYS > today]

    def _read(self) -> list[tuple[int, bytes]]:
        if self._blocks is None:
            self._blocks = []
            body = self._file.read()
            at = 0
            while at + _BLOCK.size <= len(body):
                day, count = _BLOCK.unpack_from(body, at)
                at += _BLOCK.size
                self._blocks.append((day, body[at : at + count * DIGEST_SIZE]))
                at += count * DIGEST_SIZE
        return self._blocks


def _by_day(blocks: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return one block for each day, in their order."""
    days: dict[int, list[bytes]] = {}
    for day, digests in blocks:
        days.setdefault(day, []).append(digests)
    return [(day, b"".join(parts)) for day, parts in sorted(days.items())]


def _encode(blocks: list[tuple[int, bytes]]) -> bytes:
    return b"".join(_BLOCK.pack(day, len(digests) // DIGEST_SIZE) + digests for day, digests in blocks)


def _today() -> int:
    return int(time.time()) // _SECONDS_A_DAY


def _is_in(digest: bytes, block: bytes | bytearray) -> bool:
    at = block.find(digest)
    while at % DIGEST_SIZE and at >= 0:
        at = block.find(digest, at + 1)
    return at >= 0


def _without(digest: bytes, block: bytes | bytearray) -> bytes:
    return b"".join(each for each in _split(block) if each != digest) if _is_in(digest, block) else bytes(block)


def _split(digests: bytes | bytearray) -> list[bytes]:
    return [bytes(digests[at : at + DIGEST_SIZE]) for at in range(0, len(digests), DIGEST_SIZE)]
