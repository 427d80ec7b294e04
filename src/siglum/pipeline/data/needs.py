"""Who needs an object: files of the workspace, Git revisions, and runs and versions on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from siglum.core.errors import SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.data.used import Scope, commits_of
from siglum.pipeline.inventory.inventory import InventoryItem, read_inventory
from siglum.pipeline.inventory.revisions import RevisionReader
from siglum.storage.manifest import Manifest
from siglum.workspace.repository import Repository

Object = tuple[str, str]
"""(algorithm, oid)"""


class NeededBy(msgspec.Struct, frozen=True):
    """Who needs an object: paths from the root, revisions (branches, tags, else commits), and records by name."""

    files: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    records: tuple[str, ...] = ()


def who_needs(
    repo: Repository,
    objects: Iterable[Object],
    recorded: Mapping[DataHash, tuple[str, ...]],
    read_manifest: Callable[[DataHash], Manifest | None],
) -> dict[Object, NeededBy]:
    """Return who needs each of `objects`; nobody is an empty record. Every commit is looked at.

    A file that Git keeps only in other revisions is named by the revisions alone. Of a folder whose manifest cannot be
    read, only the manifest itself is known.
    """
    search = _Search(frozenset(objects), read_manifest)
    files: dict[Object, dict[str, None]] = {}
    for item in read_inventory(repo, cached_only=True).items:
        for found, path in search.in_item(item):
            files.setdefault(found, {})[path] = None
    revisions: dict[Object, dict[str, None]] = {}
    for name, items in _revisions(repo):
        for item in items:
            for found, _ in search.in_item(item):
                revisions.setdefault(found, {})[name] = None
    records: dict[Object, dict[str, None]] = {}
    for data, holders in recorded.items():
        for found in search.in_data(data):
            records.setdefault(found, {}).update(dict.fromkeys(holders))
    return {
        each: NeededBy(tuple(files.get(each, ())), tuple(revisions.get(each, ())), tuple(records.get(each, ())))
        for each in search.objects
    }


class _Search:
    """Looks for objects in data; each manifest is read once."""

    def __init__(self, objects: frozenset[Object], read_manifest: Callable[[DataHash], Manifest | None]) -> None:
        self.objects = objects
        self._read_manifest = read_manifest
        self._inside: dict[DataHash, dict[Object, str]] = {}

    def in_data(self, data: DataHash) -> dict[Object, str]:
        """Return which of the objects some data consists of, with the path of each below it ("" for itself)."""
        if data not in self._inside:
            found: dict[Object, str] = {}
            if (data.algorithm, data.oid) in self.objects:
                found[data.algorithm, data.oid] = ""
            manifest = self._read_manifest(data) if data.is_dir else None
            for entry in manifest.entries if manifest is not None else ():
                if (data.algorithm, entry.oid) in self.objects:
                    found.setdefault((data.algorithm, entry.oid), entry.relpath)
            self._inside[data] = found
        return self._inside[data]

    def in_item(self, item: InventoryItem) -> Iterable[tuple[Object, str]]:
        """Return which of the objects an output consists of, with their paths from the root."""
        if item.hash is not None:
            for found, below in self.in_data(item.hash).items():
                yield found, f"{item.path}/{below}" if below else item.path
        for relpath, oid in item.files or ():
            if ("md5", oid) in self.objects:
                yield ("md5", oid), f"{item.path}/{relpath}"


def _revisions(repo: Repository) -> Iterable[tuple[str, tuple[InventoryItem, ...]]]:
    """Yield what revisions record: branches and tags by their names, other commits by the first digits."""
    git = repo.git
    if git is None:
        return
    reader = RevisionReader(repo)
    names: dict[str, list[str]] = {}
    for name in (*git.branches(), *git.tags()):
        commit = git.resolve(name)
        if commit is not None:
            names.setdefault(commit, []).append(name)
    for commit in commits_of(repo, Scope(all_commits=True)):
        try:
            items = reader.read(commit)
        except SiglumError:
            continue  # an old state that nobody can use needs nothing
        for name in names.get(commit, [commit[:10]]):
            yield name, items
