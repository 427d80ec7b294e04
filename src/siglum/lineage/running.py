"""Which runs of `repro` are under way here: a note each, held by a kernel lock that ends with its process.

What a note without a holder names was killed. Its runs are ended when the next command looks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

import msgspec

from siglum.core.errors import NotFoundError
from siglum.lineage.trace import PARENT_TAG, RecordSource
from siglum.tracking.entities import RunStatus
from siglum.tracking.store import TrackingStore


class Note(msgspec.Struct, frozen=True):
    """A run that is under way, and the store it is in."""

    run_id: str
    uri: str


class HeldNote:
    """The note of this process's own run. Closing it takes it away."""

    def __init__(self, folder: str, note: Note) -> None:
        os.makedirs(folder, exist_ok=True)
        self._note = note
        self._path = os.path.join(folder, note.run_id)
        self._file = open(self._path, "wb")  # noqa: SIM115  -- held as long as the run lasts
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._write()

    def rename(self, run_id: str) -> None:
        """Note another id, of a store that gives them itself."""
        if run_id != self._note.run_id:
            self._note = Note(run_id, self._note.uri)
            self._file.seek(0)
            self._file.truncate()
            self._write()

    def close(self) -> None:
        """Say that the run has ended. Repeating it changes nothing."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        self._file.close()

    def _write(self) -> None:
        self._file.write(msgspec.json.encode(self._note))
        self._file.flush()


def end_killed(folder: str, uri: str, source: RecordSource, now: int) -> tuple[str, ...]:
    """Mark runs in the store `uri` whose process has gone as KILLED, with all below them; return their ids.

    Raises what the store raises; notes that were not dealt with stay.
    """
    ended = []
    for path, note in _left_behind(folder):
        if note.uri != uri:
            continue
        with contextlib.suppress(NotFoundError):
            ended += _end(source.tracking, note.run_id, now)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    return tuple(ended)


def has_left_behind(folder: str) -> bool:
    """Whether there is a note whose process has gone."""
    return any(True for _ in _left_behind(folder))


def _left_behind(folder: str) -> Iterator[tuple[str, Note]]:
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError, msgspec.MsgspecError), open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path, msgspec.json.decode(file.read(), type=Note)


def _end(tracking: TrackingStore, run_id: str, now: int) -> list[str]:
    run = tracking.get_run(run_id)
    below = tracking.search_runs(
        [run.info.experiment_id], filter_string=f"tags.`{PARENT_TAG}` = '{run_id}' AND attributes.status = 'RUNNING'"
    ).items
    ended = []
    for each in (*below, run):
        if not each.info.status.is_final:
            tracking.update_run(each.info.run_id, status=RunStatus.KILLED, end_time=now)
            ended.append(each.info.run_id)
    return ended
