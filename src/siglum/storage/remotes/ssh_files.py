"""Objects as files on a host: how they get there and back over one SFTP session, whole and verified.

An upload goes to a temporary name beside its final one, is flushed where the server can, and gets its name by a rename
that replaces. A transfer remembers how far it came, so that it goes on from there over another session.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_DIRECTORY, FILEXFER_TYPE_REGULAR

from siglum.core.errors import IntegrityError
from siglum.core.failures import file_errors
from siglum.storage.durability import discard, temporary_name, write_all
from siglum.storage.hashing import check_unchanged, md5, open_regular
from siglum.storage.remotes.ssh_errors import MISSING, is_lost

CHUNK = 1 << 20
# As much as every server takes in one request.
_ONE_REQUEST = 32 << 10
# Hashing and copying less than this is quicker than handing it to a thread.
_WORTH_A_THREAD = 256 << 10
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class SshUpload:
    """A local file on its way to `path`. Close it; `run` may be called again after a lost connection."""

    def __init__(self, source: str, path: str, oid: str | None, timeout: float) -> None:
        """Open the source. Raises as `hashing.open_regular` does."""
        self.path = path
        self.sent = 0
        self._source = source
        self._oid = oid
        self._timeout = timeout
        self._temporary = posixpath.join(posixpath.dirname(path), temporary_name())
        self._fd, self._before = open_regular(source)
        self.size = self._before.st_size
        self._hasher = md5()
        self._chunk = b""
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        os.close(self._fd)

    async def run(self, sftp: asyncssh.SFTPClient) -> int:
        """Send what is not sent yet, and make it visible. Return the size."""
        if self.size <= CHUNK:
            self._next_chunk()  # a small file that is damaged is not even begun
        try:
            async with _closing(await self._open(sftp), self._timeout) as file:
                await self._write(file)
                async with asyncio.timeout(self._timeout):
                    await _flush(file)
            async with asyncio.timeout(self._timeout):
                await _rename(sftp, self._temporary, self.path)
        except BaseException as e:
            if not is_lost(e):
                with contextlib.suppress(asyncssh.Error, OSError):
                    await remove(sftp, self._temporary, self._timeout)
            raise
        return self.size

    async def _open(self, sftp: asyncssh.SFTPClient) -> asyncssh.SFTPClientFile:
        async with asyncio.timeout(self._timeout):
            if self.sent:
                try:
                    return await sftp.open(self._temporary, "r+b", block_size=_block_size(self.size))
                except MISSING:
                    self._rewind()  # it has its name already, or the host lost it
            try:
                return await sftp.open(self._temporary, "wb", block_size=_block_size(self.size))
            except MISSING:
                await sftp.makedirs(posixpath.dirname(self.path), exist_ok=True)
                return await sftp.open(self._temporary, "wb", block_size=_block_size(self.size))

    def _rewind(self) -> None:
        self.sent = self._read = 0
        self._chunk = b""
        self._hasher = md5()

    async def _write(self, file: asyncssh.SFTPClientFile) -> None:
        while self.sent < self.size:
            if self.size > _WORTH_A_THREAD:
                await asyncio.to_thread(self._next_chunk)
            else:
                self._next_chunk()
            async with asyncio.timeout(self._timeout):
                await file.write(self._chunk, self.sent)
            self.sent += len(self._chunk)

    def _next_chunk(self) -> None:
        """Read on, unless what was read is not sent yet. With the last chunk, check the whole before it is sent."""
        if self._read > self.sent:
            return
        with file_errors(self._source):
            self._chunk = os.pread(self._fd, CHUNK, self._read)
        self._hasher.update(self._chunk)
        self._read += len(self._chunk)
        if self._read >= self.size or not self._chunk:
            with file_errors(self._source):
                after = os.fstat(self._fd)
            check_unchanged(self._source, self._before, after, self._read)
            _check_hash(self._hasher.hexdigest(), self._oid, self._source)


class SshDownload:
    """The object at `path` on its way to the new local file `target`; nothing is left there when that fails."""

    def __init__(self, path: str, target: str, oid: str | None, where: str, timeout: float) -> None:
        """Create the target. Raises FileExistsError."""
        self.received = 0
        self._path = path
        self._target = target
        self._oid = oid
        self._where = where
        self._timeout = timeout
        self._hasher = md5()
        self._fd = os.open(target, _CREATE, 0o666)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        os.close(self._fd)
        if error is not None:
            discard(self._target)

    async def run(self, sftp: asyncssh.SFTPClient) -> int:
        """Receive what is not here yet, and verify the whole. Return the size."""
        async with asyncio.timeout(self._timeout):
            file = await sftp.open(self._path, "rb")
        async with _closing(file, self._timeout):
            async with asyncio.timeout(self._timeout):
                size = (await file.stat()).size or 0
            await self._read(file, size)
        if self.received != size:
            raise IntegrityError(f"{self._where} is damaged: {self.received} of its {size} bytes came.")
        _check_hash(self._hasher.hexdigest(), self._oid, self._where)
        return size

    async def _read(self, file: asyncssh.SFTPClientFile, size: int) -> None:
        """Take in chunk by chunk; while one is hashed and written, the next is on its way."""
        coming = self._ask(file, size, self.received)
        try:
            while coming is not None:
                chunk = await coming
                if not chunk:
                    return
                coming = self._ask(file, size, self.received + len(chunk))
                if len(chunk) > _WORTH_A_THREAD:
                    await asyncio.to_thread(self._take, chunk)
                else:
                    self._take(chunk)
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.wait([coming])

    def _ask(self, file: asyncssh.SFTPClientFile, size: int, offset: int) -> asyncio.Task[bytes] | None:
        if offset >= size:
            return None

        async def ask() -> bytes:
            async with asyncio.timeout(self._timeout):
                return await file.read(min(CHUNK, size - offset), offset)

        return asyncio.create_task(ask())

    def _take(self, chunk: bytes) -> None:
        self._hasher.update(chunk)
        with file_errors(self._target):
            write_all(self._fd, chunk)
        self.received += len(chunk)


async def remove(sftp: asyncssh.SFTPClient, path: str, patience: float) -> None:
    """Remove a file if it is there."""
    async with asyncio.timeout(patience):
        try:
            await sftp.remove(path)
        except MISSING:
            return


async def move(sftp: asyncssh.SFTPClient, path: str, target: str, patience: float) -> None:
    """Rename a file, replacing what is there. Done already by an attempt whose answer was lost is done."""
    async with asyncio.timeout(patience):
        await sftp.makedirs(posixpath.dirname(target), exist_ok=True)
        try:
            await _rename(sftp, path, target)
        except MISSING:
            if await sftp.exists(path) or not await sftp.exists(target):
                raise


async def is_file(sftp: asyncssh.SFTPClient, path: str, patience: float) -> bool:
    """Whether a file is at `path`."""
    async with asyncio.timeout(patience):
        try:
            return (await sftp.stat(path)).type == FILEXFER_TYPE_REGULAR
        except (*MISSING, asyncssh.SFTPNotADirectory):
            return False


async def read_folder(sftp: asyncssh.SFTPClient, path: str, patience: float) -> list[tuple[str, bool]]:
    """Return (name, whether it is a folder) of all that is in a folder; nothing when it is not there."""
    found: list[tuple[str, bool]] = []
    entries = sftp.scandir(os.fsencode(path or "."))
    while True:
        async with asyncio.timeout(patience):
            try:
                entry = await anext(entries)
            except StopAsyncIteration:
                return found
            except MISSING:
                return []
        name = os.fsdecode(entry.filename)
        if name not in (".", ".."):
            found.append((name, entry.attrs.type == FILEXFER_TYPE_DIRECTORY))


async def _flush(file: asyncssh.SFTPClientFile) -> None:
    try:
        await file.fsync()
    except asyncssh.SFTPOpUnsupported:
        return  # a server without the extension flushes when it sees fit: nobody can make it


def _block_size(size: int) -> int:
    """Return asyncssh's setting for a file: its own choice, or 0 where one request takes all, which costs less."""
    return 0 if size <= _ONE_REQUEST else -1


@contextlib.asynccontextmanager
async def _closing(file: asyncssh.SFTPClientFile, patience: float) -> AsyncIterator[asyncssh.SFTPClientFile]:
    """Close the file after the block, unless its session is lost anyway."""
    try:
        yield file
    except BaseException as e:
        if not is_lost(e):
            with contextlib.suppress(asyncssh.Error, OSError):
                await _close(file, patience)
        raise
    await _close(file, patience)


async def _close(file: asyncssh.SFTPClientFile, patience: float) -> None:
    async with asyncio.timeout(patience):
        await file.close()


async def _rename(sftp: asyncssh.SFTPClient, temporary: str, final: str) -> None:
    """Rename, replacing what is there. Without OpenSSH's extension, what is there is removed first."""
    try:
        await sftp.posix_rename(temporary, final)
    except asyncssh.SFTPOpUnsupported:
        try:
            await sftp.rename(temporary, final)
        except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
            await sftp.remove(final)
            await sftp.rename(temporary, final)


def _check_hash(found: str, oid: str | None, where: str) -> None:
    if oid is not None and found != oid.removesuffix(".dir"):
        raise IntegrityError(f"{where} is damaged: its bytes do not hash to {oid}.")
