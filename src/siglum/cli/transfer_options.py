"""Options that `push`, `fetch`, `pull` and `status --cloud` share. Apart, so that `status` starts without the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def scope_options(function: F) -> F:
    """Add targets, and the options that say how far around them a transfer, or a look at a remote, goes."""
    for option in (
        click.option("-R", "--recursive", is_flag=True, help="Let a folder stand for all that is recorded below it."),
        click.option("-d", "--with-deps", is_flag=True, help="What the targets are made from, too."),
        click.option("-A", "--all-commits", is_flag=True, help="What any commit records, too."),
        click.option("-T", "--all-tags", is_flag=True, help="What any tag records, too."),
        click.option("-a", "--all-branches", is_flag=True, help="What any branch records, too."),
        click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many transfers at once."),
    ):
        function = option(function)
    return click.argument("targets", nargs=-1)(function)
