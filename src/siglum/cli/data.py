"""`siglum init` and `checkout`."""

from __future__ import annotations

import os

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.progress import busy


@command("init")
@click.argument("directory", required=False)
@click.option("--no-scm", is_flag=True, help="Start without Git.")
@click.option("--subdir", is_flag=True, help="Start below the root of a Git repository.")
@click.option("-f", "--force", is_flag=True, help="Start with fresh settings where there is a repository already.")
def init(console: Console, directory: str | None, no_scm: bool, subdir: bool, force: bool) -> None:
    """Start data versioning in DIRECTORY, the current folder by default.

    With --force, a cache that is there stays.
    """
    from siglum.workspace.repository import Repository

    repo = Repository.init(directory or os.getcwd(), scm=not no_scm, subdir=subdir, force=force)
    console.say(f"Started data versioning in {repo.root}.")
    if not no_scm:
        console.say("Commit it with: git commit -m 'Start data versioning'")
    console.result({"root": repo.root})


@command("checkout")
@click.argument("targets", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Overwrite changes that are kept nowhere else.")
@click.option("-d", "--with-deps", is_flag=True, help="Bring back what the targets are made from, too.")
@click.option("-R", "--recursive", is_flag=True, help="Let a folder stand for all that is tracked in it.")
@click.option("--relink", is_flag=True, help="Place all files again, by the link type that is set now.")
@click.option("--summary", is_flag=True, help="Print counts only.")
@click.option("--allow-missing", is_flag=True, help="Succeed although the cache lacks something.")
def checkout(
    console: Console,
    targets: tuple[str, ...],
    force: bool,
    with_deps: bool,
    recursive: bool,
    relink: bool,
    summary: bool,
    allow_missing: bool,
) -> None:
    """Bring data to what the .dvc and dvc.lock files say, from the cache.

    Without TARGETS, data that nothing tracks any more goes, if it is unchanged and the cache has it. Nothing is removed
    or overwritten that is kept nowhere else.
    """
    from siglum.cli.checkout_report import outcomes, say_checkout
    from siglum.pipeline.data.checkout import checkout as checkout_data
    from siglum.workspace.checkout import failures_of, raise_failures
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with busy(console, "Checking out"), repo.lock():
        result = checkout_data(repo, targets, force=force, relink=relink, with_deps=with_deps, recursive=recursive)
    say_checkout(console, repo, result, summary=summary)
    failed = failures_of(result, allow_missing=allow_missing)
    console.result(outcomes(repo, result) | {"failed": {repo.shown(path): str(e) for path, e in failed.items()}})
    raise_failures(repo, failed)
