"""The files of folders that stages read, remembered by hash, so that a change can be told file by file.

Only for folders whose manifest is in no cache (code, or data that Git keeps). Private and safe to delete: without it
a changed folder is still known to have changed.
"""

from __future__ import annotations

import contextlib
import os

from siglum.core.errors import SiglumError
from siglum.core.hashes import DIR_SUFFIX
from siglum.pipeline.lock import StageLock
from siglum.pipeline.stages import Stage
from siglum.storage.durability import temporary_name
from siglum.storage.manifest import decode_manifest
from siglum.storage.tree import scan_tree
from siglum.workspace.repository import Repository

_KEPT = 1000


class FolderLists:
    """The lists that are remembered of one repository, in the cache or beside it."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._folder = os.path.join(repo.tmp_dir, "siglum", "folders")

    def read(self, oid: str | None) -> dict[str, str] | None:
        """Return the files (path to MD5) of the folder with this hash; None when they are not known."""
        if oid is None or not oid.endswith(DIR_SUFFIX):
            return None
        try:
            manifest = self._repo.cache.read_manifest(oid)
        except SiglumError:  # not in the cache, or damaged there
            try:
                with open(os.path.join(self._folder, oid), "rb") as file:
                    manifest = decode_manifest(file.read(), oid)
            except (OSError, SiglumError):
                return None
        return {entry.relpath: entry.oid for entry in manifest.entries}

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
