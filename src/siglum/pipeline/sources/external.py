"""Another repository, at a commit or as it is on disk: which files a path of it stands for, and where their bytes are.

A path may be a file that Git keeps, a recorded output, something inside one, or a folder with all of these in it. In a
repository that holds several data repositories, each path belongs to the nearest one.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from functools import cached_property

import msgspec

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.core.text import did_you_mean
from siglum.pipeline.inventory.inventory import Inventory, InventoryItem, read_inventory
from siglum.storage.hashing import md5_bytes, md5_file
from siglum.storage.manifest import decode_manifest, make_manifest
from siglum.workspace.addresses import with_settings
from siglum.workspace.folder_contents import FolderContents
from siglum.workspace.git import Git
from siglum.workspace.git_process import without_password
from siglum.workspace.git_sources import GitSources
from siglum.workspace.pointers import DependencySpec, RepoSource
from siglum.workspace.remotes import recorded_url
from siglum.workspace.repository import Repository
from siglum.workspace.snapshots import repository_at
from siglum.workspace.source_tree import CommitTree, DiskTree, Leaf, SourceTree, is_within


class DataPlace(msgspec.Struct, frozen=True):
    """Where recorded data can be had: a data repository of the tree, its file that records it, the remote it names."""

    owner: str
    remote: str | None = None
    pointer: str | None = None


class Part(msgspec.Struct, frozen=True):
    """One file of what was asked for: its path below that, "" when that is one file.

    Its bytes are those of a file of the tree, or of a recorded object in the place that has it; a `legacy` one is named
    by the hash of DVC 2, which need not be that of its bytes.
    """

    relpath: str
    leaf: Leaf | None = None
    oid: str | None = None
    place: DataPlace | None = None
    is_exec: bool = False
    legacy: bool = False


class Listing(msgspec.Struct, frozen=True):
    """What a path stands for. `left_out` are data repositories below it, which are their own: as DVC has it."""

    path: str
    is_dir: bool
    parts: tuple[Part, ...]
    left_out: tuple[str, ...] = ()


class ExternalRepo:
    """Another repository. `commit` is None for what is on disk; `start` is where its address is in the tree.

    `root` is where the tree is on disk, None for a bare copy. An `owner` is a data repository's path in the tree.
    """

    def __init__(
        self,
        source: RepoSource,
        git: Git | None,
        commit: str | None,
        root: str | None,
        start: str,
        bases: Sequence[str],
        externals: Externals,
    ) -> None:
        self.source = source
        self.commit = commit
        self.git = git
        self.root = root
        self.start = start
        self._bases = bases
        self._externals = externals
        self._repositories: dict[str, Repository] = {}
        self._inventories: dict[str, Inventory] = {}
        self._contents: dict[str, FolderContents] = {}

    @property
    def shown(self) -> str:
        """The address as it may be shown, with the commit."""
        at = f" at {self.commit[:12]}" if self.commit is not None else ""
        return without_password(self.source.url) + at

    def lookup(self, path: str) -> Listing:
        """Return the files that a path stands for. Asks a remote only for what is in a recorded folder.

        Raises NotFoundError when nothing is there, InvalidInputError for a path that leads out of the repository.
        """
        key = self._tree.followed(self._key_of(path))
        leaf = self._tree.leaf(key)
        if leaf is not None:
            return Listing(path, False, (Part("", leaf=leaf, is_exec=leaf.is_exec),))
        recorded = self._recorded(key)
        if recorded is not None and not self.is_folder_on_disk(key):
            return Listing(path, recorded[0], tuple(recorded[1]))
        parts = self._folder(key)
        if not parts:
            raise self._nothing(path, key)
        return Listing(path, True, tuple(parts), tuple(self._tree.repositories_below(key)))

    def url(self, path: str) -> str:
        """Return where the recorded content of a path is (see `recorded_url`); of a folder, where its manifest is.

        Whether it is there is not looked at. Raises NotFoundError for what is not recorded.
        """
        key = self._tree.followed(self._key_of(path))
        owner = self._tree.owner(key)
        item = self._holding(owner, key) if owner is not None else None
        if item is None or item.hash is None or owner is None:
            raise NotFoundError(
                f"There is no recorded data {path!r} in {self.shown}.", hint="Files that Git keeps are on no remote."
            )
        oid = item.hash.oid
        within = _below(key, posixpath.join(owner, item.path))
        if within:
            entries = self.entries(owner, item)
            if within not in entries:
                raise InvalidInputError(f"{path!r} is no file of the recorded folder.", hint="Name a file in it.")
            oid = entries[within]
        data = DataHash(oid, item.hash.legacy)
        return recorded_url(self.repository(owner), data, item.remote, is_here=self.root is not None)

    def repository(self, owner: str) -> Repository:
        """Return a data repository of the tree: its settings, with those of the import, and its cache."""
        if owner not in self._repositories:
            if self.root is None:
                assert self.git is not None
                assert self.commit is not None
                made = repository_at(self.git, self.commit, f"{owner}/" if owner else "")
            else:
                made = Repository(os.path.join(self.root, owner).rstrip("/"))
            made.config = with_settings(made.config, self.source, self._bases)
            self._repositories[owner] = made
        return self._repositories[owner]

    def owner(self, path: str) -> str | None:
        """Return the nearest data repository that a path of the tree is or lies in, None when there is none."""
        return self._tree.owner(path)

    def contents(self, owner: str) -> FolderContents:
        """Return what tells the files in recorded folders of a data repository of the tree."""
        return self._contents.setdefault(owner, FolderContents(self.repository(owner)))

    def imported_from(self, place: DataPlace) -> DependencySpec | None:
        """Return where the data repository itself imported data from, None when it did not."""
        items = self.inventory(place.owner).named(place.pointer) if place.pointer is not None else []
        found = items[0].imported if items else None
        return found if found is not None and found.repo is not None else None

    @cached_property
    def _tree(self) -> SourceTree:
        if self.commit is None:
            assert self.root is not None
            return DiskTree(self.root)
        assert self.git is not None
        return CommitTree(self.git, self.commit)

    def _key_of(self, path: str) -> str:
        """Return a path of the repository from the root of the tree; a leading slash stands for the repository."""
        full = path
        if self.root is not None and os.path.isabs(path) and is_within(path, os.path.join(self.root, self.start)):
            full = os.path.relpath(path, os.path.join(self.root, self.start)).replace(os.sep, "/")
        key = posixpath.normpath(posixpath.join(self.start, full.lstrip("/")))
        if key == ".." or key.startswith("../"):
            raise InvalidInputError(f"{path!r} is outside the repository {self.shown}.")
        return "" if key == "." else key

    def _recorded(self, key: str) -> tuple[bool, list[Part]] | None:
        """Return the recorded files that a path is or holds, where it is or lies in one output."""
        owner = self._tree.owner(key)
        item = self._holding(owner, key) if owner is not None else None
        if owner is None or item is None:
            return None
        place = DataPlace(owner, item.remote, item.source)
        within = _below(key, posixpath.join(owner, item.path))
        if item.hash is None:
            raise NotFoundError(f"{key!r} of {self.shown} is recorded without its content.")
        if not item.hash.is_dir:
            if within:
                return None
            return False, [Part("", None, item.hash.oid, place, item.is_exec, item.hash.legacy)]
        entries = self.entries(owner, item)
        if within in entries:
            return False, [Part("", oid=entries[within], place=place, legacy=item.hash.legacy)]
        parts = [
            Part(_below(name, within), oid=oid, place=place, legacy=item.hash.legacy)
            for name, oid in entries.items()
            if is_within(name, within)
        ]
        return (True, parts) if parts or not within else None

    def _folder(self, key: str) -> list[Part]:
        """Return the data below a folder that is itself neither a file nor in an output."""
        found = {
            (relpath := _below(leaf.path, key)): Part(relpath, leaf=leaf, is_exec=leaf.is_exec)
            for leaf in self._tree.below(key)
        }
        owner = self._tree.owner(key)
        if owner is None:
            return list(found.values())
        for item in self.inventory(owner).below(_below(key, owner)):
            path = posixpath.join(owner, item.path)
            if item.hash is None or self._is_elsewhere(path, owner):
                continue
            place, relpath = DataPlace(owner, item.remote, item.source), _below(path, key)
            if not item.hash.is_dir:
                part = Part(relpath, None, item.hash.oid, place, item.is_exec, item.hash.legacy)
                found.setdefault(relpath, part)
                continue
            if self.is_folder_on_disk(path):
                continue
            for name, oid in self.entries(owner, item).items():
                inside = posixpath.join(relpath, name)
                found.setdefault(inside, Part(inside, oid=oid, place=place, legacy=item.hash.legacy))
        return list(found.values())

    def _is_elsewhere(self, path: str, owner: str) -> bool:
        return self._tree.owner(path) != owner

    def is_folder_on_disk(self, key: str) -> bool:
        """Whether this is a workspace, and a path of it a folder there."""
        return self.commit is None and self.root is not None and os.path.isdir(os.path.join(self.root, key))

    def _holding(self, owner: str | None, key: str) -> InventoryItem | None:
        return None if owner is None else self.inventory(owner).holding(_below(key, owner))

    def inventory(self, owner: str) -> Inventory:
        """Return what a data repository of the tree records."""
        if owner not in self._inventories:
            self._inventories[owner] = read_inventory(self.repository(owner), self.commit)
        return self._inventories[owner]

    def entries(self, owner: str, item: InventoryItem) -> dict[str, str]:
        """Return the files of a recorded folder, path below it: oid. Raises NotFoundError when that is not known."""
        assert item.hash is not None
        if item.files is not None:
            return dict(item.files)
        contents = self.contents(owner)
        data = contents.manifest(item.hash, item.remote)
        if data is not None:
            return {entry.relpath: entry.oid for entry in decode_manifest(data, item.hash.oid).entries}
        entries = self._entries_at_source(owner, item)
        if entries is not None:
            return entries
        for problem in contents.problems.values():
            raise problem
        raise NotFoundError(
            f"{self.shown}: what is in {item.path} is not known: {item.hash.oid} is in no cache and on no remote.",
            hint="Whoever keeps that repository should run 'siglum push' there.",
        )

    def _entries_at_source(self, owner: str, item: InventoryItem) -> dict[str, str] | None:
        """Return the files of a folder that the other repository imported itself: no remote of its own has them."""
        if item.imported is None or item.imported.repo is None or item.hash is None:
            return None
        source = self._externals.open(item.imported.repo, bases=[self.repository(owner).root])
        found = {part.relpath: source.oid_of(part) for part in source.lookup(item.imported.path).parts}
        return found if make_manifest(list(found.items())).oid == item.hash.oid else None

    def oid_of(self, part: Part) -> str:
        """Return the MD5 of one file's bytes."""
        if part.oid is not None:
            return part.oid
        assert part.leaf is not None
        if part.leaf.file is not None:
            return md5_file(part.leaf.file).oid
        assert self.git is not None
        assert part.leaf.blob is not None
        return md5_bytes(self.git.blobs([part.leaf.blob])[part.leaf.blob])

    def _nothing(self, path: str, key: str) -> NotFoundError:
        owner = self._tree.owner(key)
        known = [posixpath.join(owner, item.path) for item in self.inventory(owner).items] if owner is not None else []
        hint = did_you_mean(key, known) or "Paths are relative to the repository's root."
        return NotFoundError(f"There is nothing at {path!r} in {self.shown}.", hint=hint)


class Externals:
    """Other repositories, each opened once: a command that updates many imports asks each source once.

    `bases` are the folders that relative addresses are looked for from.
    """

    def __init__(self, bases: Sequence[str] = ()) -> None:
        self._bases = tuple(bases) or (os.getcwd(),)
        self._sources = GitSources(self._bases)
        self._opened: dict[tuple[str | None, str | None, str, str], ExternalRepo] = {}

    def open(
        self, source: RepoSource, *, bases: Sequence[str] = (), on_disk: bool = False, latest: bool = False
    ) -> ExternalRepo:
        """Return the repository of `source`; arguments and errors are those of `GitSources.find`."""
        found = self._sources.find(source, bases=bases, on_disk=on_disk, latest=latest)
        where = found.git.root if found.git is not None else found.root
        key = (where, found.commit, found.start, repr((source.config, source.remote)))
        if key not in self._opened:
            around = (*self._bases, *bases)
            self._opened[key] = ExternalRepo(source, found.git, found.commit, found.root, found.start, around, self)
        return self._opened[key]


def _below(path: str, folder: str) -> str:
    """Return a path relative to a folder that it is, or is in."""
    return path[len(folder) :].lstrip("/") if folder else path
