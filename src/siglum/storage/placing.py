"""Many objects into the workspace: what `ObjectStore.place` does for one, in several processes and with less ado."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from siglum.core.errors import ConflictError
from siglum.storage.copying import Copy, copy_small
from siglum.storage.durability import temporary_name
from siglum.storage.hashing import md5_file
from siglum.storage.index import FACT_SIZE, TICK_NS, Status, fingerprint, is_settled_content
from siglum.storage.links import LinkType, make_file
from siglum.storage.objects import ObjectStore
from siglum.storage.swap import exchange, move_in
from siglum.storage.workers import run_parts, share_out

_FILES_BETWEEN_LOOKS = 64
# A worker's answer for one file: one of these bytes, then the fingerprint of the file that is there now.
_LEFT, _PLACED, _KNOWN = 0, 1, 2
_ANSWER_SIZE = 1 + FACT_SIZE
_NO_ANSWER = bytes(_ANSWER_SIZE)


class Placement(NamedTuple):
    """An object that is to be at `target`, in an existing folder.

    `before` is the stat of the file that is there now and may go, None where nothing is.
    """

    oid: str
    target: str
    executable: bool
    before: Status | None


def place_many(
    store: ObjectStore, placements: Sequence[Placement], types: tuple[LinkType, ...], staging: str | None
) -> None:
    """Put verified objects at their targets by the first of `types` that works; remember them in the store's index.

    New files are made in the folder `staging`, on the targets' file system (None: beside each). A target in whose
    place something else is by now stays, and ConflictError names it. Raises as `ObjectStore.place` does.
    """
    rest = list(placements)
    if len(rest) > 1 and staging is not None and store.index is not None:
        kind = _kind_that_works(store, rest, types, staging)
        rest = _place_in_workers(store, rest, kind, staging)
    for each in rest:
        _place_one(store, each, types, staging)


def _kind_that_works(store: ObjectStore, rest: list[Placement], types: tuple[LinkType, ...], staging: str) -> LinkType:
    """Place the first plain file, and return how; it is taken from `rest`. Others on the same disks go the same way."""
    number = next((n for n, each in enumerate(rest) if not each.executable and store.size_of(each.oid)), 0)
    return _place_one(store, rest.pop(number), types, staging)


def _place_one(store: ObjectStore, placement: Placement, types: tuple[LinkType, ...], staging: str | None) -> LinkType:
    target, before = placement.target, placement.before
    # What a worker had placed before it died is not a change.
    if (
        os.path.lexists(target)
        and not (before is not None and _is_file(target, before))
        and not _has_content(target, placement.oid)
    ):
        raise ConflictError(
            f"{os.path.relpath(target)} changed while it was being replaced, and was left as it is.",
            hint="Wait until nothing writes to it, then try again.",
        )
    return store.place(placement.oid, target, types, placement.executable, staging)


def _has_content(path: str, oid: str) -> bool:
    return os.path.isfile(path) and md5_file(path).oid == oid


def _is_same(now: os.stat_result, before: Status) -> bool:
    """Whether two stats are of one file with the same bytes; its ctime may have gone on, by another name of it."""
    return (now.st_ino, now.st_size, now.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)


def _place_in_workers(store: ObjectStore, placements: list[Placement], kind: LinkType, staging: str) -> list[Placement]:
    """Return those that were not placed, for whatever reason."""
    parts = share_out(placements, 0)
    make = _copy if kind is LinkType.COPY else partial(_link, kind)

    def place_part(_number: int, part: Sequence[Placement], keep_going: Callable[[], None]) -> bytes:
        with _own_folder(staging) as folder:
            return _place_part(store, part, make, folder, keep_going)

    answers = run_parts(parts, place_part)
    left: list[Placement] = []
    latest: dict[bytes, tuple[bytes, str]] = {}
    for part, answer in zip(parts, answers, strict=True):
        for number, each in enumerate(part):
            start = number * _ANSWER_SIZE
            state = answer[start] if answer is not None else _LEFT
            if state == _LEFT:
                left.append(each)
            elif state == _KNOWN and answer is not None:
                key = answer[start + 1 : start + _ANSWER_SIZE]
                # Several names of one inode: the last that was made is what its ctime says.
                known = latest.get(key[:16])
                if known is None or _ctime(known[0]) < _ctime(key):
                    latest[key[:16]] = (key, each.oid)
    if store.index is not None:
        for key, oid in latest.values():
            store.index.put_fact(key, oid)
    return left


@contextlib.contextmanager
def _own_folder(staging: str) -> Iterator[str]:
    """Yield a folder for one worker: the kernel makes files of one folder one after the other."""
    folder = f"{staging}/{temporary_name()}"
    os.mkdir(folder)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):  # what is left in it goes as all that is left in the staging folder
            os.rmdir(folder)


def _ctime(key: bytes) -> int:
    return int.from_bytes(key[-8:], "little", signed=True)


def _place_part(
    store: ObjectStore,
    placements: Sequence[Placement],
    make: Callable[[ObjectStore, Placement, str], bool],
    staging: str,
    keep_going: Callable[[], None],
) -> bytes:
    """Make each new file, and swap it in a tick of the clock later: see `is_settled_content`."""
    answers = bytearray(_ANSWER_SIZE * len(placements))
    made: deque[tuple[int, str, int]] = deque()

    def swap_first() -> None:
        number, temporary, _ = made.popleft()
        _swap_in(placements[number], temporary, answers, number * _ANSWER_SIZE)

    try:
        for number, each in enumerate(placements):
            if number % _FILES_BETWEEN_LOOKS == 0:
                keep_going()
            temporary = f"{staging}/{temporary_name()}"
            with contextlib.suppress(OSError):  # left to the caller, who comes across it again and says what it is
                if make(store, each, temporary):
                    made.append((number, temporary, time.time_ns()))
            while made and made[0][2] + TICK_NS < time.time_ns():
                swap_first()
        if len(placements) > _FILES_BETWEEN_LOOKS:
            time.sleep(TICK_NS / 1e9)  # that much less is read again by the next command
        while made:
            swap_first()
    finally:
        for _, temporary, _ in made:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    return bytes(answers)


def _link(kind: LinkType, store: ObjectStore, placement: Placement, temporary: str) -> bool:
    source = store.path_of(placement.oid)
    if kind is not LinkType.REFLINK and (placement.executable or os.stat(source).st_size == 0):
        return _copy(store, placement, temporary)
    make_file(kind, source, temporary, placement.executable)
    return True


def _copy(store: ObjectStore, placement: Placement, temporary: str) -> bool:
    """Copy a small object, hashing what is delivered; False for a large one, or one that is damaged."""
    mode = 0o766 if placement.executable else 0o666
    return copy_small(Copy(store.path_of(placement.oid), temporary, placement.oid, mode)) is not None


def _swap_in(placement: Placement, temporary: str, answers: bytearray, at: int) -> None:
    """Put a finished file at its target, and its state into the answers; leave what cannot be done to the caller."""
    swapped_at = time.time_ns()
    try:
        if not _put_at_target(placement, temporary):
            return
        status = os.stat(placement.target)
    except OSError:
        return
    answers[at] = _KNOWN if is_settled_content(status, swapped_at) else _PLACED
    answers[at + 1 : at + _ANSWER_SIZE] = fingerprint(status)


def _put_at_target(placement: Placement, temporary: str) -> bool:
    """Whether the new file is in place; if not, it is gone, and what was at the target is there still."""
    before = placement.before
    try:
        if before is None:
            move_in(temporary, placement.target)
            return True
        swapped = exchange(temporary, placement.target)
    except OSError:
        os.unlink(temporary)
        return False
    if swapped and not _is_file(temporary, before):
        exchange(temporary, placement.target)  # somebody wrote to it after it was judged: it goes back to its place
        swapped = False
    os.unlink(temporary)
    return swapped


def _is_file(path: str, before: Status) -> bool:
    try:
        return _is_same(os.stat(path), before)
    except OSError:
        return False
