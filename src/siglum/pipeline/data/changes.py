"""What differs between two states of tracked data: rules over values, no data is touched.

Folders are compared whole by their hashes first; only those that differ are looked into, and of these only what their
manifests do not share. A file that went in one place and came in another with the same hash was renamed.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from siglum.core.hashes import DataHash
from siglum.pipeline.definition.paths import parents
from siglum.storage.manifest_diff import compare_manifests, read_listing


class Snapshot(msgspec.Struct, frozen=True):
    """Tracked outputs of one state: their hashes by path, None for one that is there and was never hashed.

    `manifest` returns the bytes of the manifest of the folder at a path, None when it is nowhere.
    """

    outputs: Mapping[str, DataHash | None]
    manifest: Callable[[str], bytes | None]


class Change(msgspec.Struct, frozen=True):
    """One path of which the content changed, and its hashes before and after (None where there was none)."""

    path: str
    old: DataHash | None
    new: DataHash | None


class Rename(msgspec.Struct, frozen=True):
    """Content that is at another path now."""

    old: str
    new: str
    hash: DataHash


class Changes(msgspec.Struct, frozen=True):
    """All differences, each list sorted by path.

    `unknown` are the files of a folder of which only the new state's list of files is to be had; folders among them
    end in a slash. `unchanged` is filled when it was asked for.
    """

    added: tuple[Change, ...] = ()
    deleted: tuple[Change, ...] = ()
    modified: tuple[Change, ...] = ()
    renamed: tuple[Rename, ...] = ()
    unknown: tuple[str, ...] = ()
    unchanged: tuple[Change, ...] = ()


def compare(
    old: Snapshot,
    new: Snapshot,
    *,
    granular: bool = True,
    by_hash: bool = False,
    within: Sequence[str] = (),
    unchanged: bool = False,
) -> Changes:
    """Return what changed from `old` to `new`.

    Args:
        old: The state before.
        new: The state after.
        granular: Look into folders; else each counts as one thing.
        by_hash: What has no hash is not there.
        within: Paths to which the answer is confined; none means everywhere.
        unchanged: Gather what did not change, too.
    """
    return _Comparison(old, new, granular, by_hash, within, unchanged).result()


class _Comparison:
    """One comparison under way: what went, what came, by path."""

    def __init__(
        self, old: Snapshot, new: Snapshot, granular: bool, by_hash: bool, within: Sequence[str], unchanged: bool
    ) -> None:
        self.old, self.new = old, new
        self.granular = granular
        self.by_hash = by_hash
        self.within = within
        self.gather_unchanged = unchanged
        self.gone: dict[str, DataHash | None] = {}
        self.come: dict[str, DataHash | None] = {}
        self.unknown: list[str] = []
        self.same: list[Change] = []

    def result(self) -> Changes:
        before, after = self._outputs(self.old), self._outputs(self.new)
        for path in before.keys() | after.keys():
            if path in before and path in after and before[path] == after[path]:
                self._unchanged_output(path, before[path])
                continue
            for state, there, into in ((self.old, before, self.gone), (self.new, after, self.come)):
                if path in there:
                    into[path] = there[path]
                    if not (path in before and path in after and _both_folders(before[path], after[path])):
                        self._expand(state, path, there[path], into)
            if path in before and path in after:
                self._folder(path, before[path], after[path])
        if not self.by_hash:
            self._drop_replaced(before, after)
        return self._sorted_out()

    def _outputs(self, state: Snapshot) -> Mapping[str, DataHash | None]:
        if not self.by_hash:
            return state.outputs
        return {path: data for path, data in state.outputs.items() if data is not None}

    def _expand(self, state: Snapshot, path: str, data: DataHash | None, into: dict[str, DataHash | None]) -> None:
        """Put the files of a folder that only one state has, or that is a file in the other, beside it."""
        if not self.granular or data is None or not data.is_dir:
            return
        manifest = state.manifest(path)
        if manifest is not None:
            into.update(_placed(path, read_listing(manifest, data.oid), data))

    def _folder(self, path: str, before: DataHash | None, after: DataHash | None) -> None:
        """Compare a folder that both states have, with different hashes."""
        if not self.granular or before is None or after is None or not _both_folders(before, after):
            return
        was, now = self.old.manifest(path), self.new.manifest(path)
        if was is None or now is None:
            self._all_unknown(path, after, now)
            return
        if before.legacy == after.legacy:
            gone, come = compare_manifests(was, now, path)
        else:
            gone, come = read_listing(was, path), read_listing(now, path)
        if self.gather_unchanged:
            left = {name: oid for name, oid in read_listing(was, path).items() if name not in gone}
            self.same += _as_unchanged(path, left, before)
        self.gone.update(_placed(path, gone, before))
        self.come.update(_placed(path, come, after))

    def _unchanged_output(self, path: str, data: DataHash | None) -> None:
        if data is None:
            return
        if self.gather_unchanged:
            self.same.append(Change(path, data, data))
        if not self.granular or not data.is_dir:
            return
        was = self.old.manifest(path)
        if was is None:
            self._all_unknown(path, data, self.new.manifest(path))
        elif self.gather_unchanged:
            self.same += _as_unchanged(path, read_listing(was, path), data)

    def _all_unknown(self, path: str, data: DataHash, manifest: bytes | None) -> None:
        """Gather the files and folders that only the new state can name: what was there before is not known."""
        if manifest is None:
            return
        folders: set[str] = set()
        for name in read_listing(manifest, data.oid):
            self.unknown.append(f"{path}/{name}")
            folders.update(parents(name))
        self.unknown += [f"{path}/{folder}/" for folder in folders]

    def _drop_replaced(self, before: Iterable[str], after: Iterable[str]) -> None:
        """Leave out an output in whose place there are several now, or were before: these tell it in full."""
        for there, other, entries in ((before, after, self.gone), (after, before, self.come)):
            above = {folder for path in other for folder in parents(path)}
            for path in there:
                if path in above:
                    entries.pop(path, None)

    def _sorted_out(self) -> Changes:
        added: list[Change] = []
        deleted: list[Change] = []
        modified: list[Change] = []
        for path, data in self.gone.items():
            if not self._is_wanted(path):
                continue
            if path not in self.come:
                deleted.append(Change(path, data, None))
            elif self.come[path] != data:
                modified.append(Change(path, data, self.come[path]))
            elif self.gather_unchanged:
                self.same.append(Change(path, data, data))
        for path, data in self.come.items():
            if path not in self.gone and self._is_wanted(path):
                added.append(Change(path, None, data))
        renamed, added, deleted = pair_renames(added, deleted)
        return Changes(
            tuple(sorted(added, key=_path_of)),
            tuple(sorted(deleted, key=_path_of)),
            tuple(sorted(modified, key=_path_of)),
            tuple(sorted(renamed, key=lambda rename: rename.old)),
            tuple(sorted(path for path in self.unknown if self._is_wanted(path))),
            tuple(sorted((each for each in self.same if self._is_wanted(each.path)), key=_path_of)),
        )

    def _is_wanted(self, path: str) -> bool:
        return not self.within or is_within(path, self.within)


def is_within(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of `folders` ("" is the root) or lies below one."""
    return any(not folder or path == folder or path.startswith(folder + "/") for folder in folders)


