"""The files of folders that stages read, by hash, so that a change can be told file by file.

They come from the manifest in the cache; for a folder that is in none (code, or data that Git keeps) from a list that
was remembered when its stage was recorded, or from Git's HEAD, where that has the folder as it was. Lists are private
and safe to delete: without them a changed folder is still known to have changed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from siglum.core.errors import NotFoundError, SiglumError
from siglum.core.hashes import DIR_SUFFIX
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.records.lock import StageLock
from siglum.storage.durability import temporary_name
from siglum.storage.hashing import md5_bytes
from siglum.storage.manifest import Manifest, decode_manifest, make_manifest
from siglum.storage.tree import scan_tree
from siglum.workspace.git import Git
from siglum.workspace.git_history import TreeEntry
from siglum.workspace.repository import Repository

_KEPT = 1000
_READ_AT_MOST = 10_000


class FolderLists:
    """The lists that are remembered of one repository, in the cache or beside it."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._folder = os.path.join(repo.tmp_dir, "siglum", "folders")
        self._tree: Sequence[TreeEntry] | None = None

    def read(self, key: str, oid: str | None) -> dict[str, str] | None:
        """Return the files (path to MD5) that the folder `key` had at this hash; None when they are not known."""
        if oid is None or not oid.endswith(DIR_SUFFIX):
            return None
        for look in (self._repo.cache.read_manifest, self._remembered, lambda oid: self._at_head(key, oid)):
            with contextlib.suppress(OSError, SiglumError):  # not there, or damaged
                manifest = look(oid)
                if manifest.oid == oid:
                    return {entry.relpath: entry.oid for entry in manifest.entries}
        return None

    def _remembered(self, oid: str) -> Manifest:
        with open(os.path.join(self._folder, oid), "rb") as file:
            return decode_manifest(file.read(), oid)

    def _at_head(self, key: str, oid: str) -> Manifest:
        """Return the folder as the latest commit has it, whatever its hash."""
        if self._repo.git is None:
            raise NotFoundError(f"There is no Git repository that could hold {oid}.")
        top = f"{self._repo.git_prefix}{key}/"
        files = {
            entry.path[len(top) :]: entry.oid
            for entry in self._head(self._repo.git)
            if entry.path.startswith(top) and entry.mode.startswith("100")
        }
        if len(files) > _READ_AT_MOST:
            raise NotFoundError(f"{key} has too many files in Git to be read for a list of them.")
        blobs = self._repo.git.blobs(list(files.values()))
        return make_manifest([(path, md5_bytes(blobs[blob])) for path, blob in files.items()])

    def _head(self, git: Git) -> Sequence[TreeEntry]:
        if self._tree is None:
            self._tree = git.tree("HEAD")
        return self._tree

    def remember(self, stage: Stage, lock: StageLock) -> None:
        """Keep the lists of the folders that a stage depends on, as they are now if that is what `lock` says.

        What cannot be kept is left out: nothing but an explanation needs it.
        """
        with contextlib.suppress(OSError, SiglumError):
            for dep in stage.deps:
                recorded = None if dep.is_remote else lock.dep(dep.path)
                oid = None if recorded is None else recorded.md5
                if oid is None or not oid.endswith(DIR_SUFFIX) or self._repo.cache.has(oid):
                    continue
                target = os.path.join(self._folder, oid)
                if os.path.exists(target):
                    continue
                state = scan_tree(os.path.join(self._repo.root, dep.key), self._repo.index, self._repo.ignore)
                if state.oid == oid:
                    self._write(target, state.manifest_bytes)

    def _write(self, target: str, data: bytes) -> None:
        os.makedirs(self._folder, exist_ok=True)
        temporary = os.path.join(self._folder, temporary_name())
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, target)
        self._thin_out()

    def _thin_out(self) -> None:
        names = os.listdir(self._folder)
        if len(names) <= _KEPT:
            return
        paths = sorted((os.path.join(self._folder, name) for name in names), key=os.path.getmtime)
        for path in paths[: len(names) - _KEPT // 2]:
            os.unlink(path)
