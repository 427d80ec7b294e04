"""The lock of a cache that several repositories may share: whoever uses it holds it together, who collects, alone.

A kernel lock on the cache's folder itself: nothing is written, nothing stale is left. The lock of each repository
(`workspace.locking`), which DVC takes too, comes first.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator

from siglum.core.errors import BusyError

_TRIES_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
# Network file systems that have no such locks on folders.
_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


@contextlib.contextmanager
def cache_lock(folder: str, *, alone: bool = False) -> Iterator[None]:
    """Hold a cache's lock in a block; nothing to hold where there is no cache yet. Raises BusyError after 3 seconds."""
    handle = None
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if handle is None:
        yield
        return
    try:
        _take(handle, folder, alone)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: str, alone: bool) -> None:
    for pause in (*_TRIES_SECONDS, None):
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            if pause is None:
                user = "another command, maybe of another repository" if alone else "a garbage collection"
                raise BusyError(
                    f"The cache {folder} is in use by {user}.", hint="Wait until it ends, then try again."
                ) from None
            time.sleep(pause)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return
        else:
            return
