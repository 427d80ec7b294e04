"""Options and words that the commands share which get data from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from siglum.cli.command import SiglumCommand

if TYPE_CHECKING:
    from siglum.workspace.pointers import RepoSource

F = TypeVar("F", bound=Callable[..., Any])
_PAIR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


class PairsCommand(SiglumCommand):
    """A command with options that take all the `name=value` words that follow, as DVC's do."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give each word that belongs to such an option the option's name in front."""
        greedy = {name for each in self.params if each.multiple for name in each.opts}
        rewritten: list[str] = []
        option, first = None, False
        for position, word in enumerate(args):
            if word == "--":
                rewritten += args[position:]
                break
            if word in greedy:
                option, first = word, True
            elif option is not None and (first or _PAIR.match(word)):
                rewritten += [option, word]
                first = False
            else:
                option = None
                rewritten.append(word)
        if first and option is not None:
            rewritten.append(option)  # nothing follows: the parser says so
        return super().parse_args(ctx, rewritten)


fs_config_option = click.option(
    "--fs-config", "fs_config", multiple=True, metavar="NAME=VALUE ...", help="Options for reading the URL."
)


def repo_options(function: F) -> F:
    """Give a command the options by which data of another repository is found and put here."""
    for option in (
        click.option(
            "--remote-config",
            "remote_config",
            multiple=True,
            metavar="NAME=VALUE ...",
            help="Options of the remote that is read from.",
        ),
        click.option("--remote", metavar="NAME", help="The remote of that repository to read from."),
        click.option("--config", metavar="FILE", help="Settings to lay over those of that repository."),
        click.option("--rev", metavar="REV", help="A branch, tag or commit; else the default branch."),
        click.option("-f", "--force", is_flag=True, help="Replace what is there."),
        click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many transfers at once."),
        click.option("-o", "--out", metavar="PATH", help="Where to put it; else here, under its own name."),
    ):
        function = option(function)
    return function


def source_of(
    url: str, rev: str | None, config: str | None, remote: str | None, remote_config: Sequence[str]
) -> RepoSource:
    """Return the repository that the options of a command name."""
    from siglum.pipeline.sources.get import repo_source

    options = pairs_of("--remote-config", remote_config) if remote_config else None
    return repo_source(url, rev, config=config, remote=remote, remote_config=options)


def pairs_of(option: str, words: Sequence[str]) -> dict[str, str]:
    """Return `name=value` words as a mapping."""
    from siglum.core.errors import UsageError

    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            # The word itself is not shown: it may be a password.
            raise UsageError(f"{option} takes words of the form name=value.")
        found[name] = value
    return found


def not_both(one: bool, one_name: str, other: bool, other_name: str) -> None:
    """Raise UsageError when both are given."""
    from siglum.core.errors import UsageError

    if one and other:
        raise UsageError(f"{one_name} and {other_name} exclude each other.")
