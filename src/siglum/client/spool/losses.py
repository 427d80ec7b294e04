"""What a store has refused for good, by run: raised by the next flush, and said once to who flushes nothing.

the thread              warns of the first refusal of a run, and the training goes on
flush, calls that wait  raise all since the last flush
end_run, the exit       warn of what nobody has been told of by then
"""

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

    def add(self, records: Sequence[Record]) -> None:
        self.records += len(records)
        self.points += sum(isinstance(record, Point) for record in records)

    def describe(self, run_id: str, others: str = "") -> str:
        noun = "metric point" if self.points == self.records else "record"
        return f"{count(self.records, noun)} of run {run_id}{others} could not be stored: {self.error.message}"


class Losses:
    """Refusals of a process. May be used from any thread."""

    def __init__(self) -> None:
        self._unraised: dict[str, _Lost] = {}
        self._unsaid: dict[str, _Lost] = {}
        self._warned: set[str] = set()

    def add(self, run_id: str, records: Sequence[Record], error: SiglumError) -> None:
        """Take note of records that were refused."""
        for lost in (self._unraised, self._unsaid):
            lost.setdefault(run_id, _Lost(error)).add(records)

    def forget(self, run_id: str) -> None:
        """Leave what was refused of a run unsaid."""
        self._unraised.pop(run_id, None)
        self._unsaid.pop(run_id, None)

    def warn(self) -> None:
        """Say, once for each run, that something was refused: in the middle of a training, which goes on."""
        for run_id in list(self._unsaid):
            if run_id not in self._warned:
                self._warned.add(run_id)
                self.say(run_id)

    def say(self, run_id: str | None = None) -> None:
        """Say what nobody has been told of a run, or of all when None; a later flush raises it all the same."""
        for each in list(self._unsaid) if run_id is None else [run_id]:
            if (lost := self._unsaid.pop(each, None)) is not None:
                _log.warning("%s %s", lost.describe(each), WHERE)

    def raise_all(self, run_id: str | None) -> None:
        """Raise what was refused of a run since this was last done, or of all runs when None: one error, once."""
        chosen = list(self._unraised) if run_id is None else [run_id]
        lost = {each: found for each in chosen if (found := self._unraised.pop(each, None)) is not None}
        for each in lost:
            self._unsaid.pop(each, None)
        if not lost:
            return
        first, what = next(iter(lost.items()))
        others = f" (and {_others(list(lost.values())[1:])})" if len(lost) > 1 else ""
        raise _same_kind(what.error, what.describe(first, others)) from what.error


def _others(lost: Sequence[_Lost]) -> str:
    return f"{count(sum(each.records for each in lost), 'record')} of {count(len(lost), 'other run')}"


def _same_kind(error: SiglumError, message: str) -> SiglumError:
    """Return an error of the same class as `error`, with its hint and another message."""
    made = error.__class__.__new__(error.__class__)
    SiglumError.__init__(made, message, hint=error.hint or f"{WHERE[0].upper()}{WHERE[1:]}")
    return made
