"""The port to the files of runs and models, by path below one root.

Contract, checked by `siglum.testing.ArtifactStoreContract`:

- A path is relative, posix, without empty, `.` or `..` segments, backslashes, control characters or NUL: anything else
  raises InvalidInputError before a file system is touched. Links are never followed out of the root.
- A file becomes visible whole or not at all, and is durable when `put` returns. Putting again replaces it.
- A missing path raises NotFoundError; damaged bytes raise IntegrityError and are never delivered as if they were whole.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

import msgspec


class ArtifactLayout(enum.StrEnum):
    """How a store keeps files: each content once, whatever its paths are; or each path as a file of its own."""

    CONTENT = "content"
    PLAIN = "plain"


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


class SignedRequest(msgspec.Struct, frozen=True):
    """A request that whoever holds it may make, for some time: its URL and the headers that it needs.

    The URL gives access, and is written to no log.
    """

    url: str
    headers: dict[str, str] = {}
    size: int | None = None

    def __repr__(self) -> str:
        return "SignedRequest(…)"


class SentPart(msgspec.Struct, frozen=True):
    """A part that a client sent by itself: its number, from 1 on, and the ETag that the store answered with."""

    number: int
    etag: str


class PartsUpload(msgspec.Struct, frozen=True):
    """An upload in parts that has begun: its name, and the request by which each part is sent."""

    upload_id: str
    parts: Sequence[SignedRequest]


class DirectTransfers(Protocol):
    """What an artifact store may offer beside: that clients fetch and send files without passing it.

    Paths are as in `ArtifactStore`. Raises NotSupportedError for what this store, or its login, cannot.
    """

    @property
    def takes_parts(self) -> bool:
        """Whether uploads in parts are possible."""
        ...

    def download(self, path: str, seconds: int) -> SignedRequest:
        """Return a request that fetches a file, and the file's size."""
        ...

    def upload(self, path: str, seconds: int) -> SignedRequest:
        """Return a request that stores a file; what it sends is visible at once, and was not checked by anybody."""
        ...

    def begin_parts(self, path: str, count: int) -> PartsUpload:
        """Begin an upload in parts."""
        ...

    def complete_parts(self, path: str, upload_id: str, parts: Sequence[SentPart]) -> None:
        """Put the parts together: the file becomes visible. Raises as `ArtifactStore.put`."""
        ...

    def abort_parts(self, path: str, upload_id: str) -> None:
        """Drop the parts; nothing happens when there is no such upload."""
        ...
