"""The port to a source: one URL, which is a file or a folder.

- `facts` says what is there now, as cheaply as the place allows; equal facts mean that nothing changed.
- `take` puts the content into a store, durably, every byte hashed on its way. What was cut short, or changed while it
  came, is an error and leaves nothing in the store under the wrong name.
- What is not there raises NotFoundError; a place that does not answer UnavailableError; missing rights
  PermissionDeniedError. Messages show no credentials. What is transient is tried again below this port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias

import msgspec

from siglum.storage.objects import ObjectStore

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (files done, bytes done)."""


class Facts(msgspec.Struct, frozen=True):
    """What a source says of its content, in the words of a `.dvc` file's dependency.

    One of `md5` (of the bytes, or of a folder's manifest), `etag` and `checksum` is there. `size` is in bytes; `nfiles`
    is None for a file.
    """

    md5: str | None = None
    etag: str | None = None
    checksum: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self.nfiles is not None

    @property
    def token(self) -> tuple[str | None, str | None, str | None]:
        """What changes with the content."""
        return self.md5, self.etag, self.checksum


class TakenFile(msgspec.Struct, frozen=True, order=True):
    """One file that was taken in: its path below the URL ("" for a single file), its MD5 and its size in bytes."""

    relpath: str
    oid: str
    size: int


class Taken(msgspec.Struct, frozen=True):
    """What was taken in, and what the source said of it."""

    facts: Facts
    files: tuple[TakenFile, ...]


# So many bytes of a source, and so many files, are taken in before they are sent on.
GROUP_BYTES = 1 << 30
GROUP_FILES = 2048


class Source(Protocol):
    """A file or folder elsewhere. See the module's contract."""

    url: str

    def facts(self) -> Facts:
        """Return what is there now."""
        ...

    def take(self, store: ObjectStore, jobs: int | None = None, progress: Progress | None = None) -> Taken:
        """Put every file into `store`, durably.

        At most `jobs` transfers run at once, None for what suits the place. A single file is one transfer, and what is
        on a disk here is none: it is read as its scan thinks best.
        """
        ...

    def groups(self, store: ObjectStore, jobs: int | None = None) -> Iterator[tuple[TakenFile, ...]]:
        """Do as `take`, group by group: each is in `store` when it is yielded, and may be removed from there after.

        For data that need not fit on this disk. Whether anything changed meanwhile is for the caller to ask `facts`.
        """
        ...
