"""Files that no scan shows, since `.dvcignore` hides them or they are links to folders: they are in no cache.

Whatever replaces a folder, or stands where such a file is, would delete them unseen.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from siglum.core.errors import WouldLoseDataError
from siglum.storage.hashing import md5_file
from siglum.workspace.repository import Repository


def check_nothing_hidden(repo: Repository, folder: str) -> None:
    """Raise WouldLoseDataError when replacing the absolute `folder` as a whole would delete something unseen."""
    found = _first_hidden(repo, folder)
    if found is not None:
        raise _in_the_way(found)


def check_ways(repo: Repository, root: str, wanted: dict[str, str], seen: Iterable[str]) -> None:
    """Raise WouldLoseDataError when a file that is to be placed would take the place of something unseen.

    `wanted` are the new files below the absolute folder `root` with their oids, `seen` those that a scan found there.
    """
    known = set(seen)
    passable: set[str] = {root}
    for name, oid in wanted.items():
        if name in known:
            continue
        target = f"{root}/{name}"
        _check_folders(os.path.dirname(target), root, known, passable)
        if os.path.isdir(target) and not os.path.islink(target):
            check_nothing_hidden(repo, target)
        elif os.path.lexists(target) and not _holds(target, oid):
            raise _in_the_way(target)


def _check_folders(folder: str, root: str, seen: set[str], passable: set[str]) -> None:
    """Raise when a folder that is needed is a file or link that no scan found."""
    while folder not in passable:
        passable.add(folder)
        is_other = os.path.lexists(folder) and (os.path.islink(folder) or not os.path.isdir(folder))
        if is_other and folder[len(root) + 1 :] not in seen:
            raise _in_the_way(folder)
        folder = os.path.dirname(folder)


def _first_hidden(repo: Repository, folder: str) -> str | None:
    with os.scandir(folder) as entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder:
                hidden = repo.ignore.is_ignored(entry.path, True)
                found = _any_file(entry.path) if hidden else _first_hidden(repo, entry.path)
                if found is not None:
                    return found
            elif entry.is_dir() or repo.ignore.is_ignored(entry.path, False):
                return entry.path
    return None


def _any_file(folder: str) -> str | None:
    return next((os.path.join(base, names[0]) for base, _, names in os.walk(folder) if names), None)


def _holds(path: str, oid: str) -> bool:
    return os.path.isfile(path) and md5_file(path).oid == oid


def _in_the_way(path: str) -> WouldLoseDataError:
    return WouldLoseDataError(
        f"{os.path.relpath(path)} is in the way, and it is in no cache: .dvcignore hides it, or it is a link.",
        hint="Move it elsewhere, or give it up with --force.",
    )
