"""What the commands that show and compare metrics and parameters have in common: targets, states, tables, problems."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from siglum.cli.tables import headed_table, markdown_table
from siglum.core.errors import NotFoundError
from siglum.pipeline.inventory.selection import folder_of
from siglum.pipeline.results.history import WORKSPACE, StateName, state_named
from siglum.pipeline.results.values import ValueChange, diff_rows
from siglum.pipeline.status.status import shown_path

if TYPE_CHECKING:
    from siglum.cli.console import Console
    from siglum.pipeline.results.value_files import StateValues
    from siglum.workspace.repository import Repository


def keys_of(repo: Repository, targets: Iterable[str]) -> list[str]:
    """Return paths written in the current folder as paths from the root. Raises InvalidInputError for one outside."""
    keys = [repo.key_of(os.path.abspath(target)) for target in targets]
    return ["" if key == "." else key for key in keys]


def shown_from(repo: Repository) -> Callable[[str], str]:
    """Return what shows a path from the root as seen from the current folder."""
    folder = folder_of(repo)
    return lambda key: shown_path(key, repo.root, folder)


def two_states(repo: Repository, old: str | None, new: str | None) -> tuple[StateName | None, StateName]:
    """Return the states to compare; None for HEAD where nothing was committed yet. Raises NotFoundError."""
    if old is None and (repo.git is None or repo.git.head_commit() is None):
        return None, state_named(repo, new)
    return state_named(repo, old or "HEAD"), state_named(repo, new)


def say_table(console: Console, header: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> None:
    """Print a table; without rows its header alone in Markdown, and nothing else."""
    if markdown:
        lines = [*markdown_table(header, rows), ""]  # with the empty line that DVC puts behind it
    else:
        lines = headed_table(header, rows) if rows else []
    for line in lines:
        console.say(line)


def say_diff(
    console: Console,
    header: Sequence[str],
    changes: Mapping[str, Mapping[str, ValueChange]],
    shown: Callable[[str], str],
    *,
    precision: int | None,
    path: bool,
    markdown: bool,
) -> None:
    """Print changes: a table, or under `--json` what DVC prints. A header of four has a column for the difference."""
    console.result(
        {shown(file): {key: each.as_value() for key, each in found.items()} for file, found in changes.items()}
    )
    rows = diff_rows(changes, precision, shown, path=path, change=len(header) == 4)
    say_table(console, [*(["Path"] if path else []), *header], rows, markdown=markdown)


def finish(console: Console, states: Sequence[StateValues], *, named: bool, missing: bool = False) -> None:
    """Say what could not be read, and end the command with 1 for a file that is damaged.

    With `missing`, files that are not there are told as well, without being an error. Where files were named and none
    of them could be read, the first problem is raised.
    """
    files = [each for state in states for each in state.files.values()]
    unread = [each.problem for each in files if each.problem is not None]
    if named and files and len(unread) == len(files):
        raise unread[0]
    said: dict[str, None] = {}
    for state in states:
        where = f"{state.name}: " if state.name not in ("", WORKSPACE) else ""
        told = [each for each in state.problems() if missing or not isinstance(each, NotFoundError)]
        said.update((f"{where}{problem}", None) for problem in told)
    for line in said:
        console.warn(line)
    if any(state.problem is not None for state in states) or any(each.is_damaged for each in files):
        raise click.exceptions.Exit(1)
