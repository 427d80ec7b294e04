"""The files that somebody may import from a repository: those of a commit, or those on disk. Apart from recorded data.

Paths are posix, from the root of the tree, "" for the root itself. What only serves data versioning (`.dvc` files,
`dvc.yaml`, rules) is no data and is left out, as are data repositories inside this one.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Protocol

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.storage.walk import walk
from siglum.workspace.git import Git
from siglum.workspace.git_history import TreeEntry
from siglum.workspace.ignore import IGNORE_FILE, IgnoreRules
from siglum.workspace.pointers import is_pointer
from siglum.workspace.repository import DVC_DIR, PIPELINE_FILE

_MAX_LINKS = 40


class Leaf(msgspec.Struct, frozen=True):
    """One file: its path in the tree, and where its bytes are: a Git object's id, or a path on disk."""

    path: str
    blob: str | None = None
    file: str | None = None
    is_exec: bool = False


class SourceTree(Protocol):
    """Files by path."""

    def followed(self, path: str) -> str:
        """Return where a path leads when links are followed. Raises InvalidInputError where they lead out."""
        ...

    def leaf(self, path: str) -> Leaf | None:
        """Return the file at a path, None when there is none."""
        ...

    def below(self, path: str) -> Iterator[Leaf]:
        """Yield all files below a folder that are data, links to files followed, in no order."""
        ...

    def owner(self, path: str) -> str | None:
        """Return the nearest data repository that a path is or lies in, None when there is none."""
        ...

    def repositories_below(self, path: str) -> list[str]:
        """Return the data repositories below a folder, as far as that is known without looking at all of it."""
        ...


