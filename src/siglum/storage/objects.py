"""The local store of objects by content, in DVC's layout: `<root>/aa/bb…` with mode 0444, root = `<cache>/files/md5`.

An object appears whole or not at all, and durable before anything may point to it. A file's mode is no evidence of its
content: what is read for use is hashed, unless the stat index says that exactly this inode state was hashed before. A
damaged object is moved to `<cache>/quarantine`, never deleted.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator

from siglum.core.errors import FileFormatError, IntegrityError, InvalidInputError, NotFoundError
from siglum.core.hashes import DIR_SUFFIX
from siglum.core.temporary_names import is_temporary
from siglum.storage.hashing import FileHash, md5_bytes, md5_object
from siglum.storage.index import FACT_SIZE, StatIndex, is_settled
from siglum.storage.ingest import IngestBatch
from siglum.storage.links import LinkType, place
from siglum.storage.manifest import Manifest, decode_manifest
from siglum.storage.new_folders import remove_aside

_OID = re.compile(r"[0-9a-f]{32}(\.dir)?\Z")
_QUARANTINED = re.compile(r"[0-9a-f]{32}(\.dir)?(?=(\.[0-9]+)?\Z)")
_FOLDER = re.compile(r"[0-9a-f]{2}\Z")
HEAL_HINT = "Run `siglum pull` to get it from a remote, or `siglum add` where the data still is."


class ObjectStore:
    """Objects below `root`, named by the MD5 of their bytes; `.dir` objects are folder manifests.

    `index` remembers which objects were verified; without one every use hashes. Nothing is created before a write.
    """

    def __init__(self, root: str, index: StatIndex | None = None) -> None:
        self.root = root.rstrip("/")
        self.index = index

    def path_of(self, oid: str) -> str:
        """Return where an object is or would be. Raises InvalidInputError for what is not an oid."""
        if not _OID.match(oid):
            raise InvalidInputError(f"{oid!r} is not the name of an object.")
        return f"{self.root}/{oid[:2]}/{oid[2:]}"

    def has(self, oid: str) -> bool:
        """Whether the object is there, sound or not."""
        return os.path.exists(self.path_of(oid))

    def missing(self, oids: Iterable[str]) -> list[str]:
        """Return those of `oids` that are not there, in order. Many are answered by listing their folders once."""
        asked = list(dict.fromkeys(oids))
        if len(asked) < 512:
            return [oid for oid in asked if not self.has(oid)]
        listed: dict[str, frozenset[str]] = {}
        absent = []
        for oid in asked:
            prefix = oid[:2]
            names = listed.get(prefix)
            if names is None:
                names = listed[prefix] = self.names_below(prefix)
            if oid[2:] not in names:
                absent.append(oid)
        return absent

    def has_all(self, manifest: str, oids: Iterable[str] | None = None) -> bool:
        """Whether a folder's manifest and all its files are there, sound or not.

        `oids` are the files' names, where the caller has them; else the manifest is read, and must be sound.

        A yes is remembered for as long as no folder of the store changes, which saves listing them.
        """
        fact = self._completeness_fact(manifest)
        if fact is not None and self.index is not None and self.index.get_fact(fact) == manifest:
            return True
        complete = self.has(manifest) and self._has_files(manifest, oids)
        if complete and fact is not None and self.index is not None:
            self.index.put_fact(fact, manifest)
        return complete

    def _has_files(self, manifest: str, oids: Iterable[str] | None) -> bool:
        if oids is None:
            try:
                oids = [entry.oid for entry in self.read_manifest(manifest).entries]
            except (IntegrityError, FileFormatError):
                return False
        return not self.missing(oids)

    def _completeness_fact(self, manifest: str) -> bytes | None:
        """Return a key for "the store, as its folders are now, has all of `manifest`"; None while one just changed."""
        now = time.time_ns()
        states = [f"{self.root}\0{manifest}"]
        for number in range(256):
            try:
                status = os.stat(f"{self.root}/{number:02x}")
            except FileNotFoundError:
                states.append("-")
                continue
            if not is_settled(status, now):
                return None
            states.append(f"{status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}")
        return hashlib.sha512("\n".join(states).encode()).digest()[:FACT_SIZE]

    def oids(self) -> Iterator[str]:
        """Yield the names of all objects, in no order. Litter of interrupted writes is left out."""
        try:
            prefixes = os.listdir(self.root)
        except FileNotFoundError:
            return
        for prefix in prefixes:
            if _FOLDER.match(prefix):
                for name in self.names_below(prefix):
                    if _OID.match(prefix + name):
                        yield prefix + name

    def names_below(self, prefix: str) -> frozenset[str]:
        """Return the file names in the folder of the objects whose oids begin with these two digits."""
        try:
            return frozenset(os.listdir(f"{self.root}/{prefix}"))
        except FileNotFoundError:
            return frozenset()

    def size_of(self, oid: str) -> int:
        """Return an object's size in bytes. Raises NotFoundError."""
        try:
            return os.stat(self.path_of(oid)).st_size
        except FileNotFoundError:
            raise self.not_found(oid) from None

    def is_sound(self, oid: str) -> bool:
        """Whether the object is there and its bytes are what its name says; reads it unless that is on record."""
        try:
            self.verify(oid)
        except (NotFoundError, IntegrityError):
            return False
        return True

    def verify(self, oid: str) -> str:
        """Return the path of an object whose bytes are what its name says, reading it unless that is on record.

        Raises NotFoundError when it is not there; IntegrityError when it is damaged (it stays where it is).
        """
        path = self.path_of(oid)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            raise self.not_found(oid) from None
        if self.index is not None and self.index.is_sound(status, oid):
            return path
        read_at = time.time_ns()
        if md5_object(path) != oid.removesuffix(DIR_SUFFIX):
            raise self.damaged(oid)
        if self.index is not None:
            self.index.note_sound(status, oid, read_at)
        return path

    def not_found(self, oid: str) -> NotFoundError:
        """Return the error for an object that is not in the cache."""
        return NotFoundError(f"Object {oid} is not in the cache ({self.root}).", hint=HEAL_HINT)

    def damaged(self, oid: str) -> IntegrityError:
        """Return the error for an object whose bytes are not what its name says."""
        return IntegrityError(f"{self.path_of(oid)} is damaged: its bytes do not hash to {oid}.", hint=HEAL_HINT)

    def quarantine(self, oid: str) -> str:
        """Move an object to `<cache>/quarantine`, out of use but not lost; return its new path."""
        source = self.path_of(oid)
        folder = self.quarantine_folder()
        os.makedirs(folder, exist_ok=True)
        target = f"{folder}/{oid}"
        number = 1
        while os.path.lexists(target):
            number += 1
            target = f"{folder}/{oid}.{number}"
        try:
            os.rename(source, target)
        except FileNotFoundError:
            raise self.not_found(oid) from None
        return target

    def quarantined(self) -> set[str]:
        """Return the names of objects that were once put into quarantine."""
        try:
            names = os.listdir(self.quarantine_folder())
        except FileNotFoundError:
            return set()
        return {match[0] for match in map(_QUARANTINED.match, names) if match is not None}

    def quarantine_folder(self) -> str:
        """Return where damaged objects go."""
        return os.path.join(os.path.dirname(os.path.dirname(self.root)), "quarantine")

    def read_bytes(self, oid: str) -> bytes:
        """Return an object's verified bytes. For small ones, such as manifests."""
        try:
            with open(self.path_of(oid), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            raise self.not_found(oid) from None
        if md5_bytes(data) != oid.removesuffix(DIR_SUFFIX):
            raise self.damaged(oid)
        return data

    def read_manifest(self, oid: str) -> Manifest:
        """Return a folder's manifest. Raises NotFoundError, IntegrityError, FileFormatError."""
        return decode_manifest(self.read_bytes(oid), self.path_of(oid))

    def write_manifest(self, manifest: Manifest) -> str:
        """Store a manifest durably; return its oid."""
        with self.batch() as batch:
            batch.add_bytes(manifest.encode(), manifest.oid)
            batch.commit()
        return manifest.oid

    def batch(self) -> IngestBatch:
        """Begin to store many objects that become durable together by the batch's `commit`."""
        return IngestBatch(self)

    def ingest(self, items: Iterable[tuple[str, str | None]]) -> list[FileHash]:
        """Store copies of many files durably; return their hashes, in order.

        Each item is a path and the oid it must have, or None for whatever it has. One that does not have it raises
        ConflictError, and nothing of the call becomes visible.
        """
        with self.batch() as batch:
            hashes = [batch.add_file(path, expected) for path, expected in items]
            batch.commit()
        return hashes

    def place(
        self,
        oid: str,
        target: str,
        types: tuple[LinkType, ...],
        executable: bool = False,
        staging: str | None = None,
    ) -> LinkType:
        """Put a verified object at `target` in the workspace; see `storage.links.place`.

        A damaged object is moved to quarantine and raises IntegrityError; `target` is then left as it was.
        """
        source = self.path_of(oid)
        try:
            self.verify(oid)
        except IntegrityError:
            self.quarantine(oid)
            raise
        kind = place(source, target, types, executable, staging)
        if self.index is not None and kind is LinkType.HARDLINK:
            # Another name changed the inode's ctime, not its bytes, which were verified above.
            self.index.put(os.stat(source), oid, time.time_ns())
        return kind

    def remove_litter(self, older_than_seconds: float = 3600.0) -> int:
        """Remove temporaries that interrupted writes left behind; return how many. Young ones may be in use."""
        horizon = time.time() - older_than_seconds
        removed = 0
        for folder in (self.root, *(f"{self.root}/{n:02x}" for n in range(256))):
            try:
                names = os.listdir(folder)
            except FileNotFoundError:
                continue
            for name in filter(is_temporary, names):
                path = f"{folder}/{name}"
                if os.lstat(path).st_mtime < horizon:
                    remove_aside(path)
                    removed += 1
        return removed
