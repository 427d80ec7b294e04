"""`ArtifactWrites` of a folder that belongs to no database: a kernel lock, and a small file beside the contents."""

from __future__ import annotations

import contextlib
import os
from contextlib import AbstractContextManager
from typing import Final

import msgspec

from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.storage.artifacts.paths import OBJECTS_FOLDER
from siglum.storage.artifacts.replacing import NumberedWrite, Outcome, PendingWrite, replace
from siglum.storage.durability import discard, fsync_path, temporary_name
from siglum.storage.exclusive import exclusive

_NOTES: Final = "writes.json"
_LOCK: Final = "writes.lock"


class _Notes(msgspec.Struct, kw_only=True):
    """By path: what is pending, and the last number of each writer."""

    pending: dict[str, PendingWrite] = {}
    taken: dict[str, dict[str, int]] = {}


class FolderArtifactStore(LocalArtifactStore):
    """A folder of artifacts without an index, in which files may also be replaced. Implements `ReplacingStore`."""

    def replace(self, path: str, content: bytes, expected: str | None, write: NumberedWrite | None) -> Outcome:
        return replace(self, FolderWrites(self.root), path, content, expected, write)


class FolderWrites:
    """What is remembered below one artifact root."""

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, OBJECTS_FOLDER)

    def exclusive(self, path: str) -> AbstractContextManager[None]:
        os.makedirs(self._folder, exist_ok=True)
        return exclusive(os.path.join(self._folder, _LOCK), repr(path))

    def pending(self, path: str) -> PendingWrite | None:
        return self._read().pending.get(path)

    def begin(self, path: str, pending: PendingWrite) -> None:
        notes = self._read()
        notes.pending[path] = pending
        self._store(notes)

    def settle(self, path: str, write: NumberedWrite, *, stored: bool) -> None:
        notes = self._read()
        notes.pending.pop(path, None)
        if stored:
            notes.taken.setdefault(path, {})[write.writer] = write.number
        self._store(notes)

    def has(self, path: str, write: NumberedWrite) -> bool:
        return self._read().taken.get(path, {}).get(write.writer, -1) >= write.number

    def _read(self) -> _Notes:
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self._folder, _NOTES), "rb") as file:
            return msgspec.json.decode(file.read(), type=_Notes)
        return _Notes()

    def _store(self, notes: _Notes) -> None:
        temporary = os.path.join(self._folder, temporary_name())
        try:
            with open(temporary, "xb") as file:
                file.write(msgspec.json.encode(notes))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, os.path.join(self._folder, _NOTES))
            fsync_path(self._folder)
        finally:
            discard(temporary)
