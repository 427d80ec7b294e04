"""A spool's name: the run and the spool itself, which are so known even where its first record cannot be read."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Final

from siglum.client.spool.records import Header

SUFFIX: Final = ".spool"
_NAME: Final = re.compile(r"([0-9a-f]{32})-([0-9a-f]{32})\.spool\Z")


def file_name(header: Header) -> str:
    """Return the name of a spool's file. The id of a run that a user made up, and that is none, stands in it hashed."""
    run_id = header.run_id
    shown = run_id if run_id.isalnum() and len(run_id) <= 64 else hashlib.sha256(run_id.encode()).hexdigest()
    return f"{shown}-{header.spool_id}{SUFFIX}"


def header_from_name(path: str, written: float) -> Header | None:
    """Return what a file's name says of its run; None when that is not the run's id. `written` is its mtime in seconds.

    Where it was to be sent, and by which process, is lost: `sync --to` has to say where.
    """
    found = _NAME.fullmatch(os.path.basename(path))
    if found is None:
        return None
    return Header(
        spool_id=found[2],
        uri="",
        run_id=found[1],
        owner=False,  # unless its records make the run
        pid=0,
        host="",
        program="",
        started=int(written * 1000),
    )
