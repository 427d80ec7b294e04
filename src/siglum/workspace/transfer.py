"""`push`, `fetch`: copies of recorded content between the cache and the remotes that it belongs on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from siglum.core.errors import IntegrityError, NotFoundError, SiglumError
from siglum.core.hashes import DIR_SUFFIX, DataHash
from siglum.core.text import count
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import (
    Progress,
    TransferFailure,
    TransferPlan,
    TransferResult,
    plan_fetch,
    plan_push,
    run_transfer,
)
from siglum.workspace.pointers import DependencySpec, Pointer, is_pointer, parse_pointer
from siglum.workspace.repository import Repository


class Wanted(msgspec.Struct, frozen=True):
    """Content that a transfer is about: where it belongs (from the root), and what its record says of remotes.

    `remote` is the one that the record names. Without `push` it is not sent, and need not be on a remote; when
    `partial`, it was imported without its data, and need not be in the cache. `part_of` is the tracked folder that it
    is a file of, where not all of that folder is meant.
    """

    path: str
    hash: DataHash
    remote: str | None = None
    push: bool = True
    partial: bool = False
    is_exec: bool = False
    part_of: str = ""
    imported: DependencySpec | None = None
    """Where the data was imported from, by the `.dvc` file `pointer`."""
    pointer: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is had from where it was imported: another repository, or, not fetched yet, a URL."""
        return self.imported is not None and (self.partial or self.imported.repo is not None)


class Planned(msgspec.Struct, frozen=True):
    """What goes to or comes from one remote, by one layout of the cache."""

    plan: TransferPlan
    wanted: tuple[Wanted, ...]

    @property
    def remote(self) -> Remote:
        """The other side."""
        return self.plan.remote


class Moved(msgspec.Struct, frozen=True):
    """What came of a plan."""

    planned: Planned
    result: TransferResult


def routes(wanted: Iterable[Wanted], remote: str | None, *, sending: bool) -> dict[str | None, list[Wanted]]:
    """Return what belongs on which remote, None for the default one.

    A record that names a remote is only about that one; `remote` is what the user asked for.
    """
    found: dict[str | None, list[Wanted]] = {}
    for each in wanted:
        if each.is_elsewhere:
            continue
        if (sending and not each.push) or (remote is not None and each.remote not in (None, remote)):
            continue
        found.setdefault(remote or each.remote, []).append(each)
    return found


def plan(
    repo: Repository, wanted: Sequence[Wanted], remote: Remote, *, sending: bool, jobs: int | None = None
) -> list[Planned]:
    """Return what must move to or from a remote. Changes nothing; what is absent on both sides is in the failures.

    Raises UnavailableError when the remote is not there.
    """
    found = []
    for legacy in (False, True):
        mine = tuple(each for each in wanted if each.hash.legacy is legacy)
        if mine:
            cache = repo.legacy_cache if legacy else repo.cache
            make = plan_push if sending else plan_fetch
            made = make([each.hash.oid for each in mine], cache, remote, jobs)
            found.append(Planned(_without_optional(made, mine, sending=sending), mine))
    return found


def _without_optional(made: TransferPlan, wanted: Iterable[Wanted], *, sending: bool) -> TransferPlan:
    """Return a plan without those failures that are none: nobody says that these objects are there."""
    needed = {each.hash.oid for each in wanted if not (each.partial if sending else not each.push)}
    optional = {each.hash.oid for each in wanted} - needed
    failures = tuple(failure for failure in made.failures if not (failure.missing and failure.oid in optional))
    return msgspec.structs.replace(made, failures=failures, optional=frozenset(optional))


def move(planned: Planned, jobs: int | None = None, progress: Progress | None = None) -> Moved:
    """Carry out a plan. A damaged object is neither sent nor accepted; failures of single objects are in the result."""
    return Moved(planned, run_transfer(planned.plan, jobs, progress))


def raise_failures(moved: Sequence[Moved], *, sending: bool) -> None:
    """Raise one error for all failures of transfers, naming the first path; return when there are none."""
    failed = [(each, failure) for each in moved for failure in each.result.failures]
    if not failed:
        return
    recorded = {each.hash.oid: each.path for part in moved for each in part.planned.wanted}
    damaged = next((pair for pair in failed if pair[1].damaged), None)
    part, first = damaged or next((pair for pair in failed if pair[1].oid in recorded), failed[0])
    what = recorded.get(first.oid, first.oid)
    others = len(failed) - 1
    also = f" ({count(others, 'other object')} failed too)" if others else ""
    way = "sent to" if sending else "fetched from"
    raise _as_error(first, f"{what} could not be {way} {part.planned.remote.name!r}{also}: ")


def _as_error(failure: TransferFailure, prefix: str) -> SiglumError:
    kind = IntegrityError if failure.damaged else NotFoundError if failure.missing else SiglumError
    return kind(prefix + failure.reason)


def quarantine_damaged(repo: Repository, wanted: Iterable[Wanted]) -> None:
    """Move objects of the cache that are damaged out of the way, so that good copies take their place."""
    for each in wanted:
        _quarantine_damaged(repo.store_of(each.hash), [each.hash.oid])


def pointers_at(repo: Repository, revision: str) -> list[Pointer]:
    """Return the `.dvc` files of a Git revision. Raises NotFoundError when it is not there."""
    if repo.git is None:
        raise NotFoundError(f"There is no Git repository that could hold the revision {revision!r}.")
    prefix = repo.git_prefix
    entries = [
        entry
        for entry in repo.git.tree(revision)
        if entry.path.startswith(prefix) and is_pointer(entry.path) and entry.mode.startswith("100")
    ]
    blobs = repo.git.blobs(entry.oid for entry in entries)
    return [
        Pointer(path, parse_pointer(blobs[entry.oid], f"{revision}:{path}"))
        for entry in entries
        for path in [entry.path[len(prefix) :]]
    ]


def _quarantine_damaged(cache: ObjectStore, oids: Iterable[str]) -> None:
    for oid in oids:
        if not cache.has(oid):
            continue
        try:
            cache.verify(oid)
            entries = cache.read_manifest(oid).entries if oid.endswith(DIR_SUFFIX) else ()
        except IntegrityError:
            cache.quarantine(oid)
            continue
        for entry in entries:
            if cache.has(entry.oid):
                try:
                    cache.verify(entry.oid)
                except IntegrityError:
                    cache.quarantine(entry.oid)
