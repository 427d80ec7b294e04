"""Sending the spools of processes that have gone. Those of processes that live are left alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from siglum.client.spool import reasons, refused, unreadable
from siglum.client.spool.delivery import Delivery
from siglum.client.spool.frames import Found
from siglum.client.spool.inventory import spool_paths, survey
from siglum.client.spool.journal import TARGET, Journal
from siglum.client.spool.places import OFFLINE_URL
from siglum.client.spool.records import Header, Record
from siglum.client.spool.selection import Unread
from siglum.core.errors import BusyError, ConflictError, InvalidInputError, NotFoundError, SiglumError
from siglum.tracking.entities import RunStatus
from siglum.tracking.store import TrackingStore

DAMAGED: Final = ".damaged"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came of sending a spool: `left` records still wait, because of `problem`."""

    path: str
    run_id: str
    uri: str
    records: int = 0
    left: int = 0
    refused: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    killed: bool = False
    problem: str | None = None


class Leftover:
    """A journal that another process wrote, as what `Delivery` sends. Its lock is held until `close`."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.run_id = journal.header.run_id
        self.spool_id = journal.header.spool_id
        self.copies = journal.copies
        self.unreadable: list[str] = []
        """What of it could not be read and was set aside."""
        self.problem: str | None = None

    @property
    def acked(self) -> int:
        return self.journal.acked

    @property
    def attempt(self) -> int:
        return self.journal.attempt

    def peek(self, most: int) -> Found:
        journal = self.journal
        return journal.read(journal.acked, journal.attempt if journal.attempt > journal.acked else journal.end, most)

    def mark(self, acked: int, attempt: int) -> None:
        self.journal.mark(acked, attempt)

    def set_aside(self, place: Unread) -> None:
        self._set_aside(lambda: unreadable.set_aside(self.journal, place))

    def note_cut(self) -> None:
        """Put down that the end of the file is missing, if it is."""
        if self.journal.was_cut:
            self._set_aside(lambda: unreadable.note_cut(self.journal))

    def _set_aside(self, keep: Callable[[], unreadable.Piece | None]) -> None:
        try:
            piece = keep()
        except OSError as error:
            self.problem = f"what cannot be read of it could not be set aside ({error.strerror or error})"
        else:
            self.unreadable += [f"{piece.what}: {piece.reason}"] if piece is not None else []

    def refuse(self, records: Sequence[Record], end: int, error: SiglumError) -> None:
        refused.note(self.journal.refused, self.journal.header, records, end, error, self.copies)


def send_leftovers(
    paths: list[str],
    to: str | None,
    deliver: Callable[[str], tuple[Delivery, TrackingStore]],
    heard: Callable[[Sent], None] = lambda _: None,
) -> list[Sent]:
    """Send spools whose processes have gone, those that make runs first, and remove what was sent whole.

    A run whose process died in the middle of it is marked KILLED. Repeating it does no harm.

    Args:
        paths: The spools.
        to: The server of those that name none, or one of which nothing has been sent yet.
        deliver: Opens a store.
        heard: Told of each spool that was dealt with.
    """
    taken: list[tuple[bool, int, Leftover]] = []
    done: list[Sent] = []
    alive: set[str] = set()
    with contextlib.ExitStack() as stack:
        for path in paths:
            try:
                journal = Journal.take_over(path)
            except BusyError:
                alive.add(os.path.basename(path).rpartition("-")[0])
                continue
            except NotFoundError:
                continue
            except (SiglumError, OSError) as error:
                done.append(Sent(path=path, run_id="", uri="", problem=str(error)))
                heard(done[-1])
                continue
            stack.callback(journal.close)
            taken.append((not survey(journal).creates, journal.header.started, Leftover(journal)))
        for _, _, leftover in sorted(taken, key=lambda each: each[:2]):
            done.append(_send_to(leftover, to, deliver, lives=leftover.run_id in alive))
            heard(done[-1])
    return done


def adopt(
    folder: str,
    uri: str,
    run_id: str,
    delivery: Delivery,
    on_refused: Callable[[str, Sequence[Record], SiglumError], None],
) -> None:
    """Send what workers of this run have left that were ended before they could; what fails stays for `sync`."""

    def lost(records: Sequence[Record], error: SiglumError) -> None:
        on_refused(run_id, records, error)

    for path in spool_paths(folder, run_id):
        with contextlib.suppress(SiglumError, OSError):
            journal = Journal.take_over(path)
            with contextlib.closing(journal):
                found = survey(journal)
                if journal.header.uri == uri and not found.owner and not journal.was_cut:
                    delivery.send(Leftover(journal), lost)
                    journal.remove()


def _send_to(
    leftover: Leftover, to: str | None, deliver: Callable[[str], tuple[Delivery, TrackingStore]], *, lives: bool
) -> Sent:
    header, journal, found = leftover.journal.header, leftover.journal, survey(leftover.journal)
    not_taken: list[str] = []

    def lost(records: Sequence[Record], error: SiglumError) -> None:
        not_taken.extend(f"{refused.describe(record)}: {error.message}" for record in records)

    uri, killed = header.uri, False
    try:
        uri = _target(header, journal, to)
        delivery, tracking = deliver(uri)
        delivery.send(leftover, lost)
        leftover.note_cut()
        if found.owner and not found.ended and not lives:
            killed = _mark_killed(tracking, delivery.id_of(header.run_id), found.last)
    except (SiglumError, OSError) as error:
        left = survey(journal).records
        if isinstance(error, SiglumError) and uri:
            reasons.note(journal.why, reasons.why_of(error))
        return Sent(
            path=journal.path, run_id=header.run_id, uri=uri, records=found.records - left, left=left,
            refused=tuple(not_taken), unreadable=tuple(leftover.unreadable), problem=str(error),
        )  # fmt: skip
    problem = leftover.problem
    if problem is not None:
        os.replace(journal.path, journal.path + DAMAGED)
        problem = f"{problem}; what is whole was sent, and the file is kept as {journal.path}{DAMAGED}."
    else:
        journal.remove()
    return Sent(
        path=journal.path, run_id=header.run_id, uri=uri, records=found.records, refused=tuple(not_taken),
        unreadable=tuple(leftover.unreadable), killed=killed, problem=problem,
    )  # fmt: skip


def _target(header: Header, journal: Journal, to: str | None) -> str:
    own = "" if header.uri == OFFLINE_URL else header.uri
    noted = _noted_target(journal)
    if to is None or own.startswith(("sqlite:", "postgres")):
        if not (noted or own):
            what = "was recorded offline" if header.pid else "has a damaged spool"
            raise InvalidInputError(f"Run {header.run_id} {what}.", hint="Name its server with --to.")
        return noted or own
    to = to.rstrip("/")
    begun = noted or (own if own and journal.acked > journal.first() else to)
    if begun != to:
        raise ConflictError(f"Run {header.run_id} has been sent to {begun} in part.", hint="Send the rest there, too.")
    if noted is None and to != own:
        with open(journal.path + TARGET, "w", encoding="utf-8") as file:
            file.write(to)
    return to


def _noted_target(journal: Journal) -> str | None:
    with contextlib.suppress(FileNotFoundError), open(journal.path + TARGET, encoding="utf-8") as file:
        return file.read()
    return None


def _mark_killed(tracking: TrackingStore, run_id: str, time: int) -> bool:
    """End a run whose process has gone, unless somebody else has ended it."""
    if tracking.get_run(run_id).info.status.is_final:
        return False
    tracking.update_run(run_id, status=RunStatus.KILLED, end_time=time)
    return True
