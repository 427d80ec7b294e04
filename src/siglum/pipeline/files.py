"""Where a pipeline's files are read from: the workspace, or a Git revision."""

from __future__ import annotations

import os
import posixpath
from typing import Protocol

from siglum.core.errors import NotFoundError
from siglum.pipeline.stages import PIPELINE_FILE, POINTER_SUFFIX
from siglum.workspace.git import Git, TreeEntry
from siglum.workspace.repository import Repository


class Files(Protocol):
    """Files by posix path from the repository's root."""

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, or None when there is no such file."""
        ...

    def metafiles(self) -> list[str]:
        """Return all `dvc.yaml` and `.dvc` files that are not ignored, folder by folder, each folder's sorted."""
        ...


def open_files(repo: Repository, rev: str | None = None) -> Files:
    """Return the files of the workspace, or of a revision. Raises NotFoundError for a revision that is not there."""
    if rev is None:
        return WorkspaceFiles(repo)
    if repo.git is None:
        raise NotFoundError(f"There is no Git repository that could hold the revision {rev!r}.")
    return RevisionFiles(repo.git, repo.git_prefix, rev)


class WorkspaceFiles:
    """Files as they are on disk."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo

    def read(self, path: str) -> bytes | None:
        try:
            with open(os.path.join(self._repo.root, path), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def metafiles(self) -> list[str]:
        return sorted(self._repo.metafiles(), key=by_folder)


class RevisionFiles:
    """Files as a commit holds them. `prefix` is where the root is in the Git repository: "", or ending in a slash."""

    def __init__(self, git: Git, prefix: str, rev: str) -> None:
        entries = git.tree(rev)
        self._git = git
        self._entries: dict[str, TreeEntry] = {
            entry.path[len(prefix) :]: entry
            for entry in entries
            if entry.path.startswith(prefix) and entry.mode.startswith("100")
        }
        wanted = [entry.oid for path, entry in self._entries.items() if _is_text_file(path)]
        self._blobs = git.blobs(wanted)

    def read(self, path: str) -> bytes | None:
        entry = self._entries.get(path)
        if entry is None:
            return None
        if entry.oid not in self._blobs:
            self._blobs |= self._git.blobs([entry.oid])
        return self._blobs[entry.oid]

    def metafiles(self) -> list[str]:
        return sorted(filter(is_metafile, self._entries), key=by_folder)


def is_metafile(path: str) -> bool:
    """Return whether a path is that of a `dvc.yaml` or a `.dvc` file."""
    name = posixpath.basename(path)
    return name == PIPELINE_FILE or (name.endswith(POINTER_SUFFIX) and name != POINTER_SUFFIX)


def _is_text_file(path: str) -> bool:
    """Return whether a file is surely wanted, so that all of them are fetched by one process."""
    return is_metafile(path) or posixpath.basename(path) in ("dvc.lock", "params.yaml")


def by_folder(path: str) -> tuple[list[str], str]:
    """Return the key that sorts files folder by folder."""
    folder, _, name = path.rpartition("/")
    return folder.split("/") if folder else [], name
