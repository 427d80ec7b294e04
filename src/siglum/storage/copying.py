"""Copies of many small files, each hashed on its way, in several processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.durability import write_all
from siglum.storage.hashing import LARGE_FILE, READ_FLAGS, md5_bytes
from siglum.storage.workers import cut_up, run_parts

_ONE_READ = 1 << 16
_FILES_BETWEEN_LOOKS = 64
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
# A worker's answer for one file: its size, all ones when it was not copied.
_ANSWER_SIZE = 4
_LEFT = b"\xff" * _ANSWER_SIZE


class Copy(NamedTuple):
    """The object `oid` from one place to another, a new file with this mode (less the umask)."""

    source: str
    target: str
    oid: str
    mode: int


def copy_small(copy: Copy) -> int | None:
    """Copy an object and return its size; None, and no file, where it is large or its bytes are not what it says.

    Raises what the system says; then the new file may be there.
    """
    fd = os.open(copy.source, READ_FLAGS)
    try:
        data = os.read(fd, _ONE_READ)
        if len(data) == _ONE_READ:
            size = os.fstat(fd).st_size
            if size >= LARGE_FILE:
                return None
            data += os.read(fd, size + 1 - _ONE_READ)
    finally:
        os.close(fd)
    if md5_bytes(data) != copy.oid.removesuffix(DIR_SUFFIX):
        return None
    fd = os.open(copy.target, _CREATE, copy.mode)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)
    return len(data)


def copy_many(copies: Sequence[Copy]) -> list[int | None]:
    """Do `copy_small` for many; None, and no file, also for one that met an error, which doing it again will tell.

    Fastest where those with targets in one folder follow each other.
    """
    parts = cut_up(copies, 0)
    answers = run_parts(parts, lambda _number, part, keep_going: _copy_part(part, keep_going))
    sizes: list[int | None] = []
    for part, answer in zip(parts, answers, strict=True):
        if answer is None:
            for copy in part:  # by a worker that died
                _discard(copy.target)
            sizes += [None] * len(part)
            continue
        found = [answer[start : start + _ANSWER_SIZE] for start in range(0, len(answer), _ANSWER_SIZE)]
        sizes += [None if size == _LEFT else int.from_bytes(size, "big") for size in found]
    return sizes


def _copy_part(copies: Sequence[Copy], keep_going: Callable[[], None]) -> bytes:
    answers = bytearray()
    for number, copy in enumerate(copies):
        if number % _FILES_BETWEEN_LOOKS == 0:
            keep_going()
        try:
            size = copy_small(copy)
        except OSError:
            _discard(copy.target)
            size = None
        answers += _LEFT if size is None else size.to_bytes(_ANSWER_SIZE, "big")
    return bytes(answers)


def _discard(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
