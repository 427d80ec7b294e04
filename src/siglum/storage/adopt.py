"""Files of the workspace that become objects themselves, by a hard link: nothing is copied, and the file stays.

For `cache.type hardlink`, where file and object are to be one inode anyway. Making a copy first and putting a link in
the file's place would cost three times as much, and lose what a program that has the file open writes to it later.
"""

from __future__ import annotations

import contextlib
import os
import stat as stat_bits
import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

from siglum.storage.durability import flush_file_system
from siglum.storage.index import FACT_SIZE, Status, fingerprint, is_settled_content
from siglum.storage.ingest import OBJECT_MODE, IngestBatch
from siglum.storage.objects import ObjectStore
from siglum.storage.workers import cut_up, run_parts

_FILES_BETWEEN_LOOKS = 64
# A worker's answer for one file: one of these bytes, then the fingerprint of the object.
_LEFT, _ADOPTED, _KNOWN = 0, 1, 2
_ANSWER_SIZE = 1 + FACT_SIZE
_NO_ANSWER = bytes(_ANSWER_SIZE)


class SavedFile(NamedTuple):
    """A file of the workspace, and the object that its bytes hashed to when it had this stat."""

    path: str
    oid: str
    status: Status


def save_by_link(store: ObjectStore, files: Sequence[SavedFile], batch: IngestBatch) -> set[str]:
    """Have the store have each file's object: by a link to it where that is possible, else by a copy in `batch`.

    Return the paths of the files that are objects now. Links are durable on return, copies when the batch is committed.
    Raises ConflictError for a file that changed.
    """
    absent: dict[str, SavedFile] = {}
    for file, there in zip(files, batch.has_each([file.oid for file in files]), strict=True):
        if not there:
            absent.setdefault(file.oid, file)
    os.makedirs(store.root, exist_ok=True)
    device = os.stat(store.root).st_dev
    adopted = _adopt_files(store, [file for file in absent.values() if _is_adoptable(device, file.status)])
    for file in absent.values():
        if file.path not in adopted:
            batch.add_file(file.path, file.oid)
    return adopted


def is_object(store: ObjectStore, file: SavedFile) -> bool:
    """Whether a file is one inode with its object already, or must not be, being empty or executable."""
    if file.status.st_size == 0 or file.status.st_mode & stat_bits.S_IXUSR:
        return False
    try:
        return os.stat(store.path_of(file.oid)).st_ino == file.status.st_ino
    except FileNotFoundError:
        return False


def _is_adoptable(store_device: int, status: Status) -> bool:
    """Whether a file may become an object: not empty, not executable, with no other name, on the store's file system.

    Another name of it somewhere would be a way to change the object unawares.
    """
    return (
        status.st_dev == store_device
        and status.st_nlink == 1
        and status.st_size > 0
        and not status.st_mode & stat_bits.S_IXUSR
    )


def _adopt_files(store: ObjectStore, files: Sequence[SavedFile]) -> set[str]:
    """Make files objects; return the paths of those that are now.

    One is left as it is when it is a symbolic link, when it is not as it was hashed, when there is such an object by
    now, and where hard links do not work.
    """
    if not files:
        return set()
    # What was hashed must be on the disk before a name says that it is there.
    flush_file_system(store.root)
    for prefix in {each.oid[:2] for each in files}:
        os.makedirs(f"{store.root}/{prefix}", exist_ok=True)
    parts = cut_up(sorted(files, key=attrgetter("oid")), 0)  # a folder's objects by one process
    answers = run_parts(parts, lambda _number, part, keep_going: _adopt_part(store, part, keep_going))
    adopted: set[str] = set()
    for part, answer in zip(parts, answers, strict=True):
        for number, each in enumerate(part):
            start = number * _ANSWER_SIZE
            state = answer[start] if answer is not None else _LEFT
            if state != _LEFT and answer is not None:
                adopted.add(each.path)
                if state == _KNOWN and store.index is not None:
                    store.index.put_fact(answer[start + 1 : start + _ANSWER_SIZE], each.oid)
    flush_file_system(store.root)
    return adopted


def _adopt_part(store: ObjectStore, files: Sequence[SavedFile], keep_going: Callable[[], None]) -> bytes:
    answers = bytearray()
    for number, each in enumerate(files):
        if number % _FILES_BETWEEN_LOOKS == 0:
            keep_going()
        try:
            answers += _adopt(store, each)
        except OSError:
            answers += _NO_ANSWER
    return bytes(answers)


def _adopt(store: ObjectStore, file: SavedFile) -> bytes:
    """Make a file an object. It loses its write rights first: a name of an object stands for one that is protected."""
    target = store.path_of(file.oid)
    if not _is_same(os.lstat(file.path), file.status):
        return _NO_ANSWER  # a symbolic link, or it changed after it was hashed
    with contextlib.suppress(PermissionError):  # not ours: then not ours to change either
        os.chmod(file.path, OBJECT_MODE)
    linked_at = time.time_ns()
    try:
        os.link(file.path, target, follow_symlinks=False)
    except OSError:
        os.chmod(file.path, stat_bits.S_IMODE(file.status.st_mode))
        raise
    status = os.lstat(target)
    if not _is_same(status, file.status):
        os.unlink(target)  # it changed just now: there is no such object
        os.chmod(file.path, stat_bits.S_IMODE(file.status.st_mode))
        return _NO_ANSWER
    known = is_settled_content(status, linked_at)
    return bytes([_KNOWN if known else _ADOPTED]) + fingerprint(status)


def _is_same(now: os.stat_result, before: Status) -> bool:
    return (now.st_ino, now.st_size, now.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
