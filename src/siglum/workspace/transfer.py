"""`push`, `fetch`: copies of recorded content between the cache and a remote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from siglum.core.errors import IntegrityError, NotFoundError, SiglumError
from siglum.core.text import count
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import (
    Progress,
    TransferFailure,
    TransferResult,
    plan_fetch,
    plan_push,
    run_transfer,
)
from siglum.workspace.checkout import DataAt
from siglum.workspace.pointers import Pointer, is_pointer, parse_pointer
from siglum.workspace.repository import Repository


def push(
    repo: Repository,
    wanted: Sequence[DataAt],
    remote: Remote,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> TransferResult:
    """Send what the remote lacks. A damaged object is never sent; failures of single objects are in the result."""
    return run_transfer(plan_push([each.hash.oid for each in wanted], repo.cache, remote), jobs, progress)


def fetch(
    repo: Repository,
    wanted: Sequence[DataAt],
    remote: Remote,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> TransferResult:
    """Get what the cache lacks, hashed while it comes in. Failures of single objects are in the result.

    Objects of the cache that are damaged are moved to quarantine first, so that good copies take their place.
    """
    oids = [each.hash.oid for each in wanted]
    _quarantine_damaged(repo, oids)
    return run_transfer(plan_fetch(oids, repo.cache, remote), jobs, progress)


def raise_failures(result: TransferResult, wanted: Iterable[DataAt], remote: Remote, *, sending: bool) -> None:
    """Raise one error for all failures of a transfer, naming the first path; return when there are none."""
    if not result.failures:
        return
    paths = {each.hash.oid: each.path for each in wanted}
    damaged = next((failure for failure in result.failures if failure.damaged), None)
    first = damaged or next((f for f in result.failures if f.oid in paths), result.failures[0])
    what = paths.get(first.oid, first.oid)
    others = len(result.failures) - 1
    also = f" ({count(others, 'other object')} failed too)" if others else ""
    raise _as_error(first, f"{what} could not be {'sent to' if sending else 'fetched from'} {remote.name!r}{also}: ")


def _as_error(failure: TransferFailure, prefix: str) -> SiglumError:
    kind = IntegrityError if failure.damaged else NotFoundError if failure.missing else SiglumError
    return kind(prefix + failure.reason)


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


def data_at(repo: Repository, revision: str) -> list[DataAt]:
    """Return what the `.dvc` files of a Git revision record."""
    return [
        DataAt(pointer.key_of(spec), spec.data, spec.isexec, spec.cache)
        for pointer in pointers_at(repo, revision)
        for spec in pointer.file.outs
        if spec.data is not None and spec.push
    ]


def _quarantine_damaged(repo: Repository, oids: Iterable[str]) -> None:
    for oid in oids:
        if not repo.cache.has(oid):
            continue
        try:
            repo.cache.verify(oid)
            entries = repo.cache.read_manifest(oid).entries if oid.endswith(".dir") else ()
        except IntegrityError:
            repo.cache.quarantine(oid)
            continue
        for entry in entries:
            if repo.cache.has(entry.oid):
                try:
                    repo.cache.verify(entry.oid)
                except IntegrityError:
                    repo.cache.quarantine(entry.oid)
