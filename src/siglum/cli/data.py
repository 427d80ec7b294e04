"""`siglum init`, `checkout` and `status`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import command
from siglum.cli.console import Console

if TYPE_CHECKING:
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
    if repo.has_pipelines():
        # Imported only where there is a pipeline: `siglum status` on plain data stays the faster for it.
        from siglum.pipeline.status import project_status

        return project_status(repo, targets)
    from siglum.workspace.status import data_status

    return dict[str, list[Any]](data_status(repo, targets))


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
