"""Files and folders on object stores and SSH servers, read through the adapters of remotes.

An object store says what changed by its ETags; of a folder, the MD5 over all of them counts, as with DVC. Of what lies
on an SSH server only the bytes tell, which are fetched to know.
"""

from __future__ import annotations

import json
import posixpath
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from siglum.core.addresses import shown_url
from siglum.core.errors import ConflictError, NotFoundError, NotSupportedError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.hashing import md5_bytes, md5_file
from siglum.storage.manifest import make_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.base import BrowsableRemote, Remote
from siglum.storage.remotes.object_store import ObjectStoreRemote
from siglum.storage.remotes.open import open_remote
from siglum.storage.sources.base import GROUP_BYTES, GROUP_FILES, Facts, Progress, Taken, TakenFile

_JOBS = 16


class _Entry(msgspec.Struct, frozen=True):
    """One file: its key, its path below the URL ("" for a single file), its size in bytes, its ETag if it has one."""

    key: str
    relpath: str
    size: int
    etag: str | None = None


def open_remote_source(url: str, options: Mapping[str, str]) -> RemoteSource:
    """Return the source at a URL of a kind of remote. Connects to nothing yet. Raises as `open_remote`."""
    scheme, _, rest = url.partition("://")
    place, _, path = rest.partition("/")
    above, _, name = path.rstrip("/").rpartition("/")
    # Opened at the folder above, since what is at the URL may be one file.
    remote = open_remote(shown_url(url), f"{scheme}://{place}/{above}" if above else f"{scheme}://{place}/", options)
    if not isinstance(remote, BrowsableRemote):
        raise NotSupportedError(f"Siglum cannot read files by name at {scheme}:// addresses.")
    return RemoteSource(remote, url, name)


class RemoteSource:
    """What is at `key` of a remote."""

    def __init__(self, remote: BrowsableRemote, url: str, key: str) -> None:
        self.url = url
        self._remote = remote
        self._key = key

    def facts(self) -> Facts:
        entries = self._entries()
        if all(entry.etag is not None for entry in entries):
            return _by_etags(entries)
        with tempfile.TemporaryDirectory(prefix="siglum-source-") as folder:
            return self.take(ObjectStore(folder)).facts

    def take(self, store: ObjectStore, jobs: int | None = None, progress: Progress | None = None) -> Taken:
        entries = self._entries()
        files: list[TakenFile] = []
        for group in _groups(entries):
            files += self._take_group(store, group, jobs)
            if progress is not None:
                progress(len(files), sum(file.size for file in files))
        if self._entries() != entries:
            raise ConflictError(f"{shown_url(self.url)} changed while it was fetched.", hint="Try again.")
        if all(entry.etag is not None for entry in entries):
            return Taken(_by_etags(entries), tuple(files))
        return Taken(_by_content(files), tuple(files))

    def groups(self, store: ObjectStore, jobs: int | None = None) -> Iterator[tuple[TakenFile, ...]]:
        for group in _groups(self._entries()):
            yield self._take_group(store, group, jobs)

    def _take_group(self, store: ObjectStore, group: Sequence[_Entry], jobs: int | None) -> tuple[TakenFile, ...]:
        remote: Remote = self._remote  # type: ignore[assignment]  # what can be browsed is a remote

        def fetch(entry: _Entry, target: str) -> TakenFile:
            size = remote.get(entry.key, target, None)
            if size != entry.size:
                raise ConflictError(
                    f"{shown_url(self.url)}: {entry.key} has {size} bytes, not {entry.size}.", hint="Try again."
                )
            return TakenFile(entry.relpath, md5_file(target).oid, size)

        with store.batch() as batch:
            targets = batch.reserve(len(group))
            with ThreadPoolExecutor(max_workers=min(jobs or _JOBS, len(group))) as pool:
                taken = tuple(pool.map(fetch, group, targets))
            batch.receive_each((file.oid, target) for file, target in zip(taken, targets, strict=True))
            batch.commit()
        return taken

    def _entries(self) -> list[_Entry]:
        """Return all files, sorted by path. Raises NotFoundError when there is none."""
        found = self._described() if isinstance(self._remote, ObjectStoreRemote) else self._walked()
        if not found:
            raise NotFoundError(f"{shown_url(self.url)} does not exist.")
        return sorted(found, key=lambda entry: entry.relpath)

    def _described(self) -> list[_Entry]:
        assert isinstance(self._remote, ObjectStoreRemote)
        single = self._remote.describe(self._key) if self._key and not self.url.endswith("/") else None
        if single is not None:
            return [_Entry(self._key, "", single.size, single.etag)]
        prefix = f"{self._key}/" if self._key else ""
        return [
            _Entry(each.key, each.key[len(prefix) :], each.size, each.etag)
            for each in self._remote.describe_below(self._key)
        ]

    def _walked(self) -> list[_Entry]:
        size = self._remote.size_of(self._key) if self._key and not self.url.endswith("/") else None
        if size is not None:
            return [_Entry(self._key, "", size)]
        found: list[_Entry] = []
        pending = [""]
        while pending:
            folder = pending.pop()
            for entry in self._remote.entries(posixpath.join(self._key, folder).rstrip("/")):
                relpath = posixpath.join(folder, entry.name)
                if entry.is_dir:
                    pending.append(relpath)
                else:
                    found.append(_Entry(posixpath.join(self._key, relpath), relpath, entry.size or 0))
        return found


def _groups(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    group: list[_Entry] = []
    size = 0
    for entry in entries:
        group.append(entry)
        size += entry.size
        if size >= GROUP_BYTES or len(group) >= GROUP_FILES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _by_etags(entries: Sequence[_Entry]) -> Facts:
    if len(entries) == 1 and not entries[0].relpath:
        return Facts(etag=entries[0].etag, size=entries[0].size)
    listed = [{"etag": entry.etag, "relpath": entry.relpath} for entry in entries]
    # In the form of a folder's manifest, ETags in the place of hashes.
    oid = md5_bytes(json.dumps(listed, sort_keys=True).encode()) + DIR_SUFFIX
    return Facts(md5=oid, size=sum(entry.size for entry in entries), nfiles=len(entries))


def _by_content(files: Sequence[TakenFile]) -> Facts:
    if len(files) == 1 and not files[0].relpath:
        return Facts(md5=files[0].oid, size=files[0].size)
    manifest = make_manifest([(file.relpath, file.oid) for file in files])
    return Facts(md5=manifest.oid, size=sum(file.size for file in files), nfiles=len(files))
