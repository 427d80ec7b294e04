"""Reading many files: small ones in several processes, large ones in several threads.

For a batch of new objects, workers write the bytes under temporary names that the parent chose: the parent can always
clean up, and nothing a worker does is visible before the parent's commit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from siglum.storage.durability import Temporaries
from siglum.storage.hashing import LARGE_FILE, READ_FLAGS, hash_file, md5, md5_digest
from siglum.storage.index import StatIndex, Status, fingerprint
from siglum.storage.sound_objects import DIGEST_SIZE
from siglum.storage.workers import run_parts, share_out
from siglum.storage.written_objects import UNKNOWN

if TYPE_CHECKING:
    from siglum.storage.ingest import IngestBatch

# A worker's answer for one file: one of these bytes, the MD5, and for one that was put aside what stands for it as a
# sound object.
_LEFT, _READ, _WRITTEN, _ASIDE = 0, 1, 2, 3
_MD5_END = 17
_ANSWER_SIZE = _MD5_END + DIGEST_SIZE
_NO_ANSWER = bytes(_ANSWER_SIZE)
_FILES_BETWEEN_LOOKS = 64
_ASIDE_AT_ONCE = 1024
# For fewer, what is done meanwhile would be over before the disk has begun.
_WORTH_FLUSHING_AHEAD = 5000


class FileToRead(NamedTuple):
    """A file to be read: its path below the root that was walked, its path, and its stat as found by the walk."""

    relpath: str
    path: str
    status: Status


class FileRead(NamedTuple):
    """The MD5 of a file, and the stat that goes with it."""

    oid: str
    status: Status


def read_files(
    files: Sequence[FileToRead], index: StatIndex | None = None, into: IngestBatch | None = None
) -> list[FileRead]:
    """Read files of any size, remembering them in `index`; with `into`, their bytes are in that batch afterwards.

    Raises ConflictError when one changes while it is read, and what opening it raises.
    """
    small = [file for file in files if file.status.st_size < LARGE_FILE]
    read_at = time.time_ns()
    oids = read_many(small, into)
    if index is not None:
        known = zip(small, oids, strict=True)
        index.put_all(((file.status, oid) for file, oid in known if oid is not None), read_at)
    # Of a file that could not be read, what is wrong with it is raised here, before the large ones take their time.
    small_read = [
        FileRead(oid, file.status) if oid is not None else read_file(file.path, index, into)
        for file, oid in zip(small, oids, strict=True)
    ]
    large = [file.path for file in files if file.status.st_size >= LARGE_FILE]
    if not large:
        return small_read
    large_read = iter(_read_large(large, lambda path: read_file(path, index, into)))
    in_order = iter(small_read)
    return [next(large_read if file.status.st_size >= LARGE_FILE else in_order) for file in files]


def read_file(path: str, index: StatIndex | None = None, into: IngestBatch | None = None) -> FileRead:
    """Do as `read_files` for one file."""
    if into is not None:
        found, status = into.add_and_stat(path, None, index)
    else:
        read_at = time.time_ns()
        found, status = hash_file(path, md5())
        if index is not None:
            index.put(status, found.oid, read_at)
    return FileRead(found.oid, status)


def _read_large(paths: list[str], read: Callable[[str], FileRead]) -> list[FileRead]:
    """Read several large files at once: hashing gives the interpreter lock back. For small ones it would not pay."""
    if len(paths) < 2:
        return [read(path) for path in paths]
    # Imported here: it brings `logging`, and most scans, `siglum status` above all, have nothing large to read.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(len(paths), os.cpu_count() or 1)) as pool:
        return list(pool.map(read, paths))


def read_many(files: Sequence[FileToRead], into: IngestBatch | None = None) -> list[str | None]:
    """Return the MD5 of each small file; None for one that has to be looked at on its own.

    Those are the files that cannot be read or written, or are not as the walk found them. With `into`, the bytes of all
    others are in that batch afterwards.
    """
    if into is not None:
        into.await_flush()  # whose thread would keep this process from forking
    parts = share_out(files, sum(file.status.st_size for file in files))
    reserved = [] if into is None else [into.reserve(len(part), number) for number, part in enumerate(parts)]
    answers = run_parts(
        parts,
        lambda number, part, keep_going: _read_part(part, reserved[number] if reserved else None, into, keep_going),
    )
    oids: list[str | None] = [None] * len(files)
    for number, (part, answer) in enumerate(zip(parts, answers, strict=True)):
        oids[number :: len(parts)] = _oids_in(answer or _NO_ANSWER * len(part))
        if into is not None and answer is not None:  # what a worker wrote that died is removed at the end
            _take_over(answer, reserved[number], into)
    if into is not None and len(files) >= _WORTH_FLUSHING_AHEAD:
        into.flush_ahead()
    return oids


def _read_part(
    files: Sequence[FileToRead],
    temporaries: Temporaries | None,
    into: IngestBatch | None,
    keep_going: Callable[[], None],
) -> bytes:
    """Read files one after the other; return an answer for each."""
    answers = bytearray()
    written: set[bytes] = set()
    for number, (_, path, status) in enumerate(files):
        if number % _FILES_BETWEEN_LOOKS == 0:
            keep_going()
        try:
            data = _bytes_of(path, status)
            if data is None:
                answers += _NO_ANSWER
                continue
            digest, mark = md5_digest(data), UNKNOWN
            kind = _READ
            if (
                into is not None
                and temporaries is not None
                and digest not in written
                and not into.has(oid := digest.hex())
            ):
                aside = into.write_aside(data, oid)
                if aside is None:
                    into.write(temporaries[number], data)
                kind, mark = (_WRITTEN, UNKNOWN) if aside is None else (_ASIDE, aside)
                written.add(digest)
        except OSError:
            # The caller comes across it again, and says what it is. One full disk is not met for each file.
            answers += _NO_ANSWER * (len(files) - number)
            break
        answers.append(kind)
        answers += digest
        answers += mark
    return bytes(answers)


def _bytes_of(path: str, status: Status) -> bytes | None:
    """Return a file's bytes if it is still what it was at `status`."""
    fd = os.open(path, READ_FLAGS)
    try:
        data = os.read(fd, status.st_size + 1)
        after = os.fstat(fd)
    finally:
        os.close(fd)
    return data if len(data) == status.st_size and fingerprint(after) == fingerprint(status) else None


def _oids_in(answers: bytes) -> list[str | None]:
    starts = range(0, len(answers), _ANSWER_SIZE)
    return [answers[at + 1 : at + _MD5_END].hex() if answers[at] != _LEFT else None for at in starts]


def _take_over(answers: bytes, temporaries: Temporaries, into: IngestBatch) -> None:
    """Have what a part wrote go into the batch."""
    aside: dict[str, bytes] = {}
    for number, (oid, kind) in enumerate(zip(_oids_in(answers), answers[::_ANSWER_SIZE], strict=True)):
        if oid is None:
            continue
        if kind == _WRITTEN:
            into.stage(temporaries[number], oid)
        elif kind == _ASIDE:
            at = number * _ANSWER_SIZE
            aside[oid] = answers[at + _MD5_END : at + _ANSWER_SIZE]
            if len(aside) == _ASIDE_AT_ONCE:
                into.stage_aside(aside)
                aside.clear()
    into.stage_aside(aside)
    into.release(temporaries)
