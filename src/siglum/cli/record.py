"""`siglum add` and `commit`: what is in the workspace becomes what is recorded."""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.git_hint import say_git_hint

if TYPE_CHECKING:
    from siglum.workspace.commit import Recorded
    from siglum.workspace.repository import Repository


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
        if repo.has_pipelines():
            from siglum.pipeline.claims import check_unclaimed

            check_unclaimed(repo, targets if out is None else [out])
        result = add_paths(repo, targets, to_cache=not no_commit, out=out, force=force, relink=not no_relink)
    _say_recorded(console, repo, result.recorded)
    shown = [repo.shown(path) for path in result.git_files]
    say_git_hint(console, repo, shown)
    console.result({"added": [_recorded_value(repo, each) for each in result.recorded], "git_files": shown})


@command("commit")
@click.argument("targets", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Record what changed, without asking.")
@click.option("-d", "--with-deps", is_flag=True, help="Record what the targets are made from, too.")
@click.option("-R", "--recursive", is_flag=True, help="Let a folder stand for all that is tracked in it.")
@click.option("--data-only", is_flag=True, help="Leave out stages that have a command.")
@click.option("--relink/--no-relink", default=True, help="Link files to the cache again, or leave them as they are.")
def commit(
    console: Console,
    targets: tuple[str, ...],
    force: bool,
    with_deps: bool,
    recursive: bool,
    data_only: bool,
    relink: bool,
) -> None:
    """Record the outputs of .dvc files and stages as they are now.

    TARGETS are .dvc files, stages, and paths that they track; everything by default. What changed since it was
    recorded is asked about, and refused where nobody can be asked, unless --force is given.
    """
    from siglum.pipeline.commit import commit as commit_outputs
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        done = commit_outputs(
            repo,
            targets,
            force=force,
            with_deps=with_deps,
            recursive=recursive,
            data_only=data_only,
            relink=relink,
            confirm=_ask if console.interactive and sys.stdin.isatty() else None,
        )
    changed = [each for each in done.recorded if each.changed]
    _say_recorded(console, repo, changed)
    if not changed:
        console.say("No output changed.")
    files = [repo.shown(path) for path in done.git_files]
    say_git_hint(console, repo, files)
    console.result({"committed": [_recorded_value(repo, each) for each in changed], "git_files": files})


def _ask(problem: str) -> bool:
    return click.confirm(f"{problem} Record it as it is now?", err=True)


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
