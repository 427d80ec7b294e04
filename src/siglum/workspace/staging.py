"""Git's index, after a command changed files that Git keeps: only where `core.autostage` asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from siglum.workspace.repository import Repository


def stage(repo: Repository, keys: Iterable[str]) -> tuple[str, ...]:
    """Put files (paths from the repository's root) into Git's index if `core.autostage` is set; gone ones leave it.

    Returns those that Git can be told of, sorted: the ones that are there, or that Git knows.
    """
    listed = sorted(set(keys))
    if repo.git is None:
        return tuple(listed)
    root = os.path.realpath(repo.git.root)
    paths = {key: os.path.relpath(os.path.realpath(os.path.join(repo.root, key)), root) for key in listed}
    gone = [path for key, path in paths.items() if not os.path.lexists(os.path.join(repo.root, key))]
    unknown = set(gone) - repo.git.tracked(gone) if gone else set()
    told = {key: path for key, path in paths.items() if path not in unknown}
    if repo.config.is_true("core.autostage"):
        repo.git.add(told.values())
    return tuple(told)
