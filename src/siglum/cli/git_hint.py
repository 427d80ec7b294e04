"""The line that says which files Git should be told of, after a command changed some."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from siglum.cli.console import Console

if TYPE_CHECKING:
    from siglum.workspace.repository import Repository


def say_git_hint(console: Console, repo: Repository, files: Sequence[str]) -> None:
    """Print the `git add` for files as seen from here; nothing without Git, or where `core.autostage` has done it."""
    if files and repo.git is not None and not repo.config.is_true("core.autostage"):
        console.say(f"Tell Git with: git add {' '.join(shlex.quote(path) for path in files)}")
