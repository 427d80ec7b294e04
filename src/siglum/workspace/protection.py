"""`unprotect`: files that are links into the cache, or write-protected, made safe to edit."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from siglum.core.errors import NotFoundError
from siglum.workspace import outputs
from siglum.workspace.repository import DVC_DIR, Repository

_NOT_OURS = (DVC_DIR, ".git")


def unprotect(repo: Repository, targets: Sequence[str]) -> tuple[str, ...]:
    """Turn links at or below `targets` (relative to the current folder) into copies; return the paths that changed.

    Paths are from the repository's root. Each file is swapped by a rename. Links that do not lead into the cache are
    left alone, and so are Git's and Siglum's own folders. Raises NotFoundError, before any change, for a target that is
    not there, InvalidInputError for one outside the repository. The caller holds the lock.
    """
    paths = [os.path.abspath(target) for target in targets]
    for target, path in zip(targets, paths, strict=True):
        repo.key_of(path)
        if not os.path.lexists(path):
            raise NotFoundError(f"{target} does not exist.")
    changed = []
    for file in dict.fromkeys(file for path in paths for file in _files(path)):
        if _is_protected(repo, file):
            outputs.unprotect(repo, file)
            changed.append(repo.key_of(file))
    return tuple(changed)


def _files(path: str) -> Iterator[str]:
    if os.path.islink(path) or not os.path.isdir(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in _NOT_OURS]
        yield from (os.path.join(folder, name) for name in sorted(names))


def _is_protected(repo: Repository, file: str) -> bool:
    status = os.lstat(file)
    if stat.S_ISLNK(status.st_mode):
        cache = os.path.realpath(repo.cache_dir)
        return os.path.isfile(file) and os.path.realpath(file).startswith(cache + os.sep)
    return stat.S_ISREG(status.st_mode) and (status.st_nlink > 1 or not status.st_mode & stat.S_IWUSR)
