"""What is in spools that processes have left behind, or still write to."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from siglum.client.spool.file_names import SUFFIX
from siglum.client.spool.journal import UNFINISHED, Journal
from siglum.client.spool.places import OFFLINE_URL, names_in
from siglum.client.spool.reasons import Reason, Why, current, read
from siglum.client.spool.records import Create, File, Record, Update
from siglum.client.spool.selection import decoded
from siglum.core.addresses import shown_url
from siglum.core.errors import BusyError, FileFormatError, NotFoundError, SiglumError
from siglum.core.text import count

_UNFINISHED_SECONDS: Final = 3600
"""How old a spool must be that still has no name: making one takes some milliseconds."""


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
    why: Why
    problem: str | None = None


class Contents(msgspec.Struct, frozen=True):
    """What all records of a spool say together."""

    records: int
    files: int
    ended: bool
    owner: bool
    creates: bool
    unreadable: int
    """How many places hold no record that can be read."""
    last: int
    """When it was last written to, in milliseconds."""


def spool_paths(folder: str, run_id: str = "") -> list[str]:
    """Return the spools in a folder, of one run when an id (or its beginning) is given."""
    return [os.path.join(folder, name) for name in names_in(folder, SUFFIX, run_id)]


def discard_unfinished(folder: str) -> None:
    """Take away what processes left that ended while they made a spool, before anything was in it."""
    for name in names_in(folder, SUFFIX + UNFINISHED):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            if os.stat(path).st_mtime < time.time() - _UNFINISHED_SECONDS:
                os.unlink(path)


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
            ended=False, why=Why(reason=Reason.UNREADABLE, message=str(error)), problem=str(error),
        )  # fmt: skip
    with contextlib.closing(journal):
        header, found, noted = journal.header, survey(journal), read(journal.why)
    return Waiting(
        path=path,
        run_id=header.run_id,
        uri="" if header.uri == OFFLINE_URL else shown_url(header.uri),
        host=header.host,
        pid=header.pid,
        program=header.program,
        started=header.started,
        alive=alive,
        records=found.records,
        files=found.files,
        ended=found.ended,
        why=current(noted, alive=alive, uri="" if header.uri == OFFLINE_URL else header.uri, recovered=not header.pid),
        problem=_problem(journal, found),
    )


def remove(path: str) -> None:
    """Take a spool away, with what is in it. Raises BusyError while its process lives."""
    try:
        journal = Journal.take_over(path)
    except FileFormatError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    journal.remove()


def survey(journal: Journal) -> Contents:
    """Return what the records of a spool say together."""
    records = files = unreadable = 0
    ended = creates = False
    owner = journal.header.owner
    for record, end in _records(journal):
        if record is None:
            unreadable += 1
        elif end > journal.acked:
            records += 1
            files += isinstance(record, File)
        if isinstance(record, Create):
            owner = creates = True
        elif isinstance(record, Update) and record.status is not None:
            ended = record.status.is_final
            owner = owner or not ended
    last = int(os.stat(journal.path).st_mtime * 1000)
    return Contents(records, files, ended, owner, creates, unreadable, last)


def _problem(journal: Journal, found: Contents) -> str | None:
    if journal.was_cut:
        return "it was cut short: what was behind is lost."
    return f"{count(found.unreadable, 'place')} in it cannot be read." if found.unreadable else None


def _records(journal: Journal) -> Iterator[tuple[Record | None, int]]:
    at = journal.first()
    while some := journal.read(at, journal.end, 10_000):
        for content, at in some:
            yield decoded(content), at
