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
import mmap
import os
import struct
from typing import Final, Self
from zlib import crc32

import msgspec

from siglum.client.spool import frames
from siglum.client.spool.file_names import SUFFIX, file_name, header_from_name
from siglum.client.spool.frames import Found, packed
from siglum.client.spool.records import Header
from siglum.client.spool.refused import SUFFIX as REFUSED
from siglum.core.errors import BusyError, FileFormatError, NotFoundError

COPIES: Final = ".files"
WHY: Final = ".why"
"""Ends the name of a file beside a spool: why it waits."""
UNREADABLE: Final = ".unreadable"
"""Ends the name of a file beside a spool: what could not be read of it."""
UNFINISHED: Final = ".new"
"""Ends the name of a spool, behind `SUFFIX`, that holds nothing yet."""
TARGET: Final = ".to"
"""Ends the name of a file beside a spool: the server that `sync --to` has begun to send it to."""

_MAGIC: Final = b"sigspl\x01\n"
_START: Final = 64
_MARKS: Final = struct.Struct("<QQI")
_FIRST_PIECE: Final = 64 * 1024
_LARGEST_PIECE: Final = 4 * 1024 * 1024


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
        self.was_cut = False
        """Whether the end of the file is missing: nobody can tell what was behind."""
        self.header: Header
        self._fd = fd
        self._first = _START
        self._size = 0
        self._limit = 0
        self._base = 0
        self._window: mmap.mmap | None = None

    @classmethod
    def create(cls, folder: str, header: Header) -> Self:
        """Make a file and take its lock. It gets its name at last: a process may end meanwhile. Raises OSError."""
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, file_name(header))
        made = cls(path + UNFINISHED, os.open(path + UNFINISHED, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        made.header = header
        try:
            fcntl.flock(made._fd, fcntl.LOCK_EX)
            made._grow(_START)
            os.pwrite(made._fd, _MAGIC, 0)
            made.append(msgspec.json.encode(header))
            made._first = made.end
            made.mark(made.end, made.end)
            os.rename(made.path, path)
            made.path = path
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
            found._find_end(look)
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

    @property
    def unreadable(self) -> str:
        """Where what cannot be read of it is kept. It stays when the journal goes."""
        return self.path.removesuffix(SUFFIX) + UNREADABLE

    @property
    def why(self) -> str:
        """The note of why it waits."""
        return self.path.removesuffix(SUFFIX) + WHY

    def append(self, content: bytes) -> None:
        """Add a record. Raises OSError when there is no room for it; the file is as it was then."""
        start = self.end
        end = start + frames.SIZE + len(content)
        if end > self._limit:
            self._grow(end)
        at = start - self._base
        self._window[at : at + end - start] = packed(content)  # type: ignore[index]
        self.end = end

    def read(self, start: int, stop: int, most: int) -> Found:
        """Return up to `most` records from `start` to `stop`, each with where it ends; None for a damaged one."""
        return frames.read(self._fd, start, stop, most)

    def count_waiting(self) -> int:
        """Return how many records have not been taken by the store."""
        count, at = 0, self.acked
        while at < self.end and (some := self.read(at, self.end, 10_000)):
            at = some[-1][1]
            count += len(some)
        return count

    def bytes_at(self, start: int, stop: int) -> bytes:
        """Return a piece of the file as it is."""
        return os.pread(self._fd, stop - start, start)

    def mark(self, acked: int, attempt: int) -> None:
        """Note up to where records were sent, and up to where they are being sent."""
        self.acked, self.attempt = acked, attempt
        marks = struct.pack("<QQ", acked, attempt)
        with contextlib.suppress(OSError):  # a batch is sent again then, which does no harm
            os.pwrite(self._fd, marks + struct.pack("<I", crc32(marks)), len(_MAGIC))

    def first(self) -> int:
        """Return where the records behind the header begin."""
        return self._first

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
        for path in (self.path, self.path + TARGET, self.why):
            with contextlib.suppress(OSError):
                os.unlink(path)
        if os.path.exists(self.unreadable):  # its records may have named the files that are left
            with contextlib.suppress(OSError):
                os.replace(self.copies, self.unreadable + COPIES)
        if os.path.isdir(self.copies):
            import shutil  # seldom: most runs have none

            shutil.rmtree(self.copies, ignore_errors=True)
        self.close()

    def _grow(self, needed: int) -> None:
        piece = max(_FIRST_PIECE, min(self._size, _LARGEST_PIECE))
        size = -(-(needed + frames.SIZE) // piece) * piece  # a frame of zeros is always behind the last record
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
        status = os.fstat(self._fd)
        self._size = status.st_size
        start = os.pread(self._fd, _START, 0)
        frames_found = self.read(_START, self._size, 2)
        content, self._first = frames_found[0] if frames_found else (None, _START)
        known = _decoded(content)
        if known is None and not start.startswith(_MAGIC):
            raise FileFormatError(self.path, "it is not a spool.")
        if known is None and len(frames_found) > 1 and frames_found[1][0] is not None:
            known = header_from_name(self.path, status.st_mtime)
        if known is None:
            raise FileFormatError(self.path, "its first record, which names the run, is damaged.")
        self.header = known
        marks = start[len(_MAGIC) :]
        acked, attempt, checksum = _MARKS.unpack_from(marks)
        if crc32(marks[:16]) != checksum or not self._first <= acked <= attempt:
            acked = attempt = self._first  # all is sent again, which does no harm
        self.acked, self.attempt = acked, attempt

    def _find_end(self, look: bool) -> None:
        """Find where records end: also one that was not written to its end, unless its process may be at it."""
        whole, written = frames.find_ends(self._fd, self.first(), self._size)
        self.end = whole if look else written
        self.was_cut = self._size < self.end + frames.SIZE
        self.acked = min(self.acked, self.end)
        self.attempt = min(self.attempt, self.end)


def _decoded(content: bytes | None) -> Header | None:
    try:
        return msgspec.json.decode(content, type=Header) if content is not None else None
    except msgspec.MsgspecError:
        return None
