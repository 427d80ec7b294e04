"""Sending objects to a remote and fetching them back: first a plan, which is a value, then its execution.

The order keeps one promise: a manifest on a remote, or in a cache, means that all its files are there. Files go first;
a manifest follows when every one of its files arrived. What is there already is not sent again, so that an interrupted
transfer goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec

from siglum.core.errors import ConflictError, FileFormatError, IntegrityError, NotFoundError, SiglumError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.durability import discard
from siglum.storage.legacy import LegacyStore, legacy_key_of, legacy_md5_file
from siglum.storage.manifest import Manifest, decode_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.base import BulkRemote, Download, Outcome, Remote, Upload
from siglum.storage.remotes.threads import run_in_threads

KEY_PREFIX = "files/md5"
DEFAULT_JOBS = 8
# So many objects share one flush: enough to make it cheap, few enough that an interruption loses little.
_GROUP = 16_384
_GROUP_BYTES = 1 << 30
# Of so many objects, one in eight is looked at to know about how large a group is.
_MANY, _SAMPLE = 4096, 8

Progress: TypeAlias = Callable[[int, int], None]
"""Called after each step with (objects done, bytes done), from the thread that runs the transfer."""


class TransferFailure(msgspec.Struct, frozen=True):
    """An object that did not arrive, and why. `missing` when the side it should come from does not have it."""

    oid: str
    reason: str
    missing: bool = False
    damaged: bool = False


class TransferPlan(msgspec.Struct, frozen=True):
    """What is to be moved, files before manifests, and what is known beforehand not to be possible.

    That an object of `optional` is on neither side is no failure.
    """

    direction: Literal["push", "fetch"]
    cache: ObjectStore
    remote: Remote
    files: tuple[str, ...]
    manifests: tuple[Manifest, ...]
    present: int
    failures: tuple[TransferFailure, ...] = ()
    optional: frozenset[str] = frozenset()

    @property
    def oids(self) -> tuple[str, ...]:
        """All objects to be moved, in order."""
        return (*self.files, *(manifest.oid for manifest in self.manifests))

    def __len__(self) -> int:
        return len(self.files) + len(self.manifests)


class TransferResult(msgspec.Struct, frozen=True):
    """What was moved (`size` in bytes), what had been there before, and what failed."""

    moved: tuple[str, ...]
    size: int
    present: int
    failures: tuple[TransferFailure, ...]


def key_of(oid: str) -> str:
    """Return the key of an object on a remote."""
    return f"{KEY_PREFIX}/{oid[:2]}/{oid[2:]}"


def keys_for(cache: ObjectStore) -> Callable[[str], str]:
    """Return what makes the keys of a cache's objects: those of DVC 2 have their own place."""
    return legacy_key_of if isinstance(cache, LegacyStore) else key_of


def plan_push(oids: Iterable[str], cache: ObjectStore, remote: Remote, jobs: int | None = None) -> TransferPlan:
    """Return what a remote lacks of these objects and of the files that their manifests list.

    A manifest on the remote stands for its files: they are not asked for. Objects that the cache does not have are
    failures of the plan. Raises UnavailableError when the remote is not there but should be.
    """
    key_of = keys_for(cache)
    asked = list(dict.fromkeys(oids))
    there = remote.exists([key_of(oid) for oid in asked], jobs)
    failures: dict[str, TransferFailure] = {}
    manifests: list[Manifest] = []
    wanted: dict[str, None] = {}
    present = 0
    for oid in asked:
        if key_of(oid) in there:
            present += 1
        elif not oid.endswith(DIR_SUFFIX):
            wanted[oid] = None
        else:
            try:
                manifest = cache.read_manifest(oid)
            except SiglumError as e:
                failures[oid] = _failure(oid, e)
            else:
                manifests.append(manifest)
                wanted.update(dict.fromkeys(entry.oid for entry in manifest.entries))
    keys = {key_of(oid): oid for oid in wanted}
    have = remote.exists(keys, jobs) if keys else set()
    files = sorted(oid for key, oid in keys.items() if key not in have)  # a folder's files one after the other
    for oid in cache.missing(files):
        failures[oid] = _failure(oid, cache.not_found(oid))
    files = [oid for oid in files if oid not in failures]
    return TransferPlan(
        "push", cache, remote, tuple(files), tuple(manifests), present + len(have), tuple(failures.values())
    )


