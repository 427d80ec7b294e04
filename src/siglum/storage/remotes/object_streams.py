"""Bytes to and from an object store without a local file: from memory, in blocks as they come, by ranges, by URL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from siglum.core.errors import IntegrityError, NotSupportedError
from siglum.storage.hashing import md5_bytes
from siglum.storage.remotes.in_flight import run_loop
from siglum.storage.remotes.object_store import ObjectStoreRemote

PART = 16 << 20
"""What a part of an upload in blocks has. S3 takes 10,000 of them."""
_PARTS_AT_ONCE = 2
_DELETED_AT_ONCE = 1000

Method: TypeAlias = Literal["GET", "PUT"]


def put_bytes(remote: ObjectStoreRemote, key: str, data: bytes) -> None:
    """Put an object. Raises IntegrityError, and leaves nothing, when the store says that it stored other bytes."""
    import obstore  # an optional extra

    try:
        answer = obstore.put(remote.writing, remote.path_of(key), data, use_multipart=False)
        if remote.etag_is_md5 and (answer["e_tag"] or "").strip('"') != (digest := md5_bytes(data)):
            run_loop(remote.check_stored(key, digest, dict(answer)))
    except Exception as e:  # noqa: BLE001  -- obstore's errors have no class that covers all
        raise remote.error_of(e, key) from None


def put_blocks(remote: ObjectStoreRemote, key: str, blocks: Iterator[bytes]) -> int:
    """Put an object in parts, a few of which are in memory at once; return its size. It is visible whole, or not.

    What `blocks` raises ends the upload and is raised.
    """
    import obstore  # an optional extra

    size = 0
    failure: list[Exception] = []

    def counted() -> Iterator[bytes]:
        nonlocal size
        try:
            for block in blocks:
                size += len(block)
                yield block
        except Exception as e:
            failure.append(e)
            raise

    try:
        obstore.put(
            remote.writing,
            remote.path_of(key),
            counted(),
            use_multipart=True,
            chunk_size=PART,
            max_concurrency=_PARTS_AT_ONCE,
        )
    except Exception as e:  # noqa: BLE001  -- as above
        raise (failure[0] if failure else remote.error_of(e, key)) from None
    found = remote.size_of(key)
    if found != size:
        raise IntegrityError(f"Remote {remote.name!r} stored {found} bytes of {size} as {key}.")
    return size


def get_part(remote: ObjectStoreRemote, key: str, start: int, stop: int, etag: str | None = None) -> bytes:
    """Return bytes of an object, of the version with this ETag where one is given. Raises as a remote."""
    import obstore  # an optional extra

    if start >= stop:
        return b""
    asked: dict[str, Any] = {"range": (start, stop)}
    if etag:
        asked["if_match"] = f'"{etag}"'
    try:
        answer = obstore.get(remote.reading, remote.path_of(key), options=asked)  # type: ignore[arg-type]
        data = bytes(answer.bytes())
    except Exception as e:  # noqa: BLE001  -- as above
        raise remote.error_of(e, key) from None
    if len(data) != stop - start:
        raise IntegrityError(f"Remote {remote.name!r}: {key} has become shorter.")
    return data


def delete_objects(remote: ObjectStoreRemote, keys: Sequence[str]) -> None:
    """Remove objects, many with one request where the store has that; those that are not there are nothing."""
    import obstore  # an optional extra

    for start in range(0, len(keys), _DELETED_AT_ONCE):
        some = keys[start : start + _DELETED_AT_ONCE]
        try:
            obstore.delete(remote.writing, [remote.path_of(key) for key in some])
        except FileNotFoundError:
            for key in some:
                remote.delete(key)
        except Exception as e:  # noqa: BLE001  -- as above
            raise remote.error_of(e, some[0]) from None


def signed_url(remote: ObjectStoreRemote, method: Method, key: str, seconds: int) -> str:
    """Return a URL by which anybody may do this with one object for some time.

    Raises NotSupportedError where the login cannot sign, as one without credentials.
    """
    import obstore  # an optional extra

    path = remote.path_of(key)
    if remote.place.signer is not None:
        return remote.place.signer().url(method, path, {}, seconds)
    if remote.place.sends_blocks and quote(path, safe="/-_.~") != path:
        raise NotSupportedError(f"The login of the object store cannot sign a URL for {key!r}.")  # see `signing`
    try:
        return str(obstore.sign(remote.writing, method, path, timedelta(seconds=seconds)))  # type: ignore[arg-type]
    except Exception as e:  # noqa: BLE001  -- as above
        error = remote.error_of(e, key)
        raise NotSupportedError(f"The login of the object store cannot sign URLs: {error}") from None
