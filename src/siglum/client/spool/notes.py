"""What is put down beside one run's journal while its process lives: why it waits, and what could not be sent."""

from __future__ import annotations

import logging
import os
import time
from typing import Final

from siglum.client.spool import reasons, unreadable
from siglum.client.spool.journal import Journal
from siglum.client.spool.selection import Unread
from siglum.core.errors import SiglumError

_NOTED_SECONDS: Final = 5.0
"""How often it is noted that a spool waits for the same reason as before."""

_log = logging.getLogger("siglum")


class SpoolNotes:
    """The notes of one run. Used by who sends."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._noted: tuple[str, float] | None = None

    def put_down_problem(self, journal: Journal, error: SiglumError | None) -> None:
        """Note why records wait; None when they do not, or not for a reason that is known."""
        if error is None:
            if self._noted is not None:
                reasons.forget(journal.why)
            self._noted = None
        elif self._noted is None or self._noted[0] != error.message or time.monotonic() > self._noted[1]:
            reasons.note(journal.why, reasons.why_of(error))
            self._noted = error.message, time.monotonic() + _NOTED_SECONDS
            if not os.path.exists(journal.path):  # given up meanwhile
                reasons.forget(journal.why)

    def set_aside(self, journal: Journal, place: Unread) -> None:
        """Keep what cannot be read of a journal, and say so."""
        try:
            piece = unreadable.set_aside(journal, place)
        except OSError as error:
            _log.error("What run %s logged is lost in part: %s.", self._run_id, error.strerror or error)
            return
        if piece is not None:
            _log.warning(
                "%s of what run %s logged cannot be read (%s), and may be missing; kept in %s.",
                piece.what,
                self._run_id,
                piece.reason,
                journal.unreadable,
            )
