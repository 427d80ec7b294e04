"""Reading many small files in several processes: each costs more of the interpreter's time than of the disk's.

Threads do not help here (one interpreter lock), so the files are dealt out to forked copies of this process, which hash
them and, for a batch, write their bytes under temporary names that the parent chose. Hence the parent can always clean
up: a worker that dies costs time, never data. Nothing a worker does is visible before the parent's commit.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from siglum.storage.hashing import READ_FLAGS, md5_digest
from siglum.storage.index import fingerprint

if TYPE_CHECKING:
    from siglum.storage.ingest import IngestBatch

# What a file costs beyond its bytes, in bytes that could be hashed instead; and from what sum on a fork pays.
_FILE_OVERHEAD = 1 << 16
_WORTH_FORKING = 64 << 20
_MOST_WORKERS = 4
# A worker looks this often whether its parent is still there.
_FILES_BETWEEN_LOOKS = 64

# A worker's answer for one file: one of these bytes, then the MD5.
_LEFT, _READ, _WRITTEN = 0, 1, 2
_ANSWER_SIZE = 17
_NO_ANSWER = bytes(_ANSWER_SIZE)


class SmallFile(NamedTuple):
    """A file to be read: its path below the root that was walked, its path, and its stat as found by the walk."""

    relpath: str
    path: str
    status: os.stat_result


def read_many(files: Sequence[SmallFile], into: IngestBatch | None = None) -> list[str | None]:
    """Return the MD5 of each file; None for one that has to be looked at on its own.

    Those are the files that cannot be read or written, or are not as the walk found them. With `into`, the bytes of all
    others are in that batch afterwards.
    """
    parts = _share_out(files)
    temporaries = [into.reserve(len(part)) if into is not None else [] for part in parts]
    answers = _answers(parts, temporaries, into)
    oids: list[str | None] = [None] * len(files)
    for number, (names, answer) in enumerate(zip(temporaries, answers, strict=True)):
        oids[number :: len(parts)] = _take_over(answer, names, into)
    return oids


def _share_out(files: Sequence[SmallFile]) -> list[Sequence[SmallFile]]:
    """Deal the files out to as many processes as pay, this one being the first."""
    work = sum(file.status.st_size for file in files) + len(files) * _FILE_OVERHEAD
    workers = 1
    if work >= _WORTH_FORKING and _may_fork():
        workers = min(_cores(), _MOST_WORKERS)
    return [files[number::workers] for number in range(workers)]


def _may_fork() -> bool:
    """Whether a fork is safe: that of a process with several threads may inherit a lock that nobody will ever open."""
    return hasattr(os, "fork") and threading.active_count() == 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _answers(
    parts: Sequence[Sequence[SmallFile]], temporaries: Sequence[list[str]], into: IngestBatch | None
) -> list[bytes]:
    with contextlib.ExitStack() as running:
        workers = [
            running.enter_context(contextlib.closing(_Worker(part, names, into)))
            for part, names in zip(parts[1:], temporaries[1:], strict=True)
        ]
        own = bytes(_read_part(parts[0], temporaries[0], into, None))
        return [own, *(worker.answer() for worker in workers)]


class _Worker:
    """A forked process that reads a part of the files."""

    def __init__(self, files: Sequence[SmallFile], temporaries: list[str], into: IngestBatch | None) -> None:
        self._size = len(files) * _ANSWER_SIZE
        parent = os.getpid()
        self._pipe, sink = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            status = 1
            try:
                _send(sink, _read_part(files, temporaries, into, parent))
                status = 0
            finally:
                os._exit(status)  # never into the caller's cleaning up, which is the parent's
        os.close(sink)

    def answer(self) -> bytes:
        """Wait for the worker; return its answers, none for any file if it did not come to its end."""
        answer = bytearray()
        while block := os.read(self._pipe, 1 << 16):
            answer += block
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return bytes(answer) if status == 0 and len(answer) == self._size else _NO_ANSWER * (self._size // _ANSWER_SIZE)

    def close(self) -> None:
        """Stop the worker if it still runs: from here on it writes nothing."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        os.close(self._pipe)


def _send(pipe: int, data: bytearray) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def _read_part(
    files: Sequence[SmallFile], temporaries: list[str], into: IngestBatch | None, parent: int | None
) -> bytearray:
    """Read files one after the other; return an answer for each. A worker stops when its `parent` is gone."""
    answers = bytearray()
    written: set[bytes] = set()
    for number, (_, path, status) in enumerate(files):
        if parent is not None and number % _FILES_BETWEEN_LOOKS == 0 and os.getppid() != parent:
            raise SystemExit
        try:
            data = _bytes_of(path, status)
            if data is None:
                answers += _NO_ANSWER
                continue
            digest = md5_digest(data)
            kind = _READ
            if into is not None and digest not in written and not into.has(digest.hex()):
                into.write(temporaries[number], data)
                written.add(digest)
                kind = _WRITTEN
        except OSError:
            # The caller comes across it again, and says what it is. One full disk is not met for each file.
            answers += _NO_ANSWER * (len(files) - number)
            break
        answers.append(kind)
        answers += digest
    return answers


def _bytes_of(path: str, status: os.stat_result) -> bytes | None:
    """Return a file's bytes if it is still what it was at `status`."""
    fd = os.open(path, READ_FLAGS)
    try:
        data = os.read(fd, status.st_size + 1)
        after = os.fstat(fd)
    finally:
        os.close(fd)
    return data if len(data) == status.st_size and fingerprint(after) == fingerprint(status) else None


def _take_over(answers: bytes, temporaries: list[str], into: IngestBatch | None) -> list[str | None]:
    """Read a part's answers; its temporaries go into the batch, which removes what a dead worker wrote."""
    oids: list[str | None] = []
    unused = []
    for start in range(0, len(answers), _ANSWER_SIZE):
        kind = answers[start]
        oid = answers[start + 1 : start + _ANSWER_SIZE].hex() if kind != _LEFT else None
        oids.append(oid)
        if into is not None and oid is not None:
            temporary = temporaries[start // _ANSWER_SIZE]
            if kind == _WRITTEN:
                into.stage(temporary, oid)
            else:
                unused.append(temporary)
    if into is not None:
        into.release(unused)
    return oids
