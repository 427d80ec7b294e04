"""A data repository from Python, with the names of `dvc.repo.Repo`: what the commands do, returned as values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeAlias

from siglum.core.errors import NotFoundError
from siglum.pipeline.add import add
from siglum.pipeline.commit import commit
from siglum.pipeline.events import Outcome, StageResult
from siglum.pipeline.repro import repro
from siglum.pipeline.status import project_status
from siglum.pipeline.targets import Selection
from siglum.pipeline.tracked import tracked_data
from siglum.pipeline.transfers import Remotes, fetch_data, placed_data, push_data, status_data
from siglum.pipeline.wanted import TransferScope
from siglum.workspace.checkout import CheckoutResult, checkout, failures_of
from siglum.workspace.commit import Recorded
from siglum.workspace.repository import Repository, find_root

__all__ = ["Repo"]

Targets: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None
"""One target, several, or None for all there are."""


class Repo:
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
        self, targets: Targets = None, force: bool = False, relink: bool = False, allow_missing: bool = False
    ) -> dict[str, list[str]]:
        """Bring data to what is recorded, from the cache. Return the paths that were `added` and `modified`.

        What can be brought back is; then the first error is raised: NotFoundError (not with `allow_missing`),
        IntegrityError, or, without `force`, WouldLoseDataError.
        """
        repo = self._fresh()
        with repo.lock():
            result = checkout(repo, tracked_data(repo, self._names(targets)), force=force, relink=relink)
        _raise_first(result, allow_missing)
        return _by_outcome(result)

    def status(self, targets: Targets = None, cloud: bool = False, remote: str | None = None) -> dict[str, Any]:
        """Return what changed by `.dvc` file and stage; with `cloud` or `remote`, what a remote or the cache lacks."""
        repo = self._fresh()
        if not cloud and remote is None:
            return project_status(repo, self._names(targets))
        return dict(status_data(repo, self._names(targets), Remotes(repo, remote)))

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
        """Get data from a remote into the workspace: return how many objects were `fetched`, and as `checkout` does.

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
            done = fetch_data(repo, names, remotes, scope=scope, run_cache=run_cache)
            wanted = [*placed_data(repo, names, remotes, scope), *done.kept_promises]
            placed = checkout(repo, wanted, force=force)
        if not allow_missing:
            done.raise_failures()
        _raise_first(placed, allow_missing)
        return {"fetched": done.count, **_by_outcome(placed)}

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


def _by_outcome(result: CheckoutResult) -> dict[str, list[str]]:
    return {
        outcome: [each.path for each in result.changed if each.outcome == outcome] for outcome in ("added", "modified")
    }


def _raise_first(result: CheckoutResult, allow_missing: bool) -> None:
    for error in failures_of(result, allow_missing=allow_missing).values():
        raise error
