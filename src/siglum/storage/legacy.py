"""Data as DVC 2 recorded it: `md5-dos2unix` hashes, objects at `<cache>/aa/bb…`. Read and judged, never made anew.

The hash is that of the bytes with CR LF as LF, block by block of 1 MiB, where the first 512 bytes of a block look like
text. Two files that differ in nothing but line ends have one hash, so that the object may have either.
"""

from __future__ import annotations

import hashlib
import os
import time

from siglum.core.errors import IntegrityError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.hashing import FileHash, check_unchanged, md5, open_regular
from siglum.storage.index import FACT_SIZE, StatIndex, fingerprint, is_settled
from siglum.storage.links import LinkType, place
from siglum.storage.manifest import Manifest, make_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.walk import Ignore, walk

_BLOCK = 1 << 20
_LOOKED_AT = 512
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"
_ODD_AT_MOST = 0.30


def looks_like_text(block: bytes) -> bool:
    """Whether DVC 2 took a block for text."""
    head = block[:_LOOKED_AT]
    if not head:
        return True
    return b"\0" not in head and len(head.translate(None, _TEXT)) / len(head) <= _ODD_AT_MOST


def legacy_md5_file(path: str) -> FileHash:
    """Return a file's `md5-dos2unix` and its size as it is. Raises as `storage.hashing.md5_file` does."""
    hasher = md5()
    size = 0
    descriptor, before = open_regular(path)
    with open(descriptor, "rb", closefd=True) as file:
        while block := file.read(_BLOCK):
            hasher.update(block.replace(b"\r\n", b"\n") if looks_like_text(block) else block)
            size += len(block)
        check_unchanged(path, before, os.fstat(descriptor), size)
    return FileHash(hasher.hexdigest(), size)


def legacy_hash_of(path: str, index: StatIndex | None = None) -> str:
    """Return a file's `md5-dos2unix`, from the index where it is on record there."""
    status = os.stat(path)
    key = _fact(status)
    known = None if index is None else index.get_fact(key)
    if known is not None:
        return known
    read_at = time.time_ns()
    found = legacy_md5_file(path).oid
    if index is not None and is_settled(status, read_at):
        index.put_fact(key, found)
    return found


def legacy_manifest(root: str, index: StatIndex | None = None, ignore: Ignore | None = None) -> Manifest:
    """Return the manifest that DVC 2 would make of a folder. Raises as `storage.tree.walk` does."""
    return make_manifest([(relpath, legacy_hash_of(path, index)) for relpath, path, _ in walk(root, ignore)])


def legacy_key_of(oid: str) -> str:
    """Return the key of an object of DVC 2 on a remote."""
    return f"{oid[:2]}/{oid[2:]}"


class LegacyStore(ObjectStore):
    """The objects of DVC 2 below `root`, the cache's own folder."""

    def verify(self, oid: str) -> str:
        path = self.path_of(oid)
        try:
            # A manifest's bytes have no carriage return: both hashes of it are the same.
            found = legacy_hash_of(path, self.index)
        except FileNotFoundError:
            raise self.not_found(oid) from None
        if found != oid.removesuffix(DIR_SUFFIX):
            raise self.damaged(oid)
        return path

    def place(
        self,
        oid: str,
        target: str,
        types: tuple[LinkType, ...],
        executable: bool = False,
        staging: str | None = None,
    ) -> LinkType:
        try:
            source = self.verify(oid)
        except IntegrityError:
            self.quarantine(oid)
            raise
        return place(source, target, types, executable, staging)

    def quarantine_folder(self) -> str:
        return os.path.join(self.root, "quarantine")


def _fact(status: os.stat_result) -> bytes:
    """Return the key under which the index knows a file's other hash."""
    return hashlib.sha512(b"md5-dos2unix\0" + fingerprint(status)).digest()[:FACT_SIZE]
