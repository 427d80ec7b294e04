"""A remote on an object store, through obstore: S3 and compatible, Google Cloud Storage, Azure Blob.

How a scheme plugs in. A module of its own (`s3.py`) holds one function with the signature of `open.Opener`,

    def open_s3(name: str, url: str, options: Mapping[str, str]) -> Remote

which reads DVC's option names through `options.RemoteOptions` (so that one that is not supported is named in an
error) and returns an `ObjectStoreRemote` of an `ObjectPlace`: the path below which keys lie, a function that makes
obstore's store from client options and retry settings, and the secrets that no message may hold. `open.py` names
module and function by scheme. Everything else (what is in flight at once, hashing both ways, multipart, listing,
errors) is here and in the `object_*` modules beside, the same for all.

obstore is an optional extra, imported only when such a remote is opened.
"""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from siglum.core.errors import (
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
)
from siglum.storage.hashing import md5_bytes
from siglum.storage.remotes.base import Download, Outcome, RemoteEntry, Upload
from siglum.storage.remotes.in_flight import ByteBudget, run_in_flight
from siglum.storage.remotes.object_bodies import receive, send
from siglum.storage.remotes.object_errors import port_error
from siglum.storage.remotes.signing import QuerySigner

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

DEFAULT_IN_FLIGHT = 256
# In memory at once, for all bodies of a call together.
_IN_MEMORY = 192 << 20
# Asking for so many keys one by one is as cheap as listing.
_ASK_EACH_UPTO = 256
# So many keys in the answer to a listing cost about as much as one more request.
_LISTED_FOR_ONE = 150
_PAGE = 1000
# S3 copies larger objects only in parts.
_COPIED_AT_MOST = 5 << 30
_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_RETRY = {
    "max_retries": 8,
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
    "retry_timeout": timedelta(minutes=3),
}
_CONNECT_SECONDS = 20.0
_READ_SECONDS = 60.0
# The wait for the answer to an upload includes the way of its body, which may be long on a slow line.
_SEND_SECONDS = 600.0

MakeStore: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], "ObjectStore"]
"""Makes obstore's store from `client_options` and `retry_config`."""


class ObjectPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What a scheme says of its remote.

    Args:
        make_store: Called at most twice, when first needed; connects to nothing.
        prefix: Path below which keys lie, without a slash at either end; "" for the whole bucket.
        secrets: Texts that no message may hold.
        connect_timeout: In seconds; None for what suits.
        read_timeout: Seconds without a byte after which a request counts as lost and is tried again; None for what
            suits: a minute for reading, longer for sending.
        client_options: More of obstore's client options, such as certificates.
        etag_is_md5: Whether the store answers a plain put with the MD5 of what it stored.
        signer: Returns what signs URLs with any query, with the keys of now; None where the login is none that can.
        sends_blocks: Whether parts of an upload are Azure's blocks, whose URLs obstore signs.
    """

    make_store: MakeStore
    prefix: str = ""
    secrets: tuple[str, ...] = ()
    connect_timeout: float | None = None
    read_timeout: float | None = None
    client_options: dict[str, Any] = {}
    etag_is_md5: bool = False
    signer: Callable[[], QuerySigner] | None = None
    sends_blocks: bool = False

    def __repr__(self) -> str:
        return f"ObjectPlace(prefix={self.prefix!r})"  # what else there is may hold credentials


def require_obstore(name: str, kind: str) -> None:
    """Raise NotSupportedError, saying what to install, where obstore is missing."""
    if importlib.util.find_spec("obstore") is None:
        raise NotSupportedError(
            f"Remote {name!r} needs the package obstore, as all {kind} remotes do.",
            hint="Install it: pip install 'siglum[remotes]'",
        )


class ObjectFacts(msgspec.Struct, frozen=True):
    """What a store says of an object: its key, its size in bytes, and its ETag without quotation marks."""

    key: str
    size: int
    etag: str


class ObjectStoreRemote:
    """Objects under keys of an object store. Implements `Remote`, `BulkRemote`, `BrowsableRemote`, `RangedRemote`."""

    def __init__(self, name: str, url: str, place: ObjectPlace) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.place = place
        self.etag_is_md5 = place.etag_is_md5

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.url!r})"

    def check(self) -> None:
        try:
            next(self.list("files/md5/00"), None)
        except PermissionDeniedError as e:
            if e.code == PermissionDeniedError.code:
                return  # it answers, and may allow what is needed; that shows when it is
            raise

    def exists(self, keys: Iterable[str], jobs: int | None = None) -> set[str]:
        asked = list(dict.fromkeys(keys))
        if len(asked) <= _ASK_EACH_UPTO:
            return self._ask_each(asked, jobs)
        folders = Counter(key.rpartition("/")[0] for key in asked)
        # One folder shows how full the others are, since hashes spread evenly; from that follows what is cheaper.
        sample = folders.most_common(1)[0][0]
        found = set(self.list(sample))
        if len(folders) * (1 + len(found) / _LISTED_FOR_ONE) > len(asked):
            return self._ask_each(asked, jobs)
        others = [folder for folder in folders if folder != sample]
        found.update(*run_in_flight(self._list_folder, others, jobs or DEFAULT_IN_FLIGHT // 4))
        return found.intersection(asked)

    def list(self, prefix: str) -> Iterator[str]:
        import obstore  # an optional extra

        try:
            for page in obstore.list(self.reading, self.path_of(prefix.strip("/")), chunk_size=_PAGE):
                yield from map(self._key, page)
        except Exception as e:  # noqa: BLE001  -- obstore's errors have no class that covers all
            raise self.error_of(e, prefix) from None

    def size_of(self, key: str) -> int | None:
        import obstore  # an optional extra

        path = self.path_of(key)
        if not path:
            return None
        try:
            return int(obstore.head(self.reading, path)["size"])
        except Exception as e:  # noqa: BLE001  -- as in `list`
            error = self.error_of(e, key)
            if isinstance(error, NotFoundError):
                return None
            raise error from None

    def describe(self, key: str) -> ObjectFacts | None:
        """Return what the store says of one object, None when it is not there."""
        import obstore  # an optional extra

        try:
            return self._facts(obstore.head(self.reading, self.path_of(key)))
        except Exception as e:  # noqa: BLE001  -- as in `list`
            error = self.error_of(e, key)
            if isinstance(error, NotFoundError):
                return None
            raise error from None

    def describe_below(self, folder: str) -> Sequence[ObjectFacts]:
        """Return what the store says of all objects below a folder; of what stands for an empty folder, nothing."""
        import obstore  # an optional extra

        try:
            pages = obstore.list(self.reading, self.path_of(folder) or None, chunk_size=_PAGE)
            return [self._facts(each) for page in pages for each in page if not each["path"].endswith("/")]
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, folder) from None

    def entries(self, folder: str) -> Sequence[RemoteEntry]:
        import obstore  # an optional extra

        path = self.path_of(folder)
        try:
            found = obstore.list_with_delimiter(self.reading, path or None)
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, folder) from None
        folders = [RemoteEntry(each.rstrip("/").rpartition("/")[2], is_dir=True) for each in found["common_prefixes"]]
        files = [(each["path"], each["size"]) for each in found["objects"]]
        return [*folders, *(RemoteEntry(each.rpartition("/")[2], size=size) for each, size in files if each != path)]

    def get_range(self, key: str, start: int, length: int) -> bytes:
        import obstore  # an optional extra

        try:
            return bytes(obstore.get_range(self.reading, self.path_of(key), start=start, length=length))
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, key) from None

    def put(self, source: str, key: str, oid: str | None) -> int:
        budget = ByteBudget(_IN_MEMORY)
        return run_in_flight(lambda key: self._put(source, key, oid, budget), [key], 1)[0]

    def put_many(self, uploads: Sequence[Upload], jobs: int | None = None) -> Sequence[Outcome]:
        budget = ByteBudget(_IN_MEMORY)

        async def put(upload: Upload) -> Outcome:
            try:
                return await self._put(upload.source, upload.key, upload.oid, budget)
            except (IntegrityError, NotFoundError, ConflictError, FileNotFoundError) as e:
                return e

        return run_in_flight(put, uploads, jobs or DEFAULT_IN_FLIGHT)

    def get(self, key: str, target: str, oid: str | None) -> int:
        budget = ByteBudget(_IN_MEMORY)
        return run_in_flight(lambda key: self._get(key, target, oid, budget), [key], 1)[0]

    def get_many(self, downloads: Sequence[Download], jobs: int | None = None) -> Sequence[Outcome]:
        budget = ByteBudget(_IN_MEMORY)

        async def get(download: Download) -> Outcome:
            try:
                return await self._get(download.key, download.target, download.oid, budget)
            except (IntegrityError, NotFoundError) as e:
                return e

        return run_in_flight(get, downloads, jobs or DEFAULT_IN_FLIGHT)

    def delete(self, key: str) -> None:
        import obstore  # an optional extra

        try:
            obstore.delete(self.writing, [self.path_of(key)])
        except FileNotFoundError:
            return
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, key) from None

    def move(self, key: str, target: str) -> None:
        """Copy an object there, see that the copy is one, and remove the old key; see `MovingRemote`.

        Raises NotSupportedError for one that is larger than a store copies in one request, or that it did not copy.
        """
        import obstore  # an optional extra

        old, new = self.path_of(key), self.path_of(target)
        try:
            before = obstore.head(self.writing, old)
            if before["size"] > _COPIED_AT_MOST:
                raise NotSupportedError(f"Remote {self.name!r} cannot copy {key}: it is too large for one request.")
            obstore.copy(self.writing, old, new)
            # A server that knows no copies may take the request for an upload of nothing, and say that all is well.
            if not _is_copy(before, obstore.head(self.writing, new)):
                obstore.delete(self.writing, [new])
                raise NotSupportedError(f"Remote {self.name!r} does not copy on its side.")
            obstore.delete(self.writing, [old])
        except NotSupportedError:
            raise
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, key) from None

    async def _put(self, source: str, key: str, oid: str | None, budget: ByteBudget) -> int:
        path = self.path_of(key)
        try:
            size, found, answer = await send(self.writing, path, source, oid, budget)
            if self.etag_is_md5:
                await self.check_stored(key, found, answer)
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, key) from None
        return size

    async def check_stored(self, key: str, sent: str, answer: dict[str, Any]) -> None:
        """Compare the MD5 that the store says it stored with what was sent; on a difference, read it back."""
        import obstore  # an optional extra

        etag = (answer.get("e_tag") or "").strip('"')
        if not _MD5.match(etag) or etag == sent:
            return
        stored = await (await obstore.get_async(self.reading, self.path_of(key))).bytes_async()
        if md5_bytes(bytes(stored)) == sent:
            self.etag_is_md5 = False  # with encryption by the customer's own keys, an ETag is something else
            return
        await obstore.delete_async(self.writing, [self.path_of(key)])
        raise IntegrityError(
            f"Remote {self.name!r} stored other bytes than were sent as {key}; they were removed.",
            hint="Push again. If it stays so, trust neither that remote nor the way to it.",
        )

    async def _get(self, key: str, target: str, oid: str | None, budget: ByteBudget) -> int:
        try:
            where = f"Remote {self.name!r}: {key}"
            return await receive(self.reading, self.path_of(key), target, oid, where, budget)
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, key) from None

    def _ask_each(self, keys: Sequence[str], jobs: int | None) -> set[str]:
        return {key for key in run_in_flight(self._has, keys, jobs or DEFAULT_IN_FLIGHT) if key is not None}

    async def _has(self, key: str) -> str | None:
        import obstore  # an optional extra

        try:
            await obstore.head_async(self.reading, self.path_of(key))
        except FileNotFoundError:
            return None
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, key) from None
        return key

    async def _list_folder(self, folder: str) -> set[str]:
        import obstore  # an optional extra

        found: set[str] = set()
        try:
            async for page in obstore.list(self.reading, self.path_of(folder), chunk_size=_PAGE):
                found.update(map(self._key, page))
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, folder) from None
        return found

    @cached_property
    def reading(self) -> ObjectStore:
        """The store in obstore, for requests whose answer is what takes long."""
        return self._store(self.place.read_timeout or _READ_SECONDS)

    @cached_property
    def writing(self) -> ObjectStore:
        """The same for requests whose body may take long to arrive."""
        return self._store(self.place.read_timeout or _SEND_SECONDS)

    def _store(self, read_timeout: float) -> ObjectStore:
        client = {
            "connect_timeout": timedelta(seconds=self.place.connect_timeout or _CONNECT_SECONDS),
            "read_timeout": timedelta(seconds=read_timeout),
            # The whole of a request has no limit of its own: a large body may take long, and a stalled one is noticed.
            "timeout": timedelta(days=1),
            **self.place.client_options,
        }
        try:
            return self.place.make_store(client, dict(_RETRY))
        except Exception as e:  # noqa: BLE001  -- as in `list`
            raise self.error_of(e, "") from None

    def path_of(self, key: str) -> str:
        """Return the name of an object in its bucket. Raises InvalidInputError for what is no key."""
        parts = key.split("/") if key else []
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise InvalidInputError(f"{key!r} is not a key of an object.")
        return "/".join([self.place.prefix, *parts] if self.place.prefix else parts)

    def _facts(self, found: ObjectMeta) -> ObjectFacts:
        return ObjectFacts(self._key(found), found["size"], (found["e_tag"] or "").strip('"'))

    def _key(self, found: ObjectMeta) -> str:
        return found["path"].removeprefix(f"{self.place.prefix}/" if self.place.prefix else "")

    def error_of(self, error: Exception, key: str) -> Exception:
        """Return the error of the port for what was raised; ours, and those of local files, are it already."""
        if isinstance(error, SiglumError) or (isinstance(error, OSError) and error.errno is not None):
            return error
        return port_error(error, self.name, self.url, key, self.place.secrets)


def _is_copy(before: ObjectMeta, after: ObjectMeta) -> bool:
    """Whether two objects can be the same: their sizes, and their MD5 where the store tells it of both."""
    tags = [(each["e_tag"] or "").strip('"') for each in (before, after)]
    told = all(_MD5.match(tag) for tag in tags)
    return before["size"] == after["size"] and (not told or tags[0] == tags[1])