def pair_renames(added: Sequence[Change], deleted: Sequence[Change]) -> tuple[list[Rename], list[Change], list[Change]]:
    """Return the renames among these, and what is left: each that came with the hash of one that went, in order."""
    shared = {each.new for each in added} & {each.old for each in deleted} - {None}
    if not shared:
        return [], list(added), list(deleted)
    went: dict[DataHash | None, deque[Change]] = defaultdict(deque)
    for each in sorted((each for each in deleted if each.old in shared), key=_segments):
        went[each.old].append(each)
    renamed: list[Rename] = []
    left = [each for each in added if each.new not in shared]
    for each in sorted((each for each in added if each.new in shared), key=_segments):
        if each.new is not None and went[each.new]:
            renamed.append(Rename(went[each.new].popleft().path, each.path, each.new))
        else:
            left.append(each)
    unpaired = [each for queue in went.values() for each in queue]
    return renamed, left, [*(each for each in deleted if each.old not in shared), *unpaired]


def _both_folders(before: DataHash | None, after: DataHash | None) -> bool:
    return before is not None and after is not None and before.is_dir and after.is_dir


def _placed(folder: str, names: Mapping[str, str], data: DataHash) -> dict[str, DataHash | None]:
    return {f"{folder}/{name}": DataHash(oid, data.legacy) for name, oid in names.items()}


def _as_unchanged(folder: str, names: Mapping[str, str], data: DataHash) -> Iterable[Change]:
    for path, found in _placed(folder, names, data).items():
        yield Change(path, found, found)


def _path_of(change: Change) -> str:
    return change.path


def _segments(change: Change) -> list[str]:
    return change.path.split("/")
