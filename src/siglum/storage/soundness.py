"""Which of many objects are in a store and sound, reading only those that are not on record as verified."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.bulk import FileToRead, read_many
from siglum.storage.hashing import LARGE_FILE
from siglum.storage.index import StatIndex, fingerprint, fingerprints
from siglum.storage.sound_objects import DIGEST_SIZE
from siglum.storage.workers import A_LOOK, cut_up, run_parts, share_out

if TYPE_CHECKING:
    from siglum.storage.objects import ObjectStore

_NAME = re.compile(r"[0-9a-f]{30}(\.dir)?\Z")
_PREFIXES = [f"{number:02x}" for number in range(256)]
# From so many objects on whole folders are looked at, where at least this part of the store's objects is asked for.
_MANY = 4000
_WORTH_LISTING = 1 / 3


def on_record(store: ObjectStore, oids: Sequence[str]) -> list[bool]:
    """Return for each object whether it is there, as it was when it was last verified. Reads none."""
    if store.index is None:
        return [False] * len(oids)
    if len(oids) >= _MANY and len(oids) >= _WORTH_LISTING * len(_PREFIXES) * len(store.names_below(oids[0][:2])):
        return _on_record_by_folder(store.root, store.index, oids)
    return _on_record_each(store.root, store.index, oids)


def _on_record_each(root: str, index: StatIndex, oids: Sequence[str]) -> list[bool]:
    is_known = index.reader()
    parts = share_out(oids, 0, A_LOOK)
    answers = run_parts(parts, lambda _number, part, _keep_going: bytes(_look(root, oid, is_known) for oid in part))
    known = [False] * len(oids)
    for number, (part, answer) in enumerate(zip(parts, answers, strict=True)):
        known[number :: len(parts)] = map(bool, answer or bytes(len(part)))
    return known


def _look(root: str, oid: str, is_known: Callable[[bytes, str], bool]) -> bool:
    try:
        return is_known(fingerprint(os.stat(f"{root}/{oid[:2]}/{oid[2:]}")), oid)
    except OSError:
        return False


def _on_record_by_folder(root: str, index: StatIndex, oids: Sequence[str]) -> list[bool]:
    """Do the same by looking at all of the store, a folder at a time.

    That all of a folder was on record, as it is now, is remembered: it saves looking each object up.
    """
    is_known, is_noted = index.reader(), index.objects.has

    def look(_number: int, prefixes: Sequence[str], _keep_going: Callable[[], None]) -> bytes:
        sound: set[str] = set()
        noted = bytearray()
        for prefix in prefixes:
            state, names, keys = _folder_state(root, prefix)
            if is_noted(state):
                sound.update(prefix + name for name in names)
                continue
            found = zip(names, keys, strict=True)
            known = [prefix + name for name, key in found if _NAME.match(name) and is_known(key, prefix + name)]
            sound.update(known)
            if len(known) == len(names) > 0:
                noted += state
        return bytes(map(sound.__contains__, oids)) + noted

    there = 0
    for answer in run_parts(cut_up(_PREFIXES, len(oids) * A_LOOK, A_LOOK), look):
        if answer is not None:
            there |= int.from_bytes(answer[: len(oids)], "little")
            index.objects.note(answer[len(oids) :])
    return list(map(bool, there.to_bytes(len(oids), "little")))


def _folder_state(root: str, prefix: str) -> tuple[bytes, list[str], list[bytes]]:
    """Return what stands for "a folder's objects, each as it is now", their names and fingerprints."""
    folder = f"{root}/{prefix}/"
    look = os.stat
    names, statuses = [], []
    with contextlib.suppress(FileNotFoundError):  # the folder
        names = os.listdir(folder)
        try:
            statuses = [look(folder + name) for name in names]
        except FileNotFoundError:  # an object that leaves just now
            names = [name for name in names if os.path.exists(folder + name)]
            statuses = [look(folder + name) for name in names]
    keys = fingerprints(statuses)
    state = hashlib.blake2b(f"objects {prefix}\0".encode(), digest_size=DIGEST_SIZE)
    state.update("\0".join(names).encode("utf-8", "surrogateescape"))
    state.update(b"".join(keys))
    return state.digest(), names, keys


def sound_each(store: ObjectStore, oids: Sequence[str]) -> list[bool]:
    """Return for each object whether it is there and sound. Reads those that are not on record; remembers those."""
    sound = on_record(store, oids)
    asked = [oid for oid, there in zip(oids, sound, strict=True) if not there]
    absent = set(store.missing(asked))
    unknown = []
    for oid in asked:
        if oid not in absent:
            with contextlib.suppress(OSError):
                path = store.path_of(oid)
                unknown.append(FileToRead(oid, path, os.stat(path)))
    read = _read_again(store, unknown)
    return [there or oid in read for oid, there in zip(oids, sound, strict=True)]


def _read_again(store: ObjectStore, objects: Sequence[FileToRead]) -> set[str]:
    """Read small objects; return those whose bytes are what their names say, and remember them."""
    small = [file for file in objects if file.status.st_size < LARGE_FILE]
    read_at = time.time_ns()
    sound = set()
    for file, found in zip(small, read_many(small), strict=True):
        if found is not None and found == file.relpath.removesuffix(DIR_SUFFIX):
            sound.add(file.relpath)
            if store.index is not None:
                store.index.note_sound(file.status, file.relpath, read_at)
    return sound
