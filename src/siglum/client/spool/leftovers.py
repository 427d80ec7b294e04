"""Spools of processes that have gone: what is in them, and sending it. Those of processes that live are left alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from siglum.client.spool.delivery import Delivery
from siglum.client.spool.journal import SUFFIX, TARGET, Journal
from siglum.client.spool.places import OFFLINE_URL
from siglum.client.spool.records import Create, Header, Record, Update, decode
from siglum.core.errors import (
    BusyError,
    ConflictError,
    FileFormatError,
    InvalidInputError,
    NotFoundError,
    SiglumError,
)
from siglum.tracking.entities import RunStatus
from siglum.tracking.store import TrackingStore

DAMAGED: Final = ".damaged"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A spool on disk, as it is now."""

    path: str
    run_id: str
    uri: str
    host: str
    pid: int
    program: str
    started: int
    alive: bool
    records: int
    """How many wait to be sent."""
    files: int
    """How many of them are files."""
    ended: bool
    """Whether the run's end is among its records."""
    problem: str | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came of sending a spool: `left` records still wait, because of `problem`."""

    path: str
    run_id: str
    uri: str
    records: int = 0
    left: int = 0
    refused: tuple[str, ...] = ()
    killed: bool = False
    problem: str | None = None


class _Found(msgspec.Struct, frozen=True):
    """What all records of a spool say together."""

    records: int
    files: int
    ended: bool
    owner: bool
    creates: bool
    last: int
    """When it was last written to, in milliseconds."""


class Leftover:
    """A journal that another process wrote, as what `Delivery` sends. Its lock is held until `close`."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.run_id = journal.header.run_id
        self.spool_id = journal.header.spool_id
        self.copies = journal.copies

    @property
    def acked(self) -> int:
        return self.journal.acked

    @property
    def attempt(self) -> int:
        return self.journal.attempt

    def peek(self, most: int) -> list[tuple[bytes, int]]:
        journal = self.journal
        return journal.read(journal.acked, journal.attempt if journal.attempt > journal.acked else journal.end, most)

    def mark(self, acked: int, attempt: int) -> None:
        self.journal.mark(acked, attempt)


def spool_paths(folder: str, run_id: str = "") -> list[str]:
    """Return the spools in a folder, of one run when an id (or its beginning) is given."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [os.path.join(folder, name) for name in sorted(names) if name.endswith(SUFFIX) and name.startswith(run_id)]


def count_left(folder: str) -> int:
    """Return how many spools belong to processes that have gone. Reads none of them."""
    left = 0
    for path in spool_paths(folder):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            left += 1
    return left


def look(path: str) -> Waiting | None:
    """Return what a spool holds; None when it has gone meanwhile. One that cannot be read has a `problem`."""
    alive = False
    try:
        journal = Journal.take_over(path)
    except BusyError:
        alive = True
        try:
            journal = Journal.take_over(path, look=True)
        except (SiglumError, OSError):
            return None
    except NotFoundError:
        return None
    except (SiglumError, OSError) as error:
        return Waiting(
            path=path, run_id="", uri="", host="", pid=0, program="", started=0, alive=False, records=0, files=0,
            ended=False, problem=str(error),
        )  # fmt: skip
    with contextlib.closing(journal):
        header, found = journal.header, _survey(journal)
    return Waiting(
        path=path,
        run_id=header.run_id,
        uri="" if header.uri == OFFLINE_URL else header.uri,
        host=header.host,
        pid=header.pid,
        program=header.program,
        started=header.started,
        alive=alive,
        records=found.records,
        files=found.files,
        ended=found.ended,
        problem=journal.damage,
    )


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
            taken.append((not _survey(journal).creates, journal.header.started, Leftover(journal)))
        for _, _, leftover in sorted(taken, key=lambda each: each[:2]):
            done.append(_send_to(leftover, to, deliver, lives=leftover.run_id in alive))
            heard(done[-1])
    return done


def remove(path: str) -> None:
    """Take a spool away, with what is in it. Raises BusyError while its process lives."""
    try:
        journal = Journal.take_over(path)
    except FileFormatError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    journal.remove()


def adopt(folder: str, uri: str, run_id: str, delivery: Delivery) -> None:
    """Send what workers of this run have left that were ended before they could; what fails stays for `sync`."""
    for path in spool_paths(folder, run_id):
        with contextlib.suppress(SiglumError, OSError):
            journal = Journal.take_over(path)
            with contextlib.closing(journal):
                found = _survey(journal)
                if journal.header.uri == uri and not found.owner and journal.damage is None:
                    delivery.send(Leftover(journal), lambda _record, _error: None)
                    journal.remove()


def _send_to(
    leftover: Leftover, to: str | None, deliver: Callable[[str], tuple[Delivery, TrackingStore]], *, lives: bool
) -> Sent:
    header, journal, found = leftover.journal.header, leftover.journal, _survey(leftover.journal)
    refused: list[str] = []
    uri, killed, problem = header.uri, False, journal.damage
    try:
        uri = _target(header, journal, to)
        delivery, tracking = deliver(uri)
        delivery.send(leftover, lambda record, error: refused.append(f"{type(record).__name__}: {error.message}"))
        if found.owner and not found.ended and not lives:
            killed = _mark_killed(tracking, delivery.id_of(header.run_id), found.last)
    except (SiglumError, OSError) as error:
        left = _survey(journal).records
        return Sent(
            path=journal.path, run_id=header.run_id, uri=uri, records=found.records - left, left=left,
            refused=tuple(refused), problem=str(error),
        )  # fmt: skip
    if problem is not None:
        os.replace(journal.path, journal.path + DAMAGED)
        problem = f"{problem}; what is whole was sent, and the file is kept as {journal.path}{DAMAGED}."
    else:
        journal.remove()
    return Sent(
        path=journal.path, run_id=header.run_id, uri=uri, records=found.records, refused=tuple(refused),
        killed=killed, problem=problem,
    )  # fmt: skip


def _target(header: Header, journal: Journal, to: str | None) -> str:
    own = "" if header.uri == OFFLINE_URL else header.uri
    noted = _noted_target(journal)
    if to is None or own.startswith(("sqlite:", "postgres")):
        if not (noted or own):
            raise InvalidInputError(f"Run {header.run_id} was recorded offline.", hint="Name its server with --to.")
        return noted or own
    to = to.rstrip("/")
    begun = noted or (own if journal.acked > journal.first() else to)
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


def _survey(journal: Journal) -> _Found:
    records = files = 0
    ended = creates = False
    owner = journal.header.owner
    for record, end in _records(journal):
        if end > journal.acked:
            records += 1
            files += type(record).__name__ == "File"
        if isinstance(record, Create):
            owner = creates = True
        elif isinstance(record, Update) and record.status is not None:
            ended = record.status.is_final
            owner = owner or not ended
    last = int(os.stat(journal.path).st_mtime * 1000)
    return _Found(records, files, ended, owner, creates, last)


def _records(journal: Journal) -> Iterator[tuple[Record | None, int]]:
    at = journal.first()
    while some := journal.read(at, journal.end, 10_000):
        for content, at in some:
            yield (None if content[1:2] == b"\x00" else _decoded(content)), at


def _decoded(content: bytes) -> Record | None:
    with contextlib.suppress(ValueError):
        return decode(content)
    return None
