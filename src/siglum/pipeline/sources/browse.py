"""A repository as one tree: the files that Git or the disk has, and those that are recorded. For `list` and `du`."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from functools import cached_property

import msgspec

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.core.text import did_you_mean
from siglum.pipeline.definition.paths import parents
from siglum.pipeline.inventory.inventory import InventoryItem
from siglum.pipeline.sources.browse_files import BrowsedFiles, CommitFiles, DiskFiles, FileInfo
from siglum.pipeline.sources.external import ExternalRepo
from siglum.workspace.ignore import IgnoreRules


class Entry(msgspec.Struct, frozen=True):
    """A file or folder. `path` is from the root of the tree; `is_out` says that it is recorded, or lies in what is.

    `size` is in bytes, None where it is not known without the content; `hash` is what is recorded, if anything.
    """

    path: str
    is_out: bool
    is_dir: bool
    is_exec: bool
    size: int | None
    hash: DataHash | None = None
    on_disk: bool = True
    """Whether Git or the disk has it, and not the records only."""


class _Recorded(msgspec.Struct, frozen=True):
    """What the records say of a path; `in_output` is False for a folder above outputs."""

    is_dir: bool
    size: int | None
    hash: DataHash | None
    in_output: bool


class Browser:
    """A tree to walk in. Nothing is read but names, sizes and, where a recorded folder is entered, its manifest."""

    def __init__(self, source: ExternalRepo) -> None:
        self._source = source
        self._records: dict[str, _Records] = {}

    def key_of(self, path: str, cwd: str) -> str:
        """Return a path from the root of the tree. Relative ones are from `cwd` where that lies in the repository.

        Else they are from the repository's top, which "" stands for in any case.
        Raises InvalidInputError for a path outside.
        """
        if not path:
            return self._source.start
        top = self._top
        here = self.cwd_key(cwd)
        if top is not None and os.path.isabs(path):
            key = os.path.relpath(os.path.realpath(path), top).replace(os.sep, "/")
        else:
            key = posixpath.normpath(posixpath.join(here or "", path.lstrip("/") if here is None else path))
        if key == ".." or key.startswith(("../", "/")):
            raise InvalidInputError(f"{path!r} is outside the repository {self._source.shown}.")
        key = posixpath.normpath(posixpath.join(self._source.start, key))
        return "" if key == "." else key

    def cwd_key(self, cwd: str) -> str | None:
        """Return where a folder of the disk is in the repository ("" for its top), None when it is outside."""
        if self._top is None:
            return None
        relative = os.path.relpath(os.path.realpath(cwd), self._top).replace(os.sep, "/")
        if relative == ".." or relative.startswith("../"):
            return None
        return "" if relative == "." else relative

    def entry(self, key: str) -> Entry:
        """Return what is at a path. Raises NotFoundError, and as `children` does."""
        found, recorded = self._files.info(key), self._recorded(key)
        if found is None and recorded is None:
            folder, _, name = key.rpartition("/")
            names = list(self._files.children(folder)) + [key for key, _ in self._recorded_children(folder)]
            raise NotFoundError(
                f"There is no {key!r} in the repository {self._source.shown!r}.", hint=did_you_mean(name, names)
            )
        return _merged(key, found, recorded)

    def children(self, key: str, *, recorded_only: bool = False) -> list[tuple[str, Entry]]:
        """Return what is directly in a folder, by name, sorted; a file has none.

        Raises NotFoundError when the folder is recorded, its manifest is in no cache and on no remote, and it is not in
        the workspace.
        """
        found = {} if recorded_only else self._files.children(key)
        there = None if recorded_only else self._files.info(key)
        recorded = self._recorded(key)
        known: dict[str, _Recorded] = {}
        if recorded is not None and recorded.is_dir and (there is None or there.is_dir):
            known = dict(self._recorded_children(key))
        return [
            (name, _merged(posixpath.join(key, name), found.get(name), known.get(name)))
            for name in sorted(found.keys() | known.keys())
        ]

    def cached_size(self, entry: Entry) -> int | None:
        """Return the size of a recorded file's object, where the cache has it."""
        owner = self._owner(entry.path)
        if owner is None or entry.hash is None:
            return None
        try:
            return self._source.repository(owner).store_of(entry.hash).size_of(entry.hash.oid)
        except NotFoundError:
            return None

    @cached_property
    def _top(self) -> str | None:
        """The repository on disk, None when it is a copy of one elsewhere."""
        root = self._source.root
        return None if root is None else os.path.realpath(os.path.join(root, self._source.start))

    @cached_property
    def _files(self) -> BrowsedFiles:
        if self._source.commit is not None:
            assert self._source.git is not None
            return CommitFiles(self._source.git, self._source.commit)
        assert self._source.root is not None
        return DiskFiles(self._source.root, self._rules_of)

    def _rules_of(self, path: str) -> IgnoreRules:
        owner = self._owner(path)
        return IgnoreRules(self._source.root or "/") if owner is None else self._source.repository(owner).ignore

    def _owner(self, path: str) -> str | None:
        return self._source.owner(path)

    def _recorded(self, key: str) -> _Recorded | None:
        owner = self._owner(key)
        return None if owner is None else self._records_of(owner).info(_below(key, owner))

    def _recorded_children(self, key: str) -> list[tuple[str, _Recorded]]:
        owner = self._owner(key)
        return [] if owner is None else list(self._records_of(owner).children(_below(key, owner)))

    def _records_of(self, owner: str) -> _Records:
        if owner not in self._records:
            self._records[owner] = _Records(self._source, owner)
        return self._records[owner]


