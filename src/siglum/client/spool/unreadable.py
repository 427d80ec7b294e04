"""Records of a spool that cannot be read: kept beside it, so that the rest is sent and nothing is thrown away.

A byte has changed on the disk, a record was not written to its end, or another version has written it. They stay until
somebody removes them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Final

import msgspec

from siglum.client.spool import frames
from siglum.client.spool.journal import COPIES, UNREADABLE, Journal
from siglum.client.spool.places import names_in
from siglum.client.spool.records import KINDS, Header
from siglum.client.spool.selection import Unread
from siglum.core.addresses import shown_url
from siglum.core.clock import now_ms

_CHANGED: Final = "its checksum does not fit: it was changed, or not written to its end"
_CUT: Final = "it was cut short, and what was behind is lost"
_UNKNOWN: Final = "it is whole, and no record of this version: another one has written it"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a spool: where they were, when they were found, and what can be said of them."""

    start: int
    end: int
    what: str
    reason: str
    at: int
    content: bytes
    """As they were in the file, or without length and checksum where these were right."""


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """All of a spool that could not be read."""

    run_id: str
    uri: str
    pieces: tuple[Piece, ...]
    path: str = ""


def set_aside(journal: Journal, place: Unread) -> Piece | None:
    """Keep what cannot be read at a place of a spool; None when it is kept already. Raises OSError without room."""
    found = _piece(journal, place)
    return found if _add(journal.unreadable, journal.header, found) else None


def note_cut(journal: Journal) -> Piece | None:
    """Put down that the end of a spool is missing; None when it is down already. Raises OSError without room."""
    end = journal.end
    found = Piece(start=end, end=end, what="the end of the file", reason=_CUT, at=now_ms(), content=b"")
    return found if _add(journal.unreadable, journal.header, found) else None


def _piece(journal: Journal, place: Unread) -> Piece:
    content = place.content if place.content is not None else journal.bytes_at(place.start, place.end)
    record = place.content if place.content is not None else content[frames.SIZE :]
    reason = _CHANGED if place.content is None else _UNKNOWN
    size = place.end - place.start
    kind = KINDS.get(record[1]) if len(record) > 1 and 0x91 <= record[0] <= 0x9F else None
    what = f"{size:,} bytes, which seem to be {kind}" if kind else f"{size:,} bytes"
    return Piece(start=place.start, end=place.end, what=what, reason=reason, at=now_ms(), content=content)


def _add(path: str, header: Header, new: Piece) -> bool:
    before = read(path)
    pieces = before.pieces if before is not None else ()
    if any(each.start == new.start for each in pieces):
        return False
    made = Unreadable(run_id=header.run_id, uri=shown_url(header.uri), pieces=(*pieces, new))
    descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(msgspec.json.encode(made))
        file.flush()
        os.fsync(descriptor)  # they are nowhere else, once the spool has gone
    os.replace(f"{path}.new", path)
    return True


def notes(folder: str) -> list[Unreadable]:
    """Return the notes in a folder."""
    paths = [os.path.join(folder, name) for name in names_in(folder, UNREADABLE)]
    return [found for path in paths if (found := read(path)) is not None]


def remove(path: str) -> None:
    """Take a note away, with the files that its records may have named."""
    shutil.rmtree(path + COPIES, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def read(path: str) -> Unreadable | None:
    """Return a note; None when there is none that can be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError), open(path, "rb") as file:
        return msgspec.structs.replace(msgspec.json.decode(file.read(), type=Unreadable), path=path)
    return None
