"""A remote on a host that speaks SFTP, as every OpenSSH server does: `ssh://user@host:port/folder`.

Many requests are under way at once over a few connections. The session starts with the first thing asked for; who may
log in, and which hosts are trusted, is what the user's own SSH configuration says. asyncssh is an optional extra: this
module is imported only when such a remote is opened, by `ssh_options`.
"""

from __future__ import annotations

import asyncio
import functools
import posixpath
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import asyncssh
import msgspec

from siglum.core.errors import ConflictError, IntegrityError, NotFoundError, SiglumError, UnavailableError
from siglum.core.temporary_names import is_temporary
from siglum.storage.remotes.background import BackgroundLoop
from siglum.storage.remotes.base import Download, Outcome, RemoteEntry, Upload
from siglum.storage.remotes.in_flight import in_flight
from siglum.storage.remotes.secrets import ask_secret
from siglum.storage.remotes.ssh_browse import browse_folder, file_size
from siglum.storage.remotes.ssh_connection import Sessions
from siglum.storage.remotes.ssh_errors import full, refused
from siglum.storage.remotes.ssh_files import CHUNK, SshDownload, SshUpload, is_file, move, read_folder, remove
from siglum.storage.remotes.ssh_options import SshPlace

T = TypeVar("T")

DEFAULT_IN_FLIGHT = 64
# Each of them has up to two chunks in memory.
_LARGE_IN_FLIGHT = 8
# Asking for so many keys one by one is as cheap as listing.
_ASK_EACH_UPTO = 64
# So many names in a listing cost about as much as one more request.
_LISTED_FOR_ONE = 50
# What is left of a file system that counts as full: a server need not say why a write failed.
_FULL_BELOW = 1 << 20
_UNSEEN = (asyncssh.Error, OSError)


