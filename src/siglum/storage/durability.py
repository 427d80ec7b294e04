"""Making files durable and visible: many temporary files, one barrier, then renames.

A batch writes every file under a temporary name beside its final one, flushes the file system once, renames, and
flushes once more. A crash at any point leaves whole files under final names, or temporaries that `is_temporary` knows.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

TEMPORARY_SUFFIX = ".tmp"
_TOKEN_LENGTH = 22


def temporary_name() -> str:
    """Return a fresh file name of the form `.<22 url-safe characters>.tmp`, the one DVC uses, so both know litter."""
    return f".{_prefix}{next(_numbers):010x}{TEMPORARY_SUFFIX}"


def _new_prefix() -> None:
    global _prefix  # noqa: PLW0603  -- a process has one, and a forked one must have another
    _prefix = secrets.token_urlsafe(9)  # 12 characters, 72 bits


# Random once a process and counted from there: a random name for each of 20,000 files costs a tenth of a second.
_prefix = ""
_numbers = itertools.count()
_new_prefix()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_prefix)


def is_temporary(name: str) -> bool:
    """Whether a file name is that of an unfinished write, Siglum's or DVC's."""
    return name.startswith(".") and name.endswith(TEMPORARY_SUFFIX) and len(name) == _TOKEN_LENGTH + 5


def discard(path: str) -> None:
    """Remove a file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data`, however many calls that takes."""
    written = os.write(fd, data)
    while written < len(data):
        data = memoryview(data)[written:]
        written = os.write(fd, data)


def fsync_path(path: str) -> None:
    """Make a file's bytes, or the names in a folder, durable."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _syncfs(fd: int) -> bool:
    """Flush the file system that `fd` is on. Return False where the system cannot; raises OSError when it fails."""
    # Imported here: only writing needs it, and it would cost every `siglum status` some milliseconds.
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    function = getattr(libc, "syncfs", None)
    if function is None:
        return False
    if function(fd) == 0:
        return True
    number = ctypes.get_errno()
    if number == errno.ENOSYS:
        return False
    raise OSError(number, os.strerror(number))


def flush_file_system(folder: str) -> None:
    """Make all that was written to the file system of an existing folder durable. Raises OSError when that fails."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _syncfs(fd):
            os.sync()
    finally:
        os.close(fd)


class _FlushAhead:
    """A flush of the file system that `fd` is on, in a thread of its own."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="siglum flush", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            _syncfs(self._fd)
        except OSError as error:
            self._error = error

    def result(self) -> None:
        """Wait for its end; raise the OSError that it failed with."""
        self._thread.join()
        if self._error is not None:
            raise self._error


class DurableBatch:
    """Files on one file system that become durable and visible together.

    Several threads may add to it at once. `commit` returns only when everything is durable under its final name.
    Leaving the `with` block without it, by an exception or not, removes the temporaries; then nothing is visible.
    """

    def __init__(self, root: str) -> None:
        os.makedirs(root, exist_ok=True)
        self._root = root
        # Opened before the first write: the kernel then reports a failed write-back to this descriptor's syncfs.
        self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._staged: dict[str, str] = {}  # final path -> temporary path
        self._loose: set[str] = set()  # temporaries without a final path yet
        self._ahead: _FlushAhead | None = None
        self.renamed_at_ns = 0
        """When `commit` began to give the files their names."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._staged)

    def __contains__(self, final: str) -> bool:
        return final in self._staged

    def temporary_for(self, folder: str) -> str:
        """Return the path of a new temporary in `folder`, for the caller to create; removed unless `stage`d."""
        path = f"{folder}/{temporary_name()}"
        self._loose.add(path)
        return path

    def temporaries_for(self, folder: str, count: int) -> list[str]:
        """Do as `temporary_for`, `count` times."""
        paths = [f"{folder}/{temporary_name()}" for _ in range(count)]
        self._loose.update(paths)
        return paths

    def release(self, temporaries: Iterable[str]) -> None:
        """Forget temporaries that were never created."""
        self._loose.difference_update(temporaries)

    def stage(self, temporary: str, final: str) -> None:
        """Have `commit` rename `temporary`, written and closed, to `final`. The first one for a name wins."""
        if self._staged.setdefault(final, temporary) != temporary:
            self.drop(temporary)
        else:
            self._loose.discard(temporary)

    def drop(self, temporary: str) -> None:
        """Remove a temporary that turned out not to be needed, or to be wrong."""
        discard(temporary)
        self._loose.discard(temporary)

    def flush_ahead(self) -> None:
        """Begin to flush what was written so far. `commit` flushes the rest, and raises what this one failed with."""
        self.await_flush()
        self._ahead = _FlushAhead(self._fd)

    def await_flush(self) -> None:
        """Wait for the flush that was begun ahead, if one was. Raises OSError when it failed."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.result()

    def commit(self) -> None:
        """Flush, rename all in the order of staging, flush. Raises OSError when any of it fails."""
        self.await_flush()
        if not self._staged:
            return
        self._flush(self._staged.values())
        folders = {os.path.dirname(final) for final in self._staged}
        self.renamed_at_ns = time.time_ns()
        for final, temporary in self._staged.items():
            os.rename(temporary, final)
        self._staged.clear()
        self._flush((*folders, self._root))

    def _flush(self, paths: Iterable[str]) -> None:
        if not _syncfs(self._fd):
            for path in paths:
                fsync_path(path)

    def close(self) -> None:
        """Remove what was not committed. May be called again."""
        with contextlib.suppress(OSError):  # what had to be durable was committed, and that said so
            self.await_flush()
        for temporary in (*self._staged.values(), *self._loose):
            with contextlib.suppress(OSError):
                discard(temporary)
        self._staged.clear()
        self._loose.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
