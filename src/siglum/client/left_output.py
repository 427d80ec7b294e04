"""What killed processes had printed: found in their folders, and stored with their runs.

A folder of output is held by a kernel lock that ends with its process, so that what nobody holds is left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator

import msgspec

from siglum.client.artifact_folder import ArtifactFolder
from siglum.client.output import STREAMS, stretch
from siglum.client.output_note import LOCK, Note
from siglum.client.run_output import store_texts
from siglum.core.errors import SiglumError


class Stored(msgspec.Struct, frozen=True):
    """What came of a folder that was left behind; with a `problem`, it is still there."""

    run_id: str
    uri: str
    problem: str | None = None


def store_left_output(folder: str, find: Callable[[str, str], ArtifactFolder]) -> list[Stored]:
    """Store what was left below `folder`, and remove it there; `find` returns a run's files for a URI and an id."""
    found = []
    for place, note in _left_behind(folder):
        try:
            paths = {name: os.path.join(place, f"{name}.txt") for name in STREAMS}
            printed = {name: stretch(path, 0, note.limit) for name, path in paths.items() if os.path.exists(path)}
            store_texts(find(note.uri, note.run_id), {name: content for name, content in printed.items() if content})
        except (SiglumError, OSError) as error:
            found.append(Stored(note.run_id, note.uri, str(error)))
        else:
            shutil.rmtree(place, ignore_errors=True)
            found.append(Stored(note.run_id, note.uri))
    return found


def _left_behind(folder: str) -> Iterator[tuple[str, Note]]:
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        place = os.path.join(folder, name)
        with contextlib.suppress(OSError, msgspec.MsgspecError), open(os.path.join(place, LOCK), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield place, msgspec.json.decode(file.read(), type=Note)
