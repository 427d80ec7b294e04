"""Garbage collection of a cache and a remote: what there is, and the execution of a plan (`gc_plan`).

What is needed is the caller's to say, as hashes: this layer knows neither pipelines' histories nor runs. What is
collected goes to a trash (`storage.trash`) for a time of grace.

Objects are listed before anything else is read, so that what comes in later is never touched; and what changed since
the collection began, by the clock of the cache's own file system, stays in any case.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from siglum.core.errors import InternalError, InvalidInputError, SiglumError
from siglum.core.hashes import DIR_SUFFIX, DataHash
from siglum.storage.durability import discard, temporary_name
from siglum.storage.hashing import md5_bytes
from siglum.storage.manifest import Manifest, decode_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remote_objects import LEGACY_MD5, MD5
from siglum.storage.remote_trash import RemoteTrash
from siglum.storage.remotes.base import BrowsableRemote, Remote
from siglum.storage.transfer import DEFAULT_JOBS, KEY_PREFIX, fetch_manifest
from siglum.storage.trash import Batch, Contents, Trash
from siglum.workspace.gc_plan import Found, GcPlan
from siglum.workspace.repository import Repository

GRACE_OPTION = "feature.gc_grace_days"
DEFAULT_GRACE_DAYS = 14.0
_KEY = re.compile(r"(?P<prefix>files/md5/)?(?P<two>[0-9a-f]{2})/(?P<rest>[0-9a-f]{30}(\.dir)?)\Z")


class Collected(msgspec.Struct, frozen=True):
    """What was moved into the trash of the cache (`remote` is None) or of a remote, and the batch that it is in."""

    remote: str | None
    moved: Contents
    batch: Batch


def grace_days(repo: Repository) -> float:
    """Return how many days the trash keeps what is collected. Raises InvalidInputError for a setting that is none."""
    text = repo.config.get(GRACE_OPTION)
    if text is None:
        return DEFAULT_GRACE_DAYS
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days < 1e6:
        raise InvalidInputError(
            f"{GRACE_OPTION} is {text!r}, but should be a number of days.", hint=f"siglum config {GRACE_OPTION} 14"
        )
    return days


def stores_of(repo: Repository) -> dict[str, ObjectStore]:
    """Return the parts of a cache by their algorithm's name."""
    return {MD5: repo.cache, LEGACY_MD5: repo.legacy_cache}


def trash_of(repo: Repository) -> Trash:
    """Return the trash of a repository's cache."""
    return Trash(repo.cache_dir, stores_of(repo))


def started_at(repo: Repository, *, dry: bool) -> int:
    """Return now, in nanoseconds, by the clock that stamps files of the cache. A dry run writes nothing to ask it."""
    if dry or not os.path.isdir(repo.cache_dir):
        return time.time_ns()
    path = os.path.join(repo.cache_dir, temporary_name())
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    try:
        return os.stat(path).st_ctime_ns
    finally:
        discard(path)


def list_cache(repo: Repository, started_ns: int) -> list[Found]:
    """Return the objects of a cache that were there, unchanged, before `started_ns`."""
    found = []
    for algorithm, store in stores_of(repo).items():
        objects: dict[str, int | None] = {}
        for oid in store.oids():
            try:
                status = os.lstat(store.path_of(oid))
            except FileNotFoundError:
                continue
            if status.st_ctime_ns < started_ns:
                objects[oid] = status.st_size
        found.append(Found(None, algorithm, objects))
    return found


def list_remote(remote: Remote, jobs: int = DEFAULT_JOBS) -> list[Found]:
    """Return the objects of a remote, with their sizes where it can be browsed."""
    remote.check()
    found: dict[str, dict[str, int | None]] = {MD5: {}, LEGACY_MD5: {}}
    for key, size in _browse(remote, jobs) if isinstance(remote, BrowsableRemote) else _list(remote):
        match = _KEY.match(key)
        if match is not None:
            found[MD5 if match["prefix"] else LEGACY_MD5][match["two"] + match["rest"]] = size
    return [Found(remote.name, algorithm, objects) for algorithm, objects in found.items()]


def _list(remote: Remote) -> Iterator[tuple[str, int | None]]:
    for key in remote.list(""):
        yield key, None


def _browse(remote: BrowsableRemote, jobs: int) -> Iterator[tuple[str, int | None]]:
    """Yield what is in the folders of objects, several of which are listed at once."""
    folders = [
        f"{top}{entry.name}"
        for top in ("", f"{KEY_PREFIX}/")
        for entry in remote.entries(top.rstrip("/"))
        if entry.is_dir and len(entry.name) == 2
    ]
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for folder, entries in zip(folders, pool.map(remote.entries, folders), strict=True):
            for entry in entries:
                if not entry.is_dir:
                    yield f"{folder}/{entry.name}", entry.size


class ManifestSource:
    """Folders' manifests wherever they are: in the cache, in its trash, on remotes. What is read is verified.

    `rebuilt` are some that are known in another way.
    """

    def __init__(
        self, repo: Repository, remotes: Sequence[Remote] = (), rebuilt: Mapping[DataHash, Manifest] | None = None
    ) -> None:
        self._repo = repo
        self._remotes = remotes
        self._rebuilt = rebuilt or {}
        self._known: dict[DataHash, tuple[str, ...] | None] = {}

    def files_of(self, data: DataHash) -> tuple[str, ...] | None:
        """Return the oids that a manifest lists, None when it is nowhere to be read."""
        if data not in self._known:
            manifest = self.read(data)
            self._known[data] = None if manifest is None else tuple(entry.oid for entry in manifest.entries)
        return self._known[data]

    def read(self, data: DataHash) -> Manifest | None:
        """Return a manifest, None when it is nowhere to be read. Not kept, since many together are large."""
        if data in self._rebuilt:
            return self._rebuilt[data]
        with contextlib.suppress(SiglumError):
            return self._repo.store_of(data).read_manifest(data.oid)
        trashed = trash_of(self._repo).find(data.algorithm, data.oid)
        if trashed is not None:
            with contextlib.suppress(SiglumError), open(trashed, "rb") as file:
                content = file.read()
                if md5_bytes(content) == data.oid.removesuffix(DIR_SUFFIX):
                    return decode_manifest(content, trashed)
        for remote in () if data.legacy else self._remotes:
            with contextlib.suppress(SiglumError):
                return fetch_manifest(data.oid, remote)
        return None


def run_gc(repo: Repository, plan: GcPlan, batch: Batch, remote: Remote | None, jobs: int | None) -> list[Collected]:
    """Move what a plan collects into the trash of the place that it is in, under one batch. The caller holds the lock.

    Killed at any instant, the rest can be collected later, and what was moved can be brought back.
    """
    collected = []
    for place in dict.fromkeys(each.remote for each in plan.collections):
        mine = [each for each in plan.collections if each.remote == place and each.oids]
        if not mine:
            continue
        trash = trash_of(repo) if place is None else RemoteTrash(_named(remote, place), jobs or DEFAULT_JOBS)
        trash.begin(batch)
        moved = Contents()
        for each in mine:
            moved += trash.take(batch, each.algorithm, each.oids)
        collected.append(Collected(place, moved, batch))
    for store in stores_of(repo).values():
        store.remove_litter()
    return collected


def _named(remote: Remote | None, name: str) -> Remote:
    if remote is None or remote.name != name:
        raise InternalError(f"The plan collects from the remote {name!r}, which was not given.")
    return remote
