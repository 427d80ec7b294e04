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

from siglum.core.errors import ConflictError, IntegrityError, NotFoundError, SiglumError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.manifest import Manifest, decode_manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.base import BulkRemote, Download, Outcome, Remote, Upload
from siglum.storage.remotes.threads import run_in_threads

KEY_PREFIX = "files/md5"
DEFAULT_JOBS = 8
# So many objects share one flush: enough to make it cheap, few enough that an interruption loses little.
_GROUP = 2048
_GROUP_BYTES = 1 << 30

Progress: TypeAlias = Callable[[int, int], None]
"""Called after each step with (objects done, bytes done), from the thread that runs the transfer."""


class TransferFailure(msgspec.Struct, frozen=True):
    """An object that did not arrive, and why. `missing` when the side it should come from does not have it."""

    oid: str
    reason: str
    missing: bool = False
    damaged: bool = False


class TransferPlan(msgspec.Struct, frozen=True):
    """What is to be moved, files before manifests, and what is known beforehand not to be possible."""

    direction: Literal["push", "fetch"]
    cache: ObjectStore
    remote: Remote
    files: tuple[str, ...]
    manifests: tuple[Manifest, ...]
    present: int
    failures: tuple[TransferFailure, ...] = ()

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


def plan_push(oids: Iterable[str], cache: ObjectStore, remote: Remote) -> TransferPlan:
    """Return what a remote lacks of these objects and of the files that their manifests list.

    A manifest on the remote stands for its files: they are not asked for. Objects that the cache does not have are
    failures of the plan. Raises UnavailableError when the remote is not there but should be.
    """
    asked = list(dict.fromkeys(oids))
    there = remote.exists([key_of(oid) for oid in asked])
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
    have = remote.exists([key_of(oid) for oid in wanted]) if wanted else set()
    files = [oid for oid in wanted if key_of(oid) not in have]
    for oid in cache.missing(files):
        failures[oid] = _failure(oid, cache.not_found(oid))
    files = [oid for oid in files if oid not in failures]
    return TransferPlan(
        "push", cache, remote, tuple(files), tuple(manifests), present + len(have), tuple(failures.values())
    )


def plan_fetch(oids: Iterable[str], cache: ObjectStore, remote: Remote) -> TransferPlan:
    """Return what the cache lacks of these objects and of the files that their manifests list.

    A manifest that the cache lacks is fetched now, kept in memory, and stored when its files are there. Objects that
    the remote does not have are failures of the plan. Raises UnavailableError when the remote is not there.
    """
    remote.check()
    asked = list(dict.fromkeys(oids))
    failures: dict[str, TransferFailure] = {}
    manifests: list[Manifest] = []
    wanted: dict[str, None] = {}
    present = 0
    for oid in asked:
        if not oid.endswith(DIR_SUFFIX):
            wanted[oid] = None
            continue
        try:
            here = cache.has(oid)
            manifest = cache.read_manifest(oid) if here else fetch_manifest(oid, remote)
        except SiglumError as e:
            failures[oid] = _failure(oid, e)
            continue
        if here:
            present += 1
        else:
            manifests.append(manifest)
        wanted.update(dict.fromkeys(entry.oid for entry in manifest.entries))
    files = cache.missing(wanted)
    present += len(wanted) - len(files)
    return TransferPlan("fetch", cache, remote, tuple(files), tuple(manifests), present, tuple(failures.values()))


def fetch_manifest(oid: str, remote: Remote) -> Manifest:
    """Return a folder's manifest from a remote, verified. Raises NotFoundError, IntegrityError.

    It is not stored: a manifest in the cache would say that its files are there.
    """
    with tempfile.TemporaryDirectory(prefix="siglum-manifest-") as folder:
        path = os.path.join(folder, "manifest")
        remote.get(key_of(oid), path, oid)
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
                else:
                    self.failures.append(_failure(oid, outcome))
            if self.progress is not None:
                self.progress(len(self.moved), self.size)

    def _push(self, oids: Sequence[str]) -> Sequence[Outcome]:
        cache, remote = self.plan.cache, self.plan.remote
        if isinstance(remote, BulkRemote):
            return remote.put_many([Upload(cache.path_of(oid), key_of(oid), oid) for oid in oids], self.jobs)
        return self._each(lambda oid: remote.put(cache.path_of(oid), key_of(oid), oid), oids)

    def _fetch(self, oids: Sequence[str]) -> Sequence[Outcome]:
        remote = self.plan.remote
        with self.plan.cache.batch() as batch:
            if isinstance(remote, BulkRemote):
                targets = batch.reserve(len(oids))
                downloads = [Download(key_of(oid), path, oid) for oid, path in zip(oids, targets, strict=True)]
                outcomes = remote.get_many(downloads, self.jobs)
                for download, outcome in zip(downloads, outcomes, strict=True):
                    if isinstance(outcome, int):
                        batch.received(download.oid, download.target)
            else:
                outcomes = self._each(
                    lambda oid: batch.receive(oid, lambda path: remote.get(key_of(oid), path, oid)), oids
                )
            batch.commit()
        return outcomes

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
    for oid in oids:
        group.append(oid)
        if plan.direction == "push":
            with contextlib.suppress(FileNotFoundError):  # gone since it was planned: moving it says so
                size += os.stat(plan.cache.path_of(oid)).st_size
        if len(group) >= _GROUP or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _failure(oid: str, error: SiglumError | OSError) -> TransferFailure:
    missing = isinstance(error, NotFoundError | FileNotFoundError)
    return TransferFailure(oid, str(error), missing=missing, damaged=isinstance(error, IntegrityError))
