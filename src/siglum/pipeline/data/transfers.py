"""`push`, `fetch` and `status --cloud` as a whole: what is wanted, on which remotes it belongs, and moving it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from siglum.core.hashes import DataHash
from siglum.core.notices import notify
from siglum.pipeline.data import run_cache_transfer
from siglum.pipeline.data.wanted import TransferScope, wanted_data, wanted_imports
from siglum.pipeline.sources.import_fetch import (
    FetchedImport,
    WantedImport,
    fetch_imports,
    missing_imports,
    raise_import_failures,
)
from siglum.storage.legacy import legacy_key_of
from siglum.storage.manifest import Manifest
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import Progress, TransferFailure, fetch_manifest, keys_for
from siglum.workspace.checkout import DataAt
from siglum.workspace.cloud_status import cloud_status
from siglum.workspace.manifests import Manifests
from siglum.workspace.outputs import is_cached
from siglum.workspace.remote_index import RemoteIndex
from siglum.workspace.remotes import open_configured_remote
from siglum.workspace.repository import Repository
from siglum.workspace.transfer import Moved, Planned, Wanted, move, plan, quarantine_damaged, raise_failures, routes


class Transfer(msgspec.Struct, frozen=True):
    """What a push or fetch will do: plans by remote, and entries of the run cache."""

    sending: bool
    planned: tuple[Planned, ...]
    runs: tuple[tuple[Remote, tuple[str, ...]], ...] = ()
    imports: tuple[WantedImport, ...] = ()
    """What comes from where it was imported, not from a remote."""

    def __len__(self) -> int:
        objects = sum(len(each.plan) for each in self.planned)
        return objects + sum(len(entries) for _, entries in self.runs) + len(self.imports)


class Transferred(msgspec.Struct, frozen=True):
    """What a push or fetch did."""

    transfer: Transfer
    moved: tuple[Moved, ...]
    imported: tuple[FetchedImport, ...] = ()

    @property
    def count(self) -> int:
        """How many objects, entries of the run cache and files of imports were moved."""
        runs = sum(len(entries) for _, entries in self.transfer.runs)
        imported = sum(each.data.nfiles or 1 for each in self.imported if each.data is not None)
        return sum(len(each.result.moved) for each in self.moved) + runs + imported

    @property
    def size(self) -> int:
        """The bytes of all objects that were moved."""
        imported = sum(each.data.size for each in self.imported if each.data is not None)
        return sum(each.result.size for each in self.moved) + imported

    @property
    def present(self) -> int:
        """How many objects had been there before."""
        return sum(each.result.present for each in self.moved)

    @property
    def failures(self) -> tuple[TransferFailure, ...]:
        """The objects that did not arrive."""
        return tuple(failure for each in self.moved for failure in each.result.failures)

    def raise_failures(self) -> None:
        """Raise one error for all failures; return when there are none."""
        raise_failures(self.moved, sending=self.transfer.sending)
        raise_import_failures(self.imported)

    @property
    def kept_promises(self) -> list[DataAt]:
        """What came of imports that had been recorded without their data, and where it belongs."""
        return [
            DataAt(each.wanted.path, each.data.hash)
            for each in self.imported
            if each.data is not None and each.wanted.hash is None
        ]


class Remotes:
    """The configured remotes, each opened once; and the manifests that they have.

    `name` goes before the default one, `jobs` before what is set for a remote.
    """

    def __init__(self, repo: Repository, name: str | None, jobs: int | None = None) -> None:
        self.name = name.lower() if name is not None else None
        self.asked_jobs = jobs
        self._repo = repo
        self._opened: dict[str | None, Remote] = {}
        self._manifests: dict[str | None, Manifests] = {}

    def open(self, name: str | None) -> Remote:
        """Return a remote, the default one for None. Raises NotFoundError, NotSupportedError."""
        if name not in self._opened:
            self._opened[name] = open_configured_remote(self._repo, name)
        return self._opened[name]

    def jobs(self, remote: Remote) -> int | None:
        """Return how many transfers there may be at once, None for what suits the remote."""
        configured = self._repo.config.get(f"remote.{remote.name}.jobs")
        return self.asked_jobs or (int(configured) if configured else None)

    @property
    def lacks_default(self) -> bool:
        """Whether no remote was named, and none is the default one."""
        return self.name is None and self._repo.config.get("core.remote") is None

    @property
    def names(self) -> list[str]:
        """The names of the remotes that were opened."""
        return [remote.name for remote in self._opened.values()]

    def manifests(self, name: str | None = None) -> Manifests:
        """Return what reads manifests from the cache, else from that remote."""
        if name not in self._manifests:
            self._manifests[name] = Manifests(self._repo.cache, self.open(name))
        return self._manifests[name]

    def read_manifest(self, data: DataHash, name: str | None) -> Manifest:
        """Return a folder's manifest, where the record names the remote `name`."""
        if self._repo.store_of(data).has(data.oid):
            return self._repo.store_of(data).read_manifest(data.oid)
        if data.legacy:
            return fetch_manifest(data.oid, self.open(self.name or name), legacy_key_of(data.oid))
        return self.manifests(self.name or name).read(data.oid)

    def keep_manifests(self) -> None:
        """Store the manifests of folders of which parts were fetched in the cache."""
        for each in self._manifests.values():
            each.keep()


