"""`siglum root` and `check-ignore`: where the repository is, and what it does not look at."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.core.errors import UsageError


@command("root")
def root(console: Console) -> None:
    """Print the path of the repository's root, relative to the current folder."""
    from siglum.workspace.repository import Repository

    found = Repository.open().root
    console.say(os.path.relpath(found))
    console.result({"root": os.path.relpath(found), "absolute": found})


@command("check-ignore")
@click.argument("targets", nargs=-1)
@click.option("-d", "--details", is_flag=True, help="Show the pattern that decides, with its file and line.")
@click.option("-n", "--non-matching", is_flag=True, help="With -d: also show paths that no pattern names.")
@click.option("-a", "--all", "every", is_flag=True, help="With -d: show all patterns that name a path.")
@click.option("--stdin", is_flag=True, help="Read paths from standard input, one a line.")
def check_ignore(
    console: Console, targets: tuple[str, ...], details: bool, non_matching: bool, every: bool, stdin: bool
) -> None:
    """Say which of TARGETS are ignored because of .dvcignore files. They need not exist.

    The exit status is 1 when none is.
    """
    from siglum.workspace.ignore_check import check_ignored
    from siglum.workspace.repository import Repository

    _check_use(targets, details, non_matching, every, stdin, quiet=console.quiet)
    repo, folder = Repository.open(), os.getcwd()
    told, rows = False, []
    for target in _lines() if stdin else targets:
        found = check_ignored(repo.ignore, repo.root, target, folder)
        told = told or (bool(found.named_by) if details else found.ignored)
        rows.append({"path": found.path, "ignored": found.ignored, "patterns": found.named_by})
        if not details:
            if found.ignored:
                console.say(found.path)
            continue
        for each in found.named_by if every else found.named_by[:1]:
            console.say(f"{each}\t{found.path}")
        if not found.named_by and non_matching:
            console.say(f"::\t{found.path}")
    console.result(rows)
    if not told:
        raise click.exceptions.Exit(1)


def _check_use(
    targets: tuple[str, ...], details: bool, non_matching: bool, every: bool, stdin: bool, *, quiet: bool
) -> None:
    if not targets and not stdin:
        raise UsageError("Give paths, or --stdin.")
    if targets and stdin:
        raise UsageError("--stdin takes no paths on the command line.")
    for flag, given in (("--non-matching", non_matching), ("--all", every)):
        if given and not details:
            raise UsageError(f"{flag} says something together with --details only.")
    if details and quiet:
        raise UsageError("--details and --quiet exclude each other.")


def _lines() -> Iterable[str]:
    """Yield the paths on standard input as they come; empty lines are none."""
    for line in sys.stdin:
        if path := line.rstrip("\n"):
            yield path
