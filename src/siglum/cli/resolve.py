"""`siglum resolve`: merges that Git left in conflict."""

from __future__ import annotations

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.git_hint import say_git_hint


@command("resolve")
@click.argument("targets", nargs=-1)
@click.option("--ours", "side", flag_value="ours", help="Where both sides changed the same, take what is here.")
@click.option("--theirs", "side", flag_value="theirs", help="Where both sides changed the same, take the other side's.")
def resolve(console: Console, targets: tuple[str, ...], side: str | None) -> None:
    """Merge dvc.lock and .dvc files that a merge left in conflict, all of them or TARGETS.

    Git's index has the three states. A stage of dvc.lock, or a file of a folder, that only one side changed is taken
    from there. After 'siglum install', Git merges them so by itself.
    """
    from siglum.core.text import count
    from siglum.pipeline.records.merge_lock import Side
    from siglum.pipeline.records.resolve import resolve as resolve_files
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        done = resolve_files(repo, targets, None if side is None else Side(side))
    for each in done.files:
        taken = f": {count(len(each.taken), 'stage')} of the other side" if each.taken else ""
        chosen = f"; {side} of {', '.join(each.chosen)}" if each.chosen else ""
        console.say(f"Merged {repo.shown(each.path)}{taken}{chosen}.")
    say_git_hint(console, repo, [repo.shown(key) for key in done.git_files])
    console.result(
        {
            "files": [
                {"path": repo.shown(each.path), "taken": each.taken, "chosen": each.chosen} for each in done.files
            ],
            "git_files": [repo.shown(key) for key in done.git_files],
        }
    )