def is_metafile(path: str) -> bool:
    """Whether a file serves data versioning, and is no data itself. Lock files are: DVC hands them out."""
    name = posixpath.basename(path)
    return name in (PIPELINE_FILE, IGNORE_FILE) or is_pointer(path)


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it."""
    return not folder or path == folder or path.startswith(folder + "/")


class CommitTree:
    """The files of a commit."""

    def __init__(self, git: Git, commit: str) -> None:
        self.git = git
        self._entries = {entry.path: entry for entry in git.tree(commit)}

    def followed(self, path: str) -> str:
        for _ in range(_MAX_LINKS):
            link = next((above for above in _ways(path) if self._is_link(above)), None)
            if link is None:
                return path
            target = self._targets[link]
            inside = posixpath.normpath(posixpath.join(posixpath.dirname(link), target, path[len(link) + 1 :]))
            if target.startswith("/") or inside == ".." or inside.startswith("../"):
                raise InvalidInputError(f"{path} is a link to {target!r}, which is not in the repository.")
            path = "" if inside == "." else inside
        raise InvalidInputError(f"{path} is a link to itself.")

    def leaf(self, path: str) -> Leaf | None:
        entry = self._entries.get(path)
        if entry is None or not entry.mode.startswith("100"):
            return None
        return Leaf(path, blob=entry.oid, is_exec=entry.mode == "100755")

    def below(self, path: str) -> Iterator[Leaf]:
        rules = CommitRules(self)
        inner = self.repositories_below(path)
        for entry in self._entries.values():
            if not is_within(entry.path, path) or entry.path == path or _is_private(entry.path):
                continue
            if is_metafile(entry.path) or any(is_within(entry.path, root) for root in inner):
                continue
            if rules.hides(entry.path):
                continue
            # A link to a folder is not followed, as when data is added; a repository inside is its owner's.
            found = self.leaf(self.followed(entry.path)) if self._is_link(entry.path) else self.leaf(entry.path)
            if found is not None:
                yield msgspec.structs.replace(found, path=entry.path)
            elif self._is_link(entry.path) and not self._is_folder(self.followed(entry.path)):
                raise InvalidInputError(f"{entry.path} is a link to {self._targets[entry.path]!r}, which is not there.")

    @cached_property
    def _roots(self) -> frozenset[str]:
        marks = (f"{DVC_DIR}/config", f"{DVC_DIR}/.gitignore")
        found = set()
        for path in self._entries:
            for mark in marks:
                if path == mark or path.endswith("/" + mark):
                    found.add(path[: -len(mark)].rstrip("/"))
        return frozenset(found)

    def owner(self, path: str) -> str | None:
        return max((root for root in self._roots if is_within(path, root)), key=len, default=None)

    def repositories_below(self, path: str) -> list[str]:
        return sorted(root for root in self._roots if root != path and is_within(root, path))

    def lines_of(self, path: str) -> list[str]:
        """Return the stripped lines of a text file, none when it is not there."""
        entry = self._entries.get(path)
        if entry is None:
            return []
        text = self.git.blobs([entry.oid])[entry.oid].decode("utf-8", "surrogateescape")
        return [line.strip() for line in text.splitlines()]

    def has_rules(self) -> bool:
        """Whether there is any file of rules."""
        return any(posixpath.basename(path) == IGNORE_FILE for path in self._entries)

    @cached_property
    def _targets(self) -> dict[str, str]:
        links: list[TreeEntry] = [entry for entry in self._entries.values() if entry.mode == "120000"]
        blobs = self.git.blobs(entry.oid for entry in links)
        return {entry.path: os.fsdecode(blobs[entry.oid]) for entry in links}

    def _is_link(self, path: str) -> bool:
        entry = self._entries.get(path)
        return entry is not None and entry.mode == "120000"

    def _is_folder(self, path: str) -> bool:
        return any(is_within(each, path) for each in self._entries)


class CommitRules:
    """The `.dvcignore` files of a commit."""

    def __init__(self, tree: CommitTree) -> None:
        self._rules = _RulesOf(tree) if tree.has_rules() else None

    def hides(self, path: str) -> bool:
        """Whether a rule hides a path from the root of the tree, or a folder above it."""
        return self._rules is not None and self._rules.match(f"{_TOP}/{path}") is not None


# Rules are asked by absolute paths; those of a commit are below a root that is on no disk.
_TOP = "/dev/null/commit"


class _RulesOf(IgnoreRules):
    def __init__(self, tree: CommitTree) -> None:
        super().__init__(_TOP)
        self._tree = tree

    def _lines(self, folder: str) -> list[str]:
        return self._tree.lines_of(posixpath.join(folder[len(_TOP) + 1 :], IGNORE_FILE))

    def _is_repository(self, folder: str) -> bool:  # noqa: ARG002  -- another's signature
        return False  # left out by whoever asks, who may stand in one


class DiskTree:
    """The files of a folder on disk."""

    def __init__(self, root: str) -> None:
        self.root = root

    def followed(self, path: str) -> str:
        return path

    def leaf(self, path: str) -> Leaf | None:
        full = os.path.join(self.root, path)
        if not os.path.isfile(full):
            return None
        return Leaf(path, file=full, is_exec=os.access(full, os.X_OK))

    def below(self, path: str) -> Iterator[Leaf]:
        top = os.path.join(self.root, path).rstrip("/")
        if not os.path.isdir(top):
            return
        for relpath, full, status in walk(top, IgnoreRules(self.root)):
            if not is_metafile(relpath):
                yield Leaf(posixpath.join(path, relpath), file=full, is_exec=bool(status.st_mode & 0o100))

    def owner(self, path: str) -> str | None:
        for above in ("/".join(path.split("/")[:n]) for n in range(path.count("/") + 1, -1, -1)):
            if os.path.isdir(os.path.join(self.root, above, DVC_DIR)):
                return above
        return None

    def repositories_below(self, path: str) -> list[str]:  # noqa: ARG002  -- a port's signature
        return []  # the walk over `path` finds them


def _ways(path: str) -> Iterable[str]:
    """Yield the folders above a path from the top, and the path."""
    parts = path.split("/")
    for n in range(1, len(parts) + 1):
        yield "/".join(parts[:n])


def _is_private(path: str) -> bool:
    return path.startswith(f"{DVC_DIR}/") or f"/{DVC_DIR}/" in path
