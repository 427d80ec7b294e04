"""What is below a folder: the names and stats of its files, folder by folder, without reading any."""

from __future__ import annotations

import hashlib
import os
import stat as stat_bits
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.storage.hashing import not_regular
from siglum.storage.index import FACT_SIZE, FileStatus, compact, total_size
from siglum.storage.workers import may_fork, run_parts

_KIND, _REGULAR = 0o170000, stat_bits.S_IFREG
# From so many files on, the folders that are left are shared with another process.
_MANY_FILES = 4000
_TOTALS = struct.Struct("<QQ")


class Ignore(Protocol):
    """Which paths are invisible. Paths are the root as given, joined with `/`."""

    def is_ignored(self, path: str, is_dir: bool) -> bool:
        """Whether a path is hidden; below a folder that is, nothing is looked at."""
        ...

    def may_ignore_files(self, folder: str) -> bool:
        """Whether any file directly in a folder could be hidden: asked once a folder, to spare asking for each file."""
        ...


class Listing(NamedTuple):
    """The files directly in one folder, in the order in which the system lists them.

    `prefix` is the folder's path below the root that was walked, with a slash at the end; empty for the root.
    """

    prefix: str
    folder: str
    names: list[str]
    stats: list[FileStatus]

    def files(self) -> Iterator[tuple[str, str, FileStatus]]:
        """Yield the relative path, the path and the stat of each file."""
        for name, status in zip(self.names, self.stats, strict=True):
            yield self.prefix + name, f"{self.folder}/{name}", status


def list_files(root: str, ignore: Ignore | None = None) -> list[Listing]:
    """List a folder and all folders in it, those without a file left out.

    Links to files are followed; links to folders inside are neither followed nor recorded, as in DVC. A link that
    leads nowhere, a FIFO, socket or device, and a name that is not UTF-8 raise InvalidInputError naming the path.
    """
    own, others = _list_in_two(root, ignore, msgspec.msgpack.encode)
    if others is not None:
        own += msgspec.msgpack.decode(others, type=list[Listing])
    return own


def _list_in_two(
    root: str, ignore: Ignore | None, answer: Callable[[list[Listing]], bytes]
) -> tuple[list[Listing], bytes | None]:
    """List a folder, a large one in two processes: return what this one listed, and the other's answer for the rest."""
    pending = [("", root)]
    own = _list_below(pending, ignore, _MANY_FILES if may_fork() else None)
    if not pending:
        return own, None
    # A list of folders is worked off from its end: the worker's half comes last, as it would with one process.
    half = len(pending) // 2
    parts = [part for part in (pending[half:], pending[:half]) if part]

    def look(number: int, part: Sequence[tuple[str, str]], _keep_going: Callable[[], None]) -> bytes:
        found = _list_below(list(part), ignore)
        if number:
            return answer(found)
        own.extend(found)
        return b""

    answers = run_parts(parts, look)
    if len(parts) == 1:
        return own, None
    # What a worker came across and could not say is raised here.
    return own, answers[1] if answers[1] is not None else look(1, parts[1], lambda: None)


def _list_below(pending: list[tuple[str, str]], ignore: Ignore | None, most: int | None = None) -> list[Listing]:
    """List what is pending, taking it off; with `most`, stop once so many files were found and folders are left."""
    listings = []
    found = 0
    while pending and (most is None or found < most):
        prefix, folder = pending.pop()
        folders, names, stats = _list(folder, ignore)
        pending += [(f"{prefix}{name}/", f"{folder}/{name}") for name in folders]
        if names:
            found += len(names)
            listings.append(Listing(prefix, folder, names, stats))
    return listings


def walk(root: str, ignore: Ignore | None = None) -> Iterator[tuple[str, str, FileStatus]]:
    """Yield (relative path, path, stat) of every file below a folder, in no order. Raises as `list_files` does."""
    for listing in list_files(root, ignore):
        yield from listing.files()


class FolderState(NamedTuple):
    """A folder as it is now: a key for it (see `state_key`), its bytes in all, how many files."""

    key: bytes
    size: int
    nfiles: int


def folder_state(root: str, ignore: Ignore | None = None) -> FolderState:
    """Return the state of a folder, large ones looked at in two processes. Raises as `list_files` does."""
    own, others = _list_in_two(root, ignore, _state_of)
    states = [_state_of(own)] if others is None else [_state_of(own), others]
    hasher = _key_hasher()
    size = nfiles = 0
    for state in states:
        more_size, more_files = _TOTALS.unpack_from(state)
        hasher.update(memoryview(state)[_TOTALS.size :])
        size += more_size
        nfiles += more_files
    return FolderState(hasher.digest()[:FACT_SIZE], size, nfiles)


def state_key(listings: Iterable[Listing]) -> bytes:
    """Return a key for "these files, each as it is now": what it stands for changes only when one of them does.

    Two listings of the same files in another order have different keys; the system does not reorder what it does not
    change, and a key that is not found costs time only.
    """
    hasher = _key_hasher()
    for listing in listings:
        hasher.update(_record(listing))
    return hasher.digest()[:FACT_SIZE]


def _key_hasher() -> hashlib._Hash:
    return hashlib.sha512(b"state of a folder\0")


def _record(listing: Listing) -> bytes:
    head = f"{listing.prefix}\0{len(listing.names)}\0".encode()
    return head + "\0".join(listing.names).encode() + b"".join([status.fingerprint for status in listing.stats])


def _state_of(listings: Sequence[Listing]) -> bytes:
    """Return the bytes and the number of all files, then what the key is made of."""
    size = total_size(status for listing in listings for status in listing.stats)
    nfiles = sum(len(listing.names) for listing in listings)
    return _TOTALS.pack(size, nfiles) + b"".join(map(_record, listings))


def _list(folder: str, ignore: Ignore | None) -> tuple[list[str], list[str], list[FileStatus]]:
    """Return the folders directly in a folder, its files, and their stats."""
    folders: list[str] = []
    names: list[str] = []
    stats: list[FileStatus] = []
    filter_files = ignore is not None and ignore.may_ignore_files(folder)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if ignore is None or not ignore.is_ignored(f"{folder}/{entry.name}", True):
                    folders.append(entry.name)
                continue
            if filter_files and ignore is not None and ignore.is_ignored(f"{folder}/{entry.name}", False):
                continue
            try:
                status = entry.stat()
            except FileNotFoundError:
                _check_link(entry)
                raise
            if status.st_mode & _KIND == _REGULAR:
                names.append(entry.name)
                stats.append(compact(status))
            elif not stat_bits.S_ISDIR(status.st_mode):
                raise not_regular(entry.path, status)
    _check_names(folder, names)
    _check_names(folder, folders)
    return folders, names, stats


def _check_link(entry: os.DirEntry[str]) -> None:
    if entry.is_symlink():
        raise InvalidInputError(
            f"{entry.path} is a link to {os.readlink(entry.path)!r}, which is not there.",
            hint="Repair or remove the link.",
        ) from None


def _check_names(folder: str, names: list[str]) -> None:
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        bad = next(name for name in names if not _is_utf8(name))
        raise InvalidInputError(
            f"The name of {folder}/{ascii(bad)[1:-1]} is not valid UTF-8, so that it cannot be recorded.",
            hint="Rename it, or name its folder in .dvcignore.",
        ) from None


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
