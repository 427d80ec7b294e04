"""`siglum status`: what changed here, or against a remote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.transfer_options import scope_options
from siglum.core.errors import UsageError

if TYPE_CHECKING:
    from siglum.pipeline.data.transfers import Remotes
    from siglum.pipeline.data.wanted import TransferScope
    from siglum.workspace.repository import Repository


@command("status")
@scope_options
@click.option("-c", "--cloud", is_flag=True, help="Compare the cache with a remote instead.")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="The remote to compare with (implies -c).")
@click.option("--no-updates", is_flag=True, help="Do not ask the sources of imports what they have now.")
@click.option("--explain", is_flag=True, help="Say of each stage whether it will run and why: what changed to what.")
def status(
    console: Console,
    targets: tuple[str, ...],
    cloud: bool,
    remote_name: str | None,
    no_updates: bool,
    explain: bool,
    jobs: int | None,
    with_deps: bool,
    recursive: bool,
    **revisions: Any,
) -> None:
    """Show what changed: data and pipelines here, or with -c what a remote lacks.

    With -q nothing is printed, and the exit status is 1 when something changed.
    """
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    if cloud or remote_name is not None:
        if explain:
            raise UsageError("--explain is about what is here: it excludes -c and -r.")
        from siglum.pipeline.data.transfers import Remotes
        from siglum.pipeline.data.wanted import TransferScope

        scope = TransferScope(with_deps=with_deps, recursive=recursive, **revisions)
        _cloud_status(console, repo, targets, Remotes(repo, remote_name, jobs), scope)
        return
    meaningless = [f"--{name.replace('_', '-')}" for name, given in {**revisions, "jobs": jobs}.items() if given]
    if meaningless:
        raise UsageError(f"{' and '.join(meaningless)} mean something only with -c.", hint="Add -c or -r NAME.")
    if explain:
        _explain(console, repo, targets, with_deps=with_deps, recursive=recursive)
        return
    found = _workspace_status(repo, targets, updates=not no_updates, with_deps=with_deps, recursive=recursive)
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


def _workspace_status(
    repo: Repository, targets: Sequence[str], *, updates: bool, with_deps: bool, recursive: bool
) -> dict[str, list[Any]]:
    if targets or repo.has_pipelines():
        # Imported only where it is needed: `siglum status` on plain data stays the faster for it.
        from siglum.pipeline.status.status import project_status

        return project_status(repo, targets, updates=updates, with_deps=with_deps, recursive=recursive)
    from siglum.workspace.status import data_status

    return dict[str, list[Any]](data_status(repo, updates=updates))


def _explain(console: Console, repo: Repository, targets: Sequence[str], *, with_deps: bool, recursive: bool) -> None:
    from siglum.cli.explain import names_from, say_explanations
    from siglum.cli.run_finder import RunFinder
    from siglum.pipeline.graph.load import load_pipeline
    from siglum.pipeline.inventory.selection import select
    from siglum.pipeline.status.examine import explain_pipeline
    from siglum.pipeline.status.explain import Action

    pipeline = load_pipeline(repo)
    chosen = select(repo, pipeline, targets, with_deps=with_deps, recursive=recursive)
    with RunFinder(repo) as run_of:
        found = explain_pipeline(repo, pipeline, [each.stage.address for each in chosen], run_of=run_of)
    console.result({"stages": found})
    say_explanations(console, found, names_from(repo, pipeline))
    if console.quiet and any(each.action is not Action.NOTHING for each in found):
        raise click.exceptions.Exit(1)


def _cloud_status(
    console: Console, repo: Repository, targets: Sequence[str], remotes: Remotes, scope: TransferScope
) -> None:
    from siglum.pipeline.data.transfers import status_data

    found = status_data(repo, targets, remotes, scope)
    repo.index.save()
    console.result(found)
    if not found:
        console.say(f"Cache and remote {' and '.join(map(repr, remotes.names))} are in sync.")
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
