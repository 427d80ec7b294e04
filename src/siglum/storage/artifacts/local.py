"""Artifacts in a folder: each content once, under its SHA-256, and a readable tree of hard links to it.

`<root>/.objects/sha256/aa/…` holds the bytes (mode 0444); `<root>/<path>` is a hard link to them, or a copy where the
file system has no links to give, so that a person can read the tree. The index, if there is one, says which content
a path has; reading goes by it, and by the tree only where it is silent. Hence a put that is cut short leaves the old
content in force.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import msgspec

from siglum.core.errors import ConflictError, NotFoundError
from siglum.core.temporary_names import is_temporary
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactLayout
from siglum.storage.artifacts.beneath import (
    is_folder,
    is_regular,
    not_found,
    open_file,
    open_folder,
    remove_tree,
)
from siglum.storage.artifacts.contents import Contents, PlainFiles
from siglum.storage.artifacts.index import ArtifactIndex
from siglum.storage.artifacts.paths import OBJECTS_FOLDER, parse_artifact_path, parse_folder_path
from siglum.storage.artifacts.reading import save_whole, verified_reader
from siglum.storage.background_write import BackgroundWriter
from siglum.storage.durability import discard, write_all
from siglum.storage.hashing import BLOCK_SIZE, check_unchanged, hash_descriptor, open_regular
from siglum.storage.links import FICLONE


class LocalArtifactStore:
    """Artifacts below the folder `root`, made by the first put. Implements `ArtifactStore`.

    Without an index, or in a plain layout, files are delivered as they are found. May be used from several threads and
    processes at once.
    """

    def __init__(
        self, root: str, index: ArtifactIndex | None = None, layout: ArtifactLayout = ArtifactLayout.CONTENT
    ) -> None:
        self.root = root
        # Plain, the tree alone counts; what the index knows from another layout is struck off as it changes.
        self._index = index if layout is ArtifactLayout.CONTENT else None
        self._known = index
        self._contents = Contents(root) if layout is ArtifactLayout.CONTENT else PlainFiles(root)

    def put(self, path: str, source: BinaryIO) -> ArtifactEntry:
        segments = parse_artifact_path(path)

        def write(out: int) -> tuple[int, str]:
            block = source.read(BLOCK_SIZE)
            hasher = hashlib.sha256(block)
            size = len(block)
            if size < BLOCK_SIZE:
                write_all(out, block)
                return size + _append(source, hasher.update, lambda more: write_all(out, more)), hasher.hexdigest()
            with BackgroundWriter(out) as writer:
                writer.write(memoryview(block))
                size += _append(source, hasher.update, lambda more: writer.write(memoryview(more)))
            return size, hasher.hexdigest()

        return self._put(segments, write)

    def put_file(self, path: str, local_path: str) -> ArtifactEntry:
        segments = parse_artifact_path(path)
        fd, before = open_regular(local_path)

        def write(out: int) -> tuple[int, str]:
            hasher = hashlib.sha256()
            try:
                fcntl.ioctl(out, FICLONE, fd)
            except OSError:  # no reflinks here
                size = hash_descriptor(fd, hasher, lambda block: write_all(out, block))
                check_unchanged(local_path, before, os.fstat(fd), size)
            else:
                size = hash_descriptor(out, hasher)
            return size, hasher.hexdigest()

        try:
            return self._put(segments, write)
        finally:
            os.close(fd)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        with self._reader(parse_artifact_path(path)) as reader:
            yield reader

    def get_file(self, path: str, local_path: str) -> None:
        segments = parse_artifact_path(path)
        with self._reader(segments) as reader:
            save_whole(reader, local_path)

    def stat(self, path: str) -> ArtifactEntry:
        segments = parse_artifact_path(path)
        known = self._index.get(path) if self._index is not None else None
        if known is not None:
            return ArtifactEntry(path=path, is_dir=False, size=known[0], sha256=known[1])
        with open_folder(self.root, segments[:-1]) as folder:
            try:
                status = os.stat(segments[-1], dir_fd=folder, follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                raise not_found(segments) from None
        if is_folder(status):
            return ArtifactEntry(path=path, is_dir=True)
        if is_regular(status):
            return ArtifactEntry(path=path, is_dir=False, size=status.st_size)
        raise not_found(segments)

    def list(self, path: str = "") -> Sequence[ArtifactEntry]:
        segments = parse_folder_path(path)
        found = []
        try:
            with open_folder(self.root, segments) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    if is_temporary(entry.name) or (not segments and entry.name == OBJECTS_FOLDER):
                        continue
                    below = f"{path}/{entry.name}" if path else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        found.append(ArtifactEntry(path=below, is_dir=True))
                    elif entry.is_file(follow_symlinks=False):
                        size = entry.stat(follow_symlinks=False).st_size
                        found.append(ArtifactEntry(path=below, is_dir=False, size=size))
        except NotFoundError:
            return []
        return self._with_hashes(sorted(found, key=lambda entry: entry.path))

    def _with_hashes(self, entries: Sequence[ArtifactEntry]) -> Sequence[ArtifactEntry]:
        """Return entries with the SHA-256 of those files that are known, so that nobody has to ask for each."""
        if self._index is None:
            return entries
        known = self._index.get_many([entry.path for entry in entries if not entry.is_dir])
        return [
            msgspec.structs.replace(entry, sha256=known[entry.path][1])
            if entry.path in known and known[entry.path][0] == entry.size
            else entry
            for entry in entries
        ]

    def delete(self, path: str) -> None:
        segments = parse_artifact_path(path)
        contents = self._sha256_below(segments)
        with contextlib.suppress(NotFoundError), open_folder(self.root, segments[:-1]) as folder:
            remove_tree(folder, segments[-1])
            os.fsync(folder)
        if self._known is not None:
            self._known.remove(path)
        for sha256 in contents:
            self._contents.drop_unused(sha256)

    def _put(self, segments: Sequence[str], write: Callable[[int], tuple[int, str]]) -> ArtifactEntry:
        """Store what `write` puts into the descriptor it is given; it returns the size and SHA-256."""
        temporary, out = self._contents.new_file()
        try:
            try:
                size, sha256 = write(out)
                os.fchmod(out, self._contents.mode)
                os.fsync(out)
            finally:
                os.close(out)
            with open_folder(self.root, segments[:-1], create=True) as folder:
                self._contents.keep(temporary, sha256)
                try:
                    self._contents.show(sha256, temporary, folder, segments[-1])
                except IsADirectoryError:
                    raise ConflictError(
                        f"There is a folder at {'/'.join(segments)!r}, so that it cannot be a file.",
                        hint="Delete it, or use another path.",
                    ) from None
        finally:
            discard(temporary)
        path = "/".join(segments)
        if self._index is not None:
            self._index.record(path, size, sha256)
        elif self._known is not None:
            self._known.remove(path)
        return ArtifactEntry(path=path, is_dir=False, size=size, sha256=sha256)

    def _reader(self, segments: Sequence[str]) -> BinaryIO:
        path = "/".join(segments)
        known = self._index.get(path) if self._index is not None else None
        if known is None:
            return os.fdopen(open_file(self.root, segments), "rb")
        size, sha256 = known
        fd = self._contents.open(sha256)
        return verified_reader(open_file(self.root, segments) if fd is None else fd, size, sha256, repr(path))

    def _sha256_below(self, segments: Sequence[str]) -> set[str]:
        """Return the contents of the file at a path, or of all files below it as a folder."""
        try:
            entry = self.stat("/".join(segments))
        except NotFoundError:
            return set()
        if entry.is_dir:
            below = self.list(entry.path)
            return set().union(*(self._sha256_below(child.path.split("/")) for child in below))
        if entry.sha256 is not None:
            return {entry.sha256}
        with os.fdopen(open_file(self.root, segments), "rb") as file:
            if os.fstat(file.fileno()).st_nlink == 1:  # not shared with a content
                return set()
            return {hashlib.file_digest(file, "sha256").hexdigest()}


def _append(source: BinaryIO, look: Callable[[bytes], object], write: Callable[[bytes], object]) -> int:
    """Pass on what is left in `source`; return how much that was."""
    size = 0
    while block := source.read(BLOCK_SIZE):
        write(block)
        look(block)
        size += len(block)
    return size
