"""Data that a run declares by path: what is there now, hashed as DVC would."""

from __future__ import annotations

import os

from siglum.core.errors import NotFoundError, SiglumError
from siglum.core.hashes import DataHash
from siglum.lineage.inputs import DataInput
from siglum.lineage.project import project_root, relative_to_root
from siglum.pipeline.sources.reading import Source
from siglum.storage.hashing import md5_file
from siglum.storage.tree import scan_tree
from siglum.workspace.git import Git
from siglum.workspace.outputs import hash_path
from siglum.workspace.repository import Repository, find_root


def input_of_path(path: str, cwd: str, context: str) -> DataInput:
    """Return the file or folder at `path` as an input. In a repository, unchanged files are not read again.

    Raises:
        NotFoundError: Nothing is there.
    """
    absolute = os.path.abspath(os.path.join(cwd, path))
    if not os.path.exists(absolute):
        raise NotFoundError(f"There is no file or folder {path!r}: it cannot be an input.")
    root = project_root(cwd)
    pointer = _pointer_of(absolute)
    return DataInput(
        path=relative_to_root(absolute, root),
        hash=str(hash_of(absolute)),
        pointer=relative_to_root(pointer, root) if pointer is not None else None,
        rev=head_commit(os.path.dirname(absolute)) if pointer is not None else None,
        context=context,
    )


def _pointer_of(absolute: str) -> str | None:
    """Return the `.dvc` or `dvc.lock` file that records what is at a path, or a folder that it is in; None without."""
    if os.path.isfile(absolute + ".dvc"):
        return absolute + ".dvc"
    root = find_root(os.path.dirname(absolute))
    if root is None:
        return None
    try:
        return os.path.join(root, Source(Repository.open(root), None, None).record(absolute).pointer)
    except SiglumError:  # not recorded, or the records cannot be read: no pointer can be named
        return None


def hash_of(absolute: str) -> DataHash:
    """Return the data hash of what is at an absolute path, through its repository's index where it is in one."""
    root = find_root(os.path.dirname(absolute))
    if root is not None:
        return hash_path(Repository.open(root), absolute).hash
    if os.path.isdir(absolute):
        return DataHash(scan_tree(absolute).manifest.oid)
    return DataHash(md5_file(absolute).oid)


def head_commit(folder: str) -> str | None:
    """Return the commit that is checked out where `folder` is, or None."""
    git = Git.find(folder)
    return git.head_commit() if git is not None else None
