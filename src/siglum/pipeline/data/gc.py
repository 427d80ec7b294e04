"""Garbage collection, put together: what the repository and other projects use, and what is there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from siglum.core.errors import NotFoundError, SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.data.used import Scope, used_data
from siglum.storage.remote_trash import RemoteTrash
from siglum.storage.remotes.base import Remote
from siglum.storage.trash import Batch, Contents, Trash
from siglum.workspace.cache_lock import cache_lock
from siglum.workspace.gc import ManifestSource, list_cache, list_remote, started_at, stores_of
from siglum.workspace.gc_plan import GcPlan, Keep, needed_objects, plan_gc
from siglum.workspace.locking import repository_lock
from siglum.workspace.remotes import open_configured_remote
from siglum.workspace.repository import Repository


class GcRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection is about.

    `projects` are other repositories whose data is kept too. `cloud` is collected besides the cache. Of what is used,
    what `not_in` has may go. `recorded` is what runs and versions need, with their names.
    """

    scope: Scope
    projects: tuple[Repository, ...] = ()
    cloud: Remote | None = None
    not_in: Remote | None = None
    recorded: Mapping[DataHash, tuple[str, ...]] = {}
    skip_failed: bool = False
    dry: bool = False


class Planned(msgspec.Struct, frozen=True):
    """A plan, and the revisions that were left out of account since they cannot be read, with the reason of each."""

    plan: GcPlan
    skipped: dict[str, str]


def open_projects(paths: Sequence[str]) -> tuple[Repository, ...]:
    """Return the repositories at these folders. Raises NotFoundError for one that is none."""
    found = []
    for path in paths:
        root = os.path.abspath(path)
        if not os.path.isdir(os.path.join(root, ".dvc")):
            raise NotFoundError(f"{path} is not the root of a data repository.", hint="Correct --projects.")
        found.append(Repository(root))
    return tuple(found)


@contextlib.contextmanager
def collection_lock(repo: Repository, projects: Sequence[Repository] = ()) -> Iterator[None]:
    """Keep every other command from the cache, and from the repositories whose data is kept."""
    with contextlib.ExitStack() as stack:
        # In one order, so that two collections do not wait for each other.
        for path in sorted({os.path.join(each.tmp_dir, "lock") for each in (repo, *projects)}):
            stack.enter_context(repository_lock(path))
        stack.enter_context(cache_lock(repo.cache_dir, alone=True))
        yield
        repo.index.save()


def _default(repo: Repository) -> Remote | None:
    """Return the default remote, where manifests are looked for that the cache does not have."""
    try:
        return open_configured_remote(repo)
    except SiglumError:
        return None


def plan_collection(repo: Repository, request: GcRequest) -> Planned:
    """Return what nobody needs of a cache, and of a remote where asked. The caller holds `collection_lock`.

    Raises what `used_data` raises.
    """
    started = started_at(repo, dry=request.dry)
    found = list_cache(repo, started)
    if request.cloud is not None:
        found += list_remote(request.cloud)
    used: set[DataHash] = set()
    skipped: dict[str, str] = {}
    for project in (repo, *request.projects):
        result = used_data(project, request.scope, skip_failed=request.skip_failed)
        used |= result.data
        skipped |= result.failed
    source = ManifestSource(repo, [each for each in (request.cloud, request.not_in, _default(repo)) if each])
    elsewhere: set[tuple[str, str]] = set()
    if request.not_in is not None:
        elsewhere = {(each.algorithm, oid) for each in list_remote(request.not_in) for oid in each.objects}
    plan = plan_gc(
        found,
        Keep(frozenset(used), request.recorded),
        source.files_of,
        lambda algorithm, oid: (algorithm, oid) in elsewhere,
    )
    return Planned(plan, skipped)


class PurgePlan(msgspec.Struct, frozen=True):
    """The batches that go for good, and what of each is needed again and comes back instead."""

    batches: tuple[Batch, ...]
    needed: dict[str, frozenset[tuple[str, str]]]


def plan_purge(
    repo: Repository,
    trash: Trash | RemoteTrash,
    remote: Remote | None,
    recorded: Mapping[DataHash, tuple[str, ...]],
    *,
    now: float,
    everything: bool = False,
) -> PurgePlan:
    """Return which batches of a trash may be deleted: those past their time of grace, or all.

    What the workspace or a record needs by now, and the cache (or remote) does not have, comes back. The caller holds
    `collection_lock`.
    """
    batches = tuple(batch for batch in trash.batches() if everything or batch.is_past_grace(now))
    if not batches:
        return PurgePlan((), {})
    source = ManifestSource(repo, [each for each in (remote, _default(repo)) if each])
    roots = used_data(repo, Scope(workspace=True)).data | recorded.keys()
    needed = needed_objects(roots, source.files_of)
    if remote is None:
        stores = stores_of(repo)
        needed = {(algorithm, oid) for algorithm, oid in needed if not stores[algorithm].has(oid)}
    else:
        needed -= {(each.algorithm, oid) for each in list_remote(remote) for oid in each.objects}
    return PurgePlan(batches, {batch.id: frozenset(needed.intersection(trash.objects(batch))) for batch in batches})


def purge(trash: Trash | RemoteTrash, plan: PurgePlan) -> tuple[Contents, Contents]:
    """Carry a plan out; return what was deleted, and what came back. Killed half way, it can be repeated."""
    purged, restored = Contents(), Contents()
    for batch in plan.batches:
        needed = plan.needed[batch.id]
        if needed:
            restored += trash.restore(batch, needed).moved
        purged += trash.purge(batch)
    return purged, restored
