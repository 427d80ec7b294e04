"""Where a pipeline's files are read from: the workspace, or a Git revision."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from typing import Protocol

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.pipeline.definition.stages import PIPELINE_FILE, POINTER_SUFFIX
from siglum.workspace.git import Git
from siglum.workspace.git_history import TreeEntry
from siglum.workspace.ignore import IGNORE_FILE, IgnoreRules
from siglum.workspace.repository import DVC_DIR, Repository


class Files(Protocol):
    """Files by posix path from the repository's root."""

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, or None when there is no such file. Raises FileFormatError for a folder."""
        ...

    def metafiles(self) -> list[str]:
        """Return all `dvc.yaml` and `.dvc` files that are not ignored, folder by folder, each folder's sorted."""
        ...


def check_is_file(repo: Repository, path: str) -> None:
    """Raise FileFormatError when a folder has the place of a file; `path` is posix, from the root."""
    if os.path.isdir(os.path.join(repo.root, path)):
        raise FileFormatError(path, "is a folder, not a file")


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
        except IsADirectoryError:
            raise FileFormatError(path, "is a folder, not a file") from None

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
        rules = RulesOfRevision(self, self._entries)
        found = filter(is_metafile, self._entries)
        return sorted((path for path in found if not rules.hides(path)), key=by_folder)


# Rules are asked by absolute paths; those of a revision are below a root that is on no disk.
_TOP = "/dev/null/revision"


class RulesOfRevision(IgnoreRules):
    """The `.dvcignore` files of a revision; data repositories inside this one that `paths` show are hidden, too."""

    def __init__(self, files: Files, paths: Iterable[str]) -> None:
        super().__init__(_TOP)
        self._files = files
        marks = tuple(f"/{DVC_DIR}/{name}" for name in ("config", ".gitignore"))
        self._inner = {f"{_TOP}/{path.removesuffix(mark)}" for path in paths for mark in marks if path.endswith(mark)}

    def hides(self, path: str) -> bool:
        """Return whether a path, from the repository's root, is ignored."""
        return self.match(f"{_TOP}/{path}") is not None

    def _lines(self, folder: str) -> list[str]:
        data = self._files.read(posixpath.join(folder[len(_TOP) + 1 :], IGNORE_FILE)) or b""
        return [line.strip() for line in data.decode("utf-8", "surrogateescape").splitlines()]

    def _is_repository(self, folder: str) -> bool:
        return folder in self._inner


def is_metafile(path: str) -> bool:
    """Return whether a path is that of a `dvc.yaml` or a `.dvc` file."""
    name = posixpath.basename(path)
    return name == PIPELINE_FILE or (name.endswith(POINTER_SUFFIX) and name != POINTER_SUFFIX)


def _is_text_file(path: str) -> bool:
    """Return whether a file is surely wanted, so that all of them are fetched by one process."""
    return is_metafile(path) or posixpath.basename(path) in ("dvc.lock", "params.yaml", IGNORE_FILE)


def by_folder(path: str) -> tuple[list[str], str]:
    """Return the key that sorts files folder by folder."""
    folder, _, name = path.rpartition("/")
    return folder.split("/") if folder else [], name
