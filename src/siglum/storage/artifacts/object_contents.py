"""The bytes of artifacts in an object store, each content once: objects `.objects/aa/…`, which the index knows."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from siglum.core.errors import ConflictError, SiglumError
from siglum.storage.artifacts.index import Content, ContentIndex
from siglum.storage.artifacts.paths import OBJECTS_FOLDER
from siglum.storage.hashing import BLOCK_SIZE
from siglum.storage.remotes.object_store import ObjectStoreRemote
from siglum.storage.remotes.object_streams import delete_objects, put_blocks, put_bytes

WHOLE = 8 << 20
"""A smaller file is sent from memory with one request; of others a few parts are there at once."""


class ObjectContents:
    """The contents below the URL of a remote. May be used from several threads and processes at once."""

    def __init__(self, remote: ObjectStoreRemote, index: ContentIndex) -> None:
        self._remote = remote
        self._index = index

    def put(self, path: str, first: bytes, source: BinaryIO) -> Content:
        """Let a path have these bytes: `first`, and if those are `WHOLE` or more, what follows in `source`."""
        if len(first) >= WHOLE:
            return self._keep(path, lambda key: self._send(key, first, source))
        name = hashlib.sha256(first).hexdigest()

        def send(key: str) -> tuple[str, int]:
            put_bytes(self._remote, key, first)
            return name, len(first)

        return self.share(path, name, len(first)) or self._keep(path, send)

    def share(self, path: str, name: str, size: int) -> Content | None:
        """Let a path have a content that is held already; None when it is not."""
        key = self._index.key_of(name)
        if key is None or not self._holds(key, size):
            return None
        content = Content(name, size, key)
        unused = self._index.share(path, content)
        if unused is None:
            return None
        self.discard(unused)
        return content

    def discard(self, keys: Sequence[str]) -> None:
        """Remove objects that nothing needs any more. What cannot be removed now stays on the index's list."""
        if keys:
            with contextlib.suppress(SiglumError):
                delete_objects(self._remote, keys)
                self._index.gone(keys)

    def _send(self, key: str, first: bytes, source: BinaryIO) -> tuple[str, int]:
        hasher = hashlib.sha256()
        size = put_blocks(self._remote, key, blocks_of(first, source, hasher.update))
        return hasher.hexdigest(), size

    def _keep(self, path: str, send: Callable[[str], tuple[str, int]]) -> Content:
        """Have `send` write a new object, whose content's name and size it returns, and let the path have that."""
        key = new_key()
        self._index.begin(key)
        try:
            content = Content(*send(key), key)
        except BaseException:
            self.discard([key])
            raise
        held = self._index.key_of(content.name)
        lost = held if held is not None and not self._holds(held, content.size) else None
        try:
            unused = self._index.adopt(path, content, instead_of=lost)
        except ConflictError:
            self.discard([key])
            raise
        # When it fails otherwise, it may have been stored all the same: then the object is needed, and else a leftover.
        self.discard(unused)
        return content

    def _holds(self, key: str, size: int) -> bool:
        return self._remote.size_of(key) == size


def new_key() -> str:
    """Return a key that no object has had or will have."""
    name = secrets.token_hex(16)
    return f"{OBJECTS_FOLDER}/{name[:2]}/{name}"


def read_first(source: BinaryIO) -> bytes:
    """Return the next `WHOLE` bytes, fewer only where the source ends."""
    blocks: list[bytes] = []
    left = WHOLE
    while left and (block := source.read(min(left, BLOCK_SIZE))):
        blocks.append(block)
        left -= len(block)
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


def blocks_of(first: bytes, source: BinaryIO, look: Callable[[bytes], object]) -> Iterator[bytes]:
    """Yield what was read and what follows, once `look` has seen it."""
    block = first
    while block:
        look(block)
        yield block
        block = source.read(BLOCK_SIZE)
