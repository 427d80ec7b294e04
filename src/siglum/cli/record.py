"""`siglum add` and `commit`: what is in the workspace becomes what is recorded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.git_hint import say_git_hint
from siglum.cli.progress import busy

if TYPE_CHECKING:
    from siglum.workspace.commit import Recorded
    from siglum.workspace.repository import Repository


@command("add")
@click.argument("targets", nargs=-1, required=True)
@click.option("--no-commit", is_flag=True, help="Record hashes, but put nothing into the cache.")
@click.option("--glob", "use_glob", is_flag=True, help="Let *, ? and ** in targets stand for names.")
@click.option("-o", "--out", metavar="PATH", help="Copy the one target, a path or URL, to PATH first, and add that.")
@click.option("--to-remote", is_flag=True, help="Send the one target to a remote, without keeping it here.")
@click.option("-r", "--remote", metavar="NAME", help="The remote for --to-remote, instead of the default one.")
@click.option("-j", "--jobs", "--remote-jobs", type=click.IntRange(1), metavar="N", help="How many transfers at once.")
@click.option("-f", "--force", is_flag=True, help="Replace what is at --out.")
@click.option("--relink/--no-relink", default=True, help="Link files to the cache, or leave them as they are.")
def add(
    console: Console,
    targets: tuple[str, ...],
    no_commit: bool,
    use_glob: bool,
    out: str | None,
    to_remote: bool,
    remote: str | None,
    jobs: int | None,
    force: bool,
    relink: bool,
) -> None:
    """Put files and folders under version control.

    Each gets a small .dvc file beside it, for Git; its content goes into the cache. A target inside a tracked folder
    updates that folder.
    """
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with busy(console, "Adding"), repo.lock():
        elsewhere = out is not None or to_remote or remote is not None or jobs is not None
        if elsewhere or repo.has_pipelines():
            from siglum.pipeline.editing.add import add as add_anything

            result = add_anything(
                repo,
                targets,
                to_cache=not no_commit,
                use_glob=use_glob,
                out=out,
                to_remote=to_remote,
                remote=remote,
                jobs=jobs,
                force=force,
                relink=relink,
            )
        else:
            from siglum.workspace.add import add as add_paths
            from siglum.workspace.add import matching

            # What needs neither pipelines nor transfers starts the faster without them.
            names = matching(targets) if use_glob else targets
            result = add_paths(repo, names, to_cache=not no_commit, relink=relink)
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
    from siglum.pipeline.execution.commit import commit as commit_outputs
    from siglum.workspace.repository import Repository

    confirm = _ask if console.interactive and sys.stdin.isatty() else None
    repo = Repository.open()
    # Nobody can be asked anything behind a line that is drawn anew all the time.
    with nullcontext() if confirm is not None and not force else busy(console, "Recording"), repo.lock():
        done = commit_outputs(
            repo,
            targets,
            force=force,
            with_deps=with_deps,
            recursive=recursive,
            data_only=data_only,
            relink=relink,
            confirm=confirm,
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
