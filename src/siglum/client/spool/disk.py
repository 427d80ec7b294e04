"""Having the disk keep what is in a spool, so that a power cut takes little. Takes its time: never in who logs."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections import deque
from collections.abc import Callable

from siglum.client.spool.journal import Journal


class DiskFlush:
    """What of one run's spool the disk has. One thread flushes; any may add copies."""

    def __init__(self) -> None:
        self._copies: deque[str] = deque()
        """Files beside the journal that are new."""
        self._journal = ""
        self._end = 0

    def keep_copy(self, journal: Journal, write: Callable[[str], None]) -> str:
        """Have a file written beside a journal, and return its name there. Raises OSError when it cannot be."""
        os.makedirs(journal.copies, mode=0o700, exist_ok=True)
        name = uuid.uuid4().hex
        path = os.path.join(journal.copies, name)
        try:
            write(path)
        except BaseException:
            if os.path.exists(path):
                os.unlink(path)
            raise
        self._copies.append(path)
        return name

    def flush(self, journal: Journal) -> None:
        """Return when the disk has all that was appended before."""
        path, end = journal.path, journal.end
        if (path, end) == (self._journal, self._end):
            return
        while self._copies:
            _flush(self._copies.popleft())
        if path != self._journal:
            _flush(os.path.dirname(path))  # where its name is
        _flush(path)
        self._journal, self._end = path, end


def _flush(path: str) -> None:
    """Have the disk keep a file or a folder; one that has gone meanwhile, or cannot be flushed, is passed over."""
    with contextlib.suppress(OSError):
        # Opened anew: a copy of the journal's own descriptor would carry its lock into a child that is forked now.
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
