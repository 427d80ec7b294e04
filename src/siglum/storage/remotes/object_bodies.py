"""The bytes of one object on their way to and from an object store, hashed while they pass."""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from siglum.storage.hashing import check_unchanged, md5, md5_bytes, open_regular
from siglum.storage.remotes.in_flight import ByteBudget
from siglum.storage.remotes.sink import Sink, digits, wrong_bytes

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore

# Above this an object goes up in parts.
MULTIPART_ABOVE = 64 << 20
# What a part has, in either direction.
_PART = 16 << 20
# How many parts of one object are under way at once.
_PARTS_AT_ONCE = 6
# Reading, writing and hashing this much takes long enough to be worth a thread.
_WORTH_A_THREAD = 512 << 10
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
_UNSATISFIABLE = re.compile(r"InvalidRange|\b416\b")


async def send(
    store: ObjectStore, path: str, source: str, oid: str | None, budget: ByteBudget
) -> tuple[int, str, dict[str, Any]]:
    """Put the file `source` at `path`; return its size, its MD5, and what the store said.

    Raises IntegrityError before anything is visible when the bytes do not hash to `oid`, ConflictError when the file
    changes while it is read.
    """
    import obstore  # an optional extra

    fd, before = open_regular(source)
    try:
        size = before.st_size
        if size > MULTIPART_ABOVE:
            parts = _Parts(fd, before, source, oid)
            async with budget.hold(_PART * (_PARTS_AT_ONCE + 1)):
                result = await obstore.put_async(
                    store, path, parts.read(), use_multipart=True, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE
                )
            return size, parts.found, dict(result)
        if size < _WORTH_A_THREAD:
            data, found = _read_whole(fd, before, source, oid)
            return size, found, dict(await obstore.put_async(store, path, data, use_multipart=False))
        async with budget.hold(size):
            data, found = await asyncio.to_thread(_read_whole, fd, before, source, oid)
            return size, found, dict(await obstore.put_async(store, path, data, use_multipart=False))
    finally:
        os.close(fd)


def _read_whole(fd: int, before: os.stat_result, source: str, oid: str | None) -> tuple[bytes, str]:
    blocks = []
    total = 0
    # One read for a small file; the count is compared with the size afterwards.
    while total < before.st_size and (block := os.read(fd, before.st_size - total + 1)):
        blocks.append(block)
        total += len(block)
    data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
    check_unchanged(source, before, os.fstat(fd), len(data))
    found = md5_bytes(data)
    if oid is not None and found != digits(oid):
        raise wrong_bytes(source, oid)
    return data, found


class _Parts:
    """A large file as the parts of an upload. The last one is given out only when all bytes hash to what they must."""

    def __init__(self, fd: int, before: os.stat_result, source: str, oid: str | None) -> None:
        self.found = ""
        self._fd = fd
        self._before = before
        self._source = source
        self._oid = oid
        self._hasher = md5()

    async def read(self) -> AsyncIterator[bytes]:
        total = 0
        held = await asyncio.to_thread(self._next)
        while held:
            total += len(held)
            following = await asyncio.to_thread(self._next)
            if not following:
                check_unchanged(self._source, self._before, os.fstat(self._fd), total)
                self.found = self._hasher.hexdigest()
                if self._oid is not None and self.found != digits(self._oid):
                    raise wrong_bytes(self._source, self._oid)
            yield held
            held = following

    def _next(self) -> bytes:
        data = os.read(self._fd, _PART)
        self._hasher.update(data)
        return data


async def receive(store: ObjectStore, path: str, target: str, oid: str | None, where: str, budget: ByteBudget) -> int:
    """Get `path` into the new file `target`; return its size. Nothing is left there when that fails.

    Raises IntegrityError when what came is not all there was, or does not hash to `oid`.
    """
    import obstore  # an optional extra

    # Nothing but the empty object has this name, and there is no range of it to ask for.
    asked: GetOptions = {} if oid == EMPTY else {"range": (0, _PART)}
    try:
        result = await obstore.get_async(store, path, options=asked)
    except Exception as e:
        if _UNSATISFIABLE.search(str(e)) is None:
            raise
        result = await obstore.get_async(store, path)  # empty, under a name that does not say so
    size = result.meta["size"]
    if size < _WORTH_A_THREAD:
        _write_whole(memoryview(await result.bytes_async()), size, Sink(target, oid, where))
    elif size <= _PART:
        async with budget.hold(size):
            data = memoryview(await result.bytes_async())
            await asyncio.to_thread(_write_whole, data, size, Sink(target, oid, where))
    else:
        async with budget.hold(_PART * (_PARTS_AT_ONCE + 1)):
            first = memoryview(await result.bytes_async())
            await _receive_ranges(store, path, first, result.meta, Sink(target, oid, where))
    return size


def _write_whole(data: memoryview, size: int, sink: Sink) -> None:
    with sink:
        sink.write(data)
        sink.check(size)


async def _receive_ranges(store: ObjectStore, path: str, first: memoryview, meta: ObjectMeta, sink: Sink) -> None:
    """Fetch what comes after the first part, some parts ahead of what is written."""
    import obstore  # an optional extra

    size, etag = meta["size"], meta["e_tag"]

    async def part(start: int) -> memoryview:
        options: GetOptions = {"range": (start, min(start + _PART, size))}
        if etag is not None:
            options["if_match"] = etag  # all parts are of one version of the object
        return memoryview(await (await obstore.get_async(store, path, options=options)).bytes_async())

    starts = deque(range(len(first), size, _PART))
    under_way: deque[asyncio.Task[memoryview]] = deque()
    with sink:
        try:
            data = first
            while True:
                while starts and len(under_way) < _PARTS_AT_ONCE:
                    under_way.append(asyncio.create_task(part(starts.popleft())))
                await asyncio.to_thread(sink.write, data)
                if not under_way:
                    break
                data = await under_way.popleft()
            sink.check(size)
        finally:
            for task in under_way:
                task.cancel()
