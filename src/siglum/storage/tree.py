"""A folder or file in the workspace as it is now: each file's path, stat and MD5; unchanged files are not read."""

from __future__ import annotations

import os
import stat as stat_bits
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import attrgetter

import msgspec

from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.bulk import SmallFile, read_many
from siglum.storage.hashing import LARGE_FILE, hash_file, md5, md5_bytes, not_regular
from siglum.storage.index import StatIndex
from siglum.storage.ingest import IngestBatch
from siglum.storage.manifest import Manifest, encode_entries, make_manifest
from siglum.storage.walk import Ignore, Listing, list_files, state_key


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
    listings = list_files(root, ignore)
    known = index.get_fact(state_key(listings)) if index is not None else None
    if known is None:
        tree = _scan(root, listings, index, None)
        return TreeSummary(tree.oid, tree.size, tree.nfiles)
    return TreeSummary(
        known,
        sum(status.st_size for listing in listings for status in listing.stats),
        sum(len(listing.names) for listing in listings),
    )


def _scan(root: str, listings: Sequence[Listing], index: StatIndex | None, into: IngestBatch | None) -> TreeState:
    entries = sorted(_read_all(listings, index, into), key=attrgetter("relpath"))
    tree = TreeState(root, tuple(entries))
    if index is not None and index.has_facts(key for listing in listings for key in listing.fingerprints):
        index.put_fact(state_key(listings), tree.oid)
    return tree


def _read_all(listings: Sequence[Listing], index: StatIndex | None, into: IngestBatch | None) -> list[TreeEntry]:
    entries: list[TreeEntry] = []
    large: list[SmallFile] = []
    small: list[SmallFile] = []
    for prefix, folder, names, stats, fingerprints in listings:
        for name, status, key in zip(names, stats, fingerprints, strict=True):
            oid = index.get_fact(key) if index is not None else None
            if oid is not None and (into is None or into.has(oid)):
                entries.append(TreeEntry(prefix + name, oid, status))
            else:
                file = SmallFile(prefix + name, f"{folder}/{name}", status)
                (small if status.st_size < LARGE_FILE else large).append(file)
    entries += _read_small(small, index, into)
    entries += _read_large(large, index, into)
    return entries


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


def _read_large(files: list[SmallFile], index: StatIndex | None, into: IngestBatch | None) -> Iterable[TreeEntry]:
    """Read several large files at once: hashing gives the interpreter lock back. For small ones it would not pay."""
    if len(files) < 2:
        return [_read(file.relpath, file.path, index, into) for file in files]
    # Imported here: it brings `logging`, and most scans, `siglum status` above all, have nothing large to read.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(len(files), os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda file: _read(file.relpath, file.path, index, into), files))
