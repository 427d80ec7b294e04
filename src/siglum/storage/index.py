"""The stat index: which bytes a file is known to have, without reading it again.

An entry says "the file with this device, inode, size, mtime and ctime has this MD5". Since changing a file's bytes
changes its ctime, which no program can set, a matching stat means unchanged bytes; with one exception: a file changed
twice within one tick of the clock. Hence Git's racy-clean rule: an entry is kept only when the file's times are older
than the moment its reading began, by more than the tick of its file system. Such a file is just read again next time.

The same entries say which cache objects were verified; those that Siglum wrote itself are in `objects`, which takes
less room. Entries are keyed by inode, not by path: a moved file stays known, and two names of one inode are one entry.

The file is private (see `index_file`). Two processes that save at once may lose each other's additions, which costs
time later and nothing else.
"""

from __future__ import annotations

import itertools
import os
import struct
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self, TypeAlias

import msgspec

from siglum.core.failures import FORBIDDEN
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.index_file import IndexFile
from siglum.storage.sound_objects import SoundObjects, sound_digest

_MAGIC = b"siglum stat index 3\n"
# Key: device, inode, size, mtime, ctime. Value: MD5, whether it is a folder's manifest, day last used (since 1970, two
# bytes, the high one first).
_KEY = struct.Struct("<QQQqq")
_ENTRY = struct.Struct("<40s19s")
_pack = _KEY.pack
_DEVICE = 0xFFFFFFFFFFFFFFFF  # some file systems have negative numbers
FACT_SIZE = _KEY.size
_SIZE_AT = 2  # the third of its fields, which are of equal width
_ENTRY_SIZE = _ENTRY.size
_DIGEST_SIZE, _DAY_SIZE = 16, 2
_DAY_AT = _DIGEST_SIZE + 1
# After so many keys were searched for in the file, it is made a dictionary.
_MOST_SEARCHES = 16
_AT_ONCE = 4096  # files whose times are unpacked together
_INODE_SIZE = 16  # the key's first two fields
_NANOSECONDS_A_DAY = 86_400 * 1_000_000_000
_FORGET_AFTER_DAYS = 60
# The kernel stamps files with a clock that ticks 100 to 1000 times a second.
TICK_NS = 20_000_000
# A file system whose times are multiples of this, in nanoseconds, ticks once in one or two seconds.
COARSE_CLOCK = 1_000_000_000
_COARSE_TICK_NS = 2_100_000_000


# Files have few modes: one number for each, instead of one for each file.
_MODES: dict[int, int] = {}


