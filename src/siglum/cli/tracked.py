"""`siglum remove`, `move`, `unprotect`, `freeze` and `unfreeze`: what becomes of data and stages that are tracked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from siglum.cli.command import command
from siglum.cli.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterable

    from siglum.workspace.repository import Repository


@command("remove")
@click.argument("targets", nargs=-1, required=True)
@click.option("--outs", is_flag=True, help="Remove the data from the workspace as well; the cache keeps it.")
@click.option("-f", "--force", is_flag=True, help="With --outs, remove data that is in no cache, too.")
def remove(console: Console, targets: tuple[str, ...], outs: bool, force: bool) -> None:
    """Stop tracking .dvc files and stages.

    The data stays where it is, unless --outs is given.
    """
    from siglum.core.errors import UsageError
    from siglum.pipeline.editing.remove import remove as remove_targets
    from siglum.workspace.repository import Repository

    if force and not outs:
        raise UsageError("--force says something together with --outs only.", hint="Without it, no data is removed.")
    repo = Repository.open()
    with repo.lock():
        done = remove_targets(repo, targets, outs=outs, force=force)
    for each in done.removed:
        console.say(f"No longer tracked: {_shown(repo, each)}")
    for key in done.data:
        console.say(f"Removed {repo.shown(key)}")
    _tell_git(console, repo, done.git_files)
    console.result(
        {
            "removed": [_shown(repo, each) for each in done.removed],
            "data": [repo.shown(key) for key in done.data],
            "git_files": [repo.shown(key) for key in done.git_files],
        }
    )


@command("move")
@click.argument("source")
@click.argument("target")
def move(console: Console, source: str, target: str) -> None:
    """Move or rename tracked data, together with its .dvc file and its line in .gitignore.

    A TARGET that is a folder takes it in. Nothing is overwritten.
    """
    from siglum.pipeline.editing.move import move as move_data
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        moved = move_data(repo, source, target)
    console.say(f"{repo.shown(moved.source)} -> {repo.shown(moved.target)}")
    if moved.absent:
        console.warn(f"{repo.shown(moved.source)} is not in the workspace: only its .dvc file was moved.")
    _tell_git(console, repo, moved.git_files)
    console.result(
        {
            "source": repo.shown(moved.source),
            "target": repo.shown(moved.target),
            "pointer": repo.shown(moved.pointer),
            "absent": moved.absent,
            "git_files": [repo.shown(key) for key in moved.git_files],
        }
    )


@command("unprotect")
@click.argument("targets", nargs=-1, required=True)
def unprotect(console: Console, targets: tuple[str, ...]) -> None:
    """Make files safe to edit: links into the cache become copies, write-protected files writable."""
    from siglum.core.text import count
    from siglum.workspace.protection import unprotect as unprotect_paths
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        changed = unprotect_paths(repo, targets)
    files = count(len(changed), "file")
    console.say(f"{files} can be edited now." if changed else "All files can be edited already.")
    console.result({"unprotected": [repo.shown(key) for key in changed]})


@command("freeze")
@click.argument("targets", nargs=-1, required=True)
def freeze(console: Console, targets: tuple[str, ...]) -> None:
    """Keep stages and imports as they are, whatever happens to what they depend on.

    TARGETS are stages of dvc.yaml, or .dvc files.
    """
    _set_frozen(console, targets, True)


@command("unfreeze")
@click.argument("targets", nargs=-1, required=True)
def unfreeze(console: Console, targets: tuple[str, ...]) -> None:
    """Have frozen stages and imports follow what they depend on again."""
    _set_frozen(console, targets, False)


def _set_frozen(console: Console, targets: tuple[str, ...], frozen: bool) -> None:
    from siglum.pipeline.editing.freeze import freeze as set_frozen
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        done = set_frozen(repo, targets, frozen=frozen)
    state = "frozen" if frozen else "not frozen"
    for each in done.targets:
        now = "now" if each in done.changed else "already"
        console.say(f"{_shown(repo, each)} is {now} {state}.")
    console.result({"frozen": frozen, "changed": [_shown(repo, each) for each in done.changed]})


def _shown(repo: Repository, address: str) -> str:
    """Return a `.dvc` file or a stage as seen from the current folder; a stage beside it by its name alone."""
    file, colon, name = address.rpartition(":")
    if colon:
        return f"{repo.shown(file)}:{name}"
    return repo.shown(address) if address.endswith(".dvc") else address


def _tell_git(console: Console, repo: Repository, files: Iterable[str]) -> None:
    from siglum.cli.git_hint import say_git_hint

    say_git_hint(console, repo, [repo.shown(key) for key in files])
