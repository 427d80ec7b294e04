"""Artifacts in an object store: S3 and compatible, Google Cloud Storage, Azure.

By content, an object below `.objects` holds the bytes of each content once, and the index says which content a path
has. Plain, the object at the path itself holds them. Both kinds are read in either layout, the index first: a store may
change its layout, and take over the bucket of an MLflow server.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError
from siglum.storage.artifacts.base import ArtifactEntry, ArtifactLayout
from siglum.storage.artifacts.beneath import not_found
from siglum.storage.artifacts.index import ContentIndex
from siglum.storage.artifacts.object_contents import WHOLE, ObjectContents, blocks_of, read_first
from siglum.storage.artifacts.paths import OBJECTS_FOLDER, parse_artifact_path, parse_folder_path
from siglum.storage.artifacts.reading import CHECKED_FIRST, RangeBlocks, buffered, checked_bytes, damaged, save_whole
from siglum.storage.hashing import hash_descriptor, open_regular
from siglum.storage.remotes.object_store import ObjectStoreRemote
from siglum.storage.remotes.object_streams import delete_objects, get_part, put_blocks, put_bytes

MAX_KEY_BYTES = 1024
"""What S3, Google and Azure take."""
_KNOWN_FOLDERS = 10_000


class ObjectArtifactStore:
    """Artifacts below the URL of a remote. Implements `ArtifactStore`. Without an index, the layout is plain.

    May be used from several threads and processes at once. `contents` are all that are kept by content, `by_content`
    is the same where that is the layout of new files.
    """

    def __init__(
        self,
        remote: ObjectStoreRemote,
        index: ContentIndex | None = None,
        layout: ArtifactLayout = ArtifactLayout.CONTENT,
    ) -> None:
        self.remote = remote
        self.index = index
        self.contents = ObjectContents(remote, index) if index is not None else None
        self.by_content = self.contents if layout is ArtifactLayout.CONTENT else None
        self._folders: set[str] = set()

    def check(self) -> None:
        """Write a small object and remove it: what keeps a store from being used shows before anybody needs it."""
        probe = f"{OBJECTS_FOLDER}/probe-{secrets.token_hex(16)}"
        put_bytes(self.remote, probe, b"siglum looks whether it can write here")
        self.remote.delete(probe)

    def put(self, path: str, source: BinaryIO) -> ArtifactEntry:
        segments = parse_artifact_path(path)
        first = read_first(source)
        if self.by_content is None:
            return self._put_plain(segments, first, source)
        content = self.by_content.put(path, first, source)
        return ArtifactEntry(path=path, is_dir=False, size=content.size, sha256=content.sha256)

    def put_file(self, path: str, local_path: str) -> ArtifactEntry:
        parse_artifact_path(path)
        fd, before = open_regular(local_path)
        with os.fdopen(fd, "rb") as file:
            if self.by_content is not None and before.st_size >= WHOLE:
                # What is there already is not sent again.
                hasher = hashlib.sha256()
                size = hash_descriptor(fd, hasher)
                sha256 = hasher.hexdigest()
                if self.by_content.share(path, sha256, size) is not None:
                    return ArtifactEntry(path=path, is_dir=False, size=size, sha256=sha256)
                file.seek(0)
            return self.put(path, file)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        with self._reader(parse_artifact_path(path)) as reader:
            yield reader

    def get_file(self, path: str, local_path: str) -> None:
        with self.open(path) as reader:
            save_whole(reader, local_path)

    def stat(self, path: str) -> ArtifactEntry:
        segments = parse_artifact_path(path)
        known = self.index.find(path) if self.index is not None else None
        if known is not None:
            return ArtifactEntry(path=path, is_dir=False, size=known.size, sha256=known.sha256)
        size = self.remote.size_of(path) if self._fits(path) else None
        if size is not None:
            return ArtifactEntry(path=path, is_dir=False, size=size)
        if self._is_folder(path):
            return ArtifactEntry(path=path, is_dir=True)
        raise not_found(segments)

    def list(self, path: str = "") -> Sequence[ArtifactEntry]:
        parse_folder_path(path)
        found: dict[str, ArtifactEntry] = {}
        for each in self.remote.entries(path):
            below = f"{path}/{each.name}" if path else each.name
            with contextlib.suppress(InvalidInputError):  # a name that no artifact has, the store's own among them
                parse_artifact_path(below)
                found[below] = ArtifactEntry(path=below, is_dir=each.is_dir, size=each.size)
        if self.index is not None:
            found |= {entry.path: entry for entry in self.index.entries(path)}
        return sorted(found.values(), key=lambda entry: entry.path)

    def delete(self, path: str) -> None:
        parse_artifact_path(path)
        plain = list(self.remote.list(path))
        if self._fits(path):
            delete_objects(self.remote, [path, *plain])
        self.forget(path)
        self._folders.clear()

    def _put_plain(self, segments: Sequence[str], first: bytes, source: BinaryIO) -> ArtifactEntry:
        path = "/".join(segments)
        self.check_free(segments)
        hasher = hashlib.sha256()
        if len(first) < WHOLE:
            hasher.update(first)
            put_bytes(self.remote, path, first)
            size = len(first)
        else:
            size = put_blocks(self.remote, path, blocks_of(first, source, hasher.update))
        self.forget(path)  # what was there by content is replaced
        return ArtifactEntry(path=path, is_dir=False, size=size, sha256=hasher.hexdigest())

    def check_free(self, segments: Sequence[str]) -> None:
        """Raise when no plain file can be at a path: it is a folder, a file is in its way, or it is too long."""
        path = "/".join(segments)
        if not self._fits(path):
            raise InvalidInputError(
                f"Invalid artifact path: together with where the store keeps its files, it is longer than"
                f" {MAX_KEY_BYTES} bytes."
            )
        for n in range(1, len(segments)):
            above = "/".join(segments[:n])
            if above not in self._folders:
                if self._is_file(above):
                    raise ConflictError(
                        f"There is a file at {above!r}, so that it cannot be a folder.",
                        hint="Delete it, or use another path.",
                    )
                if len(self._folders) >= _KNOWN_FOLDERS:
                    self._folders.clear()
                self._folders.add(above)
        if self._is_folder(path):
            raise ConflictError(
                f"There is a folder at {path!r}, so that it cannot be a file.", hint="Delete it, or use another path."
            )

    def _reader(self, segments: Sequence[str]) -> BinaryIO:
        path = "/".join(segments)
        content = self.index.find(path) if self.index is not None else None
        if content is not None:
            try:
                return self._read(content.key, content.size, content.sha256, None, repr(path))
            except NotFoundError:  # somebody removed the object and left the record
                raise damaged(repr(path)) from None
        facts = self.remote.describe(path) if self._fits(path) else None
        if facts is None:
            raise not_found(segments)
        return self._read(path, facts.size, None, facts.etag, repr(path))

    def _read(self, key: str, size: int, sha256: str | None, etag: str | None, where: str) -> BinaryIO:
        if size > CHECKED_FIRST:
            blocks = RangeBlocks(lambda start, stop: get_part(self.remote, key, start, stop, etag), size)
            return buffered(blocks, size, sha256, where)
        return checked_bytes(get_part(self.remote, key, 0, size, etag), size, sha256, where)

    def _is_file(self, path: str) -> bool:
        if self.index is not None and self.index.find(path) is not None:
            return True
        return self.remote.size_of(path) is not None

    def _is_folder(self, path: str) -> bool:
        if self.index is not None and self.index.is_folder(path):
            return True
        return next(self.remote.list(path), None) is not None

    def _fits(self, path: str) -> bool:
        return len(self.remote.path_of(path).encode()) <= MAX_KEY_BYTES

    def forget(self, path: str) -> None:
        """Drop what the index knows of a path, and the contents that nothing else has."""
        if self.index is not None and self.contents is not None:
            self.contents.discard(self.index.forget(path))
