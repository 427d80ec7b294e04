"""Work on something outside of the database that one process does at a time: a lock that ends with its holder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from siglum.storage.exclusive import exclusive
from siglum.tracking.sql.port import Backend
from siglum.tracking.sql.sqlite import SqliteBackend

LOCK_SUFFIX: Final = "-lock"
# Beside the lock of writers, whose first number is one less.
_LOCK: Final = "SELECT pg_advisory_lock(736951173, hashtext(current_schema() || ?))"


@contextlib.contextmanager
def turn(backend: Backend, name: str) -> Iterator[None]:
    """Hold the lock of that name: for a file, all names have one, beside it; a server has one for each.

    Raises BusyError when others hold it for half a minute, UnavailableError when the database does not answer.
    """
    if isinstance(backend, SqliteBackend):
        with exclusive(backend.path + LOCK_SUFFIX, name):
            yield
        return
    session = backend.connect(writes=False, on_statement=lambda: None)
    try:
        session.all(_LOCK, (name,))
        yield
    finally:
        session.close()
