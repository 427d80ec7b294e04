"""What a store has refused for good and nobody has been told of yet, by run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from siglum.client.spool.records import Point, Record
from siglum.core.errors import SiglumError
from siglum.core.text import count

WHERE: Final = "'siglum spool list' shows what was refused."

_log = logging.getLogger("siglum")


class _Lost:
    """What was refused of a run, and why the first of it."""

    def __init__(self, error: SiglumError) -> None:
        self.error = error
        self.records = 0
        self.points = 0

    def describe(self, run_id: str, others: str = "") -> str:
        noun = "metric point" if self.points == self.records else "record"
        return f"{count(self.records, noun)} of run {run_id}{others} could not be stored: {self.error.message}"


class Losses:
    """Refusals of a process. May be used from any thread."""

    def __init__(self) -> None:
        self._untold: dict[str, _Lost] = {}
        self._warned: set[str] = set()

    def add(self, run_id: str, records: Sequence[Record], error: SiglumError) -> None:
        """Take note of records that were refused."""
        lost = self._untold.setdefault(run_id, _Lost(error))
        lost.records += len(records)
        lost.points += sum(isinstance(record, Point) for record in records)

    def forget(self, run_id: str) -> None:
        """Leave what was refused of a run unsaid."""
        self._untold.pop(run_id, None)

    def warn(self) -> None:
        """Say, once for each run, that something was refused: in the middle of a training, which goes on."""
        for run_id, lost in list(self._untold.items()):
            if run_id not in self._warned:
                self._warned.add(run_id)
                _log.warning("%s %s", lost.describe(run_id), WHERE)

    def raise_first(self, run_id: str | None, *, unsaid: bool = False) -> None:
        """Raise what was refused of a run, or of any when None; once. With `unsaid`, not what was said by `warn`."""
        chosen = list(self._untold) if run_id is None else [run_id]
        lost = {each: found for each in chosen if (found := self._untold.pop(each, None)) is not None}
        if unsaid:
            lost = {each: found for each, found in lost.items() if each not in self._warned}
        if not lost:
            return
        first, what = next(iter(lost.items()))
        others = f" (and of {count(len(lost) - 1, 'other run')})" if len(lost) > 1 else ""
        raise _same_kind(what.error, what.describe(first, others)) from what.error


def _same_kind(error: SiglumError, message: str) -> SiglumError:
    """Return an error of the same class as `error`, with its hint and another message."""
    made = error.__class__.__new__(error.__class__)
    SiglumError.__init__(made, message, hint=error.hint)
    return made
