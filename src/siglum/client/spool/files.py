"""The files of a run on a server, for a training script: they are copied to the spool, and sent in order.

What reads asks the server, after what this process has written was sent.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Final

from siglum.client.artifact_folder import ArtifactFolder
from siglum.client.spool.queue import SpoolQueue
from siglum.client.spool.records import Append, File
from siglum.core.errors import NotSupportedError, SiglumError, UnavailableError
from siglum.storage.artifacts.base import ArtifactEntry
from siglum.storage.artifacts.paths import parse_artifact_path
from siglum.storage.artifacts.replacing import NumberedWrite, Outcome
from siglum.storage.links import FICLONE

INLINE_BYTES: Final = 64 * 1024
"""Files up to this size are records by themselves."""
_CHUNK: Final = 1024 * 1024

_log = logging.getLogger("siglum")


class SpooledFolder(ArtifactFolder):
    """The files of one run; `find` returns where they are kept. With `direct`, only what cannot go is copied."""

    def __init__(
        self, queue: SpoolQueue, run_id: str, uri: str, find: Callable[[], ArtifactFolder], *, direct: bool = False
    ) -> None:
        self.uri = uri
        self._queue = queue
        self._run_id = run_id
        self._find = find
        self._direct = direct

    def put(self, path: str, source: BinaryIO) -> ArtifactEntry:
        path, start = _checked(path), source.tell() if source.seekable() else None
        if self._direct and start is not None and (stored := self._stored(lambda files: files.put(path, source))):
            return stored
        if start is not None:
            source.seek(start)
        first = source.read(INLINE_BYTES + 1)
        if len(first) <= INLINE_BYTES:
            self._queue.put_record(self._run_id, File(path, first))
            return ArtifactEntry(path=path, is_dir=False, size=len(first))

        def write(copy: str) -> None:
            with open(copy, "xb") as target:
                target.write(first)
                shutil.copyfileobj(source, target, _CHUNK)

        def put_there(files: ArtifactFolder) -> None:
            if start is None:
                raise NotSupportedError("a stream cannot be read twice.")
            source.seek(start)
            files.put(path, source)

        return self._keep(path, write, put_there)

    def put_file(self, path: str, local_path: str) -> ArtifactEntry:
        if self._direct and (stored := self._stored(lambda files: files.put_file(path, local_path))):
            return stored
        with open(local_path, "rb") as source:
            if os.fstat(source.fileno()).st_size <= INLINE_BYTES:
                return self.put(path, source)

            def put_there(files: ArtifactFolder) -> None:
                files.put_file(path, local_path)

            return self._keep(_checked(path), lambda copy: _copy(source, copy), put_there)

    def append(self, path: str, rows: bytes) -> None:
        """Add rows to a table, or make it, when they are sent."""
        self._queue.put_record(self._run_id, self._rows(_checked(path), rows))
        if self._direct:
            self._queue.settle_named(self._run_id)

    def _rows(self, path: str, rows: bytes) -> Append:
        if len(rows) <= INLINE_BYTES:
            return Append(path, rows)

        def write(copy: str) -> None:
            with open(copy, "xb") as target:
                target.write(rows)

        try:
            return Append(path, copy=self._queue.keep_copy(self._run_id, write))
        except OSError:  # where there is no room for a copy, the record waits in memory
            return Append(path, rows)

    def replace(self, path: str, content: bytes, expected: str | None, write: NumberedWrite | None = None) -> Outcome:
        return self._there().replace(path, content, expected, write)

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        return self._there().open(path)

    def get_file(self, path: str, local_path: str) -> None:
        self._there().get_file(path, local_path)

    def stat(self, path: str) -> ArtifactEntry:
        return self._there().stat(path)

    def fingerprint(self, path: str) -> str | None:
        return self._there().fingerprint(path)

    def list(self, path: str = "") -> Sequence[ArtifactEntry]:
        return self._there().list(path)

    def delete(self, path: str) -> None:
        self._there().delete(path)

    def _stored(self, store: Callable[[ArtifactFolder], ArtifactEntry]) -> ArtifactEntry | None:
        """Store a file now; None when the server does not answer, which is said."""
        if self._queue.is_away:
            return None
        try:
            return store(self._there())
        except UnavailableError as error:
            self._queue.note_away(error)
            return None

    def _there(self) -> ArtifactFolder:
        self._queue.send(self._run_id)
        return self._find()

    def _keep(
        self, path: str, write: Callable[[str], None], put_there: Callable[[ArtifactFolder], None]
    ) -> ArtifactEntry:
        """Keep a copy to be sent; where there is no room for one, send it now."""
        try:
            name = self._queue.keep_copy(self._run_id, write)
        except OSError as error:
            try:
                put_there(self._there())
            except SiglumError as problem:
                _log.error(
                    "%s of run %s is lost: it could not be spooled (%s), nor sent: %s",
                    path,
                    self._run_id,
                    error.strerror or error,
                    problem.message,
                )
        else:
            self._queue.put_record(self._run_id, File(path, copy=name))
        return ArtifactEntry(path=path, is_dir=False)


def _checked(path: str) -> str:
    return "/".join(parse_artifact_path(path))


def _copy(source: BinaryIO, copy: str) -> None:
    """Copy a file, sharing its blocks where the file system can."""
    with open(copy, "xb") as target:
        try:
            fcntl.ioctl(target, FICLONE, source.fileno())
        except OSError:
            shutil.copyfileobj(source, target, _CHUNK)
