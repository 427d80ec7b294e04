"""What durable writing is made of: names for temporaries, whole writes, and flushes that say when they fail."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
from collections.abc import Iterator

from siglum.core.temporary_names import SUFFIX


def temporary_name() -> str:
    """Return a fresh file name of the form `.<22 url-safe characters>.tmp`, the one DVC uses, so both know litter."""
    return f".{_prefix}{next(_numbers):010x}{SUFFIX}"


class Temporaries:
    """Paths of so many temporaries in a folder, made up when they are asked for: most may never be."""

    def __init__(self, folder: str, count: int) -> None:
        self._stem = f"{folder}/.{secrets.token_urlsafe(9)}"
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return (self[number] for number in range(self._count))

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < self._count:
            raise IndexError(number)
        return f"{self._stem}{number:010x}{SUFFIX}"


def _new_prefix() -> None:
    global _prefix  # noqa: PLW0603  -- a process has one, and a forked one must have another
    _prefix = secrets.token_urlsafe(9)  # 12 characters, 72 bits


# Random once a process and counted from there: a random name for each of 20,000 files costs a tenth of a second.
_prefix = ""
_numbers = itertools.count()
_new_prefix()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_prefix)


def discard(path: str) -> None:
    """Remove a file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
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


def sync_file_system(fd: int) -> bool:
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
        if not sync_file_system(fd):
            os.sync()
    finally:
        os.close(fd)
