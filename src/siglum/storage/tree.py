"""A folder or file in the workspace as it is now: each file's path, stat and MD5; unchanged files are not read."""

from __future__ import annotations

import os
import stat as stat_bits
from collections.abc import Sequence
from functools import cached_property
from operator import attrgetter

import msgspec

from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.bulk import FileToRead, read_file, read_files
from siglum.storage.hashing import md5_bytes, not_regular
from siglum.storage.index import StatIndex, Status, fingerprint, total_size
from siglum.storage.ingest import IngestBatch
from siglum.storage.manifest import Manifest, encode_entries, make_manifest
from siglum.storage.walk import Ignore, Listing, folder_state, list_files, state_key


class TreeEntry(msgspec.Struct, frozen=True, gc=False):
    """One file: its path below the root (posix), the MD5 of its bytes, its stat."""

    relpath: str
    oid: str
    stat: Status

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
        return total_size(entry.stat for entry in self.entries)

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


class TreeSummary(msgspec.Struct, frozen=True):
    """A folder without its files: the name of its manifest, its bytes in all, how many files."""

    oid: str
    size: int
    nfiles: int


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
    return _scan(root, list_files(root, ignore), index, into)


def summarize_tree(root: str, index: StatIndex | None = None, ignore: Ignore | None = None) -> TreeSummary:
    """Return what `scan_tree` would, without the files: a folder in which nothing changed costs a stat of each."""
    if index is not None:
        state = folder_state(root, ignore)
        known = index.get_fact(state.key)
        if known is not None:
            return TreeSummary(known, state.size, state.nfiles)
    tree = _scan(root, list_files(root, ignore), index, None)
    return TreeSummary(tree.oid, tree.size, tree.nfiles)


def _scan(root: str, listings: Sequence[Listing], index: StatIndex | None, into: IngestBatch | None) -> TreeState:
    entries, read = _read_all(root, listings, index, into)
    entries.sort(key=attrgetter("relpath"))
    tree = TreeState(root, tuple(entries))
    if index is not None and index.has_facts(fingerprint(file.status) for file in read):
        index.put_fact(state_key(listings), tree.oid)
    return tree


def _read_all(
    root: str, listings: Sequence[Listing], index: StatIndex | None, into: IngestBatch | None
) -> tuple[list[TreeEntry], list[FileToRead]]:
    """Return all files, and those of them that had to be read."""
    entries: list[TreeEntry] = []
    unknown: list[FileToRead] = []
    for prefix, folder, names, stats in listings:
        known = [None] * len(names) if index is None else index.get_each(status.fingerprint for status in stats)
        for name, status, oid in zip(names, stats, known, strict=True):
            if oid is not None:
                entries.append(TreeEntry(prefix + name, oid, status))
            else:
                unknown.append(FileToRead(prefix + name, f"{folder}/{name}", status))
    if into is not None:
        stored = into.has_each([entry.oid for entry in entries])
        if not all(stored):
            absent = [entry for entry, there in zip(entries, stored, strict=True) if not there]
            unknown += [FileToRead(each.relpath, f"{root}/{each.relpath}", each.stat) for each in absent]
            entries = [entry for entry, there in zip(entries, stored, strict=True) if there]
    for file, read in zip(unknown, read_files(unknown, index, into), strict=True):
        entries.append(TreeEntry(file.relpath, read.oid, read.status))
    return entries, unknown


def scan_file(path: str, index: StatIndex | None = None, into: IngestBatch | None = None) -> TreeEntry:
    """Return the state of one file, as `scan_tree` does for each of a folder; its `relpath` is empty."""
    status = os.stat(path)
    if not stat_bits.S_ISREG(status.st_mode):
        raise not_regular(path, status)
    oid = index.get(status) if index is not None else None
    if oid is None or (into is not None and not into.has(oid)):
        return TreeEntry("", *read_file(path, index, into))
    return TreeEntry("", oid, status)
