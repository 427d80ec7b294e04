"""Whose a folder of kept output is: a note in it, held by a kernel lock that ends with the process."""

from __future__ import annotations

import fcntl
import os
from typing import IO

import msgspec

LOCK = "lock"


class Note(msgspec.Struct, frozen=True):
    """Whose output a folder holds: a run, and the store that it is in."""

    run_id: str
    uri: str
    limit: int


def hold(folder: str, note: Note) -> IO[bytes]:
    """Say whose a folder is, and return the file that holds it until it is closed."""
    file = open(os.path.join(folder, LOCK), "wb")  # noqa: SIM115  -- held as long as output is kept
    fcntl.flock(file, fcntl.LOCK_EX)
    file.write(msgspec.json.encode(note))
    file.flush()
    return file
