"""What earlier commands left behind: records that their store did not take, and runs whose process was killed.

The next command that opens the store sends the ones and ends the others.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import msgspec

from siglum.core.addresses import shown_url
from siglum.core.clock import now_ms
from siglum.core.errors import SiglumError
from siglum.core.text import count
from siglum.lineage.running import end_killed, has_left_behind
from siglum.lineage.trace import RecordSource
from siglum.lineage.unsent import has_unsent, send_unsent

SENDING_SECONDS = 5.0
"""How long earlier records are sent at most, before what is left waits for the next command."""
ANSWER_SECONDS = 0.5
"""How long a command that has nothing else to do with the store waits for it to answer."""


class Place(msgspec.Struct, frozen=True):
    """A store, by its URI in the one absolute form, and the repository's private folder for what concerns it."""

    uri: str
    folder: str

    @property
    def written(self) -> str:
        """The URI as it is written down: it tells stores apart, and holds no password."""
        return shown_url(self.uri)

    @property
    def is_server(self) -> bool:
        """Whether it is reached over the network."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def unsent(self) -> str:
        """The folder of what waits to be sent."""
        return os.path.join(self.folder, "unsent")

    @property
    def underway(self) -> str:
        """The folder of notes of what is under way."""
        return os.path.join(self.folder, "underway")


def place_of(tmp_dir: str, uri: str) -> Place:
    """Return the place of a store in a repository, whose `.dvc/tmp` is `tmp_dir`."""
    return Place(uri, os.path.join(tmp_dir, "siglum", "runs"))


class EarlierRecords:
    """Sends and ends what was left behind, once; says in a few words what came of it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sent = 0
        self._killed = 0
        self.problem: str | None = None
        self.was_abandoned = False
        """Whether a thread may still be at work: the store must not be closed then."""

    def send(self, source: RecordSource | None) -> tuple[()]:
        """Do it. A store that does not answer is noted in `problem`, and leaves all as it is."""
        if source is None or not something_waits(self._place):
            return ()
        sent = send_unsent(self._place.unsent, self._place.written, source, seconds=SENDING_SECONDS)
        self._sent, self.problem = sent.taken, sent.problem
        if self.problem is None:
            try:
                self._killed = len(end_killed(self._place.underway, self._place.written, source, now_ms()))
            except SiglumError as error:
                self.problem = error.message
        return ()

    @property
    def summary(self) -> str | None:
        """One line on what was done; None for nothing."""
        done = []
        if self._sent:
            done.append(f"sent the records of {count(self._sent, 'earlier repro')}")
        if self._killed:
            done.append(f"marked {count(self._killed, 'run')} of a repro that was killed")
        text = " and ".join(done)
        return f"{text[0].upper()}{text[1:]}." if text else None


def something_waits(place: Place) -> bool:
    """Whether an earlier command left anything behind. Costs two looks at folders."""
    return has_unsent(place.unsent) or has_left_behind(place.underway)


def send_earlier(place: Place, open_source: Callable[[], RecordSource]) -> EarlierRecords:
    """Send what was left behind, unless the store does not answer at once. Returns without having waited long."""
    records = EarlierRecords(place)
    answered, ended = threading.Event(), threading.Event()

    def work() -> None:
        try:
            source = open_source()
            source.tracking.search_experiments(max_results=1)
            answered.set()
            records.send(source)
        except SiglumError as error:
            records.problem = error.message
        finally:
            ended.set()
            answered.set()

    threading.Thread(target=work, name="siglum earlier records", daemon=True).start()
    if not answered.wait(ANSWER_SECONDS) or not ended.wait(2 * SENDING_SECONDS):
        unfinished = EarlierRecords(place)
        unfinished.problem, unfinished.was_abandoned = "the store did not answer in time", True
        return unfinished
    return records