def plan_fetch(oids: Iterable[str], cache: ObjectStore, remote: Remote, jobs: int | None = None) -> TransferPlan:
    """Return what the cache lacks of these objects and of the files that their manifests list.

    A manifest that the cache lacks is fetched now, kept in memory, and stored when its files are there. Objects that
    the remote does not have are failures of the plan. Raises UnavailableError when the remote is not there.
    """
    remote.check()
    asked = list(dict.fromkeys(oids))
    failures: dict[str, TransferFailure] = {}
    manifests: list[Manifest] = []
    wanted: dict[str, None] = {}
    folders = [oid for oid in asked if oid.endswith(DIR_SUFFIX)]
    absent = [oid for oid in folders if not cache.has(oid)]
    fetched = _fetch_manifests(absent, cache, remote, jobs)
    for oid in asked:
        if not oid.endswith(DIR_SUFFIX):
            wanted[oid] = None
            continue
        try:
            manifest = fetched[oid] if oid in fetched else cache.read_manifest(oid)
            if isinstance(manifest, SiglumError):
                raise manifest
        except SiglumError as e:
            failures[oid] = _failure(oid, e)
            continue
        if oid in fetched:
            manifests.append(manifest)
        wanted.update(dict.fromkeys(entry.oid for entry in manifest.entries))
    files = sorted(cache.missing(wanted))
    present = len(folders) - len(absent) + len(wanted) - len(files)
    return TransferPlan("fetch", cache, remote, tuple(files), tuple(manifests), present, tuple(failures.values()))


def _fetch_manifests(
    oids: Sequence[str], cache: ObjectStore, remote: Remote, jobs: int | None
) -> dict[str, Manifest | SiglumError]:
    """Return the manifests from a remote, verified, or why there is none; many side by side."""
    key_of = keys_for(cache)

    def fetch(oid: str) -> Manifest | SiglumError:
        try:
            return fetch_manifest(oid, remote, key_of(oid))
        except (NotFoundError, IntegrityError, FileFormatError) as e:
            return e

    return dict(zip(oids, run_in_threads(fetch, oids, jobs or DEFAULT_JOBS), strict=True))


def fetch_manifest(oid: str, remote: Remote, key: str | None = None) -> Manifest:
    """Return a folder's manifest from a remote, verified. Raises NotFoundError, IntegrityError, FileFormatError.

    It is not stored: a manifest in the cache would say that its files are there.
    """
    with tempfile.TemporaryDirectory(prefix="siglum-manifest-") as folder:
        path = os.path.join(folder, "manifest")
        remote.get(key or key_of(oid), path, oid)
        with open(path, "rb") as file:
            return decode_manifest(file.read(), oid)


def run_transfer(plan: TransferPlan, jobs: int | None = None, progress: Progress | None = None) -> TransferResult:
    """Move what the plan lists; return what came of it. Failures of single objects are in the result, not raised.

    What makes going on senseless is raised: a remote that is away, a full disk, missing rights. At most `jobs` objects
    are under way at once; None leaves that to the remote.
    """
    runner = _Runner(plan, jobs, progress)
    runner.move(plan.files)
    lost = {failure.oid for failure in runner.failures}
    complete = []
    for manifest in plan.manifests:
        without = [entry for entry in manifest.entries if entry.oid in lost]
        if without:
            reason = f"{len(without)} of its files did not arrive."
            runner.failures.append(TransferFailure(manifest.oid, reason))
        else:
            complete.append(manifest.oid)
    runner.move(complete)
    return TransferResult(tuple(runner.moved), runner.size, plan.present, tuple(runner.failures))