class SshRemote:
    """Objects below a folder on a host; the first `put` creates it.

    Implements `Remote`, `BulkRemote` and `BrowsableRemote`.
    """

    def __init__(self, name: str, place: SshPlace) -> None:
        self.name = name
        self.url = place.url
        self._place = place
        self._asking = threading.Lock()
        self._opened: list[Sessions] = []  # one, once it is needed; the loop's good-bye holds the list, not the remote
        self._loop = BackgroundLoop(f"siglum-ssh-{name}", functools.partial(_close_all, self._opened), _UNSEEN)

    def __repr__(self) -> str:
        return f"SshRemote({self.name!r}, {self.url!r})"

    def close(self) -> None:
        """Close the connections. Anything asked for afterwards opens new ones."""
        self._loop.close()

    def check(self) -> None:
        self._run(self._check())

    def exists(self, keys: Iterable[str], jobs: int | None = None) -> set[str]:
        asked = list(dict.fromkeys(keys))
        return self._run(self._exists(asked, jobs or DEFAULT_IN_FLIGHT)) if asked else set()

    def list(self, prefix: str) -> Iterator[str]:
        self.check()
        level = [prefix.strip("/")]
        while level:
            below: list[str] = []
            for start in range(0, len(level), DEFAULT_IN_FLIGHT):
                folders = level[start : start + DEFAULT_IN_FLIGHT]
                for folder, entries in zip(folders, self._run(self._folders(folders)), strict=True):
                    for name, is_folder in entries:
                        key = f"{folder}/{name}" if folder else name
                        if is_folder:
                            below.append(key)
                        elif not is_temporary(name):
                            yield key
            level = below

    def size_of(self, key: str) -> int | None:
        path = self._place.path_of(key) if key else self._place.path
        return self._run(self._one(lambda sftp: file_size(sftp, path or ".", self._place.timeout), path))

    def entries(self, folder: str) -> Sequence[RemoteEntry]:
        path = self._place.path_of(folder) if folder else self._place.path
        return self._run(self._one(lambda sftp: browse_folder(sftp, path or ".", self._place.timeout), path))

    def put(self, source: str, key: str, oid: str | None) -> int:
        return self._run(self._put(source, key, oid, asyncio.Semaphore(1)))

    def put_many(self, uploads: Sequence[Upload], jobs: int | None = None) -> Sequence[Outcome]:
        large = asyncio.Semaphore(_LARGE_IN_FLIGHT)

        async def put(upload: Upload) -> Outcome:
            try:
                return await self._put(upload.source, upload.key, upload.oid, large)
            except (IntegrityError, NotFoundError, ConflictError, FileNotFoundError) as e:
                return e

        return self._run(in_flight(put, uploads, jobs or DEFAULT_IN_FLIGHT))

    def get(self, key: str, target: str, oid: str | None) -> int:
        return self._run(self._get(key, target, oid))

    def get_many(self, downloads: Sequence[Download], jobs: int | None = None) -> Sequence[Outcome]:
        async def get(download: Download) -> Outcome:
            try:
                return await self._get(download.key, download.target, download.oid)
            except (IntegrityError, NotFoundError) as e:
                return e

        return self._run(in_flight(get, downloads, jobs or DEFAULT_IN_FLIGHT))

    def delete(self, key: str) -> None:
        path = self._place.path_of(key)
        self._run(self._one(lambda sftp: remove(sftp, path, self._place.timeout), path))

    def move(self, key: str, target: str) -> None:
        """Rename an object; see `MovingRemote`."""
        path, new = self._place.path_of(key), self._place.path_of(target)
        self._run(self._one(lambda sftp: move(sftp, path, new, self._place.timeout), path))

    async def _check(self) -> None:
        async def is_there(sftp: asyncssh.SFTPClient) -> bool:
            async with asyncio.timeout(self._place.timeout):
                return await sftp.isdir(self._place.path or ".")

        if not await self._one(is_there, ""):
            raise UnavailableError(
                f"Remote {self.name!r} is not there: {self._place.path} is not a folder on {self._place.host}.",
                hint="Create it, push something to it, or correct its URL with `siglum remote modify`.",
            )

    async def _put(self, source: str, key: str, oid: str | None, large: asyncio.Semaphore) -> int:
        path = self._place.path_of(key)
        with SshUpload(source, path, oid, self._place.timeout) as upload:
            if upload.size <= CHUNK:
                return await self._one(upload.run, path, lambda: upload.sent)
            async with large:
                return await self._one(upload.run, path, lambda: upload.sent)

    async def _get(self, key: str, target: str, oid: str | None) -> int:
        path = self._place.path_of(key)
        where = f"Remote {self.name!r}: {path}"
        with SshDownload(path, target, oid, where, self._place.timeout) as download:
            try:
                return await self._one(download.run, key, lambda: download.received)
            except NotFoundError:
                await self._check()
                raise

    async def _exists(self, asked: Sequence[str], jobs: int) -> set[str]:
        if len(asked) <= _ASK_EACH_UPTO:
            return await self._ask_each(asked, jobs)
        folders = Counter(posixpath.dirname(key) for key in asked)
        # One folder shows how full the others are, since hashes spread evenly; from that follows what is cheaper.
        sample = folders.most_common(1)[0][0]
        found = await self._list_folder(sample)
        if len(folders) * (1 + len(found) / _LISTED_FOR_ONE) > len(asked):
            return await self._ask_each(asked, jobs)
        others = [folder for folder in folders if folder != sample]
        found.update(*await in_flight(self._list_folder, others, jobs))
        return found.intersection(asked)

    async def _ask_each(self, keys: Sequence[str], jobs: int) -> set[str]:
        async def has(key: str) -> bool:
            path = self._place.path_of(key)
            return await self._one(lambda sftp: is_file(sftp, path, self._place.timeout), path)

        answers = await in_flight(has, keys, jobs)
        return {key for key, there in zip(keys, answers, strict=True) if there}

    async def _list_folder(self, folder: str) -> set[str]:
        entries = await self._read_folder(folder)
        return {f"{folder}/{name}" if folder else name for name, is_folder in entries if not is_folder}

    async def _folders(self, folders: Sequence[str]) -> Sequence[Sequence[tuple[str, bool]]]:
        return await in_flight(self._read_folder, folders, DEFAULT_IN_FLIGHT)

    async def _read_folder(self, folder: str) -> Sequence[tuple[str, bool]]:
        path = self._place.path_of(folder) if folder else self._place.path
        return await self._one(lambda sftp: read_folder(sftp, path, self._place.timeout), path)

    async def _one(
        self, work: Callable[[asyncssh.SFTPClient], Awaitable[T]], path: str, progress: Callable[[], int] = int
    ) -> T:
        """Have something done over a session; raise the port's errors. `path` is what messages name."""
        if not self._opened:
            self._opened.append(Sessions(self.name, self._place))
        try:
            return await self._opened[0].perform(work, progress)
        except asyncssh.SFTPFailure as e:
            raise (full(self.name, self.url) if await self._is_full() else refused(self.name, e, path)) from None
        except asyncssh.SFTPError as e:
            raise refused(self.name, e, path or self.url) from None

    async def _is_full(self) -> bool:
        """Whether the host's disk is the likely reason for a failure: older servers say no more than "failure"."""

        async def room(sftp: asyncssh.SFTPClient) -> int:
            async with asyncio.timeout(self._place.timeout):
                state = await sftp.statvfs(self._place.path or ".")
            return state.bavail * state.frsize

        try:
            return await self._opened[0].perform(room) < _FULL_BELOW
        except (asyncssh.SFTPError, SiglumError):
            return False

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            self._ask_secrets()
        except BaseException:
            coroutine.close()
            raise
        return self._loop.run(coroutine)

    def _ask_secrets(self) -> None:
        """Ask for what the options say must be asked for, once, and in the thread in which Ctrl-C arrives."""
        place = self._place
        with self._asking:
            for option, wanted in (("password", place.ask_password), ("passphrase", place.ask_passphrase)):
                if wanted and getattr(self._place, option) is None:
                    answer = ask_secret(
                        f"The {option} for {place.url.removesuffix(place.path)}",
                        hint=f"Set it: siglum remote modify --local {self.name} {option} VALUE",
                    )
                    self._place = msgspec.structs.replace(self._place, **{option: answer})


async def _close_all(opened: list[Sessions]) -> None:
    while opened:
        await opened.pop().close()
