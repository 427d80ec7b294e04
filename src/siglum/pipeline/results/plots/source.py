"""The files that plots are made from: in the workspace or at a revision, from disk, Git, cache or remote."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cached_property

from siglum.core.errors import IntegrityError, NotFoundError, PermissionDeniedError
from siglum.core.hashes import DataHash
from siglum.pipeline.definition.paths import is_outside
from siglum.pipeline.inventory.inventory import Inventory, InventoryItem, read_inventory
from siglum.pipeline.results.plots.rows import parse_table
from siglum.pipeline.results.plots.table import Table
from siglum.storage.remote_objects import fetch_object
from siglum.workspace.folder_contents import FolderContents
from siglum.workspace.remotes import open_configured_remote
from siglum.workspace.repository import Repository
from siglum.workspace.source_tree import CommitTree, DiskTree, Leaf


class PlotFiles:
    """Files by their path from the repository's root. What is on disk or in Git goes before what is only recorded."""

    def __init__(self, repo: Repository, revision: str | None) -> None:
        self._repo = repo
        self._revision = revision
        self._tables: dict[tuple[str, bool], Table] = {}
        if revision is None:
            self._tree: DiskTree | CommitTree = DiskTree(repo.root)
            self._prefix = ""
        else:
            assert repo.git is not None
            self._tree = CommitTree(repo.git, revision)
            self._prefix = repo.git_prefix

    def files_of(self, path: str) -> list[str] | None:
        """Return the files that a path stands for, sorted: itself, or those in a folder. None when nothing is there."""
        if not path or is_outside(path):
            return None
        if self._leaf(path) is not None:
            return [path]
        inside = sorted(leaf.path[len(self._prefix) :] for leaf in self._tree.below(self._prefix + path))
        if inside or not os.path.isdir(self._repo.dvc_dir):  # outside a repository nothing is recorded
            return inside or None
        item = self._inventory.holding(path)
        if item is None or item.hash is None:
            return None
        if not item.hash.is_dir:
            return [path] if item.path == path else None
        below = path[len(item.path) :].lstrip("/")
        names = [name for name in self._listing(item) if not below or name == below or name.startswith(below + "/")]
        return sorted(f"{item.path}/{name}" for name in names) or None

    def read(self, path: str) -> bytes:
        """Return a file's bytes; what is recorded is verified.

        Raises NotFoundError when neither cache nor remote has it, IntegrityError when the cache's copy is damaged,
        UnavailableError, PermissionDeniedError.
        """
        leaf = self._leaf(path)
        if leaf is not None and leaf.file is not None:
            try:
                with open(leaf.file, "rb") as file:
                    return file.read()
            except PermissionError:
                raise PermissionDeniedError(f"{path} must not be read.", hint="Check its access rights.") from None
        if leaf is not None and leaf.blob is not None:
            assert self._repo.git is not None
            return self._repo.git.blobs([leaf.blob])[leaf.blob]
        item = self._inventory.holding(path)
        if item is None or item.hash is None:
            raise NotFoundError(f"{path} is not there.")
        data = item.hash
        if data.is_dir:
            oid = self._listing(item).get(path[len(item.path) + 1 :])
            if oid is None:
                raise NotFoundError(f"{path} is not in {item.path}.")
            data = DataHash(oid, data.legacy)
        return self._object(path, data, item)

    def table(self, path: str, *, header: bool) -> Table:
        """Return the rows of a file, read once. Raises as `read` and `parse_table` do."""
        key = (path, header)
        if key not in self._tables:
            self._tables[key] = parse_table(self.read(path), path, header=header)
        return self._tables[key]

    @cached_property
    def _inventory(self) -> Inventory:
        return read_inventory(self._repo, self._revision)

    @cached_property
    def _contents(self) -> FolderContents:
        return FolderContents(self._repo)

    def _leaf(self, path: str) -> Leaf | None:
        return None if is_outside(path) else self._tree.leaf(self._tree.followed(self._prefix + path))

    def _listing(self, item: InventoryItem) -> dict[str, str]:
        if item.files is not None:
            return dict(item.files)
        assert item.hash is not None
        return self._contents.entries(item.hash, item.remote) or {}

    def _object(self, path: str, data: DataHash, item: InventoryItem) -> bytes:
        try:
            with open(self._repo.store_of(data).verify(data.oid), "rb") as file:
                return file.read()
        except IntegrityError as error:
            raise IntegrityError(f"{path}: {error.message}", hint=error.hint) from None
        except NotFoundError:
            if item.remote is None and self._repo.config.get("core.remote") is None:
                raise NotFoundError(
                    f"{path} is not in the cache, and there is no remote to ask.", hint="Run 'siglum repro' to make it."
                ) from None
        folder = tempfile.mkdtemp(prefix="siglum-plots-")
        try:
            target = os.path.join(folder, "object")
            fetch_object(open_configured_remote(self._repo, item.remote), data.algorithm, data.oid, target)
            with open(target, "rb") as file:
                return file.read()
        except NotFoundError as error:
            raise NotFoundError(f"{path} is not in the cache: {error.message}", hint=error.hint) from None
        finally:
            shutil.rmtree(folder)
