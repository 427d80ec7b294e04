"""Ending the tracking of data: its `.dvc` file goes, and where asked the data in the workspace too."""

from __future__ import annotations

import os

import msgspec

from siglum.core.errors import NotFoundError
from siglum.core.text import did_you_mean
from siglum.storage.durability import discard
from siglum.workspace.documents import sync_folder
from siglum.workspace.outputs import remove_from_gitignore, remove_path
from siglum.workspace.pointers import Pointer, is_pointer, read_pointer
from siglum.workspace.repository import Repository


class Removed(msgspec.Struct, frozen=True):
    """What a removal took away: `.dvc` files and stages, data, and the files that Git should be told of.

    All are paths from the repository's root, posix; a stage is named by its address.
    """

    removed: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    git_files: tuple[str, ...] = ()


def find_pointer(repo: Repository, target: str) -> Pointer:
    """Read the `.dvc` file at `target`, relative to the current folder. Raises NotFoundError with near names."""
    key = repo.key_of(os.path.abspath(target))
    if not os.path.isfile(os.path.join(repo.root, key)):
        near = did_you_mean(target, [repo.shown(path) for path in repo.metafiles() if is_pointer(path)])
        raise NotFoundError(f"{target} does not exist.", hint=near)
    return Pointer(key, read_pointer(os.path.join(repo.root, key), repo.shown(key)))


def cached_outputs(pointer: Pointer) -> list[str]:
    """Return the paths of the data that the cache holds for a `.dvc` file; the rest is Git's."""
    return [pointer.key_of(spec) for spec in pointer.file.outs if spec.cache]


def remove_pointer(repo: Repository, pointer: Pointer, *, outs: bool = False) -> Removed:
    """Remove a `.dvc` file and the lines that hide its data from Git; with `outs` also that data.

    The caller holds the lock and has made sure that nothing is lost. The `.dvc` file goes last: killed before that,
    the command can be run again.
    """
    keys = cached_outputs(pointer)
    removed = remove_data(repo, keys) if outs else ()
    leave_alone(repo, keys)
    changed = unhide(repo, keys)
    path = os.path.join(repo.root, pointer.path)
    discard(path)
    sync_folder(os.path.dirname(path))
    return Removed((pointer.path,), removed, (*changed, pointer.path))


def remove_data(repo: Repository, keys: list[str]) -> tuple[str, ...]:
    """Remove files and folders of the workspace; return which were there."""
    there = [key for key in keys if os.path.lexists(os.path.join(repo.root, key))]
    for key in there:
        remove_path(os.path.join(repo.root, key))
    return tuple(there)


def leave_alone(repo: Repository, keys: list[str]) -> None:
    """Have `checkout` never clear away what is at these paths: from now on it is the user's."""
    for key in keys:
        repo.placed.forget(key)


def unhide(repo: Repository, keys: list[str]) -> tuple[str, ...]:
    """Take paths out of the `.gitignore` files beside them; return the files that changed."""
    changed = [remove_from_gitignore(repo, os.path.join(repo.root, key)) for key in keys]
    return tuple(dict.fromkeys(repo.key_of(file) for file in changed if file is not None))
