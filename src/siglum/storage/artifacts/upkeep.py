"""What an object store's artifacts need now and then, in a thread beside the requests.

An upload that a client sent in parts gets its hash, and with it shares its bytes with equal files. What a crash left
behind is removed.
"""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor

from siglum.core.errors import SiglumError
from siglum.storage.artifacts.index import Content, ContentIndex
from siglum.storage.artifacts.object_contents import ObjectContents
from siglum.storage.artifacts.reading import RangeBlocks
from siglum.storage.hashing import BLOCK_SIZE
from siglum.storage.remotes.object_store import ObjectStoreRemote
from siglum.storage.remotes.object_streams import get_part

_log = logging.getLogger(__name__)

ABANDONED_MS = 7 * 24 * 3600 * 1000
"""How long an upload may take before it counts as left behind."""


class Upkeep:
    """Works through what is to be done, one after the other."""

    def __init__(self, remote: ObjectStoreRemote, index: ContentIndex, contents: ObjectContents) -> None:
        self._remote = remote
        self._index = index
        self._contents = contents
        self._pool = ThreadPoolExecutor(1, "siglum-upkeep")
        self._closed = False

    def start(self) -> None:
        """Begin with what is left from before."""
        self._pool.submit(self._resume)

    def settle(self, content: Content) -> None:
        """Have a content that is named after its upload read and hashed, soon."""
        self._pool.submit(self._settle, content)

    def close(self) -> None:
        """End soon; what is left to do is done after the next start."""
        self._closed = True
        self._pool.shutdown(cancel_futures=True)

    def wait(self) -> None:
        """Return when all that was asked for so far is done."""
        self._pool.submit(int).result()

    def _resume(self) -> None:
        try:
            self._contents.discard(self._index.leftovers(ABANDONED_MS))
            unsettled = self._index.unsettled()
        except SiglumError as error:
            _log.warning("What an earlier server left in the artifact store could not be looked at: %s", error)
            return
        for content in unsettled:
            self._settle(content)

    def _settle(self, content: Content) -> None:
        try:
            sha256 = self._sha256(content)
            if sha256 is not None:
                self._contents.discard(self._index.settle(content.name, sha256))
        except SiglumError as error:
            _log.warning("An uploaded artifact could not be hashed, and is tried again after a restart: %s", error)

    def _sha256(self, content: Content) -> str | None:
        hasher = hashlib.sha256()
        blocks = RangeBlocks(lambda start, stop: get_part(self._remote, content.key, start, stop), content.size)
        view = memoryview(bytearray(BLOCK_SIZE))
        try:
            while n := blocks.fill(view):
                if self._closed:
                    return None
                hasher.update(view[:n])
        finally:
            blocks.close()
        return hasher.hexdigest()
