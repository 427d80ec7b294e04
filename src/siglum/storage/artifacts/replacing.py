"""Files that several processes add to: read, extended, and replaced only where nobody else has changed them meanwhile.

    read ─→ extend ─→ replace(expected = what was read) ─→ STORED, or CHANGED: read again

A replacement may carry the number that its writer gave it. It is then made once, however often it is sent: what is
about to be stored is noted before, so that after a crash the file itself tells whether it was.
"""

from __future__ import annotations

import enum
import hashlib
import io
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import msgspec

from siglum.core.errors import NotFoundError
from siglum.storage.artifacts.base import ArtifactStore
from siglum.storage.hashing import BLOCK_SIZE


class Outcome(enum.StrEnum):
    """What became of a replacement."""

    STORED = "stored"
    REPEATED = "repeated"
    """It had been stored before; others may have added to it since."""
    CHANGED = "changed"
    """The file is another one than was expected, and stays as it is."""


class NumberedWrite(msgspec.Struct, frozen=True):
    """One of the replacements of a writer, whose numbers grow."""

    writer: str
    number: int


class PendingWrite(msgspec.Struct, frozen=True):
    """A replacement that was begun, and the SHA-256 that the file has when it was stored."""

    write: NumberedWrite
    sha256: str


class ArtifactWrites(Protocol):
    """What is remembered of replacements, by path. All but `exclusive` is called inside of that.

    May be used from several threads and processes at once; what is noted is durable.
    """

    def exclusive(self, path: str) -> AbstractContextManager[None]:
        """Keep all others from replacing a file; ends with the process. Raises BusyError after half a minute."""
        ...

    def pending(self, path: str) -> PendingWrite | None:
        """Return the replacement of which it is not known whether it was stored."""
        ...

    def begin(self, path: str, pending: PendingWrite) -> None:
        """Note what is about to be stored."""
        ...

    def settle(self, path: str, write: NumberedWrite, *, stored: bool) -> None:
        """Note whether what was pending has been stored."""
        ...

    def has(self, path: str, write: NumberedWrite) -> bool:
        """Whether this replacement, or a later one of its writer, has been stored."""
        ...


@runtime_checkable
class ReplacingStore(Protocol):
    """What an artifact store may offer beside: see `replace`."""

    def replace(self, path: str, content: bytes, expected: str | None, write: NumberedWrite | None) -> Outcome:
        """Store a file where the SHA-256 of what is there is the expected one, or nothing is there when None."""
        ...


def replace(
    store: ArtifactStore,
    writes: ArtifactWrites,
    path: str,
    content: bytes,
    expected: str | None,
    write: NumberedWrite | None = None,
) -> Outcome:
    """Store a file unless it has changed, or the numbered write was made before. Raises as `ArtifactStore.put`."""
    with writes.exclusive(path):
        found = _sha256_at(store, path)
        if write is not None:
            before = writes.pending(path)
            if before is not None:
                writes.settle(path, before.write, stored=before.sha256 == found)
            if writes.has(path, write):
                return Outcome.REPEATED
        if found != expected:
            return Outcome.CHANGED
        if write is not None:
            writes.begin(path, PendingWrite(write, hashlib.sha256(content).hexdigest()))
        store.put(path, io.BytesIO(content))
        if write is not None:
            writes.settle(path, write, stored=True)
    return Outcome.STORED


def _sha256_at(store: ArtifactStore, path: str) -> str | None:
    try:
        entry = store.stat(path)
        if entry.sha256 is not None:
            return entry.sha256
        hasher = hashlib.sha256()
        with store.open(path) as file:
            while block := file.read(BLOCK_SIZE):
                hasher.update(block)
    except NotFoundError:
        return None
    return hasher.hexdigest()
