"""Data that was tracked when it was put into the workspace, and is not any more: what `checkout` clears away."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

import msgspec

from siglum.core.errors import SiglumError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.durability import discard
from siglum.storage.tree import scan_file
from siglum.workspace.outputs import scan_folder
from siglum.workspace.repository import Repository


class Leftover(msgspec.Struct, frozen=True):
    """A path from the root, and the files there (paths below it, "" for itself)."""

    key: str
    is_dir: bool
    files: tuple[str, ...]


def find_leftovers(repo: Repository, tracked: Iterable[str]) -> list[Leftover]:
    """Return what no longer is `tracked` (paths from the root), still is as it was put there, and is in the cache.

    What Git tracks now is Git's. What the user changed is the user's, and forgotten.
    """
    current = set(tracked)
    found = []
    for key, oid in repo.placed.oids().items():
        if any(key == other or key.startswith(f"{other}/") or other.startswith(f"{key}/") for other in current):
            continue
        leftover = _unchanged(repo, key, oid)
        if leftover is None:
            repo.placed.forget(key)
        else:
            found.append(leftover)
    kept_by_git = _tracked_by_git(repo, [each.key for each in found])
    return [each for each in found if each.key not in kept_by_git]


def remove_leftover(repo: Repository, leftover: Leftover) -> None:
    """Remove the files of a leftover; folders go when nothing else is in them."""
    root = os.path.join(repo.root, leftover.key)
    folders = {root} if leftover.is_dir else set()
    for name in leftover.files:
        path = f"{root}/{name}" if name else root
        discard(path)
        if leftover.is_dir:
            folder = os.path.dirname(path)
            while len(folder) > len(root):
                folders.add(folder)
                folder = os.path.dirname(folder)
    for folder in sorted(folders, key=len, reverse=True):
        with contextlib.suppress(OSError):  # something of the user's is in it
            os.rmdir(folder)
    repo.placed.forget(leftover.key)


def _unchanged(repo: Repository, key: str, oid: str) -> Leftover | None:
    """Return what is at a path if it is what was put there, and all of it is sound in the cache."""
    path = os.path.join(repo.root, key)
    is_dir = oid.endswith(DIR_SUFFIX)
    if os.path.isdir(path) != is_dir or not os.path.lexists(path):
        return None
    try:
        if not is_dir:
            sound = scan_file(path, repo.index).oid == oid and repo.cache.is_sound(oid)
            return Leftover(key, False, ("",)) if sound else None
        tree = scan_folder(repo, path)
    except (SiglumError, OSError):
        return None
    sound = tree.oid == oid and repo.cache.is_sound(oid) and all(repo.cache.is_sound(e.oid) for e in tree.entries)
    return Leftover(key, True, tuple(entry.relpath for entry in tree.entries)) if sound else None


def _tracked_by_git(repo: Repository, keys: list[str]) -> set[str]:
    if repo.git is None or not keys:
        return set()
    tracked = repo.git.tracked(f"{repo.git_prefix}{key}" for key in keys)
    return {path[len(repo.git_prefix) :] for path in tracked}
