"""One command at a time on a repository: the kernel's lock on `.dvc/tmp/lock`, which DVC takes too.

A kernel lock ends with its process, so nothing stale is ever left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from siglum.core.errors import BusyError

_TRIES_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)


@contextlib.contextmanager
def repository_lock(path: str, tries: tuple[float, ...] = _TRIES_SECONDS) -> Iterator[None]:
    """Hold the lock in a block. Raises BusyError, naming the holder, when another keeps it for three seconds."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        for pause in (*tries, None):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if pause is None:
                    raise _busy(path) from None
                time.sleep(pause)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f" {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)  # gives the lock back


def _busy(path: str) -> BusyError:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            pid = file.read().strip()
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            command = " ".join(file.read().split("\0")).strip()
        holder = f"process {pid} ({command})"
    except OSError:
        holder = "another process"
    return BusyError(f"The repository is in use by {holder}.", hint="Wait until it ends, then try again.")
