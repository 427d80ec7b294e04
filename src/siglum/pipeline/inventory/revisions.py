"""What many commits record, read quickly: most leave the files that matter alone, so that few are parsed."""

from __future__ import annotations

import posixpath

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.pipeline.definition.files import by_folder, is_metafile
from siglum.pipeline.definition.stages import LOCK_FILE
from siglum.pipeline.inventory.inventory import InventoryItem, items_of
from siglum.workspace.git import Git
from siglum.workspace.git_history import TreeEntry
from siglum.workspace.repository import Repository

_Metafiles = tuple[tuple[str, str], ...]


class RevisionReader:
    """Reads what commits record and the cache is to hold. Keeps what it has read; for one command's use."""

    def __init__(self, repo: Repository) -> None:
        if repo.git is None:
            raise NotFoundError(f"{repo.root} is not in a Git repository that could hold revisions.")
        self._repo = repo
        self._git = repo.git
        self._blobs: dict[str, bytes] = {}
        # By the metafiles of a commit: which other files were read too, and what came of it.
        self._known: dict[_Metafiles, list[tuple[dict[str, str | None], tuple[InventoryItem, ...]]]] = {}

    def read(self, commit: str) -> tuple[InventoryItem, ...]:
        """Return what a commit records. Raises FileFormatError for a file that cannot be read."""
        prefix = self._repo.git_prefix
        entries = {
            entry.path[len(prefix) :]: entry
            for entry in self._git.tree(commit)
            if entry.path.startswith(prefix) and entry.mode.startswith("100")
        }
        mine = tuple((path, entry.oid) for path, entry in entries.items() if _is_text(path))
        for others, items in self._known.get(mine, ()):
            if all(_oid(entries, path) == oid for path, oid in others.items()):
                return items
        self._blobs |= self._git.blobs(oid for _, oid in mine if oid not in self._blobs)
        files = _CommitFiles(self._git, entries, self._blobs)
        try:
            items = items_of(self._repo, files, cached_only=True)
        except FileFormatError as error:
            error.message = f"{commit[:10]}: {error.message}"
            raise
        self._known.setdefault(mine, []).append((files.others, items))
        return items


class _CommitFiles:
    """The files of a commit; notes which it was asked for that are not metafiles. Implements `Files`."""

    def __init__(self, git: Git, entries: dict[str, TreeEntry], blobs: dict[str, bytes]) -> None:
        self._git = git
        self._entries = entries
        self._blobs = blobs
        self.others: dict[str, str | None] = {}

    def read(self, path: str) -> bytes | None:
        oid = _oid(self._entries, path)
        if not _is_text(path):
            self.others[path] = oid
        if oid is None:
            return None
        if oid not in self._blobs:
            self._blobs |= self._git.blobs([oid])
        return self._blobs[oid]

    def metafiles(self) -> list[str]:
        return sorted(filter(is_metafile, self._entries), key=by_folder)


def _oid(entries: dict[str, TreeEntry], path: str) -> str | None:
    entry = entries.get(path)
    return None if entry is None else entry.oid


def _is_text(path: str) -> bool:
    return is_metafile(path) or posixpath.basename(path) == LOCK_FILE
