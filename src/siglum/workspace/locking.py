"""One command at a time on a repository: the kernel's lock on `.dvc/tmp/lock`, which DVC takes too.

A kernel lock ends with its process, so nothing stale is ever left behind. Those who only read the repository's files
take no lock; those who only read data that may be collected hold it together, as readers.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import Final

from siglum.core.errors import BusyError
from siglum.core.notices import notify

FOREVER: Final = float("inf")
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.01, 0.25
# Whoever is done in that time need not be mentioned.
_SILENT_SECONDS = 0.5


@contextlib.contextmanager
def repository_lock(path: str, *, shared: bool = False, patience: float = FOREVER) -> Iterator[None]:
    """Hold the lock in a block, together with others who asked for it `shared`, else alone.

    Waits while another keeps it, and says for whom (`core.notices`); raises BusyError, naming the holder, when that
    takes more than `patience` seconds.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(handle, path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, patience)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f" {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)  # gives the lock back


def _take(handle: int, path: str, kind: int, patience: float) -> None:
    started = time.monotonic()
    pause = _FIRST_PAUSE_SECONDS
    said = ""
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - started
        else:
            return
        if waited >= patience:
            raise BusyError(f"The repository is in use by {_holder(path)}.", hint="Wait until it ends, then try again.")
        if waited >= _SILENT_SECONDS and _holder(path) != said:
            said = _holder(path)
            notify(f"Waiting for {said}, which is using the repository.")
        time.sleep(min(pause, max(patience - waited, 0.0)))
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _holder(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            command = " ".join(file.read().split("\0")).strip()
    except (OSError, ValueError):  # gone meanwhile, or about to write its number
        return "another process"
    return f"process {pid} ({command})"
