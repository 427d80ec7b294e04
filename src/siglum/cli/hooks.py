"""`siglum install`, and `siglum git-hook`: what Git then runs."""

from __future__ import annotations

import os

import click

from siglum.cli.command import command, group
from siglum.cli.console import Console

_PASS_ALL = {"ignore_unknown_options": True, "allow_extra_args": True}


@command("install")
@click.option("--use-pre-commit-tool", is_flag=True, help="Have the tool 'pre-commit' run the hooks.")
def install(console: Console, use_pre_commit_tool: bool) -> None:
    """Have Git run Siglum by itself.

    Before a commit it shows what changed, after a checkout it brings the data along, before a push it sends it. Merges
    of folders that .dvc files record are done file by file, those of dvc.lock stage by stage.
    """
    from siglum.workspace.git_hooks import install as install_hooks
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    if repo.git is None:
        console.say("There is nothing to install: this repository is not kept in Git, which is what runs hooks.")
        console.result({"files": [], "attributes": None})
        return
    done = install_hooks(repo.git, use_pre_commit_tool=use_pre_commit_tool)
    shown = [os.path.relpath(path) for path in done.files]
    console.say(f"Installed {', '.join(shown)}.")
    if use_pre_commit_tool:
        stages = " ".join(f"-t {name}" for name in ("pre-commit", "pre-push", "post-checkout"))
        console.say(f"Have the tool put them in place with: pre-commit install {stages}")
    console.say("In this clone, folders in .dvc files are merged file by file, and dvc.lock stage by stage.")
    console.result({"files": shown, "attributes": os.path.relpath(done.attributes)})


@group("git-hook")
def git_hook() -> None:
    """Do what Git's hooks and its merge driver are for; see 'siglum install'."""


@git_hook.command("pre-commit", context_settings=_PASS_ALL)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, expose_value=False)
def pre_commit(console: Console) -> None:
    """Show what changed in data and pipelines, before a commit."""
    _run(console, "status")


@git_hook.command("post-checkout", context_settings=_PASS_ALL)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def post_checkout(console: Console, arguments: tuple[str, ...]) -> None:
    """Bring the data to what was checked out. ARGUMENTS are Git's: old commit, new commit, 1 for a whole branch."""
    flag = os.environ.get("PRE_COMMIT_CHECKOUT_TYPE") or (arguments[2] if len(arguments) > 2 else None)
    # Not after `git checkout FILE`, nor between the steps of a rebase, which a failure would stop.
    if flag == "1" and not os.path.isdir(os.path.join(".git", "rebase-merge")):
        _run(console, "checkout")


@git_hook.command("pre-push", context_settings=_PASS_ALL)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, expose_value=False)
def pre_push(console: Console) -> None:
    """Send the data to its remote, before Git sends the commits."""
    _run(console, "push")


@git_hook.command("merge-driver")
@click.option("--ancestor", required=True, metavar="PATH", help="The version both sides started from.")
@click.option("--our", required=True, metavar="PATH", help="The version here; gets the result.")
@click.option("--their", required=True, metavar="PATH", help="The version of the other side.")
def merge_driver(console: Console, ancestor: str, our: str, their: str) -> None:
    """Merge three versions of a .dvc file that records a folder."""
    from siglum.workspace.merge import merge_pointers
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    merged = merge_pointers(repo, ancestor, our, their)
    console.result({"outs": [{"path": out.path, "md5": out.md5} for out in merged.outs]})


@git_hook.command("merge-lock")
@click.option("--ancestor", required=True, metavar="PATH", help="The version both sides started from.")
@click.option("--our", required=True, metavar="PATH", help="The version here; gets the result.")
@click.option("--their", required=True, metavar="PATH", help="The version of the other side.")
@click.option("--marker-size", type=click.IntRange(1), default=7, help="How long conflict markers are.")
@click.option("--path", "shown", default="dvc.lock", metavar="PATH", help="What the file is called, for messages.")
def merge_lock(console: Console, ancestor: str, our: str, their: str, marker_size: int, shown: str) -> None:
    """Merge three versions of a dvc.lock, stage by stage. Stages that both sides changed are left between markers."""
    from siglum.core.errors import ConflictError
    from siglum.pipeline.records.merge_lock import merge_locks, say_conflict
    from siglum.workspace.documents import read_bytes, write_atomic

    base, ours, theirs = (read_bytes(path) for path in (ancestor, our, their))
    merged = merge_locks(base, ours, theirs, shown, marker_size=marker_size)
    write_atomic(our, merged.text.encode())
    if merged.conflicts:
        hint = "'siglum resolve --ours' or '--theirs' takes one side of them."
        raise ConflictError(say_conflict(shown, merged.conflicts), hint=hint)
    console.result({"taken": merged.taken})


def _run(console: Console, name: str) -> None:
    """Run a command of ours as it is without options, where there is a data repository; else there is nothing to do."""
    from siglum.cli.app import EXIT_FAILED, run
    from siglum.workspace.repository import find_root

    if find_root() is None:
        return
    status = run([name, *(["--quiet"] if console.quiet else []), *(["--json"] if console.json else [])])
    if status:
        raise click.exceptions.Exit(status if status != 2 else EXIT_FAILED)
