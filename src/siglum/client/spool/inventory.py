"""What is in spools that processes have left behind, or still write to."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

import msgspec

from siglum.client.spool.journal import SUFFIX, Journal
from siglum.client.spool.places import OFFLINE_URL
from siglum.client.spool.records import Create, Record, Update, decode
from siglum.core.addresses import shown_url
from siglum.core.errors import BusyError, FileFormatError, NotFoundError, SiglumError


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


class Contents(msgspec.Struct, frozen=True):
    """What all records of a spool say together."""

    records: int
    files: int
    ended: bool
    owner: bool
    creates: bool
    last: int
    """When it was last written to, in milliseconds."""


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
        header, found = journal.header, survey(journal)
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
        problem=journal.damage,
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
    return Contents(records, files, ended, owner, creates, last)


def _records(journal: Journal) -> Iterator[tuple[Record | None, int]]:
    at = journal.first()
    while some := journal.read(at, journal.end, 10_000):
        for content, at in some:
            yield (None if content[1:2] == b"\x00" else _decoded(content)), at


def _decoded(content: bytes) -> Record | None:
    with contextlib.suppress(ValueError):
        return decode(content)
    return None
