"""The port to a remote: a flat place that holds objects under keys such as `files/md5/ab/cdef…`.

Contract, checked by `siglum.testing.remotes.RemoteContract`:

- A key becomes visible whole or not at all; `put` over an existing key is allowed and leaves the same or the new bytes.
- `put` hashes what it sends and `get` what it receives; bytes that do not match `oid` raise IntegrityError, and
  nothing is left under the final name.
- A missing key raises NotFoundError; a place that does not answer raises UnavailableError naming the remote; a full one
  raises StorageFullError; missing rights raise PermissionDeniedError. Retries of what is transient happen below this
  port.
- All methods block, and may be called from several threads at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from siglum.core.errors import SiglumError


class Remote(Protocol):
    """A place that holds copies of objects. See the module's contract."""

    name: str
    url: str

    def check(self) -> None:
        """Raise UnavailableError, in words for a person, when the place is not there."""
        ...

    def exists(self, keys: Iterable[str], jobs: int | None = None) -> set[str]:
        """Return those of `keys` that are there, with at most `jobs` requests at once (None: what suits the place).

        Implementations list once when many are asked, else ask each.
        """
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Yield all keys below `prefix`, in no order."""
        ...

    def put(self, source: str, key: str, oid: str | None) -> int:
        """Copy the local file `source` to `key`; return its size. With `oid` (hex MD5), verify while sending."""
        ...

    def get(self, key: str, target: str, oid: str | None) -> int:
        """Copy `key` to the new local file `target`; return its size. With `oid` (hex MD5), verify while receiving."""
        ...

    def delete(self, key: str) -> None:
        """Remove a key; nothing happens when it is not there."""
        ...


class Upload(msgspec.Struct, frozen=True, gc=False):
    """One object to be sent: a local file, the key it gets, and the hex MD5 its bytes must have."""

    source: str
    key: str
    oid: str


class Download(msgspec.Struct, frozen=True, gc=False):
    """One object to be fetched: its key, the new local file it goes to, and the hex MD5 its bytes must have."""

    key: str
    target: str
    oid: str


Outcome: TypeAlias = int | SiglumError | OSError
"""What became of one object of many: its size, or why it did not arrive."""


@runtime_checkable
class BulkRemote(Protocol):
    """What a remote may offer beside `Remote`: to move many objects for the price of one flush, or many at once.

    Outcomes come in the order asked for. One bad object (damaged, missing, changed while it was read) is an outcome
    and keeps no other back; what makes going on senseless (the place is away or full, rights are missing) is raised.
    """

    def put_many(self, uploads: Sequence[Upload], jobs: int | None = None) -> Sequence[Outcome]:
        """Send all, at most `jobs` at once (None: what suits the place). Durable and visible on return."""
        ...

    def get_many(self, downloads: Sequence[Download], jobs: int | None = None) -> Sequence[Outcome]:
        """Fetch all, at most `jobs` at once. Nothing is left under the target of what did not arrive."""
        ...


class RemoteEntry(msgspec.Struct, frozen=True):
    """What is directly in a folder of a place: its name, and its size in bytes if it is a file."""

    name: str
    is_dir: bool = False
    size: int | None = None


@runtime_checkable
class BrowsableRemote(Protocol):
    """What a remote may offer beside `Remote`: a look at any files there, not objects only. Errors are as above."""

    def size_of(self, key: str) -> int | None:
        """Return the size of the file at a key, "" for the remote's own URL; None when there is no file."""
        ...

    def entries(self, folder: str) -> Sequence[RemoteEntry]:
        """Return what is directly in a folder, "" for the remote's own URL, in no order; nothing when it is not there.

        On an object store a folder is there when something is in it.
        """
        ...


@runtime_checkable
class RangedRemote(Protocol):
    """What a remote may offer beside `Remote`: parts of an object. A part has no hash: who reads all of it checks."""

    def size_of(self, key: str) -> int | None:
        """Return the size of the object at a key; None when there is none."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes (at least 1) from `start` on, fewer only where the object ends. Errors are as above."""
        ...