class _Runner:
    """The state of one run: what moved so far, and what failed."""

    def __init__(self, plan: TransferPlan, jobs: int | None, progress: Progress | None) -> None:
        self.plan = plan
        self.legacy = isinstance(plan.cache, LegacyStore)
        self.key_of = keys_for(plan.cache)
        self.path_of = plan.cache.path_of
        self.jobs = jobs
        self.progress = progress
        self.moved: list[str] = []
        self.size = 0
        self.failures = list(plan.failures)

    def move(self, oids: Sequence[str]) -> None:
        """Move objects, group by group; each group is durable and visible before the next one begins."""
        for group in _groups(oids, self.plan):
            step = self._push if self.plan.direction == "push" else self._fetch
            for oid, outcome in zip(group, step(group), strict=True):
                if isinstance(outcome, int):
                    self.moved.append(oid)
                    self.size += outcome
                elif oid not in self.plan.optional or not isinstance(outcome, NotFoundError):
                    self.failures.append(_failure(oid, outcome))
            if self.progress is not None:
                self.progress(len(self.moved), self.size)

    def _push(self, oids: Sequence[str]) -> Sequence[Outcome]:
        remote = self.plan.remote
        if isinstance(remote, BulkRemote) and not self.legacy:
            return remote.put_many([Upload(self.path_of(oid), self.key_of(oid), oid) for oid in oids], self.jobs)
        return self._each(self._push_one, oids)

    def _push_one(self, oid: str) -> int:
        # What DVC 2 hashed is not what lies there, byte by byte: it is verified here, and not again on its way.
        path = self.plan.cache.verify(oid) if self.legacy else self.path_of(oid)
        return self.plan.remote.put(path, self.key_of(oid), None if self.legacy else oid)

    def _fetch(self, oids: Sequence[str]) -> Sequence[Outcome]:
        remote = self.plan.remote
        with self.plan.cache.batch() as batch:
            if isinstance(remote, BulkRemote) and not self.legacy:
                targets = batch.places_for(oids)
                downloads = [Download(self.key_of(oid), path, oid) for oid, path in zip(oids, targets, strict=True)]
                outcomes = remote.get_many(downloads, self.jobs)
                batch.receive_each(
                    (oid, target)
                    for oid, target, outcome in zip(oids, targets, outcomes, strict=True)
                    if isinstance(outcome, int)
                )
            else:
                outcomes = self._each(lambda oid: batch.receive(oid, lambda path: self._fetch_one(oid, path)), oids)
            batch.commit()
        return outcomes

    def _fetch_one(self, oid: str, path: str) -> int:
        size = self.plan.remote.get(self.key_of(oid), path, None if self.legacy else oid)
        if self.legacy and legacy_md5_file(path).oid != oid.removesuffix(DIR_SUFFIX):
            discard(path)
            raise IntegrityError(f"Remote {self.plan.remote.name!r}: {self.key_of(oid)} is damaged.")
        return size

    def _each(self, move: Callable[[str], int], oids: Sequence[str]) -> list[Outcome]:
        def attempt(oid: str) -> Outcome:
            try:
                return move(oid)
            except (IntegrityError, NotFoundError, ConflictError) as e:
                return e

        return run_in_threads(attempt, oids, self.jobs or DEFAULT_JOBS)


def _groups(oids: Sequence[str], plan: TransferPlan) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    each = _SAMPLE if len(oids) >= _MANY else 1
    for number, oid in enumerate(oids):
        group.append(oid)
        if plan.direction == "push" and number % each == 0:
            with contextlib.suppress(FileNotFoundError):  # gone since it was planned: moving it says so
                size += each * os.stat(plan.cache.path_of(oid)).st_size
        if len(group) >= _GROUP or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _failure(oid: str, error: SiglumError | OSError) -> TransferFailure:
    missing = isinstance(error, NotFoundError | FileNotFoundError)
    return TransferFailure(oid, str(error), missing=missing, damaged=isinstance(error, IntegrityError))
