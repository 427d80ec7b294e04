"""Having the disk keep what is in a spool, so that a power cut takes little. Takes its time: never in who logs."""

from __future__ import annotations

import contextlib
import os
from collections import deque

from siglum.client.spool.journal import Journal


class DiskFlush:
    """What of one run's spool the disk has. One thread flushes; any may add copies."""

    def __init__(self) -> None:
        self.copies: deque[str] = deque()
        """Files beside the journal that are new."""
        self._journal = ""
        self._end = 0

    def flush(self, journal: Journal) -> None:
        """Return when the disk has all that was appended before."""
        path, end = journal.path, journal.end
        if (path, end) == (self._journal, self._end):
            return
        while self.copies:
            _flush(self.copies.popleft())
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
