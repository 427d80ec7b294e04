"""Files that clients fetch from an object store, and send to it, without passing the server: `DirectTransfers`."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence

from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError, NotSupportedError, UnavailableError
from siglum.storage.artifacts.base import PartsUpload, SentPart, SignedRequest
from siglum.storage.artifacts.beneath import not_found
from siglum.storage.artifacts.index import UPLOAD, Content
from siglum.storage.artifacts.objects import ObjectArtifactStore
from siglum.storage.artifacts.paths import OBJECTS_FOLDER, parse_artifact_path
from siglum.storage.artifacts.upkeep import Upkeep
from siglum.storage.remotes.object_parts import ObjectParts, parts_of
from siglum.storage.remotes.object_streams import signed_url

MAX_PARTS = 10_000
_PART_SECONDS = 12 * 3600
"""How long a part's URL is good: from the beginning of an upload to its last part."""
_UPLOAD_ID = re.compile(r"(?P<nonce>[0-9a-f]{16})\.(?P<store>[!-~]{1,1024})\Z")
_ETAG = re.compile(r'"?[A-Za-z0-9+/=_.-]{1,200}"?\Z')
# What Azure must be told with a whole blob.
_WHOLE_BLOB = {"x-ms-blob-type": "BlockBlob"}


class ObjectTransfers:
    """Direct transfers to and from an object store. `upkeep` hashes what came that way; None without an index."""

    def __init__(self, store: ObjectArtifactStore, upkeep: Upkeep | None) -> None:
        self._store = store
        self._remote = store.remote
        self._upkeep = upkeep

    @property
    def signs(self) -> bool:
        """Whether the login signs URLs at all: without, nothing here works."""
        names = ["a"] if self._store.by_content is not None else ["a", "a b"]
        try:
            for name in names:
                signed_url(self._remote, "GET", name, 1)
        except NotSupportedError:
            return False
        return True

    @property
    def takes_parts(self) -> bool:
        return parts_of(self._remote) is not None

    def download(self, path: str, seconds: int) -> SignedRequest:
        segments = parse_artifact_path(path)
        content = self._store.index.find(path) if self._store.index is not None else None
        key = path if content is None else content.key
        size = self._remote.size_of(key)
        if size is None or (content is not None and size != content.size):
            raise not_found(segments)
        return SignedRequest(signed_url(self._remote, "GET", key, seconds), size=size)

    def upload(self, path: str, seconds: int) -> SignedRequest:
        segments = parse_artifact_path(path)
        if self._store.index is not None and self._store.index.find(path) is not None:
            raise ConflictError(f"There is a file at {path!r} already.", hint="Delete it first, or use another path.")
        self._store.check_free(segments)
        headers = _WHOLE_BLOB if self._remote.place.sends_blocks else {}
        return SignedRequest(signed_url(self._remote, "PUT", path, seconds), headers)

    def begin_parts(self, path: str, count: int) -> PartsUpload:
        segments = parse_artifact_path(path)
        if not 1 <= count <= MAX_PARTS:
            raise InvalidInputError(f"num_parts must be between 1 and {MAX_PARTS:,} (got {count}).")
        parts = self._parts()
        nonce = secrets.token_hex(8)
        key = self._key(path, nonce)
        if self._store.by_content is None:
            self._store.check_free(segments)
        elif self._store.index is not None:
            self._store.index.begin(key)
        upload = parts.begin(key)
        urls = parts.urls(key, upload, count, _PART_SECONDS)
        return PartsUpload(f"{nonce}.{upload}", [SignedRequest(url) for url in urls])

    def complete_parts(self, path: str, upload_id: str, parts: Sequence[SentPart]) -> None:
        segments = parse_artifact_path(path)
        nonce, upload = _parsed(upload_id)
        numbers = [part.number for part in parts]
        if not numbers or numbers != sorted(set(numbers)) or numbers[0] < 1 or numbers[-1] > MAX_PARTS:
            raise InvalidInputError("parts must be numbered upwards, from 1 on.")
        if any(part.etag and not _ETAG.match(part.etag) for part in parts):
            raise InvalidInputError("The etag of a part is none.")
        key = self._key(path, nonce)
        if self._store.by_content is None:
            self._store.check_free(segments)
        try:
            self._parts().complete(key, upload, parts)
        except (NotFoundError, UnavailableError):
            # The answer to an earlier try may have been lost, or the store may not have told in time.
            if self._store.by_content is None or self._remote.size_of(key) is None:
                raise
        self._show(path, key)

    def abort_parts(self, path: str, upload_id: str) -> None:
        parse_artifact_path(path)
        nonce, upload = _parsed(upload_id)
        key = self._key(path, nonce)
        self._parts().abort(key, upload)

    def _show(self, path: str, key: str) -> None:
        """Have a path be the object that was put together."""
        index, contents = self._store.index, self._store.by_content
        if index is None or contents is None:
            self._store.forget(path)  # what was there by content is replaced
            return
        size = self._remote.size_of(key)
        if size is None:
            raise NotFoundError("There is no such upload, or its parts are not there.")
        content = Content(UPLOAD + key.rpartition("/")[2], size, key)
        contents.discard(index.adopt(path, content))
        if self._upkeep is not None:
            self._upkeep.settle(content)

    def _key(self, path: str, nonce: str) -> str:
        """Return where the parts become an object. By content, it follows from path and upload: none has another's."""
        if self._store.by_content is None:
            return path
        name = hashlib.sha256(f"{nonce}/{path}".encode()).hexdigest()[:32]
        return f"{OBJECTS_FOLDER}/{name[:2]}/{name}"

    def _parts(self) -> ObjectParts:
        found = parts_of(self._remote)
        if found is None:
            raise NotSupportedError("Multipart upload is not supported for the current artifact repository")
        return found


def _parsed(upload_id: str) -> tuple[str, str]:
    match = _UPLOAD_ID.match(upload_id)
    if match is None:
        raise InvalidInputError("upload_id is not the name of an upload.")
    return match["nonce"], match["store"]
