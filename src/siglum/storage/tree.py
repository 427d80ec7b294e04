"""A folder or file in the workspace as it is now: each file's path, stat and MD5; unchanged files are not read."""

from __future__ import annotations

import os
import stat as stat_bits
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TypeAlias

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.storage.hashing import hash_file, md5, not_regular
from siglum.storage.index import StatIndex
from siglum.storage.ingest import IngestBatch
from siglum.storage.manifest import Manifest, make_manifest

IsIgnored: TypeAlias = Callable[[str, bool], bool]
"""Takes a path (the root as given, joined with `/`) and whether it is a folder; a folder that is ignored is pruned."""


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
    def manifest(self) -> Manifest:
        """The folder's manifest."""
        return make_manifest([(entry.relpath, entry.oid) for entry in self.entries])


def walk(root: str, is_ignored: IsIgnored | None = None) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield (relative path, path, stat) of every file below a folder, in no particular order.

    Links to files are followed; links to folders inside are neither followed nor recorded, as in DVC. A link that
    leads nowhere, a FIFO, socket or device, and a name that is not UTF-8 raise InvalidInputError naming the path.
    """
    pending = [("", root)]
    while pending:
        prefix, folder = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if not name.isascii():
                    _check_name(name, folder)
                path = f"{folder}/{name}"
                if entry.is_dir(follow_symlinks=False):
                    if is_ignored is None or not is_ignored(path, True):
                        pending.append((f"{prefix}{name}/", path))
                    continue
                if is_ignored is not None and is_ignored(path, False):
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
    is_ignored: IsIgnored | None = None,
    into: IngestBatch | None = None,
) -> TreeState:
    """Return the state of a folder, reading only what the index does not know.

    With `into`, every file's bytes go into that batch in the same pass over them; the caller commits it, and adds the
    manifest if it wants it stored. Raises as `walk` does, and ConflictError when a file changes while it is read.
    """
    found = walk(root, is_ignored)
    entries = [TreeEntry(*_entry(relpath, path, status, index, into)) for relpath, path, status in found]
    entries.sort(key=lambda entry: entry.relpath)
    return TreeState(root, tuple(entries))


def scan_file(path: str, index: StatIndex | None = None, into: IngestBatch | None = None) -> TreeEntry:
    """Return the state of one file, as `scan_tree` does for each of a folder; its `relpath` is empty."""
    status = os.stat(path)
    if stat_bits.S_ISREG(status.st_mode):
        return TreeEntry(*_entry("", path, status, index, into))
    raise not_regular(path, status)


def _entry(
    relpath: str, path: str, status: os.stat_result, index: StatIndex | None, into: IngestBatch | None
) -> tuple[str, str, os.stat_result]:
    known = index.get(status) if index is not None else None
    if into is not None:
        if known is not None and into.has(known):
            return relpath, known, status
        copied, seen = into.add_and_stat(path, None, index)
        return relpath, copied.oid, seen
    if known is not None:
        return relpath, known, status
    read_at = time.time_ns()
    found, seen = hash_file(path, md5())
    if index is not None:
        index.put(seen, found.oid, read_at)
    return relpath, found.oid, seen
