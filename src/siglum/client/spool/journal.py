"""A spool's file: records behind one another, each with its length and CRC-32, and how far they have been sent.

The file grows by pieces that the disk has promised (`posix_fallocate`), and is written through memory: a record costs
no system call, and is in the kernel's hands at once, so that it outlives the process however that ends. It is flushed
by another thread (`disk`): what a power cut takes is what the disk had not been given yet, and the checksums tell.

    0   magic and version
    8   sent, being sent (offsets), CRC-32 of both: one write before and one after each batch
    64  records: length, CRC-32, content; a length of zero is the end

Who writes holds a kernel lock on the file, which ends with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
from typing import Final, Self
from zlib import crc32

import msgspec

from siglum.client.spool.records import Header
from siglum.client.spool.refused import SUFFIX as REFUSED
from siglum.core.errors import BusyError, FileFormatError, NotFoundError

SUFFIX: Final = ".spool"
COPIES: Final = ".files"
TARGET: Final = ".to"
"""Ends the name of a file beside a spool: the server that `sync --to` has begun to send it to."""

_MAGIC: Final = b"sigspl\x01\n"
_START: Final = 64
_MARKS: Final = struct.Struct("<QQI")
_FRAME: Final = struct.Struct("<II")
_FRAME_SIZE: Final = _FRAME.size
_pack_frame = _FRAME.pack
_FIRST_PIECE: Final = 64 * 1024
_LARGEST_PIECE: Final = 4 * 1024 * 1024
_BLOCK: Final = 256 * 1024
_LARGEST_RECORD: Final = 1 << 30


class Journal:
    """An open spool file. One thread at a time may append, and one at a time may read and mark."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.end = _START
        """Where the next record goes."""
        self.acked = _START
        """Up to where records have been taken by the store."""
        self.attempt = _START
        """Up to where the batch goes that is being sent, or was when the process ended."""
        self.damage: str | None = None
        self.header: Header
        self._fd = fd
        self._size = 0
        self._limit = 0
        self._base = 0
        self._window: mmap.mmap | None = None

    @classmethod
    def create(cls, folder: str, header: Header) -> Self:
        """Make a file and take its lock. Raises OSError."""
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, f"{_file_name(header.run_id)}-{header.spool_id[:12]}{SUFFIX}")
        made = cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        made.header = header
        try:
            fcntl.flock(made._fd, fcntl.LOCK_EX)
            made._grow(_START)
            os.pwrite(made._fd, _MAGIC, 0)
            made.append(msgspec.json.encode(header))
            made.mark(made.end, made.end)
        except BaseException:
            made.remove()
            raise
        return made

    @classmethod
    def take_over(cls, path: str, *, look: bool = False) -> Self:
        """Open what a process left behind, and take its lock; with `look`, only read what is there.

        Raises:
            BusyError: The process lives.
            NotFoundError: It has been sent meanwhile.
            FileFormatError: It is not a spool, or nothing of it can be read.
        """
        try:
            found = cls(path, os.open(path, os.O_RDONLY if look else os.O_RDWR))
        except FileNotFoundError:
            raise NotFoundError(f"There is no spool {path}.") from None
        try:
            if not look:
                found._lock()
            found._read_start()
            found._find_end()
        except BaseException:
            found.close()
            raise
        return found

    @property
    def copies(self) -> str:
        """The folder of the files that records name."""
        return self.path.removesuffix(SUFFIX) + COPIES

    @property
    def refused(self) -> str:
        """The note of what the store did not take. It stays when the journal goes."""
        return self.path.removesuffix(SUFFIX) + REFUSED

    def append(self, content: bytes) -> None:
        """Add a record. Raises OSError when there is no room for it; the file is as it was then."""
        start = self.end
        end = start + _FRAME_SIZE + len(content)
        if end > self._limit:
            self._grow(end)
        at = start - self._base
        self._window[at : at + end - start] = _pack_frame(len(content), crc32(content)) + content  # type: ignore[index]
        self.end = end

    def read(self, start: int, stop: int, most: int) -> list[tuple[bytes, int]]:
        """Return up to `most` records from `start` to `stop`, each with where it ends; those that are damaged not."""
        found: list[tuple[bytes, int]] = []
        while start < stop and len(found) < most:
            block = os.pread(self._fd, min(_BLOCK, stop - start), start)
            at = 0
            while at + _FRAME_SIZE <= len(block) and len(found) < most:
                length, checksum = _FRAME.unpack_from(block, at)
                content = block[at + _FRAME_SIZE : at + _FRAME_SIZE + length]
                if len(content) < length:
                    break
                at += _FRAME_SIZE + length
                if crc32(content) == checksum:
                    found.append((content, start + at))
            if at == 0:  # one record larger than a block
                length, checksum = _FRAME.unpack_from(block)
                content = os.pread(self._fd, length, start + _FRAME_SIZE)
                at = _FRAME_SIZE + length
                if crc32(content) == checksum:
                    found.append((content, start + at))
            start += at
        return found

    def mark(self, acked: int, attempt: int) -> None:
        """Note up to where records were sent, and up to where they are being sent."""
        self.acked, self.attempt = acked, attempt
        marks = struct.pack("<QQ", acked, attempt)
        with contextlib.suppress(OSError):  # a batch is sent again then, which does no harm
            os.pwrite(self._fd, marks + struct.pack("<I", crc32(marks)), len(_MAGIC))

    def first(self) -> int:
        """Return where the records behind the header begin."""
        return self.read(_START, self.end, 1)[0][1]

    def close(self) -> None:
        """Let go of the file, which stays. In a forked child: so that the lock ends with the parent."""
        if self._window is not None:
            self._window.close()  # it has a descriptor of its own
            self._window = None
        self._limit = 0
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def remove(self) -> None:
        """Take the file away, with the files that it names. The lock goes last."""
        for path in (self.path, self.path + TARGET):
            with contextlib.suppress(OSError):
                os.unlink(path)
        if os.path.isdir(self.copies):
            import shutil  # seldom: most runs have none

            shutil.rmtree(self.copies, ignore_errors=True)
        self.close()

    def _grow(self, needed: int) -> None:
        piece = max(_FIRST_PIECE, min(self._size, _LARGEST_PIECE))
        size = -(-(needed + _FRAME_SIZE) // piece) * piece  # a frame of zeros is always behind the last record
        if size > self._size:
            os.posix_fallocate(self._fd, self._size, size - self._size)
        base = self.end // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        window = mmap.mmap(self._fd, size - base, offset=base)
        if self._window is not None:
            self._window.close()
        self._window, self._base, self._size, self._limit = window, base, size, size

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"{self.path} belongs to a process that runs.") from None
        if os.fstat(self._fd).st_nlink == 0:
            raise NotFoundError(f"There is no spool {self.path}.")

    def _read_start(self) -> None:
        self._size = os.fstat(self._fd).st_size
        start = os.pread(self._fd, _START, 0)
        if not start.startswith(_MAGIC) or len(start) < _START:
            raise FileFormatError(self.path, "it is not a spool.")
        records = self.read(_START, min(self._size, _START + _BLOCK), 1)
        try:
            self.header = msgspec.json.decode(records[0][0], type=Header)
        except (IndexError, msgspec.MsgspecError, struct.error):
            raise FileFormatError(self.path, "its first record, which names the run, is damaged.") from None
        marks = start[len(_MAGIC) :]
        acked, attempt, checksum = _MARKS.unpack_from(marks)
        first = records[0][1]
        if crc32(marks[:16]) != checksum or not first <= acked <= attempt <= self._size:
            acked = attempt = first  # all is sent again, which does no harm
        self.acked, self.attempt = acked, attempt

    def _find_end(self) -> None:
        """Find where whole records end, and whether something is wrong before or behind that."""
        at, bad = _START, 0
        while True:
            if at + _FRAME_SIZE > self._size:
                self.damage = "it was cut short"
                break
            length, checksum = _FRAME.unpack(os.pread(self._fd, _FRAME_SIZE, at))
            if length == 0 and checksum == 0:
                break
            behind = at + _FRAME_SIZE + length
            if behind > self._size or length > _LARGEST_RECORD:
                self.damage = "it was cut short"
                break
            if crc32(os.pread(self._fd, length, at + _FRAME_SIZE)) != checksum:
                if not self._is_frame(behind):
                    self.damage = "its end is damaged"
                    break
                bad += 1
            at = behind
        self.end = at
        if bad:
            self.damage = f"{bad} of its records {'is' if bad == 1 else 'are'} damaged"
        self.acked = min(self.acked, at)
        self.attempt = min(self.attempt, at)

    def _is_frame(self, at: int) -> bool:
        if at + _FRAME_SIZE > self._size:
            return at == self._size
        length, checksum = _FRAME.unpack(os.pread(self._fd, _FRAME_SIZE, at))
        content = os.pread(self._fd, min(length, _LARGEST_RECORD), at + _FRAME_SIZE)
        return 0 < length == len(content) and bool(crc32(content) == checksum)


def _file_name(run_id: str) -> str:
    """Return what stands for a run in names of files: its id, unless a user made one up that is none."""
    return run_id if run_id.isalnum() and len(run_id) <= 64 else hashlib.sha256(run_id.encode()).hexdigest()[:32]