class _Records:
    """What one data repository records, as a tree. Paths are from its root."""

    def __init__(self, source: ExternalRepo, owner: str) -> None:
        self._source = source
        self._owner = owner
        self._inventory = source.inventory(owner)
        self._outputs = {item.path: item for item in self._inventory.items if item.cached}
        self._above = {folder for path in self._outputs for folder in parents(path)} | {""}
        self._trees: dict[str, dict[str, dict[str, str | None]]] = {}

    def info(self, path: str) -> _Recorded | None:
        item = self._outputs.get(path)
        if item is not None:
            # What was declared and never made has no bytes.
            return _Recorded(item.is_dir, 0 if item.hash is None and item.size is None else item.size, item.hash, True)
        if path in self._above:
            return _Recorded(True, None, None, False)
        holder = next((self._outputs[above] for above in parents(path) if above in self._outputs), None)
        if holder is None or not holder.is_dir:
            return None
        folder, _, name = _below(path, holder.path).rpartition("/")
        return self._inside(holder, folder).get(name)

    def children(self, path: str) -> Iterator[tuple[str, _Recorded]]:
        holder = next((self._outputs[each] for each in (*parents(path), path) if each in self._outputs), None)
        if holder is not None:
            yield from self._inside(holder, _below(path, holder.path)).items()
            return
        prefix = f"{path}/" if path else ""
        names = {
            each[len(prefix) :].partition("/")[0]: None
            for each in (*self._outputs, *self._above)
            if each and each.startswith(prefix)
        }
        for name in names:
            found = self.info(prefix + name)
            if found is not None:
                yield name, found

    def _inside(self, item: InventoryItem, folder: str) -> dict[str, _Recorded]:
        """Return what is directly in a folder of a recorded folder."""
        if item.hash is None:
            return {}
        if item.path not in self._trees:
            self._trees[item.path] = _as_tree(self._entries(item))
        return {
            name: _Recorded(oid is None, None, None if oid is None else DataHash(oid, item.hash.legacy), True)
            for name, oid in self._trees[item.path].get(folder, {}).items()
        }

    def _entries(self, item: InventoryItem) -> dict[str, str]:
        """Return a recorded folder's files. One whose list is nowhere has none on record, where it is itself here."""
        try:
            return self._source.entries(self._owner, item)
        except NotFoundError:
            if not self._source.is_folder_on_disk(posixpath.join(self._owner, item.path)):
                raise
            return {}


def _as_tree(entries: dict[str, str]) -> dict[str, dict[str, str | None]]:
    """Return the files of a manifest by folder and name; the oid of a folder is None."""
    tree: dict[str, dict[str, str | None]] = {"": {}}
    for path, oid in entries.items():
        folder, _, name = path.rpartition("/")
        if folder not in tree:
            for each in (*parents(folder), folder):
                tree.setdefault(each, {})
                above, _, own = each.rpartition("/")
                tree[above][own] = None
        tree[folder][name] = oid
    return tree


def _merged(path: str, found: FileInfo | None, recorded: _Recorded | None) -> Entry:
    """Return one entry of what there is and what is recorded: the first says what it is, the second its hash."""
    data = recorded.hash if recorded is not None else None
    is_out = recorded is not None and recorded.in_output
    if found is not None:
        return Entry(path, is_out, found.is_dir, found.is_exec, found.size, data)
    assert recorded is not None
    return Entry(path, is_out, recorded.is_dir, False, recorded.size, data, on_disk=False)


def _below(path: str, folder: str) -> str:
    return path[len(folder) :].lstrip("/") if folder else path