class FileStatus(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a stat said of a file, in a quarter of the room of an `os.stat_result`: commands hold one for every file."""

    fingerprint: bytes
    st_mode: int
    st_nlink: int

    @property
    def st_dev(self) -> int:
        """The device, as `fingerprint` has it."""
        return int.from_bytes(self.fingerprint[:8], "little")

    @property
    def st_ino(self) -> int:
        """The inode."""
        return int.from_bytes(self.fingerprint[8:16], "little")

    @property
    def st_size(self) -> int:
        """The size in bytes."""
        return int.from_bytes(self.fingerprint[16:24], "little")

    @property
    def st_mtime_ns(self) -> int:
        """When the bytes changed last, in nanoseconds."""
        return int.from_bytes(self.fingerprint[24:32], "little", signed=True)

    @property
    def st_ctime_ns(self) -> int:
        """When anything about the file changed last, in nanoseconds."""
        return int.from_bytes(self.fingerprint[32:40], "little", signed=True)


Status: TypeAlias = os.stat_result | FileStatus


def compact(status: os.stat_result) -> FileStatus:
    """Return what is needed of a stat."""
    mode = status.st_mode
    return FileStatus(_packed(status), _MODES.setdefault(mode, mode), status.st_nlink)


def is_settled(status: Status, now_ns: int) -> bool:
    """Whether a change made from now on would show in these times: they are older than a tick of their file system."""
    return _are_settled(status.st_mtime_ns, status.st_ctime_ns, now_ns)


def _are_settled(mtime_ns: int, ctime_ns: int, now_ns: int) -> bool:
    tick = _COARSE_TICK_NS if ctime_ns % COARSE_CLOCK == 0 else TICK_NS
    return max(mtime_ns, ctime_ns) + tick < now_ns


def is_settled_content(status: Status, swapped_at_ns: int) -> bool:
    """Whether a file that we ourselves gave its name at a moment can be known by this stat, taken right after.

    Giving it the name set its ctime, but its mtime is older by a tick: a write from that moment on would show there.
    """
    tick = _COARSE_TICK_NS if status.st_mtime_ns % COARSE_CLOCK == 0 else TICK_NS
    return status.st_mtime_ns + tick < swapped_at_ns


def fingerprint(status: Status) -> bytes:
    """Return what identifies a file's state: equal fingerprints, equal bytes (see the module for the exception)."""
    return status.fingerprint if isinstance(status, FileStatus) else _packed(status)


def _packed(status: os.stat_result) -> bytes:
    return _pack(status.st_dev & _DEVICE, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def fingerprints(statuses: Iterable[os.stat_result]) -> list[bytes]:
    """Do as `fingerprint` for many files."""
    return [
        _pack(each.st_dev & _DEVICE, each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns) for each in statuses
    ]


def total_size(statuses: Iterable[Status]) -> int:
    """Return the bytes of many files together."""
    fields = array("Q", b"".join(map(fingerprint, statuses)))
    if sys.byteorder == "big":
        fields.byteswap()
    return sum(fields[_SIZE_AT :: FACT_SIZE // fields.itemsize])


class StatIndex:
    """Fingerprints of files and the hashes of their bytes. Read on first use, written by `save` or on leaving `with`.

    `path` is the index's own file; its folder is made when needed, and `objects` has its file beside it. Several
    threads may use it at once.
    """

    def __init__(self, path: str) -> None:
        self._file = IndexFile(path, _MAGIC)
        self.objects = SoundObjects(f"{path}-objects")
        self._entries: dict[bytes, bytes] | None = None
        self._body: bytes | None = None
        self._searches = 0
        self._loading = threading.Lock()
        # The keys that the file does not have, or not for today, maybe twice; and whether it has one too many.
        self._new: list[bytes] = []
        self._forgot = False
        self._today = (time.time_ns() // _NANOSECONDS_A_DAY).to_bytes(_DAY_SIZE, "big")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.save()

    def __len__(self) -> int:
        return len(self._loaded())

    def get(self, status: Status) -> str | None:
        """Return the hash of the file with this stat, or None when it has to be read."""
        return self.get_fact(fingerprint(status))

    def get_each(self, keys: Iterable[bytes]) -> list[str | None]:
        """Do as `get_fact` for many keys."""
        entries, today = self._loaded(), self._today
        found: list[str | None] = []
        for key in keys:
            value = entries.get(key)
            if value is None:
                found.append(None)
            elif value[_DAY_AT:] == today and not value[_DIGEST_SIZE]:
                found.append(value[:_DIGEST_SIZE].hex())
            else:
                found.append(self.get_fact(key))
        return found

    def get_fact(self, key: bytes) -> str | None:
        """Return what was put under a key of 40 bytes, or None."""
        value = self._find(key) if self._entries is None else self._entries.get(key)
        if value is None:
            return None
        if not value.endswith(self._today):
            self._loaded()[key] = value[:_DAY_AT] + self._today
            self._new.append(key)
        digest = value[:_DIGEST_SIZE].hex()
        return digest + DIR_SUFFIX if value[_DIGEST_SIZE] else digest

    def _find(self, key: bytes) -> bytes | None:
        """Look a key up in the file as it is: for a few, that is faster than to make a dictionary of all."""
        self._searches += 1
        if self._searches > _MOST_SEARCHES:
            return self._loaded().get(key)
        if self._body is None:
            self._body = self._read()
        # From the end: what a command asks for first, the states of whole folders, is what the last one put last.
        at = self._body.rfind(key)
        while at % _ENTRY_SIZE and at >= 0:
            at = self._body.rfind(key, 0, at + FACT_SIZE - 1)
        return self._body[at + FACT_SIZE : at + _ENTRY_SIZE] if at >= 0 else None

    def has_facts(self, keys: Iterable[bytes]) -> bool:
        """Whether something was put under each of many keys."""
        entries = self._loaded()
        return all(key in entries for key in keys)

    def reader(self) -> Callable[[bytes, str], bool]:
        """Return what tells quickly, for many files, whether the one with this fingerprint has this hash."""
        entries, is_sound = self._loaded(), self.objects.reader()

        def is_known(key: bytes, oid: str) -> bool:
            value = entries.get(key)
            return is_sound(key, oid) if value is None else value[:_DAY_AT] == _value_of(oid)

        return is_known

    def is_sound(self, status: os.stat_result, oid: str) -> bool:
        """Whether the object with this stat was verified."""
        return self.get(status) == oid or self.objects.has(sound_digest(fingerprint(status), oid))

    def note_sound(self, status: Status, oid: str, read_at_ns: int) -> None:
        """Remember that an object with this stat was verified, unless the racy-clean rule forbids it."""
        if is_settled(status, read_at_ns):
            self.objects.note(sound_digest(fingerprint(status), oid))

    def put(self, status: Status, oid: str, read_at_ns: int) -> bool:
        """Remember that the file with this stat has this hash; return False when the racy-clean rule forbids it.

        `read_at_ns` is the wall clock's time, in nanoseconds, before the first byte was read.
        """
        if not is_settled(status, read_at_ns):
            return False
        self.put_fact(fingerprint(status), oid)
        return True

    def put_all(self, files: Iterable[tuple[Status, str]], read_at_ns: int) -> None:
        """Do as `put` for many files that were all read after one moment."""
        entries, today = self._loaded(), self._today
        rest = iter(files)
        while some := [(fingerprint(status), oid) for status, oid in itertools.islice(rest, _AT_ONCE)]:
            fields = _KEY.iter_unpack(b"".join([key for key, _ in some]))
            for (key, oid), (_, _, _, mtime_ns, ctime_ns) in zip(some, fields, strict=True):
                if _are_settled(mtime_ns, ctime_ns, read_at_ns):
                    entries[key] = _value_of(oid) + today
                    self._new.append(key)

    def put_fact(self, key: bytes, oid: str) -> None:
        """Remember a hash under a key of 40 bytes that stands for all it depends on."""
        self._loaded()[key] = _value_of(oid) + self._today
        self._new.append(key)

    def forget(self, status: Status, oid: str | None = None) -> None:
        """Drop what is known of the file with this stat. For one of an object, `oid` names it."""
        if oid is not None:
            self.objects.forget(sound_digest(fingerprint(status), oid))
        if self._loaded().pop(fingerprint(status), None) is not None:
            self._forgot = True

    def save(self) -> None:
        """Write the index when it changed. Not flushed to the disk: a checksum finds what a power cut tears.

        Where it may not be written, it is not: the next command hashes again, and a repository can be read by others.
        """
        try:
            self.objects.save()
            if self._entries is not None:
                self._save(self._entries)
        except OSError as error:
            if error.errno not in FORBIDDEN:
                raise
        self._new, self._forgot = [], False

    def _save(self, entries: dict[bytes, bytes]) -> None:
        if not self._forgot and self._file.has_room_for(len(self._new) * _ENTRY_SIZE):
            new = [key + entries[key] for key in dict.fromkeys(list(self._new)) if key in entries]
            self._file.add(b"".join(new), lambda: self._kept(entries))
        elif self._forgot or self._new:
            self._file.write(self._kept(entries))

    def _kept(self, entries: dict[bytes, bytes]) -> bytearray:
        """Return all entries but those that nobody asked for in a long time."""
        oldest_kept = int.from_bytes(self._today, "big") - _FORGET_AFTER_DAYS
        kept = oldest_kept.to_bytes(_DAY_SIZE, "big")
        # The last entry for an inode is the one that was put last.
        latest = {key[:_INODE_SIZE]: key for key, value in list(entries.items()) if value[_DAY_AT:] >= kept}
        body = bytearray()
        for key in latest.values():
            value = entries.get(key)
            if value is not None:  # another thread has dropped it just now
                body += key + value
        return body

    def _loaded(self) -> dict[bytes, bytes]:
        if self._entries is None:
            with self._loading:
                if self._entries is None:
                    body = self._read() if self._body is None else self._body
                    self._entries = dict(_ENTRY.iter_unpack(body))
                    self._body = None
        return self._entries

    def _read(self) -> bytes:
        body = self._file.read()
        return b"" if len(body) % _ENTRY_SIZE else body


def _value_of(oid: str) -> bytes:
    """Return an entry's value, less the day: the MD5, and whether it is a folder's manifest."""
    return bytes.fromhex(oid[: 2 * _DIGEST_SIZE]) + (b"\1" if oid.endswith(DIR_SUFFIX) else b"\0")
