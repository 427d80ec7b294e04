"""A kernel lock that is waited for: what one process does while all others wait. It ends with the process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import Final

from siglum.core.errors import BusyError

PATIENCE_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.005


@contextlib.contextmanager
def exclusive(lock_file: str, what: str) -> Iterator[None]:
    """Hold a lock on a file, which is made when it is not there. Raises BusyError after half a minute."""
    descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BusyError(f"{what}: another process keeps it locked ({lock_file}).") from None
                time.sleep(_PAUSE_SECONDS)
        try:
            yield
        finally:
            # Not left to the closing: a child that was forked meanwhile has the descriptor, too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
