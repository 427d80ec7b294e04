"""The options that say which level of the settings a command reads or changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from siglum.workspace.config import Level
    from siglum.workspace.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
_LEVELS = (
    ("--local", "local", "the repository's file that Git ignores"),
    ("--project", "repo", "the repository's file"),
    ("--global", "global", "the user's file"),
    ("--system", "system", "the machine's file"),
)
_CHOSEN = "siglum.settings_level"


def level_options(function: F) -> F:
    """Add `--system`, `--global`, `--project` and `--local`, of which one may be given; see `chosen_level`."""
    for flag, level, meaning in _LEVELS:
        function = click.option(
            flag,
            f"level_{level}",
            is_flag=True,
            expose_value=False,
            callback=_remember(flag, level),
            help=f"Only {meaning}.",
        )(function)
    return function


def chosen_level() -> Level | None:
    """Return the level that the command line names, None without one."""
    from siglum.workspace.config import Level

    chosen = click.get_current_context().meta.get(_CHOSEN)
    return None if chosen is None else Level(chosen[1])


def settings() -> Settings:
    """Return the level to change: the one that was named, else the repository's."""
    from siglum.workspace.config import Level
    from siglum.workspace.repository import DVC_DIR, find_root
    from siglum.workspace.settings import Settings

    root = find_root()
    return Settings(chosen_level() or Level.REPO, os.path.join(root, DVC_DIR) if root else None, os.getcwd())


def _remember(flag: str, level: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(context: click.Context, _: click.Parameter, given: bool) -> None:
        if not given:
            return
        before = context.meta.setdefault(_CHOSEN, (flag, level))
        if before[1] != level:
            raise click.UsageError(f"{before[0]} and {flag} exclude each other.")

    return callback
