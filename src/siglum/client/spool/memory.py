"""Records that have no place on disk: it is full, or may not be written to. They wait here until they are sent."""

from __future__ import annotations

import itertools
from collections import deque

from siglum.client.spool.frames import Found


class MemoryRecords:
    """Records in order, with places behind those of the journal that they go on from.

    One thread at a time may append, and one at a time may read and mark.
    """

    def __init__(self, start: int = 0) -> None:
        """Go on from a place, from none when nothing has to be in memory so far."""
        self.acked = start
        """Up to where records have been taken by the store."""
        self.attempt = start
        """Up to where the batch goes that is being sent."""
        self._end = start
        self._records: deque[tuple[bytes, int]] = deque()

    def __len__(self) -> int:
        return len(self._records)

    @property
    def began(self) -> bool:
        """Whether records go here, and no more to a journal."""
        return self._end > 0

    def append(self, content: bytes) -> None:
        """Take a record."""
        self._end += len(content)
        self._records.append((content, self._end))

    def peek(self, most: int) -> Found:
        """Return the first records that were not sent, each with its place."""
        return [*itertools.islice(self._records, most)]

    def mark(self, acked: int, attempt: int) -> None:
        """Note up to where records were sent, and up to where they are being sent."""
        self.acked, self.attempt = acked, attempt
        while self._records and self._records[0][1] <= acked:
            self._records.popleft()
