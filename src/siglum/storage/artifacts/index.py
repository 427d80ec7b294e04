"""The ports to the record of which bytes each artifact has. `tracking.sql` keeps it in the database of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from siglum.storage.artifacts.base import ArtifactEntry

UPLOAD = "upload:"
"""How the name of a content begins that was never read here, so that its SHA-256 is not known."""


class ArtifactIndex(Protocol):
    """What was stored under each path. Paths are relative to the artifact root, canonical (see `paths`).

    All methods block, are durable when they return, and may be called from several threads at once.
    """

    def record(self, path: str, size: int, sha256: str) -> None:
        """Remember a file's size in bytes and its SHA-256 (hex), in place of what was known of the path."""
        ...

    def get(self, path: str) -> tuple[int, str] | None:
        """Return the size and SHA-256 of the file at exactly this path, or None."""
        ...

    def get_many(self, paths: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Return the size and SHA-256 of those of the files that are known, by path."""
        ...

    def remove(self, path_prefix: str) -> None:
        """Forget the file at this path and all files below it as a folder; never `ab` when asked for `a`."""
        ...


class Content(msgspec.Struct, frozen=True):
    """Some bytes in an object store: what names them, their size, and the key of the object that holds them."""

    name: str
    size: int
    key: str

    @property
    def sha256(self) -> str | None:
        """The SHA-256, where it is known."""
        return None if self.name.startswith(UPLOAD) else self.name


class ContentIndex(Protocol):
    """Which content each path has, and which object holds it. Each content is held once.

    A key is given to one object, ever: hence a reader finds the bytes or nothing, and never others. The index is what
    decides which object is kept when two writers store the same bytes, or one while another deletes. Objects that it
    returns as unused are in its list of leftovers until `gone` is told of them, so that a crash loses track of none.

    All methods block, are durable when they return, and may be called from several threads and processes at once.
    """

    def find(self, path: str) -> Content | None:
        """Return the content of the file at exactly this path, or None."""
        ...

    def key_of(self, name: str) -> str | None:
        """Return the key of the object that holds a content."""
        ...

    def is_folder(self, path: str) -> bool:
        """Whether there is a file below this path."""
        ...

    def entries(self, folder: str) -> Sequence[ArtifactEntry]:
        """Return what is directly in a folder, "" for the root."""
        ...

    def begin(self, key: str) -> None:
        """Put a key that is about to be written on the list of leftovers."""
        ...

    def adopt(self, path: str, content: Content, *, instead_of: str | None = None) -> Sequence[str]:
        """Let a path have a content that was written to a new key; return the keys that nothing needs any more.

        When the content is held already, that object stays and the new one is unused; unless it is the one at
        `instead_of`, which is damaged. Raises ConflictError when the path is a folder or lies below a file.
        """
        ...

    def share(self, path: str, content: Content) -> Sequence[str] | None:
        """Let a path have a content that is held already at this key; None when it is not held there any more."""
        ...

    def settle(self, upload: str, sha256: str) -> Sequence[str]:
        """Give a content whose name was that of its upload its SHA-256; return as `adopt`."""
        ...

    def unsettled(self) -> Sequence[Content]:
        """Return the contents that are named after their uploads. Their sizes are as they were recorded."""
        ...

    def forget(self, path_prefix: str) -> Sequence[str]:
        """Forget the file at this path and all files below it as a folder; return as `adopt`."""
        ...

    def gone(self, keys: Sequence[str]) -> None:
        """Strike keys off the list of leftovers: their objects are deleted."""
        ...

    def leftovers(self, older_than_ms: int) -> Sequence[str]:
        """Return keys of leftovers: those no more needed, and those whose upload began longer ago than this."""
        ...
