"""`siglum init`, `add`, `commit`, `checkout` and `status`."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import command
from siglum.cli.console import Console

if TYPE_CHECKING:
    from siglum.workspace.commit import Recorded
    from siglum.workspace.repository import Repository


@command("init")
@click.option("--no-scm", is_flag=True, help="Start without Git.")
@click.option("--subdir", is_flag=True, help="Start below the root of a Git repository.")
@click.option("-f", "--force", is_flag=True, help="Start with fresh settings where there is a repository already.")
def init(console: Console, no_scm: bool, subdir: bool, force: bool) -> None:
    """Start data versioning in the current folder."""
    from siglum.workspace.repository import Repository

    repo = Repository.init(os.getcwd(), scm=not no_scm, subdir=subdir, force=force)
    console.say(f"Started data versioning in {repo.root}.")
    if not no_scm:
        console.say("Commit it with: git commit -m 'Start data versioning'")
    console.result({"root": repo.root})


@command("add")
@click.argument("targets", nargs=-1, required=True)
@click.option("--no-commit", is_flag=True, help="Record hashes, but put nothing into the cache.")
@click.option("--glob", "use_glob", is_flag=True, help="Let *, ? and ** in targets stand for names.")
@click.option("-o", "--out", metavar="PATH", help="Copy the one target to PATH first, and add that.")
@click.option("-f", "--force", is_flag=True, help="Replace what is at --out.")
@click.option("--no-relink", is_flag=True, help="Leave the files in the workspace as they are.")
def add(
    console: Console,
    targets: tuple[str, ...],
    no_commit: bool,
    use_glob: bool,
    out: str | None,
    force: bool,
    no_relink: bool,
) -> None:
    """Put files and folders under version control.

    Each gets a small .dvc file beside it, for Git; its content goes into the cache.
    """
    from siglum.core.errors import NotFoundError
    from siglum.workspace.add import add as add_paths
    from siglum.workspace.repository import Repository

    if use_glob:
        # In the order of the folders, as DVC adds them: .gitignore gets its lines in this order.
        targets = tuple(dict.fromkeys(path for target in targets for path in glob.glob(target, recursive=True)))
        if not targets:
            raise NotFoundError("No file or folder matches the pattern.")
    repo = Repository.open()
    with repo.lock():
        if _has_pipeline(repo):
            from siglum.pipeline.claims import check_unclaimed

            check_unclaimed(repo, targets if out is None else [out])
        result = add_paths(repo, targets, to_cache=not no_commit, out=out, force=force, relink=not no_relink)
    _say_recorded(console, repo, result.recorded)
    shown = [repo.shown(path) for path in result.git_files]
    if repo.git is not None and not repo.config.is_true("core.autostage"):
        console.say(f"Tell Git with: git add {' '.join(_quoted(path) for path in shown)}")
    console.result({"added": [_recorded_value(repo, each) for each in result.recorded], "git_files": shown})


@command("commit")
@click.argument("targets", nargs=-1)
@click.option("--no-relink", is_flag=True, help="Leave the files in the workspace as they are.")
def commit(console: Console, targets: tuple[str, ...], no_relink: bool) -> None:
    """Record changed data of .dvc files, all or those that TARGETS name."""
    from siglum.workspace.commit import commit as commit_outputs
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        recorded = commit_outputs(repo, targets, relink=not no_relink)
    changed = [each for each in recorded if each.changed]
    _say_recorded(console, repo, changed)
    if not changed:
        console.say("Nothing changed.")
    console.result({"committed": [_recorded_value(repo, each) for each in changed]})


@command("checkout")
@click.argument("targets", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Overwrite changes that are kept nowhere else.")
@click.option("--relink", is_flag=True, help="Place all files again, by the link type that is set now.")
@click.option("--summary", is_flag=True, help="Print counts only.")
@click.option("--allow-missing", is_flag=True, help="Succeed although the cache lacks something.")
def checkout(
    console: Console, targets: tuple[str, ...], force: bool, relink: bool, summary: bool, allow_missing: bool
) -> None:
    """Bring data to what the .dvc and dvc.lock files say, from the cache.

    Nothing is removed or overwritten that is kept nowhere else.
    """
    from siglum.core.text import count
    from siglum.pipeline.tracked import tracked_data
    from siglum.workspace.checkout import checkout as checkout_data
    from siglum.workspace.checkout import failures_of, raise_failures
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        result = checkout_data(repo, tracked_data(repo, targets), force=force, relink=relink)
    for each in result.changed:
        if not summary:
            console.say(f"{each.outcome:9} {repo.shown(each.path)} ({count(each.files, 'file')})")
    if summary or not result.changed:
        console.say(f"{count(len(result.changed), 'path')} changed.")
    failed = failures_of(result, allow_missing=allow_missing)
    outcomes: dict[str, list[str]] = {"added": [], "modified": []}
    for each in result.changed:
        outcomes[each.outcome].append(repo.shown(each.path))
    console.result(outcomes | {"failed": {repo.shown(path): str(error) for path, error in failed.items()}})
    raise_failures(repo, failed)


@command("status")
@click.argument("targets", nargs=-1)
@click.option("-c", "--cloud", is_flag=True, help="Compare the cache with a remote instead.")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="The remote to compare with (implies -c).")
def status(console: Console, targets: tuple[str, ...], cloud: bool, remote_name: str | None) -> None:
    """Show what changed: data and pipelines here, or with -c what a remote lacks.

    With -q nothing is printed, and the exit status is 1 when something changed.
    """
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    if cloud or remote_name is not None:
        _cloud_status(console, repo, targets, remote_name)
        return
    found = _workspace_status(repo, targets)
    repo.index.save()
    console.result(found)
    if not found:
        console.say("Data and pipelines are up to date.")
    for name, entries in found.items():
        console.say(f"{name}:")
        for entry in entries:
            _say_entry(console, entry)
    if found and console.quiet:
        raise click.exceptions.Exit(1)


def _workspace_status(repo: Repository, targets: Sequence[str]) -> dict[str, list[Any]]:
    if _has_pipeline(repo):
        # Imported only where there is a pipeline: `siglum status` on plain data stays the faster for it.
        from siglum.pipeline.status import project_status

        return project_status(repo, targets)
    from siglum.workspace.status import data_status

    return dict[str, list[Any]](data_status(repo, targets))


def _has_pipeline(repo: Repository) -> bool:
    """Whether the pipeline layer is needed: commands on plain data start the faster without it."""
    return any(os.path.basename(path) == "dvc.yaml" for path in repo.metafiles())


def _cloud_status(console: Console, repo: Repository, targets: Sequence[str], remote_name: str | None) -> None:
    from siglum.pipeline.tracked import in_cache, tracked_data
    from siglum.workspace.cloud_status import cloud_status
    from siglum.workspace.remotes import open_configured_remote

    remote = open_configured_remote(repo, remote_name)
    wanted = in_cache(tracked_data(repo, targets))
    found = cloud_status(repo, [(each.path, each.hash) for each in wanted], remote)
    repo.index.save()
    console.result(found)
    if not found:
        console.say(f"Cache and remote {remote.name!r} are in sync.")
    for path, verdict in sorted(found.items()):
        console.say(f"  {verdict + ':':12} {path}")
    if found and console.quiet:
        raise click.exceptions.Exit(1)


def _say_entry(console: Console, entry: str | Mapping[str, Any]) -> None:
    if isinstance(entry, str):
        console.say(f"  {entry}")
        return
    for title, changes in entry.items():
        console.say(f"  {title}:")
        for path, verdict in changes.items():
            if isinstance(verdict, Mapping):
                console.say(f"    {path}:")
                for key, change in verdict.items():
                    console.say(f"      {change + ':':14} {key}")
            else:
                console.say(f"    {verdict + ':':14} {path}")


def _say_recorded(console: Console, repo: Repository, recorded: Sequence[Recorded]) -> None:
    from siglum.core.text import count, size

    for each in recorded:
        files = f"{count(each.nfiles, 'file')}, " if each.hash is not None and each.hash.is_dir else ""
        state = "" if each.changed else ", unchanged"
        console.say(f"{repo.shown(each.path)}  {each.hash}  ({files}{size(each.size)}{state})")


def _recorded_value(repo: Repository, each: Recorded) -> dict[str, Any]:
    return {
        "path": repo.shown(each.path),
        "pointer": repo.shown(each.pointer),
        "hash": str(each.hash),
        "size": each.size,
        "nfiles": each.nfiles,
        "changed": each.changed,
    }


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)
