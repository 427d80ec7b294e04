"""One run's records on their way: appended by any thread, read by the one that sends.

They are in a journal on disk. Where that cannot be, because the disk is full or may not be written to, they wait in
memory; that is said once, and the training goes on.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from siglum.client.spool import reasons, refused
from siglum.client.spool.disk import DiskFlush
from siglum.client.spool.frames import Found
from siglum.client.spool.journal import Journal
from siglum.client.spool.memory import MemoryRecords
from siglum.client.spool.notes import SpoolNotes
from siglum.client.spool.records import Header, Record
from siglum.client.spool.selection import Unread
from siglum.core.errors import SiglumError

RENEWED_BYTES: Final = 32 * 1024 * 1024
"""A journal of this size is replaced by an empty one when all of it has been sent."""

_log = logging.getLogger("siglum")


class RunSpool:
    """The records of one run in this process.

    `append` takes no lock that another run's calls take. A signal handler that appends in the middle of an append does
    not wait for it: its record goes behind.
    """

    def __init__(self, folder: str, header: Header, *, each: bool = False, offline: bool = False) -> None:
        self.run_id = header.run_id
        self.each = each
        """Whether each call waits for the store."""
        self.ended = False
        """Whether the run has ended here: nothing more is expected."""
        self.closed = False
        self.params: dict[str, str] = {}
        """The parameters that this process knows the run to have."""
        self._problem: SiglumError | None = None
        self._notes = SpoolNotes(header.run_id)
        self.sending = threading.Lock()
        """Held by who reads, sends and marks."""
        self._folder = folder
        self._header = header
        self._lock = threading.RLock()
        self._inside = False
        self._behind: deque[bytes] = deque()
        self._memory = MemoryRecords()
        self._journal: Journal | None = None
        self._disk = DiskFlush()
        try:
            self._journal = Journal.create(folder, header)
        except OSError as error:
            self._go_to_memory(error)
        if offline and self._journal is not None:
            reasons.note(self._journal.why, reasons.OFFLINE)

    # -- writing ---------------------------------------------------------------------------------------------
    def append(self, contents: Sequence[bytes]) -> bool:
        """Take records; False when this spool was closed meanwhile, and another one is to be opened."""
        with self._lock:
            if self.closed:
                return False
            if self._inside:
                self._behind.extend(contents)
                return True
            self._inside = True
            try:
                for content in contents:
                    self._add(content)
                self._catch_up()
            finally:
                self._inside = False
        return True

    def _catch_up(self) -> None:
        while self._behind:
            self._add(self._behind.popleft())

    def _add(self, content: bytes) -> None:
        journal = self._journal
        if journal is not None and not self._memory.began:
            try:
                journal.append(content)
            except OSError as error:
                self._go_to_memory(error)
            else:
                return
        self._memory.append(content)

    def _go_to_memory(self, error: OSError) -> None:
        journal = self._journal
        self._memory = MemoryRecords(1 if journal is None else journal.end)
        _log.warning(
            "Run %s is not spooled any more (%s: %s): what it logs waits in memory until it is sent.",
            self.run_id, self._folder, error.strerror or error,
        )  # fmt: skip

    # -- sending: under `sending` ----------------------------------------------------------------------------
    @property
    def spool_id(self) -> str:
        """What idempotency keys begin with."""
        return self._header.spool_id

    @property
    def copies(self) -> str:
        """The folder of files that records name; none when there is no journal."""
        return self._journal.copies if self._journal is not None else ""

    @property
    def acked(self) -> int:
        """Up to where records have been taken by the store."""
        journal = self._unsent_journal()
        return (journal or self._memory).acked

    @property
    def attempt(self) -> int:
        """Up to where the batch goes that is being sent."""
        journal = self._unsent_journal()
        return (journal or self._memory).attempt

    def _unsent_journal(self) -> Journal | None:
        """Return the journal as long as records wait in it; None when those in memory are next."""
        journal = self._journal
        return None if journal is None or (self._memory.began and journal.acked >= journal.end) else journal

    def peek(self, most: int) -> Found:
        """Return the next records that were not sent, each with its place."""
        journal = self._unsent_journal()
        if journal is None:
            return self._memory.peek(most)
        return journal.read(journal.acked, journal.attempt if journal.attempt > journal.acked else journal.end, most)

    def mark(self, acked: int, attempt: int) -> None:
        """Note up to where records were sent, and up to where they are being sent."""
        (self._unsent_journal() or self._memory).mark(acked, attempt)

    @property
    def problem(self) -> SiglumError | None:
        """Why what waits was not taken when it was last sent; it is noted beside the journal, too."""
        return self._problem

    @problem.setter
    def problem(self, error: SiglumError | None) -> None:
        self._problem = error
        if (journal := self._journal) is not None:
            self._notes.put_down_problem(journal, error)

    def set_aside(self, place: Unread) -> None:
        """Keep what cannot be read beside the spool, and say so."""
        if (journal := self._journal) is not None:
            self._notes.set_aside(journal, place)

    def refuse(self, records: Sequence[Record], end: int, error: SiglumError) -> None:
        """Note beside the spool that the store has refused records for good."""
        if (journal := self._journal) is not None:
            refused.note(journal.refused, self._header, records, end, error, journal.copies)

    @property
    def is_untaken(self) -> bool:
        """Whether the store has taken nothing yet of a run that was not begun here."""
        return not self._header.owner and ((journal := self._journal) is None or journal.acked <= journal.first())

    @property
    def waits(self) -> bool:
        """Whether there are records that the store has not taken."""
        journal = self._journal
        return (journal is not None and journal.acked < journal.end) or len(self._memory) > 0

    def count_waiting(self) -> int:
        """Return how many records the store has not taken."""
        return len(self._memory) + (self._journal.count_waiting() if self._journal is not None else 0)

    def flush_to_disk(self) -> None:
        """Have the disk keep what was appended."""
        if (journal := self._journal) is not None:
            self._disk.flush(journal)

    # -- the end ---------------------------------------------------------------------------------------------
    def tidy(self) -> bool:
        """When all has been sent, take the file of a run that has ended away, or begin a new one for a long run.

        Return whether the spool is closed.
        """
        with self._lock:
            if self.closed or self.waits or self._inside:
                return self.closed
            if self.ended:
                self.closed = True  # a signal handler that logs from here on finds another spool
                self.closed = not self.waits
                if self.closed:
                    self.remove()
            elif self._memory.began or (self._journal is not None and self._journal.end > RENEWED_BYTES):
                self._inside = True
                try:
                    if not self.waits:
                        self._renew()
                    self._catch_up()
                finally:
                    self._inside = False
            return self.closed

    def remove(self) -> None:
        """Take the file away, whatever is in it."""
        with self._lock:
            self.closed = True
            if self._journal is not None:
                self._journal.remove()
                self._journal = None

    def close(self) -> None:
        """Let go of the file; what waits is left for another process."""
        with self._lock:
            self.closed = True
            if self._journal is not None:
                self._journal.close()

    def forget(self) -> None:
        """In a forked child: let go of what is the parent's. Locks may be held by threads that the child has not."""
        self.closed = True
        if self._journal is not None:
            self._journal.close()

    def keep_copy(self, write: Callable[[str], None]) -> str:
        """Have a file written into the spool, and return its name there. Raises OSError when it cannot be."""
        if self._journal is None or self._memory.began:
            raise OSError("there is no spool on disk")
        return self._disk.keep_copy(self._journal, write)

    def _renew(self) -> None:
        header = msgspec.structs.replace(self._header, spool_id=uuid.uuid4().hex)
        try:
            made = Journal.create(self._folder, header)
        except OSError:
            return  # there is still no room
        if self._journal is not None:
            self._journal.remove()
        self._journal, self._header = made, header
        self._memory = MemoryRecords()
