"""A data repository from Python, with the names of `dvc.repo.Repo`: what the commands do, returned as values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.pipeline.data.checkout import checkout as checkout_tracked
from siglum.pipeline.data.data_diff import diff_data
from siglum.pipeline.data.diff_value import diff_value
from siglum.pipeline.data.transfers import Remotes, status_data
from siglum.pipeline.data.wanted import TransferScope
from siglum.pipeline.editing.add import add
from siglum.pipeline.editing.move import move
from siglum.pipeline.editing.remove import remove
from siglum.pipeline.execution.commit import commit
from siglum.pipeline.execution.repro import repro
from siglum.pipeline.graph.targets import Selection
from siglum.pipeline.status.events import Outcome, StageResult
from siglum.pipeline.status.status import project_status
from siglum.repo_base import Targets
from siglum.repo_sources import SourceMethods
from siglum.repo_transfers import TransferMethods, outcomes, raise_first
from siglum.workspace.commit import Recorded
from siglum.workspace.folder_contents import FolderContents
from siglum.workspace.move import Moved
from siglum.workspace.remove import Removed
from siglum.workspace.repository import Repository, find_root

__all__ = ["Repo"]


class Repo(SourceMethods, TransferMethods):
    """A data repository.

    Targets are paths relative to the current folder when that lies in the repository, else to the repository's root.
    A method that changes something holds the repository's lock as long as it works.
    """

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
        raise_first(result, allow_missing)
        return outcomes(repo, result)

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


def _pass_on(address: str, data: bytes) -> None:
    """Let what a stage's commands print come out where this process's standard output goes, as with `dvc.repo`."""
    del address
    while data:
        data = data[os.write(1, data) :]
