"""`siglum data status`: what changed between the last commit, the recorded data and the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import group
from siglum.cli.console import Console

if TYPE_CHECKING:
    from siglum.core.hashes import DataHash
    from siglum.pipeline.data.changes import Changes
    from siglum.pipeline.data.data_status import DataStatus, GitState

# Titles are DVC's, which people's scripts look for; hints name Siglum's commands.
_TITLES = {
    "not_in_cache": ("Not in cache", ('use "siglum fetch <file>..." to download files',)),
    "not_in_remote": ("Not in remote", ('use "siglum push <file>..." to upload files',)),
    "committed": ("DVC committed changes", ("git commit the corresponding dvc files to update the repo",)),
    "uncommitted": (
        "DVC uncommitted changes",
        ('use "siglum commit <file>..." to track changes', 'use "siglum checkout <file>..." to discard changes'),
    ),
    "untracked": (
        "Untracked files",
        ('use "git add <file> ..." or "siglum add <file>..." to commit to git or to dvc',),
    ),
    "unchanged": ("DVC unchanged files", ()),
}
_COLOURS = {
    "not_in_cache": "red",
    "not_in_remote": "red",
    "committed": "green",
    "uncommitted": "yellow",
    "untracked": "cyan",
}


@group("data")
def data() -> None:
    """Look at tracked data."""


@data.command("status")
@click.argument("targets", nargs=-1)
@click.option("--granular", is_flag=True, help="Tell of the files in folders, too.")
@click.option("--unchanged", is_flag=True, help="List what did not change, too.")
@click.option(
    "--untracked-files",
    type=click.Choice(["no", "all"]),
    is_flag=False,
    flag_value="all",
    default="no",
    help="List files that neither Git nor Siglum tracks, too.",
)
@click.option("--not-in-remote", is_flag=True, help="List what the remote does not have, too.")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="The remote to look at (with --not-in-remote).")
@click.option("--no-remote-refresh", is_flag=True, help="Go by what the remote had when it was last looked at.")
def data_status(
    console: Console,
    targets: tuple[str, ...],
    granular: bool,
    unchanged: bool,
    untracked_files: str,
    not_in_remote: bool,
    remote_name: str | None,
    no_remote_refresh: bool,
) -> None:
    """Show what changed between the last commit, the .dvc and lock files, and the workspace: all data, or TARGETS."""
    from siglum.core.errors import UsageError
    from siglum.pipeline.data.data_status import Asked
    from siglum.pipeline.data.data_status import data_status as status_of
    from siglum.workspace.folder_contents import FolderContents
    from siglum.workspace.repository import Repository

    if not not_in_remote and (remote_name is not None or no_remote_refresh):
        option = "--remote" if remote_name is not None else "--no-remote-refresh"
        raise UsageError(f"{option} has no meaning without --not-in-remote.", hint="Add it, or leave this out.")
    repo = Repository.open()
    contents = FolderContents(repo, remote_name)
    asked = Asked(
        targets=targets,
        granular=granular,
        unchanged=unchanged,
        untracked=untracked_files == "all",
        not_in_remote=not_in_remote,
        refresh=not no_remote_refresh,
    )
    found = status_of(repo, contents, asked, remote_name)
    repo.index.save()
    for problem in contents.problems.values():
        console.warn(f"Files of some folders are not known: {problem}")
    value = _value(found)
    console.result(value)
    if not (console.json or console.quiet):
        _say(console, value, found.git)


def _value(found: DataStatus) -> dict[str, Any]:
    """Return a status in the shape of DVC's `data status --json`: what is empty is left out."""
    value = {
        "not_in_cache": list(found.not_in_cache),
        "not_in_remote": list(found.not_in_remote),
        "committed": _changes(found.committed),
        "uncommitted": _changes(found.uncommitted),
        "untracked": list(found.git.untracked),
        "unchanged": list(found.unchanged),
    }
    return {key: each for key, each in value.items() if each}


def _changes(changes: Changes) -> dict[str, Any]:
    value: dict[str, Any] = {
        "modified": [_shown(each.path, each.new) for each in changes.modified],
        "added": [_shown(each.path, each.new) for each in changes.added],
        "deleted": [_shown(each.path, each.old) for each in changes.deleted],
        "renamed": [
            {"old": _shown(each.old, each.hash), "new": _shown(each.new, each.hash)} for each in changes.renamed
        ],
        "unknown": list(changes.unknown),
    }
    return {key: each for key, each in value.items() if each}


def _shown(path: str, data: DataHash | None) -> str:
    return f"{path}/" if data is not None and data.is_dir else path


def _say(console: Console, value: dict[str, Any], git: GitState) -> None:
    if not value:
        console.say(f"No changes{' in an empty git repo' if git.is_empty else ''}.")
    for number, (section, found) in enumerate(value.items()):
        title, hints = _TITLES[section]
        console.say(("\n" if number else "") + f"{title}:")
        for hint in hints:
            console.say(f"  ({hint})")
        lines = [f"        {line}" for line in _lines(found)]
        if section in _COLOURS:
            lines = [console.style(line, _COLOURS[section]) for line in lines]
        console.say("\n".join(lines))
    if git.is_dirty:
        other = "other " if value else ""
        console.say(f'(there are {other}changes not tracked by dvc, use "git status" to see)')


def _lines(found: Sequence[str] | dict[str, Any]) -> list[str]:
    if not isinstance(found, dict):
        return list(found)
    return [
        f"{state}: {path if isinstance(path, str) else ' -> '.join((path['old'], path['new']))}"
        for state, paths in found.items()
        for path in paths
    ]
