"""The objects that a batch wrote: hashed as they were written, so known as verified once they are visible."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from siglum.storage.index import COARSE_CLOCK, TICK_NS, StatIndex, fingerprint, is_settled_content
from siglum.storage.sound_objects import DIGEST_SIZE, sound_digest

if TYPE_CHECKING:
    from siglum.storage.objects import ObjectStore

UNKNOWN = bytes(DIGEST_SIZE)
"""Stands for an object whose file's times are too coarse to know it by."""


def digest_of(status: os.stat_result, oid: str) -> bytes:
    """Return what stands for an object that was just written into a new folder, by the stat of its file."""
    return UNKNOWN if status.st_ctime_ns % COARSE_CLOCK == 0 else sound_digest(fingerprint(status), oid)


class WrittenObjects:
    """What a batch wrote so far."""

    def __init__(self) -> None:
        self._named: list[str] = []
        self._digests = bytearray()
        self._aside_at_ns = 0

    def add(self, oid: str) -> None:
        """Take note of one that gets its name by a rename, which its stat will tell."""
        self._named.append(oid)

    def add_aside(self, digests: Iterable[bytes]) -> None:
        """Take note of some in new folders: putting those in place changes nothing about the files."""
        self._digests += b"".join([digest for digest in digests if digest != UNKNOWN])
        self._aside_at_ns = time.time_ns()

    def remember(self, store: ObjectStore, index: StatIndex, visible_at_ns: int) -> None:
        """Note as verified what became visible at a moment: what anybody writes to it from then on shows.

        What was written within a tick of the clock before is left out; see `is_settled_content`.
        """
        if self._aside_at_ns + TICK_NS < visible_at_ns:
            index.objects.note(bytes(self._digests))
        for oid in self._named:
            with contextlib.suppress(FileNotFoundError):  # moved away just now
                status = os.stat(store.path_of(oid))
                if is_settled_content(status, visible_at_ns):
                    index.objects.note(sound_digest(fingerprint(status), oid))
        self._digests.clear()
        self._named.clear()
