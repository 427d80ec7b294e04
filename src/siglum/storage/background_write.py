"""Writing a large file while the next block is hashed, past the page cache where the file system can.

The bytes have to reach the disk before the file counts. Written directly (O_DIRECT), they go there while more is
hashed; through the page cache, the kernel writes them when it likes, at a third of the speed here, and drops what
others may need again. Where it has to be the page cache, the disk is told early to begin.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import mmap
import os
import queue
import sys
import threading
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Self

from siglum.storage.durability import write_all

BLOCK = 8 << 20
_BLOCKS_WAITING = 3
_O_DIRECT: int = getattr(os, "O_DIRECT", 0)
# After so much the disk is told to begin: the flush at the end then has little left to do.
_START_WRITING = 32 << 20
_SYNC_FILE_RANGE_WRITE = 2  # see the manual page of sync_file_range


class BackgroundWriter:
    """Writes blocks to a descriptor in their order, in a thread of its own.

    With `direct`, past the page cache: then blocks are whole pages of memory, of which the last may be filled in part.

    Leaving the `with` block waits until all is written, and raises the OSError that a write ended with; `write` may
    raise it earlier. The caller closes the descriptor.
    """

    def __init__(self, fd: int, *, direct: bool = False) -> None:
        self._fd = fd
        self._direct = direct and _go_past_cache(fd)
        self._blocks: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._free = threading.Semaphore(_BLOCKS_WAITING)
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="siglum-write", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._blocks.put(None)
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def write(self, block: memoryview) -> None:
        """Have a block written. It must not be changed afterwards."""
        self._free.acquire()
        if self._error is not None:
            raise self._error
        self._blocks.put(block)

    def _run(self) -> None:
        begun = written = 0
        while (block := self._blocks.get()) is not None:
            try:
                if self._error is None:
                    self._write(block)
                    written += len(block)
                    if not self._direct and written - begun >= _START_WRITING:
                        _begin_writing(self._fd, begun, written - begun)
                        begun = written
            except OSError as error:
                self._error = error
            finally:
                self._free.release()

    def _write(self, block: memoryview) -> None:
        while self._direct and block:
            if len(block) % mmap.PAGESIZE:
                self._use_cache()
                break
            try:
                block = block[os.write(self._fd, block) :]
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._use_cache()  # whole pages are not what this disk wants
        if block:
            write_all(self._fd, block)

    def _use_cache(self) -> None:
        self._direct = False
        fcntl.fcntl(self._fd, fcntl.F_SETFL, fcntl.fcntl(self._fd, fcntl.F_GETFL) & ~_O_DIRECT)


def _go_past_cache(fd: int) -> bool:
    """Have writes to a descriptor go past the page cache; return whether they do."""
    if not _O_DIRECT:
        return False
    with contextlib.suppress(OSError):  # what file systems say that have nothing else than memory
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | _O_DIRECT)
        return True
    return False


def _begin_writing(fd: int, start: int, size: int) -> None:
    function = _sync_file_range()
    if function is not None:
        function(fd, start, size, _SYNC_FILE_RANGE_WRITE)  # a hint: the flush at the end tells what failed


@cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    if sys.platform != "linux":
        return None
    # Imported here: only writing large files needs it.
    import ctypes

    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is None:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)

    def call(fd: int, start: int, size: int, flags: int) -> int:
        return int(function(fd, start, size, flags))

    return call


def hash_and_write(source: int, hasher: Callable[[memoryview], object], target: int) -> int:
    """Feed all that `source` yields to `hasher` and write it to `target`; return the number of bytes."""
    total = 0
    # Besides those that wait, one is being written and one is being filled. Pages of their own, which `direct` needs.
    blocks = itertools.cycle([mmap.mmap(-1, BLOCK) for _ in range(_BLOCKS_WAITING + 2)])
    with BackgroundWriter(target, direct=True) as writer:
        for block in blocks:
            n = os.readv(source, [block])
            if not n:
                break
            view = memoryview(block)[:n]
            writer.write(view)
            hasher(view)
            total += n
    return total
