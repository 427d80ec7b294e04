"""A folder or file in the workspace as it is now: each file's path, stat and MD5; unchanged files are not read."""

from __future__ import annotations

import os
import stat as stat_bits
import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from operator import attrgetter
from typing import Protocol

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.bulk import SmallFile, read_many
from siglum.storage.hashing import LARGE_FILE, hash_file, md5, md5_bytes, not_regular
from siglum.storage.index import StatIndex
from siglum.storage.ingest import IngestBatch
from siglum.storage.manifest import Manifest, encode_entries, make_manifest


class Ignore(Protocol):
    """Which paths are invisible. Paths are the root as given, joined with `/`."""

    def is_ignored(self, path: str, is_dir: bool) -> bool:
        """Whether a path is hidden; below a folder that is, nothing is looked at."""
        ...

    def may_ignore_files(self, folder: str) -> bool:
        """Whether any file directly in a folder could be hidden: asked once a folder, to spare asking for each file."""
        ...


class TreeEntry(msgspec.Struct, frozen=True, gc=False):
    """One file: its path below the root (posix), the MD5 of its bytes, its stat."""

    relpath: str
    oid: str
    stat: os.stat_result

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.stat.st_size


class TreeState(msgspec.Struct, frozen=True, dict=True):
    """The files below `root`, sorted by relative path, links followed; empty folders are left out as in DVC."""

    root: str
    entries: tuple[TreeEntry, ...]

    @cached_property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.stat.st_size for entry in self.entries)

    @property
    def nfiles(self) -> int:
        """How many files."""
        return len(self.entries)

    @cached_property
    def manifest_bytes(self) -> bytes:
        """The bytes of the folder's manifest."""
        return encode_entries(self.entries)

    @cached_property
    def oid(self) -> str:
        """The name of the folder's manifest."""
        return md5_bytes(self.manifest_bytes) + DIR_SUFFIX

    @cached_property
    def manifest(self) -> Manifest:
        """The folder's manifest."""
        return make_manifest([(entry.relpath, entry.oid) for entry in self.entries])


def walk(root: str, ignore: Ignore | None = None) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield (relative path, path, stat) of every file below a folder, in no particular order.

    Links to files are followed; links to folders inside are neither followed nor recorded, as in DVC. A link that
    leads nowhere, a FIFO, socket or device, and a name that is not UTF-8 raise InvalidInputError naming the path.
    """
    pending = [("", root)]
    while pending:
        prefix, folder = pending.pop()
        filter_files = ignore is not None and ignore.may_ignore_files(folder)
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if not name.isascii():
                    _check_name(name, folder)
                path = f"{folder}/{name}"
                if entry.is_dir(follow_symlinks=False):
                    if ignore is None or not ignore.is_ignored(path, True):
                        pending.append((f"{prefix}{name}/", path))
                    continue
                if filter_files and ignore is not None and ignore.is_ignored(path, False):
                    continue
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    if not entry.is_symlink():
                        raise
                    raise InvalidInputError(
                        f"{path} is a link to {os.readlink(path)!r}, which is not there.",
                        hint="Repair or remove the link.",
                    ) from None
                mode = status.st_mode
                if stat_bits.S_ISREG(mode):
                    yield prefix + name, path, status
                elif not stat_bits.S_ISDIR(mode):
                    raise not_regular(path, status)


def _check_name(name: str, folder: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(
            f"The name of {folder}/{ascii(name)[1:-1]} is not valid UTF-8, so that it cannot be recorded.",
            hint="Rename it, or name its folder in .dvcignore.",
        ) from None


def scan_tree(
    root: str,
    index: StatIndex | None = None,
    ignore: Ignore | None = None,
    into: IngestBatch | None = None,
) -> TreeState:
    """Return the state of a folder, reading only what the index does not know.

    With `into`, every file's bytes go into that batch in the same pass over them; the caller commits it, and adds the
    manifest if it wants it stored. Raises as `walk` does, and ConflictError when a file changes while it is read.
    """
    entries: list[TreeEntry] = []
    large: list[tuple[str, str]] = []
    small: list[SmallFile] = []
    for relpath, path, status in walk(root, ignore):
        known = _known(status, index, into)
        if known is not None:
            entries.append(TreeEntry(relpath, known, status))
        elif status.st_size >= LARGE_FILE:
            large.append((relpath, path))
        else:
            small.append(SmallFile(relpath, path, status))
    entries += _read_small(small, index, into)
    entries += _read_large(large, index, into)
    entries.sort(key=attrgetter("relpath"))
    return TreeState(root, tuple(entries))


def scan_file(path: str, index: StatIndex | None = None, into: IngestBatch | None = None) -> TreeEntry:
    """Return the state of one file, as `scan_tree` does for each of a folder; its `relpath` is empty."""
    status = os.stat(path)
    if not stat_bits.S_ISREG(status.st_mode):
        raise not_regular(path, status)
    known = _known(status, index, into)
    return _read("", path, index, into) if known is None else TreeEntry("", known, status)


def _known(status: os.stat_result, index: StatIndex | None, into: IngestBatch | None) -> str | None:
    """Return the hash of a file that need not be read: it is on record, and in the store if it is to be there."""
    oid = index.get(status) if index is not None else None
    return oid if oid is None or into is None or into.has(oid) else None


def _read(relpath: str, path: str, index: StatIndex | None, into: IngestBatch | None) -> TreeEntry:
    if into is not None:
        found, status = into.add_and_stat(path, None, index)
    else:
        read_at = time.time_ns()
        found, status = hash_file(path, md5())
        if index is not None:
            index.put(status, found.oid, read_at)
    return TreeEntry(relpath, found.oid, status)


def _read_small(files: list[SmallFile], index: StatIndex | None, into: IngestBatch | None) -> Iterable[TreeEntry]:
    """Read many small files, in several processes where that pays."""
    read_at = time.time_ns()
    found = list(zip(files, read_many(files, into), strict=True))
    if index is not None:
        index.put_all(((file.status, oid) for file, oid in found if oid is not None), read_at)
    return [
        TreeEntry(file.relpath, oid, file.status) if oid is not None else _read(file.relpath, file.path, index, into)
        for file, oid in found
    ]


def _read_large(files: list[tuple[str, str]], index: StatIndex | None, into: IngestBatch | None) -> Iterable[TreeEntry]:
    """Read several large files at once: hashing gives the interpreter lock back. For small ones it would not pay."""
    if len(files) < 2:
        return [_read(relpath, path, index, into) for relpath, path in files]
    # Imported here: it brings `logging`, and most scans, `siglum status` above all, have nothing large to read.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(len(files), os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda file: _read(file[0], file[1], index, into), files))
