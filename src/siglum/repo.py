"""A data repository from Python, with the names of `dvc.repo.Repo`: what the commands do, returned as values."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from siglum.client.needs import recorded_needs
from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.pipeline.data.checkout import checkout as checkout_tracked
from siglum.pipeline.data.data_diff import diff_data
from siglum.pipeline.data.diff_value import diff_value
from siglum.pipeline.data.gc import GcRequest, Planned, collection_lock, open_projects, plan_collection
from siglum.pipeline.data.transfers import Remotes, fetch_data, placed_data, push_data, status_data
from siglum.pipeline.data.used import Scope, parse_day
from siglum.pipeline.data.wanted import TransferScope
from siglum.pipeline.editing.add import add
from siglum.pipeline.editing.move import move
from siglum.pipeline.editing.remove import remove
from siglum.pipeline.execution.commit import commit
from siglum.pipeline.execution.repro import repro
from siglum.pipeline.graph.targets import Selection
from siglum.pipeline.status.events import Outcome, StageResult
from siglum.pipeline.status.status import project_status
from siglum.repo_sources import SourceMethods, Targets
from siglum.storage.trash import new_batch
from siglum.workspace.checkout import CheckoutResult, checkout, failures_of
from siglum.workspace.commit import Recorded
from siglum.workspace.folder_contents import FolderContents
from siglum.workspace.gc import Collected, grace_days, run_gc
from siglum.workspace.move import Moved
from siglum.workspace.remotes import open_configured_remote
from siglum.workspace.remove import Removed
from siglum.workspace.repository import Repository, find_root

__all__ = ["Repo"]


class Repo(SourceMethods):
    """A data repository.

    Targets are paths relative to the current folder when that lies in the repository, else to the repository's root.
    A method that changes something holds the repository's lock as long as it works.
    """

    def __init__(self, root_dir: str | os.PathLike[str] | None = None) -> None:
        """Open the repository that `root_dir` (the current folder when None) lies in. Raises NotFoundError."""
        self._repository = Repository.open(os.path.realpath(root_dir or "."))

    @staticmethod
    def init(
        root_dir: str | os.PathLike[str] = ".", no_scm: bool = False, force: bool = False, subdir: bool = False
    ) -> Repo:
        """Start data versioning in a folder, which lies in a Git repository unless `no_scm`.

        Raises AlreadyExistsError without `force`, InvalidInputError for a folder below Git's root without `subdir`.
        """
        return Repo(Repository.init(os.fspath(root_dir), scm=not no_scm, subdir=subdir, force=force).root)

    @staticmethod
    def find_root(root: str | os.PathLike[str] | None = None) -> str:
        """Return the root of the repository that a folder lies in. Raises NotFoundError."""
        found = find_root(os.fspath(root or "."))
        if found is None:
            raise NotFoundError(f"{os.path.abspath(root or '.')} is not in a data repository.")
        return found

    @property
    def root_dir(self) -> str:
        """The repository's root."""
        return self._repository.root

    @property
    def dvc_dir(self) -> str:
        """The folder with settings and cache."""
        return self._repository.dvc_dir

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget what was read of settings and files. The object can be used again."""
        self._fresh()

    def add(
        self,
        targets: Targets,
        no_commit: bool = False,
        glob: bool = False,
        out: str | None = None,
        remote: str | None = None,
        to_remote: bool = False,
        remote_jobs: int | None = None,
        force: bool = False,
        relink: bool = True,
    ) -> list[Recorded]:
        """Put files and folders under version control; see `siglum add`. Return what was recorded of each."""
        repo = self._fresh()
        with repo.lock():
            result = add(
                repo,
                self._names(targets),
                to_cache=not no_commit,
                use_glob=glob,
                out=out,
                to_remote=to_remote,
                remote=remote,
                jobs=remote_jobs,
                force=force,
                relink=relink,
            )
        return list(result.recorded)

    def commit(
        self,
        target: Targets = None,
        with_deps: bool = False,
        recursive: bool = False,
        force: bool = False,
        data_only: bool = False,
        relink: bool = True,
    ) -> list[Recorded]:
        """Record the outputs of `.dvc` files and stages; see `siglum commit`. Return what changed.

        Raises ConflictError, without `force`, when something is not what was recorded.
        """
        repo = self._fresh()
        with repo.lock():
            done = commit(
                repo,
                self._names(target),
                force=force,
                with_deps=with_deps,
                recursive=recursive,
                data_only=data_only,
                relink=relink,
            )
        return [each for each in done.recorded if each.changed]

    def checkout(
        self,
        targets: Targets = None,
        with_deps: bool = False,
        force: bool = False,
        relink: bool = False,
        recursive: bool = False,
        allow_missing: bool = False,
    ) -> dict[str, Any]:
        """Bring data to what is recorded, from the cache. Return what was done, as DVC does.

        That is the paths of outputs that were `added`, `modified`, `deleted`, as seen from the current folder, those
        of folders with a slash at the end; and `stats`, the numbers of files by the same names.

        What can be brought back is; then the first error is raised: NotFoundError (not with `allow_missing`),
        IntegrityError, or, without `force`, WouldLoseDataError.
        """
        repo = self._fresh()
        with repo.lock():
            result = checkout_tracked(
                repo, self._names(targets), force=force, relink=relink, with_deps=with_deps, recursive=recursive
            )
        _raise_first(result, allow_missing)
        return _outcomes(repo, result)

    def status(
        self,
        targets: Targets = None,
        jobs: int | None = None,
        cloud: bool = False,
        remote: str | None = None,
        all_branches: bool = False,
        with_deps: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
        recursive: bool = False,
        check_updates: bool = True,
    ) -> dict[str, Any]:
        """Return what changed by `.dvc` file and stage; with `cloud` or `remote`, what a remote or the cache lacks.

        `jobs` and the revisions are for the latter. `check_updates` asks the sources of imports what they have.
        """
        repo = self._fresh()
        names = self._names(targets)
        if cloud or remote is not None:
            scope = TransferScope(
                all_branches=all_branches,
                all_tags=all_tags,
                all_commits=all_commits,
                with_deps=with_deps,
                recursive=recursive,
            )
            return dict(status_data(repo, names, Remotes(repo, remote, jobs), scope))
        if all_branches or all_tags or all_commits or jobs is not None:
            raise InvalidInputError("Revisions and jobs mean something only with cloud=True or a remote.")
        return project_status(repo, names, updates=check_updates, with_deps=with_deps, recursive=recursive)

    def diff(
        self,
        a_rev: str = "HEAD",
        b_rev: str | None = None,
        targets: Targets = None,
        recursive: bool = False,
    ) -> dict[str, list[dict[str, Any]]]:
        """Return how tracked data changed from one Git revision to another, or to the workspace when that is None.

        By `added`, `deleted`, `modified`, `renamed` and `not in cache`: lists of `path` and `hash`. Nothing when
        nothing differs. A target that is a folder stands for all in it, `recursive` or not.
        """
        del recursive  # DVC needs it to look into folders that are targets
        repo = self._fresh()
        found = diff_data(repo, FolderContents(repo), a_rev, b_rev, self._names(targets))
        return diff_value(found, show_hash=True)

    def move(self, from_path: str, to_path: str) -> Moved:
        """Move or rename tracked data, together with its `.dvc` file. Nothing is overwritten."""
        repo = self._fresh()
        (source, target) = self._names([from_path, to_path])
        with repo.lock():
            return move(repo, source, target)

    def remove(self, target: str, outs: bool = False, force: bool = False) -> Removed:
        """Stop tracking a `.dvc` file or stage; with `outs`, remove its data from the workspace as well.

        Data that is in no cache is removed only with `force`.
        """
        repo = self._fresh()
        with repo.lock():
            return remove(repo, self._names(target), outs=outs, force=force)

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
        _raise_first(placed, allow_missing)
        return _outcomes(repo, placed, fetched=done.count)

    def reproduce(
        self,
        targets: Targets = None,
        recursive: bool = False,
        pipeline: bool = False,
        all_pipelines: bool = False,
        downstream: bool = False,
        single_item: bool = False,
        force: bool = False,
        dry: bool = False,
        run_cache: bool = True,
        no_commit: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> list[StageResult]:
        """Run what is out of date; return what became of the stages that were not up to date.

        `environment` is that of the commands, this process's by default. Raises StageFailedError.
        """
        repo = self._fresh()
        results = repro(
            repo,
            self._names(targets),
            folder=self._folder(),
            recursive=recursive,
            selection=Selection(
                single=single_item, downstream=downstream, whole_pipelines=pipeline, everything=all_pipelines
            ),
            force=force,
            dry=dry,
            run_cache=run_cache,
            commit=not no_commit,
            environment=environment,
            on_output=_pass_on,
        )
        return [each for each in results if each.outcome not in (Outcome.UNCHANGED, Outcome.VERIFIED)]

    def _fresh(self) -> Repository:
        """Look at settings and files anew: others may have changed them since the last call."""
        self._repository = Repository(self._repository.root)
        return self._repository

    def _folder(self) -> str:
        """Return the current folder as seen from the root, posix; "" for the root, and from outside."""
        relative = os.path.relpath(os.path.realpath(os.getcwd()), os.path.realpath(self.root_dir)).replace(os.sep, "/")
        return "" if relative in (".", "..") or relative.startswith("../") else relative

    def _names(self, targets: Targets) -> list[str]:
        if targets is None:
            return []
        listed = [targets] if isinstance(targets, str | os.PathLike) else targets
        names = [os.fspath(each) for each in listed]
        if find_root() == self.root_dir:
            return names
        return [name if _is_stage(name) else os.path.join(self.root_dir, name) for name in names]


def _is_stage(name: str) -> bool:
    """Whether a target names a stage in a file, as `folder/dvc.yaml:train`."""
    return "dvc.yaml:" in name


def _outcomes(repo: Repository, result: CheckoutResult, **counted: int) -> dict[str, Any]:
    """Return what a checkout did in the shape of `dvc.repo`: folders come first in each list, as there."""
    paths = {
        outcome: sorted(
            (repo.shown(each.path) + "/" * each.is_dir for each in result.changed if each.outcome == outcome),
            key=lambda path: (not path.endswith("/"), path),
        )
        for outcome in ("added", "modified", "deleted")
    }
    return {**paths, "stats": {**counted, **result.stats()}}


def _raise_first(result: CheckoutResult, allow_missing: bool) -> None:
    for error in failures_of(result, allow_missing=allow_missing).values():
        raise error


def _pass_on(address: str, data: bytes) -> None:
    """Let what a stage's commands print come out where this process's standard output goes, as with `dvc.repo`."""
    del address
    while data:
        data = data[os.write(1, data) :]
