"""What Git or the disk has in a tree, folder by folder, as whoever browses it sees it.

What `.dvcignore` hides is left out, and so are data repositories inside another one.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import msgspec

from siglum.workspace.git import Git
from siglum.workspace.ignore import IgnoreRules
from siglum.workspace.repository import DVC_DIR
from siglum.workspace.source_tree import CommitRules, CommitTree


class FileInfo(msgspec.Struct, frozen=True):
    """A file or folder. A link is neither: it has the size of what it leads to, and is not looked into."""

    is_dir: bool
    size: int
    is_exec: bool = False
    is_link: bool = False


class BrowsedFiles(Protocol):
    """Files by posix path from the root of a tree, "" for the root itself."""

    def info(self, path: str) -> FileInfo | None:
        """Return what is at a path, None when there is nothing, or it is hidden."""
        ...

    def children(self, path: str) -> dict[str, FileInfo]:
        """Return what is directly in a folder, by name; nothing where there is no folder."""
        ...


class DiskFiles:
    """The files of a folder on disk. `rules_of` returns the rules that hold for a path."""

    def __init__(self, root: str, rules_of: Callable[[str], IgnoreRules]) -> None:
        self._root = root
        self._rules_of = rules_of

    def info(self, path: str) -> FileInfo | None:
        full = os.path.join(self._root, path).rstrip("/")
        try:
            status = os.lstat(full)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if path and self._rules_of(path).match(full) is not None else _of_status(full, status)

    def children(self, path: str) -> dict[str, FileInfo]:
        full = os.path.join(self._root, path).rstrip("/")
        rules = self._rules_of(path)
        found: dict[str, FileInfo] = {}
        try:
            entries = os.scandir(full)
        except (FileNotFoundError, NotADirectoryError):
            return found
        with entries:
            for entry in entries:
                if not rules.is_ignored(entry.path, entry.is_dir(follow_symlinks=False)):
                    found[entry.name] = _of_status(entry.path, entry.stat(follow_symlinks=False))
        return found


class CommitFiles:
    """The files of a commit, in which nothing is looked for on disk."""

    def __init__(self, git: Git, commit: str) -> None:
        self._git = git
        self._tree = CommitTree(git, commit)
        self._entries = [entry for entry in git.tree(commit) if entry.mode != "160000"]
        self._rules = CommitRules(self._tree)

    def info(self, path: str) -> FileInfo | None:
        if not path:
            return FileInfo(True, self._tree_size(""))
        folder, _, name = path.rpartition("/")
        return self.children(folder).get(name)

    def children(self, path: str) -> dict[str, FileInfo]:
        found: dict[str, FileInfo] = {}
        inner = self._tree.repositories_below(path)
        for name, entry in self._folders.get(path, {}).items():
            full = posixpath.join(path, name)
            if (entry is None and (name == DVC_DIR or full in inner)) or self._rules.hides(full):
                continue
            if entry is None:
                found[name] = FileInfo(True, self._tree_size(full))
            else:
                mode, oid = entry
                found[name] = FileInfo(False, self._sizes.get(oid, 0), mode == "100755", mode == "120000")
        return found

    @cached_property
    def _folders(self) -> dict[str, dict[str, tuple[str, str] | None]]:
        """What is in each folder by name: a file's mode and id, None for a folder."""
        folders: dict[str, dict[str, tuple[str, str] | None]] = {"": {}}
        for entry in self._entries:
            folder, _, name = entry.path.rpartition("/")
            folders.setdefault(folder, {})[name] = (entry.mode, entry.oid)
            while folder:
                above, _, own = folder.rpartition("/")
                known = folders.setdefault(above, {})
                if own in known:
                    break
                known[own] = None
                folder = above
        return folders

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return self._git.sizes(entry.oid for entry in self._entries)

    def _tree_size(self, path: str) -> int:
        """Return how large Git's own record of a folder is, which is what DVC shows as its size."""
        digest = len(self._entries[0].oid) // 2 if self._entries else 20
        return sum(
            len("40000" if entry is None else entry[0]) + len(os.fsencode(name)) + 2 + digest
            for name, entry in self._folders.get(path, {}).items()
        )


def _of_status(path: str, status: os.stat_result) -> FileInfo:
    if stat.S_ISLNK(status.st_mode):
        try:
            return FileInfo(False, os.stat(path).st_size, is_link=True)
        except OSError:
            return FileInfo(False, 0, is_link=True)
    is_file = stat.S_ISREG(status.st_mode)
    return FileInfo(stat.S_ISDIR(status.st_mode), status.st_size, is_file and bool(status.st_mode & 0o111))
