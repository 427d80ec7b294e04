"""`cache verify`: every object hashed again; who needs what is damaged or missing; good copies in their place."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from siglum.core.errors import SiglumError
from siglum.core.hashes import DIR_SUFFIX, DataHash
from siglum.pipeline.data.needs import NeededBy, Object, who_needs
from siglum.pipeline.data.used import hashes_of
from siglum.pipeline.inventory.inventory import read_inventory
from siglum.pipeline.inventory.tracked import tracked_data
from siglum.storage.legacy import legacy_manifest
from siglum.storage.manifest import Manifest
from siglum.storage.remote_objects import LEGACY_MD5, MD5
from siglum.storage.remotes.base import Remote
from siglum.storage.verification import Checked, Condition, Progress, check_remote, check_store
from siglum.workspace.gc import ManifestSource, list_remote, stores_of
from siglum.workspace.gc_plan import needed_objects
from siglum.workspace.outputs import scan_folder
from siglum.workspace.repair import Repaired, Source, repair_cache, repair_remote, replace_links
from siglum.workspace.repository import Repository


class Report(msgspec.Struct, frozen=True):
    """What a verification found: how much was read, and what is not as it should be."""

    checked: int
    size: int
    damaged: tuple[Object, ...]
    missing: tuple[Object, ...]

    @property
    def bad(self) -> tuple[Object, ...]:
        """All that is damaged or missing."""
        return (*self.damaged, *self.missing)

    def needed(self, needs: Mapping[Object, NeededBy]) -> Report:
        """Return this without missing objects that nobody needs. A damaged one could be needed by others."""
        return msgspec.structs.replace(self, missing=tuple(each for each in self.missing if needs[each] != NeededBy()))


class _Tally:
    """Counts what was checked."""

    def __init__(self) -> None:
        self.checked = 0
        self.size = 0
        self.bad: dict[Condition, dict[Object, None]] = {Condition.DAMAGED: {}, Condition.MISSING: {}}
        self.sound: list[Object] = []

    def add(self, algorithm: str, found: Checked) -> None:
        if found.condition is not Condition.MISSING:
            self.checked += 1
            self.size += found.size
        if found.condition is Condition.SOUND:
            if found.oid.endswith(DIR_SUFFIX):
                self.sound.append((algorithm, found.oid))
        else:
            self.bad[found.condition][algorithm, found.oid] = None

    def miss(self, objects: Iterable[Object]) -> None:
        self.bad[Condition.MISSING].update(dict.fromkeys(each for each in objects if not self._is_bad(each)))

    def _is_bad(self, each: Object) -> bool:
        return each in self.bad[Condition.DAMAGED]

    def report(self) -> Report:
        damaged, missing = (tuple(sorted(found)) for found in self.bad.values())
        return Report(self.checked, self.size, damaged, missing)


def rebuilt_manifests(repo: Repository) -> dict[DataHash, Manifest]:
    """Return the manifests that the cache does not have, or only damaged, of folders that are as recorded."""
    found = {}
    for item in read_inventory(repo, cached_only=True).items:
        path = os.path.join(repo.root, item.path)
        if item.hash is None or not item.hash.is_dir or not os.path.isdir(path):
            continue
        with contextlib.suppress(SiglumError):
            repo.store_of(item.hash).read_manifest(item.hash.oid)
            continue
        with contextlib.suppress(SiglumError):
            legacy = item.hash.legacy
            manifest = legacy_manifest(path, repo.index, repo.ignore) if legacy else scan_folder(repo, path).manifest
            if manifest.oid == item.hash.oid:
                found[item.hash] = manifest
    return found


def verify_cache(
    repo: Repository,
    targets: Sequence[str] = (),
    progress: Progress | None = None,
    rebuilt: Mapping[DataHash, Manifest] | None = None,
) -> Report:
    """Hash every object of the cache, or those that `targets` mean.

    Missing are objects that the workspace's files (or `targets`) record, files of manifests that are there (a manifest
    in a cache says that its files are), and what was once put into quarantine and never replaced.
    """
    source = ManifestSource(repo, (), rebuilt)
    stores = stores_of(repo)
    wanted = needed_objects(_roots(repo, targets), source.files_of)
    tally = _Tally()
    for algorithm, store in stores.items():
        mine = {oid for kind, oid in wanted if kind == algorithm}
        if not targets:
            mine.update(store.oids())
            mine.update(store.quarantined())
        for found in check_store(store, sorted(mine), progress):
            tally.add(algorithm, found)
    repo.index.save()
    for algorithm, oid in () if targets else tally.sound:
        if algorithm == MD5 and stores[LEGACY_MD5].has(oid):
            continue  # 'cache migrate' leaves it here beside its original, whose files have other names
        files = source.files_of(DataHash(oid, algorithm == LEGACY_MD5)) or ()
        tally.miss((algorithm, file) for file in stores[algorithm].missing(files))
    return tally.report()


def verify_remote(
    repo: Repository, remote: Remote, targets: Sequence[str] = (), *, jobs: int, progress: Progress | None = None
) -> Report:
    """Fetch and hash every object of a remote, or those that `targets` mean.

    Missing are files of manifests that are there (a manifest on a remote says that its files are), and what `targets`
    mean.
    """
    there = {(each.algorithm, oid) for each in list_remote(remote) for oid in each.objects}
    source = ManifestSource(repo, [remote])
    wanted = needed_objects(_roots(repo, targets), source.files_of) if targets else there
    tally = _Tally()
    for algorithm, found in check_remote(remote, sorted(wanted & there), jobs, progress):
        tally.add(algorithm, found)
    tally.miss(wanted - there)
    legacy = {oid for algorithm, oid in there if algorithm == LEGACY_MD5}
    for algorithm, oid in tally.sound:
        if algorithm == MD5 and oid in legacy:
            continue
        files = source.files_of(DataHash(oid, algorithm == LEGACY_MD5)) or ()
        tally.miss((algorithm, file) for file in files if (algorithm, file) not in there)
    return tally.report()


def needs_of(
    repo: Repository,
    report: Report,
    recorded: Mapping[DataHash, tuple[str, ...]],
    remotes: Sequence[Remote],
    rebuilt: Mapping[DataHash, Manifest] | None = None,
) -> dict[Object, NeededBy]:
    """Return who needs what is damaged or missing. Manifests are read wherever they are."""
    if not report.bad:
        return {}
    return who_needs(repo, report.bad, recorded, ManifestSource(repo, remotes, rebuilt).read)


def repair(
    repo: Repository,
    report: Report,
    needs: Mapping[Object, NeededBy],
    sources: Sequence[Source],
    remote: Remote | None = None,
) -> Repaired:
    """Put good copies where a report says that something is damaged or missing. The caller holds the lock."""
    if remote is not None:
        return repair_remote(repo, remote, report.damaged, report.missing, sources)
    linked = _linked_files(repo, report, needs)
    repaired = repair_cache(repo, report.damaged, report.missing, sources)
    good = {path: each[1] for path, each in linked.items() if each in repaired.sources}
    return msgspec.structs.replace(repaired, replaced=replace_links(repo, good))


def _roots(repo: Repository, targets: Sequence[str]) -> set[DataHash]:
    if targets:
        return {each.hash for each in tracked_data(repo, targets) if each.cache}
    return set(hashes_of(read_inventory(repo, cached_only=True).items))


def _linked_files(repo: Repository, report: Report, needs: Mapping[Object, NeededBy]) -> dict[str, Object]:
    """Return the files of the workspace that are the same file as a damaged object, by a link of either kind."""
    found = {}
    for each in report.damaged:
        if each[0] != MD5:
            continue
        path_of_object = repo.cache.path_of(each[1])
        for path in needs[each].files:
            try:
                if os.path.samefile(os.path.join(repo.root, path), path_of_object):
                    found[path] = each
            except OSError:
                continue
    return found
