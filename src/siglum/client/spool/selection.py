"""What of the records that wait goes to the store in one call, and what of them cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from siglum.client.spool.frames import Found
from siglum.client.spool.records import Record, batch_length, decode


class Unread(msgspec.Struct, frozen=True):
    """A place in a spool that holds no record; its content where that is whole and yet none of ours."""

    start: int
    end: int
    content: bytes | None


class Selection(msgspec.Struct, frozen=True):
    """Records with where each ends, what is unreadable among and behind them, and where all of it ends."""

    records: Sequence[Record]
    ends: Sequence[int]
    unread: Sequence[Unread]
    end: int


def select(waiting: Found, acked: int, attempt: int) -> Selection:
    """Return the first of what waits behind `acked`: what was being sent up to `attempt`, if anything was."""
    records: list[Record] = []
    ends: list[int] = []
    unread: list[Unread] = []
    at = acked
    for content, end in waiting:
        record = decoded(content)
        if record is None:
            unread.append(Unread(at, end, content))
        else:
            records.append(record)
            ends.append(end)
        at = end
    if attempt > acked or not records:
        return Selection(records, ends, unread, at)
    length = batch_length(records)
    stop = ends[length - 1]
    return Selection(records[:length], ends[:length], [each for each in unread if each.end <= stop], stop)


def decoded(content: bytes | None) -> Record | None:
    """Return a record, None for what is none."""
    try:
        return None if content is None else decode(content)
    except ValueError:
        return None
