"""The port to the files of runs and models, by path below one root.

Contract, checked by `siglum.testing.ArtifactStoreContract`:

- A path is relative, posix, without empty, `.` or `..` segments, backslashes, control characters or NUL: anything else
  raises InvalidInputError before a file system is touched. Links are never followed out of the root.
- A file becomes visible whole or not at all, and is durable when `put` returns. Putting again replaces it.
- A missing path raises NotFoundError; damaged bytes raise IntegrityError and are never delivered as if they were whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

import msgspec


class ArtifactEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a folder. `path` is relative to the root; `size` is in bytes, None for a folder."""

    path: str
    is_dir: bool
    size: int | None = None
    sha256: str | None = None


class ArtifactStore(Protocol):
    """Files below one root. See the module's contract."""

    def put(self, path: str, source: BinaryIO) -> ArtifactEntry:
        """Store all that `source` yields under `path`."""
        ...

    def put_file(self, path: str, local_path: str) -> ArtifactEntry:
        """Store a copy of a local file under `path`; may share bytes with it where that is safe."""
        ...

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading."""
        ...

    def get_file(self, path: str, local_path: str) -> None:
        """Write a file's bytes to a new local file."""
        ...

    def stat(self, path: str) -> ArtifactEntry:
        """Return the entry at `path`, file or folder."""
        ...

    def list(self, path: str = "") -> Sequence[ArtifactEntry]:
        """Return what is directly in a folder, by name; nothing when it is not there, or is a file."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file or folder; nothing happens when it is not there."""
        ...
