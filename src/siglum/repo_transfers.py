"""What `siglum.repo.Repo` does with remotes, and with data that nobody needs: push, fetch, pull, gc."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from siglum.client.needs import recorded_needs
from siglum.core.errors import InvalidInputError
from siglum.core.hashes import DataHash
from siglum.pipeline.data.gc import GcRequest, Planned, collection_lock, open_projects, plan_collection
from siglum.pipeline.data.transfers import Remotes, fetch_data, placed_data, push_data
from siglum.pipeline.data.used import Scope, parse_day
from siglum.pipeline.data.wanted import TransferScope
from siglum.repo_base import RepoBase, Targets
from siglum.storage.trash import new_batch
from siglum.workspace.checkout import CheckoutResult, checkout, failures_of
from siglum.workspace.gc import Collected, grace_days, run_gc
from siglum.workspace.remotes import open_configured_remote
from siglum.workspace.repository import Repository

__all__ = ["TransferMethods", "outcomes", "raise_first"]


class TransferMethods(RepoBase):
    """The part of `siglum.repo.Repo` that moves data: to and from remotes, and into the trash."""

    def push(
        self,
        targets: Targets = None,
        jobs: int | None = None,
        remote: str | None = None,
        all_branches: bool = False,
        with_deps: bool = False,
        all_tags: bool = False,
        recursive: bool = False,
        all_commits: bool = False,
        run_cache: bool = False,
        glob: bool = False,
    ) -> int:
        """Send data to a remote; return how many objects were sent. Raises what kept the first from being sent."""
        repo = self._fresh()
        scope = TransferScope(
            all_branches=all_branches,
            all_tags=all_tags,
            all_commits=all_commits,
            with_deps=with_deps,
            recursive=recursive,
            glob=glob,
        )
        with repo.lock():
            done = push_data(repo, self._names(targets), Remotes(repo, remote, jobs), scope=scope, run_cache=run_cache)
        done.raise_failures()
        return done.count

    def fetch(
        self,
        targets: Targets = None,
        jobs: int | None = None,
        remote: str | None = None,
        all_branches: bool = False,
        with_deps: bool = False,
        all_tags: bool = False,
        recursive: bool = False,
        all_commits: bool = False,
        run_cache: bool = False,
        max_size: int | None = None,
    ) -> int:
        """Get data from a remote into the cache; return how many objects came. Raises what kept the first away."""
        repo = self._fresh()
        scope = TransferScope(
            all_branches=all_branches,
            all_tags=all_tags,
            all_commits=all_commits,
            with_deps=with_deps,
            recursive=recursive,
            max_size=max_size,
        )
        with repo.lock():
            done = fetch_data(repo, self._names(targets), Remotes(repo, remote, jobs), scope=scope, run_cache=run_cache)
        done.raise_failures()
        return done.count

    def pull(
        self,
        targets: Targets = None,
        jobs: int | None = None,
        remote: str | None = None,
        all_branches: bool = False,
        with_deps: bool = False,
        all_tags: bool = False,
        force: bool = False,
        recursive: bool = False,
        all_commits: bool = False,
        run_cache: bool = False,
        glob: bool = False,
        allow_missing: bool = False,
    ) -> dict[str, Any]:
        """Get data from a remote into the workspace. Return as `checkout` does, with `fetched` objects in `stats`.

        What can be brought back is; then the first error is raised.
        """
        repo = self._fresh()
        names = self._names(targets)
        scope = TransferScope(
            all_branches=all_branches,
            all_tags=all_tags,
            all_commits=all_commits,
            with_deps=with_deps,
            recursive=recursive,
            glob=glob,
        )
        with repo.lock():
            remotes = Remotes(repo, remote, jobs)
            done = fetch_data(repo, names, remotes, scope=scope, run_cache=run_cache, allow_missing=allow_missing)
            wanted = [*placed_data(repo, names, remotes, scope), *done.kept_promises]
            placed = checkout(repo, wanted, force=force)
        if not allow_missing:
            done.raise_failures()
        raise_first(placed, allow_missing)
        return outcomes(repo, placed, fetched=done.count)

    def gc(
        self,
        all_branches: bool = False,
        cloud: bool = False,
        remote: str | None = None,
        with_deps: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
        all_experiments: bool = False,
        force: bool = False,
        jobs: int | None = None,
        repos: Sequence[str] | None = None,
        workspace: bool = False,
        commit_date: str | None = None,
        rev: str | None = None,
        num: int | None = None,
        not_in_remote: bool = False,
        dry: bool = False,
        skip_failed: bool = False,
        ignore_registry: bool = False,
    ) -> tuple[Planned, list[Collected]]:
        """Move data that nobody needs into a trash; return what was planned, and what went (nothing with `dry`).

        The arguments say what to keep; what runs and model versions on record need is kept in any case, unless
        `ignore_registry`. Nobody is asked, so `force` changes nothing; `with_deps` neither, as all that the kept
        revisions record is kept. `repos` are the folders of other repositories that use the same cache.

        Raises InvalidInputError when nothing says what to keep, UnavailableError when it cannot be asked what runs
        and versions need.
        """
        del force, with_deps
        scope = Scope(
            workspace=workspace,
            all_branches=all_branches,
            all_tags=all_tags,
            all_commits=all_commits,
            all_experiments=all_experiments,
            revision=rev,
            since=None if commit_date is None else parse_day(commit_date),
            number=num,
        )
        if scope.is_empty:
            raise InvalidInputError("Say what to keep: workspace, rev, all_branches, all_tags, all_commits, …")
        if cloud and not_in_remote:
            raise InvalidInputError("not_in_remote and cloud exclude each other.")
        repo = self._fresh()
        place = open_configured_remote(repo, remote) if cloud or not_in_remote else None
        projects = open_projects(list(repos or ()))
        needs: dict[DataHash, tuple[str, ...]] = {}
        for each in () if ignore_registry else (repo, *projects):
            for data, holders in recorded_needs(each, None).items():
                needs[data] = tuple(dict.fromkeys((*needs.get(data, ()), *holders)))
        request = GcRequest(
            scope=scope,
            projects=projects,
            cloud=place if cloud else None,
            not_in=place if not_in_remote else None,
            recorded=needs,
            skip_failed=skip_failed,
            dry=dry,
        )
        batch = new_batch(time.time(), grace_days(repo), repo.root, scope.in_words())
        with collection_lock(repo, projects):
            planned = plan_collection(repo, request)
            return planned, [] if dry else run_gc(repo, planned.plan, batch, request.cloud, jobs)


def outcomes(repo: Repository, result: CheckoutResult, **counted: int) -> dict[str, Any]:
    """Return what a checkout did in the shape of `dvc.repo`: folders come first in each list, as there."""
    paths = {
        outcome: sorted(
            (repo.shown(each.path) + "/" * each.is_dir for each in result.changed if each.outcome == outcome),
            key=lambda path: (not path.endswith("/"), path),
        )
        for outcome in ("added", "modified", "deleted")
    }
    return {**paths, "stats": {**counted, **result.stats()}}


def raise_first(result: CheckoutResult, allow_missing: bool) -> None:
    """Raise what kept the first path from its content; with `allow_missing`, not what the cache lacks."""
    for error in failures_of(result, allow_missing=allow_missing).values():
        raise error
