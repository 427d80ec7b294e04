"""What a command is about to remove: whether all of it is kept in the cache, sound."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from siglum.core.errors import ConflictError, InvalidInputError, WouldLoseDataError
from siglum.core.text import count, size
from siglum.storage.tree import scan_file
from siglum.workspace.outputs import scan_folder
from siglum.workspace.repository import Repository

_SHOWN = 3


def check_saved(repo: Repository, keys: Iterable[str]) -> None:
    """Raise WouldLoseDataError, naming files and sizes, when something at these paths is kept in no cache.

    Files of a folder are looked at one by one: what an interrupted removal left of it is safe to remove, too.
    """
    unsaved = [each for key in keys for each in _unsaved(repo, key)]
    if not unsaved:
        return
    names = ", ".join(f"{repo.shown(key)} ({size(length)})" for key, length in unsaved[:_SHOWN])
    more = f" and {count(len(unsaved) - _SHOWN, 'more file')}" if len(unsaved) > _SHOWN else ""
    verb = "is" if len(unsaved) == 1 else "are"
    raise WouldLoseDataError(
        f"{names}{more} {verb} kept in no cache, and would be lost.",
        hint="Keep the content with 'siglum add' or 'siglum commit', or give it up with --force.",
    )


def _is_committed(repo: Repository, key: str) -> bool:
    """Whether Git's last commit has just this file."""
    if repo.git is None:
        return False
    kept = repo.git.read_file("HEAD", f"{repo.git_prefix}{key}")
    if kept is None:
        return False
    with open(os.path.join(repo.root, key), "rb") as file:
        return file.read() == kept


def _unsaved(repo: Repository, key: str) -> Iterator[tuple[str, int]]:
    """Yield the files at `key` whose content is not in the cache, with their sizes."""
    path = os.path.join(repo.root, key)
    if not os.path.lexists(path):
        return
    if os.path.islink(path) and not os.path.exists(path):
        return  # a link that leads nowhere has no content
    try:
        if os.path.isdir(path):
            for entry in scan_folder(repo, path).entries:
                if not repo.cache.is_sound(entry.oid):
                    yield f"{key}/{entry.relpath}", entry.size
        else:
            found = scan_file(path, repo.index)
            if not repo.cache.is_sound(found.oid) and not _is_committed(repo, key):
                yield key, found.size
    except (InvalidInputError, ConflictError):
        yield key, os.lstat(path).st_size  # what cannot be tracked cannot be in the cache
