"""`add` with all that it can do, in a repository that may have pipelines: what a stage writes is the stage's."""

from __future__ import annotations

from collections.abc import Sequence

from siglum.core.errors import InvalidInputError
from siglum.pipeline.inventory.claims import check_unclaimed
from siglum.storage.transfer import Progress
from siglum.workspace.add import AddResult, matching
from siglum.workspace.add import add as add_paths
from siglum.workspace.add_from import add_from, add_to_remote
from siglum.workspace.remotes import open_configured_remote
from siglum.workspace.repository import Repository


def add(
    repo: Repository,
    targets: Sequence[str],
    *,
    to_cache: bool = True,
    use_glob: bool = False,
    out: str | None = None,
    to_remote: bool = False,
    remote: str | None = None,
    jobs: int | None = None,
    force: bool = False,
    relink: bool = True,
    progress: Progress | None = None,
) -> AddResult:
    """Record files and folders, each in a `.dvc` file; see `siglum add` for what the arguments mean.

    Targets are paths relative to the current folder; with `out` or `to_remote` the one target may be a URL. The caller
    holds the lock.

    Raises:
        InvalidInputError: Arguments that do not go together, or as `workspace.add.add` does.
        ConflictError: A target belongs to a stage, to Git, or to what is tracked already.
        NotFoundError: A target, or the remote, does not exist.
        AlreadyExistsError: Something is at `out`, and there is no `force`.
    """
    check_arguments(len(targets), to_cache=to_cache, out=out, to_remote=to_remote, remote=remote, jobs=jobs)
    names = matching(targets) if use_glob else list(targets)
    if to_remote:
        check_arguments(len(names), to_cache=to_cache, out=out, to_remote=to_remote, remote=remote, jobs=jobs)
        check_unclaimed(repo, [out or names[0]])
        there = open_configured_remote(repo, remote)
        return add_to_remote(repo, names[0], there, out, force=force, jobs=jobs)
    if out is not None:
        check_arguments(len(names), to_cache=to_cache, out=out, to_remote=to_remote, remote=remote, jobs=jobs)
        check_unclaimed(repo, [out])
        return add_from(repo, names[0], out, force=force, relink=relink, jobs=jobs, progress=progress)
    check_unclaimed(repo, names)
    return add_paths(repo, names, to_cache=to_cache, relink=relink)


def check_arguments(
    targets: int, *, to_cache: bool, out: str | None, to_remote: bool, remote: str | None, jobs: int | None
) -> None:
    """Raise InvalidInputError for arguments that do not go together, in the words of the command line."""
    elsewhere = "--to-remote" if to_remote else "--out" if out is not None else None
    if elsewhere is not None and targets > 1:
        raise InvalidInputError(f"{elsewhere} takes exactly one target, not {targets}.")
    if elsewhere is not None and not to_cache:
        raise InvalidInputError(f"--no-commit and {elsewhere} do not go together.", hint="Leave one of them out.")
    if not to_remote and remote is not None:
        raise InvalidInputError("--remote says where to, and needs --to-remote.", hint="Add --to-remote.")
    if not to_remote and jobs is not None:
        raise InvalidInputError("--jobs says how many transfers, and needs --to-remote.", hint="Add --to-remote.")