def plan_transfer(
    repo: Repository,
    targets: Sequence[str],
    remotes: Remotes,
    *,
    sending: bool,
    scope: TransferScope | None = None,
    run_cache: bool = False,
    dry_run: bool = False,
    allow_missing: bool = False,
) -> Transfer:
    """Return what a push or fetch must move.

    A fetch without a default remote is none, as long as the cache has all that it is about; with `allow_missing` even
    when it has not.

    Before a fetch, damaged objects of the cache are moved to quarantine, and entries of the run cache are fetched,
    since they say what else is wanted; not with `dry_run`, which changes nothing.

    Raises NotFoundError for targets and remotes that are not there, UnavailableError, NotSupportedError.
    """
    wanted = wanted_data(repo, targets, remotes.read_manifest, scope)
    by_remote = routes(wanted, remotes.name, sending=sending)
    imports = () if sending else missing_imports(repo, wanted_imports(repo, targets, wanted, scope))
    if not sending and not run_cache and remotes.lacks_default:
        mine = by_remote.get(None, [])
        if mine and (allow_missing or all(is_cached(repo, each.hash) for each in mine)):
            notify("There is no default remote: what there is, is in the cache.")
            del by_remote[None]
    elif (not by_remote and not any(each.is_elsewhere for each in wanted) and not imports) or run_cache:
        by_remote.setdefault(remotes.name, [])  # so that a remote that cannot be opened is noticed in any case
    runs = []
    if run_cache:
        remote = remotes.open(remotes.name)
        missing = run_cache_transfer.missing_there if sending else run_cache_transfer.missing_here
        entries = missing(repo.run_cache_dir, remote)
        if not sending and not dry_run:
            run_cache_transfer.fetch(repo.run_cache_dir, entries, remote)
        by_remote[remotes.name] += _new(run_cache_transfer.results(repo.run_cache_dir), by_remote[remotes.name])
        runs.append((remote, tuple(entries)))
    planned = []
    for name, mine in by_remote.items():
        remote = remotes.open(name)
        if not sending and not dry_run:
            quarantine_damaged(repo, mine)
        planned += plan(repo, mine, remote, sending=sending, jobs=remotes.jobs(remote))
    return Transfer(sending, tuple(planned), tuple(runs), imports)


def carry_out(repo: Repository, transfer: Transfer, remotes: Remotes, progress: Progress | None = None) -> Transferred:
    """Move what was planned: objects first, then what tells of them."""
    moved = [move(planned, remotes.jobs(planned.remote), progress) for planned in transfer.planned]
    imported = fetch_imports(repo, transfer.imports, remotes.asked_jobs, progress)
    if not transfer.sending:
        remotes.keep_manifests()
    else:
        for each in moved:
            sent = map(keys_for(each.planned.plan.cache), each.result.moved)
            RemoteIndex(repo, each.planned.remote.url).update(sent)
        for remote, entries in transfer.runs:
            run_cache_transfer.send(repo.run_cache_dir, entries, remote)
    return Transferred(transfer, tuple(moved), imported)


def push_data(
    repo: Repository,
    targets: Sequence[str],
    remotes: Remotes,
    *,
    scope: TransferScope | None = None,
    run_cache: bool = False,
) -> Transferred:
    """Send what the remotes lack. The caller holds the lock and looks at the failures."""
    planned = plan_transfer(repo, targets, remotes, sending=True, scope=scope, run_cache=run_cache)
    return carry_out(repo, planned, remotes)


def placed_data(repo: Repository, targets: Sequence[str], remotes: Remotes, scope: TransferScope) -> list[DataAt]:
    """Return what a pull brings into the workspace: what the targets mean here. Partial imports are not among it."""
    wanted = wanted_data(repo, targets, remotes.read_manifest, scope.in_workspace)
    return [DataAt(each.path, each.hash, each.is_exec, part_of=each.part_of) for each in wanted if not each.partial]


def fetch_data(
    repo: Repository,
    targets: Sequence[str],
    remotes: Remotes,
    *,
    scope: TransferScope | None = None,
    run_cache: bool = False,
    allow_missing: bool = False,
) -> Transferred:
    """Get what the cache lacks. The caller holds the lock and looks at the failures."""
    planned = plan_transfer(
        repo, targets, remotes, sending=False, scope=scope, run_cache=run_cache, allow_missing=allow_missing
    )
    return carry_out(repo, planned, remotes)


def status_data(
    repo: Repository, targets: Sequence[str], remotes: Remotes, scope: TransferScope | None = None
) -> dict[str, str]:
    """Return, by path, what the remotes lack ("new"), what the cache lacks ("deleted"), what both do ("missing")."""
    wanted = wanted_data(repo, targets, remotes.read_manifest, scope)
    by_remote = routes(wanted, remotes.name, sending=True)
    if not by_remote:
        remotes.open(remotes.name)
    found: dict[str, str] = {}
    for name, mine in by_remote.items():
        remote = remotes.open(name)
        found |= cloud_status(repo, mine, remote, remotes.read_manifest, remotes.jobs(remote))
    return found


def _new(wanted: Sequence[Wanted], known: Sequence[Wanted]) -> list[Wanted]:
    hashes = {each.hash for each in known}
    return [each for each in wanted if each.hash not in hashes]
